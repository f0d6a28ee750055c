/* Named failures for tests. Without VECMILL_FAILPOINTS every call compiles to nothing. */
#ifndef VECMILL_BASE_FAILPOINT_H
#define VECMILL_BASE_FAILPOINT_H

#include <stdbool.h>

#include "base/error.h"

#ifdef VECMILL_FAILPOINTS
/* spec: "name:action@n" joined by commas. action is kill (SIGKILL to this process), eio, enospc, or
 * skip (see failpoint_skips); it happens at the n-th hit of name (the first when left out), with
 * "@n+" at every hit from the n-th on. Replaces what was configured; NULL or "" turns all failures
 * off. Threads: not while others hit failure points. */
void failpoint_configure(const char *spec);
/* Fails, or does not return, when the spec says so. */
enum status failpoint_hit(const char *name, struct error *err) MUST_CHECK;
/* True: the caller leaves out what the point is named after, and says that it was done. This plants
 * a defect, to see whether a campaign finds it. */
bool failpoint_skips(const char *name);
#else
static inline enum status failpoint_hit(const char *name, struct error *err) {
    (void)name;
    (void)err;
    return STATUS_OK;
}
static inline bool failpoint_skips(const char *name) {
    (void)name;
    return false;
}
#endif

#endif
