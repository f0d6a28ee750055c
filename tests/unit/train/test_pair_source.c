/* Pairs beside the text: how often each is drawn, what part of the steps they are, that they are
 * learned, repeat, and go on after a stop as if there had been none. */
#include "base/digest.h"
#include "tests/support/train_fixture.h"
#include "train/pair_source.h"

#define DRAWS 200000

static void write_file(const char *path, const char *text) {
    struct error err = {0};
    assert_int_equal(file_replace(path, text, strlen(text), &err), STATUS_OK);
}

static void use_pairs(struct work *work, const char *text, double share) {
    snprintf(work->settings.pairs, sizeof work->settings.pairs, "%s/pairs", work->folder);
    work->settings.pairs_share = share;
    write_file(work->settings.pairs, text);
}

/* Chi-square of 4 cells with 3 degrees of freedom: above 22 once in 15,000 seeds, and the seed is
 * fixed. */
static void pairs_come_by_weight(void **state) {
    (void)state;
    static const uint64_t offsets[] = {0, 1, 2, 3, 4}, counts[] = {4, 3, 2, 1};
    static const double weights[] = {1, 2.5, 0.125, 6};
    struct vocabulary *vocabulary = NULL;
    struct pair_source source;
    struct settings settings;
    struct error err = {0};
    struct random random;
    double expected[4], chi = 0, all = 0;
    unsigned drawn[4] = {0};
    char path[] = "/tmp/test_pair_source-XXXXXX";
    assert_non_null(mkdtemp(path));
    settings_init(&settings);
    snprintf(settings.pairs, sizeof settings.pairs, "%s/pairs", path);
    write_file(settings.pairs, "a b 1e200\na c 2.5e200\na d 0.125e200\nb c 6e200\n");
    assert_int_equal(vocabulary_create(&vocabulary, 4, "abcd", offsets, counts, &err), STATUS_OK);
    if (pair_source_init(&source, &settings, NULL, vocabulary, NULL, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(source.n, 4);
    random_init(&random, 7, 1);
    for (int i = 0; i < DRAWS; i++)
        drawn[(pair_source_draw(&source, &random) - source.ids[0]) / 2]++;
    for (int i = 0; i < 4; i++)
        all += weights[i];
    for (int i = 0; i < 4; i++) {
        expected[i] = weights[i] / all * DRAWS;
        chi += (drawn[i] - expected[i]) * (drawn[i] - expected[i]) / expected[i];
    }
    assert_true(chi < 22);
    pair_source_clear(&source);
    vocabulary_free(vocabulary);
    assert_int_equal(path_remove(path, &err), STATUS_OK);
}

static void digest_of(struct work *work, char digest[DIGEST_TEXT_SIZE],
                      struct train_result *result) {
    struct error err = {0};
    memset(result, 0, sizeof *result);
    if (train_run(&work->options, result, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    memcpy(digest, result->model_digest, DIGEST_TEXT_SIZE);
}

/* The share is of the steps, whatever the text's length, window and sentences are. */
static void the_share_is_of_the_steps(void **state) {
    (void)state;
    static const double shares[] = {0.05, 0.2, 0.5, 0.9};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        size_t length;
        char *text = zipf_text(40000, 300, &length), digest[DIGEST_TEXT_SIZE];
        struct train_result result;
        struct work work;
        work_init(&work, text, length);
        use_pairs(&work, "w1 w2\nw3 w4 2\nw5 nobody\nw6 w6\nw7 w8 0\n", shares[i]);
        work.settings.sample = 0, work.settings.window = i == 1 ? 1 : 5;
        digest_of(&work, digest, &result);
        assert_int_equal(result.last.pairs.pairs, 5);
        assert_int_equal(result.last.pairs.used, 2);
        assert_int_equal(result.last.pairs.unknown + result.last.pairs.same, 2);
        double centres = 2.0 * (double)result.last.pairs_trained, words = (double)result.last.words;
        assert_true(fabs(centres / (centres + words) - shares[i]) < 0.002);
        assert_int_equal(result.last.words, result.last.words_total);
        work_clear(&work);
        free(text);
    }
}

static float cosine_of(const char *folder, const char *one, const char *other) {
    struct error err = {0};
    struct model *model = NULL;
    if (model_load(&model, folder, kernel_choose("auto"), &err) != STATUS_OK)
        fail_msg("%s", err.text);
    const float *a = table_row(model->input, vocabulary_find(model->vocabulary, one, strlen(one))),
                *b = table_row(model->input,
                               vocabulary_find(model->vocabulary, other, strlen(other)));
    double dot = 0, aa = 0, bb = 0;
    for (uint32_t j = 0; j < model->input->columns; j++)
        dot += (double)a[j] * b[j], aa += (double)a[j] * a[j], bb += (double)b[j] * b[j];
    model_drop(model);
    return (float)(dot / sqrt(aa * bb));
}

/* Groups of words that meet in pairs only: the text is noise. With either architecture and loss. */
static void what_pairs_say_is_learned(void **state) {
    (void)state;
    struct buffer pairs = {0};
    for (int one = 20; one < 40; one++)
        for (int other = one % 2 ? 41 : 40; other < 60; other += 2)
            buffer_print(&pairs, "w%d\tw%d\n", one, other);
    for (int way = 0; way < 4; way++) {
        size_t length;
        char *text = zipf_text(40000, 100, &length), digest[DIGEST_TEXT_SIZE];
        struct train_result result;
        struct work work;
        work_init(&work, text, length);
        use_pairs(&work, pairs.data, 0.4);
        work.settings.epochs = 10, work.settings.sample = 0;
        work.settings.exact_negatives = way == 1, work.settings.guard = way != 1;
        work.settings.architecture = way == 2 ? ARCHITECTURE_CBOW : ARCHITECTURE_SKIPGRAM;
        work.settings.objective = way == 3   ? OBJECTIVE_SAMPLED_SOFTMAX
                                  : way == 1 ? OBJECTIVE_NEGATIVE_SAMPLING
                                             : OBJECTIVE_NCE;
        digest_of(&work, digest, &result);
        double same = 0, other = 0;
        for (int i = 20; i < 36; i++) {
            char a[8], b[8], c[8];
            snprintf(a, sizeof a, "w%d", i);
            snprintf(b, sizeof b, "w%d", i + 2);
            snprintf(c, sizeof c, "w%d", i + 1);
            same += (double)cosine_of(work.output, a, b);
            other += (double)cosine_of(work.output, a, c);
        }
        if (same / 16 < other / 16 + 0.2)
            fail_msg("way %d: %g with its group, %g with the other", way, same / 16, other / 16);
        work_clear(&work);
        free(text);
    }
    buffer_clear(&pairs);
}

/* The same bytes twice; and after stops at checkpoints. Without pairs other bytes. */
static void pairs_repeat_and_resume(void **state) {
    (void)state;
    static const char pairs[] = "w1 w2 3\nw3 w4\nw9 w2 .5\n";
    size_t length;
    char *text = zipf_text(60000, 300, &length), first[DIGEST_TEXT_SIZE], again[DIGEST_TEXT_SIZE];
    struct train_result result;
    struct work work;
    work_init(&work, text, length);
    use_pairs(&work, pairs, 0.3);
    digest_of(&work, first, &result);
    uint64_t trained = result.last.pairs_trained;
    digest_of(&work, again, &result);
    assert_string_equal(first, again);
    work.options.resume = true;
    unsigned stops = 0;
    enum status status = STATUS_PAUSED;
    for (uint64_t at = 1; status == STATUS_PAUSED; at += 9000) {
        struct error err = {0};
        atomic_store(&work.request, REQUEST_NONE);
        work.stop_at = at;
        status = train_run(&work.options, &result, &err);
        stops += status == STATUS_PAUSED;
        if (status != STATUS_OK && status != STATUS_PAUSED)
            fail_msg("%s", err.text);
    }
    assert_true(stops > 3);
    assert_string_equal(first, result.model_digest);
    assert_int_equal(trained, result.last.pairs_trained);
    work.stop_at = 0;
    atomic_store(&work.request, REQUEST_NONE);
    write_file(work.settings.pairs, "w1 w2 3\nw3 w4\nw9 w2 .75\n"); /* another weight counts */
    digest_of(&work, again, &result);
    assert_string_not_equal(first, again);
    work_clear(&work);
    free(text);
}

/* A checkpoint of other pairs is another training's. */
static void other_pairs_are_another_training(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(60000, 300, &length);
    struct train_result result;
    struct error err = {0};
    struct work work;
    work_init(&work, text, length);
    use_pairs(&work, "w1 w2\n", 0.3);
    work.stop_at = 20000;
    assert_int_equal(train_run(&work.options, &result, &err), STATUS_PAUSED);
    atomic_store(&work.request, REQUEST_NONE);
    work.stop_at = 0, work.options.resume = true;
    write_file(work.settings.pairs, "w1 w3\n");
    err = (struct error){0};
    assert_int_equal(train_run(&work.options, &result, &err), STATUS_OK);
    assert_false(work.resumed);
    work_clear(&work);
    free(text);
}

static void pairs_that_cannot_be_used(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(5000, 300, &length);
    struct train_result result;
    struct error err = {0};
    struct work work;
    work_init(&work, text, length);
    use_pairs(&work, "w1 nobody\nw2 w2\nw3 w1 0\n", 0.3);
    assert_int_equal(train_run(&work.options, &result, &err), STATUS_REFUSED);
    assert_string_equal(err.key, "pairs");
    assert_non_null(strstr(err.text, "none of the 3 pairs can be used: 1 have a word that is not"));
    assert_int_equal(result.last.pairs.pairs, 3);
    assert_false(file_exists(work.output));
    err = (struct error){0};
    write_file(work.settings.pairs, "w1 w2\nw1\n");
    assert_int_equal(train_run(&work.options, &result, &err), STATUS_MALFORMED);
    assert_string_equal(err.key, "pairs");
    /* memory counts them: what fits alone does not with a list of pairs that large */
    assert_in_range(result.corpus.vocabulary, 100, 300);
    struct train_memory alone = train_memory(&work.settings, result.corpus.vocabulary, 0);
    assert_int_equal(train_memory(&work.settings, result.corpus.vocabulary, 1000).needed,
                     alone.needed + 1000);
    work.settings.max_memory = (int64_t)alone.needed;
    err = (struct error){0};
    write_file(work.settings.pairs, "w1 w2\n");
    assert_int_equal(train_run(&work.options, &result, &err), STATUS_NO_MEMORY);
    work_clear(&work);
    free(text);
}

/* max_steps counts steps of pairs, too, and ends where it says. */
static void max_steps_counts_them(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(60000, 300, &length), digest[DIGEST_TEXT_SIZE];
    struct train_result result;
    struct work work;
    work_init(&work, text, length);
    use_pairs(&work, "w1 w2\nw3 w4\n", 0.5);
    work.settings.sample = 0, work.settings.max_steps = 1001;
    digest_of(&work, digest, &result);
    assert_int_equal(result.last.step, 1001);
    assert_int_equal(result.last.stopped, STOP_MAX_STEPS);
    assert_in_range(result.last.pairs_trained, 2000, 6000);
    work_clear(&work);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_come_by_weight),
                                       cmocka_unit_test(the_share_is_of_the_steps),
                                       cmocka_unit_test(what_pairs_say_is_learned),
                                       cmocka_unit_test(pairs_repeat_and_resume),
                                       cmocka_unit_test(other_pairs_are_another_training),
                                       cmocka_unit_test(pairs_that_cannot_be_used),
                                       cmocka_unit_test(max_steps_counts_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
