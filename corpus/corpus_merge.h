/* From the tables of all threads to one vocabulary, and from their numbers to its ids. Private to
 * corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_MERGE_H
#define VECMILL_CORPUS_CORPUS_MERGE_H

#include <stdint.h>

#include "corpus/corpus.h"
#include "corpus/corpus_counter.h"

/* What a map gives for a word dropped for good: the vocabulary has no such id. */
#define CORPUS_DROPPED WORD_NONE

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

/* Sums the counts over the threads and ranks the words: by falling count, ties by first appearance.
 * min_count and max (0 = all) choose. maps: [pool->threads], each gets a fresh map from the
 * thread's numbers (of its last generation) to ids; ranked: the words in the order of their ids;
 * both freed by the caller, also on failure. distinct: of all words. top is set when no word is
 * left. The first record of a word in the tables ends with the count of all. */
struct corpus_ranking {
    uint64_t min_count, max;
    uint32_t **maps;
    struct corpus_ranked *ranked; /* [size] */
    uint32_t size;
    uint64_t distinct, kept_words;
    struct corpus_top top;
};
enum status corpus_rank(struct corpus_pool *pool, struct corpus_counter *counters,
                        struct corpus_ranking *ranking, struct error *err) MUST_CHECK;
/* From the ranking, at least one word, and the tables. */
enum status corpus_vocabulary(const struct corpus_counter *counters,
                              const struct corpus_ranking *ranking, struct vocabulary **vocabulary,
                              struct error *err) MUST_CHECK;

/* Writes the ids of all ranges, in the order of the text, to the file `ids`: dropped words left
 * out, a sentence end behind each sentence that kept a word. Maps in the spill buffers of the counters are
 * replaced. beside: other work, which one of the threads does while the rest begin. done: numbers
 * read so far, for progress. */
struct corpus_remap {
    struct corpus_counter *counters;
    uint32_t *const *maps;
    enum status (*beside)(void *context, struct error *err);
    void *beside_context;
    int ids;
    atomic_ullong done;
    uint64_t length, words;
};
enum status corpus_remap(struct corpus_pool *pool, struct corpus_remap *remap,
                         struct error *err) MUST_CHECK;

#endif
