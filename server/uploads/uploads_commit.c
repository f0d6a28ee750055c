/* The end of an upload: its route takes the bytes as if they had come at once. Until the answer is
 * recorded the upload stays as it is, so that the end may be asked for again; its Idempotency-Key
 * makes the second time answer what the first one did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/content_check.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/machine.h"
#include "server/http/context.h"
#include "server/uploads/uploads_private.h"

#define PIECE ((size_t)256 * 1024) /* bytes handed over at a time */
#define FIELDS_MAX 8

struct commit {
    struct server *server;
    struct partial *partial;
    int fd;
    struct content_check check;
    struct http_response *response;
};

/* Until all is handed over. */
static enum status hand_over(struct commit *commit, const struct http_request *request,
                             const struct body_stream *stream, void *state, struct error *err) {
    const struct stop *stop = request_stop_of_service(request);
    uint64_t length = commit->partial->offset;
    char *bytes = malloc(PIECE);
    enum status status =
        bytes ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "out of memory for an upload");
    for (uint64_t at = 0; status == STATUS_OK && at < length;) {
        size_t n = length - at < PIECE ? (size_t)(length - at) : PIECE;
        status = stop_check(stop, "the upload", err);
        if (status == STATUS_OK)
            status = file_read_at(commit->fd, bytes, n, at, err);
        if (status == STATUS_OK)
            content_check_add(&commit->check, bytes, n);
        if (status == STATUS_OK)
            status = stream->push(state, bytes, n, err);
        at += n;
    }
    free(bytes);
    if (status == STATUS_OK)
        status = content_check_finish(&commit->check, err);
    return status;
}

static void perform(void *context, const struct http_request *request) {
    struct commit *commit = context;
    const struct body_stream *stream = request->route->stream;
    struct error err = {0};
    void *state = NULL;
    enum status status = content_check_field(&commit->check, "Repr-Digest",
                                             request_header(request, "Repr-Digest"), &err);
    if (status == STATUS_OK)
        status = stream->begin(commit->server, request, &state, &err);
    if (status == STATUS_OK) {
        status = hand_over(commit, request, stream, state, &err);
        if (status != STATUS_OK)
            stream->abort(state);
    }
    if (status == STATUS_OK)
        stream->finish(commit->server, request, state, commit->response);
    else
        response_error(request, commit->response, status == STATUS_CANCELLED ? 503 : 0, &err);
}

static enum status resume(struct commit *commit, const struct http_request *request,
                          struct error *err) {
    struct partial *partial = commit->partial;
    struct request_field fields[FIELDS_MAX];
    struct earlier_request earlier = {partial->method, partial->target, fields, 0,
                                      (int64_t)partial->offset};
    char key[RECORD_ID_SIZE + 8];
    const char *name;
    json_t *value;
    snprintf(key, sizeof key, "upload-%s", partial->id);
    if (!json_object_get(partial->fields, "Idempotency-Key"))
        fields[earlier.n_fields++] = (struct request_field){"Idempotency-Key", key};
    json_object_foreach(partial->fields, name, value) {
        if (earlier.n_fields < FIELDS_MAX && json_is_string(value))
            fields[earlier.n_fields++] = (struct request_field){name, json_string_value(value)};
    }
    return request_resume(request, &earlier, perform, commit, err);
}

/* The value of a field that the route put into its answer. */
static void header_copy(const struct http_response *response, const char *name, char *value,
                        size_t size) {
    size_t length = strlen(name);
    value[0] = '\0';
    for (const char *line = response->headers.data; line && *line != '\0';) {
        if (strncmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0)
            snprintf(value, size, "%.*s", (int)strcspn(line + length + 2, "\n"), line + length + 2);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
}

/* Under the mutex: the answer is kept for who asks again, the bytes are not needed any more. */
static void settle_done(struct uploads *uploads, struct partial *partial,
                        const struct http_response *response) {
    struct error err = {0};
    partial->done = true;
    partial->status = response->status;
    partial->updated = machine_wall_seconds();
    snprintf(partial->type, sizeof partial->type, "%s", response->content_type);
    header_copy(response, "Location", partial->location, sizeof partial->location);
    if (response->body.data && response->body.length <= UPLOAD_ANSWER_MAX)
        partial->answer = strndup(response->body.data, response->body.length);
    char *path = partial_path(uploads, partial, "body");
    enum status status = failpoint_hit("upload.taken", &err);
    if (status == STATUS_OK)
        status = partial_record(uploads, partial, &err);
    if (status == STATUS_OK)
        status = path ? path_remove(path, &err) : STATUS_OK;
    if (status != STATUS_OK) /* it is complete all the same, and asked again it says so */
        log_line(uploads->logger, LOG_WARNING, "upload '%s': %s", partial->id, err.text);
    free(path);
}

/* May the same bytes be taken another time? */
static bool may_pass(int status) {
    return status >= 500 || status == 409 || status == 429;
}

void partial_answer(const struct partial *partial, struct http_response *response) {
    struct buffer body = {0};
    if (partial->answer)
        buffer_append_text(&body, partial->answer);
    response_bytes(response, partial->status, partial->type, &body);
    if (partial->location[0] != '\0')
        response_header(response, "Location", "%s", partial->location);
}

void partial_commit(struct server *server, const struct http_request *request,
                    struct partial *partial, const char *digest, struct http_response *response) {
    struct uploads *uploads = server->uploads;
    struct commit commit = {.server = server, .partial = partial, .fd = -1, .response = response};
    struct error err = {0};
    char *path = partial_path(uploads, partial, "body");
    enum status status = path ? file_grow_open(path, partial->offset, &commit.fd, &err)
                              : error_set(&err, STATUS_NO_MEMORY, "out of memory for an upload");
    if (status == STATUS_OK)
        status = content_check_field(&commit.check, "Repr-Digest", digest, &err);
    if (status == STATUS_OK)
        status = failpoint_hit("upload.commit", &err);
    bool asked = status == STATUS_OK; /* the route: what it says counts */
    if (asked)
        status = resume(&commit, request, &err);
    if (status != STATUS_OK)
        response_error(request, response, 0, &err);
    if (commit.fd >= 0)
        close(commit.fd);
    content_check_clear(&commit.check);
    free(path);
    bool done = asked && status == STATUS_OK && response->status < 300;
    pthread_mutex_lock(&partial->mutex);
    partial->committing = false;
    if (done)
        settle_done(uploads, partial, response);
    partial_headers(uploads, partial, response);
    pthread_mutex_unlock(&partial->mutex);
    if (done || !asked || may_pass(response->status))
        return;
    struct error left = {0};
    log_line(uploads->logger, LOG_INFO, "upload '%s' to '%s' is refused and removed", partial->id,
             partial->target);
    if (partial_discard(uploads, partial, &left) != STATUS_OK)
        log_line(uploads->logger, LOG_WARNING, "upload '%s': %s", partial->id, left.text);
}
