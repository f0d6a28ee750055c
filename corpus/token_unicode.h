/* Words by the Unicode rules. Private to corpus/. */
#ifndef VECMILL_CORPUS_TOKEN_UNICODE_H
#define VECMILL_CORPUS_TOKEN_UNICODE_H

#include <stdbool.h>

#include "corpus/tokenizer.h"

/* Fills tokenizer->kinds. */
void token_unicode_init(struct tokenizer *tokenizer);
/* Visits the words of one run, [run, end): text without ASCII white space. Boundaries are those of
 * Unicode Standard Annex #29, and each word is in Normalization Form C with full case folding.
 * Segments without a letter, a number or an ideograph are no words. Invalid UTF-8 separates words,
 * and counts in tokenizer->invalid. ascii: all bytes of the run are below 128. */
enum status token_unicode_run(struct tokenizer *tokenizer, const char *run, const char *end,
                              bool ascii, token_visit visit, void *context,
                              struct error *err) MUST_CHECK;

#endif
