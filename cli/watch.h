/* SIGINT and SIGTERM taken by a thread of their own, so that no handler and no global is needed.
 * Private to cli/. */
#ifndef VECMILL_CLI_WATCH_H
#define VECMILL_CLI_WATCH_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"

struct watch {
    atomic_int request; /* enum train_request: becomes REQUEST_STOP with the first signal */
    bool patient;       /* a second signal does not end the process */
    int code;           /* otherwise it exits at once with this code */
    /* > 0: so many seconds after watch_start the process ends with EXIT_DONE, whatever it still
     * does; that is logged */
    double limit;
    const struct logger *logger;
    pthread_t thread;
};

/* Blocks both signals in the calling thread and in all that it starts from now on. */
void watch_block(sigset_t *signals);
/* Starts the thread. Call it after watch_block and before other threads start. */
enum status watch_start(struct watch *watch, struct error *err) MUST_CHECK;
/* Ends the thread. */
void watch_stop(struct watch *watch);

#endif
