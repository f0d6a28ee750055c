/* From the tables of all threads to one vocabulary. Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_RANK_H
#define VECMILL_CORPUS_CORPUS_RANK_H

#include <stdint.h>

#include "corpus/corpus.h"
#include "corpus/corpus_counter.h"
#include "embedding/embedding.h"

/* The most frequent word when none is kept, for messages. */
struct corpus_top {
    char word[64]; /* cut when longer */
    uint64_t count;
};

/* A word of the vocabulary. */
struct corpus_ranked {
    uint64_t count;
    uint32_t thread, number; /* where it appears first */
};

struct corpus_ranking {
    uint64_t min_count, max; /* in: which words are kept; max 0: all that reach min_count */
    /* in: called when the spectrum is known, may set min_count; NULL: nothing to choose */
    void (*choose)(void *context, struct corpus_ranking *ranking);
    void *chooser; /* context of choose */
    /* [pool->threads], each becomes a fresh map from the thread's numbers (of its last generation)
     * to ids, WORD_NONE for words that are not kept; freed by the caller, also on failure */
    uint32_t **maps;
    struct corpus_ranked *ranked; /* [size] by id; freed by the caller, also on failure */
    uint32_t size;
    uint64_t distinct;                /* of all words */
    uint64_t kept_words;              /* sum of the counts of the kept ones */
    struct corpus_top top;            /* set when no word is kept */
    struct corpus_spectrum *spectrum; /* in: its words are counted; NULL: they are not told */
};

/* Sums the counts over the threads and ranks the words: by falling count, ties by first appearance.
 * The first record of a word in the tables ends with the count of all. Errors: NO_MEMORY, REFUSED
 * (too many words), and what corpus_pool_poll says. */
enum status corpus_rank(struct corpus_pool *pool, struct corpus_counter *counters,
                        struct corpus_ranking *ranking, struct error *err) MUST_CHECK;
/* From the ranking, at least one word, and the tables. */
enum status corpus_vocabulary(const struct corpus_counter *counters,
                              const struct corpus_ranking *ranking, struct vocabulary **vocabulary,
                              struct error *err) MUST_CHECK;

#endif
