/* A plan says what the training then reports. */
#include "tests/support/train_fixture.h"
#include "train/train_plan.h"

static struct train_plan plan;

static enum status make_plan(struct work *work, double factor, struct error *err) {
    struct train_plan_options options = {
        .training = work->options, .factor = factor, .seconds = 0.05};
    memset(err, 0, sizeof *err);
    assert_int_equal(folder_create(work->scratch, err), STATUS_OK);
    enum status status = train_plan(&options, &plan, err);
    assert_int_equal(rmdir(work->scratch), 0); /* nothing was left in it */
    return status;
}

static bool notes_say(const struct plan_notes *notes, const char *text) {
    for (unsigned i = 0; i < notes->n; i++)
        if (strstr(notes->notes[i].text, text))
            return true;
    return false;
}

static void assert_agrees(struct work *work) {
    struct error planned = {0}, trained = {0};
    struct train_result result;
    assert_int_equal(make_plan(work, 1, &planned), STATUS_OK);
    enum status status = train_run(&work->options, &result, &trained);
    assert_int_equal(plan.refusal.status, trained.status);
    if (strcmp(plan.refusal.text, trained.text) != 0 || strcmp(plan.refusal.key, trained.key) != 0)
        fail_msg("plan: %s %s, training: %s %s", plan.refusal.key, plan.refusal.text, trained.key,
                 trained.text);
    if (status != STATUS_OK)
        return;
    assert_true(plan.words == (double)result.corpus.words);
    assert_true(plan.distinct == (double)result.corpus.distinct);
    assert_true(plan.vocabulary == (double)result.corpus.vocabulary);
    assert_true(plan.kept_words == (double)result.corpus.kept_words);
    assert_true(plan.chosen.sample == result.corpus.sample);
    assert_true(plan.sample_share == result.corpus.sample_share);
    assert_true(plan.speed.known && plan.training_seconds > 0);
    assert_true(notes_say(&plan.warnings, "keeps only") == work->little_kept);
    assert_true(notes_say(&plan.warnings, "are few for") == work->few_words);
    uint64_t size = 0;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", work->output, MODEL_FILE);
    assert_int_equal(file_size(path, &size, &trained), STATUS_OK);
    if (size > plan.disk.model + 65536) /* a header and the card stand beside the tables */
        fail_msg("model of %llu bytes, %llu were planned", (unsigned long long)size,
                 (unsigned long long)plan.disk.model);
    for (unsigned i = 0; i < plan.n_curve; i++)
        if (plan.curve[i].min_count == (uint64_t)work->settings.min_count &&
            work->settings.max_vocab == 0)
            assert_true(plan.curve[i].words == plan.vocabulary);
}

static void test_agrees(void **state) {
    (void)state;
    struct work work;
    size_t length;
    char *text = zipf_text(60000, 3000, &length);
    for (int i = 0; i < 7; i++) {
        work_init(&work, text, length);
        work.settings.threads = 1 + i % 2;
        work.settings.min_count = i == 1 ? 7 : i == 2 ? 4 : 1;
        work.settings.max_vocab = i == 3 ? 100 : 0;
        work.settings.sample = i == 4 ? 1e-7 : i == 5 ? 0 : SETTING_AUTO_REAL;
        work.settings.holdout = i == 6 ? 0.2 : 0;
        assert_agrees(&work);
        work_clear(&work);
    }
    free(text);
}

/* What training refuses, a plan refuses in the same words; the figures are there all the same. */
static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t min_count, dim, max_memory;
        const char *says;
    } rows[] = {
        {"a b c a b c\n", 5, 10, 0, "no word reaches min_count 5"},
        {"a a a a\nb\n", 2, 10, 0, "is the only word"},
        {"a\nb\na\nb\n", 1, 10, 0, "no two words stand in one sentence"},
        {"a b c\nd e f\n", 1, 4096, 2000000, "the largest dim that fits"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct work work;
        work_init(&work, rows[i].text, strlen(rows[i].text));
        work.settings.min_count = rows[i].min_count;
        work.settings.dim = rows[i].dim;
        work.settings.max_memory = rows[i].max_memory;
        assert_agrees(&work);
        assert_non_null(strstr(plan.refusal.text, rows[i].says));
        assert_true(plan.words > 0 && plan.n_curve > 10 && plan.curve[0].words > 0);
        work_clear(&work);
    }
}

