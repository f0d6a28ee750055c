#include <bzlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/decode_private.h"

struct bzip2 {
    bz_stream stream;
    bool begun; /* there is something to end */
};

static enum status bzip2_begin(struct decoder *decoder, struct error *err) {
    struct bzip2 *bzip2 = decoder->state;
    if (bzip2->begun)
        BZ2_bzDecompressEnd(&bzip2->stream);
    bzip2->stream = (bz_stream){0};
    bzip2->begun = BZ2_bzDecompressInit(&bzip2->stream, 0, 0) == BZ_OK;
    return bzip2->begun ? STATUS_OK : decoder_no_memory(decoder, err);
}

static enum status bzip2_open(struct decoder *decoder, struct error *err) {
    decoder->state = calloc(1, sizeof(struct bzip2));
    return decoder->state ? bzip2_begin(decoder, err) : decoder_no_memory(decoder, err);
}

static void bzip2_close(struct decoder *decoder) {
    struct bzip2 *bzip2 = decoder->state;
    if (bzip2 && bzip2->begun)
        BZ2_bzDecompressEnd(&bzip2->stream);
    free(bzip2);
}

static enum status bzip2_error(const struct decoder *decoder, int result, size_t left,
                               struct error *err) {
    if (result == BZ_MEM_ERROR)
        return decoder_no_memory(decoder, err);
    return error_set(err, STATUS_MALFORMED, "bzip2 stream is damaged near byte %llu: %s",
                     (unsigned long long)decoder->read - left,
                     result == BZ_DATA_ERROR_MAGIC ? "no bzip2 stream begins there"
                                                   : "a checksum or a code is wrong");
}

static enum status bzip2_push(struct decoder *decoder, const char *bytes, size_t length,
                              struct error *err) {
    struct bzip2 *bzip2 = decoder->state;
    bz_stream *stream = &bzip2->stream;
    bool full = false;
    while (length > 0 || full) {
        if (!decoder->inside) {
            enum status status = decoder_skip_padding(decoder, &bytes, &length, err);
            if (status == STATUS_OK && length > 0)
                status = bzip2_begin(decoder, err);
            if (status != STATUS_OK || length == 0)
                return status;
        }
        /* the library does not write there; its type is from before const */
        memcpy(&stream->next_in, &bytes, sizeof bytes);
        stream->avail_in = (unsigned)length;
        stream->next_out = decoder->room;
        stream->avail_out = (unsigned)DECODE_ROOM;
        int result = BZ2_bzDecompress(stream);
        if (result != BZ_OK && result != BZ_STREAM_END)
            return bzip2_error(decoder, result, stream->avail_in, err);
        bytes += length - stream->avail_in;
        length = stream->avail_in;
        decoder->inside = result != BZ_STREAM_END;
        full = stream->avail_out == 0 && decoder->inside;
        enum status status =
            decoder_emit(decoder, decoder->room, DECODE_ROOM - stream->avail_out, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

const struct codec codec_bzip2 = {"bzip2", bzip2_open, bzip2_push, NULL, bzip2_close};
