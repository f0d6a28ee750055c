/* Bodies on their way in: bytes -> intake (what it is, and decoded) -> NDJSON to tokens -> digest
 * and file aside -> switch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/intake.h"
#include "base/machine.h"
#include "server/corpora/corpora_private.h"
#include "server/corpora/corpora_upload.h"
#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/http/parameters.h"
#include "server/json/ndjson.h"

#define DISK_CHECK_BYTES ((uint64_t)8 << 20) /* stored between two looks at the free space */
#define TEXT_FIELD_SIZE 256                  /* of the setting */
#define FORM_TYPE "application/x-www-form-urlencoded"
#define FORM_HINT "curl -d takes line breaks out: send it by curl -T FILE or --data-binary @FILE"

struct upload {
    struct corpora *corpora;
    struct corpus_info info;
    char key[IDEMPOTENCY_KEY_SIZE];
    char *staged; /* where the content waits for its switch */
    struct file_writer *writer;
    struct digest *digest;
    struct checksum *checksum;
    struct intake *intake;
    struct ndjson *ndjson; /* NULL for text */
    struct {               /* of the query; the server's settings where it says nothing */
        enum setting_format format;
        char text_field[TEXT_FIELD_SIZE], weight_field[TEXT_FIELD_SIZE];
    } asked;
    bool form;        /* sent as curl -d sends it, which takes the line breaks out */
    bool line_break;  /* there was one */
    uint64_t checked; /* stored bytes at the last look at the free space */
    struct byte_quota quota;
    bool kept; /* it is in the catalogue */
};

void upload_free(void *state) {
    struct upload *upload = state;
    struct error err = {0};
    if (!upload)
        return;
    quota_end(&upload->quota, upload->kept);
    file_writer_abort(upload->writer);
    if (upload->staged && path_remove(upload->staged, &err) != STATUS_OK)
        log_line(upload->corpora->logger, LOG_WARNING, "%s", err.text);
    intake_free(upload->intake);
    ndjson_free(upload->ndjson);
    digest_free(upload->digest);
    checksum_free(upload->checksum);
    free(upload->staged);
    free(upload);
}

/* The part before ';' without white space around it equals `type`. */
static bool media_is(const char *value, const char *type) {
    value += strspn(value, " \t");
    size_t length = strcspn(value, ";");
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    return length == strlen(type) && strncasecmp(value, type, length) == 0;
}

static enum status charset_check(const char *type, struct error *err) {
    const char *charset = strcasestr(type, "charset=");
    if (!charset)
        return STATUS_OK;
    charset += strlen("charset=");
    charset += *charset == '"';
    if (strncasecmp(charset, "utf-8", 5) != 0 && strncasecmp(charset, "us-ascii", 8) != 0)
        return error_set_key(err, STATUS_UNSUPPORTED, "Content-Type",
                             "a corpus must be UTF-8, not '%.40s'", charset);
    return STATUS_OK;
}

/* "text" or "tokens" by the query, or by Content-Type. curl's --data-binary says
 * x-www-form-urlencoded of anything. */
