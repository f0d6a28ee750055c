#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "embedding/embedding.h"

#define TOLERANCE 2e-6

static struct table *make(const float *rows, uint32_t n, uint32_t dim, uint32_t shards,
                          enum partition partition) {
    struct table *table;
    struct error err = {0};

    assert_int_equal(table_create(&table, n, dim, shards, partition, &err), STATUS_OK);
    for (uint32_t id = 0; id < n; id++)
        memcpy(table_row(table, id), rows + (size_t)id * dim, dim * sizeof(float));
    return table;
}

static void check_near(const float *values, const double *expected, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)values[i] - expected[i]) <= TOLERANCE))
            fail_msg("value %zu is %.9g instead of %.9g", i, (double)values[i], expected[i]);
}

static void rows_come_in_the_order_of_ids(void **state) {
    static const float rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static const uint32_t ids[] = {4, 0, 0, 2, 4};
    static const float expected[] = {9, 10, 1, 2, 1, 2, 5, 6, 9, 10};
    struct table *table = make(rows, 5, 2, 3, PARTITION_DIV);
    struct error err = {0};
    float out[10];

    (void)state;
    assert_int_equal(lookup_rows(table, 2, ids, 5, 0, out, &err), STATUS_OK);
    assert_memory_equal(out, expected, sizeof expected);
    assert_int_equal(lookup_rows(table, 2, NULL, 0, 0, NULL, &err), STATUS_OK);
    /* dim below the columns leaves the rest, such as a bias, out. */
    assert_int_equal(lookup_rows(table, 1, ids, 5, 0, out, &err), STATUS_OK);
    assert_true(out[0] == 9 && out[1] == 1 && out[2] == 1 && out[3] == 5 && out[4] == 9);
    table_free(table);
}

static void check_clip(const float *row, uint32_t dim, double max_norm, const double *expected) {
    struct table *table = make(row, 1, dim, 1, PARTITION_MOD);
    struct error err = {0};
    const uint32_t id = 0;
    float out[4];

    assert_int_equal(lookup_rows(table, dim, &id, 1, max_norm, out, &err), STATUS_OK);
    check_near(out, expected, dim);
    /* only the copy is clipped */
    assert_memory_equal(table_row(table, 0), row, dim * sizeof(float));
    table_free(table);
}

static void max_norm_vectors(void **state) {
    (void)state;
    check_clip((const float[]){2}, 1, 1, (const double[]){1});
    check_clip((const float[]){2, 4}, 2, 2, (const double[]){0.894427191, 1.788854382});
    check_clip((const float[]){3, 1}, 2, 2, (const double[]){1.897366596, 0.632455532});
    check_clip((const float[]){3, 4}, 2, 5, (const double[]){3, 4});
    check_clip((const float[]){3, 4}, 2, 1, (const double[]){0.6, 0.8});
    check_clip((const float[]){0.3f, 0.4f}, 2, 1, (const double[]){0.3, 0.4});
    check_clip((const float[]){0, 0}, 2, 1, (const double[]){0, 0});
    check_clip((const float[]){-6, 8}, 2, 2.5, (const double[]){-1.5, 2});
    /* off */
    check_clip((const float[]){3, 4}, 2, 0, (const double[]){3, 4});
    /* off */
    check_clip((const float[]){3, 4}, 2, -1, (const double[]){3, 4});
    /* no overflow */
    check_clip((const float[]){3e38f, 3e38f}, 2, 1, (const double[]){0.707106781, 0.707106781});
}

static float random_float(struct random *random) {
    return (float)(random_unit(random) * 2 - 1);
}

/* 100000 values below the norm come back bit for bit: row * c / c would change one in eight. */
static void unclipped_rows_keep_their_bits(void **state) {
    enum { ROWS = 100000 };
    float *rows = malloc(ROWS * sizeof *rows), *out = malloc(ROWS * sizeof *out);
    uint32_t *ids = malloc(ROWS * sizeof *ids);
    struct error err = {0};
    struct random random;
    struct table *table;

    (void)state;
    assert_true(rows && out && ids);
    random_init(&random, 3, 0);
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = 3 * random_float(&random);
        ids[i] = i;
    }
    rows[1] = -0.0f;
    rows[2] = 1e-45f;
    table = make(rows, ROWS, 1, 1, PARTITION_MOD);
    assert_int_equal(lookup_rows(table, 1, ids, ROWS, 3, out, &err), STATUS_OK);
    assert_memory_equal(out, rows, ROWS * sizeof *out);
    table_free(table);
    free(rows);
    free(out);
    free(ids);
}

