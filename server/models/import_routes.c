/* PUT of a vector file made elsewhere: stored aside as it streams, read, and published as a
 * model. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/decode.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/random.h"
#include "server/http/context.h"
#include "server/http/parameters.h"
#include "server/models/models_private.h"

#define FORM_TYPE "application/x-www-form-urlencoded"
#define DISK_CHECK_BYTES ((uint64_t)16 << 20) /* stored between two looks at the free space */

struct import {
    struct models *models;
    char name[NAME_SIZE];
    char *file;   /* the name that the request gives it */
    char *folder; /* everything in progress lies here */
    /* the vector file; import_read tells text, binary and compression by the content */
    char *path;
    struct file_writer *writer;
    /* undoes Content-Encoding; the file's own compression is import_read's business */
    struct decoder *decoder;
    struct import_bounds bounds;
    struct publish_key once; /* key: empty when the request has none */
    struct digest *digest;   /* of what a replay must repeat; NULL without a key */
    char version[MODEL_VERSION_SIZE];
    bool replayed;
    uint64_t bytes, checked;
    struct publish_terms terms;
    struct byte_quota quota;
    bool form;       /* sent as curl -d sends it, which takes the line breaks out */
    bool line_break; /* there was one */
    bool kept;       /* it is published */
};

static void import_free(void *state) {
    struct import *import = state;
    struct error leftovers = {0}; /* swept at the next start */
    if (!import)
        return;
    quota_end(&import->quota, import->kept);
    file_writer_abort(import->writer);
    decoder_free(import->decoder);
    digest_free(import->digest);
    if (import->folder && path_remove(import->folder, &leftovers) != STATUS_OK)
        log_line(import->models->logger, LOG_WARNING, "cannot remove '%s': %s", import->folder,
                 leftovers.text);
    free(import->folder);
    free(import->path);
    free(import->file);
    free(import);
}

static enum status check_disk(const struct import *import, uint64_t more, struct error *err) {
    return models_room(import->models, import->folder, more, "the import", err);
}

static enum status store(void *context, const char *bytes, size_t length, struct error *err) {
    struct import *import = context;
    import->bytes += length;
    import->line_break = import->line_break || memchr(bytes, '\n', length);
    if (import->digest)
        digest_add(import->digest, bytes, length);
    if (import->bytes - import->checked >= DISK_CHECK_BYTES) {
        import->checked = import->bytes;
        enum status status = check_disk(import, DISK_CHECK_BYTES, err);
        if (status != STATUS_OK)
            return status;
    }
    return file_writer_append(import->writer, bytes, length, err);
}

static enum status check_request(struct models *models, const struct http_request *request,
                                 enum encoding *encoding, struct error *err) {
    const char *header = request_header(request, "Content-Encoding");
    int64_t length = request_content_length(request), max = models->settings->max_import_bytes;
    enum status status = import_name_check(request->segments[1], err);
    if (status == STATUS_OK)
        status = query_check(request, err);
    if (status == STATUS_OK)
        status = models_check_new(models, request->segments[0], err);
    if (status == STATUS_OK)
        status = encoding_parse(!header ? "" : header, encoding, err);
    if (status == STATUS_OK && length > max)
        status = error_set_key(err, STATUS_TOO_LARGE, "max_import_bytes",
                               "the file has %" PRId64 " bytes; max_import_bytes is %" PRId64,
                               length, max);
    return status;
}

/* max_rows, or limit, which means the same. */
static enum status read_limit(const struct http_request *request, int64_t *max_rows,
                              struct error *err) {
    int64_t limit = 0;
    enum status status = query_int(request, "max_rows", 1, WORD_NONE - 1, max_rows, err);
    if (status == STATUS_OK)
        status = query_int(request, "limit", 1, WORD_NONE - 1, &limit, err);
    if (status == STATUS_OK && limit > 0 && *max_rows > 0 && limit != *max_rows)
        return error_set_key(err, STATUS_REFUSED, "limit",
                             "limit is %" PRId64 " and max_rows %" PRId64
                             ", which mean the same: give one",
                             limit, *max_rows);
    *max_rows = limit > 0 ? limit : *max_rows;
    return status;
}

static void digest_pair(void *context, const char *key, const char *value) {
    digest_add(context, key, strlen(key) + 1);
    digest_add(context, value, strlen(value) + 1);
}

/* With an Idempotency-Key: name of the file, query and content are what a replay must repeat. */
static enum status once_begin(struct import *import, const struct http_request *request,
                              struct error *err) {
    enum status status = idempotency_key(request, import->once.key, err);
    if (status != STATUS_OK || import->once.key[0] == '\0')
        return status;
    status = digest_create(&import->digest, err);
    if (status == STATUS_OK) {
        digest_pair(import->digest, "file", request->segments[1]);
        request_query_visit(request, digest_pair, import->digest);
    }
    return status;
}

