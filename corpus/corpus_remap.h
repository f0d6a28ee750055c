/* From the spilled numbers of all ranges to the ids file. Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_REMAP_H
#define VECMILL_CORPUS_CORPUS_REMAP_H

#include <stdatomic.h>
#include <stdint.h>

#include "corpus/corpus_counter.h"

struct corpus_remap {
    struct corpus_counter *counters; /* [pool->threads] */
    uint32_t *const *maps; /* [pool->threads], from numbers of the last generation to ids */
    /* other work, which one of the threads does while the rest begin */
    enum status (*beside)(void *context, struct error *err);
    void *beside_context;
    int ids;            /* the file to write */
    atomic_ullong done; /* numbers read so far, for progress */
    uint64_t length;    /* out: entries written */
    uint64_t words;     /* out: how many of them are words */
};

/* Writes the ids of all ranges, in the order of the text, to the file `ids`: dropped words left
 * out, a sentence end (WORD_NONE) behind each sentence that kept a word. Maps in the spill buffers
 * of the counters are replaced. Errors: NO_MEMORY, DISK_FULL, those of `beside`, and what
 * corpus_pool_poll says. */
enum status corpus_remap(struct corpus_pool *pool, struct corpus_remap *remap,
                         struct error *err) MUST_CHECK;

#endif
