/* The table of uploads in parts, their records on disk, and how they expire. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/machine.h"
#include "server/uploads/uploads_private.h"

#define RECORD_FILE "upload.json"
#define BODY_FILE "body"
#define EXPIRY_LOOK 3600.0 /* seconds between two looks at the clock, at most */

/* ---- one upload ------------------------------------------------------------------------------ */

static void partial_free(struct partial *partial) {
    if (!partial)
        return;
    json_decref(partial->fields);
    pthread_mutex_destroy(&partial->mutex);
    free(partial->method);
    free(partial->target);
    free(partial->answer);
    free(partial);
}

static struct partial *partial_make(const char *method, const char *target) {
    struct partial *partial = calloc(1, sizeof *partial);
    if (!partial)
        return NULL;
    pthread_mutex_init(&partial->mutex, NULL);
    partial->length = -1;
    partial->method = strdup(method);
    partial->target = strdup(target);
    if (partial->method && partial->target)
        return partial;
    partial_free(partial);
    return NULL;
}

char *partial_path(const struct uploads *uploads, const struct partial *partial, const char *file) {
    return record_path(uploads->folder, partial->id, file);
}

enum status partial_record(struct uploads *uploads, struct partial *partial, struct error *err) {
    json_t *record =
        json_pack("{s:i, s:s, s:s, s:O, s:I, s:I, s:I, s:f, s:f, s:b, s:s}", "vecmill_upload", 1,
                  "method", partial->method, "target", partial->target, "fields", partial->fields,
                  "limit", (json_int_t)partial->limit, "length", (json_int_t)partial->length,
                  "offset", (json_int_t)partial->durable, "created", partial->created, "updated",
                  partial->updated, "done", (int)partial->done, "owner", partial->owner);
    if (record && partial->done) {
        json_t *answer =
            json_pack("{s:i, s:s, s:s, s:s*}", "status", partial->status, "type", partial->type,
                      "location", partial->location, "body", partial->answer);
        if (json_object_set_new(record, "answer", answer) != 0) {
            json_decref(record);
            record = NULL;
        }
    }
    return record_write(partial_path(uploads, partial, RECORD_FILE), record, "upload", partial->id,
                        err);
}

enum status partial_settle(struct uploads *uploads, struct partial *partial, int fd,
                           struct error *err) {
    int opened = -1;
    enum status status = STATUS_OK;
    if (partial->durable == partial->offset)
        return STATUS_OK;
    if (fd < 0 && partial->turn != 0) {
        fd = partial->fd;
    } else if (fd < 0) {
        char *path = partial_path(uploads, partial, BODY_FILE);
        status = !path ? error_set(err, STATUS_NO_MEMORY, "out of memory for an upload")
                       : file_grow_open(path, partial->offset, &opened, err);
        free(path);
        fd = opened;
    }
    if (status == STATUS_OK)
        status = file_sync(fd, err);
    if (opened >= 0)
        close(opened);
    if (status != STATUS_OK)
        return status;
    status = failpoint_hit("upload.before_record", err);
    if (status != STATUS_OK)
        return status;
    uint64_t before = partial->durable;
    partial->durable = partial->offset;
    status = partial_record(uploads, partial, err);
    if (status != STATUS_OK)
        partial->durable = before;
    return status;
}

/* ---- the table: these want its mutex --------------------------------------------------------- */

static struct partial *find(const struct uploads *uploads, const char *id) {
    for (size_t i = 0; i < uploads->n; i++)
        if (strcmp(uploads->list[i]->id, id) == 0)
            return uploads->list[i];
    return NULL;
}

static enum status append(struct uploads *uploads, struct partial *partial, struct error *err) {
    struct partial **list =
        array_grow(uploads->list, &uploads->capacity, uploads->n + 1, sizeof *list);
    if (!list)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu uploads", uploads->n + 1);
    uploads->list = list;
    list[uploads->n++] = partial;
    partial->holds++;
    return STATUS_OK;
}

static void drop(struct partial *partial) {
    if (--partial->holds == 0)
        partial_free(partial);
}

/* The caller holds it. */
static bool take_out(struct uploads *uploads, struct partial *partial) {
    for (size_t i = 0; i < uploads->n; i++)
        if (uploads->list[i] == partial) {
            uploads->list[i] = uploads->list[--uploads->n];
            assert(partial->holds > 1); /* the list's and the caller's */
            partial->holds--;
            return true;
        }
    return false;
}