static void partition_does_not_change_bits(void **state) {
    enum { ROWS = 101, DIM = 37, IDS = 400 };
    float rows[ROWS * DIM], weights[IDS];
    uint32_t ids[IDS];
    size_t starts[] = {0, 1, 1, 7, 100, 399, 400};
    float *expected = malloc(sizeof(float) * IDS * DIM), *out = malloc(sizeof(float) * IDS * DIM);
    struct error err = {0};
    struct random random;

    (void)state;
    assert_true(expected && out);
    random_init(&random, 4, 0);
    for (size_t i = 0; i < ROWS * DIM; i++)
        rows[i] = random_float(&random);
    for (size_t i = 0; i < IDS; i++) {
        ids[i] = (uint32_t)random_below(&random, ROWS);
        weights[i] = random_float(&random);
    }
    for (uint32_t shards = 1; shards <= 110; shards += 3)
        for (int which = 0; which < 2; which++) {
            struct table *table =
                make(rows, ROWS, DIM, shards, which ? PARTITION_DIV : PARTITION_MOD);
            static const size_t n_lists = sizeof starts / sizeof starts[0] - 1;
            float *combined = out + IDS * DIM - n_lists * DIM;

            assert_int_equal(lookup_rows(table, DIM, ids, IDS - n_lists, 3.4, out, &err),
                             STATUS_OK);
            assert_int_equal(lookup_combined(table, DIM, ids, weights, starts, n_lists,
                                             COMBINER_SQRTN, 3.4, combined, &err),
                             STATUS_OK);
            if (shards == 1 && which == 0)
                memcpy(expected, out, sizeof(float) * IDS * DIM);
            assert_memory_equal(out, expected, sizeof(float) * IDS * DIM);
            table_free(table);
        }
    free(expected);
    free(out);
}

static void ids_outside_are_refused_by_their_own_number(void **state) {
    static const uint32_t bad[] = {13, 16, UINT32_MAX};
    static const char *const expected[] = {"id 13 is not in [0, 13)", "id 16 is not in [0, 13)",
                                           "id 4294967295 is not in [0, 13)"};
    static const float rows[13] = {0};
    static const size_t starts[] = {0, 3};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int which = 0; which < 2; which++) {
            struct table *table = make(rows, 13, 1, 4, which ? PARTITION_DIV : PARTITION_MOD);
            uint32_t ids[] = {1, bad[i], UINT32_MAX - 1};
            float out[3] = {7, 7, 7};
            struct error err = {0};

            assert_int_equal(lookup_rows(table, 1, ids, 3, 0, out, &err), STATUS_REFUSED);
            assert_string_equal(err.text, expected[i]);
            error_clear(&err);
            assert_int_equal(
                lookup_combined(table, 1, ids, NULL, starts, 1, COMBINER_SUM, 0, out, &err),
                STATUS_REFUSED);
            assert_string_equal(err.text, expected[i]);
            assert_true(out[0] == 7 && out[1] == 7 && out[2] == 7); /* nothing is written */
            table_free(table);
        }
}

static const float combiner_rows[] = {1, 2, 3, -4, 0.5f, 0.25f, -6, 8};
static const uint32_t combiner_ids[] = {1, 3, 0, 2, 2, 1};
static const float combiner_weights[] = {2, 0.5f, 1, 1, 3, -1};
static const size_t combiner_starts[] = {0, 2, 3, 6};

static void combiner_table(void **state) {
    static const struct {
        enum combiner combiner;
        bool weighted;
        double max_norm;
        double expected[6];
    } table_rows[] = {
        {COMBINER_SUM, true, 0, {3, -4, 1, 2, -1, 5}},
        {COMBINER_SUM, false, 0, {-3, 4, 1, 2, 4, -3.5}},
        {COMBINER_SUM, true, 2, {1.8, -2.4, 0.894427191, 1.788854382, 0.8, 2.6}},
        {COMBINER_MEAN, true, 0, {1.2, -1.6, 1, 2, -0.333333333, 1.666666667}},
        {COMBINER_MEAN, false, 0, {-1.5, 2, 1, 2, 1.333333333, -1.166666667}},
        {COMBINER_MEAN, true, 2, {0.72, -0.96, 0.894427191, 1.788854382, 0.266666667, 0.866666667}},
        {COMBINER_SQRTN, true, 0, {1.455213750, -1.940285000, 1, 2, -0.301511345, 1.507556723}},
        {COMBINER_MAX, true, 0, {6, 4, 1, 2, 1.5, 4}},
        {COMBINER_MAX, false, 0, {3, 8, 1, 2, 3, 0.25}},
        {COMBINER_MAX, true, 2, {2.4, 0.8, 0.894427191, 1.788854382, 1.5, 1.6}},
        {COMBINER_MIN, true, 0, {-3, -8, 1, 2, -3, 0.25}},
        {COMBINER_MIN, false, 0, {-6, -4, 1, 2, 0.5, -4}},
        {COMBINER_SQRTN, false, 0, {-2.121320344, 2.828427125, 1, 2, 2.309401077, -2.020725942}},
        {COMBINER_SQRTN,
         true,
         2,
         {0.873128250, -1.164171000, 0.894427191, 1.788854382, 0.241209076, 0.783929497}},
    };
    struct table *table = make(combiner_rows, 4, 2, 3, PARTITION_MOD);
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof table_rows / sizeof table_rows[0]; i++) {
        float out[6];

        assert_int_equal(lookup_combined(table, 2, combiner_ids,
                                         table_rows[i].weighted ? combiner_weights : NULL,
                                         combiner_starts, 3, table_rows[i].combiner,
                                         table_rows[i].max_norm, out, &err),
                         STATUS_OK);
        check_near(out, table_rows[i].expected, 6);
    }
    table_free(table);
}

