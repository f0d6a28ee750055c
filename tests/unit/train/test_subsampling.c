/* What `sample = auto` chooses, and what subsampling keeps. */
#include "tests/support/train_fixture.h"
#include "tests/support/vocabulary_made.h"
#include "train/subsampling.h"

/* word2vec's rule, by figures worked out by hand. */
static void words_are_kept_by_word2vecs_rule(void **state) {
    (void)state;
    assert_true(subsampling_keep(0, 5, 10) == 1);
    assert_true(subsampling_keep(0.5, 5, 10) == 1);
    assert_true(fabs(subsampling_keep(0.01, 4, 100) - 0.75) < 1e-12);   /* f 4: (2 + 1) / 4 */
    assert_true(fabs(subsampling_keep(0.01, 25, 100) - 0.24) < 1e-12);  /* f 25: 6 / 25 */
    assert_true(fabs(subsampling_keep(0.001, 10, 100) - 0.11) < 1e-12); /* f 100: 11 / 100 */
    struct vocabulary *vocabulary = vocabulary_of((const uint64_t[]){64, 36}, 2);
    /* f 64 and 36: keeps 9 / 64 of 64, 7 / 36 of 36 */
    assert_true(fabs(subsampling_share(0.01, vocabulary) - 0.16) < 1e-12);
    assert_true(subsampling_share(0, vocabulary) == 1);
    assert_true(subsampling_share(1, vocabulary) == 1);
    vocabulary_free(vocabulary);
}

/* Of 60 items that are equally frequent 40% are kept at 1.57e-3: x + x^2 = 0.4 at x = 0.3062, and
 * the threshold is x^2 / 60. */
static void a_small_vocabulary_keeps_its_share(void **state) {
    (void)state;
    struct vocabulary *vocabulary = vocabulary_equal(60, 20000);
    assert_true(subsampling_threshold(1e-4, 0.4, vocabulary) == 0.00157);
    assert_true(subsampling_share(0.00156, vocabulary) < 0.4);
    assert_in_range((uint64_t)(1e4 * subsampling_share(0.00157, vocabulary)), 4000, 4020);
    double more = subsampling_threshold(1e-4, 0.9, vocabulary);
    assert_true(more > 0.00157 && subsampling_share(more, vocabulary) >= 0.9);
    assert_true(subsampling_threshold(1e-4, 0, vocabulary) == 1e-4);
    /* is taken as it is, whatever its digits */
    assert_true(subsampling_threshold(0.0123456, 0, vocabulary) == 0.0123456);
    vocabulary_free(vocabulary);
}

/* Zipf's counts over 30,000 words are text: it stays at the least there. */
static void text_stays_at_the_least(void **state) {
    (void)state;
    struct vocabulary *vocabulary = vocabulary_zipf(30000, 1e6);
    assert_true(subsampling_share(1e-4, vocabulary) > 0.4);
    assert_true(subsampling_threshold(1e-4, 0.4, vocabulary) == 1e-4);
    vocabulary_free(vocabulary);
}

/* The smallest of three digits, by trying the one below; never lower when more is to be kept, and
 * never lower for fewer words. */
static void the_threshold_is_the_smallest(void **state) {
    (void)state;
    for (uint32_t size = 2; size < 5000; size = size * 3 + 1) {
        struct vocabulary *vocabulary = vocabulary_zipf(size, 1e7);
        double before = 0;
        for (double keep = 0.05; keep < 1; keep += 0.05) {
            double sample = subsampling_threshold(1e-9, keep, vocabulary);
            double digit = pow(10, floor(log10(sample) + 1e-9) - 2);
            assert_true(subsampling_share(sample, vocabulary) >= keep);
            assert_true(subsampling_share(sample - digit, vocabulary) < keep);
            assert_true(fabs(sample / digit - nearbyint(sample / digit)) < 1e-6);
            assert_true(sample >= before);
            before = sample;
        }
        vocabulary_free(vocabulary);
    }
}

/* ---- a training ------------------------------------------------------------------------------ */

