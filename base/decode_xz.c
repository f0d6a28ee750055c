#include <lzma.h>
#include <stdlib.h>

#include "base/decode_private.h"

#define XZ_OWN ((uint64_t)1 << 20) /* memory of the decoder itself, beside the window */

static enum status xz_open(struct decoder *decoder, struct error *err) {
    lzma_stream *xz = calloc(1, sizeof *xz);
    decoder->state = xz;
    if (!xz)
        return decoder_no_memory(decoder, err);
    *xz = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_stream_decoder(xz, decoder->limits.window + XZ_OWN, LZMA_CONCATENATED) == LZMA_OK
               ? STATUS_OK
               : decoder_no_memory(decoder, err);
}

static void xz_close(struct decoder *decoder) {
    lzma_stream *xz = decoder->state;
    if (xz)
        lzma_end(xz);
    free(xz);
}

static enum status xz_error(const struct decoder *decoder, lzma_ret result, struct error *err) {
    const lzma_stream *xz = decoder->state;
    const char *reason = "its blocks do not hold together";
    if (result == LZMA_MEM_ERROR)
        return decoder_no_memory(decoder, err);
    if (result == LZMA_MEMLIMIT_ERROR)
        return decoder_refuse_window(decoder, lzma_memusage(xz), err);
    if (result == LZMA_FORMAT_ERROR)
        reason = "no xz stream begins there";
    else if (result == LZMA_OPTIONS_ERROR)
        reason = "it uses an option that liblzma does not know";
    return error_set(err, STATUS_MALFORMED, "xz stream is damaged near byte %llu: %s",
                     (unsigned long long)decoder->read - xz->avail_in, reason);
}

static enum status xz_run(struct decoder *decoder, lzma_action action, struct error *err) {
    lzma_stream *xz = decoder->state;
    lzma_ret result = LZMA_OK;
    bool full = true; /* decoded bytes may wait in the library */
    while (result == LZMA_OK && (xz->avail_in > 0 || full)) {
        xz->next_out = (uint8_t *)decoder->room;
        xz->avail_out = DECODE_ROOM;
        result = lzma_code(xz, action);
        if (result != LZMA_OK && result != LZMA_STREAM_END && result != LZMA_BUF_ERROR)
            return xz_error(decoder, result, err);
        full = xz->avail_out == 0;
        enum status status = decoder_emit(decoder, decoder->room, DECODE_ROOM - xz->avail_out, err);
        if (status != STATUS_OK)
            return status;
    }
    decoder->inside = result != LZMA_STREAM_END;
    return STATUS_OK;
}

static enum status xz_push(struct decoder *decoder, const char *bytes, size_t length,
                           struct error *err) {
    lzma_stream *xz = decoder->state;
    xz->next_in = (const uint8_t *)bytes;
    xz->avail_in = length;
    return xz_run(decoder, LZMA_RUN, err);
}

/* Only the end of the input says that no other stream follows. */
static enum status xz_finish(struct decoder *decoder, struct error *err) {
    lzma_stream *xz = decoder->state;
    xz->avail_in = 0;
    return xz_run(decoder, LZMA_FINISH, err);
}

const struct codec codec_xz = {"xz", xz_open, xz_push, xz_finish, xz_close};
