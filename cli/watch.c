#include "cli/watch.h"

#include <stdio.h>
#include <unistd.h>

#include "train/train.h"

void watch_block(sigset_t *signals) {
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
}

static void *watch_run(void *argument) {
    struct watch *watch = argument;
    sigset_t signals;
    int number;
    watch_block(&signals);
    for (;;) {
        if (sigwait(&signals, &number) != 0)
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
