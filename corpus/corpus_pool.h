/* The thread pool of corpus reading. Reading goes through phases (decode, count, merge, number),
 * and each phase is one round of the pool: all threads begin, all are waited for, and the failure
 * that came first is the failure of the round. Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_POOL_H
#define VECMILL_CORPUS_CORPUS_POOL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"

struct corpus_pool {
    int threads;         /* of a round; may change between rounds */
    atomic_int *request; /* enum train_request, which others may set at any time; may be NULL */
    /* called on the thread of corpus_pool_run about every 50 ms; may be NULL */
    void (*tick)(void *context);
    void *tick_context;
    atomic_bool failed;           /* some thread failed: the others end at their next poll */
    struct pool_threads *started; /* from the first corpus_pool_run to corpus_pool_stop */
};

/* What one thread does in a round. index: 0 .. threads - 1. */
typedef enum status (*corpus_pool_work)(void *context, int index, struct error *err);

/* One round: calls work(context, i, ...) for each i in [0, pool->threads), each on a thread of its
 * own. Where the system gives no thread, the caller's own does the work, one index after the other.
 * Returns when all have ended. Errors: the one that came first, or NO_MEMORY and the system's for
 * what the pool itself needs. */
enum status corpus_pool_run(struct corpus_pool *pool, corpus_pool_work work, void *context,
                            struct error *err) MUST_CHECK;
/* Joins the threads; fine when none were started. */
void corpus_pool_stop(struct corpus_pool *pool);
/* For the threads, between small pieces of work: CANCELLED or PAUSED when that was requested,
 * CANCELLED when another thread failed. Costs two relaxed loads. */
enum status corpus_pool_poll(const struct corpus_pool *pool, struct error *err) MUST_CHECK;

#endif