/* ---- the others take it ---------------------------------------------------------------------- */

bool partial_is_seen(const struct partial *partial, const struct access_key *key) {
    return !key || strcmp(key->id, partial->owner) == 0 ||
           (key->scope == SCOPE_ADMIN && key_reaches_all(key));
}

uint64_t uploads_owned(struct uploads *uploads, const char *owner) {
    uint64_t bytes = 0;
    pthread_mutex_lock(&uploads->mutex);
    for (size_t i = 0; i < uploads->n; i++) {
        struct partial *partial = uploads->list[i];
        if (strcmp(partial->owner, owner) != 0)
            continue;
        pthread_mutex_lock(&partial->mutex);
        if (!partial->done && !partial->committing && !partial->gone)
            bytes += partial->offset;
        pthread_mutex_unlock(&partial->mutex);
    }
    pthread_mutex_unlock(&uploads->mutex);
    return bytes;
}

enum status partial_hold(struct uploads *uploads, const char *id, const struct access_key *key,
                         struct partial **partial, struct error *err) {
    pthread_mutex_lock(&uploads->mutex);
    *partial = find(uploads, id);
    if (*partial && !partial_is_seen(*partial, key))
        *partial = NULL;
    if (*partial)
        (*partial)->holds++;
    pthread_mutex_unlock(&uploads->mutex);
    return *partial ? STATUS_OK
                    : error_set_key(err, STATUS_NOT_FOUND, "upload", "no upload '%.64s'", id);
}

void partial_drop(struct uploads *uploads, struct partial *partial) {
    if (!partial)
        return;
    pthread_mutex_lock(&uploads->mutex);
    drop(partial);
    pthread_mutex_unlock(&uploads->mutex);
}

/* Under the table's mutex: of those that are complete the one that was so first, held; or NULL. */
static struct partial *done_hold(struct uploads *uploads) {
    struct partial *found = NULL;
    double since = 0;
    for (size_t i = 0; i < uploads->n; i++) {
        struct partial *partial = uploads->list[i];
        if (pthread_mutex_trylock(&partial->mutex) != 0)
            continue; /* in use */
        if (partial->done && !partial->gone && (!found || partial->updated < since)) {
            found = partial;
            since = partial->updated;
        }
        pthread_mutex_unlock(&partial->mutex);
    }
    if (found)
        found->holds++;
    return found;
}

/* A place in the table, or *done is one that may give its place, held. */
static enum status place_try(struct uploads *uploads, struct partial *partial,
                             struct partial **done, struct error *err) {
    size_t max = (size_t)uploads->settings->max_uploads;
    enum status status = STATUS_OK;
    *done = NULL;
    pthread_mutex_lock(&uploads->mutex);
    if (uploads->n < max)
        status = append(uploads, partial, err);
    else if (!(*done = done_hold(uploads)))
        status = error_set_key(err, STATUS_BUSY, "max_uploads",
                               "there are %zu uploads in parts already: max_uploads is %zu; DELETE "
                               "/v1/uploads/{upload} gives one up",
                               uploads->n, max);
    if (status == STATUS_OK && !*done)
        partial->holds++; /* for the caller */
    pthread_cond_broadcast(&uploads->changed);
    pthread_mutex_unlock(&uploads->mutex);
    return status;
}

/* One that is complete is kept for who asks for its answer again, and makes room for new ones. */
static enum status place_take(struct uploads *uploads, struct partial *partial, struct error *err) {
    struct partial *done = NULL;
    enum status status;
    do {
        status = place_try(uploads, partial, &done, err);
        if (status == STATUS_OK && done)
            status = partial_discard(uploads, done, err);
        partial_drop(uploads, done);
    } while (status == STATUS_OK && done);
    return status;
}

