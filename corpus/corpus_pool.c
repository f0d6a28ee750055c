#include "corpus/corpus_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "corpus/corpus.h"

#define TICK_NANOSECONDS 50000000L
#define SECOND_NANOSECONDS 1000000000L

struct pool_thread {
    struct pool_thread *next;
    struct pool_threads *threads;
    pthread_t thread;
    int index;
    unsigned long seen; /* rounds that began before */
};

/* Threads stay from round to round: fresh ones may start on one CPU and share it for
 * milliseconds. */
struct pool_threads {
    pthread_mutex_t lock;
    pthread_cond_t begun, ended;
    struct pool_thread *list;
    int n; /* in the list */
    bool over;
    unsigned long rounds;
    /* Of the round under way: */
    struct corpus_pool *pool;
    corpus_pool_work work;
    void *context;
    int wanted, running;
    enum status status; /* of the failure that came first, with its text in err */
    struct error err;
};

static void index_work(struct pool_threads *threads, int index) {
    struct error err = {0};
    enum status status = threads->work(threads->context, index, &err);
    pthread_mutex_lock(&threads->lock);
    if (status != STATUS_OK && threads->status == STATUS_OK) {
        threads->status = status;
        threads->err = err;
        atomic_store(&threads->pool->failed, true);
    }
    threads->running--;
    pthread_cond_signal(&threads->ended);
    pthread_mutex_unlock(&threads->lock);
}

static void *thread_main(void *argument) {
    struct pool_thread *thread = argument;
    struct pool_threads *threads = thread->threads;
    pthread_mutex_lock(&threads->lock);
    while (!threads->over) {
        if (threads->rounds == thread->seen) {
            pthread_cond_wait(&threads->begun, &threads->lock);
            continue;
        }
        thread->seen = threads->rounds;
        if (thread->index >= threads->wanted)
            continue;
        pthread_mutex_unlock(&threads->lock);
        index_work(threads, thread->index);
        pthread_mutex_lock(&threads->lock);
    }
    pthread_mutex_unlock(&threads->lock);
    return NULL;
}

/* On the clock that never jumps. Returns an errno, 0: none. */
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

static int conditions_init(struct pool_threads *threads) {
    int errnum = condition_init(&threads->begun);
    if (errnum != 0)
        return errnum;
    errnum = condition_init(&threads->ended);
    if (errnum != 0)
        pthread_cond_destroy(&threads->begun);
    return errnum;
}

static int lock_init(struct pool_threads *threads) {
    int errnum = pthread_mutex_init(&threads->lock, NULL);
    if (errnum != 0)
        return errnum;
    errnum = conditions_init(threads);
    if (errnum != 0)
        pthread_mutex_destroy(&threads->lock);
    return errnum;
}

static enum status threads_create(struct pool_threads **threads, struct error *err) {
    struct pool_threads *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for threads");
    int errnum = lock_init(made);
    if (errnum != 0) {
        free(made);
        return error_set_errno(err, errnum, "cannot make a mutex or a condition variable");
    }
    *threads = made;
    return STATUS_OK;
}

/* As many threads as the system gives. */
static void threads_fill(struct pool_threads *threads, int wanted) {
    while (threads->n < wanted) {
        struct pool_thread *thread = malloc(sizeof *thread);
        if (!thread)
            return;
        *thread = (struct pool_thread){.next = threads->list,
                                       .threads = threads,
                                       .index = threads->n,
                                       .seen = threads->rounds};
        if (pthread_create(&thread->thread, NULL, thread_main, thread) != 0) {
            free(thread);
            return;
        }
        threads->list = thread;
        threads->n++;
    }
}

static struct timespec next_tick(void) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_NANOSECONDS;
    if (until.tv_nsec >= SECOND_NANOSECONDS) {
        until.tv_nsec -= SECOND_NANOSECONDS;
        until.tv_sec++;
    }
    return until;
}

static void round_wait(struct pool_threads *threads) {
    const struct corpus_pool *pool = threads->pool;
    pthread_mutex_lock(&threads->lock);
    while (threads->running > 0) {
        struct timespec until = next_tick();
        int errnum = pthread_cond_timedwait(&threads->ended, &threads->lock, &until);
        if (errnum == ETIMEDOUT && pool->tick) {
            pthread_mutex_unlock(&threads->lock);
            pool->tick(pool->tick_context);
            pthread_mutex_lock(&threads->lock);
        }
    }
    pthread_mutex_unlock(&threads->lock);
}

enum status corpus_pool_run(struct corpus_pool *pool, corpus_pool_work work, void *context,
                            struct error *err) {
    enum status status = !pool->started ? threads_create(&pool->started, err) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    struct pool_threads *threads = pool->started;
    threads_fill(threads, pool->threads);
    pthread_mutex_lock(&threads->lock);
    threads->pool = pool;
    threads->work = work;
    threads->context = context;
    threads->wanted = threads->running = pool->threads;
    threads->status = STATUS_OK;
    threads->rounds++;
    pthread_cond_broadcast(&threads->begun);
    pthread_mutex_unlock(&threads->lock);
    for (int i = threads->n; i < pool->threads; i++)
        index_work(threads, i);
    round_wait(threads);
    if (threads->status != STATUS_OK)
        error_set(err, threads->status, "%s", threads->err.text);
    return threads->status;
}

void corpus_pool_stop(struct corpus_pool *pool) {
    struct pool_threads *threads = pool->started;
    if (!threads)
        return;
    pthread_mutex_lock(&threads->lock);
    threads->over = true;
    pthread_cond_broadcast(&threads->begun);
    pthread_mutex_unlock(&threads->lock);
    while (threads->list) {
        struct pool_thread *thread = threads->list;
        threads->list = thread->next;
        pthread_join(thread->thread, NULL);
        free(thread);
    }
    pthread_cond_destroy(&threads->begun);
    pthread_cond_destroy(&threads->ended);
    pthread_mutex_destroy(&threads->lock);
    free(threads);
    pool->started = NULL;
}

enum status corpus_pool_poll(const struct corpus_pool *pool, struct error *err) {
    int request =
        !pool->request ? REQUEST_NONE : atomic_load_explicit(pool->request, memory_order_relaxed);
    if (request == REQUEST_CANCEL)
        return error_set(err, STATUS_CANCELLED, "cancelled while reading the corpus");
    if (request == REQUEST_STOP)
        return error_set(err, STATUS_PAUSED, "stopped while reading the corpus");
    if (atomic_load_explicit(&pool->failed, memory_order_relaxed))
        return error_set(err, STATUS_CANCELLED, "another thread failed");
    return STATUS_OK;
}
