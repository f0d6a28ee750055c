#include "train/corpus_crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "train/train.h"

#define TICK_NANOSECONDS 50000000L

struct crew_round {
    struct crew *crew;
    crew_work work;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int running;
    enum status status; /* of the failure that came first, with its text in err */
    struct error err;
};

struct crew_member {
    struct crew_round *round;
    pthread_t thread;
    int index;
    bool started;
};

static void member_work(struct crew_round *round, int index) {
    struct error err = {0};
    enum status status = round->work(round->context, index, &err);
    pthread_mutex_lock(&round->lock);
    if (status != STATUS_OK && round->status == STATUS_OK) {
        round->status = status;
        round->err = err;
        atomic_store(&round->crew->failed, true);
    }
    round->running--;
    pthread_cond_signal(&round->ended);
    pthread_mutex_unlock(&round->lock);
}

static void *member_main(void *argument) {
    struct crew_member *member = argument;
    member_work(member->round, member->index);
    return NULL;
}

static void round_wait(struct crew_round *round) {
    struct crew *crew = round->crew;
    pthread_mutex_lock(&round->lock);
    while (round->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_NANOSECONDS;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        if (pthread_cond_timedwait(&round->ended, &round->lock, &until) == ETIMEDOUT && crew->tick != NULL) {
            pthread_mutex_unlock(&round->lock);
            crew->tick(crew->tick_context);
            pthread_mutex_lock(&round->lock);
        }
    }
    pthread_mutex_unlock(&round->lock);
}

static enum status round_init(struct crew_round *round, struct error *err) {
    pthread_condattr_t attributes;
    int errnum = pthread_condattr_init(&attributes);
    if (errnum == 0) {
        errnum = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        if (errnum == 0)
            errnum = pthread_cond_init(&round->ended, &attributes);
        pthread_condattr_destroy(&attributes);
    }
    if (errnum != 0)
        return error_set_errno(err, errnum, "cannot make a condition variable");
    errnum = pthread_mutex_init(&round->lock, NULL);
    if (errnum != 0) {
        pthread_cond_destroy(&round->ended);
        return error_set_errno(err, errnum, "cannot make a mutex");
    }
    return STATUS_OK;
}

enum status crew_run(struct crew *crew, crew_work work, void *context, struct error *err) {
    struct crew_round round = {.crew = crew, .work = work, .context = context, .running = crew->threads};
    struct crew_member *members = calloc((size_t)crew->threads, sizeof *members);
    if (members == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %d threads", crew->threads);
    enum status status = round_init(&round, err);
    if (status != STATUS_OK) {
        free(members);
        return status;
    }
    for (int i = 0; i < crew->threads; i++) {
        members[i] = (struct crew_member){.round = &round, .index = i};
        members[i].started = pthread_create(&members[i].thread, NULL, member_main, &members[i]) == 0;
    }
    for (int i = 0; i < crew->threads; i++)
        if (!members[i].started)
            member_work(&round, i);
    round_wait(&round);
    for (int i = 0; i < crew->threads; i++)
        if (members[i].started)
            pthread_join(members[i].thread, NULL);
    pthread_cond_destroy(&round.ended);
    pthread_mutex_destroy(&round.lock);
    free(members);
    if (round.status != STATUS_OK)
        error_set(err, round.status, "%s", round.err.text);
    return round.status;
}

enum status crew_check(const struct crew *crew, struct error *err) {
    int request = crew->request == NULL ? REQUEST_NONE : atomic_load_explicit(crew->request, memory_order_relaxed);
    if (request == REQUEST_CANCEL)
        return error_set(err, STATUS_CANCELLED, "cancelled while reading the corpus");
    if (request == REQUEST_STOP)
        return error_set(err, STATUS_PAUSED, "stopped while reading the corpus");
    if (atomic_load_explicit(&crew->failed, memory_order_relaxed))
        return error_set(err, STATUS_CANCELLED, "another thread failed");
    return STATUS_OK;
}