static void empty_lists_and_zero_divisors_give_zeros(void **state) {
    static const enum combiner all[] = {COMBINER_SUM, COMBINER_MEAN, COMBINER_SQRTN};
    static const float weights[] = {1, -1, 0, 0, 5, 0};
    /* empty, summing to 0, empty, all zero, empty */
    static const size_t starts[] = {0, 0, 2, 2, 4, 4};
    struct table *table = make(combiner_rows, 4, 2, 1, PARTITION_MOD);
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        float out[10];

        for (size_t j = 0; j < 10; j++)
            out[j] = 7;
        assert_int_equal(
            lookup_combined(table, 2, combiner_ids, weights, starts, 5, all[i], 0, out, &err),
            STATUS_OK);
        for (size_t j = 0; j < 10; j++)
            if (all[i] == COMBINER_MEAN || j / 2 != 1)
                assert_true(out[j] == 0);
        if (all[i] == COMBINER_SUM)
            assert_true(out[2] == 9 && out[3] == -12);
        if (all[i] == COMBINER_SQRTN)
            assert_true(fabsf(out[2] - 9 / sqrtf(2)) < 1e-5f);
    }
    assert_int_equal(lookup_combined(table, 2, NULL, NULL, NULL, 0, COMBINER_MEAN, 0, NULL, &err),
                     STATUS_OK);
    table_free(table);
}

/* starts need not begin at 0; ids in front of the first list are not looked at. */
static void lists_may_begin_later(void **state) {
    static const uint32_t ids[] = {99, 0, 3};
    static const size_t starts[] = {1, 2, 3};
    struct table *table = make(combiner_rows, 4, 2, 1, PARTITION_MOD);
    struct error err = {0};
    float out[4];

    (void)state;
    assert_int_equal(lookup_combined(table, 2, ids, NULL, starts, 2, COMBINER_MEAN, 0, out, &err),
                     STATUS_OK);
    assert_true(out[0] == 1 && out[1] == 2 && out[2] == -6 && out[3] == 8);
    table_free(table);
}

static void a_list_of_one_equals_the_row(void **state) {
    enum { ROWS = 200, DIM = 33 };
    float rows[ROWS * DIM], alone[DIM], combined[DIM];
    static const size_t starts[] = {0, 1};
    struct error err = {0};
    struct random random;
    struct table *table;

    (void)state;
    random_init(&random, 5, 0);
    for (size_t i = 0; i < ROWS * DIM; i++)
        rows[i] = random_float(&random);
    table = make(rows, ROWS, DIM, 7, PARTITION_DIV);
    for (uint32_t id = 0; id < ROWS; id++) {
        assert_int_equal(lookup_rows(table, DIM, &id, 1, 3.2, alone, &err), STATUS_OK);
        for (int combiner = COMBINER_SUM; combiner <= COMBINER_MIN; combiner++) {
            assert_int_equal(lookup_combined(table, DIM, &id, NULL, starts, 1,
                                             (enum combiner)combiner, 3.2, combined, &err),
                             STATUS_OK);
            assert_memory_equal(combined, alone, sizeof alone);
        }
    }
    table_free(table);
}

static void weights_must_be_finite(void **state) {
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static const size_t starts[] = {0, 2};
    struct table *table = make(combiner_rows, 4, 2, 1, PARTITION_MOD);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        float weights[] = {1, bad[i]}, out[2] = {7, 7};
        struct error err = {0};

        assert_int_equal(
            lookup_combined(table, 2, combiner_ids, weights, starts, 1, COMBINER_SUM, 0, out, &err),
            STATUS_REFUSED);
        assert_string_equal(err.text, "weight 1 is not finite");
        assert_true(out[0] == 7 && out[1] == 7);
    }
    table_free(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_the_order_of_ids),
        cmocka_unit_test(max_norm_vectors),
        cmocka_unit_test(unclipped_rows_keep_their_bits),
        cmocka_unit_test(partition_does_not_change_bits),
        cmocka_unit_test(ids_outside_are_refused_by_their_own_number),
        cmocka_unit_test(combiner_table),
        cmocka_unit_test(empty_lists_and_zero_divisors_give_zeros),
        cmocka_unit_test(lists_may_begin_later),
        cmocka_unit_test(a_list_of_one_equals_the_row),
        cmocka_unit_test(weights_must_be_finite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
