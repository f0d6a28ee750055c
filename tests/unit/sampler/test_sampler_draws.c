/* What samplers draw: distribution, independence, repeatability, unique batches. */
#include "tests/support/sampler_made.h"

/* ---- a million draws against the probabilities ----------------------------------------------- */

/* The standard normal that a chi-square of `cells` cells is as likely as (Wilson and Hilferty
 * 1931). */
static double chi_square_normal(double chi_square, size_t cells) {
    double freedom = (double)cells - 1, v = 2 / (9 * freedom);
    return (cbrt(chi_square / freedom) - (1 - v)) / sqrt(v);
}

/* Neighbouring ids are pooled until 25 draws are expected. 4.9 is a probability of 5e-7 on each
 * side. */
static void check_draws(const struct sampler *sampler, const uint32_t *ids, size_t n, int line) {
    uint32_t range = sampler_range(sampler);
    uint32_t *seen = calloc(range, sizeof *seen);
    assert_non_null(seen);
    for (size_t i = 0; i < n; i++) {
        assert_true(ids[i] < range);
        seen[ids[i]]++;
    }
    double chi_square = 0, expected = 0, observed = 0, left = (double)n;
    size_t cells = 0;
    for (uint32_t id = 0; id < range; id++) {
        double mean = sampler_probability(sampler, id) * (double)n;
        assert_true(mean > 0 || seen[id] == 0);
        expected += mean;
        observed += seen[id];
        left -= mean;
        if ((expected >= 25 && left >= 25) || id == range - 1) {
            chi_square += (observed - expected) * (observed - expected) / expected;
            expected = observed = 0;
            cells++;
        }
    }
    free(seen);
    assert_true(cells > 3);
    if (!(fabs(chi_square_normal(chi_square, cells)) < 4.9))
        fail_msg("line %d: chi-square %g of %zu cells", line, chi_square, cells);
}

static void check_million(struct sampler *sampler, uint64_t seed, int line) {
    enum { DRAWS = 1000000 };
    uint32_t *ids = calloc(DRAWS, sizeof *ids);
    assert_non_null(ids);
    struct random random;
    random_init(&random, seed, 0);
    sampler_fill(sampler, &random, ids, DRAWS);
    check_draws(sampler, ids, DRAWS, line);
    for (size_t i = 0; i < DRAWS; i += 40) /* short fills, as training asks for them */
        sampler_fill(sampler, &random, ids + i, 40);
    check_draws(sampler, ids, DRAWS, line);
    struct error err = {0};
    uint64_t tries;
    assert_int_equal(sampler_sample(sampler, &random, NULL, NULL, false, ids, DRAWS, &tries, &err),
                     STATUS_OK);
    check_draws(sampler, ids, DRAWS, line);
    free(ids);
    sampler_free(sampler);
}

static void million_log_uniform(void **state) {
    (void)state;
    check_million(log_uniform(10), 1, __LINE__);
    check_million(log_uniform(1000), 2, __LINE__);
    check_million(log_uniform(300007), 3, __LINE__);
}

static void million_uniform(void **state) {
    (void)state;
    check_million(made(SAMPLER_UNIFORM, 7, NULL, 0), 1, __LINE__);
    check_million(made(SAMPLER_UNIFORM, 1000, NULL, 0), 2, __LINE__);
    check_million(made(SAMPLER_UNIFORM, 3000017, NULL, 0), 3, __LINE__);
}

static void million_unigram(void **state) {
    (void)state;
    enum { RANGE = 20000 };
    uint64_t *counts = calloc(RANGE, sizeof *counts);
    assert_non_null(counts);
    for (uint32_t k = 0; k < RANGE; k++)
        counts[k] = 10000000 / (k + 3);
    check_million(made(SAMPLER_UNIGRAM, RANGE, counts, 0.75), 1, __LINE__);
    check_million(made(SAMPLER_UNIGRAM, RANGE, counts, 0), 2, __LINE__);
    check_million(made(SAMPLER_UNIGRAM, RANGE, counts, 1), 3, __LINE__);
    check_million(made(SAMPLER_UNIGRAM, 50, counts, 2), 4, __LINE__);
    static const uint64_t words[] = {10, 5, 3, 1, 1, 0, 0};
    check_million(made(SAMPLER_UNIGRAM, 7, words, 0.75), 5, __LINE__);
    free(counts);
}

/* Whatever the setting `sampler` can name: probabilities are a distribution, both ways to draw
 * agree with it, and so do the samplers' own facts. */
