/* Pairs of words: what a line may be, what becomes of each, and what is refused. */
#include "corpus/corpus.h"
#include "corpus/pair_list.h"
#include "tests/support/corpus_fixture.h"

struct reading {
    struct fixture *fixture;
    struct vocabulary *vocabulary;
    struct pair_list list;
    struct error err;
    char path[600];
};

static void reading_open(struct reading *reading, void **state) {
    static const uint64_t offsets[] = {0, 4, 9, 12, 17, 20, 25}, counts[] = {9, 8, 7, 6, 5, 4};
    struct error err = {0};
    memset(reading, 0, sizeof *reading);
    reading->fixture = *state;
    snprintf(reading->path, sizeof reading->path, "%s/pairs", reading->fixture->work);
    assert_int_equal(vocabulary_create(&reading->vocabulary, 6, "kingqueenmanwomanThecaf\xc3\xa9",
                                       offsets, counts, &err),
                     STATUS_OK);
}

static enum status reading_of(struct reading *reading, const char *text, size_t length) {
    struct error err = {0};
    pair_list_clear(&reading->list);
    reading->err = (struct error){0};
    assert_int_equal(file_replace(reading->path, text, length, &err), STATUS_OK);
    return pair_list_read(&reading->list, &reading->fixture->settings, reading->path,
                          reading->vocabulary, &reading->fixture->request, &reading->err);
}

static void reading_close(struct reading *reading) {
    pair_list_clear(&reading->list);
    vocabulary_free(reading->vocabulary);
}

static void check_report(const struct pair_report *report, uint64_t pairs, uint64_t used,
                         uint64_t unknown, uint64_t same, uint64_t weightless) {
    assert_int_equal(report->pairs, pairs);
    assert_int_equal(report->used, used);
    assert_int_equal(report->unknown, unknown);
    assert_int_equal(report->same, same);
    assert_int_equal(report->weightless, weightless);
}

static void lines_of_every_make(void **state) {
    static const char text[] = "\xef\xbb\xbfking\tqueen\n"
                               "man woman 2.5\r\n"
                               "\n  \t \n"
                               "  king   man\t\n" /* a tab: fields are between tabs */
                               "king\t man \t 1e-3\n"
                               "caf\xc3\xa9\xe3\x80\x80king 4\n" /* an ideographic space */
                               "king\tnobody\n"
                               "man man\n"
                               "king queen 0\n"
                               "queen\tking\t3"; /* no end of line */
    struct reading reading;
    reading_open(&reading, state);
    assert_int_equal(reading_of(&reading, text, sizeof text - 1), STATUS_MALFORMED);
    assert_non_null(strstr(reading.err.text, "line 5 of the pairs"));
    assert_string_equal(reading.err.key, "pairs");
    char *fixed = strdup(text);
    memcpy(strstr(fixed, "man\t\n"), "man \n", 5);
    if (reading_of(&reading, fixed, strlen(fixed)) != STATUS_OK)
        fail_msg("%s", reading.err.text);
    check_report(&reading.list.report, 9, 6, 1, 1, 1);
    static const uint32_t ids[][2] = {{0, 1}, {2, 3}, {0, 2}, {0, 2}, {5, 0}, {1, 0}};
    static const double weights[] = {1, 2.5, 1, 1e-3, 4, 3};
    assert_int_equal(reading.list.n, 6);
    assert_memory_equal(reading.list.ids, ids, sizeof ids);
    assert_memory_equal(reading.list.weights, weights, sizeof weights);
    free(fixed);
    reading_close(&reading);
}

/* As the text is read: as it stands, else by tokenizer and lowercase. */
static void words_are_read_as_the_text(void **state) {
    static const char text[] = "The King\nKING\tQueen\n";
    struct reading reading;
    reading_open(&reading, state);
    assert_int_equal(reading_of(&reading, text, sizeof text - 1), STATUS_REFUSED);
    assert_non_null(strstr(reading.err.text, "none of the 2 pairs can be used"));
    reading.fixture->settings.lowercase = true;
    assert_int_equal(reading_of(&reading, text, sizeof text - 1), STATUS_OK);
    check_report(&reading.list.report, 2, 2, 0, 0, 0);
    assert_int_equal(reading.list.ids[0][0], 4);            /* "The" stands so in the vocabulary */
    static const char two[] = "king\told man\nking\tman\n"; /* a field of two words is none */
    assert_int_equal(reading_of(&reading, two, sizeof two - 1), STATUS_OK);
    check_report(&reading.list.report, 2, 1, 1, 0, 0);
    reading_close(&reading);
}

static void bad_lines_are_named(void **state) {
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"king queen\nking\n", "line 2 of the pairs is no pair"},
        {"king queen 1 2\n", "here are 4 fields"},
        {"king\t\t1\n", "line 1 of the pairs has an empty word"},
        {"\n\nking queen x\n", "line 3 of the pairs has the weight 'x': it must be a finite"},
        {"king queen nan\n", "must be a finite number"},
        {"king queen inf\n", "must be a finite number"},
        {"king queen 1e999\n", "must be a finite number"},
        {"king queen -1\n", "has the weight '-1': it must be 0 or more"},
        {"word1\tword2\tscore\n", "has the weight 'score'"}};
    struct reading reading;
    reading_open(&reading, state);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(reading_of(&reading, bad[i].text, strlen(bad[i].text)), STATUS_MALFORMED);
        if (!strstr(reading.err.text, bad[i].says))
            fail_msg("'%s' has not '%s'", reading.err.text, bad[i].says);
        assert_string_equal(reading.err.key, "pairs");
    }
    assert_int_equal(reading_of(&reading, "", 0), STATUS_REFUSED);
    assert_non_null(strstr(reading.err.text, "holds no pair"));
    static const char archive[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b"; /* cut gzip */
    assert_int_equal(reading_of(&reading, archive, sizeof archive - 1), STATUS_MALFORMED);
    char path[] = "/nowhere/pairs";
    struct error err = {0};
    assert_int_equal(pair_list_read(&reading.list, &reading.fixture->settings, path,
                                    reading.vocabulary, NULL, &err),
                     STATUS_NOT_FOUND);
    reading_close(&reading);
}

/* Lines cross the pieces of the file; all of them arrive. */
static void many_lines_and_a_long_one(void **state) {
    struct buffer text = {0};
    struct reading reading;
    reading_open(&reading, state);
    for (int i = 0; i < 100000; i++)
        buffer_print(&text, i % 3 ? "king queen %d\n" : "man\tnobody\t%d\n", i + 1);
    assert_int_equal(reading_of(&reading, text.data, text.length), STATUS_OK);
    check_report(&reading.list.report, 100000, 66666, 33334, 0, 0);
    double sum = 0;
    for (uint32_t i = 0; i < reading.list.n; i++)
        sum += reading.list.weights[i];
    double all = 100000.0 * 100001 / 2, out = 0;
    for (int i = 0; i < 100000; i += 3)
        out += i + 1;
    assert_true(sum == all - out);
    for (int i = 0; i < 200000; i++)
        buffer_append_text(&text, "no end ");
    assert_int_equal(reading_of(&reading, text.data, text.length), STATUS_MALFORMED);
    assert_non_null(strstr(reading.err.text, "line 100001 of the file of pairs is longer"));
    atomic_store(&reading.fixture->request, REQUEST_CANCEL);
    assert_int_equal(reading_of(&reading, "king queen", 10), STATUS_CANCELLED);
    buffer_clear(&text);
    reading_close(&reading);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(lines_of_every_make), TEST(words_are_read_as_the_text),
                                       TEST(bad_lines_are_named), TEST(many_lines_and_a_long_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
