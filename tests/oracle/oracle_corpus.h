/* The simple way to read a corpus: one thread, one pass, lists searched from the front. What the
 * reader in corpus/ must equal. */
#ifndef VECMILL_TESTS_ORACLE_CORPUS_H
#define VECMILL_TESTS_ORACLE_CORPUS_H

#include "config/config.h"
#include "train/train.h"

struct oracle_word {
    char *text;
    size_t length;
    uint64_t count;
    uint32_t first; /* order of appearance */
    uint32_t id;    /* WORD_NONE: dropped */
};

struct oracle_corpus {
    struct corpus_report report; /* seconds and pruned_words stay 0 */
    struct oracle_word *words;   /* by id, dropped ones behind */
    uint32_t n_words;
    uint32_t *ids; /* as struct corpus has them */
    uint64_t length, kept;
};

void oracle_corpus_read(struct oracle_corpus *oracle, const struct settings *settings,
                        const char *text, size_t length);
void oracle_corpus_clear(struct oracle_corpus *oracle);

#endif