static void million_of_every_choice(void **state) {
    (void)state;
    enum { RANGE = 5000 };
    uint64_t *counts = calloc(RANGE, sizeof *counts);
    assert_non_null(counts);
    for (uint32_t k = 0; k < RANGE; k++)
        counts[k] = 3000000 / (k + 5);
    size_t n = 0;
    for (const char *const *name = sampler_names(); *name; name++, n++) {
        struct sampler *sampler = made_by_name(*name, RANGE, counts);
        double sum = 0;
        uint32_t support = 0;
        for (uint32_t id = 0; id < RANGE; id++) {
            sum += sampler_probability(sampler, id);
            support += sampler_probability(sampler, id) > 0;
        }
        assert_close(sum, 1, 1e-12);
        assert_int_equal(sampler_range(sampler), RANGE);
        assert_int_equal(sampler_support(sampler), support);
        assert_true(sampler_probability(sampler, RANGE) == 0);
        check_million(sampler, 100 + n, __LINE__);
    }
    assert_true(n >= 3);
    free(counts);
}

/* No two choices are one distribution: a new one that draws as an old one does is a mistake. */
static void choices_differ(void **state) {
    (void)state;
    static const uint64_t counts[] = {900, 400, 100, 50, 10};
    for (const char *const *a = sampler_names(); *a; a++)
        for (const char *const *b = a + 1; *b; b++) {
            struct sampler *one = made_by_name(*a, COUNT(counts), counts),
                           *other = made_by_name(*b, COUNT(counts), counts);
            double distance = 0;
            for (uint32_t id = 0; id < COUNT(counts); id++)
                distance += fabs(sampler_probability(one, id) - sampler_probability(other, id));
            if (!(distance > 0.01))
                fail_msg("%s and %s draw alike", *a, *b);
            sampler_free(one);
            sampler_free(other);
        }
}

/* Neighbouring draws of a fill are independent: pairs of a range of 10 against the product. */
static void fill_pairs(void **state) {
    (void)state;
    enum { DRAWS = 1000000 };
    struct sampler *sampler = log_uniform(10);
    uint32_t *ids = calloc(DRAWS, sizeof *ids);
    assert_non_null(ids);
    struct random random;
    random_init(&random, 11, 4);
    sampler_fill(sampler, &random, ids, DRAWS);
    double seen[100] = {0}, chi_square = 0;
    for (size_t i = 0; i < DRAWS; i += 2)
        seen[ids[i] * 10 + ids[i + 1]]++;
    for (uint32_t i = 0; i < 100; i++) {
        double mean = sampler_probability(sampler, i / 10) * sampler_probability(sampler, i % 10) *
                      (double)(DRAWS / 2);
        chi_square += (seen[i] - mean) * (seen[i] - mean) / mean;
    }
    assert_true(fabs(chi_square_normal(chi_square, 100)) < 4.9);
    free(ids);
    sampler_free(sampler);
}

/* The same state gives the same ids, bit for bit, on every machine: these figures were taken
 * once. */
static void fill_is_repeatable(void **state) {
    (void)state;
    enum { N = 4096 };
    uint32_t ids[N], again[N];
    struct sampler *sampler = log_uniform(50000);
    struct random random, copy;
    random_init(&random, 1234, 5);
    copy = random;
    sampler_fill(sampler, &random, ids, N);
    sampler_fill(sampler, &copy, again, N);
    assert_memory_equal(ids, again, sizeof ids);
    assert_memory_equal(&random, &copy, sizeof random);
    sampler_fill(sampler, &random, again, N);
    assert_memory_not_equal(ids, again, sizeof ids);
    uint64_t hash = 0;
    for (size_t i = 0; i < N; i++)
        hash = random_mix(hash + ids[i]);
    assert_int_equal(hash, UINT64_C(0x7e2c4794c101558c));
    sampler_free(sampler);

    static const uint64_t counts[] = {90001, 40000, 1234, 1233, 77, 5, 1, 0};
    sampler = made(SAMPLER_UNIGRAM, 8, counts, 0.8);
    struct random fixed = {{1, 2, 3, 4}};
    sampler_fill(sampler, &fixed, ids, N);
    hash = 0;
    for (size_t i = 0; i < N; i++)
        hash = random_mix(hash + ids[i]);
    assert_int_equal(hash, UINT64_C(0x3a2659a0c7f03dde));
    uint32_t nothing = 42;
    sampler_fill(sampler, &fixed, &nothing, 0);
    assert_int_equal(nothing, 42);
    sampler_free(sampler);
}

/* ---- unique batches -------------------------------------------------------------------------- */

