/* Threads for the phases of corpus reading: all begin, all are waited for, first failure wins.
 * Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_CREW_H
#define VECMILL_CORPUS_CORPUS_CREW_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"

struct crew {
    int threads;
    atomic_int *request; /* enum train_request; may be NULL */
    /* called on the thread of crew_run about every 50 ms; may be NULL */
    void (*tick)(void *context);
    void *tick_context;
    atomic_bool failed;     /* a member failed: the others end at their next crew_check */
    struct crew_pool *pool; /* private: the threads, from the first crew_run to crew_end */
};

typedef enum status (*crew_work)(void *context, int index, struct error *err);

/* Calls work(context, i, ...) for i in [0, crew->threads), each on a thread of its own; where the
 * system gives no thread the caller's own does the work, one index after the other. Returns the
 * failure that came first. */
enum status crew_run(struct crew *crew, crew_work work, void *context,
                     struct error *err) MUST_CHECK;
void crew_end(struct crew *crew); /* joins the threads */
/* For members between small pieces of work: CANCELLED or PAUSED when asked for, or when another
 * member failed. */
enum status crew_check(const struct crew *crew, struct error *err) MUST_CHECK;

#endif
