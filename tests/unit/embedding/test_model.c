#include "tests/support/model_sample.h"

#include <math.h>
#include <pthread.h>

#include "kernel/kernel.h"

static void norms_belong_to_ids(void **state) {
    static const uint32_t all_shards[] = {1, 3, 7, 40};

    (void)state;
    for (const struct kernel *const *kernel = kernel_list(); *kernel; kernel++)
        for (int i = 0; i < 4 * 2 && (*kernel)->runs(); i++) {
            struct table *input =
                table_make(21, all_shards[i / 2], i % 2 ? PARTITION_DIV : PARTITION_MOD, 1);
            struct model *model;
            struct error err = {0};

            assert_int_equal(
                model_create(&model, vocabulary_make(), input, NULL, &info_full, *kernel, &err),
                STATUS_OK);
            for (uint32_t id = 0; id < N_WORDS; id++) {
                const float *row = table_row(model->input, id);
                double squares = 0;

                for (int j = 0; j < 21; j++)
                    squares += (double)row[j] * (double)row[j];
                assert_true(fabs((double)model->norms[id] - sqrt(squares)) < 1e-6 * sqrt(squares));
            }
            assert_string_equal(model->info.name, info_full.name);
            assert_ptr_equal(model->kernel, *kernel);
            model_drop(model);
        }
}

/* More rows in a shard than one block of norms. */
static void norms_of_many_rows(void **state) {
    enum { ROWS = 1000 };
    struct buffer text = {0};
    uint64_t offsets[ROWS + 1] = {0};
    struct vocabulary *vocabulary;
    struct table *input;
    struct model *model;
    struct error err = {0};

    (void)state;
    for (uint32_t i = 0; i < ROWS; i++) {
        buffer_print(&text, "%u", i);
        offsets[i + 1] = text.length;
    }
    assert_int_equal(vocabulary_create(&vocabulary, ROWS, text.data, offsets, NULL, &err),
                     STATUS_OK);
    buffer_clear(&text);
    assert_int_equal(table_create(&input, ROWS, 2, 3, PARTITION_MOD, &err), STATUS_OK);
    for (uint32_t id = 0; id < ROWS; id++)
        table_row(input, id)[1] = -(float)id;
    assert_int_equal(model_create(&model, vocabulary, input, NULL, &(struct model_info){0},
                                  kernel_choose(NULL), &err),
                     STATUS_OK);
    for (uint32_t id = 0; id < ROWS; id++)
        assert_true(model->norms[id] == (float)id);
    model_drop(model);
}

static void check_refused(struct table *input, struct table *output, enum status status,
                          const char *expected) {
    struct model *model = NULL;
    struct error err = {0};

    assert_int_equal(model_create(&model, vocabulary_make(), input, output, &info_full,
                                  kernel_choose("portable"), &err),
                     status);
    assert_null(model);
    if (!strstr(err.text, expected))
        fail_msg("'%s' does not say '%s'", err.text, expected);
}

/* Refusals free what they took: the leak sanitizer is the other half of this test. */
static void values_that_are_not_finite(void **state) {
    struct table *input, *output;

    (void)state;
    input = table_make(5, 3, PARTITION_DIV, 1);
    table_row(input, 7)[4] = NAN;
    check_refused(input, NULL, STATUS_REFUSED,
                  "input table: the value of word 'w8' in column 4 is not finite");
    input = table_make(5, 3, PARTITION_MOD, 1);
    table_row(input, 0)[0] = -INFINITY;
    check_refused(input, table_make(6, 3, PARTITION_MOD, 1), STATUS_REFUSED,
                  "input table: the value of word 'the' in column 0 is not finite");
    output = table_make(6, 7, PARTITION_MOD, 1);
    table_row(output, 19)[5] = INFINITY;
    check_refused(table_make(5, 3, PARTITION_MOD, 1), output, STATUS_REFUSED,
                  "output table: the value of word 'w20' in column 5 is not finite");
    input = table_make(5, 3, PARTITION_MOD, 1);
    table_row(input, 8)[0] = table_row(input, 8)[1] = 3e38f;
    check_refused(input, NULL, STATUS_REFUSED,
                  "input table: the norm of word 'w9' is too large for a float");
}

static void shapes_that_do_not_fit(void **state) {
    struct vocabulary *vocabulary;
    struct table *input;
    struct model *model;
    struct error err = {0};

    (void)state;
    check_refused(table_make(5, 3, PARTITION_MOD, 1), table_make(5, 3, PARTITION_MOD, 1),
                  STATUS_REFUSED, "output table is 23 x 5, but must be 23 x 6");
    assert_int_equal(table_create(&input, N_WORDS - 1, 5, 1, PARTITION_MOD, &err), STATUS_OK);
    check_refused(input, NULL, STATUS_REFUSED, "input table has 22 rows for 23 words");
    input = table_make(5, 1, PARTITION_MOD, 1);
    table_row(input, 2)[5] = 1; /* behind the columns */
    check_refused(input, NULL, STATUS_INTERNAL,
                  "input table: the padding of row 2 of shard 0 is not zero");
    assert_int_equal(vocabulary_create(&vocabulary, 0, NULL, NULL, NULL, &err), STATUS_OK);
    assert_int_equal(table_create(&input, 0, 5, 1, PARTITION_MOD, &err), STATUS_OK);
    assert_int_equal(
        model_create(&model, vocabulary, input, NULL, &info_full, kernel_choose("portable"), &err),
        STATUS_REFUSED);
    assert_string_equal(err.text, "a model needs at least one word");
}

static void *hold_and_drop(void *argument) {
    struct model *model = argument;

    for (int i = 0; i < 10000; i++)
        model_drop(model_hold(model));
    model_drop(model);
    return NULL;
}

static void references_are_counted(void **state) {
    struct model *model = model_make((struct shape){5, 3, PARTITION_MOD, true}, &info_full);
    pthread_t threads[4];

    (void)state;
    model_drop(NULL);
    assert_ptr_equal(model_hold(model), model);
    model_drop(model);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_drop, model_hold(model)), 0);
    model_drop(model); /* whichever thread is last frees */
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_belong_to_ids),        cmocka_unit_test(norms_of_many_rows),
        cmocka_unit_test(values_that_are_not_finite), cmocka_unit_test(shapes_that_do_not_fit),
        cmocka_unit_test(references_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
