/* Streaming decompression of gzip (several members) and zstd (several frames), with an output limit
 * against bombs. */
#ifndef VECMILL_BASE_DECODE_H
#define VECMILL_BASE_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum encoding { ENCODING_IDENTITY, ENCODING_GZIP, ENCODING_ZSTD };

/* Where decoded bytes go, a piece at a time; a failure ends the decoding. */
typedef enum status (*decode_sink)(void *context, const char *bytes, size_t length,
                                   struct error *err);

struct decoder;
/* limit: how many decoded bytes there may be, 0 = any number. Owns: decoder_free. */
enum status decoder_create(struct decoder **decoder, enum encoding encoding, uint64_t limit,
                           decode_sink sink, void *context, struct error *err) MUST_CHECK;
/* Decodes the next piece of the stream. Errors: MALFORMED; TOO_LARGE names the limit; REFUSED for a
 * zstd window over 128 MiB; those of the sink. */
enum status decoder_push(struct decoder *decoder, const void *bytes, size_t length,
                         struct error *err) MUST_CHECK;
/* Errors: MALFORMED when the stream stops in the middle of a member or frame ("gzip stream is cut
 * short after N bytes"). */
enum status decoder_finish(struct decoder *decoder, struct error *err) MUST_CHECK;
void decoder_free(struct decoder *decoder); /* NULL is fine */

/* By magic bytes: gzip 1f 8b, zstd 28 b5 2f fd (and skippable frames); IDENTITY otherwise. */
enum encoding encoding_detect(const void *bytes, size_t length);
/* "gzip", "x-gzip", "zstd", "identity" or "" (case-insensitive); UNSUPPORTED otherwise. */
enum status encoding_parse(const char *text, enum encoding *encoding, struct error *err) MUST_CHECK;

#endif