/* Where nothing can be told, there is no plan. */
static void test_errors(void **state) {
    (void)state;
    struct error err;
    struct work work;
    work_init(&work, "\n\n", 2);
    assert_int_equal(make_plan(&work, 1, &err), STATUS_REFUSED);
    assert_non_null(strstr(err.text, "corpus is empty"));
    work_clear(&work);
    work_init(&work, "a b\n", 4);
    atomic_store(&work.request, REQUEST_CANCEL);
    assert_int_equal(make_plan(&work, 1, &err), STATUS_CANCELLED);
    atomic_store(&work.request, REQUEST_NONE);
    assert_int_equal(unlink(work.corpus), 0);
    assert_int_equal(make_plan(&work, 1, &err), STATUS_NOT_FOUND);
    work_clear(&work);
}

static void test_warnings(void **state) {
    (void)state;
    struct error err;
    struct work work;
    struct buffer text = {0};
    for (int i = 0; i < 400; i++)
        buffer_print(&text, i % 4 == 0 ? "one two\n" : "w%d\n", i % 4 == 0 ? 0 : i);
    work_init(&work, text.data, text.length);
    assert_int_equal(make_plan(&work, 1, &err), STATUS_OK);
    assert_true(notes_say(&plan.warnings, "most sentences are one word"));
    assert_true(notes_say(&plan.warnings, "repeat a line before"));
    assert_true(notes_say(&plan.suggestions, "between two empty ones"));
    work.settings.learning_rate = 0;
    work.settings.min_learning_rate = 0;
    work.settings.min_count = 50;
    assert_int_equal(make_plan(&work, 1, &err), STATUS_OK);
    assert_true(notes_say(&plan.warnings, "the learning rate is 0"));
    assert_true(notes_say(&plan.warnings, "covers only"));
    assert_true(notes_say(&plan.suggestions, "it covers"));
    work_clear(&work);
    buffer_clear(&text);
    work_init(&work, "我们今天去北京看朋友\n我们今天去北京看朋友\n", 62);
    assert_int_equal(make_plan(&work, 1, &err), STATUS_OK);
    assert_true(notes_say(&plan.warnings, "needs tokenizer = unicode"));
    work_clear(&work);
}

/* A suggestion that is followed leads to a plan that fits. */
static void test_suggestions_fit(void **state) {
    (void)state;
    struct error err;
    struct work work;
    size_t length;
    char *text = zipf_text(200000, 20000, &length);
    work_init(&work, text, length);
    work.settings.dim = 400;
    work.settings.max_memory = 12 << 20;
    assert_int_equal(make_plan(&work, 1, &err), STATUS_OK);
    assert_int_equal(plan.refusal.status, STATUS_NO_MEMORY);
    assert_true(plan.suggestions.n >= 2);
    assert_true(plan.speed.known); /* tried with the rows that fit */
    assert_true((double)plan.speed.rows < plan.vocabulary);
    struct plan_notes suggestions = plan.suggestions;
    int followed = 0;
    for (unsigned i = 0; i < suggestions.n; i++) {
        const struct plan_note *note = &suggestions.notes[i];
        struct settings before = work.settings;
        if (strcmp(note->setting, "dim") != 0 && strcmp(note->setting, "min_count") != 0)
            continue;
        assert_int_equal(
            settings_set(&work.settings, note->setting, note->value, SETTING_OF_ALL, &err),
            STATUS_OK);
        assert_int_equal(make_plan(&work, 1, &err), STATUS_OK);
        assert_int_equal(plan.refusal.status, STATUS_OK);
        work.settings = before;
        followed++;
    }
    assert_int_equal(followed, 2);
    work_clear(&work);
    free(text);
}

/* Of a sample: what stands ten times in the whole stands once in a tenth of it. */
static void test_sampled(void **state) {
    (void)state;
    struct error err;
    struct work work;
    size_t length;
    char *text = zipf_text(60000, 3000, &length);
    work_init(&work, text, length);
    work.settings.sample = SETTING_AUTO_REAL;
    work.settings.min_count = 10;
    assert_int_equal(make_plan(&work, 10, &err), STATUS_OK);
    assert_true(plan.words == 600000);
    if (plan.vocabulary < 1500 || plan.vocabulary > 6000)
        fail_msg("a vocabulary of %g words", plan.vocabulary);
    assert_true(plan.kept_words > 0.9 * plan.words && plan.kept_words <= plan.words);
    work_clear(&work);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees),          cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_errors),          cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_suggestions_fit), cmocka_unit_test(test_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
