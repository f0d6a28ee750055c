/* Training on walks: factions are found, bytes repeat, stops change nothing, dead ends are counted
 * and told. */
#include "base/digest.h"
#include "tests/support/train_fixture.h"

/* Zachary's karate club (1977), and the side that each member took. */
static const char karate[] =
    "1 2\n1 3\n2 3\n1 4\n2 4\n3 4\n1 5\n1 6\n1 7\n5 7\n6 7\n1 8\n2 8\n3 8\n4 8\n1 9\n3 9\n3 10\n"
    "1 11\n5 11\n6 11\n1 12\n1 13\n4 13\n1 14\n2 14\n3 14\n4 14\n6 17\n7 17\n1 18\n2 18\n1 20\n"
    "2 20\n1 22\n2 22\n24 26\n25 26\n3 28\n24 28\n25 28\n3 29\n24 30\n27 30\n2 31\n9 31\n1 32\n"
    "25 32\n26 32\n29 32\n3 33\n9 33\n15 33\n16 33\n19 33\n21 33\n23 33\n24 33\n30 33\n31 33\n"
    "32 33\n9 34\n10 34\n14 34\n15 34\n16 34\n19 34\n20 34\n21 34\n23 34\n24 34\n27 34\n28 34\n"
    "29 34\n30 34\n31 34\n32 34\n33 34\n";
static const int hi[] = {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 17, 18, 20, 22};

static bool is_hi(int member) {
    for (size_t i = 0; i < sizeof hi / sizeof *hi; i++)
        if (hi[i] == member)
            return true;
    return false;
}

static void begin(struct work *work, const char *edges) {
    work_init(work, edges, strlen(edges));
    work->settings.format = FORMAT_EDGES;
    work->settings.min_count = 5; /* every node is kept */
    work->settings.sample = SETTING_AUTO_REAL;
}

static void train(struct work *work, struct train_result *result) {
    struct error err = {0};
    if (train_run(&work->options, result, &err) != STATUS_OK)
        fail_msg("%s", err.text);
}

static struct model *load(const struct work *work) {
    struct error err = {0};
    struct model *model = NULL;
    if (model_load(&model, work->output, kernel_choose("auto"), &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return model;
}

static double cosine(const struct model *model, uint32_t a, uint32_t b) {
    const float *x = table_row(model->input, a), *y = table_row(model->input, b);
    double dot = 0;
    for (uint32_t j = 0; j < model->input->columns; j++)
        dot += (double)x[j] * y[j];
    return dot / ((double)model->norms[a] * model->norms[b]);
}

static int member_of(const struct model *model, uint32_t id) {
    size_t length;
    const char *word = vocabulary_word(model->vocabulary, id, &length);
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)length, word);
    return (int)strtol(text, NULL, 10);
}

/* Two members stand between the sides and are not asked, 9 and 10. */
static void factions_are_found(void **state) {
    (void)state;
    static const double rules[][2] = {{1, 1}, {0.5, 2}, {1, 0.5}};
    for (int r = 0; r < 3; r++) {
        struct work work;
        struct train_result result;
        begin(&work, karate);
        work.settings.walk_p = rules[r][0], work.settings.walk_q = rules[r][1];
        work.settings.epochs = 10;
        if (r == 2) /* window = all: each walk whole */
            work.settings.window = 0, work.settings.walk_length = 8, work.settings.walks = 50;
        train(&work, &result);
        assert_int_equal(result.corpus.vocabulary, 34);
        assert_int_equal(result.last.words, 34 * 10 * 40 * 10);
        assert_int_equal(result.last.words, result.last.words_total);
        struct model *model = load(&work);
        int right = 0;
        for (uint32_t a = 0; a < 34; a++) {
            uint32_t best = a == 0 ? 1 : 0;
            for (uint32_t b = 0; b < 34; b++)
                if (b != a && cosine(model, a, b) > cosine(model, a, best))
                    best = b;
            right += is_hi(member_of(model, a)) == is_hi(member_of(model, best));
        }
        if (right < 31)
            fail_msg("rule %d: %d of 34 have a neighbour of their faction", r, right);
        model_drop(model);
        work_clear(&work);
    }
}

