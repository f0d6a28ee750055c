/* Training as a whole: repeatable, the same under any sharding, on any kernel, honest about what it
 * refuses. */
#include "base/machine.h"
#include "tests/support/train_fixture.h"

static void one_thread_repeats_byte_for_byte(void **state) {
    (void)state;
    size_t length, sizes[2];
    char *text = zipf_text(60000, 3000, &length), *bytes[2];
    for (int i = 0; i < 2; i++) {
        struct work work;
        struct error err;
        work_init(&work, text, length);
        if (work_train(&work, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        bytes[i] = work_bytes(&work, &sizes[i]);
        assert_false(file_exists(work.scratch));
        work_clear(&work);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    free(text);
}

static void deterministic_is_the_same_at_any_thread_count(void **state) {
    (void)state;
    size_t length, sizes[2];
    char *text = zipf_text(60000, 3000, &length), *bytes[2];
    for (int i = 0; i < 2; i++) {
        struct work work;
        struct error err;
        work_init(&work, text, length);
        work.settings.deterministic = true, work.settings.threads = 1 + 2 * i;
        if (work_train(&work, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        bytes[i] = work_bytes(&work, &sizes[i]);
        work_clear(&work);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    free(text);
}

/* Two threads with each kernel this machine runs: under ThreadSanitizer, that none reads or writes
 * rows but by the functions that may race. */
static void every_kernel_trains(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(20000, 500, &length);
    for (const struct kernel *const *kernel = kernel_list(); *kernel; kernel++) {
        bool runs = (*kernel)->runs();
        if (!runs)
            print_message("this machine cannot run kernel %s\n", (*kernel)->name);
        for (int architecture = 0; runs && architecture < 2; architecture++) {
            struct work work;
            struct error err;
            work_init(&work, text, length);
            work.options.kernel = *kernel, work.settings.threads = 2,
            work.settings.architecture = architecture;
            work.settings.private_rows = 8, work.settings.epochs = 1;
            if (work_train(&work, &err) != STATUS_OK)
                fail_msg("kernel %s, architecture %d: %s", (*kernel)->name, architecture, err.text);
            assert_true(work.loss > 0);
            work_clear(&work);
        }
    }
    free(text);
}

/* Bound threads learn the same, and are given their CPUs back. */
static void pinned_threads_learn(void **state) {
    (void)state;
    struct machine_cpus *before, *after;
    struct error err = {0};
    size_t length;
    char *text = zipf_text(60000, 3000, &length);
    struct work work;
    work_init(&work, text, length);
    work.settings.pin_threads = true, work.settings.threads = 3;
    assert_int_equal(machine_cpus_create(&before, &err), STATUS_OK);
    if (work_train(&work, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(machine_cpus_create(&after, &err), STATUS_OK);
    assert_int_equal(machine_cpus_count(before), machine_cpus_count(after));
    machine_cpus_free(before);
    machine_cpus_free(after);
    work_clear(&work);
    free(text);
}

static void assert_same_rows(const struct model *a, const struct model *b) {
    assert_int_equal(a->input->rows, b->input->rows);
    for (uint32_t id = 0; id < a->input->rows; id++) {
        assert_memory_equal(table_row(a->input, id), table_row(b->input, id),
                            a->input->stride * sizeof(float));
        assert_memory_equal(table_row(a->output, id), table_row(b->output, id),
                            a->output->stride * sizeof(float));
    }
}

static void shards_do_not_change_a_bit(void **state) {
    (void)state;
    static const struct {
        int64_t shards;
        int partition;
    } cases[] = {{1, PARTITION_BY_MOD},
                 {4, PARTITION_BY_MOD},
                 {3, PARTITION_BY_DIV},
                 {64, PARTITION_BY_DIV}};
    size_t length;
    char *text = zipf_text(40000, 2000, &length);
    struct model *first = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct work work;
        work_init(&work, text, length);
        work.settings.shards = cases[i].shards, work.settings.partition = cases[i].partition;
        struct model *model = work_model(&work);
        assert_int_equal(model->input->shards, cases[i].shards);
        if (first) {
            assert_same_rows(first, model);
            model_drop(model);
        } else {
            first = model;
        }
        work_clear(&work);
    }
    model_drop(first);
    free(text);
}

static void refusals_name_the_bound(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(30000, 3000, &length);
    struct work work;
    struct error err;
    work_init(&work, text, length);
    work.settings.max_memory = 1 << 20, work.settings.dim = 4096;
    enum status status = work_train(&work, &err);
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_non_null(strstr(err.text, "largest dim"));
    work_clear(&work);
    work_init(&work, " \n\n ", 4);
    assert_int_equal(work_train(&work, &err), STATUS_REFUSED);
    assert_non_null(strstr(err.text, "empty"));
    work_clear(&work);
    work_init(&work, "a b c d", 7);
    work.settings.min_count = 5;
    assert_int_equal(work_train(&work, &err), STATUS_REFUSED);
    assert_non_null(strstr(err.text, "min_count"));
    work_clear(&work);
    free(text);
}

static void cancel_leaves_no_model(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(30000, 3000, &length);
    struct work work;
    struct error err;
    work_init(&work, text, length);
    atomic_store(&work.request, REQUEST_CANCEL);
    assert_int_equal(work_train(&work, &err), STATUS_CANCELLED);
    assert_false(file_exists(work.output));
    work_clear(&work);
    free(text);
}

static void two_words_are_a_model(void **state) {
    (void)state;
    struct work work;
    work_init(&work, "two words", 9);
    work.settings.sample = 0;
    struct model *model = work_model(&work);
    assert_int_equal(vocabulary_size(model->vocabulary), 2);
    assert_true(work.few_words);
    model_drop(model);
    work_clear(&work);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_words_are_a_model),
        cmocka_unit_test(one_thread_repeats_byte_for_byte),
        cmocka_unit_test(deterministic_is_the_same_at_any_thread_count),
        cmocka_unit_test(every_kernel_trains),
        cmocka_unit_test(pinned_threads_learn),
        cmocka_unit_test(shards_do_not_change_a_bit),
        cmocka_unit_test(refusals_name_the_bound),
        cmocka_unit_test(cancel_leaves_no_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
