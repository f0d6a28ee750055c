#define ZLIB_CONST /* input is read only */
#include <stdlib.h>
#include <zlib.h>

#include "base/decode_private.h"

static enum status gzip_open(struct decoder *decoder, struct error *err) {
    z_stream *gzip = calloc(1, sizeof *gzip);
    decoder->state = gzip;
    return gzip && inflateInit2(gzip, 15 + 16) == Z_OK ? STATUS_OK
                                                       : decoder_no_memory(decoder, err);
}

static void gzip_close(struct decoder *decoder) {
    z_stream *gzip = decoder->state;
    if (gzip)
        inflateEnd(gzip);
    free(gzip);
}

static enum status gzip_error(const struct decoder *decoder, int result, struct error *err) {
    const z_stream *gzip = decoder->state;
    if (result == Z_MEM_ERROR)
        return decoder_no_memory(decoder, err);
    const char *reason = gzip->msg ? gzip->msg : "a preset dictionary is needed";
    return error_set(err, STATUS_MALFORMED, "gzip stream is damaged near byte %llu: %s",
                     (unsigned long long)decoder->read - gzip->avail_in, reason);
}

/* Looks behind a member: the next one, or padding. */
static enum status gzip_next(struct decoder *decoder, struct error *err) {
    z_stream *gzip = decoder->state;
    const char *bytes = (const char *)gzip->next_in;
    size_t length = gzip->avail_in;
    enum status status = decoder_skip_padding(decoder, &bytes, &length, err);
    gzip->next_in = (const Bytef *)bytes;
    gzip->avail_in = (uInt)length;
    if (status != STATUS_OK || length == 0)
        return status;
    inflateReset(gzip);
    decoder->inside = true;
    return STATUS_OK;
}

static enum status gzip_push(struct decoder *decoder, const char *bytes, size_t length,
                             struct error *err) {
    z_stream *gzip = decoder->state;
    bool full = false; /* output that did not fit may wait inside zlib without any more input */
    gzip->next_in = (const Bytef *)bytes;
    gzip->avail_in = (uInt)length;
    while (gzip->avail_in > 0 || full) {
        enum status status = decoder->inside ? STATUS_OK : gzip_next(decoder, err);
        if (status != STATUS_OK || !decoder->inside)
            return status;
        gzip->next_out = (Bytef *)decoder->room;
        gzip->avail_out = (uInt)DECODE_ROOM;
        int result = inflate(gzip, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return gzip_error(decoder, result, err);
        full = gzip->avail_out == 0 && result == Z_OK;
        decoder->inside = result != Z_STREAM_END;
        status = decoder_emit(decoder, decoder->room, DECODE_ROOM - gzip->avail_out, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

const struct codec codec_gzip = {"gzip", gzip_open, gzip_push, NULL, gzip_close};
