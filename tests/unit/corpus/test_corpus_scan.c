/* The fast path over white space text: every alignment of words and separators to its chunks of 64
 * bytes, every length at which its code branches, tables larger than their hot words, and
 * pruning. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/random.h"
#include "base/utf8.h"
#include "corpus/corpus_range.h"
#include "tests/oracle/oracle_corpus.h"
#include "tests/support/corpus_fixture.h"

static void assert_read(struct fixture *fixture, int threads, const struct oracle_corpus *oracle) {
    struct error err = {0};
    struct corpus *corpus;
    if (fixture_read(fixture, threads, &corpus, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    const struct corpus_report *a = &corpus->report, *b = &oracle->report;
    assert_int_equal(a->lines, b->lines);
    assert_int_equal(a->empty_lines, b->empty_lines);
    assert_int_equal(a->sentences, b->sentences);
    assert_int_equal(a->words, b->words);
    assert_int_equal(a->distinct, b->distinct);
    assert_int_equal(a->vocabulary, b->vocabulary);
    assert_int_equal(a->kept_words, b->kept_words);
    assert_int_equal(a->invalid_utf8, b->invalid_utf8);
    assert_int_equal(a->longest_line, b->longest_line);
    assert_int_equal(a->longest_word, b->longest_word);
    for (uint32_t id = 0; id < b->vocabulary; id++) {
        size_t length;
        const char *word = vocabulary_word(corpus->vocabulary, id, &length);
        assert_int_equal(length, oracle->words[id].length);
        assert_memory_equal(word, oracle->words[id].text, length);
        assert_int_equal(vocabulary_count(corpus->vocabulary, id), oracle->words[id].count);
    }
    assert_int_equal(corpus->length, oracle->length);
    assert_memory_equal(corpus->ids, oracle->ids, oracle->length * sizeof *oracle->ids);
    corpus_free(corpus);
}

static void check(struct fixture *fixture, const char *text, size_t length) {
    struct oracle_corpus oracle;
    oracle_corpus_read(&oracle, &fixture->settings, text, length);
    fixture_write(fixture, text, length);
    assert_true(oracle.report.vocabulary > 0);
    const struct corpus_scanner *scanners[CORPUS_SCANNERS];
    for (size_t i = corpus_scanners(scanners); i-- > 0;) {
        fixture->scanner = scanners[i];
        for (int threads = 1; threads < 5; threads++)
            if (threads_tell(threads))
                assert_read(fixture, threads, &oracle);
    }
    oracle_corpus_clear(&oracle);
}

/* One in eight words is new, the others come from a pool; lengths 1 to 40, some around one and two
 * chunks. Words that differ in their last byte only, or in NUL bytes, must stay apart. */
static size_t random_word(struct random *random, char *word, bool high) {
    uint64_t pool = random_below(random, 8) == 0 ? random_next(random) : random_below(random, 60);
    struct random letters;
    random_init(&letters, pool, 7);
    size_t length = 1 + random_below(&letters, 40);
    if (random_below(&letters, 20) == 0)
        length = 60 + random_below(&letters, 10);
    if (random_below(&letters, 40) == 0)
        length = 120 + random_below(&letters, 20);
    for (size_t i = 0; i < length; i++)
        word[i] = "abAB.\x1f-z"[random_below(&letters, 8)];
    if (random_below(&letters, 4) == 0)
        memset(word, 'q', length - 1);
    if (random_below(&letters, 8) == 0)
        word[length - 1] = '\0';
    for (size_t i = 0; high && i < length; i++)
        if (random_below(&letters, 12) == 0)
            word[i] = "\xc3\x84\xff\x9f\xd0\x96\xe2\x84"[random_below(&letters, 8)];
    return length;
}

static size_t random_text(struct random *random, char *text, size_t room) {
    static const char separators[] = "        \t\v\f\r\n\n";
    /* of all lengths, and some that are cut or only near: parts of words */
    static const char *const wide[] = {
        "\xe3\x80\x80", "\xc2\xa0",     "\xc2\x85", "\xe2\x80\x89", "\xe2\x80\xa8", "\xe2\x81\x9f",
        "\xe1\x9a\x80", "\xef\xbb\xbf", "\xe3\x80", "\xe2\x80\x8b", "\xe2\x80\xaf", "\xe3\x80\x82"};
    bool high = random_below(random, 2), lines = random_below(random, 4) > 0;
    size_t length = 0;
    while (room - length > 260) {
        length += random_word(random, text + length, high);
        do {
            const char *gap = wide[random_below(random, sizeof wide / sizeof *wide)];
            char separator = separators[random_below(random, sizeof separators - 1)];
            if (high && random_below(random, 3) == 0)
                length += (size_t)sprintf(text + length, "%s", gap);
            else
                text[length++] = (char)(separator == '\n' && !lines ? ' ' : separator);
        } while (random_below(random, 6) == 0);
        if (random_below(random, 400) == 0) {
            memset(text + length, random_below(random, 2) ? ' ' : '\n', 80);
            length += random_below(random, 80);
        }
    }
    return length - random_below(random, 100); /* to end anywhere */
}

