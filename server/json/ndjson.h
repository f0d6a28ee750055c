/* Newline-delimited JSON on its way into a corpus. */
#ifndef VECMILL_SERVER_NDJSON_H
#define VECMILL_SERVER_NDJSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Turns NDJSON (a line is a string, an array of tokens, or an object with "text" or "tokens") into
 * the `tokens` format of train/: text of a string stands as it is; an array becomes one line that
 * begins with U+001F and has U+001F after each token. A token is a string or a whole number. Lines
 * and values that are null are skipped and counted. Streaming: push any pieces, then finish.
 * MALFORMED names the line.
 *
 * A line with a weight w counts as w lines: it is written floor(w) times, and once more with the
 * probability that is left, by a hash of its number: what is written does not depend on how the
 * stream is cut. A line that is not written at all is counted as skipped. MALFORMED: a weight that
 * is no number of 0 to max_weight. */
struct ndjson_fields {
    /* the member of an object that is read instead of text or tokens, a string or an array; "auto"
     * for none. Lines without it are skipped and counted, unless all are */
    const char *text;
    /* the member that holds the weight; without it, and with null, it is 1. "auto": "weight", of
     * objects with tokens; "none" */
    const char *weight;
    int64_t max_weight;
};
#define NDJSON_PLAIN ((struct ndjson_fields){.text = "auto", .weight = "none"})
struct ndjson;
/* The names live as long as the ndjson. */
enum status ndjson_create(struct ndjson **ndjson, const struct ndjson_fields *fields,
                          enum status (*sink)(void *context, const char *bytes, size_t length,
                                              struct error *err),
                          void *context, struct error *err) MUST_CHECK;
enum status ndjson_push(struct ndjson *ndjson, const char *bytes, size_t length,
                        struct error *err) MUST_CHECK;
enum status ndjson_finish(struct ndjson *ndjson, struct error *err) MUST_CHECK;
/* tokens and texts in which a NUL, U+001F or line break became a space, or whose byte order mark
 * was taken away */
uint64_t ndjson_altered(const struct ndjson *ndjson);
/* lines and tokens that were null, and lines without the field that is read */
uint64_t ndjson_skipped(const struct ndjson *ndjson);
void ndjson_free(struct ndjson *ndjson);

#endif
