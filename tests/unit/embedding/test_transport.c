/* Optimal transport beside a plain method, and Word Mover's Distance. */
#include "tests/support/vectors_sample.h"

#include "tests/support/stop_after.h"

#include <math.h>

/* The plain way: carry one cheapest path after another (Bellman-Ford over what is left). */

static double plain_cost(const double *cost, const uint64_t *supply, size_t n,
                         const uint64_t *demand, size_t m) {
    size_t nodes = n + m;
    uint64_t *left = calloc(nodes, sizeof *left), *flow = calloc(n * m, sizeof *flow), units = 0;
    double *distance = calloc(nodes, sizeof *distance), total = 0;
    size_t *before = calloc(nodes, sizeof *before);
    memcpy(left, supply, n * sizeof *left);
    memcpy(left + n, demand, m * sizeof *left);
    for (size_t i = 0; i < n; i++)
        units += supply[i];
    for (;;) {
        for (size_t x = 0; x < nodes; x++) {
            distance[x] = x < n && left[x] > 0 ? 0 : INFINITY;
            before[x] = SIZE_MAX;
        }
        for (bool moved = true; moved;) {
            moved = false;
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < m; j++) {
                    double c = cost[i * m + j];
                    if (distance[i] + c < distance[n + j] - 1e-12) {
                        distance[n + j] = distance[i] + c;
                        before[n + j] = i;
                        moved = true;
                    }
                    if (flow[i * m + j] > 0 && distance[n + j] - c < distance[i] - 1e-12) {
                        distance[i] = distance[n + j] - c;
                        before[i] = n + j;
                        moved = true;
                    }
                }
        }
        size_t best = SIZE_MAX;
        for (size_t j = 0; j < m; j++)
            if (left[n + j] > 0 && (best == SIZE_MAX || distance[n + j] < distance[best]))
                best = n + j;
        if (best == SIZE_MAX)
            break;
        uint64_t amount = left[best];
        size_t first = best;
        for (size_t x = best; before[x] != SIZE_MAX; x = before[x]) {
            if (x < n && flow[x * m + before[x] - n] < amount)
                amount = flow[x * m + before[x] - n];
            first = before[x];
        }
        amount = left[first] < amount ? left[first] : amount;
        for (size_t x = best; before[x] != SIZE_MAX; x = before[x])
            if (x < n)
                flow[x * m + before[x] - n] -= amount;
            else
                flow[before[x] * m + x - n] += amount;
        left[best] -= amount;
        left[first] -= amount;
    }
    for (size_t i = 0; i < n * m; i++)
        total += cost[i] * (double)flow[i];
    free(left);
    free(flow);
    free(distance);
    free(before);
    return total / (double)units;
}

