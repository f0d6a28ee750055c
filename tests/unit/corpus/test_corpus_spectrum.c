/* What another min_count keeps and what a longer text holds; samples; lines that repeat. */
#include <math.h>
#include <zstd.h>

#include "base/random.h"
#include "tests/support/corpus_fixture.h"

static struct corpus_spectrum spectrum;

static enum status read_spectrum(struct fixture *fixture, const char *path, int threads) {
    struct error err = {0};
    struct corpus *corpus = NULL;
    memset(&spectrum, 0, sizeof spectrum);
    struct corpus_options options = {.settings = &fixture->settings,
                                     .path = path,
                                     .work = fixture->work,
                                     .threads = threads,
                                     .spectrum = &spectrum};
    enum status status = corpus_create(&corpus, &options, &err);
    corpus_free(corpus);
    return status;
}

static void write_zipf(struct fixture *fixture, size_t words, double exponent) {
    struct buffer text = {0};
    struct random random;
    random_init(&random, 3, 0);
    for (size_t i = 0; i < words; i++)
        buffer_print(&text, "w%.0f%c", floor(pow(random_unit(&random), -exponent)),
                     i % 17 == 16 ? '\n' : ' ');
    fixture_write(fixture, text.data, text.length);
    buffer_clear(&text);
}

/* Every min_count, against a reading with that min_count. */
static void test_exact(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    write_zipf(fixture, 20000, 1.2);
    static const int64_t counts[] = {1, 2, 3, 7, 20, 300};
    for (int threads = 1; threads <= 3; threads += 2)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            struct corpus *corpus = NULL;
            fixture->settings.min_count = 4;
            assert_int_equal(read_spectrum(fixture, fixture->path, threads), STATUS_OK);
            struct corpus_reach reach = corpus_reach(&spectrum, (uint64_t)counts[i], 1);
            fixture->settings.min_count = counts[i];
            assert_int_equal(fixture_read(fixture, 1, &corpus, &err), STATUS_OK);
            assert_true(reach.words == (double)corpus->report.vocabulary);
            double covered = (double)corpus->report.kept_words / (double)corpus->report.words;
            assert_true(fabs(reach.covered - covered) < 1e-12);
            corpus_free(corpus);
        }
}

/* It is there, too, where no word is kept. */
static void test_of_failure(void **state) {
    struct fixture *fixture = *state;
    static const char text[] = "a a a b b c\n";
    fixture_write(fixture, text, sizeof text - 1);
    fixture->settings.min_count = 9;
    assert_int_equal(read_spectrum(fixture, fixture->path, 2), STATUS_REFUSED);
    assert_int_equal(spectrum.report.words, 6);
    assert_int_equal(spectrum.report.distinct, 3);
    assert_true(spectrum.words[1] == 1 && spectrum.words[2] == 1 && spectrum.words[3] == 1);
    assert_true(spectrum.table_bytes > 0);
    assert_true(corpus_reach(&spectrum, 2, 1).words == 2);
    assert_true(fabs(corpus_reach(&spectrum, 3, 1).covered - 0.5) < 1e-12);
}

/* A tenth of a text tells of all of it, within a fifth for what Zipf's law rules. */
static void test_extrapolated(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    struct corpus_sample sample;
    char part[600];
    snprintf(part, sizeof part, "%s/part", fixture->folder);
    write_zipf(fixture, 400000, 1.3);
    assert_int_equal(read_spectrum(fixture, fixture->path, 2), STATUS_OK);
    static struct corpus_spectrum whole;
    whole = spectrum;
    uint64_t bytes = 0;
    assert_int_equal(file_size(fixture->path, &bytes, &err), STATUS_OK);
    assert_int_equal(corpus_sample(&fixture->settings, fixture->path, part, bytes / 10, false,
                                   &fixture->request, &sample, &err),
                     STATUS_OK);
    assert_true(sample.pieces >= 64 && sample.whole == (double)bytes);
    assert_true(sample.bytes >= bytes / 10 && sample.bytes < bytes / 9);
    assert_int_equal(read_spectrum(fixture, part, 2), STATUS_OK);
    double factor = sample.whole / (double)sample.bytes;
    static const uint64_t counts[] = {1, 2, 5, 10, 50, 200};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct corpus_reach told = corpus_reach(&spectrum, counts[i], factor),
                            is = corpus_reach(&whole, counts[i], 1);
        if (fabs(told.words / is.words - 1) > 0.2 || fabs(told.covered - is.covered) > 0.05)
            fail_msg("min_count %d: %g words, %g covered, not %g, %g", (int)counts[i], told.words,
                     told.covered, is.words, is.covered);
    }
}

