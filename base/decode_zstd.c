#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/decode_private.h"

#define HEADER_MAX 18 /* bytes of a frame's header, the magic included */
#define WINDOW_LOG_MIN 10
#define SINGLE_SEGMENT 0x20u /* flag of the header: the window is the content */

struct zstd {
    ZSTD_DCtx *context;
    unsigned char header[HEADER_MAX]; /* first bytes of the frame */
    size_t n_header;
};

/* zstd counts windows in powers of two. */
static int window_log(uint64_t bytes) {
    ZSTD_bounds bounds = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
    int log = WINDOW_LOG_MIN;
    while (log < bounds.upperBound && (uint64_t)1 << (log + 1) <= bytes)
        log++;
    return log;
}

static enum status zstd_open(struct decoder *decoder, struct error *err) {
    struct zstd *zstd = calloc(1, sizeof *zstd);
    decoder->state = zstd;
    if (!zstd || !(zstd->context = ZSTD_createDCtx()))
        return decoder_no_memory(decoder, err);
    int log = window_log(decoder->limits.window);
    decoder->limits.window = (uint64_t)1 << log;
    return ZSTD_isError(ZSTD_DCtx_setParameter(zstd->context, ZSTD_d_windowLogMax, log))
               ? decoder_no_memory(decoder, err)
               : STATUS_OK;
}

static void zstd_close(struct decoder *decoder) {
    struct zstd *zstd = decoder->state;
    if (zstd)
        ZSTD_freeDCtx(zstd->context);
    free(zstd);
}

/* RFC 8878, section 3.1.1.1: the window's descriptor, or the size of the content. 0: not known. */
static unsigned long long window_of(const unsigned char *header, size_t length) {
    static const unsigned char id_bytes[] = {0, 1, 2, 4}, size_bytes[] = {1, 2, 4, 8};
    unsigned flags = length < 6 ? 0 : header[4];
    if (length < 6)
        return 0;
    if (!(flags & SINGLE_SEGMENT)) {
        unsigned long long base = 1ull << (WINDOW_LOG_MIN + (header[5] >> 3));
        return base + base / 8 * (header[5] & 7);
    }
    size_t at = 5 + id_bytes[flags & 3], n = size_bytes[flags >> 6];
    unsigned long long size = 0;
    for (size_t i = n; i > 0 && at + n <= length; i--)
        size = size << 8 | header[at + i - 1];
    return size;
}

static enum status zstd_error(struct decoder *decoder, size_t result, const ZSTD_inBuffer *in,
                              struct error *err) {
    struct zstd *zstd = decoder->state;
    size_t left = in->size - in->pos, room = HEADER_MAX - zstd->n_header;
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return decoder_no_memory(decoder, err);
    case ZSTD_error_frameParameter_windowTooLarge:
        memcpy(zstd->header + zstd->n_header, (const char *)in->src + in->pos,
               left < room ? left : room);
        return decoder_refuse_window(
            decoder, window_of(zstd->header, zstd->n_header + (left < room ? left : room)), err);
    default:
        return error_set(err, STATUS_MALFORMED, "zstd stream is damaged before byte %llu: %s",
                         (unsigned long long)decoder->read, ZSTD_getErrorName(result));
    }
}

/* Keeps the first bytes of the frame, of which `length` were taken in. */
static void header_keep(struct zstd *zstd, const char *bytes, size_t length) {
    size_t room = HEADER_MAX - zstd->n_header;
    memcpy(zstd->header + zstd->n_header, bytes, length < room ? length : room);
    zstd->n_header += length < room ? length : room;
}

static enum status zstd_push(struct decoder *decoder, const char *bytes, size_t length,
                             struct error *err) {
    struct zstd *zstd = decoder->state;
    ZSTD_inBuffer in = {bytes, length, 0};
    bool full = false;
    while (in.pos < in.size || full) {
        if (!decoder->inside) {
            const char *from = bytes + in.pos;
            size_t left = in.size - in.pos;
            enum status status = decoder_skip_padding(decoder, &from, &left, err);
            if (status != STATUS_OK || left == 0)
                return status;
            in.pos = in.size - left;
            zstd->n_header = 0;
        }
        ZSTD_outBuffer out = {decoder->room, DECODE_ROOM, 0};
        size_t begin = in.pos, result = ZSTD_decompressStream(zstd->context, &out, &in);
        if (ZSTD_isError(result))
            return zstd_error(decoder, result, &in, err);
        header_keep(zstd, bytes + begin, in.pos - begin);
        decoder->inside = result != 0;
        full = out.pos == out.size && result != 0;
        enum status status = decoder_emit(decoder, decoder->room, out.pos, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

const struct codec codec_zstd = {"zstd", zstd_open, zstd_push, NULL, zstd_close};