enum status partial_create(struct uploads *uploads, const struct http_request *request,
                           json_t *fields, int64_t length, uint64_t limit, struct partial **made,
                           struct error *err) {
    struct partial *partial =
        fields ? partial_make(request->method, request_target(request)) : NULL;
    if (!partial) {
        json_decref(fields);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for an upload");
    }
    partial->fields = fields;
    partial->length = length;
    partial->limit = limit;
    snprintf(partial->owner, sizeof partial->owner, "%s", key_owner(request->key));
    partial->created = partial->updated = machine_wall_seconds();
    enum status status = record_id_create(partial->id, err);
    char *folder = status == STATUS_OK ? partial_path(uploads, partial, NULL) : NULL;
    if (status == STATUS_OK && !folder)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for an upload");
    if (status == STATUS_OK)
        status = place_take(uploads, partial, err);
    if (status != STATUS_OK) {
        partial_free(partial);
        free(folder);
        return status;
    }
    status = folder_add(folder, err);
    if (status == STATUS_OK)
        status = partial_record(uploads, partial, err);
    free(folder);
    if (status == STATUS_OK) {
        *made = partial;
        return STATUS_OK;
    }
    struct error ignored = {0}; /* what is left is swept at the next start */
    status_ignore(partial_discard(uploads, partial, &ignored));
    partial_drop(uploads, partial);
    return status;
}

enum status partial_discard(struct uploads *uploads, struct partial *partial, struct error *err) {
    char *folder = partial_path(uploads, partial, NULL);
    enum status status = STATUS_OK;
    if (!folder)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for an upload");
    pthread_mutex_lock(&partial->mutex);
    if (partial->committing)
        status = error_set_key(err, STATUS_CONFLICT, "upload",
                               "upload '%s' is complete and being taken in", partial->id);
    else if (!partial->gone)
        status = file_exists(folder) ? record_discard(uploads->folder, folder, uploads->logger, err)
                                     : STATUS_OK;
    partial->gone = partial->gone || status == STATUS_OK;
    pthread_mutex_unlock(&partial->mutex);
    free(folder);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&uploads->mutex);
    (void)take_out(uploads, partial);
    pthread_mutex_unlock(&uploads->mutex);
    return STATUS_OK;
}

/* ---- expiry ---------------------------------------------------------------------------------- */

bool partial_expires(const struct uploads *uploads, double *seconds) {
    *seconds = uploads->settings->upload_expiry;
    return *seconds > 0;
}

/* One that has expired, held; else NULL, and *next becomes the seconds until there may be one. */
static struct partial *expired_hold(struct uploads *uploads, double *next) {
    double expiry, now = machine_wall_seconds();
    struct partial *found = NULL;
    *next = EXPIRY_LOOK;
    if (!partial_expires(uploads, &expiry))
        return NULL;
    for (size_t i = 0; i < uploads->n && !found; i++) {
        struct partial *partial = uploads->list[i];
        if (pthread_mutex_trylock(&partial->mutex) != 0)
            continue; /* in use */
        bool used = partial->turn != 0 || partial->committing;
        double left = partial->updated + expiry - now;
        pthread_mutex_unlock(&partial->mutex);
        if (!used && left <= 0)
            found = partial;
        else if (left > 0 && left < *next)
            *next = left;
    }
    if (found)
        found->holds++;
    return found;
}

static void *expire(void *argument) {
    struct uploads *uploads = argument;
    pthread_mutex_lock(&uploads->mutex);
    while (!uploads->closing) {
        double next;
        struct partial *partial = expired_hold(uploads, &next);
        if (partial) {
            struct error err = {0};
            pthread_mutex_unlock(&uploads->mutex);
            if (partial_discard(uploads, partial, &err) == STATUS_OK)
                log_line(uploads->logger, LOG_INFO, "upload '%s' to '%s' has expired", partial->id,
                         partial->target);
            else
                log_line(uploads->logger, LOG_WARNING, "upload '%s' has expired and stays: %s",
                         partial->id, err.text);
            partial_drop(uploads, partial);
            pthread_mutex_lock(&uploads->mutex);
            next = err.status == STATUS_OK ? 0 : 1;
        }
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        double whole = next + (double)until.tv_nsec * 1e-9;
        until.tv_sec += (time_t)whole;
        until.tv_nsec = (long)((whole - (double)(time_t)whole) * 1e9);
        if (next > 0 && !uploads->closing)
            (void)pthread_cond_timedwait(&uploads->changed, &uploads->mutex, &until);
    }
    pthread_mutex_unlock(&uploads->mutex);
    return NULL;
}

/* ---- start and end --------------------------------------------------------------------------- */

