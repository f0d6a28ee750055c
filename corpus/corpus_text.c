#include "corpus/corpus_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/decode.h"

#define INPUT_PIECE 262144u
#define OUTPUT_ROOM 1048576u

struct decoding {
    const struct corpus_pool *pool;
    int file;
    uint64_t written;
    size_t fill;
    char *room; /* [OUTPUT_ROOM] */
};

static enum status decoding_flush(struct decoding *decoding, struct error *err) {
    enum status status =
        file_write_at(decoding->file, decoding->room, decoding->fill, decoding->written, err);
    decoding->written += decoding->fill;
    decoding->fill = 0;
    return status;
}

/* A small piece of input may become very much output: requests are polled here too. */
static enum status decoding_sink(void *context, const char *bytes, size_t length,
                                 struct error *err) {
    struct decoding *decoding = context;
    enum status status = corpus_pool_poll(decoding->pool, err);
    while (length > 0 && status == STATUS_OK) {
        size_t n = OUTPUT_ROOM - decoding->fill;
        n = n < length ? n : length;
        memcpy(decoding->room + decoding->fill, bytes, n);
        decoding->fill += n;
        bytes += n;
        length -= n;
        if (decoding->fill == OUTPUT_ROOM)
            status = decoding_flush(decoding, err);
    }
    return status;
}

static enum status map_decode(const struct file_map *map, enum encoding encoding,
                              struct decoding *decoding, atomic_ullong *input, struct error *err) {
    struct decoder *decoder;
    enum status status = decoder_create(&decoder, encoding, 0, decoding_sink, decoding, err);
    if (status != STATUS_OK)
        return status;
    for (size_t at = 0; at < map->length && status == STATUS_OK; at += INPUT_PIECE) {
        size_t left = map->length - at;
        status = corpus_pool_poll(decoding->pool, err);
        if (status == STATUS_OK)
            status =
                decoder_push(decoder, map->data + at, left < INPUT_PIECE ? left : INPUT_PIECE, err);
        if (input)
            atomic_store_explicit(input, at, memory_order_relaxed);
    }
    if (status == STATUS_OK)
        status = decoder_finish(decoder, err);
    if (status == STATUS_OK)
        status = decoding_flush(decoding, err);
    decoder_free(decoder);
    return status;
}

/* Replaces the mapping of a compressed file by one of its text. */
static enum status text_decode(struct corpus_text *text, enum encoding encoding, const char *work,
                               const struct corpus_pool *pool, struct error *err) {
    struct decoding decoding = {.pool = pool, .file = -1, .room = malloc(OUTPUT_ROOM)};
    char *path = path_join(work, "corpus-text");
    struct file_map decoded = {0};
    enum status status = STATUS_OK;
    if (!decoding.room || !path)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for decoding the corpus");
    if (status == STATUS_OK)
        status = file_scratch_open(path, &decoding.file, err);
    if (status == STATUS_OK) {
        status = map_decode(&text->map, encoding, &decoding, text->input, err);
        if (status == STATUS_OK)
            status = file_map_open(&decoded, path, err);
        /* not path_remove: nothing here needs an fsync */
        if (unlink(path) != 0 && status == STATUS_OK)
            status = error_set_errno(err, errno, "cannot remove '%s'", path);
        close(decoding.file);
    }
    free(path);
    free(decoding.room);
    if (status != STATUS_OK) {
        file_map_close(&decoded);
        return status;
    }
    file_map_close(&text->map);
    text->map = decoded;
    return STATUS_OK;
}

size_t corpus_text_mark(const char *data, uint64_t length) {
    return length >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

enum status corpus_text_open(struct corpus_text *text, const char *path, const char *work,
                             const struct corpus_pool *pool, struct error *err) {
    enum status status = file_map_open(&text->map, path, err);
    if (status != STATUS_OK)
        return status;
    enum encoding encoding = encoding_detect(text->map.data, text->map.length);
    if (encoding != ENCODING_IDENTITY)
        status = text_decode(text, encoding, work, pool, err);
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
