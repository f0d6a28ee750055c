/* corpus/ against the oracle: vocabularies, ids and reports must be the same, byte for byte,
 * at any thread count. */
#include "base/random.h"
#include "tests/oracle/oracle_corpus.h"
#include "tests/support/corpus_fixture.h"

static void assert_report(const struct corpus_report *a, const struct corpus_report *b) {
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->lines, b->lines);
    assert_int_equal(a->empty_lines, b->empty_lines);
    assert_int_equal(a->sentences, b->sentences);
    assert_int_equal(a->words, b->words);
    assert_int_equal(a->distinct, b->distinct);
    assert_int_equal(a->vocabulary, b->vocabulary);
    assert_int_equal(a->kept_words, b->kept_words);
    assert_int_equal(a->rare_words, b->rare_words);
    assert_int_equal(a->pruned_words, b->pruned_words);
    assert_int_equal(a->invalid_utf8, b->invalid_utf8);
    assert_int_equal(a->longest_line, b->longest_line);
    assert_int_equal(a->longest_word, b->longest_word);
}

static void assert_corpus(const struct corpus *corpus, const struct oracle_corpus *oracle) {
    assert_report(&corpus->report, &oracle->report);
    assert_int_equal(vocabulary_size(corpus->vocabulary), oracle->report.vocabulary);
    for (uint32_t id = 0; id < oracle->report.vocabulary; id++) {
        size_t length;
        const char *word = vocabulary_word(corpus->vocabulary, id, &length);
        assert_int_equal(length, oracle->words[id].length);
        assert_memory_equal(word, oracle->words[id].text, length);
        assert_int_equal(vocabulary_count(corpus->vocabulary, id), oracle->words[id].count);
    }
    assert_int_equal(corpus->length, oracle->length);
    assert_int_equal(corpus->words, oracle->kept);
    assert_memory_equal(corpus->ids, oracle->ids, oracle->length * sizeof *oracle->ids);
}

static void check(struct fixture *fixture, const char *text, size_t length) {
    static const int threads[] = {1, 2, 3, 7};
    struct oracle_corpus oracle;
    oracle_corpus_read(&oracle, &fixture->settings, text, length);
    fixture_write(fixture, text, length);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        if (!threads_tell(threads[i]))
            continue;
        struct error err = {0};
        struct corpus *corpus = NULL;
        enum status status = fixture_read(fixture, threads[i], &corpus, &err);
        if (oracle.report.vocabulary == 0) {
            assert_int_equal(status, STATUS_REFUSED);
            assert_non_null(strstr(err.text, oracle.report.words == 0
                                                 ? "corpus is empty"
                                                 : "no word reaches min_count"));
            continue;
        }
        if (status != STATUS_OK)
            fail_msg("%s: %s", status_name(status), err.text);
        assert_corpus(corpus, &oracle);
        corpus_free(corpus);
        assert_work_empty(fixture);
    }
    oracle_corpus_clear(&oracle);
}

#define CHECK(fixture, text) check(fixture, text, sizeof text - 1)

/* Pieces that random corpora are put together from: every separator, words around the lengths where
 * the code branches, letters of several scripts, marks, broken UTF-8, and the byte order mark in
 * the wrong place. */
static const char *const pieces[] = {" ",
                                     " ",
                                     " ",
                                     " ",
                                     "  ",
                                     "\n",
                                     "\n",
                                     "\n\n",
                                     "\r\n",
                                     "\r",
                                     "\t",
                                     "\v",
                                     "\f",
                                     "\x1f",
                                     "\x1f",
                                     "\n\x1f",
                                     "\x1f\n",
                                     "\n \n",
                                     "\n\x1f\x1f\n",
                                     "\n\x1f\r\n",
                                     "a",
                                     "b",
                                     "A",
                                     "Bc",
                                     "the",
                                     "The",
                                     "sevenly",
                                     "eighteen",
                                     "ninetieth",
                                     "fifteen-letters",
                                     "sixteen-letters!",
                                     "seventeen-letters",
                                     "TWENTY-FOUR-LETTERS-LONG",
                                     "a-word-of-thirty-three-letters-yes",
                                     "don't",
                                     "3.14",
                                     "x_1",
                                     "a.b",
                                     "1,000",
                                     ";",
                                     "\xd0\x9f\xd1\x80\xd0\xb8",
                                     "\xd0\xbf\xd1\x80\xd0\xb8",
                                     "\xc3\x84",
                                     "\xc3\xa4",
                                     "A\xcc\x88",
                                     "\xcc\x81",
                                     "\xe4\xb8\xad\xe6\x96\x87",
                                     "\xe3\x82\xab\xe3\x83\x8a",
                                     "\xf0\x9f\x98\x80",
                                     "\xe2\x80\x8d",
                                     "\xe2\x84\xb9",
                                     "\xff",
                                     "\xc3",
                                     "\xe4\xb8",
                                     "\xed\xa0\x80",
                                     "\xf4\x90\x80\x80",
                                     "\xef\xbb\xbf",
                                     "\xe2\x80\xa8",
                                     "\xe3\x80\x80",
                                     "\xc4\xb0",
                                     "\xc3\x9f",
                                     "\xce\xa3",
                                     "\xcf\x83\xce\xa3",
                                     "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa\xf0\x9f\x87\xab"};

static size_t random_text(struct random *random, char *text, size_t room) {
    size_t length = 0, n = random_below(random, 120);
    for (size_t i = 0; i < n; i++) {
        if (random_below(random, 40) == 0) {
            text[length++] = (char)random_below(random, 256);
            continue;
        }
        const char *piece = pieces[random_below(random, sizeof pieces / sizeof *pieces)];
        memcpy(text + length, piece, strlen(piece));
        length += strlen(piece);
        if (random_below(random, 3) == 0)
            text[length++] = ' ';
    }
    assert_true(length <= room);
    return length;
}

