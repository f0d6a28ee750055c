/* A training that can learn nothing, or has learned nothing, fails and says why; one that learned
 * has a loss. */
#include "tests/support/train_fixture.h"

struct nothing {
    const char *name;
    const char *line; /* of the corpus, this often */
    int lines;
    const char *settings;
    const char *key, *says[3];
};

/* A number behind each word makes it another one: '#' stands for the number of the line. */
static char *corpus_of(const struct nothing *nothing, size_t *length) {
    struct buffer text = {0};
    for (int i = 0; i < nothing->lines; i++)
        for (const char *c = nothing->line; *c; c++)
            if (*c == '#')
                buffer_print(&text, "%d", i);
            else
                buffer_append_char(&text, *c);
    *length = text.length;
    return buffer_take(&text);
}

static void expect_refusal(const struct nothing *nothing) {
    size_t length;
    char *text = corpus_of(nothing, &length);
    struct work work;
    struct error err;
    work_init(&work, text, length);
    settings_init(&work.settings);
    work.settings.threads = 1, work.settings.dim = 8;
    if (settings_read_text(&work.settings, nothing->settings, "settings", SETTING_OF_JOB, &err) !=
        STATUS_OK)
        fail_msg("%s: %s", nothing->name, err.text);
    enum status status = work_train(&work, &err);
    if (status != STATUS_REFUSED || strcmp(err.key, nothing->key) != 0)
        fail_msg("%s: status %d, key '%s': %s", nothing->name, status, err.key, err.text);
    for (size_t i = 0; i < 3 && nothing->says[i]; i++)
        if (!strstr(err.text, nothing->says[i]))
            fail_msg("%s: '%s' does not say '%s'", nothing->name, err.text, nothing->says[i]);
    char path[256];
    snprintf(path, sizeof path, "%s/%s", work.output, MODEL_FILE);
    assert_false(file_exists(path));
    work_clear(&work);
    free(text);
}

#define CHINESE \
    "\xe6\x88\x91\xe4\xbb\xac\xe4\xbb\x8a\xe5\xa4\xa9\xe5\x8e\xbb\xe5\x85\xac\xe5\x9b\xad"

static const struct nothing hopeless[] = {
    {"a word a line",
     "w1\nw2\nw3\n",
     100,
     "",
     "sentence",
     {"300 words in 300 sentences", "sentence = paragraph"}},
    {"a word a paragraph",
     "w1\n\nw2\n\nw3\n\n",
     100,
     "sentence = paragraph",
     "sentence",
     {"300 words in 300 sentences", "only empty lines"}},
    {"a short Chinese word a line",
     "\xe6\x88\x91\n\xe4\xbb\xac\n",
     100,
     "",
     "sentence",
     {"200 words in 200 sentences"}},
    {"a Russian word a line",
     "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\n\xd0\xbc\xd0\xb8\xd1\x80\n",
     100,
     "",
     "sentence",
     {"200 words in 200 sentences"}},
    {"Chinese lines that come again",
     CHINESE "\n" CHINESE CHINESE "\n",
     100,
     "",
     "tokenizer",
     {"200 words in 200 sentences", "tokenizer = unicode"}},
    {"Chinese lines, each once",
     CHINESE CHINESE "#\n",
     100,
     "min_count = 5",
     "min_count",
     {"min_count 5", "tokenizer = unicode"}},
    {"one Chinese line",
     CHINESE "\n",
     100,
     "",
     "tokenizer",
     {"the only word", "100 times in 100 sentences", "tokenizer = unicode"}},
    {"long lines with commas",
     "alpha,beta,gamma,delta,alpha,beta,gamma,delta,alpha,beta,gamma,delta,alpha,beta,gamma\n"
     "alpha,beta,gamma,delta,alpha,beta,gamma,delta,alpha,beta,gamma,delta,alpha,beta,alpha\n",
     10,
     "format = text\n", /* else it is taken for a table */
     "tokenizer",
     {"20 words in 20 sentences", "tokenizer = unicode"}},
    {"one word", "the the the\n", 100, "", "", {"'the' is the only word", "300 times"}},
    {"one word is frequent enough",
     "the u#\n",
     100,
     "min_count = 5",
     "min_count",
     {"'the' is the only word", "min_count 5 left out 100 of 200", "lower it"}},
    {"one word is kept",
     "the cat\n",
     100,
     "max_vocab = 1",
     "max_vocab",
     {"max_vocab 1 left out 100 of 200", "raise it"}},
    {"Chinese lines, each once, and auto",
     CHINESE CHINESE "#\n",
     100,
     "",
     "tokenizer",
     {"no two words stand in one sentence", "tokenizer = unicode"}},
    {"the rest is rare",
     "a u# v#\nb x# y#\n",
     100,
     "min_count = 5",
     "min_count",
     {"no sentence keeps two words", "min_count 5 left out 400 of 600"}},
    {"little text, much subsampling",
     "a b c d\n",
     3,
     "min_count = 1\nsample = 1e-7",
     "sample",
     {"nothing was learned: of 12 words in 3 sentences", "sample 1e-07 keeps 0.063",
      "sample = auto"}},
    {"the same with cbow",
     "a b c d\n",
     3,
     "min_count = 1\nsample = 1e-7\narchitecture = cbow",
     "sample",
     {"nothing was learned"}},
    {"the same pair by pair",
     "a b c d\n",
     3,
     "min_count = 1\nsample = 1e-7\nexact_negatives = true\nobjective = negative_sampling",
     "sample",
     {"nothing was learned"}},
    {"auto that is told to keep nothing",
     "a b c d\n",
     3,
     "min_count = 1\nsample_keep = 0\nsample_words = 0\nsample_least = 1e-9\nsample_base = 0",
     "sample",
     {"nothing was learned", "raise sample_keep"}},
};

