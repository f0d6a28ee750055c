/* Bytes of an upload on their way in: the request that begins it, and those that append to it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/content_check.h"
#include "base/file.h"
#include "base/machine.h"
#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/http/parameters.h"
#include "server/models/models.h"
#include "server/uploads/uploads_private.h"

#define SETTLE_BYTES ((uint64_t)64 << 20) /* what a crash may cost of a long append */
#define ROOM_BYTES ((uint64_t)16 << 20)   /* stored between two looks at the free space */
#define PART_TYPE "application/partial-upload"

/* One request that brings bytes. */
struct part {
    struct uploads *uploads;
    struct partial *partial; /* held */
    const struct http_request *request;
    int fd;
    uint64_t turn;
    uint64_t at;   /* where the next byte goes */
    uint64_t room; /* bytes until the next look at the free space */
    bool creates;  /* the upload began with this request */
    bool complete; /* the whole is in when its body is */
    bool answered; /* the upload was complete before: the answer is given again */
    /* Content-Digest was given: bytes count only when all of them were looked at */
    bool checked;
    struct byte_quota quota; /* what comes counts against max_bytes of the key */
};

/* ---- header fields --------------------------------------------------------------------------- */

/* A whole number; *number stays as it is when the field is not there. */
static enum status header_number(const struct http_request *request, const char *name,
                                 int64_t *number, struct error *err) {
    const char *text = request_header(request, name);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    if (!text)
        return STATUS_OK;
    if (digits == 0 || digits > 18 || text[digits] != '\0')
        return error_set_key(err, STATUS_MALFORMED, name, "%s must be a whole number, not '%.40s'",
                             name, text);
    *number = strtoll(text, NULL, 10);
    return STATUS_OK;
}

static enum status field_complete(const struct http_request *request, bool *complete,
                                  struct error *err) {
    const char *text = request_header(request, "Upload-Complete");
    *complete = text && strcmp(text, "?1") == 0;
    if (!text || *complete || strcmp(text, "?0") == 0)
        return STATUS_OK;
    return error_set_key(err, STATUS_MALFORMED, "Upload-Complete",
                         "Upload-Complete must be ?0 or ?1, not '%.40s'", text);
}

/* ---- a part begins and ends ------------------------------------------------------------------ */

static void part_free(struct part *part) {
    quota_end(&part->quota, true);
    if (part->fd >= 0)
        close(part->fd);
    partial_drop(part->uploads, part->partial);
    free(part);
}

static struct part *part_make(struct server *server, const struct http_request *request,
                              struct error *err) {
    struct part *part = calloc(1, sizeof *part);
    if (!part) {
        error_set(err, STATUS_NO_MEMORY, "out of memory for an upload");
        return NULL;
    }
    part->uploads = server->uploads;
    part->request = request;
    part->fd = -1;
    quota_begin(&part->quota, request->access, request->key, NULL);
    part->checked = request_header(request, "Content-Digest") != NULL;
    return part;
}

static enum status too_large(const struct partial *partial, struct error *err) {
    if (partial->length >= 0 && (uint64_t)partial->length <= partial->limit)
        return error_set_key(err, STATUS_MALFORMED, "Upload-Length",
                             "Upload-Length of upload '%s' is %" PRId64 ", more came", partial->id,
                             partial->length);
    return error_set_key(err, STATUS_TOO_LARGE, "Upload-Length",
                         "an upload to '%.200s' may have %" PRIu64 " bytes", partial->target,
                         partial->limit);
}

static uint64_t bound_of(const struct partial *partial) {
    return partial->length >= 0 && (uint64_t)partial->length < partial->limit
               ? (uint64_t)partial->length
               : partial->limit;
}

