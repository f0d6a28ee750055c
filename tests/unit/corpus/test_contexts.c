/* Global contexts: what becomes of sentences that hold some. */
#include "tests/support/corpus_fixture.h"

static struct corpus *read_corpus(struct fixture *fixture, const char *text) {
    struct error err = {0};
    struct corpus *corpus = NULL;
    fixture_write(fixture, text, strlen(text));
    if (fixture_read(fixture, 1, &corpus, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return corpus;
}

/* The ids as text: words with spaces between, '|' for an end. */
static void assert_ids(const struct corpus *corpus, const char *expected) {
    struct buffer text = {0};
    uint64_t words = 0;
    for (uint64_t i = 0; i < corpus->length; i++) {
        size_t length = 1;
        const char *word = "|";
        if (corpus->ids[i] != WORD_NONE)
            word = vocabulary_word(corpus->vocabulary, corpus->ids[i], &length);
        words += corpus->ids[i] != WORD_NONE;
        buffer_append(&text, word, length);
        buffer_append_text(&text, i + 1 < corpus->length ? " " : "");
    }
    assert_string_equal(text.data, expected);
    assert_int_equal(corpus->words, words);
    buffer_clear(&text);
}

static void each_word_meets_each_context(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    fixture->settings.min_count = 1;
    struct corpus *corpus = read_corpus(fixture, "u:1 a b\n"
                                                 "c d\n"
                                                 "u:2 u:1\n"
                                                 "a u:2 b to:x a\n"
                                                 "d\n");
    uint64_t total = vocabulary_total(corpus->vocabulary);
    assert_int_equal(corpus_spread_contexts(corpus, "u:,to:,", fixture->work, &err), STATUS_OK);
    assert_ids(corpus, "a b | a u:1 | b u:1 | "
                       "c d | "
                       "u:2 u:1 | "
                       "a b a | a u:2 | a to:x | b u:2 | b to:x | a u:2 | a to:x | "
                       "d |");
    assert_int_equal(vocabulary_total(corpus->vocabulary), total);
    /* and what is written can be held out */
    assert_int_equal(corpus_hold_out(corpus, 0.5, 1, 100, fixture->work, &err), STATUS_OK);
    assert_int_equal(corpus->words + corpus->held_words, 2 + 4 + 2 + 2 + 3 + 12 + 1);
    corpus_free(corpus);
    assert_work_empty(fixture);
}

static void a_long_text_is_written_whole(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    struct buffer text = {0};
    fixture->settings.min_count = 1;
    for (int i = 0; i < 20000; i++)
        buffer_print(&text, "u:%d a b c d\n", i % 7);
    struct corpus *corpus = read_corpus(fixture, text.data);
    assert_int_equal(corpus_spread_contexts(corpus, "u:", fixture->work, &err), STATUS_OK);
    assert_int_equal(corpus->words, 20000 * (4 + 8));
    assert_int_equal(corpus->length, 20000 * (5 + 12));
    assert_int_equal(corpus->ids[corpus->length - 1], WORD_NONE);
    corpus_free(corpus);
    buffer_clear(&text);
    assert_work_empty(fixture);
}

static void what_names_nothing_is_refused(void **state) {
    struct fixture *fixture = *state;
    static const char *const prefixes[] = {"x:", "a,b,u", ","};
    fixture->settings.min_count = 1;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        struct error err = {0};
        struct corpus *corpus = read_corpus(fixture, "u:1 a b\n");
        assert_int_equal(corpus_spread_contexts(corpus, prefixes[i], fixture->work, &err),
                         STATUS_REFUSED);
        assert_string_equal(err.key, "context_prefix");
        assert_non_null(strstr(err.text, i == 1 ? "every word" : "no word"));
        corpus_free(corpus);
    }
    assert_work_empty(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_word_meets_each_context, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_long_text_is_written_whole, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_names_nothing_is_refused, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