static void test_alignments(void **state) {
    struct fixture *fixture = *state;
    struct settings *settings = &fixture->settings;
    const size_t room = 30000;
    char *text = malloc(room);
    struct random random;
    random_init(&random, 5, 0);
    for (int round = 0; round < 60; round++) {
        settings->format = round % 3 == 0 ? FORMAT_TOKENS : FORMAT_TEXT;
        settings->lowercase = round / 2 % 2;
        settings->sentence = round / 4 % 2 ? SENTENCE_PARAGRAPH : SENTENCE_LINE;
        settings->min_count = round % 2 ? 1 : 1 + round / 2 % 4;
        check(fixture, text, random_text(&random, text, round % 2 ? 2000 : room));
    }
    free(text);
}

/* Every separator of Unicode at every place of a chunk, at its ends, and where ranges are cut. */
static void test_wide_separators(void **state) {
    struct fixture *fixture = *state;
    char *text = malloc(1 << 20);
    for (int alone = 0; alone < 2; alone++) {
        size_t length = 0;
        for (uint32_t c = 0x80; c < 0x10000; c++) {
            if (!utf8_is_space(c) && c != 0xfeff)
                continue;
            for (int word = 1; word < 140; word += word < 70 ? 1 : 13) {
                memset(text + length, 'a' + word % 3, (size_t)word);
                length += (size_t)word;
                length += utf8_encode(c, text + length);
                if (!alone && word % 5 == 0)
                    text[length++] = word % 2 ? '\n' : ' ';
            }
        }
        check(fixture, text, length);
    }
    free(text);
}

/* Each byte in turn between two words, at every place of a chunk: only white space separates. */
static void test_separators(void **state) {
    struct fixture *fixture = *state;
    char text[256 * 65 + 200];
    size_t length = 0;
    for (int byte = 0; byte < 256; byte++)
        for (int i = 0; i < 13; i++) {
            text[length++] = 'x';
            text[length++] = (char)byte;
            text[length++] = 'y';
            text[length++] = ' ';
            if (i == 12)
                text[length++] = ' ';
        }
    memset(text + length, '.', 150);
    check(fixture, text, length + 150);
    fixture->settings.lowercase = true;
    check(fixture, text, length + 150);
}

/* One word of each length, all over the text and in its last bytes, which take another path; texts
 * that end with a page of memory. */
static void test_lengths(void **state) {
    struct fixture *fixture = *state;
    char *text = malloc(16384);
    for (size_t length = 1; length < 140; length++) {
        for (size_t i = 0; i < 30 * (length + 1); i++)
            text[i] = (char)(i % (length + 1) == length ? ' ' : 'a' + i % (length + 1) % 26);
        check(fixture, text, 30 * (length + 1));
    }
    for (size_t at = 0; at < 16384; at++)
        text[at] = at % 7 == 6 ? ' ' : 'z';
    for (size_t end = 16384 - 90; end <= 16384; end++)
        check(fixture, text, end);
    free(text);
}

static void check_bounds(const struct fixture *fixture, const struct corpus_scanner *scanner) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    for (size_t i = 0; i < page; i++)
        pages[i] = i % 5 == 1 ? ' ' : 'a';
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    for (size_t length = 1; length < 400; length++) {
        const struct corpus_pool pool = {.threads = 1};
        struct corpus_counter counter = {.pool = &pool, .scanner = scanner, .spill.file = -1};
        const struct corpus_budget budget = {.table = UINT64_MAX};
        struct error err = {0};
        assert_int_equal(corpus_counter_init(&counter, &fixture->settings, NULL, &budget, 1, &err),
                         STATUS_OK);
        counter.text = counter.begin = pages + page - length;
        counter.text_end = counter.end = pages + page;
        assert_int_equal(corpus_range_count(&counter, &err), STATUS_OK);
        assert_true(counter.words >= length / 5);
        corpus_counter_clear(&counter);
    }
    assert_int_equal(munmap(pages, 2 * page), 0);
}

/* Nothing is read behind the text: its last byte is the last of a page, and the next page may not
 * be touched. */
