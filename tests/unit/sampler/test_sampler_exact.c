/* The probabilities of bulk draws, measured without drawing: where the borders between ids lie, and
 * what each bucket of an alias table holds. */
#include "kernel/kernel.h"
#include "sampler/alias.h"
#include "sampler/draw.h"
#include "tests/support/sampler_made.h"

#define STEPS (UINT64_C(1) << 52) /* a word's upper 52 bits are what counts */

static uint32_t id_of(uint64_t step, uint32_t range) {
    uint64_t word = step << 12;
    uint32_t id;
    double log2_range = draw_log2((double)range + 1);
    if (range <= DRAW_RANGE_MAX)
        draw_choose()->log_uniform(&word, log2_range, range, &id, 1);
    else
        draw_log_uniform_any(&word, log2_range, range, &id, 1);
    return id;
}

/* The first step that gives id or more, as a fraction. */
static double border(uint32_t id, uint32_t range) {
    uint64_t low = 0, high = STEPS;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (id_of(middle, range) >= id)
            high = middle;
        else
            low = middle + 1;
    }
    return (double)low / STEPS;
}

static void check_border(uint32_t id, uint32_t range) {
    double expected = log((double)id + 1) / log1p(range), got = border(id, range);
    if (!(fabs(got - expected) < 0x1p-44))
        fail_msg("range %u: id %u begins at %.17g, not %.17g", range, id, got, expected);
}

static void every_border(void **state) {
    (void)state;
    static const uint32_t ranges[] = {1, 2, 3, 10, 1000};
    for (size_t i = 0; i < COUNT(ranges); i++) {
        struct sampler *sampler = log_uniform(ranges[i]);
        double before = 0, sum = 0;
        for (uint32_t id = 0; id < ranges[i]; id++) {
            check_border(id, ranges[i]);
            double after = id + 1 < ranges[i] ? border(id + 1, ranges[i]) : 1;
            assert_true(fabs(after - before - sampler_probability(sampler, id)) < 0x1p-43);
            sum += after - before;
            before = after;
        }
        assert_close(sum, 1, 1e-15);
        sampler_free(sampler);
    }
}

/* The ends, the powers of two, where the exponent changes, and the places halfway, where the
 * polynomial does. */
static void borders_of_large_ranges(void **state) {
    (void)state;
    static const uint32_t ranges[] = {
        71000, 1000000, INT32_MAX - 1u, INT32_MAX, (uint32_t)1 << 31, UINT32_MAX - 1, UINT32_MAX,
    };
    for (size_t i = 0; i < COUNT(ranges); i++) {
        uint32_t range = ranges[i];
        for (double power = 1; power < range; power *= 2)
            for (int near = -2; near <= 2; near++)
                for (int half = 0; half < 2; half++) {
                    double id = floor(power * (half ? sqrt(2) : 1)) + near;
                    if (id >= 0 && id < range)
                        check_border((uint32_t)id, range);
                }
        for (uint64_t id = 0; id < range; id += range / 500)
            check_border((uint32_t)id, range);
        check_border(range - 1, range);
        assert_int_equal(id_of(0, range), 0);
        assert_int_equal(id_of(STEPS - 1, range), range - 1);
    }
}

/* Words and their ids are a pure function: the same with every instruction set and with the loop
 * for any range, at any length and place. */
static void variants_agree(void **state) {
    (void)state;
    enum { N = 10007 };
#if defined(__x86_64__)
    static const struct draw *const draws[] = {&draw_portable, &draw_avx2, &draw_avx512};
#else
    static const struct draw *const draws[] = {&draw_portable};
#endif
    static const uint32_t ranges[] = {1, 2, 3, 71000, 1000000007, DRAW_RANGE_MAX};
    uint64_t *words = calloc(N, sizeof *words);
    uint32_t *ids = calloc(N, sizeof *ids), *expected = calloc(N, sizeof *expected);
    assert_true(words && ids && expected);
    struct random random;
    random_init(&random, 1, 0);
    for (size_t i = 0; i < N; i++)
        words[i] = i == 0 ? 0 : i == 1 ? UINT64_MAX : random_next(&random);
    for (size_t r = 0; r < COUNT(ranges); r++) {
        double log2_range = draw_log2((double)ranges[r] + 1);
        draw_log_uniform_any(words, log2_range, ranges[r], expected, N);
        for (size_t v = 0; v < COUNT(draws); v++) {
            if (!kernel_choose(draws[v]->kernel))
                continue;
            draws[v]->log_uniform(words, log2_range, ranges[r], ids, N);
            assert_memory_equal(ids, expected, N * sizeof *ids);
            for (size_t n = 0; n < 40; n++) {
                memset(ids, 0xff, (n + 1) * sizeof *ids);
                draws[v]->log_uniform(words + n, log2_range, ranges[r], ids, n);
                assert_memory_equal(ids, expected + n, n * sizeof *ids);
                assert_int_equal(ids[n], UINT32_MAX);
            }
        }
    }
    free(words);
    free(ids);
    free(expected);
}

