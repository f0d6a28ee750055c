/* Newline-delimited JSON on its way into a corpus. */
#ifndef VECMILL_SERVER_NDJSON_H
#define VECMILL_SERVER_NDJSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Turns NDJSON (a line is a string, an array of tokens, or an object with "text" or "tokens") into
 * the `tokens` format of train/: text of a string stands as it is; an array becomes one line that
 * begins with U+001F and has U+001F after each token. Streaming: push any pieces, then finish.
 * MALFORMED names the line. */
struct ndjson;
enum status ndjson_create(struct ndjson **ndjson,
                          enum status (*sink)(void *context, const char *bytes, size_t length,
                                              struct error *err),
                          void *context, struct error *err) MUST_CHECK;
enum status ndjson_push(struct ndjson *ndjson, const char *bytes, size_t length,
                        struct error *err) MUST_CHECK;
enum status ndjson_finish(struct ndjson *ndjson, struct error *err) MUST_CHECK;
/* tokens in which a U+001F or line break became a space */
uint64_t ndjson_altered(const struct ndjson *ndjson);
void ndjson_free(struct ndjson *ndjson);

#endif
