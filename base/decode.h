/* Streaming decompression, with an output limit against bombs: gzip, zstd, bzip2 and xz, each of
 * them several streams one behind the other, and zip with one file in it.
 *
 *     decode.c            the stream as a whole, and which kind it is
 *     decode_private.h    what a kind must offer
 *     decode_gzip.c ...   one kind each */
#ifndef VECMILL_BASE_DECODE_H
#define VECMILL_BASE_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum encoding {
    ENCODING_IDENTITY,
    ENCODING_GZIP,
    ENCODING_ZSTD,
    ENCODING_BZIP2,
    ENCODING_XZ,
    ENCODING_ZIP
};

#define DECODE_WINDOW ((uint64_t)128 << 20) /* window of a decoder that is told none */
#define DECODE_MAGIC 128                    /* bytes that are enough for encoding_detect */

struct decode_limits {
    uint64_t bytes;  /* decoded bytes there may be, 0 = any number */
    uint64_t window; /* memory a zstd or xz stream may look back into, 0 = DECODE_WINDOW */
};

/* Where decoded bytes go, a piece at a time; a failure ends the decoding. */
typedef enum status (*decode_sink)(void *context, const char *bytes, size_t length,
                                   struct error *err);

struct decoder;
/* Owns: decoder_free. */
enum status decoder_create(struct decoder **decoder, enum encoding encoding,
                           const struct decode_limits *limits, decode_sink sink, void *context,
                           struct error *err) MUST_CHECK;
/* Decodes the next piece of the stream. Zeros behind the last member of gzip, zstd or bzip2 are
 * padding, as tapes and copies of whole blocks leave it. Errors: MALFORMED; TOO_LARGE names the
 * limit; REFUSED (key max_window_bytes) for a window over the limit; UNSUPPORTED for a zip of
 * several files, or one that is encrypted; those of the sink. */
enum status decoder_push(struct decoder *decoder, const void *bytes, size_t length,
                         struct error *err) MUST_CHECK;
/* Errors: MALFORMED when the stream stops in the middle of a member or frame ("gzip stream is cut
 * short after N bytes"). */
enum status decoder_finish(struct decoder *decoder, struct error *err) MUST_CHECK;
void decoder_free(struct decoder *decoder); /* NULL is fine */

/* By the first bytes, of which DECODE_MAGIC are enough: IDENTITY when they are of none of the
 * kinds. */
enum encoding encoding_detect(const void *bytes, size_t length);
const char *encoding_name(enum encoding encoding);
/* A content coding of HTTP: "gzip", "x-gzip", "zstd", "bzip2", "x-bzip2", "xz", "x-xz", "identity"
 * or "" (case-insensitive); UNSUPPORTED otherwise. */
enum status encoding_parse(const char *text, enum encoding *encoding, struct error *err) MUST_CHECK;

#endif