static enum status format_find(const char *type, enum setting_format asked, const char **format,
                               struct error *err) {
    static const char *const texts[] = {"", "text/plain", "application/octet-stream", FORM_TYPE};
    static const char *const tokens[] = {"application/x-ndjson", "application/ndjson",
                                         "application/jsonl", "application/x-jsonlines",
                                         "application/json-lines"};
    switch (asked) {
    case FORMAT_AUTO:
        break;
    case FORMAT_TEXT:
    case FORMAT_EDGES:
    case FORMAT_TOKENS: /* lists as they will be read: they are stored as they come */
        *format = "text";
        return STATUS_OK;
    case FORMAT_NDJSON:
        *format = "tokens";
        return STATUS_OK;
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (media_is(type, texts[i])) {
            *format = "text";
            return STATUS_OK;
        }
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        if (media_is(type, tokens[i])) {
            *format = "tokens";
            return STATUS_OK;
        }
    return error_set_key(err, STATUS_UNSUPPORTED, "Content-Type",
                         "a corpus is text/plain or application/x-ndjson, not '%.80s'", type);
}

/* The name of a field of NDJSON: of the query, else of the settings. */
static enum status field_take(const struct http_request *request, const char *key,
                              const char *initial, char field[TEXT_FIELD_SIZE], struct error *err) {
    const char *name = request_query(request, key, 0);
    if (!name)
        name = initial;
    if (name[0] == '\0' || strlen(name) >= TEXT_FIELD_SIZE)
        return error_set_key(err, STATUS_REFUSED, key, "%s must have 1 to %d bytes", key,
                             TEXT_FIELD_SIZE - 1);
    snprintf(field, TEXT_FIELD_SIZE, "%s", name);
    return STATUS_OK;
}

/* What query and Content-Type say of the body. */
static enum status body_describe(struct upload *upload, const struct http_request *request,
                                 struct error *err) {
    const struct settings *settings = upload->corpora->settings;
    const char *header = request_header(request, "Content-Type"), *type = !header ? "" : header;
    const char *format = "";
    int asked = (int)settings->format;
    enum status status =
        field_take(request, "text_field", settings->text_field, upload->asked.text_field, err);
    if (status == STATUS_OK)
        status = field_take(request, "weight_field", settings->weight_field,
                            upload->asked.weight_field, err);
    if (status == STATUS_OK)
        status = query_choice(request, "format", "auto|text|ndjson|tokens|edges", &asked, err);
    upload->asked.format = (enum setting_format)asked;
    upload->form = media_is(type, FORM_TYPE);
    if (status == STATUS_OK)
        status = charset_check(type, err);
    if (status == STATUS_OK)
        status = format_find(type, upload->asked.format, &format, err);
    snprintf(upload->info.format, sizeof upload->info.format, "%s", format);
    return status;
}

enum status corpora_room(struct corpora *corpora, uint64_t more, const char *what,
                         struct error *err) {
    uint64_t available = 0, jobs = corpora_reserved(corpora),
             reserve = (uint64_t)corpora->settings->reserve_disk;
    enum status status = disk_available(corpora->folder, &available, err);
    if (status != STATUS_OK)
        return status;
    if (available >= reserve && available - reserve >= jobs && available - reserve - jobs >= more)
        return STATUS_OK;
    return error_set_key(err, STATUS_DISK_FULL, "reserve_disk",
                         "disk has %llu bytes free, reserve_disk keeps %llu of them and jobs need "
                         "%llu, %s needs %llu",
                         (unsigned long long)available, (unsigned long long)reserve,
                         (unsigned long long)jobs, what, (unsigned long long)more);
}

static enum status disk_check(const struct upload *upload, uint64_t more, struct error *err) {
    return corpora_room(upload->corpora, more, "the corpus", err);
}

/* The last station: digest and file. */
static enum status store_bytes(void *context, const char *bytes, size_t length, struct error *err) {
    struct upload *upload = context;
    enum status status = quota_take(&upload->quota, length, err);
    if (status != STATUS_OK)
        return status;
    digest_add(upload->digest, bytes, length);
    checksum_add(upload->checksum, bytes, length);
    status = file_writer_append(upload->writer, bytes, length, err);
    if (status != STATUS_OK)
        return status;
    upload->info.bytes += length;
    if (upload->info.bytes - upload->checked < DISK_CHECK_BYTES)
        return STATUS_OK;
    upload->checked = upload->info.bytes;
    return disk_check(upload, 0, err);
}

static enum status decoded_bytes(void *context, const char *bytes, size_t length,
                                 struct error *err) {
    struct upload *upload = context;
    upload->line_break = upload->line_break || memchr(bytes, '\n', length);
    if (upload->ndjson)
        return ndjson_push(upload->ndjson, bytes, length, err);
    return store_bytes(upload, bytes, length, err);
}

static enum status intake_start(struct upload *upload, enum encoding encoding, struct error *err) {
    const struct settings *settings = upload->corpora->settings;
    const bool stated = upload->asked.format != FORMAT_AUTO;
    const struct intake_options options = {
        .subject = "corpus",
        .use = upload->ndjson ? FILE_AS_NDJSON
               : stated       ? FILE_AS_STATED
                              : FILE_AS_TEXT,
        .max_invalid = settings->max_invalid_share,
        .encoding = encoding,
        .limits = {.bytes = (uint64_t)settings->max_corpus_bytes,
                   .window = (uint64_t)settings->max_window_bytes}};
    return intake_create(&upload->intake, &options, decoded_bytes, upload, err);
}

/* What a handler of the body said, with what is at fault named. */
static enum status blame(const struct upload *upload, enum status status, struct error *err) {
    if (status == STATUS_TOO_LARGE && err->key[0] == '\0') {
        size_t length = strlen(err->text);
        snprintf(err->key, sizeof err->key, "max_corpus_bytes");
        snprintf(err->text + length, sizeof err->text - length, ": max_corpus_bytes");
    }
    if (status == STATUS_MALFORMED && upload->form && !upload->line_break) {
        size_t length = strlen(err->text);
        snprintf(err->text + length, sizeof err->text - length, "; %s", FORM_HINT);
    }
    return status;
}

enum status upload_push(void *state, const char *bytes, size_t length, struct error *err) {
    struct upload *upload = state;
    return blame(upload, intake_push(upload->intake, bytes, length, err), err);
}

/* Refusals that need no byte of the body. */
static enum status upload_admit(struct upload *upload, const struct http_request *request,
                                enum encoding *encoding, struct error *err) {
    const char *text = request_header(request, "Content-Encoding");
    int64_t length = request_content_length(request),
            max = upload->corpora->settings->max_corpus_bytes;
    enum status status = corpora_admit(upload->corpora, upload->info.name, err);
    if (status == STATUS_OK)
        status = encoding_parse(!text ? "" : text, encoding, err);
    if (status == STATUS_OK)
        status = body_describe(upload, request, err);
    if (status == STATUS_OK)
        status = idempotency_key(request, upload->key, err);
    if (status != STATUS_OK)
        return status;
    if (*encoding == ENCODING_IDENTITY && length > max)
        return error_set_key(err, STATUS_TOO_LARGE, "max_corpus_bytes",
                             "corpus of %lld bytes is larger than max_corpus_bytes, %lld",
                             (long long)length, (long long)max);
    snprintf(upload->info.owner, sizeof upload->info.owner, "%s", key_owner(request->key));
    quota_begin(&upload->quota, request->access, request->key, upload->info.name);
    status = quota_check(&upload->quota,
                         *encoding == ENCODING_IDENTITY && length > 0 ? (uint64_t)length : 1, err);
    if (status != STATUS_OK)
        return status;
    return disk_check(upload, length > 0 ? (uint64_t)length : 0, err);
}

static enum status upload_open(struct upload *upload, struct error *err) {
    char file[64];
    enum status status = record_id_create(upload->info.id, err);
    if (status != STATUS_OK)
        return status;
    snprintf(file, sizeof file, "%s%s.corpus", FILE_TEMPORARY_PREFIX, upload->info.id);
    upload->staged = path_join(upload->corpora->folder, file);
    if (!upload->staged)
        return error_set(err, STATUS_NO_MEMORY, "out of memory to take an upload");
    const struct ndjson_fields fields = {.text = upload->asked.text_field,
                                         .weight = upload->asked.weight_field,
                                         .max_weight = upload->corpora->settings->max_weight};
    upload->checksum = checksum_create();
    status = upload->checksum ? digest_create(&upload->digest, err)
                              : error_set(err, STATUS_NO_MEMORY, "out of memory to take an upload");
    if (status == STATUS_OK && strcmp(upload->info.format, "tokens") == 0)
        status = ndjson_create(&upload->ndjson, &fields, store_bytes, upload, err);
    if (status == STATUS_OK)
        status = file_writer_create(&upload->writer, upload->staged, err);
    return status;
}

enum status upload_begin(struct corpora *corpora, const struct http_request *request,
                         const char *name, struct upload **begun, struct error *err) {
    enum encoding encoding = ENCODING_IDENTITY;
    struct upload *upload = calloc(1, sizeof *upload);
    if (!upload)
        return error_set(err, STATUS_NO_MEMORY, "out of memory to take an upload");
    upload->corpora = corpora;
    enum status status = name_check("corpus", name, err);
    if (status == STATUS_OK) {
        snprintf(upload->info.name, sizeof upload->info.name, "%s", name);
        status = upload_admit(upload, request, &encoding, err);
    }
    if (status == STATUS_OK)
        status = upload_open(upload, err);
    if (status == STATUS_OK)
        status = intake_start(upload, encoding, err);
    if (status == STATUS_OK)
        *begun = upload;
    else
        upload_free(upload);
    return status;
}

const char *upload_key(const struct upload *upload) {
    return upload->key;
}

/* Nothing follows any more: what the decoders still hold comes out. */
static enum status body_finish(struct upload *upload, struct error *err) {
    enum status status = blame(upload, intake_finish(upload->intake, err), err);
    if (status == STATUS_OK && upload->form && !upload->line_break && upload->info.bytes > 0)
        status = error_set_key(err, STATUS_UNSUPPORTED, "Content-Type",
                               "the body came as a form and has no line break: %s", FORM_HINT);
    if (status == STATUS_OK && upload->ndjson) {
        status = ndjson_finish(upload->ndjson, err);
        upload->info.altered = ndjson_altered(upload->ndjson);
        upload->info.skipped = ndjson_skipped(upload->ndjson);
    }
    return status;
}

static enum status content_check(const struct upload *upload, struct error *err) {
    if (upload->info.bytes == 0)
        return error_set(err, STATUS_REFUSED, "corpus is empty");
    return disk_check(upload, 0, err);
}

enum status upload_complete(struct upload *upload, struct corpus_info *answer, bool *replayed,
                            struct error *err) {
    enum status status = body_finish(upload, err);
    if (status == STATUS_OK)
        status = content_check(upload, err);
    if (status != STATUS_OK)
        return status;
    digest_text(upload->digest, upload->info.digest);
    checksum_text(checksum_value(upload->checksum), upload->info.checksum);
    upload->info.created = machine_wall_seconds();
    struct file_writer *writer = upload->writer;
    upload->writer = NULL; /* commit frees it in any case */
    status = file_writer_commit(writer, true, err);
    if (status == STATUS_OK)
        status = failpoint_hit("corpus.staged", err);
    if (status == STATUS_OK)
        status = corpora_switch(upload->corpora, &upload->info,
                                upload->key[0] != '\0' ? upload->key : NULL, upload->staged, answer,
                                replayed, err);
    upload->kept = status == STATUS_OK && !*replayed;
    return status;
}

void upload_note(const struct logger *logger, const struct http_request *request,
                 const struct corpus_info *info) {
    log_about(logger, LOG_INFO, "corpus", info->name, "corpus '%s': %llu bytes, %s", info->name,
              (unsigned long long)info->bytes, info->digest);
    audit(logger, "corpus_stored", key_owner(request->key), request->id,
          "corpus=%s bytes=%llu digest=%s", info->name, (unsigned long long)info->bytes,
          info->digest);
}

static enum status corpus_begin(struct server *server, const struct http_request *request,
                                void **state, struct error *err) {
    struct upload *upload = NULL;
    enum status status = query_check(request, err);
    if (status == STATUS_OK)
        status = upload_begin(server->corpora, request, request->segments[0], &upload, err);
    *state = upload;
    return status;
}

static void corpus_finish(struct server *server, const struct http_request *request, void *state,
                          struct http_response *response) {
    struct upload *upload = state;
    struct error err = {0};
    struct corpus_info answer = {0};
    bool replayed = false;
    json_t *document = NULL;
    enum status status = upload_complete(upload, &answer, &replayed, &err);
    if (status == STATUS_OK && !(document = corpus_document(&answer)))
        status = error_set(&err, STATUS_NO_MEMORY, "out of memory to answer");
    if (status != STATUS_OK) {
        response_error(request, response, 0, &err);
    } else {
        response_json(response, 201, document);
        response_header(response, "Location", "/v1/corpora/%s", answer.name);
        if (replayed)
            response_header(response, "Idempotent-Replayed", "true");
        else
            upload_note(&server->logger, request, &answer);
    }
    upload_free(upload);
}

const struct body_stream corpus_upload = {corpus_begin, upload_push, corpus_finish, upload_free};
