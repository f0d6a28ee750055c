#include <math.h>
#include <unistd.h>

#include "base/number.h"
#include "config/config.h"
#include "tests/support/temporary.h"

static struct settings fresh(void) {
    struct settings settings;
    settings_init(&settings);
    return settings;
}

static void expect_refusal(const char *name, const char *text, unsigned scopes,
                           const char *message) {
    struct settings settings = fresh(), before = settings;
    struct error err = {0};
    assert_int_equal(settings_set(&settings, name, text, scopes, &err), STATUS_REFUSED);
    assert_string_equal(err.text, message);
    assert_memory_equal(&settings, &before, sizeof settings);
}

static void defaults(void **state) {
    (void)state;
    struct settings settings = fresh();
    assert_int_equal(settings.dim, 100);
    assert_int_equal(settings.dynamic_window, SETTING_AUTO_FLAG);
    assert_true(settings.sample == SETTING_AUTO_REAL);
    assert_int_equal(settings.sampler, NOISE_LOG_UNIFORM);
    assert_int_equal(settings.objective, OBJECTIVE_NCE);
    assert_int_equal(settings.partition, PARTITION_BY_MOD);
    assert_string_equal(settings.listen, "127.0.0.1:8080");
    assert_int_equal(settings.max_corpus_bytes, (int64_t)64 << 30);
    assert_int_equal(settings_check(&settings, NULL), STATUS_OK);
    struct settings again = fresh();
    assert_memory_equal(&settings, &again, sizeof settings);
}

/* ---- choices --------------------------------------------------------------------------------- */

/* The constants of choices.def once more, each with its setting and its name. */
struct choice {
    const char *setting, *name;
    int value;
};
#define CHOICE_ENTRY(constant, text) {NULL, text, (int)constant},
#define SETTING_CHOICE(name, def, scope, meaning) {#name, NULL, -1}, CHOICES_OF_##name(CHOICE_ENTRY)
static const struct choice choices[] = {
#include "config/settings.def"
};

static int choice_value(const struct settings *settings, const struct setting *row) {
    int value;
    memcpy(&value, (const char *)settings + row->offset, sizeof value);
    return value;
}

/* Every constant is the place of its name in the list, is what the name is parsed to, and prints
 * back; no name stands twice in a list, and a list ends with its last constant. */
static void choices_read_and_print_back(void **state) {
    (void)state;
    const struct setting *row = NULL;
    size_t n_settings = 0, place = 0;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        if (choices[i].setting) {
            assert_true(!row || !row->choices[place]);
            row = settings_find(choices[i].setting);
            assert_non_null(row);
            assert_int_equal(row->type, SETTING_IS_CHOICE);
            n_settings++;
            place = 0;
            continue;
        }
        assert_int_equal(choices[i].value, place);
        assert_string_equal(row->choices[place], choices[i].name);
        for (size_t j = 0; j < place; j++)
            assert_string_not_equal(row->choices[j], choices[i].name);
        struct settings settings = fresh();
        struct buffer text = {0};
        assert_int_equal(settings_set(&settings, row->name, choices[i].name, SETTING_OF_ALL, NULL),
                         STATUS_OK);
        assert_int_equal(choice_value(&settings, row), choices[i].value);
        settings_print(&settings, row, &text);
        assert_string_equal(text.data, choices[i].name);
        buffer_clear(&text);
        place++;
    }
    assert_true(!row->choices[place]);
    for (size_t i = 0; i < settings_count(); i++)
        n_settings -= settings_row(i)->type == SETTING_IS_CHOICE;
    assert_int_equal(n_settings, 0);
}