static bool read_answer(struct partial *partial, const json_t *record) {
    const json_t *answer = json_object_get(record, "answer");
    const char *body = json_string_value(json_object_get(answer, "body"));
    partial->status = (int)json_integer_value(json_object_get(answer, "status"));
    if (!record_string(answer, "type", partial->type, sizeof partial->type) ||
        !record_string(answer, "location", partial->location, sizeof partial->location))
        return false;
    partial->answer = body ? strdup(body) : NULL;
    return !body || partial->answer;
}

static bool read_members(struct partial *partial, const json_t *record) {
    json_int_t limit = json_integer_value(json_object_get(record, "limit")),
               offset = json_integer_value(json_object_get(record, "offset"));
    partial->fields = json_incref(json_object_get(record, "fields"));
    partial->length = json_integer_value(json_object_get(record, "length"));
    partial->created = json_number_value(json_object_get(record, "created"));
    partial->updated = json_number_value(json_object_get(record, "updated"));
    partial->done = json_is_true(json_object_get(record, "done"));
    if (!record_string(record, "owner", partial->owner, sizeof partial->owner))
        return false;
    if (limit < 0 || offset < 0 || partial->length < -1 || !json_is_object(partial->fields))
        return false;
    partial->limit = (uint64_t)limit;
    partial->offset = partial->durable = (uint64_t)offset;
    return !partial->done || read_answer(partial, record);
}

static enum status load(void *context, const char *name, const json_t *record, struct error *err) {
    struct uploads *uploads = context;
    const char *method = json_string_value(json_object_get(record, "method")),
               *target = json_string_value(json_object_get(record, "target"));
    struct partial *partial = method && target ? partial_make(method, target) : NULL;
    if (!partial)
        return error_set(err, STATUS_CORRUPT, "record of upload '%s' does not hold together", name);
    memcpy(partial->id, name, RECORD_ID_SIZE);
    uint64_t size = 0;
    char *path = partial_path(uploads, partial, BODY_FILE);
    enum status status = STATUS_OK;
    if (!path || !read_members(partial, record))
        status =
            error_set(err, STATUS_CORRUPT, "record of upload '%s' does not hold together", name);
    if (status == STATUS_OK && !partial->done && partial->offset > 0)
        status = file_size(path, &size, err);
    if (status == STATUS_OK && !partial->done && size < partial->offset)
        status =
            error_set(err, STATUS_CORRUPT, "upload '%s' has %" PRIu64 " bytes, it had %" PRIu64,
                      name, size, partial->offset);
    if (status == STATUS_OK)
        status = append(uploads, partial, err);
    if (status != STATUS_OK)
        partial_free(partial);
    free(path);
    return status;
}

enum status uploads_open(struct uploads **opened, const struct settings *settings,
                         const struct logger *logger, struct models *models, struct error *err) {
    static const struct record_kind kind = {"upload", RECORD_FILE, record_id_valid, load};
    pthread_condattr_t monotonic;
    size_t swept = 0;
    struct uploads *uploads = calloc(1, sizeof *uploads);
    if (!uploads || !(uploads->folder = path_join(settings->data, "uploads"))) {
        free(uploads);
        return error_set(err, STATUS_NO_MEMORY, "out of memory to load uploads");
    }
    uploads->settings = settings;
    uploads->logger = logger;
    uploads->models = models;
    pthread_mutex_init(&uploads->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&uploads->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum status status =
        records_load(&kind, uploads->folder, settings->data, logger, uploads, &swept, err);
    if (status == STATUS_OK) {
        uploads->expiring = pthread_create(&uploads->expirer, NULL, expire, uploads) == 0;
        if (!uploads->expiring)
            status = error_set(err, STATUS_NO_MEMORY, "cannot start a thread for uploads");
    }
    if (status != STATUS_OK) {
        uploads_close(uploads);
        return status;
    }
    *opened = uploads;
    return STATUS_OK;
}

void uploads_close(struct uploads *uploads) {
    if (!uploads)
        return;
    pthread_mutex_lock(&uploads->mutex);
    uploads->closing = true;
    pthread_cond_broadcast(&uploads->changed);
    pthread_mutex_unlock(&uploads->mutex);
    if (uploads->expiring)
        pthread_join(uploads->expirer, NULL);
    for (size_t i = 0; i < uploads->n; i++)
        partial_free(uploads->list[i]);
    pthread_cond_destroy(&uploads->changed);
    pthread_mutex_destroy(&uploads->mutex);
    free(uploads->list);
    free(uploads->folder);
    free(uploads);
}
