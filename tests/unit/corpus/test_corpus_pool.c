/* The thread pool: who works, whose failure wins, what a poll says. No test depends on a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "corpus/corpus.h"
#include "corpus/corpus_pool.h"

#define THREADS 7

struct work {
    struct corpus_pool *pool;
    atomic_int calls[THREADS], running, ticks;
    int failing; /* index of the thread that fails, or -1 */
    pthread_t ticker;
};

static enum status count_call(void *context, int index, struct error *err) {
    struct work *work = context;
    (void)err;
    atomic_fetch_add(&work->calls[index], 1);
    return STATUS_OK;
}

/* Each index once a round, at any number of threads, also when it changes from round to round. */
static void test_rounds(void **state) {
    static const int threads[] = {1, 3, THREADS, 2, 5, THREADS, 1};
    struct corpus_pool pool = {0};
    struct work work = {.pool = &pool};
    struct error err = {0};
    int expected[THREADS] = {0};
    (void)state;
    for (size_t round = 0; round < 100 * sizeof threads / sizeof *threads; round++) {
        pool.threads = threads[round % (sizeof threads / sizeof *threads)];
        for (int i = 0; i < pool.threads; i++)
            expected[i]++;
        assert_int_equal(corpus_pool_run(&pool, count_call, &work, &err), STATUS_OK);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(atomic_load(&work.calls[i]), expected[i]);
    }
    corpus_pool_stop(&pool);
    assert_null(pool.started);
    corpus_pool_stop(&pool); /* of none */
}

static enum status meet(void *context, int index, struct error *err) {
    struct work *work = context;
    (void)index;
    (void)err;
    atomic_fetch_add(&work->running, 1);
    while (atomic_load(&work->running) < work->pool->threads)
        sched_yield();
    return STATUS_OK;
}

/* All are under way together: none ends before the last has begun. */
static void test_together(void **state) {
    struct corpus_pool pool = {.threads = THREADS};
    struct work work = {.pool = &pool};
    struct error err = {0};
    (void)state;
    assert_int_equal(corpus_pool_run(&pool, meet, &work, &err), STATUS_OK);
    assert_int_equal(atomic_load(&work.running), THREADS);
    corpus_pool_stop(&pool);
}

static enum status fail_or_poll(void *context, int index, struct error *err) {
    struct work *work = context;
    if (index == work->failing)
        return error_set(err, STATUS_DISK_FULL, "thread %d failed", index);
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        status = corpus_pool_poll(work->pool, err);
        sched_yield();
    }
    return status;
}

/* The others end because one failed, and what it said is what the round says. */
static void test_first_failure_wins(void **state) {
    (void)state;
    for (int failing = 0; failing < THREADS; failing++) {
        struct corpus_pool pool = {.threads = THREADS};
        struct work work = {.pool = &pool, .failing = failing};
        struct error err = {0};
        char expected[32];
        snprintf(expected, sizeof expected, "thread %d failed", failing);
        assert_int_equal(corpus_pool_run(&pool, fail_or_poll, &work, &err), STATUS_DISK_FULL);
        assert_string_equal(err.text, expected);
        error_clear(&err);
        assert_int_equal(corpus_pool_poll(&pool, &err), STATUS_CANCELLED);
        assert_string_equal(err.text, "another thread failed");
        corpus_pool_stop(&pool);
    }
}

static void test_requests(void **state) {
    atomic_int request = REQUEST_NONE;
    struct corpus_pool pool = {.threads = 2, .request = &request};
    struct work work = {.pool = &pool, .failing = -1};
    struct error err = {0};
    (void)state;
    assert_int_equal(corpus_pool_poll(&pool, &err), STATUS_OK);
    atomic_store(&request, REQUEST_CANCEL);
    assert_int_equal(corpus_pool_run(&pool, fail_or_poll, &work, &err), STATUS_CANCELLED);
    assert_string_equal(err.text, "cancelled while reading the corpus");
    error_clear(&err);
    atomic_store(&request, REQUEST_STOP);
    assert_int_equal(corpus_pool_run(&pool, fail_or_poll, &work, &err), STATUS_PAUSED);
    assert_string_equal(err.text, "stopped while reading the corpus");
    corpus_pool_stop(&pool);
}

static void count_tick(void *context) {
    struct work *work = context;
    work->ticker = pthread_self();
    atomic_fetch_add(&work->ticks, 1);
}

static enum status wait_for_ticks(void *context, int index, struct error *err) {
    struct work *work = context;
    (void)index;
    (void)err;
    while (atomic_load(&work->ticks) < 2)
        sched_yield();
    return STATUS_OK;
}

/* Ticks come again and again as long as work goes on, on the caller's thread. */
static void test_ticks(void **state) {
    struct corpus_pool pool = {.threads = 2};
    struct work work = {.pool = &pool};
    struct error err = {0};
    (void)state;
    pool.tick = count_tick;
    pool.tick_context = &work;
    assert_int_equal(corpus_pool_run(&pool, wait_for_ticks, &work, &err), STATUS_OK);
    assert_true(atomic_load(&work.ticks) >= 2);
    assert_true(pthread_equal(work.ticker, pthread_self()));
    corpus_pool_stop(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_first_failure_wins),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_ticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