/* No line is cut, none is there twice, and a text of few bytes is taken whole. */
static void test_sample(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    struct corpus_sample sample;
    char part[600], *text = NULL;
    size_t length = 0;
    struct buffer lines = {0};
    snprintf(part, sizeof part, "%s/part", fixture->folder);
    for (int i = 0; i < 20000; i++)
        buffer_print(&lines, "{\"text\": \"line %d of many\"}\n", i);
    fixture_write(fixture, lines.data, lines.length);
    for (uint64_t bytes = 1; bytes < 4 * lines.length; bytes *= 3) {
        assert_int_equal(corpus_sample(&fixture->settings, fixture->path, part, bytes, true,
                                       &fixture->request, &sample, &err),
                         STATUS_OK);
        assert_int_equal(file_read(part, SIZE_MAX / 2, &text, &length, &err), STATUS_OK);
        int last = -1;
        for (char *line = text; *line;) {
            int number = -1;
            assert_int_equal(sscanf(line, "{\"text\": \"line %d of many\"}", &number), 1);
            assert_true(number > last);
            last = number;
            line = strchr(line, '\n') + 1;
        }
        assert_int_equal(sample.bytes, length);
        assert_true(bytes < lines.length || length == lines.length);
        free(text);
    }
    buffer_clear(&lines);
}

/* A text without line breaks is cut between words; a compressed one is read from its beginning. */
static void test_sample_of_other_texts(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    struct corpus_sample sample;
    char part[600], *text = NULL;
    size_t length = 0;
    snprintf(part, sizeof part, "%s/part", fixture->folder);
    static char words[1 << 22], packed[1 << 22];
    for (size_t i = 0; i < sizeof words; i += 8)
        memcpy(words + i, i % 16 == 0 ? "sevenly " : "thirty9 ", 8);
    fixture_write(fixture, words, sizeof words);
    assert_int_equal(corpus_sample(&fixture->settings, fixture->path, part, 100000, false,
                                   &fixture->request, &sample, &err),
                     STATUS_OK);
    assert_int_equal(read_spectrum(fixture, part, 1), STATUS_OK);
    assert_int_equal(spectrum.report.distinct, 2);
    assert_true(sample.bytes > 50000 && sample.bytes < 150000 + 64 * 65536);
    size_t n = ZSTD_compress(packed, sizeof packed, words, sizeof words, 1);
    fixture_write(fixture, packed, n);
    assert_int_equal(corpus_sample(&fixture->settings, fixture->path, part, UINT64_MAX, false,
                                   &fixture->request, &sample, &err),
                     STATUS_OK);
    assert_int_equal(file_read(part, SIZE_MAX / 2, &text, &length, &err), STATUS_OK);
    assert_true(length == sizeof words && memcmp(text, words, length) == 0);
    assert_true(sample.whole == (double)length && sample.pieces == 1);
    free(text);
    atomic_store(&fixture->request, REQUEST_CANCEL);
    assert_int_equal(corpus_sample(&fixture->settings, fixture->path, part, 1000, false,
                                   &fixture->request, &sample, &err),
                     STATUS_CANCELLED);
}

static void test_repeated_lines(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    double share = -1;
    static const char text[] = "a b\n\nc\na b\r\na b\n\nd";
    fixture_write(fixture, text, sizeof text - 1);
    assert_int_equal(corpus_repeated_lines(fixture->path, NULL, &share, &err), STATUS_OK);
    assert_true(fabs(share - 0.4) < 1e-12); /* of five lines with text, two were there before */
    struct buffer lines = {0};              /* more than are kept: a third of them twice */
    for (int i = 0; i < 1500000; i++)
        buffer_print(&lines, "%d\n", i % 1000000);
    fixture_write(fixture, lines.data, lines.length);
    buffer_clear(&lines);
    assert_int_equal(corpus_repeated_lines(fixture->path, NULL, &share, &err), STATUS_OK);
    assert_true(fabs(share - 1.0 / 3) < 0.01);
    fixture_write(fixture, "", 0);
    assert_int_equal(corpus_repeated_lines(fixture->path, NULL, &share, &err), STATUS_OK);
    assert_true(share <= 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exact, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_of_failure, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_extrapolated, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_sample, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_sample_of_other_texts, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_repeated_lines, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