/* The same bytes twice; and after stops at checkpoints, with pairs beside the walks. */
static void walks_repeat_and_resume(void **state) {
    (void)state;
    struct buffer edges = {0};
    struct random random;
    random_init(&random, 3, 0);
    for (int i = 0; i < 2000; i++)
        buffer_print(&edges, "n%d n%d %d\n", (int)random_below(&random, 300),
                     (int)random_below(&random, 300), 1 + i % 7);
    for (int way = 0; way < 2; way++) {
        struct work work;
        struct train_result first, again;
        begin(&work, edges.data);
        work.settings.walk_q = 0.5, work.settings.edges_directed = way == 1;
        if (way == 1) {
            struct error err = {0};
            snprintf(work.settings.pairs, sizeof work.settings.pairs, "%s/pairs", work.folder);
            assert_int_equal(file_replace(work.settings.pairs, "n1 n2\n", 6, &err), STATUS_OK);
        }
        train(&work, &first);
        train(&work, &again);
        assert_string_equal(first.model_digest, again.model_digest);
        work.options.resume = true;
        unsigned stops = 0;
        enum status status = STATUS_PAUSED;
        for (uint64_t at = 1; status == STATUS_PAUSED; at += 17000) {
            struct error err = {0};
            atomic_store(&work.request, REQUEST_NONE);
            work.stop_at = at;
            status = train_run(&work.options, &again, &err);
            stops += status == STATUS_PAUSED;
            if (status != STATUS_OK && status != STATUS_PAUSED)
                fail_msg("%s", err.text);
        }
        assert_true(stops > 3);
        assert_string_equal(first.model_digest, again.model_digest);
        assert_int_equal(first.last.words, again.last.words);
        work.stop_at = 0, work.options.resume = false, work.settings.seed = 2;
        atomic_store(&work.request, REQUEST_NONE);
        train(&work, &again);
        assert_string_not_equal(first.model_digest, again.model_digest);
        work_clear(&work);
    }
    buffer_clear(&edges);
}

/* Epochs are as long as they were to be, though walks end early; one thread or three. */
static void dead_ends_are_counted(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads += 2) {
        struct work work;
        struct train_result result;
        begin(&work, "a b\nb c\nc d\nd e\na e\nb b\na b\n");
        work.settings.edges_directed = true, work.settings.threads = threads;
        train(&work, &result);
        assert_int_equal(result.last.words, 5 * 10 * 40 * 2);
        assert_int_equal(result.last.words, result.last.words_total);
        assert_int_equal(result.last.stopped, STOP_EPOCHS);
        assert_true(result.last.examples > 0 && result.last.examples < result.last.words / 4);
        work_clear(&work);
    }
}

static void what_walks_cannot_do_is_refused(void **state) {
    (void)state;
    struct work work;
    struct train_result result;
    struct error err = {0};
    begin(&work, karate);
    work.settings.holdout = 0.1;
    assert_int_equal(train_run(&work.options, &result, &err), STATUS_REFUSED);
    assert_string_equal(err.key, "holdout");
    work.settings.holdout = 0, work.settings.max_vocab = 10;
    err = (struct error){0};
    assert_int_equal(train_run(&work.options, &result, &err), STATUS_REFUSED);
    assert_string_equal(err.key, "max_vocab");
    work_clear(&work);
    begin(&work, "a a\n");
    err = (struct error){0};
    assert_int_equal(train_run(&work.options, &result, &err), STATUS_REFUSED);
    assert_false(file_exists(work.output));
    work_clear(&work);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factions_are_found), cmocka_unit_test(walks_repeat_and_resume),
        cmocka_unit_test(dead_ends_are_counted), cmocka_unit_test(what_walks_cannot_do_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
