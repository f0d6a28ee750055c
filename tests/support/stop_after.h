/* A stop that says true from the n-th time on that it is asked, from any thread. */
#ifndef VECMILL_TESTS_STOP_AFTER_H
#define VECMILL_TESTS_STOP_AFTER_H

#include <stdatomic.h>

#include "base/stop.h"

struct stop_after {
    atomic_int calls;
    int n;
};

static inline bool stop_after_asked(void *context) {
    struct stop_after *after = context;
    return atomic_fetch_add(&after->calls, 1) + 1 >= after->n;
}

static inline struct stop stop_after(struct stop_after *after, int n) {
    atomic_init(&after->calls, 0);
    after->n = n;
    return (struct stop){stop_after_asked, after};
}

#endif
