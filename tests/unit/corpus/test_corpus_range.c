/* One range of the text: where it may be cut, what its settings mean, and how soon a request is
 * heard, told in bytes and words, not in seconds. */
#include "base/random.h"
#include "corpus/corpus_range.h"
#include "tests/support/corpus_fixture.h"

static const struct corpus_budget budget = {.table = UINT64_MAX};

static void counter_init(struct corpus_counter *counter, const struct corpus_pool *pool,
                         const struct settings *settings, const char *text, size_t length) {
    struct error err = {0};
    *counter = (struct corpus_counter){
        .pool = pool, .scanner = corpus_scanner_fastest(), .spill.file = -1};
    counter->text = counter->begin = text;
    counter->text_end = counter->end = text + length;
    assert_int_equal(corpus_layout_init(&counter->layout, settings, &err), STATUS_OK);
    assert_int_equal(corpus_counter_init(counter, settings, NULL, &budget, 1, &err), STATUS_OK);
}

static void test_layout(void **state) {
    struct fixture *fixture = *state;
    struct settings *settings = &fixture->settings;
    struct corpus_layout layout;
    struct error err = {0};
    settings->format = FORMAT_TOKENS;
    settings->sentence = SENTENCE_PARAGRAPH;
    assert_int_equal(corpus_layout_init(&layout, settings, &err), STATUS_OK);
    assert_true(layout.lists && layout.paragraphs);
    settings->format = FORMAT_AUTO;
    settings->sentence = SENTENCE_LINE;
    assert_int_equal(corpus_layout_init(&layout, settings, &err), STATUS_OK);
    assert_true(!layout.lists && !layout.paragraphs);
    settings->format = FORMAT_TEXT;
    assert_int_equal(corpus_layout_init(&layout, settings, &err), STATUS_OK);
    assert_false(layout.lists);
    settings->format = FORMAT_NDJSON;
    assert_int_equal(corpus_layout_init(&layout, settings, &err), STATUS_INTERNAL);
}

/* For each place of the text, where the cut from there on must be: '|' stands behind the only
 * separators that may end a range. */
static void check_cuts(const char *text, bool lists) {
    size_t length = strlen(text);
    for (size_t at = 0; at <= length; at++) {
        size_t cut = (size_t)(corpus_range_cut(text, text + length, text + at, lists) - text);
        assert_true(cut >= at && cut <= length);
        if (cut == 0 || cut == length)
            continue;
        bool list = lists && corpus_line_is_list(text, text + cut - 1);
        assert_true(strchr(list ? "\x1f\n" : " \t\n\v\f\r", text[cut - 1]));
        for (size_t i = at; i + 1 < cut; i++) /* it is the first one */
            assert_false(strchr(list ? "\x1f\n" : " \t\n\v\f\r", text[i]));
    }
}

static void test_cuts(void **state) {
    (void)state;
    check_cuts("ab c\td\n\n e\x1f f", false);
    check_cuts("ab c\n\x1f"
               "New York\x1fis\x1f\nd e\n\x1f"
               "a b",
               true);
    check_cuts("onlyoneword", false);
    check_cuts("", false);
}

static void test_line_is_list(void **state) {
    static const char text[] = "a b\n\x1f"
                               "c d\x1f\ne";
    (void)state;
    for (size_t at = 0; at < sizeof text - 1; at++)
        assert_int_equal(corpus_line_is_list(text, text + at), at >= 4 && at < 10);
}

/* A request that is there when reading begins is heard before the first byte. */
static void test_request_at_once(void **state) {
    struct fixture *fixture = *state;
    const struct corpus_pool pool = {.threads = 1, .request = &fixture->request};
    struct corpus_counter counter;
    struct error err = {0};
    static const char text[] = "a b c\n";
    counter_init(&counter, &pool, &fixture->settings, text, sizeof text - 1);
    atomic_store(&fixture->request, REQUEST_STOP);
    assert_int_equal(corpus_range_count(&counter, &err), STATUS_PAUSED);
    assert_int_equal(atomic_load(&counter.done), 0);
    corpus_counter_clear(&counter);
}

static enum status (*scan)(struct corpus_counter *counter, const char **at, struct error *err);

static enum status scan_requested(struct corpus_counter *counter, const char **at,
                                  struct error *err) {
    atomic_store(counter->pool->request, REQUEST_CANCEL);
    return scan(counter, at, err);
}

/* One that comes when the fast path has begun ends it within one poll's worth of text. */
static void test_request_fast(void **state) {
    static const struct corpus_scanner requesting = {"requesting", scan_requested};
    struct fixture *fixture = *state;
    const size_t length = 16 * CORPUS_POLL_BYTES;
    char *text = malloc(length);
    memset(text, ' ', length);
    for (size_t i = 0; i < length; i += 3)
        text[i] = 'x';
    const struct corpus_scanner *scanners[CORPUS_SCANNERS];
    for (size_t i = corpus_scanners(scanners); i-- > 0;) {
        const struct corpus_pool pool = {.threads = 1, .request = &fixture->request};
        struct corpus_counter counter;
        struct error err = {0};
        atomic_store(&fixture->request, REQUEST_NONE);
        counter_init(&counter, &pool, &fixture->settings, text, length);
        counter.scanner = &requesting;
        scan = scanners[i]->scan;
        assert_int_equal(corpus_range_count(&counter, &err), STATUS_CANCELLED);
        assert_true(atomic_load(&counter.done) > 0);
        assert_true(atomic_load(&counter.done) <= CORPUS_POLL_BYTES);
        corpus_counter_clear(&counter);
    }
    free(text);
}

/* Token by token, in a run without an end, a request is heard within some thousand words. */
static void test_request_slow(void **state) {
    struct fixture *fixture = *state;
    const struct corpus_pool pool = {.threads = 1, .request = &fixture->request};
    struct corpus_counter counter;
    struct error err = {0};
    static const char text[] = "word";
    counter_init(&counter, &pool, &fixture->settings, text, 4);
    for (int before = 0; before < 10000; before += 1250) {
        atomic_store(&fixture->request, REQUEST_NONE);
        for (int i = 0; i < before; i++)
            assert_int_equal(corpus_counter_visit(&counter, text, text, 4, &err), STATUS_OK);
        atomic_store(&fixture->request, REQUEST_CANCEL);
        enum status status = STATUS_OK;
        int words = 0;
        for (; status == STATUS_OK && words < 100000; words++)
            status = corpus_counter_visit(&counter, text, text, 4, &err);
        assert_int_equal(status, STATUS_CANCELLED);
        assert_true(words <= 4096);
    }
    corpus_counter_clear(&counter);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_layout),          TEST(test_cuts),         TEST(test_line_is_list),
        TEST(test_request_at_once), TEST(test_request_fast), TEST(test_request_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
