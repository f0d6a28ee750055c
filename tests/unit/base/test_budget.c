#include "tests/support/temporary.h"

#include <pthread.h>

#include "base/budget.h"
#include "base/buffer.h"
#include "base/stop.h"

#define THREADS 8
#define ROUNDS 200000

static void test_numbers_and_bounds(void **state) {
    (void)state;
    struct budget budget;
    budget_init(&budget, 800);
    struct grant models = {.budget = &budget, .kind = BUDGET_MODELS},
                 answer = {.budget = &budget, .kind = BUDGET_ANSWERS};
    struct error err = {0};
    /* models leave an eighth to requests and answers */
    assert_int_equal(budget_bound(&budget, BUDGET_MODELS), 700);
    assert_int_equal(budget_bound(&budget, BUDGET_IMPORTS), 700);
    assert_int_equal(budget_bound(&budget, BUDGET_REQUESTS), 800);
    assert_int_equal(budget_bound(&budget, BUDGET_ANSWERS), 800);
    assert_int_equal(grant_resize(&models, 701, "model 'm'", &err), STATUS_TOO_LARGE);
    assert_string_equal(err.key, "memory_budget");
    assert_string_equal(
        err.text,
        "model 'm' needs 701 bytes of memory; memory_budget leaves 700 to models at most");
    assert_int_equal(models.bytes, 0);
    error_clear(&err);
    assert_int_equal(grant_resize(&models, 700, "model 'm'", &err), STATUS_OK);
    assert_int_equal(grant_resize(&answer, 100, "the answer", &err), STATUS_OK);
    assert_int_equal(grant_resize(&answer, 101, "the answer", &err), STATUS_NO_MEMORY);
    assert_string_equal(err.text, "the answer needs 101 bytes of memory; of the 800 that "
                                  "memory_budget leaves to answers, 800 are in use");
    error_clear(&err);
    assert_int_equal(answer.bytes, 100); /* what it held it holds */
    assert_int_equal(atomic_load(&budget.by_kind[BUDGET_MODELS]), 700);
    assert_int_equal(atomic_load(&budget.by_kind[BUDGET_ANSWERS]), 100);
    assert_int_equal(atomic_load(&budget.refused), 2);
    assert_int_equal(grant_resize(&models, 10, "model 'm'", &err), STATUS_OK);
    assert_int_equal(grant_resize(&answer, 790, "the answer", &err), STATUS_OK);
    assert_int_equal(grant_resize(&models, UINT64_MAX, "model 'm'", &err), STATUS_TOO_LARGE);
    grant_clear(&models);
    grant_clear(&answer);
    assert_int_equal(atomic_load(&budget.used), 0);
    assert_int_equal(atomic_load(&budget.by_kind[BUDGET_MODELS]), 0);
}

static void test_no_budget_is_no_bound(void **state) {
    (void)state;
    struct grant grant = {0};
    struct error err = {0};
    assert_int_equal(grant_resize(&grant, UINT64_MAX, "all", &err), STATUS_OK);
    assert_int_equal(grant.bytes, UINT64_MAX);
    grant_clear(&grant);
    assert_int_equal(grant.bytes, 0);
}

struct racer {
    struct budget *budget;
    pthread_barrier_t *start;   /* all begin at once */
    atomic_uint_fast64_t *held; /* by all; counted before giving back and after getting */
    unsigned seed;
    bool exceeded;
    uint64_t granted, refused;
};

static void *race(void *context) {
    struct racer *racer = context;
    struct grant grant = {.budget = racer->budget,
                          .kind = (enum budget_kind)(racer->seed % BUDGET_KINDS)};
    (void)pthread_barrier_wait(racer->start);
    for (int i = 0; i < ROUNDS; i++) {
        racer->seed = racer->seed * 1664525u + 1013904223u;
        uint64_t before = grant.bytes, bytes = racer->seed >> 20;
        if (bytes < before)
            atomic_fetch_sub(racer->held, before - bytes);
        bool good = grant_resize(&grant, bytes, "a piece", NULL) == STATUS_OK;
        if (good && bytes > before)
            atomic_fetch_add(racer->held, bytes - before);
        racer->granted += good;
        racer->refused += !good;
        racer->exceeded = racer->exceeded || atomic_load(racer->held) > racer->budget->limit ||
                          atomic_load(&racer->budget->used) > racer->budget->limit;
    }
    atomic_fetch_sub(racer->held, grant.bytes);
    grant_clear(&grant);
    return NULL;
}