/* What a job file or a model written by an earlier program means: names and values are a format. */
static void choices_keep_their_values(void **state) {
    (void)state;
    static const struct choice kept[] = {
        {"schedule", "linear", SCHEDULE_LINEAR},
        {"schedule", "constant", SCHEDULE_CONSTANT},
        {"objective", "nce", OBJECTIVE_NCE},
        {"objective", "negative_sampling", OBJECTIVE_NEGATIVE_SAMPLING},
        {"objective", "sampled-softmax", OBJECTIVE_SAMPLED_SOFTMAX},
        {"sampler", "log_uniform", NOISE_LOG_UNIFORM},
        {"sampler", "unigram", NOISE_UNIGRAM},
        {"sampler", "uniform", NOISE_UNIFORM},
        {"remove_accidental_hits", "auto", HITS_AUTO},
        {"remove_accidental_hits", "yes", HITS_YES},
        {"remove_accidental_hits", "no", HITS_NO},
        {"architecture", "skipgram", ARCHITECTURE_SKIPGRAM},
        {"architecture", "cbow", ARCHITECTURE_CBOW},
        {"bias", "auto", BIAS_AUTO},
        {"bias", "fixed", BIAS_FIXED},
        {"bias", "learned", BIAS_LEARNED},
        {"bias", "zero", BIAS_ZERO},
        {"bias", "none", BIAS_NONE},
        {"init", "word2vec", INIT_WORD2VEC},
        {"init", "tensorflow", INIT_TENSORFLOW},
        {"on_nonfinite", "fail", NONFINITE_FAIL},
        {"on_nonfinite", "rollback", NONFINITE_ROLLBACK},
        {"partition", "mod", PARTITION_BY_MOD},
        {"partition", "div", PARTITION_BY_DIV},
        {"format", "auto", FORMAT_AUTO},
        {"format", "text", FORMAT_TEXT},
        {"format", "ndjson", FORMAT_NDJSON},
        {"format", "tokens", FORMAT_TOKENS},
        {"tokenizer", "whitespace", TOKENIZER_WHITESPACE},
        {"tokenizer", "unicode", TOKENIZER_UNICODE},
        {"sentence", "line", SENTENCE_LINE},
        {"sentence", "paragraph", SENTENCE_PARAGRAPH},
        {"kernel", "auto", KERNEL_AUTO},
        {"kernel", "avx512bf16", KERNEL_AVX512BF16},
        {"kernel", "avx512", KERNEL_AVX512},
        {"kernel", "avx2", KERNEL_AVX2},
        {"kernel", "portable", KERNEL_PORTABLE},
        {"log_format", "auto", LOG_FORMAT_AUTO},
        {"log_format", "text", LOG_FORMAT_TEXT},
        {"log_format", "json", LOG_FORMAT_JSON},
        {"log_level", "debug", LOG_LEVEL_DEBUG},
        {"log_level", "error", LOG_LEVEL_ERROR}};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct settings settings = fresh();
        const struct setting *row = settings_find(kept[i].setting);
        assert_non_null(row);
        assert_int_equal(settings_set(&settings, row->name, kept[i].name, SETTING_OF_ALL, NULL),
                         STATUS_OK);
        assert_int_equal(choice_value(&settings, row), kept[i].value);
    }
}

/* A meaning is one line: the long text is in docs/settings.md. */
static void meanings_are_short(void **state) {
    (void)state;
    for (size_t i = 0; i < settings_count(); i++) {
        const char *meaning = settings_row(i)->meaning;
        if (strlen(meaning) > 100 || meaning[strlen(meaning) - 1] == '.')
            fail_msg("%s: '%s'", settings_row(i)->name, meaning);
    }
}

