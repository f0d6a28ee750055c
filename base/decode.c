#include "base/decode.h"

#define ZLIB_CONST /* input is read only */
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define DECODE_ROOM ((size_t)128 * 1024)
#define ZSTD_WINDOW_LOG 27

struct decoder {
    enum encoding encoding;
    enum status failed; /* of the first failure: a broken stream stays broken */
    /* in the middle of a member or frame; true at the start, an empty stream being no stream */
    bool inside;
    uint64_t limit, read, written;
    decode_sink sink;
    void *context;
    z_stream gzip;
    ZSTD_DCtx *zstd;
    char *room;
};

static enum status decoder_open(struct decoder *decoder, struct error *err) {
    decoder->room = malloc(DECODE_ROOM);
    bool good = decoder->room != NULL;
    if (decoder->encoding == ENCODING_GZIP) {
        good = inflateInit2(&decoder->gzip, 15 + 16) == Z_OK && good;
    } else if (decoder->encoding == ENCODING_ZSTD) {
        decoder->zstd = ZSTD_createDCtx();
        good = decoder->zstd && good &&
               !ZSTD_isError(
                   ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
    }
    return good ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "out of memory for decoding");
}

enum status decoder_create(struct decoder **decoder, enum encoding encoding, uint64_t limit,
                           decode_sink sink, void *context, struct error *err) {
    struct decoder *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for decoding");
    made->encoding = encoding;
    made->limit = limit;
    made->sink = sink;
    made->context = context;
    made->inside = encoding != ENCODING_IDENTITY;
    enum status status = decoder_open(made, err);
    if (status != STATUS_OK) {
        decoder_free(made);
        return status;
    }
    *decoder = made;
    return STATUS_OK;
}

void decoder_free(struct decoder *decoder) {
    if (!decoder)
        return;
    if (decoder->gzip.state)
        inflateEnd(&decoder->gzip);
    ZSTD_freeDCtx(decoder->zstd);
    free(decoder->room);
    free(decoder);
}

static enum status decoder_emit(struct decoder *decoder, const char *bytes, size_t length,
                                struct error *err) {
    if (length == 0)
        return STATUS_OK;
    if (decoder->limit && length > decoder->limit - decoder->written) {
        return error_set(err, STATUS_TOO_LARGE, "decoded data is larger than %llu bytes",
                         (unsigned long long)decoder->limit);
    }
    decoder->written += length;
    return decoder->sink(decoder->context, bytes, length, err);
}

static enum status gzip_error(const struct decoder *decoder, int result, struct error *err) {
    if (result == Z_MEM_ERROR)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for decoding gzip");
    const char *reason = decoder->gzip.msg ? decoder->gzip.msg : "a preset dictionary is needed";
    return error_set(err, STATUS_MALFORMED, "gzip stream is damaged near byte %llu: %s",
                     (unsigned long long)decoder->read - decoder->gzip.avail_in, reason);
}

static enum status gzip_push(struct decoder *decoder, struct error *err) {
    z_stream *gzip = &decoder->gzip;
    bool full = false; /* output that did not fit may wait inside zlib without any more input */
    while (gzip->avail_in > 0 || full) {
        if (!decoder->inside) {
            inflateReset(gzip);
            decoder->inside = true;
        }
        gzip->next_out = (Bytef *)decoder->room;
        gzip->avail_out = (uInt)DECODE_ROOM;
        int result = inflate(gzip, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return gzip_error(decoder, result, err);
        full = gzip->avail_out == 0 && result == Z_OK;
        decoder->inside = result != Z_STREAM_END;
        enum status status =
            decoder_emit(decoder, decoder->room, DECODE_ROOM - gzip->avail_out, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status zstd_error(const struct decoder *decoder, size_t result, struct error *err) {
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return error_set(err, STATUS_NO_MEMORY, "out of memory for decoding zstd");
    case ZSTD_error_frameParameter_windowTooLarge:
        return error_set(err, STATUS_REFUSED, "zstd window is over %u MiB",
                         1u << (ZSTD_WINDOW_LOG - 20));
    default:
        return error_set(err, STATUS_MALFORMED, "zstd stream is damaged before byte %llu: %s",
                         (unsigned long long)decoder->read, ZSTD_getErrorName(result));
    }
}

static enum status zstd_push(struct decoder *decoder, const void *bytes, size_t length,
                             struct error *err) {
    ZSTD_inBuffer in = {bytes, length, 0};
    bool full = false;
    while (in.pos < in.size || full) {
        ZSTD_outBuffer out = {decoder->room, DECODE_ROOM, 0};
        size_t result = ZSTD_decompressStream(decoder->zstd, &out, &in);
        if (ZSTD_isError(result))
            return zstd_error(decoder, result, err);
        decoder->inside = result != 0;
        full = out.pos == out.size && result != 0;
        enum status status = decoder_emit(decoder, decoder->room, out.pos, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status decoder_push_piece(struct decoder *decoder, const void *bytes, size_t length,
                                      struct error *err) {
    decoder->read += length;
    switch (decoder->encoding) {
    case ENCODING_GZIP:
        decoder->gzip.next_in = bytes;
        decoder->gzip.avail_in = (uInt)length;
        return gzip_push(decoder, err);
    case ENCODING_ZSTD:
        return zstd_push(decoder, bytes, length, err);
    default:
        return decoder_emit(decoder, bytes, length, err);
    }
}

enum status decoder_push(struct decoder *decoder, const void *bytes, size_t length,
                         struct error *err) {
    const char *from = bytes;
    if (decoder->failed != STATUS_OK)
        return error_set(err, decoder->failed, "the stream failed earlier");
    while (length > 0) {
        size_t piece = length < INT_MAX ? length : INT_MAX; /* zlib counts in unsigned int */
        decoder->failed = decoder_push_piece(decoder, from, piece, err);
        if (decoder->failed != STATUS_OK)
            return decoder->failed;
        from += piece;
        length -= piece;
    }
    return STATUS_OK;
}

enum status decoder_finish(struct decoder *decoder, struct error *err) {
    if (decoder->failed != STATUS_OK)
        return error_set(err, decoder->failed, "the stream failed earlier");
    if (decoder->inside) {
        return error_set(err, STATUS_MALFORMED, "%s stream is cut short after %llu bytes",
                         decoder->encoding == ENCODING_GZIP ? "gzip" : "zstd",
                         (unsigned long long)decoder->read);
    }
    return STATUS_OK;
}

enum encoding encoding_detect(const void *bytes, size_t length) {
    const unsigned char *magic = bytes;
    if (length >= 2 && magic[0] == 0x1f && magic[1] == 0x8b)
        return ENCODING_GZIP;
    if (length >= 4 && memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0)
        return ENCODING_ZSTD;
    if (length >= 4 && (magic[0] & 0xf0) == 0x50 && memcmp(magic + 1, "\x2a\x4d\x18", 3) == 0)
        return ENCODING_ZSTD;
    return ENCODING_IDENTITY;
}

enum status encoding_parse(const char *text, enum encoding *encoding, struct error *err) {
    static const struct {
        const char *name;
        enum encoding encoding;
    } names[] = {{"gzip", ENCODING_GZIP},
                 {"x-gzip", ENCODING_GZIP},
                 {"zstd", ENCODING_ZSTD},
                 {"identity", ENCODING_IDENTITY},
                 {"", ENCODING_IDENTITY}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(text, names[i].name) == 0) {
            *encoding = names[i].encoding;
            return STATUS_OK;
        }
    }
    return error_set(err, STATUS_UNSUPPORTED,
                     "content encoding '%.80s' is not known: use gzip, zstd or identity", text);
}