/* Under the mutex: from now on this part may write, and no other one. */
static enum status turn_take(struct part *part, struct error *err) {
    struct partial *partial = part->partial;
    int64_t more = request_content_length(part->request);
    char *path = partial_path(part->uploads, partial, "body");
    uint64_t wanted = partial->offset + (more > 0 ? (uint64_t)more : 0);
    enum status status = STATUS_OK;
    if (!path)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for an upload");
    else if (partial->length > 0 && (uint64_t)partial->length > partial->limit)
        status = too_large(partial, err);
    else if (more > 0 && wanted > bound_of(partial))
        status = too_large(partial, err);
    if (status == STATUS_OK)
        status = models_room(part->uploads->models, part->uploads->folder,
                             more > 0 ? (uint64_t)more : 0, "the upload", err);
    if (status == STATUS_OK)
        status = file_grow_open(path, partial->offset, &part->fd, err);
    if (status == STATUS_OK) {
        part->turn = partial->turn = ++partial->last_turn;
        partial->fd = part->fd;
        part->at = partial->offset;
        part->room = ROOM_BYTES;
    }
    free(path);
    return status;
}

/* Under the mutex: does the part still have the upload for itself? */
static enum status turn_check(const struct part *part, struct error *err) {
    const struct partial *partial = part->partial;
    if (partial->gone)
        return error_set_key(err, STATUS_NOT_FOUND, "upload", "no upload '%s' any more",
                             partial->id);
    if (partial->turn == part->turn)
        return STATUS_OK;
    response_header(request_response(part->request), "Upload-Offset", "%" PRIu64, partial->offset);
    return error_set_key(err, STATUS_CONFLICT, "Upload-Offset",
                         "another request appends to upload '%s', which has %" PRIu64 " bytes now",
                         partial->id, partial->offset);
}

static enum status part_write(struct part *part, const char *bytes, size_t length,
                              struct error *err) {
    struct partial *partial = part->partial;
    enum status status = turn_check(part, err);
    if (status == STATUS_OK && length > bound_of(partial) - part->at)
        status = too_large(partial, err);
    if (status == STATUS_OK)
        status = quota_take(&part->quota, length, err);
    if (status == STATUS_OK && length > part->room) {
        status =
            models_room(part->uploads->models, part->uploads->folder, length, "the upload", err);
        part->room = ROOM_BYTES;
    }
    if (status == STATUS_OK)
        status = file_write_at(part->fd, bytes, length, part->at, err);
    if (status != STATUS_OK)
        return status;
    part->at += length;
    part->room -= length < part->room ? length : part->room;
    if (part->checked)
        return STATUS_OK;
    partial->offset = part->at;
    partial->updated = machine_wall_seconds();
    if (partial->offset - partial->durable < SETTLE_BYTES)
        return STATUS_OK;
    return partial_settle(part->uploads, partial, part->fd, err);
}

static enum status part_push(void *state, const char *bytes, size_t length, struct error *err) {
    struct part *part = state;
    struct partial *partial = part->partial;
    if (part->answered)
        return error_set_key(err, STATUS_CONFLICT, "upload", "upload '%s' is complete",
                             partial->id);
    pthread_mutex_lock(&partial->mutex);
    enum status status = part_write(part, bytes, length, err);
    pthread_mutex_unlock(&partial->mutex);
    return status;
}

/* Under the mutex: what came counts and is durable, and the turn ends. */
static enum status part_settle(struct part *part, bool whole, struct error *err) {
    struct partial *partial = part->partial;
    enum status status = turn_check(part, err);
    if (status != STATUS_OK)
        return status;
    partial->turn = 0;
    if (part->checked && whole)
        partial->offset = part->at;
    partial->updated = machine_wall_seconds();
    return partial_settle(part->uploads, partial, part->fd, err);
}

/* The client has gone, or was refused. What came before counts all the same, but for the first
 * part: nobody was told where its upload is. */
static void part_abort(void *state) {
    struct part *part = state;
    struct partial *partial = part->partial;
    struct error err = {0};
    enum status status = STATUS_OK;
    if (part->creates) {
        status = partial_discard(part->uploads, partial, &err);
    } else if (!part->answered) {
        pthread_mutex_lock(&partial->mutex);
        /* else another part has the turn, and settles */
        if (partial->turn == part->turn && !partial->gone)
            status = part_settle(part, false, &err);
        pthread_mutex_unlock(&partial->mutex);
    }
    if (status != STATUS_OK)
        log_line(part->uploads->logger, LOG_WARNING, "upload '%s': %s", partial->id, err.text);
    part_free(part);
}

