/* The words of all tables as one set. Words are dealt to the threads by their hash, so that each
 * thread merges, out of all tables, a part of its own, and no two threads write the same place.
 * Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_MERGE_H
#define VECMILL_CORPUS_CORPUS_MERGE_H

#include <stdint.h>

#include "corpus/corpus_counter.h"

/* A word over all threads. The record where it appears first sums its counts. */
struct merged {
    uint32_t thread, number; /* of that record */
    uint32_t id;             /* WORD_NONE until it is ranked */
};

/* The words whose hash falls into one part, by first appearance. */
struct part {
    struct merged *words; /* [max], pages */
    uint64_t *slots;      /* [mask + 1], pages: tag << 32 | index + 1, or 0: free */
    uint64_t max, mask;
    int shift;
    uint32_t size;
};

struct merge {
    struct corpus_pool *pool;
    struct corpus_counter *counters; /* [pool->threads] */
    /* [pool->threads][size of the table] from a thread's numbers to the places of their words in
     * their parts */
    uint32_t **maps;
    struct part *parts; /* [pool->threads], zeroed */
};

/* The part of a word. A tag, taken as a fraction of 1, is multiplied by the number of parts: the
 * whole part of the product chooses. */
static inline uint32_t part_of(uint32_t tag, int parts) {
    return (uint32_t)(tag * (uint64_t)parts >> 32);
}

static inline struct word *merged_word(const struct merge *merge, const struct merged *merged) {
    return &merge->counters[merged->thread].table.words[merged->number];
}

/* Merges part `index` and fills the maps where they lead into it; for one thread of the pool each.
 * The first record of a word in the tables ends with the count of all. Errors: NO_MEMORY, and what
 * corpus_pool_poll says. */
enum status merge_part(struct merge *merge, int index, struct error *err) MUST_CHECK;
/* Frees the parts; the maps are the caller's. */
void merge_clear(struct merge *merge);
static inline enum status merge_no_memory(struct error *err, uint64_t words) {
    return error_set(err, STATUS_NO_MEMORY, "out of memory for a vocabulary of %llu words",
                     (unsigned long long)words);
}

#endif
