/* What a kind of compressed stream offers to base/decode.c. Private to the decoders. */
#ifndef VECMILL_BASE_DECODE_PRIVATE_H
#define VECMILL_BASE_DECODE_PRIVATE_H

#include <stdbool.h>

#include "base/decode.h"

#define DECODE_ROOM ((size_t)128 * 1024)

struct decoder;

/* One kind of stream. Sizes of pieces fit into an int. */
struct codec {
    const char *name;
    enum status (*open)(struct decoder *decoder, struct error *err);
    enum status (*push)(struct decoder *decoder, const char *bytes, size_t length,
                        struct error *err);
    enum status (*finish)(struct decoder *decoder, struct error *err); /* NULL: nothing to do */
    void (*close)(struct decoder *decoder); /* also after a failed open */
};

extern const struct codec codec_gzip, codec_zstd, codec_bzip2, codec_xz, codec_zip;

struct decoder {
    const struct codec *codec; /* NULL: bytes pass as they are */
    enum status failed;        /* of the first failure: a broken stream stays broken */
    /* in the middle of a member or frame; true at the start, an empty stream being no stream */
    bool inside;
    bool padded; /* zeros came behind the last member: nothing else may */
    struct decode_limits limits;
    uint64_t read, written;
    decode_sink sink;
    void *context;
    void *state; /* of the codec */
    char *room;  /* [DECODE_ROOM] for decoded bytes */
};

static inline enum status decoder_emit(struct decoder *decoder, const char *bytes, size_t length,
                                       struct error *err) {
    if (length == 0)
        return STATUS_OK;
    if (decoder->limits.bytes && length > decoder->limits.bytes - decoder->written) {
        return error_set(err, STATUS_TOO_LARGE, "decoded data is larger than %llu bytes",
                         (unsigned long long)decoder->limits.bytes);
    }
    decoder->written += length;
    return decoder->sink(decoder->context, bytes, length, err);
}

/* Between two members: takes zeros off the piece. MALFORMED for what follows such padding. */
static inline enum status decoder_skip_padding(struct decoder *decoder, const char **bytes,
                                               size_t *length, struct error *err) {
    while (*length > 0 && **bytes == '\0') {
        decoder->padded = true;
        ++*bytes;
        --*length;
    }
    if (*length == 0 || !decoder->padded)
        return STATUS_OK;
    return error_set(err, STATUS_MALFORMED,
                     "%s stream is damaged near byte %llu: zeros end it, but more follows",
                     decoder->codec->name, (unsigned long long)(decoder->read - *length));
}

static inline enum status decoder_no_memory(const struct decoder *decoder, struct error *err) {
    return error_set(err, STATUS_NO_MEMORY, "out of memory for decoding %s", decoder->codec->name);
}

/* window: what the stream asks for. */
static inline enum status decoder_refuse_window(const struct decoder *decoder,
                                                unsigned long long window, struct error *err) {
    return error_set_key(err, STATUS_REFUSED, "max_window_bytes",
                         "%s stream needs a window of %llu bytes, max_window_bytes allows %llu",
                         decoder->codec->name, window, (unsigned long long)decoder->limits.window);
}

#endif