/* Under the mutex. */
static enum status length_settle(struct part *part, struct error *err) {
    struct partial *partial = part->partial;
    if (partial->length >= 0 && (uint64_t)partial->length != partial->offset)
        return error_set_key(err, STATUS_MALFORMED, "Upload-Length",
                             "upload '%s' has %" PRIu64 " bytes and is said to be complete, its "
                             "Upload-Length is %" PRId64,
                             partial->id, partial->offset, partial->length);
    partial->length = (int64_t)partial->offset;
    partial->committing = true;
    return STATUS_OK;
}

static void answer_part(const struct part *part, struct http_response *response) {
    const struct partial *partial = part->partial;
    if (part->creates) {
        response_json(response, 201, partial_document(part->uploads, partial));
        response_header(response, "Location", "/v1/uploads/%s", partial->id);
    } else {
        response->status = 204;
    }
    partial_headers(part->uploads, partial, response);
}

static void part_finish(struct server *server, const struct http_request *request, void *state,
                        struct http_response *response) {
    struct part *part = state;
    struct partial *partial = part->partial;
    struct error err = {0};
    enum status status = STATUS_OK;
    pthread_mutex_lock(&partial->mutex);
    if (!part->answered)
        status = part_settle(part, true, &err);
    if (status == STATUS_OK && part->complete && !part->answered)
        status = length_settle(part, &err);
    if (status != STATUS_OK) {
        response_error(request, response, 0, &err);
        if (!partial->gone && status != STATUS_CONFLICT)
            partial_headers(part->uploads, partial, response);
    } else if (part->answered) {
        partial_answer(partial, response);
        partial_headers(part->uploads, partial, response);
    } else if (!part->complete) {
        answer_part(part, response);
    }
    pthread_mutex_unlock(&partial->mutex);
    bool whole = status == STATUS_OK && part->complete && !part->answered;
    /* The route counts the whole. A part that stays counts for who counted before it came, too. */
    quota_end(&part->quota, !whole);
    if (whole)
        partial_commit(server, request, partial, request_header(request, "Repr-Digest"), response);
    part_free(part);
}

/* ---- PATCH ----------------------------------------------------------------------------------- */

static enum status offset_refuse(const struct part *part, int64_t offset, struct error *err) {
    const struct partial *partial = part->partial;
    partial_headers(part->uploads, partial, request_response(part->request));
    if (offset < 0)
        return error_set_key(err, STATUS_MALFORMED, "Upload-Offset",
                             "Upload-Offset is missing: upload '%s' has %" PRIu64 " bytes",
                             partial->id, partial->offset);
    if (partial->committing)
        return error_set_key(err, STATUS_CONFLICT, "upload",
                             "upload '%s' is complete and being taken in", partial->id);
    return error_set_key(err, STATUS_CONFLICT, "Upload-Offset",
                         "upload '%s' has %" PRIu64 " bytes: go on from there, not from %" PRId64,
                         partial->id, partial->offset, offset);
}

/* Under the mutex. */
static enum status part_admit(struct part *part, int64_t offset, struct error *err) {
    struct partial *partial = part->partial;
    int64_t length = -1;
    enum status status = header_number(part->request, "Upload-Length", &length, err);
    if (status != STATUS_OK)
        return status;
    if (partial->gone)
        return error_set_key(err, STATUS_NOT_FOUND, "upload", "no upload '%s'", partial->id);
    if (offset < 0 || (uint64_t)offset != partial->offset || partial->committing)
        return offset_refuse(part, offset, err);
    if (partial->done) {
        part->answered = true;
        return STATUS_OK;
    }
    if (length >= 0 && partial->length >= 0 && length != partial->length)
        return error_set_key(err, STATUS_MALFORMED, "Upload-Length",
                             "Upload-Length of upload '%s' is %" PRId64 ", not %" PRId64,
                             partial->id, partial->length, length);
    if (length >= 0)
        partial->length = length;
    return turn_take(part, err);
}

