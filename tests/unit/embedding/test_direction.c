/* Sums of words, and the threads of a search. */
#include "tests/support/vectors_sample.h"

#include <math.h>

static void test_sum(void **state) {
    (void)state;
    static const float a[] = {3, 4}, b[] = {0, -2}, zero[] = {0, 0};
    double sum[2] = {0, 0};
    float vector[2];
    struct error err = {0};
    direction_add(a, 2, 5, 1, sum);
    direction_add(b, 2, 2, -0.5, sum);
    direction_add(zero, 2, 0, 1, sum);
    assert_int_equal(direction_take(sum, 2, "query", "k", vector, &err), STATUS_OK);
    assert_true(fabs(vector[0] - 0.6F) < 1e-7F && fabs(vector[1] - 1.3F) < 1e-7F);
}

/* Equal words cancel out but for rounding; a sum that is small but real stands. */
static void test_cancelled(void **state) {
    (void)state;
    enum { DIM = 50 };
    float *values = sample_values(DIM, 4), vector[DIM];
    double norm = 0, sum[DIM] = {0};
    struct error err = {0};
    for (size_t i = 0; i < DIM; i++)
        norm += (double)values[i] * values[i];
    for (int i = 0; i < 3; i++)
        direction_add(values, DIM, sqrt(norm), 1.0 / 3, sum);
    direction_add(values, DIM, sqrt(norm), -1, sum);
    assert_int_equal(direction_take(sum, DIM, "query", "/queries/0", vector, &err), STATUS_REFUSED);
    assert_string_equal(err.key, "/queries/0");
    assert_string_equal(err.text, "the words of the query cancel out: no direction is left");
    error_clear(&err);
    sum[DIM - 1] = -2e-12;
    assert_int_equal(direction_take(sum, DIM, "query", "", vector, &err), STATUS_OK);
    free(values);
}

static void test_threads(void **state) {
    (void)state;
    float *values = sample_values(1000 * 20, 5);
    struct model *model = sample_model(NULL, values, 1000, 20, 1, PARTITION_MOD, NULL);
    /* 1000 rows of 20 columns: 1000 vectors make 20 million multiply-adds */
    assert_int_equal(search_threads(model, 999, 0, 7), 1);
    assert_int_equal(search_threads(model, 1000, 0, 7), 7);
    assert_int_equal(search_threads(model, 1000, 999, 7), 1);
    assert_int_equal(search_threads(model, 1000, 5000, 7), 7);
    assert_int_equal(search_threads(model, 2000, 500, 7), 7);
    model_drop(model);
    free(values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