static void binary_logarithms(void **state) {
    (void)state;
    for (int exponent = 0; exponent <= 32; exponent++)
        assert_true(draw_log2(ldexp(1, exponent)) == exponent);
    for (double x = 1; x < 0x1p32; x = floor(x * 1.0137) + 1)
        assert_close(draw_log2(x), log2(x), 0x1p-51);
}

/* Shares of an alias table, summed over its buckets in whole units of 2^-32 bucket: nothing is
 * rounded. */
static void alias_shares(void **state) {
    (void)state;
    enum { RANGE = 20011 };
    double *weights = calloc(RANGE, sizeof *weights), sum = 0;
    uint64_t *units = calloc(RANGE, sizeof *units);
    struct alias_cell *cells = calloc(RANGE, sizeof *cells);
    assert_true(weights && units && cells);
    for (uint32_t k = 0; k < RANGE; k++)
        sum += weights[k] = k % 7 == 3 ? 0 : pow(1e7 / (k + 2.7), 0.75);
    struct error err = {0};
    assert_int_equal(alias_build(weights, RANGE, cells, &err), STATUS_OK);
    for (uint32_t b = 0; b < RANGE; b++) {
        units[b] += cells[b].threshold;
        units[cells[b].alias] += (UINT64_C(1) << 32) - cells[b].threshold;
    }
    for (uint32_t k = 0; k < RANGE; k++) {
        double error = (double)units[k] * 0x1p-32 / RANGE - weights[k] / sum;
        assert_true(weights[k] > 0 || units[k] == 0);
        assert_true(fabs(error) <= (k == 0 ? 0x1p-32 : 0x1p-32 / RANGE));
    }
    free(weights);
    free(units);
    free(cells);
}

/* A fill of any length is the beginning of a longer one: what is drawn does not depend on how it is
 * cut into blocks. */
static void fills_of_any_length(void **state) {
    (void)state;
    enum { N = 1500 };
    static const uint64_t counts[] = {5, 4, 3, 2, 1};
    uint32_t whole[N], part[N + 1];
    for (const char *const *name = sampler_names(); *name; name++) {
        struct sampler *sampler = made_by_name(*name, 5, counts);
        struct random random;
        random_init(&random, 8, 0);
        struct random copy = random;
        sampler_fill(sampler, &copy, whole, N);
        for (size_t n = 0; n <= N; n += n < 20 ? 1 : 123) {
            copy = random;
            part[n] = UINT32_MAX;
            sampler_fill(sampler, &copy, part, n);
            assert_memory_equal(part, whole, n * sizeof *part);
            assert_int_equal(part[n], UINT32_MAX);
        }
        sampler_free(sampler);
    }
    /* The largest range: its table would be 32 GB if it had one. */
    struct sampler *largest = log_uniform(UINT32_MAX);
    struct random random;
    random_init(&random, 9, 0);
    sampler_fill(largest, &random, whole, N);
    size_t rare = 0;
    for (size_t i = 0; i < N; i++)
        rare += whole[i] > 65535;
    assert_true(rare > N / 2 - 150 && rare < N / 2 + 150);
    sampler_free(largest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_border),   cmocka_unit_test(borders_of_large_ranges),
        cmocka_unit_test(variants_agree), cmocka_unit_test(binary_logarithms),
        cmocka_unit_test(alias_shares),   cmocka_unit_test(fills_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