static void messages(void **state) {
    (void)state;
    expect_refusal("dim", "0", SETTING_OF_ALL, "dim must be between 1 and 4096, not 0");
    expect_refusal("dim", "4097", SETTING_OF_ALL, "dim must be between 1 and 4096, not 4097");
    expect_refusal("dim", "", SETTING_OF_ALL,
                   "dim must be a whole number between 1 and 4096, not ''");
    expect_refusal("dim", "1.5", SETTING_OF_ALL,
                   "dim must be a whole number between 1 and 4096, not '1.5'");
    expect_refusal("seed", "-1", SETTING_OF_ALL,
                   "seed must be between 0 and 9223372036854775807, not -1");
    expect_refusal("learning_rate", "nan", SETTING_OF_ALL,
                   "learning_rate must be a number between 0 and 100, not 'nan'");
    expect_refusal("learning_rate", "inf", SETTING_OF_ALL,
                   "learning_rate must be a number between 0 and 100, not 'inf'");
    expect_refusal("learning_rate", "100.1", SETTING_OF_ALL,
                   "learning_rate must be between 0 and 100, not 100.1");
    expect_refusal("unique", "maybe", SETTING_OF_ALL, "unique must be true or false, not 'maybe'");
    expect_refusal("objective", "x", SETTING_OF_ALL,
                   "objective must be nce, negative_sampling or sampled_softmax, not 'x'");
    expect_refusal("schedule", "", SETTING_OF_ALL, "schedule must be linear or constant, not ''");
    expect_refusal("data", "", SETTING_OF_ALL, "data must not be empty");
    expect_refusal("data", "a\nb", SETTING_OF_ALL, "data must not hold control characters");
    expect_refusal("max_memory", "1.5G", SETTING_OF_ALL,
                   "max_memory must be a number of bytes, such as 1048576, 64M or 2G, not '1.5G'");
    expect_refusal("max_memory", "-1", SETTING_OF_ALL,
                   "max_memory must be between 0 and 9223372036854775807, not -1");
    expect_refusal("max_json_bytes", "1", SETTING_OF_ALL,
                   "max_json_bytes must be between 1024 and 1073741824, not 1");
    expect_refusal("dmi", "1", SETTING_OF_ALL, "unknown setting 'dmi'; did you mean 'dim'?");
    expect_refusal("learning-rat", "1", SETTING_OF_ALL,
                   "unknown setting 'learning-rat'; did you mean 'learning_rate'?");
    expect_refusal("zzzzzz", "1", SETTING_OF_ALL, "unknown setting 'zzzzzz'");
    expect_refusal("", "1", SETTING_OF_ALL, "unknown setting ''");
    expect_refusal("listen", ":1", SETTING_OF_JOB,
                   "listen is a setting of the server, not of a job");
    expect_refusal("dim", "1", SETTING_OF_SERVER, "dim is a setting of a job, not of the server");
    char text[300], expected[100];
    memset(text, 'h', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    expect_refusal("listen", text, SETTING_OF_ALL,
                   "listen must be at most 255 bytes long, not 299");
    snprintf(expected, sizeof expected, "unknown setting '%.64s'", text);
    expect_refusal(text, "1", SETTING_OF_ALL, expected);
}

static void keys_are_named(void **state) {
    (void)state;
    struct settings settings = fresh();
    struct error err = {0};
    assert_int_equal(settings_set(&settings, "min-count", "0", SETTING_OF_ALL, &err),
                     STATUS_REFUSED);
    assert_string_equal(err.key, "min_count");
}

static void whole_text(double value, char text[64]) {
    snprintf(text, 64, "%.0f", value);
}

/* Both bounds of every number are taken, what lies just past them is not. */
static void bounds_of_every_row(void **state) {
    (void)state;
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        struct settings settings = fresh();
        char text[64];
        if (row->type == SETTING_IS_INT || row->type == SETTING_IS_BYTES) {
            whole_text(row->min, text);
            assert_int_equal(settings_set(&settings, row->name, text, SETTING_OF_ALL, NULL),
                             STATUS_OK);
            whole_text(row->min - 1, text);
            assert_int_equal(settings_set(&settings, row->name, text, SETTING_OF_ALL, NULL),
                             STATUS_REFUSED);
            bool widest = row->max >= 0x1p63;
            whole_text(row->max, text);
            assert_int_equal(settings_set(&settings, row->name,
                                          widest ? "9223372036854775807" : text, SETTING_OF_ALL,
                                          NULL),
                             STATUS_OK);
            whole_text(row->max + 1, text);
            assert_int_equal(settings_set(&settings, row->name,
                                          widest ? "9223372036854775808" : text, SETTING_OF_ALL,
                                          NULL),
                             STATUS_REFUSED);
        } else if (row->type == SETTING_IS_REAL) {
            const double inside[] = {row->min, row->max},
                         outside[] = {nextafter(row->min, -1e300), nextafter(row->max, 1e300)};
            for (int side = 0; side < 2; side++) {
                snprintf(text, sizeof text, "%.17g", inside[side]);
                assert_int_equal(settings_set(&settings, row->name, text, SETTING_OF_ALL, NULL),
                                 STATUS_OK);
                snprintf(text, sizeof text, "%.17g", outside[side]);
                assert_int_equal(settings_set(&settings, row->name, text, SETTING_OF_ALL, NULL),
                                 STATUS_REFUSED);
            }
        } else if (row->type == SETTING_IS_TEXT) {
            char *longest = malloc((size_t)row->max + 2);
            memset(longest, 'x', (size_t)row->max + 1);
            longest[(size_t)row->max + 1] = '\0';
            assert_int_equal(settings_set(&settings, row->name, longest, SETTING_OF_ALL, NULL),
                             STATUS_REFUSED);
            assert_int_equal(settings_set(&settings, row->name, longest + 1, SETTING_OF_ALL, NULL),
                             STATUS_OK);
            free(longest);
        }
    }
}