static enum status import_begin(struct server *server, const struct http_request *request,
                                void **state, struct error *err) {
    enum encoding encoding = ENCODING_IDENTITY;
    struct models *models = server->models;
    struct publish_terms terms = {.access = request->access};
    int64_t max_rows = 0;
    if (request->key)
        terms.asker = *request->key;
    enum status status = check_request(models, request, &encoding, err);
    if (status == STATUS_OK)
        status = models_admit(models, request->segments[0], &terms, err);
    if (status == STATUS_OK)
        status = read_limit(request, &max_rows, err);
    if (status != STATUS_OK)
        return status;
    int64_t length = request_content_length(request);
    struct import *import = calloc(1, sizeof *import);
    if (!import)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for an import");
    import->models = models;
    import->terms = terms;
    quota_begin(&import->quota, request->access, request->key, NULL);
    import->bounds =
        (struct import_bounds){.decode = {.bytes = (uint64_t)models->settings->max_import_bytes,
                                          .window = (uint64_t)models->settings->max_window_bytes},
                               .max_rows = (uint64_t)max_rows,
                               .budget = models->budget};
    const char *type = request_header(request, "Content-Type");
    import->form = type && strncasecmp(type, FORM_TYPE, sizeof FORM_TYPE - 1) == 0;
    snprintf(import->name, sizeof import->name, "%s", request->segments[0]);
    status = once_begin(import, request, err);
    if (status == STATUS_OK)
        status = models_workplace(models, &import->folder, err);
    if (status == STATUS_OK)
        status = check_disk(import, length > 0 ? (uint64_t)length : 0, err);
    if (status == STATUS_OK) {
        import->path = path_join(import->folder, "vectors");
        import->file = strdup(request->segments[1]);
        import->bounds.name = import->file;
        status = !import->path || !import->file
                     ? error_set(err, STATUS_NO_MEMORY, "out of memory for an import")
                     : file_writer_create(&import->writer, import->path, err);
    }
    if (status == STATUS_OK)
        status =
            decoder_create(&import->decoder, encoding, &import->bounds.decode, store, import, err);
    if (status != STATUS_OK)
        import_free(import);
    else
        *state = import;
    return status;
}

static enum status import_push(void *state, const char *bytes, size_t length, struct error *err) {
    struct import *import = state;
    return decoder_push(import->decoder, bytes, length, err);
}

/* The model in the folder is its key's, if that may own so much. */
static enum status import_claim(struct import *import, const char *folder, struct error *err) {
    char *path = path_join(folder, MODEL_FILE);
    uint64_t bytes = 0;
    enum status status = !path ? error_set(err, STATUS_NO_MEMORY, "out of memory for an import")
                               : file_size(path, &bytes, err);
    free(path);
    if (status == STATUS_OK)
        status = quota_take(&import->quota, bytes, err);
    return status == STATUS_OK ? model_own(folder, import->terms.asker.id, err) : status;
}

/* The last bytes come out of the decoder, and the file is whole. What was imported before is known
 * by it: that takes no place again. */
static enum status import_settle(struct import *import, struct error *err) {
    enum status status = decoder_finish(import->decoder, err);
    if (status == STATUS_OK && import->form && !import->line_break && import->bytes > 0)
        status = error_set_key(err, STATUS_UNSUPPORTED, "Content-Type",
                               "the body came as a form and has no line break: curl -d takes them "
                               "out: send it by curl -T FILE or --data-binary @FILE");
    if (status == STATUS_OK) {
        struct file_writer *writer = import->writer;
        import->writer = NULL; /* commit frees it in any case */
        status = file_writer_commit(writer, false, err);
    }
    if (status != STATUS_OK || !import->digest)
        return status;
    digest_text(import->digest, import->once.fingerprint);
    import->terms.once = &import->once;
    return models_replay(import->models, import->name, &import->terms, import->version,
                         &import->replayed, err);
}

/* Read, and saved as a model. */
static enum status import_save(struct import *import, const char *folder, struct error *err) {
    struct models *models = import->models;
    struct model *model = NULL;
    char digest[sizeof model->digest];
    enum status status =
        import_read(&model, import->path, import->name, &import->bounds, models->kernel, err);
    /* Versions that nobody asked for lately give way. */
    while (status == STATUS_NO_MEMORY && cache_evict(models)) {
        error_clear(err);
        status =
            import_read(&model, import->path, import->name, &import->bounds, models->kernel, err);
    }
    if (status == STATUS_OK)
        status = model_save(model, folder, digest, err);
    model_drop(model);
    return status;
}

static enum status import_publish(struct import *import, struct error *err) {
    char token[17], *folder = path_join(import->folder, "model");
    enum status status = folder ? import_settle(import, err)
                                : error_set(err, STATUS_NO_MEMORY, "out of memory for an import");
    if (status != STATUS_OK || import->replayed) {
        free(folder);
        return status;
    }
    status = random_token(token, 16, err);
    if (status == STATUS_OK)
        status = import_save(import, folder, err);
    if (status == STATUS_OK)
        status = import_claim(import, folder, err);
    if (status == STATUS_OK)
        status = stop_check(import->bounds.stop, "the import", err);
    if (status == STATUS_OK) {
        snprintf(import->version, sizeof import->version, "import-%s", token);
        status = models_publish_import(import->models, import->name, import->version, folder,
                                       &import->terms, &import->replayed, err);
        import->kept = status == STATUS_OK && !import->replayed;
    }
    free(folder);
    return status;
}

static void import_finish(struct server *server, const struct http_request *request, void *state,
                          struct http_response *response) {
    struct import *import = state;
    struct error err = {0};
    import->bounds.stop = request_stop_of_service(request);
    enum status status = import_publish(import, &err);
    if (status != STATUS_OK)
        response_error(request, response, status == STATUS_CANCELLED ? 503 : 0, &err);
    else {
        if (!import->replayed)
            audit(&server->logger, "model_imported", key_owner(request->key), request->id,
                  "model=%s", import->name);
        /* The card of what was made, whatever is served by now. */
        struct http_request made = *request;
        made.version = import->version;
        response_header(response, "Location", "/v1/models/%s", import->name);
        if (import->replayed)
            response_header(response, "Idempotent-Replayed", "true");
        models_get(server, &made, response);
        if (response->status == 200)
            response->status = 201;
    }
    import_free(import);
}

const struct body_stream model_import = {import_begin, import_push, import_finish, import_free};