static enum status type_check(const struct http_request *request, struct error *err) {
    const char *type = request_header(request, "Content-Type"),
               *encoding = request_header(request, "Content-Encoding");
    size_t length = type ? strcspn(type, "; \t") : 0;
    if (encoding && strcasecmp(encoding, "identity") != 0)
        return error_set_key(err, STATUS_UNSUPPORTED, "Content-Encoding",
                             "Content-Encoding belongs to the request that began the upload: parts "
                             "are pieces of the compressed bytes");
    if (length == 0 || (length == strlen(PART_TYPE) && strncasecmp(type, PART_TYPE, length) == 0) ||
        (length == 24 && strncasecmp(type, "application/octet-stream", length) == 0))
        return STATUS_OK;
    return error_set_key(err, STATUS_UNSUPPORTED, "Content-Type",
                         "a part of an upload is " PART_TYPE ", not '%.80s'", type);
}

static enum status append_begin(struct server *server, const struct http_request *request,
                                void **state, struct error *err) {
    struct part *part = part_make(server, request, err);
    if (!part)
        return STATUS_NO_MEMORY;
    int64_t offset = -1;
    enum status status = query_check(request, err);
    if (status == STATUS_OK)
        status = type_check(request, err);
    if (status == STATUS_OK)
        status = header_number(request, "Upload-Offset", &offset, err);
    if (status == STATUS_OK)
        status = field_complete(request, &part->complete, err);
    if (status == STATUS_OK)
        status =
            partial_hold(part->uploads, request->segments[0], request->key, &part->partial, err);
    if (status == STATUS_OK) {
        pthread_mutex_lock(&part->partial->mutex);
        status = part_admit(part, offset, err);
        pthread_mutex_unlock(&part->partial->mutex);
    }
    if (status == STATUS_OK)
        *state = part;
    else
        part_free(part);
    return status;
}

const struct body_stream upload_append = {append_begin, part_push, part_finish, part_abort};

/* ---- the request that begins it -------------------------------------------------------------- */

/* The header fields that count for whoever takes the whole. */
static json_t *fields_of(const struct http_request *request) {
    static const char *const names[] = {"Content-Type", "Content-Encoding", "Idempotency-Key",
                                        "Repr-Digest"};
    json_t *fields = json_object();
    for (size_t i = 0; fields && i < sizeof names / sizeof *names; i++) {
        const char *value = request_header(request, names[i]);
        if (value && json_object_set_new(fields, names[i], json_words(value, strlen(value))) != 0) {
            json_decref(fields);
            fields = NULL;
        }
    }
    return fields;
}

/* What the route would refuse without a byte of the body, it refuses now. */
static enum status target_check(struct server *server, const struct http_request *request,
                                struct error *err) {
    const struct body_stream *stream = request->route->stream;
    struct content_check check = {.n = 0};
    void *state = NULL;
    enum status status = stream->begin(server, request, &state, err);
    if (status == STATUS_OK)
        stream->abort(state);
    if (status == STATUS_OK)
        status =
            content_check_field(&check, "Repr-Digest", request_header(request, "Repr-Digest"), err);
    content_check_clear(&check);
    return status;
}

static uint64_t limit_of(const struct server *server, const struct route *route) {
    const struct setting *row = settings_find(route->limit);
    int64_t value = 0;
    if (row && row->type == SETTING_IS_BYTES)
        memcpy(&value, (const char *)&server->settings + row->offset, sizeof value);
    return (uint64_t)value;
}

static enum status create_begin(struct server *server, const struct http_request *request,
                                void **state, struct error *err) {
    int64_t length = -1;
    enum status status = target_check(server, request, err);
    if (status == STATUS_OK)
        status = header_number(request, "Upload-Length", &length, err);
    struct part *part = status == STATUS_OK ? part_make(server, request, err) : NULL;
    if (status == STATUS_OK && !part)
        status = STATUS_NO_MEMORY;
    if (status != STATUS_OK)
        return status;
    part->creates = true;
    status = partial_create(server->uploads, request, fields_of(request), length,
                            limit_of(server, request->route), &part->partial, err);
    if (status != STATUS_OK) {
        part_free(part);
        return status;
    }
    pthread_mutex_lock(&part->partial->mutex);
    status = turn_take(part, err);
    pthread_mutex_unlock(&part->partial->mutex);
    if (status == STATUS_OK)
        *state = part;
    else
        part_abort(part);
    return status;
}

const struct body_stream upload_create = {create_begin, part_push, part_finish, part_abort};
