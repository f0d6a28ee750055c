#include "cli/corpus_convert.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/intake.h"
#include "config/config.h"
#include "server/json/ndjson.h"
#include "train/train.h"

#define PIECE ((size_t)1 << 20)

static bool ends_in(const char *name, size_t length, const char *end) {
    size_t n = strlen(end);
    return length > n && strncasecmp(name + length - n, end, n) == 0;
}

enum setting_format corpus_format_of(const char *path) {
    size_t length = strlen(path);
    static const char *const packed[] = {".gz", ".zst", ".bz2", ".xz", ".zip"};
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
        if (ends_in(path, length, packed[i])) {
            length -= strlen(packed[i]);
            break;
        }
    if (ends_in(path, length, ".ndjson") || ends_in(path, length, ".jsonl"))
        return FORMAT_NDJSON;
    return ends_in(path, length, ".tokens") ? FORMAT_TOKENS : FORMAT_AUTO;
}

/* Converted bytes are gathered into writes of PIECE. */
struct scratch {
    int fd;
    uint64_t offset;
    struct buffer held;
};

static enum status scratch_flush(struct scratch *scratch, struct error *err) {
    if (scratch->held.failed)
        return error_set(err, STATUS_NO_MEMORY, "out of memory converting the corpus");
    enum status status =
        file_write_at(scratch->fd, scratch->held.data, scratch->held.length, scratch->offset, err);
    scratch->offset += scratch->held.length;
    scratch->held.length = 0;
    return status;
}

static enum status scratch_take(void *context, const char *bytes, size_t length,
                                struct error *err) {
    struct scratch *scratch = context;
    buffer_append(&scratch->held, bytes, length);
    return scratch->held.failed || scratch->held.length >= PIECE ? scratch_flush(scratch, err)
                                                                 : STATUS_OK;
}

static enum status ndjson_take(void *context, const char *bytes, size_t length, struct error *err) {
    return ndjson_push(context, bytes, length, err);
}

static enum status convert_map(const struct file_map *map, struct ndjson *ndjson,
                               const struct settings *settings, atomic_int *request,
                               struct error *err) {
    struct intake *intake;
    const struct intake_options options = {.subject = "corpus",
                                           .use = FILE_AS_NDJSON,
                                           .max_invalid = settings->max_invalid_share,
                                           .limits.window = (uint64_t)settings->max_window_bytes};
    enum status status = intake_create(&intake, &options, ndjson_take, ndjson, err);
    if (status != STATUS_OK)
        return status;
    for (size_t at = 0; at < map->length && status == STATUS_OK; at += PIECE) {
        status = intake_push(intake, map->data + at,
                             map->length - at < PIECE ? map->length - at : PIECE, err);
        if (status == STATUS_OK && atomic_load(request) != REQUEST_NONE)
            status = error_set(err, STATUS_PAUSED, "stopped while converting the corpus");
    }
    if (status == STATUS_OK)
        status = intake_finish(intake, err);
    if (status == STATUS_OK)
        status = ndjson_finish(ndjson, err);
    intake_free(intake);
    return status;
}

enum status corpus_convert(const char *from, const char *to, const struct settings *settings,
                           atomic_int *request, struct corpus_losses *losses, struct error *err) {
    struct file_map map = {0};
    struct scratch scratch = {.fd = -1};
    struct ndjson *ndjson = NULL;
    const struct ndjson_fields fields = {.text = settings->text_field,
                                         .weight = settings->weight_field,
                                         .max_weight = settings->max_weight};
    enum status status = file_map_open(&map, from, err);
    if (status != STATUS_OK)
        return status;
    status = file_scratch_open(to, &scratch.fd, err);
    if (status == STATUS_OK)
        status = ndjson_create(&ndjson, &fields, scratch_take, &scratch, err);
    if (status == STATUS_OK)
        status = convert_map(&map, ndjson, settings, request, err);
    if (status == STATUS_OK) {
        status = scratch_flush(&scratch, err);
        *losses = (struct corpus_losses){ndjson_altered(ndjson), ndjson_skipped(ndjson)};
    }
    ndjson_free(ndjson);
    buffer_clear(&scratch.held);
    if (scratch.fd >= 0)
        close(scratch.fd);
    file_map_close(&map);
    return status;
}