static void bytes_take_suffixes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {{"0", 0},
                 {"1K", 1024},
                 {"3k", 3072},
                 {"64M", 64 << 20},
                 {"2g", (int64_t)2 << 30},
                 {"1T", (int64_t)1 << 40},
                 {"8388607T", (int64_t)8388607 << 40}};
    struct settings settings = fresh();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(settings_set(&settings, "max_memory", cases[i].text, SETTING_OF_ALL, NULL),
                         STATUS_OK);
        assert_int_equal(settings.max_memory, cases[i].value);
    }
    static const char *const wrong[] = {"K",
                                        "1KK",
                                        "1P",
                                        "1KB",
                                        "8388608T",
                                        "9223372036854775807K",
                                        "-1K",
                                        "",
                                        " 1K",
                                        "1 K",
                                        "99999999999999999999999999999999999999999K"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(settings_set(&settings, "max_memory", wrong[i], SETTING_OF_ALL, NULL),
                         STATUS_REFUSED);
    }
}

static void flags_and_spellings(void **state) {
    (void)state;
    struct settings settings = fresh();
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(settings_set(&settings, "guard", words[i], SETTING_OF_ALL, NULL),
                         STATUS_OK);
        assert_int_equal(settings.guard, i % 2 == 0);
    }
    assert_int_equal(settings_set(&settings, "min-learning-rate", "0", SETTING_OF_ALL, NULL),
                     STATUS_OK);
    assert_ptr_equal(settings_find("min-learning_rate"), settings_find("min_learning_rate"));
    assert_null(settings_find("Dim"));
    assert_null(settings_find("dim "));
}

static void print_reads_back(void **state) {
    (void)state;
    static const char *const reals[] = {
        "0.1", "1e-7", "0.30000000000000004", "99.999999999999986", "2.5e-6", "5e-324"};
    struct settings settings = fresh(), back = fresh();
    const struct setting *row = settings_find("learning_rate");
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        struct buffer text = {0};
        assert_int_equal(settings_set(&settings, row->name, reals[i], SETTING_OF_ALL, NULL),
                         STATUS_OK);
        settings_print(&settings, row, &text);
        assert_int_equal(settings_set(&back, row->name, text.data, SETTING_OF_ALL, NULL),
                         STATUS_OK);
        assert_true(settings.learning_rate == back.learning_rate);
        buffer_clear(&text);
    }
    for (size_t i = 0; i < settings_count(); i++) {
        struct buffer text = {0};
        settings_print(&settings, settings_row(i), &text);
        assert_int_equal(
            settings_set(&back, settings_row(i)->name, text.data, SETTING_OF_ALL, NULL), STATUS_OK);
        buffer_clear(&text);
    }
    assert_memory_equal(&settings, &back, sizeof settings);
}

