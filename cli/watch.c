#include "cli/watch.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/machine.h"
#include "cli/cli.h"
#include "train/train.h"

#define LONG_WAIT 3600.0 /* seconds until a wait without a limit begins anew */

void watch_block(sigset_t *signals) {
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
}

static void *watch_run(void *argument) {
    struct watch *watch = argument;
    sigset_t signals;
    double end = machine_monotonic_seconds() + watch->limit;
    watch_block(&signals);
    for (;;) {
        double left = watch->limit > 0 ? end - machine_monotonic_seconds() : LONG_WAIT;
        if (left <= 0) {
            log_line(watch->logger, LOG_WARNING,
                     "shutdown_timeout is over: ending with work unfinished");
            _exit(EXIT_DONE);
        }
        struct timespec wait = {.tv_sec = (time_t)left, .tv_nsec = (long)(fmod(left, 1) * 1e9)};
        if (sigtimedwait(&signals, NULL, &wait) < 0)
            continue;
        if (atomic_exchange(&watch->request, REQUEST_STOP) == REQUEST_STOP && !watch->patient)
            _exit(watch->code);
    }
    return NULL;
}

enum status watch_start(struct watch *watch, struct error *err) {
    sigset_t signals;
    watch_block(&signals);
    int errnum = pthread_create(&watch->thread, NULL, watch_run, watch);
    return errnum ? error_set_errno(err, errnum, "cannot start a thread") : STATUS_OK;
}

void watch_stop(struct watch *watch) {
    pthread_cancel(watch->thread); /* sigwait is where it stands, and a cancellation point */
    pthread_join(watch->thread, NULL);
}