static void test_bounds(void **state) {
    const struct corpus_scanner *scanners[CORPUS_SCANNERS];
    for (size_t i = corpus_scanners(scanners); i-- > 0;)
        check_bounds(*state, scanners[i]);
}

#define NAME "word-no-%u" /* eight bytes that all have in common */

/* Numbers as words, so that a large corpus is predicted without a table of words. */
struct expected {
    uint32_t *stream; /* words and WORD_NONE */
    size_t length;
    uint64_t *counts, *first;
    uint32_t *ids, *order;
    uint32_t words, kept;
};

static int expected_compare(const void *left, const void *right, void *context) {
    const struct expected *expected = context;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    if (expected->counts[a] != expected->counts[b])
        return expected->counts[a] > expected->counts[b] ? -1 : 1;
    return expected->first[a] < expected->first[b] ? -1 : expected->first[a] > expected->first[b];
}

static void expected_rank(struct expected *expected, uint64_t min_count) {
    for (uint32_t word = 0; word < expected->words; word++)
        expected->order[word] = word;
    qsort_r(expected->order, expected->words, sizeof *expected->order, expected_compare, expected);
    for (uint32_t i = 0; i < expected->words; i++) {
        bool kept = expected->counts[expected->order[i]] >= min_count;
        expected->ids[expected->order[i]] = kept ? i : WORD_NONE;
        expected->kept += kept;
    }
}

static void assert_expected(const struct corpus *corpus, const struct expected *expected) {
    uint64_t at = 0;
    bool open = false;
    assert_int_equal(vocabulary_size(corpus->vocabulary), expected->kept);
    for (uint32_t id = 0; id < expected->kept; id++) {
        char name[32];
        size_t length;
        const char *word = vocabulary_word(corpus->vocabulary, id, &length);
        snprintf(name, sizeof name, NAME, expected->order[id]);
        assert_int_equal(length, strlen(name));
        assert_memory_equal(word, name, length);
        assert_int_equal(vocabulary_count(corpus->vocabulary, id),
                         expected->counts[expected->order[id]]);
    }
    for (size_t i = 0; i < expected->length; i++) {
        bool end = expected->stream[i] == WORD_NONE;
        uint32_t id = end ? WORD_NONE : expected->ids[expected->stream[i]];
        if (end ? !open : id == WORD_NONE)
            continue;
        assert_true(at < corpus->length);
        assert_int_equal(corpus->ids[at], id);
        at++;
        open = !end;
    }
    assert_int_equal(at + open, corpus->length);
    assert_true(!open || corpus->ids[at] == WORD_NONE);
}

/* Three times as many words as hot words fit, several pieces of numbers, and sentences that keep
 * no word. */
static void test_large(void **state) {
    struct fixture *fixture = *state;
    const size_t room = 6000000;
    struct expected expected = {.words = 50000};
    struct random random;
    struct error err = {0};
    size_t length = 0;
    char *text = malloc(room + 64);
    expected.stream = malloc((room + 64) * sizeof *expected.stream);
    expected.counts = calloc(expected.words, sizeof *expected.counts);
    expected.first = calloc(expected.words, sizeof *expected.first);
    expected.ids = calloc(expected.words, sizeof *expected.ids);
    expected.order = calloc(expected.words, sizeof *expected.order);
    random_init(&random, 6, 0);
    while (length < room) {
        uint32_t word = (uint32_t)random_below(&random, 1 + random_below(&random, expected.words));
        if (expected.counts[word]++ == 0)
            expected.first[word] = length;
        bool end = random_below(&random, 3) == 0;
        length += (size_t)snprintf(text + length, 64, NAME "%c", word, end ? '\n' : ' ');
        expected.stream[expected.length++] = word;
        if (end)
            expected.stream[expected.length++] = WORD_NONE;
    }
    fixture_write(fixture, text, length);
    free(text);
    fixture->settings.min_count = 12;
    expected_rank(&expected, 12);
    assert_true(expected.kept > 10000 && expected.kept < expected.words - 10000);
    for (int threads = 1; threads < 6; threads++) {
        if (!threads_tell(threads))
            continue;
        struct corpus *corpus;
        assert_int_equal(fixture_read(fixture, threads, &corpus, &err), STATUS_OK);
        assert_expected(corpus, &expected);
        corpus_free(corpus);
    }
    free(expected.stream);
    free(expected.counts);
    free(expected.first);
    free(expected.ids);
    free(expected.order);
    assert_work_empty(fixture);
}

/* Counts of one, two and three digits of the sort; and a sentence with three pieces of numbers none
 * of which is kept. */