/* 60 items, baskets of six of a group of 20. */
static char *basket_text(size_t baskets, size_t *length) {
    struct buffer text = {0};
    struct random random;
    random_init(&random, 3, 0);
    for (size_t i = 0; i < baskets; i++) {
        uint32_t group = (uint32_t)random_below(&random, 3);
        for (int item = 0; item < 6; item++)
            buffer_print(&text, "g%u_%u ", group, (uint32_t)random_below(&random, 20));
        buffer_append_char(&text, '\n');
    }
    *length = text.length;
    return buffer_take(&text);
}

/* The model tells what was chosen, and its rows are those of that threshold, set. */
static void auto_is_the_threshold_it_chooses(void **state) {
    (void)state;
    size_t length;
    char *text = basket_text(20000, &length), line[64];
    struct model *models[2];
    for (int set = 0; set < 2; set++) {
        struct work work;
        struct settings trained;
        work_init(&work, text, length);
        settings_init(&trained);
        work.settings.sample = SETTING_AUTO_REAL, work.settings.sample_words = 0;
        if (set) {
            assert_int_equal(settings_read_text(&trained, models[0]->info.settings, "model",
                                                SETTING_OF_JOB, NULL),
                             STATUS_OK);
            work.settings.sample = trained.sample;
        }
        models[set] = work_model(&work);
        work_clear(&work);
    }
    assert_string_equal(models[0]->info.chosen, "sample");
    assert_string_equal(models[1]->info.chosen, "");
    assert_true(models[0]->info.sample_share >= 0.4 && models[0]->info.sample_share < 0.41);
    assert_true(models[0]->info.sample_share == models[1]->info.sample_share);
    snprintf(line, sizeof line, "\nsample = 0.001");
    assert_non_null(strstr(models[0]->info.settings, line));
    assert_null(strstr(models[0]->info.settings, "sample = auto"));
    for (uint32_t id = 0; id < 60; id++)
        assert_memory_equal(table_row(models[0]->input, id), table_row(models[1]->input, id),
                            models[0]->input->stride * sizeof(float));
    model_drop(models[0]);
    model_drop(models[1]);
    free(text);
}

/* Stopped and gone on with, `auto` gives the same bytes as in one go. */
static void auto_goes_on_from_a_checkpoint(void **state) {
    (void)state;
    size_t length, sizes[2];
    char *text = basket_text(8000, &length), *bytes[2];
    for (int stopped = 0; stopped < 2; stopped++) {
        struct work work;
        struct error err;
        work_init(&work, text, length);
        work.settings.sample = SETTING_AUTO_REAL, work.settings.sample_words = 0;
        work.settings.progress_interval = 1e-9;
        work.options.resume = stopped, work.stop_at = stopped ? 20000 : 0;
        enum status status = work_train(&work, &err);
        assert_int_equal(status, stopped ? STATUS_PAUSED : STATUS_OK);
        if (stopped) {
            work.stop_at = 0, work.resumed = false;
            atomic_store(&work.request, REQUEST_NONE);
            assert_int_equal(work_train(&work, &err), STATUS_OK);
            assert_true(work.resumed);
        }
        bytes[stopped] = work_bytes(&work, &sizes[stopped]);
        work_clear(&work);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    free(text);
}

/* Below a fifth it is said, above it is not. */
static void little_text_left_is_told(void **state) {
    (void)state;
    size_t length;
    char *text = basket_text(8000, &length);
    for (int low = 0; low < 2; low++) {
        struct work work;
        struct error err;
        work_init(&work, text, length);
        work.settings.sample = low ? 1e-4 : SETTING_AUTO_REAL;
        assert_int_equal(work_train(&work, &err), STATUS_OK);
        assert_int_equal(work.little_kept, low);
        work_clear(&work);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_kept_by_word2vecs_rule),
        cmocka_unit_test(a_small_vocabulary_keeps_its_share),
        cmocka_unit_test(text_stays_at_the_least),
        cmocka_unit_test(the_threshold_is_the_smallest),
        cmocka_unit_test(auto_is_the_threshold_it_chooses),
        cmocka_unit_test(auto_goes_on_from_a_checkpoint),
        cmocka_unit_test(little_text_left_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