static double least_cost(const double *cost, const uint64_t *supply, size_t n,
                         const uint64_t *demand, size_t m) {
    struct error err = {0};
    double least = NAN;
    if (transport_cost(cost, supply, n, demand, m, NULL, &least, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return least;
}

/* `levels`: costs are whole numbers below it, so that many are equal; 0: any. */
static void check_random(size_t n, size_t m, uint32_t levels, uint32_t most, uint64_t seed) {
    double *cost = calloc(n * m, sizeof *cost);
    uint64_t *supply = calloc(n, sizeof *supply), *demand = calloc(m, sizeof *demand), left = 0;
    struct random random;
    random_init(&random, seed, 0);
    for (size_t i = 0; i < n * m; i++)
        cost[i] = levels > 0 ? (double)random_below(&random, levels) : random_unit(&random);
    for (size_t i = 0; i < n; i++) {
        supply[i] = m + random_below(&random, most);
        left += supply[i];
    }
    for (size_t j = 0; j < m; j++) {
        demand[j] = j + 1 < m ? 1 + random_below(&random, (uint32_t)(left / m / 2 + 1)) : left;
        left -= demand[j];
    }
    double plain = plain_cost(cost, supply, n, demand, m),
           least = least_cost(cost, supply, n, demand, m);
    if (!(fabs(least - plain) < 1e-9 * (1 + levels)))
        fail_msg("%zu x %zu, %u levels, seed %llu: %.12g, not %.12g", n, m, levels,
                 (unsigned long long)seed, least, plain);
    free(cost);
    free(supply);
    free(demand);
}

static void agrees_with_the_plain_method(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++)
        for (size_t n = 1; n < 7; n++)
            for (size_t m = 1; m < 7; m++)
                check_random(n, m, (uint32_t)(seed % 4), seed % 3 == 0 ? 1 : 50, seed * 100 + n);
    check_random(1, 40, 0, 9, 1);
    check_random(40, 1, 0, 9, 2);
    check_random(50, 60, 0, 1, 3);
    check_random(60, 50, 3, 1, 4);
    check_random(70, 30, 0, 1000, 5);
}

static void known_answers(void **state) {
    (void)state;
    const uint64_t two[] = {1, 1}, one[] = {2}, big[] = {(uint64_t)1 << 61, (uint64_t)1 << 61};
    const double cross[] = {5, 1, 1, 5}, pair[] = {3, 7}, none[] = {0, 0, 0, 0},
                 tiny[] = {5e-300, 1e-300, 1e-300, 5e-300};
    assert_true(fabs(least_cost(cross, two, 2, two, 2) - 1) < 1e-12);
    assert_true(fabs(least_cost(pair, one, 1, two, 2) - 5) < 1e-12);
    assert_true(fabs(least_cost(cross, big, 2, big, 2) - 1) < 1e-12);
    assert_true(least_cost(none, two, 2, two, 2) == 0);
    assert_true(fabs(least_cost(tiny, two, 2, two, 2) / 1e-300 - 1) < 1e-9);
}

static void stops_when_told(void **state) {
    (void)state;
    enum { N = 40 };
    struct error err = {0};
    double cost[N * N], least;
    uint64_t amounts[N];
    struct stop_after after = {0};
    const struct stop stop = stop_after(&after, 0);
    for (size_t i = 0; i < (size_t)N * N; i++)
        cost[i] = (double)((i * 7919) % 101);
    for (size_t i = 0; i < N; i++)
        amounts[i] = 1;
    assert_int_equal(transport_cost(cost, amounts, N, amounts, N, &stop, &least, &err),
                     STATUS_CANCELLED);
}

/* ---- documents ------------------------------------------------------------------------------- */

static struct document document_of(const uint32_t *ids, size_t n) {
    struct document document;
    struct error err = {0};
    uint32_t copy[16];
    if (n > 0)
        memcpy(copy, ids, n * sizeof *copy); /* ids may be NULL then */
    assert_int_equal(document_init(&document, copy, n, &err), STATUS_OK);
    return document;
}

static double distance(const struct model *model, const struct document *a,
                       const struct document *b, bool unit, double *bound, double *centroids) {
    double cost[256], at[2][8], least = NAN, square = 0;
    struct error err = {0};
    document_costs(model, a, b, unit, cost);
    *bound = document_bound(a, b, cost);
    document_centroid(model, a, unit, at[0]);
    document_centroid(model, b, unit, at[1]);
    for (size_t d = 0; d < model->input->columns; d++)
        square += (at[0][d] - at[1][d]) * (at[0][d] - at[1][d]);
    *centroids = sqrt(square);
    assert_int_equal(document_distance(a, b, cost, NULL, &least, &err), STATUS_OK);
    return least;
}

static void words_are_counted(void **state) {
    (void)state;
    struct document document = document_of((const uint32_t[]){5, 2, 5, 9, 5}, 5);
    assert_int_equal(document.n, 3);
    assert_int_equal(document.words, 5);
    assert_memory_equal(document.ids, ((const uint32_t[]){2, 5, 9}), 3 * sizeof(uint32_t));
    assert_memory_equal(document.counts, ((const uint64_t[]){1, 3, 1}), 3 * sizeof(uint64_t));
    document_clear(&document);
    document = document_of(NULL, 0);
    assert_int_equal(document.n, 0);
    document_clear(&document);
}

static void distances_of_documents(void **state) {
    (void)state;
    /* On a line: 0, 1, 2, 10; and a row of zeros beside them has norm 0. */
    const float line[] = {1, 0, 1, 1, 1, 2, 1, 10, 0, 0};
    struct model *model = sample_model(NULL, line, 5, 2, 1, PARTITION_MOD, NULL);
    struct document a = document_of((const uint32_t[]){0, 1}, 2),
                    b = document_of((const uint32_t[]){1, 2, 3}, 3),
                    zero = document_of((const uint32_t[]){4}, 1);
    double bound, centroids;
    /* Half of each word of a is 1/2; b has thirds: 0 gives 1/3 to 1 and 1/6 to 2, 1 gives 1/6 to 2
     * and 1/3 to 10. */
    assert_true(fabs(distance(model, &a, &b, false, &bound, &centroids) -
                     (1 / 3.0 + 2 / 6.0 + 1 / 6.0 + 9 / 3.0)) < 1e-12);
    assert_true(fabs(bound - (0 + 1 / 3.0 + 9 / 3.0)) < 1e-12);
    assert_true(fabs(centroids - (13 / 3.0 - 0.5)) < 1e-12);
    assert_true(distance(model, &a, &a, true, &bound, &centroids) == 0);
    /* a row of zeros stays where it is, at distance 1 of all unit rows */
    assert_true(fabs(distance(model, &a, &zero, true, &bound, &centroids) - 1) < 1e-6);
    document_clear(&a);
    document_clear(&b);
    document_clear(&zero);
    model_drop(model);
}

static void bounds_are_bounds(void **state) {
    (void)state;
    enum { ROWS = 30, DIM = 6, WORDS = 9 };
    float *values = sample_values(ROWS * DIM, 5);
    struct model *model = sample_model(NULL, values, ROWS, DIM, 3, PARTITION_DIV, NULL);
    struct random random;
    random_init(&random, 7, 0);
    for (int round = 0; round < 300; round++) {
        uint32_t ids[2][WORDS];
        size_t n[2] = {1 + random_below(&random, WORDS), 1 + random_below(&random, WORDS)};
        for (size_t i = 0; i < WORDS; i++) {
            ids[0][i] = (uint32_t)random_below(&random, ROWS);
            ids[1][i] = (uint32_t)random_below(&random, ROWS);
        }
        struct document a = document_of(ids[0], n[0]), b = document_of(ids[1], n[1]);
        double bound, centroids, back_bound, back_centroids,
            there = distance(model, &a, &b, round % 2, &bound, &centroids),
            back = distance(model, &b, &a, round % 2, &back_bound, &back_centroids);
        assert_true(fabs(there - back) < 1e-12);
        assert_true(bound <= there + 1e-12 && centroids <= there + 1e-12);
        assert_true(bound > 0 || there < 1e-12);
        document_clear(&a);
        document_clear(&b);
    }
    model_drop(model);
    free(values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_plain_method),
        cmocka_unit_test(known_answers),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(words_are_counted),
        cmocka_unit_test(distances_of_documents),
        cmocka_unit_test(bounds_are_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
