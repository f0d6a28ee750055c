/* Sentences that are held out: which, what is left, what is refused. */
#include <math.h>

#include "tests/support/corpus_fixture.h"

#define SENTENCES 2000

/* Sentence i is "s<i> a b c", so that every sentence is known by its first word. */
static void write_sentences(struct fixture *fixture) {
    struct buffer text = {0};
    for (int i = 0; i < SENTENCES; i++)
        buffer_print(&text, "s%d a b c\n", i);
    fixture_write(fixture, text.data, text.length);
    buffer_clear(&text);
}

static struct corpus *read_corpus(struct fixture *fixture) {
    struct error err = {0};
    struct corpus *corpus = NULL;
    if (fixture_read(fixture, 1, &corpus, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return corpus;
}

static enum status hold_out(struct fixture *fixture, struct corpus *corpus, double share,
                            uint64_t seed, uint64_t most) {
    struct error err = {0};
    enum status status = corpus_hold_out(corpus, share, seed, most, fixture->work, &err);
    if (status != STATUS_OK)
        assert_string_equal(err.key, "holdout");
    return status;
}

/* seen[id]: how often each id stands in a part; returns its sentences. */
static uint64_t count(const uint32_t *ids, uint64_t length, unsigned *seen) {
    uint64_t sentences = 0;
    for (uint64_t i = 0; i < length; i++)
        if (ids[i] == WORD_NONE)
            sentences++;
        else
            seen[ids[i]]++;
    assert_true(length == 0 || ids[length - 1] == WORD_NONE);
    return sentences;
}

/* Every sentence is on one side, whole; the share is about what was asked; the seed decides. */
static void a_sentence_is_on_one_side(void **state) {
    struct fixture *fixture = *state;
    unsigned first[SENTENCES + 3] = {0}, kept[SENTENCES + 3] = {0}, other[SENTENCES + 3] = {0};
    write_sentences(fixture);
    for (int run = 0; run < 3; run++) { /* twice with one seed */
        struct corpus *corpus = read_corpus(fixture);
        unsigned trained[SENTENCES + 3] = {0}, held[SENTENCES + 3] = {0};
        uint64_t words = corpus->words, ids = vocabulary_size(corpus->vocabulary);
        assert_int_equal(ids, SENTENCES + 3);
        assert_int_equal(hold_out(fixture, corpus, 0.1, run < 2 ? 7 : 8, 1000), STATUS_OK);
        uint64_t left = count(corpus->ids, corpus->length, trained);
        uint64_t out = count(corpus->held_ids, corpus->held_length, held);
        assert_int_equal(left + out, SENTENCES);
        assert_int_equal(corpus->words + corpus->held_words, words);
        assert_true(fabs((double)out - 0.1 * SENTENCES) < 5 * sqrt(0.09 * SENTENCES));
        for (uint64_t id = 3; id < ids; id++) /* a, b and c are in every sentence */
            assert_int_equal(trained[id] + held[id], 1);
        assert_int_equal(vocabulary_total(corpus->vocabulary), words);
        memcpy(run == 0 ? first : run == 1 ? kept : other, held, sizeof held);
        corpus_free(corpus);
    }
    assert_memory_equal(first, kept, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
    assert_work_empty(fixture);
}

/* A text in one line is held out by pieces, and no sentence goes on over one that was taken. */
static void long_sentences_are_cut(void **state) {
    struct fixture *fixture = *state;
    struct buffer text = {0};
    for (int i = 0; i < 10000; i++)
        buffer_print(&text, "w%d ", i);
    fixture_write(fixture, text.data, text.length);
    buffer_clear(&text);
    struct corpus *corpus = read_corpus(fixture);
    assert_int_equal(hold_out(fixture, corpus, 0.2, 1, 100), STATUS_OK);
    assert_true(corpus->held_words % 100 == 0 && corpus->held_words >= 1000);
    for (int part = 0; part < 2; part++) {
        const uint32_t *ids = part ? corpus->held_ids : corpus->ids;
        uint64_t length = part ? corpus->held_length : corpus->length;
        for (uint64_t i = 1; i < length; i++)
            if (ids[i] != WORD_NONE && ids[i - 1] != WORD_NONE)
                assert_int_equal(ids[i], ids[i - 1] + 1);
    }
    corpus_free(corpus);
}

/* A share that chooses none takes one; one that chooses all takes one; one sentence is refused. */
static void something_is_on_both_sides(void **state) {
    struct fixture *fixture = *state;
    fixture_write(fixture, "a b\nc d\ne f\n", 12);
    for (int i = 0; i < 20; i++) {
        struct corpus *corpus = read_corpus(fixture);
        assert_int_equal(hold_out(fixture, corpus, i < 10 ? 1e-9 : 0.5, (uint64_t)i, 1000),
                         STATUS_OK);
        assert_true(corpus->held_words >= 2 && corpus->words >= 2);
        if (i < 10)
            assert_int_equal(corpus->held_words, 2);
        corpus_free(corpus);
    }
    fixture_write(fixture, "a b c d\n", 8);
    struct corpus *corpus = read_corpus(fixture);
    assert_int_equal(hold_out(fixture, corpus, 0.5, 1, 1000), STATUS_REFUSED);
    corpus_free(corpus);
    assert_work_empty(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sentence_is_on_one_side, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(long_sentences_are_cut, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(something_is_on_both_sides, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
