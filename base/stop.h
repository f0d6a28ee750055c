/* Whether long work is still wanted: asked between its pieces. */
#ifndef VECMILL_BASE_STOP_H
#define VECMILL_BASE_STOP_H

#include <stdbool.h>

#include "base/error.h"

/* NULL stands for work that nothing stops. asked: true ends the work; called from any thread that
 * does a part of it, every few microseconds, also again after it said true. */
struct stop {
    bool (*asked)(void *context);
    void *context;
};

static inline bool stop_asked(const struct stop *stop) {
    return stop && stop->asked(stop->context);
}

/* CANCELLED; `what` is what is stopped, as "the search". */
static inline enum status stop_error(const char *what, struct error *err) {
    return error_set(err, STATUS_CANCELLED,
                     "%s was stopped: its client is gone, or the service stops", what);
}

static inline enum status stop_check(const struct stop *stop, const char *what, struct error *err) {
    return stop_asked(stop) ? stop_error(what, err) : STATUS_OK;
}

#endif