static void test_ranks(void **state) {
    struct fixture *fixture = *state;
    static const int counts[] = {2049, 10, 70000, 2048, 4095, 11, 4096, 2047, 69999};
    static const char expected[] = "CIGEADHFB";
    char *text = malloc(4000000), *end = text;
    struct error err = {0};
    for (int word = 0; word < 9; word++)
        for (int i = 0; i < counts[word] - (word == 0); i++)
            end += sprintf(end, "%c ", 'A' + word);
    end += sprintf(end, "\nA ");
    for (int i = 0; i < 250000; i++)
        end += sprintf(end, "x%05x ", (unsigned)i);
    end += sprintf(end, "\nrare\n");
    fixture_write(fixture, text, (size_t)(end - text));
    free(text);
    fixture->settings.min_count = 2;
    for (int threads = 1; threads < 5; threads++) {
        if (!threads_tell(threads))
            continue;
        struct corpus *corpus;
        assert_int_equal(fixture_read(fixture, threads, &corpus, &err), STATUS_OK);
        assert_int_equal(vocabulary_size(corpus->vocabulary), 9);
        for (uint32_t id = 0; id < 9; id++) {
            size_t length;
            assert_int_equal(*vocabulary_word(corpus->vocabulary, id, &length), expected[id]);
            assert_int_equal(vocabulary_count(corpus->vocabulary, id), counts[expected[id] - 'A']);
        }
        assert_int_equal(corpus->length, corpus->words + 2);
        assert_int_equal(corpus->ids[corpus->length - 3], WORD_NONE);
        assert_int_equal(corpus->ids[corpus->length - 2], 4);
        assert_int_equal(corpus->ids[corpus->length - 1], WORD_NONE);
        corpus_free(corpus);
    }
}

/* Lists are read token by token: with the same words in lines, pruning must forget the same words
 * at the same places though the fast path takes many at a time. */
static void check_pruning(struct fixture *fixture, int64_t max_memory) {
    const size_t room = 8 << 20;
    char *text = malloc(room);
    struct random random;
    struct error err = {0};
    struct corpus *spaced, *listed;
    random_init(&random, 8, 0);
    size_t length = 0;
    for (int i = 0; length + 61000 < room; i++) {
        uint64_t kind = random_below(&random, 16);
        int number = kind < 10 ? (int)random_below(&random, 40) : i;
        for (int k = 0; i % 1000 == 999 && k < 3; k++) {
            size_t n = (size_t)snprintf(text + length, 200, "%d-%d-", i, k);
            memset(text + length + n, 'a', 20000);
            length += n + 20000;
            text[length++] = ' ';
        }
        length += (size_t)snprintf(text + length, 200,
                                   kind == 15  ? "%080d%c"
                                   : kind > 12 ? "%030d%c"
                                               : "n%d%c",
                                   number, i % 20 == 19 ? '\n' : ' ');
    }
    fixture->settings.min_count = 2;
    fixture->settings.format = FORMAT_TEXT;
    fixture->settings.max_memory = max_memory;
    fixture_write(fixture, text, length);
    assert_int_equal(fixture_read(fixture, 1, &spaced, &err), STATUS_OK);
    fixture->settings.format = FORMAT_TOKENS;
    FILE *file = fopen(fixture->path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < length; i++) {
        if (i == 0 || text[i - 1] == '\n')
            putc('\x1f', file);
        putc(text[i] == ' ' ? '\x1f' : text[i], file);
    }
    assert_int_equal(fclose(file), 0);
    free(text);
    assert_int_equal(fixture_read(fixture, 1, &listed, &err), STATUS_OK);
    assert_true(spaced->report.pruned_words > 10000);
    assert_int_equal(spaced->report.pruned_words, listed->report.pruned_words);
    assert_int_equal(spaced->report.words, listed->report.words);
    assert_int_equal(spaced->report.distinct, listed->report.distinct);
    assert_int_equal(spaced->report.rare_words, listed->report.rare_words);
    assert_int_equal(spaced->length, listed->length);
    assert_memory_equal(spaced->ids, listed->ids, spaced->length * sizeof *spaced->ids);
    corpus_free(spaced);
    corpus_free(listed);
}

/* Numbers in a file only; the first of them in memory; all of them. */
static void test_pruning(void **state) {
    check_pruning(*state, 1 << 20);
    check_pruning(*state, 9 << 20);
    check_pruning(*state, 30 << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_wide_separators, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_separators, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_alignments, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_lengths, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_bounds, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ranks, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_large, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_pruning, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
