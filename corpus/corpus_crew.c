#include "corpus/corpus_crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "corpus/corpus.h"

#define TICK_NANOSECONDS 50000000L

struct crew_member {
    struct crew_member *next;
    struct crew_pool *pool;
    pthread_t thread;
    int index;
    unsigned long seen; /* rounds that began before */
};

/* Threads stay from round to round: fresh ones may start on one CPU and share it for
 * milliseconds. */
struct crew_pool {
    pthread_mutex_t lock;
    pthread_cond_t begun, ended;
    struct crew_member *members;
    int n;
    bool over;
    unsigned long rounds;
    /* Of the round under way: */
    struct crew *crew;
    crew_work work;
    void *context;
    int threads, running;
    enum status status; /* of the failure that came first, with its text in err */
    struct error err;
};

static void member_work(struct crew_pool *pool, int index) {
    struct error err = {0};
    enum status status = pool->work(pool->context, index, &err);
    pthread_mutex_lock(&pool->lock);
    if (status != STATUS_OK && pool->status == STATUS_OK) {
        pool->status = status;
        pool->err = err;
        atomic_store(&pool->crew->failed, true);
    }
    pool->running--;
    pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
}

static void *member_main(void *argument) {
    struct crew_member *member = argument;
    struct crew_pool *pool = member->pool;
    pthread_mutex_lock(&pool->lock);
    while (!pool->over) {
        if (pool->rounds == member->seen) {
            pthread_cond_wait(&pool->begun, &pool->lock);
            continue;
        }
        member->seen = pool->rounds;
        if (member->index >= pool->threads)
            continue;
        pthread_mutex_unlock(&pool->lock);
        member_work(pool, member->index);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static int condition_init(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    int errnum = pthread_condattr_init(&attributes);
    if (errnum != 0)
        return errnum;
    errnum = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (errnum == 0)
        errnum = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return errnum;
}

static enum status pool_create(struct crew_pool **pool, struct error *err) {
    struct crew_pool *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for threads");
    int errnum = pthread_mutex_init(&made->lock, NULL);
    if (errnum != 0)
        goto no_lock;
    errnum = condition_init(&made->begun);
    if (errnum != 0)
        goto no_begun;
    errnum = condition_init(&made->ended);
    if (errnum == 0) {
        *pool = made;
        return STATUS_OK;
    }
    pthread_cond_destroy(&made->begun);
no_begun:
    pthread_mutex_destroy(&made->lock);
no_lock:
    free(made);
    return error_set_errno(err, errnum, "cannot make a mutex or a condition variable");
}

/* As many members as the system gives. */
static void pool_fill(struct crew_pool *pool, int threads) {
    while (pool->n < threads) {
        struct crew_member *member = malloc(sizeof *member);
        if (!member)
            return;
        *member = (struct crew_member){
            .next = pool->members, .pool = pool, .index = pool->n, .seen = pool->rounds};
        if (pthread_create(&member->thread, NULL, member_main, member) != 0) {
            free(member);
            return;
        }
        pool->members = member;
        pool->n++;
    }
}

static void round_wait(struct crew_pool *pool) {
    const struct crew *crew = pool->crew;
    pthread_mutex_lock(&pool->lock);
    while (pool->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_NANOSECONDS;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        if (pthread_cond_timedwait(&pool->ended, &pool->lock, &until) == ETIMEDOUT && crew->tick) {
            pthread_mutex_unlock(&pool->lock);
            crew->tick(crew->tick_context);
            pthread_mutex_lock(&pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

enum status crew_run(struct crew *crew, crew_work work, void *context, struct error *err) {
    enum status status = !crew->pool ? pool_create(&crew->pool, err) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    struct crew_pool *pool = crew->pool;
    pool_fill(pool, crew->threads);
    pthread_mutex_lock(&pool->lock);
    pool->crew = crew;
    pool->work = work;
    pool->context = context;
    pool->threads = pool->running = crew->threads;
    pool->status = STATUS_OK;
    pool->rounds++;
    pthread_cond_broadcast(&pool->begun);
    pthread_mutex_unlock(&pool->lock);
    for (int i = pool->n; i < crew->threads; i++)
        member_work(pool, i);
    round_wait(pool);
    if (pool->status != STATUS_OK)
        error_set(err, pool->status, "%s", pool->err.text);
    return pool->status;
}

void crew_end(struct crew *crew) {
    struct crew_pool *pool = crew->pool;
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->over = true;
    pthread_cond_broadcast(&pool->begun);
    pthread_mutex_unlock(&pool->lock);
    while (pool->members) {
        struct crew_member *member = pool->members;
        pool->members = member->next;
        pthread_join(member->thread, NULL);
        free(member);
    }
    pthread_cond_destroy(&pool->begun);
    pthread_cond_destroy(&pool->ended);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    crew->pool = NULL;
}

enum status crew_check(const struct crew *crew, struct error *err) {
    int request =
        !crew->request ? REQUEST_NONE : atomic_load_explicit(crew->request, memory_order_relaxed);
    if (request == REQUEST_CANCEL)
        return error_set(err, STATUS_CANCELLED, "cancelled while reading the corpus");
    if (request == REQUEST_STOP)
        return error_set(err, STATUS_PAUSED, "stopped while reading the corpus");
    if (atomic_load_explicit(&crew->failed, memory_order_relaxed))
        return error_set(err, STATUS_CANCELLED, "another thread failed");
    return STATUS_OK;
}
