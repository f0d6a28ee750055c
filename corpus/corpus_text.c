#include "corpus/corpus_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/intake.h"

#define INPUT_PIECE 262144u
#define OUTPUT_ROOM 1048576u

static enum file_use use_of(const struct settings *settings) {
    switch (settings->format) {
    case FORMAT_AUTO:
        return FILE_AS_TEXT;
    case FORMAT_TEXT:
    case FORMAT_TOKENS:
    case FORMAT_NDJSON: /* was turned into tokens */
    case FORMAT_EDGES:
        break;
    }
    return FILE_AS_STATED;
}

static bool is_packed(const struct file_map *file) {
    return encoding_detect(file->data, file->length) != ENCODING_IDENTITY;
}

/* Text as it stands passes through: each piece of the file is one of the text, but for the first
 * ones, which are looked at together. */
enum status corpus_text_stream(const struct file_map *file, const struct settings *settings,
                               const struct corpus_pool *pool, atomic_ullong *input,
                               corpus_text_sink sink, void *context, struct error *err) {
    struct intake *intake;
    const struct intake_options options = {.subject = "corpus",
                                           .use = use_of(settings),
                                           .max_invalid = settings->max_invalid_share,
                                           .limits.window = (uint64_t)settings->max_window_bytes};
    enum status status = intake_create(&intake, &options, sink, context, err);
    if (status != STATUS_OK)
        return status;
    for (size_t at = 0; at < file->length && status == STATUS_OK; at += INPUT_PIECE) {
        size_t left = file->length - at, piece = left < INPUT_PIECE ? left : INPUT_PIECE;
        status = corpus_pool_poll(pool, err);
        if (status == STATUS_OK)
            status = intake_push(intake, file->data + at, piece, err);
        if (input)
            atomic_store_explicit(input, at, memory_order_relaxed);
    }
    if (status == STATUS_OK)
        status = intake_finish(intake, err);
    intake_free(intake);
    return status;
}

/* What is mapped as it stands does not pass through an intake, but is looked at as well. */
static enum status text_check(const struct corpus_text *text, const struct settings *settings,
                              struct error *err) {
    bool whole = text->map.length <= FILE_HEAD;
    const struct file_head head = {text->map.data, whole ? text->map.length : FILE_HEAD, whole};
    return file_kind_check(&head, use_of(settings), settings->max_invalid_share, "corpus", err);
}

/* The text of a file that is not mapped as it stands, on its way into a scratch file. */
struct scratch {
    const struct settings *settings;
    const struct corpus_pool *pool;
    int file;
    uint64_t written;
    size_t fill;
    char *room; /* [OUTPUT_ROOM] */
};

static enum status scratch_flush(struct scratch *scratch, struct error *err) {
    enum status status =
        file_write_at(scratch->file, scratch->room, scratch->fill, scratch->written, err);
    scratch->written += scratch->fill;
    scratch->fill = 0;
    return status;
}

/* A small piece of input may become very much output: requests are polled here too. */
static enum status scratch_sink(void *context, const char *bytes, size_t length,
                                struct error *err) {
    struct scratch *scratch = context;
    enum status status = corpus_pool_poll(scratch->pool, err);
    while (length > 0 && status == STATUS_OK) {
        size_t n = OUTPUT_ROOM - scratch->fill;
        n = n < length ? n : length;
        memcpy(scratch->room + scratch->fill, bytes, n);
        scratch->fill += n;
        bytes += n;
        length -= n;
        if (scratch->fill == OUTPUT_ROOM)
            status = scratch_flush(scratch, err);
    }
    return status;
}

/* Writes the text to path, maps it, and takes its name away. */
static enum status scratch_map(struct scratch *scratch, const struct corpus_text *text,
                               const char *path, struct file_map *map, struct error *err) {
    enum status status = file_scratch_open(path, &scratch->file, err);
    if (status != STATUS_OK)
        return status;
    status = corpus_text_stream(&text->map, scratch->settings, scratch->pool, text->input,
                                scratch_sink, scratch, err);
    if (status == STATUS_OK)
        status = scratch_flush(scratch, err);
    if (status == STATUS_OK)
        status = file_map_open(map, path, err);
    /* not path_remove: nothing here needs an fsync */
    if (unlink(path) != 0 && status == STATUS_OK)
        status = error_set_errno(err, errno, "cannot remove '%s'", path);
    close(scratch->file);
    return status;
}

/* Replaces the mapping of the file by one of its text. */
static enum status text_replace(struct corpus_text *text, const struct settings *settings,
                                const char *work, const struct corpus_pool *pool,
                                struct error *err) {
    struct scratch scratch = {.settings = settings, .pool = pool, .room = malloc(OUTPUT_ROOM)};
    char *path = path_join(work, "corpus-text");
    struct file_map map = {0};
    if (!scratch.room || !path) {
        free(path);
        free(scratch.room);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for decoding the corpus");
    }
    enum status status = scratch_map(&scratch, text, path, &map, err);
    free(path);
    free(scratch.room);
    if (status != STATUS_OK) {
        file_map_close(&map);
        return status;
    }
    file_map_close(&text->map);
    text->map = map;
    return STATUS_OK;
}

size_t corpus_text_mark(const char *data, uint64_t length) {
    static const char mark[] = {'\xef', '\xbb', '\xbf'};
    return length >= sizeof mark && memcmp(data, mark, sizeof mark) == 0 ? sizeof mark : 0;
}

enum status corpus_text_open(struct corpus_text *text, const struct settings *settings,
                             const char *path, const char *work, const struct corpus_pool *pool,
                             struct error *err) {
    enum status status = file_map_open(&text->map, path, err);
    if (status != STATUS_OK)
        return status;
    status = is_packed(&text->map) ? text_replace(text, settings, work, pool, err)
                                   : text_check(text, settings, err);
    if (status != STATUS_OK) {
        corpus_text_close(text);
        return status;
    }
    size_t mark = corpus_text_mark(text->map.data, text->map.length);
    text->bytes = text->map.length;
    text->data = text->map.data + mark;
    text->length = text->map.length - mark;
    return STATUS_OK;
}

void corpus_text_close(struct corpus_text *text) {
    file_map_close(&text->map);
    text->map = (struct file_map){0};
}