static void check_permutation(const uint32_t *ids, size_t n) {
    bool *seen = calloc(n, sizeof *seen);
    assert_non_null(seen);
    for (size_t i = 0; i < n; i++) {
        assert_true(ids[i] < n && !seen[ids[i]]);
        seen[ids[i]] = true;
    }
    free(seen);
}

static void unique_is_unique(void **state) {
    (void)state;
    static const uint64_t counts[] = {900, 800, 30, 20, 10, 5, 4, 3, 2, 1};
    struct error err = {0};
    struct random random;
    random_init(&random, 3, 0);
    for (const char *const *name = sampler_names(); *name; name++) {
        struct sampler *sampler = made_by_name(*name, 10, counts);
        uint32_t ids[10];
        uint64_t tries;
        for (int repeat = 0; repeat < 100; repeat++) {
            assert_int_equal(
                sampler_sample(sampler, &random, NULL, NULL, true, ids, 10, &tries, &err),
                STATUS_OK);
            check_permutation(ids, 10);
            assert_true(tries >= 10);
        }
        assert_int_equal(sampler_sample(sampler, &random, NULL, NULL, true, NULL, 0, &tries, &err),
                         STATUS_OK);
        assert_int_equal(tries, 0);
        sampler_free(sampler);
    }
    enum { MANY = 1000 }; /* the set of ids on the heap */
    uint32_t *ids = calloc(MANY, sizeof *ids);
    uint64_t tries;
    struct sampler *sampler = log_uniform(MANY);
    assert_int_equal(sampler_sample(sampler, &random, NULL, NULL, true, ids, MANY, &tries, &err),
                     STATUS_OK);
    check_permutation(ids, MANY);
    sampler_free(sampler);
    free(ids);
}

/* How often an id is in a unique batch agrees with the expected count (published bound: 0.2). */
static void unique_counts_hold(void **state) {
    (void)state;
    enum { RANGE = 100, BATCH = 50, BATCHES = 100 };
    struct sampler *sampler = log_uniform(RANGE);
    struct error err = {0};
    struct random random;
    random_init(&random, 17, 0);
    double seen[RANGE] = {0}, expected[RANGE] = {0}, first[RANGE];
    for (int b = 0; b < BATCHES; b++) {
        uint32_t ids[BATCH];
        uint64_t tries;
        assert_int_equal(
            sampler_sample(sampler, &random, NULL, NULL, true, ids, BATCH, &tries, &err),
            STATUS_OK);
        for (size_t i = 0; i < BATCH; i++)
            seen[ids[i]] += 1.0 / BATCHES;
        for (uint32_t id = 0; id < RANGE; id++) {
            double count = sampler_expected_count(sampler, id, BATCH, tries);
            expected[id] += count / BATCHES;
            if (b == 0)
                first[id] = count;
            assert_close(count, first[id], 0.5);
        }
    }
    for (uint32_t id = 0; id < RANGE; id++)
        assert_true(fabs(seen[id] - expected[id]) < 0.2);
    sampler_free(sampler);
}

static double draw_zero(void *context) {
    (void)context;
    return 0;
}

static void unique_refusals(void **state) {
    (void)state;
    struct error err = {0};
    struct random random;
    random_init(&random, 3, 0);
    struct sampler *sampler = log_uniform(50);
    uint32_t ids[64];
    uint64_t tries;
    assert_int_equal(sampler_sample(sampler, &random, NULL, NULL, true, ids, 64, &tries, &err),
                     STATUS_REFUSED);
    assert_string_equal(err.text,
                        "cannot draw 64 different ids: only 50 have a probability above zero");
    error_clear(&err);
    assert_int_equal(sampler_sample(sampler, &random, NULL, NULL, false, ids, 64, &tries, &err),
                     STATUS_OK);
    assert_int_equal(tries, 64);
    /* A generator that is stuck ends in an error, not in an endless loop. */
    assert_int_equal(sampler_sample(sampler, NULL, draw_zero, NULL, true, ids, 2, &tries, &err),
                     STATUS_REFUSED);
    assert_non_null(strstr(err.text, "gave up drawing 2 different ids after "));
    assert_non_null(strstr(err.text, "found 1"));
    sampler_free(sampler);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(million_log_uniform), cmocka_unit_test(million_uniform),
        cmocka_unit_test(million_unigram),     cmocka_unit_test(million_of_every_choice),
        cmocka_unit_test(choices_differ),      cmocka_unit_test(fill_pairs),
        cmocka_unit_test(fill_is_repeatable),  cmocka_unit_test(unique_is_unique),
        cmocka_unit_test(unique_counts_hold),  cmocka_unit_test(unique_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