static void test_threads_never_exceed_it(void **state) {
    (void)state;
    struct budget budget;
    atomic_uint_fast64_t held;
    struct racer racers[THREADS];
    pthread_t threads[THREADS];
    uint64_t granted = 0, refused = 0;
    budget_init(&budget, 3000); /* less than the largest piece: some are refused in any case */
    atomic_init(&held, 0);
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.budget = &budget, .start = &start, .held = &held, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(racers[i].exceeded);
        granted += racers[i].granted;
        refused += racers[i].refused;
    }
    pthread_barrier_destroy(&start);
    assert_true(granted > 0);
    assert_true(refused > 0);
    assert_int_equal(atomic_load(&budget.used), 0);
    for (int kind = 0; kind < BUDGET_KINDS; kind++)
        assert_int_equal(atomic_load(&budget.by_kind[kind]), 0);
}

static void test_buffer_is_counted(void **state) {
    (void)state;
    static const char piece[4096];
    struct budget budget;
    budget_init(&budget, 4 * BUFFER_FREE_BYTES);
    struct grant grant = {.budget = &budget, .kind = BUDGET_ANSWERS};
    struct buffer buffer = {.grant = &grant};
    struct error err = {0};
    size_t taken = 0;
    while (buffer.length + sizeof piece <= BUFFER_FREE_BYTES)
        buffer_append(&buffer, piece, sizeof piece);
    assert_int_equal(atomic_load(&budget.used), 0); /* the first bytes are free */
    for (; !buffer.failed && taken < 10 * BUFFER_FREE_BYTES; taken += sizeof piece) {
        buffer_append(&buffer, piece, sizeof piece);
        assert_true(buffer.failed || buffer.length <= grant.bytes);
    }
    assert_true(buffer.failed);
    assert_int_equal(buffer.length, 4 * BUFFER_FREE_BYTES);
    assert_int_equal(buffer_explain(&buffer, "the answer", &err), STATUS_TOO_LARGE);
    assert_non_null(strstr(err.text, "the answer needs 327680 bytes"));
    buffer_clear(&buffer);
    assert_int_equal(grant.bytes, 4 * BUFFER_FREE_BYTES); /* the grant's owner gives back */
    grant_clear(&grant);
    assert_int_equal(atomic_load(&budget.used), 0);
    /* without a grant nothing is counted, and a failure is out of memory */
    buffer_append(&buffer, piece, sizeof piece);
    buffer_reserve(&buffer, SIZE_MAX);
    error_clear(&err);
    assert_int_equal(buffer_explain(&buffer, "the answer", &err), STATUS_NO_MEMORY);
    buffer_clear(&buffer);
}

static bool third(void *context) {
    return ++*(int *)context >= 3;
}

static void test_stop(void **state) {
    (void)state;
    int calls = 0;
    struct stop stop = {third, &calls};
    struct error err = {0};
    assert_false(stop_asked(NULL));
    assert_int_equal(stop_check(NULL, "the search", &err), STATUS_OK);
    assert_int_equal(stop_check(&stop, "the search", &err), STATUS_OK);
    assert_int_equal(stop_check(&stop, "the search", &err), STATUS_OK);
    assert_int_equal(stop_check(&stop, "the search", &err), STATUS_CANCELLED);
    assert_string_equal(err.text,
                        "the search was stopped: its client is gone, or the service stops");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_bounds),
        cmocka_unit_test(test_no_budget_is_no_bound),
        cmocka_unit_test(test_threads_never_exceed_it),
        cmocka_unit_test(test_buffer_is_counted),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