static void text_reads_back(void **state) {
    (void)state;
    static const char *const folders[] = {
        "plain", " blank at both ends ", "a # b", "#", "quo\"te", "back\\slash", "\"", "=", "\\",
        "a\\\"", "na\xc3\xafve",         "a=b #"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct settings settings = fresh(), back = fresh();
        struct buffer text = {0};
        assert_int_equal(settings_set(&settings, "data", folders[i], SETTING_OF_ALL, NULL),
                         STATUS_OK);
        assert_int_equal(
            settings_set(&settings, "seed", "9223372036854775807", SETTING_OF_ALL, NULL),
            STATUS_OK);
        settings_write_text(&settings, SETTING_OF_ALL, false, &text);
        assert_int_equal(settings_read_text(&back, text.data, "x", SETTING_OF_ALL, NULL),
                         STATUS_OK);
        assert_memory_equal(&settings, &back, sizeof settings);
        buffer_clear(&text);
    }
}

static void files(void **state) {
    char *path = temporary_path(state, "c.conf");
    struct settings settings = fresh();
    struct error err = {0};
    const char *text =
        "\xef\xbb\xbf# comment\r\n\r\n  dim = 7  # seven\r\nmin-count=3\n\tdata = \"a # b\" # c\n"
        "listen=:80\nobjective = sampled_softmax\nunique = yes";
    assert_int_equal(file_replace(path, text, strlen(text), NULL), STATUS_OK);
    assert_int_equal(settings_read_file(&settings, path, SETTING_OF_ALL, &err), STATUS_OK);
    assert_int_equal(settings.dim, 7);
    assert_int_equal(settings.min_count, 3);
    assert_string_equal(settings.data, "a # b");
    assert_string_equal(settings.listen, ":80");
    assert_int_equal(settings.objective, OBJECTIVE_SAMPLED_SOFTMAX);
    assert_true(settings.unique);
    assert_int_equal(file_replace(path, "dim = 1\0dim = 2", 15, NULL), STATUS_OK);
    assert_int_equal(settings_read_file(&settings, path, SETTING_OF_ALL, &err), STATUS_MALFORMED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(settings_read_file(&settings, path, SETTING_OF_ALL, NULL), STATUS_NOT_FOUND);
    free(path);
}

static void faulty_text(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        const char *message;
    } cases[] = {
        {"dim = 5\n\ndim = 0\n", STATUS_REFUSED,
         "vecmill.conf:3: dim must be between 1 and 4096, not 0"},
        {"dmi = 5", STATUS_REFUSED, "vecmill.conf:1: unknown setting 'dmi'; did you mean 'dim'?"},
        {"dim 5", STATUS_MALFORMED, "vecmill.conf:1: expected 'name = value', not 'dim 5'"},
        {"dim = # nothing", STATUS_REFUSED,
         "vecmill.conf:1: dim must be a whole number between 1 and 4096, not ''"},
        {"data = \"open", STATUS_MALFORMED,
         "vecmill.conf:1: value of data has no closing quote, or text behind it"},
        {"data = \"a\" b", STATUS_MALFORMED,
         "vecmill.conf:1: value of data has no closing quote, or text behind it"},
        {"data = \"\"", STATUS_REFUSED, "vecmill.conf:1: data must not be empty"},
        {"= 5", STATUS_REFUSED, "vecmill.conf:1: unknown setting ''"},
        {"listen = :80", STATUS_REFUSED,
         "vecmill.conf:1: listen is a setting of the server, not of a job"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings settings = fresh();
        struct error err = {0};
        assert_int_equal(settings_read_text(&settings, cases[i].text, "vecmill.conf",
                                            i == 8 ? SETTING_OF_JOB : SETTING_OF_ALL, &err),
                         cases[i].status);
        assert_string_equal(err.text, cases[i].message);
    }
}

static enum status read_variables(struct settings *settings, const char *const *variables,
                                  struct error *err) {
    char *copies[16] = {0};
    for (size_t i = 0; variables[i]; i++)
        copies[i] = strdup(variables[i]);
    enum status status = settings_read_environment(settings, copies, SETTING_OF_ALL, err);
    for (size_t i = 0; copies[i]; i++)
        free(copies[i]);
    return status;
}

static void environment(void **state) {
    (void)state;
    struct settings settings = fresh();
    struct error err = {0};
    const char *const good[] = {"PATH=/bin",
                                "VECMILL_DIM=64",
                                "VECMILL_MIN_COUNT=2",
                                "VECMILL_CONF=/x",
                                "VECMILL_LISTEN=:9",
                                "VECMILL_SERVICE_HOST=10.0.0.1",
                                "VECMILL_PORT=tcp:",
                                "VECMILL_URL=http://127.0.0.1:8080",
                                "VECMILL_API_KEY=vm_1",
                                "VECMILL_PORT_80_TCP=tcp:",
                                "VECMILLER=1",
                                "VECMILL_",
                                NULL};
    assert_int_equal(read_variables(&settings, good, &err), STATUS_OK);
    assert_int_equal(settings.dim, 64);
    assert_int_equal(settings.min_count, 2);
    assert_string_equal(settings.listen, ":9");
    const char *const unknown[] = {"VECMILL_DMI=64", NULL};
    assert_int_equal(read_variables(&settings, unknown, &err), STATUS_REFUSED);
    assert_string_equal(
        err.text, "unknown setting 'VECMILL_DMI' in the environment; did you mean 'VECMILL_DIM'?");
    error_clear(&err);
    const char *const wrong[] = {"VECMILL_DIM=x", NULL};
    assert_int_equal(read_variables(&settings, wrong, &err), STATUS_REFUSED);
    assert_string_equal(err.text,
                        "VECMILL_DIM: dim must be a whole number between 1 and 4096, not 'x'");
    assert_string_equal(err.key, "dim");
    error_clear(&err);
    const char *const longest[] = {
        "VECMILL_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=x",
        NULL};
    assert_int_equal(read_variables(&settings, longest, &err), STATUS_REFUSED);
    error_clear(&err);
    const char *const empty[] = {"VECMILL_=x", NULL};
    assert_int_equal(read_variables(&settings, empty, &err), STATUS_REFUSED);
}

static void checks_between_settings(void **state) {
    (void)state;
    static const struct {
        const char *text, *key, *message;
    } cases[] = {
        {"learning_rate = 1e-6", "min_learning_rate",
         "min_learning_rate must be at most learning_rate 1e-06, not 5e-06"},
        {"window = 2\nnum_true = 5", "num_true",
         "num_true must be at most twice the window, 4, not 5"},
        {"architecture = cbow\nnum_true = 2", "num_true",
         "num_true must be 1 with the architecture cbow, which has one target, not 2"},
        {"exact_negatives = true\nshared_negatives = 8", "shared_negatives",
         "shared_negatives must be 0 with exact_negatives, which shares none, not 8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings settings = fresh();
        struct error err = {0};
        assert_int_equal(settings_read_text(&settings, cases[i].text, "x", SETTING_OF_ALL, &err),
                         STATUS_OK);
        assert_int_equal(settings_check(&settings, &err), STATUS_REFUSED);
        assert_string_equal(err.key, cases[i].key);
        assert_string_equal(err.text, cases[i].message);
    }
    struct settings settings = fresh();
    assert_int_equal(settings_read_text(&settings,
                                        "window = 2\nnum_true = 4\nlearning_rate=0.000005", "x",
                                        SETTING_OF_ALL, NULL),
                     STATUS_OK);
    assert_int_equal(settings_check(&settings, NULL), STATUS_OK);
}

/* Takes the '#' off every line "#name = value". */
static void uncomment(char *text) {
    for (char *line = text; line; line = strchr(line, '\n'), line += line != NULL)
        if (line[0] == '#' && line[1] != ' ')
            line[0] = ' ';
}

static void commented_conf(void **state) {
    (void)state;
    struct settings settings = fresh(), back = fresh();
    struct buffer text = {0};
    settings_write_text(&settings, SETTING_OF_ALL, true, &text);
    assert_int_equal(settings_read_text(&back, text.data, "x", SETTING_OF_ALL, NULL), STATUS_OK);
    assert_memory_equal(&settings, &back, sizeof settings);
    buffer_clear(&text);
    assert_int_equal(settings_set(&settings, "dim", "17", SETTING_OF_ALL, NULL), STATUS_OK);
    assert_int_equal(settings_set(&settings, "data", "x # y", SETTING_OF_ALL, NULL), STATUS_OK);
    settings_write_text(&settings, SETTING_OF_ALL, true, &text);
    uncomment(text.data);
    assert_int_equal(settings_read_text(&back, text.data, "x", SETTING_OF_ALL, NULL), STATUS_OK);
    assert_memory_equal(&settings, &back, sizeof settings);
    buffer_clear(&text);
    settings_write_text(&settings, SETTING_OF_SERVER, false, &text);
    assert_null(strstr(text.data, "dim ="));
    assert_non_null(strstr(text.data, "listen = 127.0.0.1:8080\n"));
    buffer_clear(&text);
}

/* `vecmill help conf > vecmill.conf` mends this. */
static void shipped_conf_is_current(void **state) {
    (void)state;
    char *shipped;
    size_t length;
    struct error err = {0};
    if (file_read(TEST_SOURCES "/vecmill.conf", 1 << 20, &shipped, &length, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    struct settings settings = fresh();
    struct buffer text = {0};
    settings_write_text(&settings, SETTING_OF_ALL, true, &text);
    assert_string_equal(shipped, text.data);
    buffer_clear(&text);
    free(shipped);
}

static void help_names_every_row(void **state) {
    (void)state;
    struct buffer text = {0};
    settings_write_help(SETTING_OF_ALL, &text);
    for (size_t i = 0; i < settings_count(); i++) {
        char option[80];
        snprintf(option, sizeof option, "\n  --%s ", settings_row(i)->name);
        for (char *c = option; *c; c++)
            *c = *c == '_' ? '-' : *c;
        assert_non_null(strstr(text.data, i == 0 ? option + 1 : option));
    }
    assert_non_null(strstr(
        text.data,
        "  --dim N                         length of the vectors (1 to 4096; default 100)\n"));
    for (const char *line = text.data; *line; line += strcspn(line, "\n") + 1) {
        const char *word = line + strspn(line, " "); /* one that is too long stands alone */
        assert_true(strcspn(line, "\n") <= 100 || strcspn(word, " \n") == strcspn(word, "\n"));
    }
    buffer_clear(&text);
    settings_write_help(SETTING_OF_JOB, &text);
    assert_null(strstr(text.data, "--listen"));
    buffer_clear(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(choices_read_and_print_back),
        cmocka_unit_test(choices_keep_their_values),
        cmocka_unit_test(meanings_are_short),
        cmocka_unit_test(messages),
        cmocka_unit_test(keys_are_named),
        cmocka_unit_test(bounds_of_every_row),
        cmocka_unit_test(bytes_take_suffixes),
        cmocka_unit_test(flags_and_spellings),
        cmocka_unit_test(print_reads_back),
        cmocka_unit_test(text_reads_back),
        TEST(files),
        cmocka_unit_test(faulty_text),
        cmocka_unit_test(environment),
        cmocka_unit_test(checks_between_settings),
        cmocka_unit_test(commented_conf),
        cmocka_unit_test(shipped_conf_is_current),
        cmocka_unit_test(help_names_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
