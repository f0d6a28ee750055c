#include "base/decode.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/decode_private.h"

static const struct codec *codec_of(enum encoding encoding) {
    switch (encoding) {
    case ENCODING_IDENTITY:
        return NULL;
    case ENCODING_GZIP:
        return &codec_gzip;
    case ENCODING_ZSTD:
        return &codec_zstd;
    case ENCODING_BZIP2:
        return &codec_bzip2;
    case ENCODING_XZ:
        return &codec_xz;
    case ENCODING_ZIP:
        return &codec_zip;
    }
    return NULL;
}

enum status decoder_create(struct decoder **decoder, enum encoding encoding,
                           const struct decode_limits *limits, decode_sink sink, void *context,
                           struct error *err) {
    struct decoder *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for decoding");
    made->codec = codec_of(encoding);
    made->limits = *limits;
    if (made->limits.window == 0)
        made->limits.window = DECODE_WINDOW;
    made->sink = sink;
    made->context = context;
    made->inside = made->codec != NULL;
    enum status status = STATUS_OK;
    if (made->codec) {
        made->room = malloc(DECODE_ROOM);
        status = made->room ? made->codec->open(made, err) : decoder_no_memory(made, err);
    }
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
    if (decoder->codec)
        decoder->codec->close(decoder);
    free(decoder->room);
    free(decoder);
}

enum status decoder_push(struct decoder *decoder, const void *bytes, size_t length,
                         struct error *err) {
    const char *from = bytes;
    if (decoder->failed != STATUS_OK)
        return error_set(err, decoder->failed, "the stream failed earlier");
    while (length > 0) {
        size_t piece = length < INT_MAX ? length : INT_MAX; /* libraries count in unsigned int */
        decoder->read += piece;
        decoder->failed = decoder->codec ? decoder->codec->push(decoder, from, piece, err)
                                         : decoder_emit(decoder, from, piece, err);
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
    if (decoder->codec && decoder->codec->finish)
        decoder->failed = decoder->codec->finish(decoder, err);
    if (decoder->failed == STATUS_OK && decoder->codec && decoder->inside) {
        decoder->failed =
            error_set(err, STATUS_MALFORMED, "%s stream is cut short after %llu bytes",
                      decoder->codec->name, (unsigned long long)decoder->read);
    }
    return decoder->failed;
}

/* The block of a bzip2 stream, or its end where there is none, begins with a constant. */
static bool is_bzip2(const char *bytes, size_t length) {
    return length >= 10 && memcmp(bytes, "BZh", 3) == 0 && bytes[3] >= '1' && bytes[3] <= '9' &&
           (memcmp(bytes + 4, "1AY&SY", 6) == 0 || memcmp(bytes + 4, "\x17rE8P\x90", 6) == 0);
}

enum encoding encoding_detect(const void *bytes, size_t length) {
    static const struct {
        size_t length;
        const char *magic;
        enum encoding encoding;
    } magics[] = {{2, "\x1f\x8b", ENCODING_GZIP},
                  {4, "\x28\xb5\x2f\xfd", ENCODING_ZSTD},
                  {6,
                   "\xfd"
                   "7zXZ\0",
                   ENCODING_XZ},
                  {4, "PK\3\4", ENCODING_ZIP},
                  {4, "PK\5\6", ENCODING_ZIP}};
    const unsigned char *magic = bytes;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (length >= magics[i].length && memcmp(bytes, magics[i].magic, magics[i].length) == 0)
            return magics[i].encoding;
    /* a skippable frame of zstd */
    if (length >= 4 && (magic[0] & 0xf0) == 0x50 && memcmp(magic + 1, "\x2a\x4d\x18", 3) == 0)
        return ENCODING_ZSTD;
    return is_bzip2(bytes, length) ? ENCODING_BZIP2 : ENCODING_IDENTITY;
}

const char *encoding_name(enum encoding encoding) {
    const struct codec *codec = codec_of(encoding);
    return codec ? codec->name : "identity";
}

enum status encoding_parse(const char *text, enum encoding *encoding, struct error *err) {
    static const struct {
        const char *name;
        enum encoding encoding;
    } names[] = {
        {"gzip", ENCODING_GZIP},   {"x-gzip", ENCODING_GZIP},       {"zstd", ENCODING_ZSTD},
        {"bzip2", ENCODING_BZIP2}, {"x-bzip2", ENCODING_BZIP2},     {"xz", ENCODING_XZ},
        {"x-xz", ENCODING_XZ},     {"identity", ENCODING_IDENTITY}, {"", ENCODING_IDENTITY}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(text, names[i].name) == 0) {
            *encoding = names[i].encoding;
            return STATUS_OK;
        }
    }
    return error_set(err, STATUS_UNSUPPORTED,
                     "content encoding '%.80s' is not known: use gzip, zstd, bzip2, xz or identity",
                     text);
}
