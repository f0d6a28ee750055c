/* Pairs of words from outside the text, for one vocabulary: a line has two words and perhaps a
 * weight, with tabs or white space between. */
#ifndef VECMILL_CORPUS_PAIR_LIST_H
#define VECMILL_CORPUS_PAIR_LIST_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"
#include "embedding/embedding.h"

/* What became of the pairs of a file: none is dropped in silence. Plain data. */
struct pair_report {
    uint64_t pairs; /* lines that hold one */
    uint64_t used;
    uint64_t unknown;    /* left out: a word of them is not in the vocabulary */
    uint64_t same;       /* left out: a word with itself */
    uint64_t weightless; /* left out: their weight is 0 */
};

struct pair_list {
    uint32_t (*ids)[2]; /* [n] ids of the two words, which differ */
    double *weights;    /* [n] above 0, finite */
    uint32_t n;         /* report.used */
    struct pair_report report;
};

/* Reads the file: UTF-8 text, or that compressed as a corpus may be. A line with a tab is fields
 * between tabs, another one fields between white space; a third field is the weight, which is 1
 * where there is none. A word is looked up as it stands, then as `tokenizer` and `lowercase` would
 * read it. Empty lines are skipped. settings: tokenizer, lowercase, max_window_bytes,
 * max_invalid_share. request: polled; may be NULL.
 * Errors, with the key `pairs`: MALFORMED with the number of the line (one or more than three
 * fields, a weight that is no finite number of at least 0); REFUSED when no pair can be used;
 * NOT_FOUND, UNSUPPORTED, NO_MEMORY, CANCELLED, PAUSED. The caller clears the list, also after a
 * failure. Cost: linear in the text; 16 bytes for each pair that is used. */
enum status pair_list_read(struct pair_list *list, const struct settings *settings,
                           const char *path, const struct vocabulary *vocabulary,
                           atomic_int *request, struct error *err) MUST_CHECK;
void pair_list_clear(struct pair_list *list);

#endif