static void nothing_to_learn_is_a_failure(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof hopeless / sizeof *hopeless; i++)
        expect_refusal(&hopeless[i]);
}

/* The ways out that the messages name are ones. */
static void the_ways_out_lead_out(void **state) {
    (void)state;
    static const struct nothing cases[] = {
        {"joined", "w1\nw2\nw3\n", 100, "sentence = paragraph", "", {0}},
        {"split", CHINESE "\n", 10, "tokenizer = unicode", "", {0}},
        {"lower", "the u#\n", 100, "min_count = 1", "", {0}},
        {"raised", "the cat\n", 100, "max_vocab = 2", "", {0}},
        {"auto", "a b c d\n", 3, "min_count = 1", "", {0}},
        {"all", "a b c d\n", 3, "min_count = 1\nsample = 0", "", {0}},
        {"one pair", "a b\n", 1, "min_count = 1", "", {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int64_t threads = 1; threads <= 4; threads += 3) {
            size_t length;
            char *text = corpus_of(&cases[i], &length);
            struct work work;
            work_init(&work, text, length);
            settings_init(&work.settings);
            assert_int_equal(settings_read_text(&work.settings, cases[i].settings, "settings",
                                                SETTING_OF_JOB, NULL),
                             STATUS_OK);
            work.settings.dim = 8, work.settings.threads = threads;
            struct model *model = work_model(&work);
            if (!(model->info.loss > 0) || model->info.examples == 0)
                fail_msg("%s: loss %g", cases[i].name, model->info.loss);
            model_drop(model);
            work_clear(&work);
            free(text);
        }
}

/* Sentences of one word, and one pair of words far behind them: it is found, and the loss is that
 * of the block in which it stands. */
static void one_pair_is_enough(void **state) {
    (void)state;
    static const char *const settings[] = {"", "architecture = cbow",
                                           "exact_negatives = true\nobjective = negative_sampling",
                                           "objective = sampled_softmax", "window = 1"};
    struct buffer text = {0};
    for (int i = 0; i < 20000; i++)
        buffer_print(&text, "w%d\n", i % 50);
    buffer_append_text(&text, "w1 w2\n");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct work work;
        work_init(&work, text.data, text.length);
        assert_int_equal(
            settings_read_text(&work.settings, settings[i], "settings", SETTING_OF_JOB, NULL),
            STATUS_OK);
        work.settings.sample = 0, work.settings.epochs = 3;
        struct model *model = work_model(&work);
        assert_true(model->info.loss > 0);
        assert_int_equal(model->info.examples, 6); /* two words, three epochs */
        assert_true(work.few_pairs);               /* of a vocabulary of 50 */
        model_drop(model);
        work_clear(&work);
    }
    buffer_clear(&text);
}

/* Centres with a context, counted by hand; where a chunk ends makes no difference. */
static void examples_are_counted(void **state) {
    (void)state;
    struct buffer text = {0};
    uint64_t expected = 0;
    for (int i = 0; i < 5000; i++) {
        int words = i % 7 + 1 + (i == 2500 ? 9000 : 0);
        for (int w = 0; w < words; w++)
            buffer_print(&text, "w%d ", (i + w) % 90);
        buffer_append_char(&text, '\n');
        expected += words > 1 ? (uint64_t)words : 0;
    }
    struct work work;
    work_init(&work, text.data, text.length);
    work.settings.sample = 0, work.settings.epochs = 1, work.settings.threads = 1;
    struct model *model = work_model(&work);
    /* segments cut a sentence each, which may leave a word alone */
    assert_in_range(model->info.examples, expected - 20, expected);
    assert_false(work.few_pairs);
    model_drop(model);
    work_clear(&work);
    buffer_clear(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_learn_is_a_failure),
        cmocka_unit_test(the_ways_out_lead_out),
        cmocka_unit_test(one_pair_is_enough),
        cmocka_unit_test(examples_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