static void test_random(void **state) {
    struct fixture *fixture = *state;
    struct settings *settings = &fixture->settings;
    struct random random;
    char text[8192];
    random_init(&random, 1, 0);
    for (int round = 0; round < 500; round++) {
        settings->format = random_below(&random, 2) ? FORMAT_TOKENS : FORMAT_AUTO;
        settings->tokenizer =
            random_below(&random, 3) == 0 ? TOKENIZER_UNICODE : TOKENIZER_WHITESPACE;
        settings->lowercase = random_below(&random, 2);
        settings->sentence = random_below(&random, 2) ? SENTENCE_PARAGRAPH : SENTENCE_LINE;
        settings->min_count = 1 + (int64_t)random_below(&random, 3);
        settings->max_vocab =
            random_below(&random, 3) == 0 ? 1 + (int64_t)random_below(&random, 8) : 0;
        check(fixture, text, random_text(&random, text, sizeof text));
    }
}

/* Enough to fill several buffers and grow the tables; the oracle is too slow for it, but one thread
 * was compared above. */
static void test_large(void **state) {
    struct fixture *fixture = *state;
    struct random random;
    struct error err = {0};
    size_t length = 0, room = 6000000;
    char *text = malloc(room + 64);
    random_init(&random, 2, 0);
    while (length < room) {
        uint64_t word = random_below(&random, 1 + random_below(&random, 200000));
        length += (size_t)snprintf(text + length, 64, "w%llu%c", (unsigned long long)word,
                                   random_below(&random, 20) == 0 ? '\n' : ' ');
    }
    fixture_write(fixture, text, length);
    free(text);
    fixture->settings.min_count = 3;
    struct corpus *one, *many;
    assert_int_equal(fixture_read(fixture, 1, &one, &err), STATUS_OK);
    assert_true(one->report.distinct > 100000 && one->words > 500000);
    uint64_t total = 0;
    for (uint32_t id = 0; id < vocabulary_size(one->vocabulary); id++)
        total += vocabulary_count(one->vocabulary, id);
    assert_int_equal(total, one->words);
    uint32_t *ids = malloc(one->length * sizeof *ids);
    memcpy(ids, one->ids, one->length * sizeof *ids);
    struct corpus_report report = one->report;
    corpus_free(one);
    for (int threads = 2; threads < 6; threads++) {
        if (!threads_tell(threads))
            continue;
        assert_int_equal(fixture_read(fixture, threads, &many, &err), STATUS_OK);
        assert_report(&many->report, &report);
        assert_memory_equal(many->ids, ids, many->length * sizeof *ids);
        corpus_free(many);
    }
    free(ids);
    assert_work_empty(fixture);
}

static void test_lines(void **state) {
    struct fixture *fixture = *state;
    CHECK(fixture, "a");
    CHECK(fixture, "a b\r\na\r\n\r\nb\r\n");
    CHECK(fixture, "\xef\xbb\xbf"
                   "a b a\n");
    CHECK(fixture, "\xef\xbb\xbf");
    CHECK(fixture, "\n\n\n a\n\n\n b a \n\n");
    CHECK(fixture, "\r\r\ra\rb\r");
    CHECK(fixture, "");
    CHECK(fixture, " \n\t\v\f\r \n");
    fixture->settings.sentence = SENTENCE_PARAGRAPH;
    CHECK(fixture, "a b\nc\n\nd\n \t\r\ne f\n\n\n\ng");
    CHECK(fixture, "a\r\nb\r\n\r\nc");
    fixture->settings.format = FORMAT_TOKENS;
    CHECK(fixture, "a b\n\x1fNew York\x1fis\x1f\nc d\n\n\x1f\n\x1f a "
                   "\x1f\xff\x1f\r\n\x1funended\r\n\x1f\x1f\x1fx");
    CHECK(fixture, "\xef\xbb\xbf\x1fNew York\x1f\n");
}

static void test_bytes(void **state) {
    struct fixture *fixture = *state;
    char text[65536];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(random_mix(i / 3 % 5000) >> (i % 3 * 8));
    check(fixture, text, sizeof text);
    fixture->settings.tokenizer = TOKENIZER_UNICODE;
    check(fixture, text, sizeof text);
    fixture->settings.format = FORMAT_TOKENS;
    fixture->settings.lowercase = true;
    check(fixture, text, sizeof text);
    memset(text, 0, sizeof text);
    fixture->settings.tokenizer = TOKENIZER_WHITESPACE;
    check(fixture, text, sizeof text); /* NUL is a byte like any other */
    text[1000] = text[2001] = ' ';
    check(fixture, text, 3001);
}

/* Every way to end a text within the last bytes that are read eight at a time, at every place in a
 * page. */
static void test_text_end(void **state) {
    struct fixture *fixture = *state;
    char text[4200];
    memset(text, 'x', sizeof text);
    for (size_t length = 4090; length < 4100; length++)
        for (size_t space = 0; space < 19; space += 3) {
            text[length - space - 1] = ' ';
            check(fixture, text, length);
            text[length - space - 1] = 'x';
        }
    for (size_t length = 1; length < 80; length++)
        check(fixture, text, length);
}

static void test_ties(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.max_vocab = 3;
    CHECK(fixture, "e d c b a a b c d e f\n");
    fixture->settings.max_vocab = 1;
    CHECK(fixture, "b a a b\nc\nc\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_bytes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_text_end, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ties, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_random, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_large, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
