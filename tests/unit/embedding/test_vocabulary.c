#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "embedding/embedding.h"

#define MANY 50000

static struct vocabulary *make(const char *const *words, uint32_t size) {
    struct buffer text = {0};
    uint64_t *offsets = calloc((size_t)size + 1, sizeof *offsets);
    uint64_t *counts = calloc((size_t)size + 1, sizeof *counts);
    struct vocabulary *vocabulary;
    struct error err = {0};

    assert_non_null(offsets);
    assert_non_null(counts);
    for (uint32_t i = 0; i < size; i++) {
        buffer_append_text(&text, words[i]);
        offsets[i + 1] = text.length;
        counts[i] = 10 * (uint64_t)(size - i);
    }
    assert_int_equal(vocabulary_create(&vocabulary, size, text.data, offsets, counts, &err),
                     STATUS_OK);
    buffer_clear(&text);
    free(offsets);
    free(counts);
    return vocabulary;
}

static void words_are_found(void **state) {
    static const char *const words[] = {"the", "of", "and", "x", "\xc3\xa9t\xc3\xa9"};
    struct vocabulary *vocabulary = make(words, 5);
    size_t length;

    (void)state;
    assert_int_equal(vocabulary_size(vocabulary), 5);
    assert_int_equal(vocabulary_total(vocabulary), 150);
    assert_int_equal(vocabulary_count(vocabulary, 0), 50);
    assert_int_equal(vocabulary_counts(vocabulary)[4], 10);
    for (uint32_t id = 0; id < 5; id++) {
        const char *word = vocabulary_word(vocabulary, id, &length);

        assert_int_equal(length, strlen(words[id]));
        assert_memory_equal(word, words[id], length);
        assert_int_equal(vocabulary_find(vocabulary, word, length), id);
    }
    assert_int_equal(vocabulary_find(vocabulary, "th", 2), WORD_NONE);
    assert_int_equal(vocabulary_find(vocabulary, "them", 4), WORD_NONE);
    assert_int_equal(vocabulary_find(vocabulary, "", 0), WORD_NONE);
    assert_int_equal(vocabulary_find(vocabulary, "th\0", 3), WORD_NONE);
    vocabulary_free(vocabulary);
    vocabulary_free(NULL);
}

static void words_of_any_bytes(void **state) {
    /* 256 words of one byte, NUL among them, then all pairs of bytes */
    uint32_t size = 256 + 65536;
    char *text = malloc(256 + 2 * 65536);
    uint64_t *offsets = malloc(((size_t)size + 1) * sizeof *offsets);
    struct vocabulary *vocabulary;
    struct error err = {0};
    size_t at = 0;

    (void)state;
    assert_non_null(text);
    assert_non_null(offsets);
    for (uint32_t i = 0; i < size; i++) {
        offsets[i] = at;
        if (i >= 256)
            text[at++] = (char)((i - 256) >> 8);
        text[at++] = (char)i;
    }
    offsets[size] = at;
    assert_int_equal(vocabulary_create(&vocabulary, size, text, offsets, NULL, &err), STATUS_OK);
    for (uint32_t i = 0; i < size; i++)
        assert_int_equal(
            vocabulary_find(vocabulary, text + offsets[i], (size_t)(offsets[i + 1] - offsets[i])),
            i);
    assert_int_equal(vocabulary_total(vocabulary), 0);
    assert_int_equal(vocabulary_count(vocabulary, 77), 0);
    vocabulary_free(vocabulary);
    free(text);
    free(offsets);
}

static void text_may_begin_later(void **state) {
    static const uint64_t offsets[] = {3, 5, 8};
    struct vocabulary *vocabulary;
    struct error err = {0};
    size_t length;

    (void)state;
    assert_int_equal(vocabulary_create(&vocabulary, 2, "xxxabcde", offsets, NULL, &err), STATUS_OK);
    assert_memory_equal(vocabulary_word(vocabulary, 1, &length), "cde", 3);
    assert_int_equal(length, 3);
    assert_int_equal(vocabulary_find(vocabulary, "ab", 2), 0);
    vocabulary_free(vocabulary);
}

static void empty_vocabulary(void **state) {
    struct vocabulary *vocabulary;
    struct error err = {0};
    uint32_t ids[4];

    (void)state;
    assert_int_equal(vocabulary_create(&vocabulary, 0, NULL, NULL, NULL, &err), STATUS_OK);
    assert_int_equal(vocabulary_size(vocabulary), 0);
    assert_int_equal(vocabulary_find(vocabulary, "a", 1), WORD_NONE);
    assert_int_equal(vocabulary_suggest(vocabulary, "a", 1, 10, ids, 4), 0);
    vocabulary_free(vocabulary);
}

static void check_refused(uint32_t size, const char *text, const uint64_t *offsets,
                          const uint64_t *counts, const char *expected) {
    struct vocabulary *vocabulary = NULL;
    struct error err = {0};

    assert_int_equal(vocabulary_create(&vocabulary, size, text, offsets, counts, &err),
                     STATUS_REFUSED);
    assert_null(vocabulary);
    if (!strstr(err.text, expected))
        fail_msg("'%s' is not in '%s'", expected, err.text);
}

static void bad_vocabularies_are_refused(void **state) {
    static const uint64_t fine[] = {0, 1, 2, 3};

    (void)state;
    check_refused(3, "aba", fine, NULL, "word 'a' stands twice, as 0 and as 2");
    check_refused(3, "abc", (const uint64_t[]){0, 1, 1, 3}, NULL, "word 1 is empty");
    check_refused(3, "abc", (const uint64_t[]){0, 2, 1, 3}, NULL, "word 1 ends before it begins");
    check_refused(3, "abc", (const uint64_t[]){2, 2, 2, 1}, NULL,
                  "the last word ends before the first begins");
    check_refused(3, "abc", fine, (const uint64_t[]){3, 1, 2},
                  "counts must fall, but word 2 has 2 after 1");
    check_refused(3, "abc", fine, (const uint64_t[]){UINT64_MAX, 1, 0}, "overflows at word 1");
    /* A message quotes any bytes safely. */
    check_refused(2, "\xff\n\xff\n", (const uint64_t[]){0, 2, 4}, NULL,
                  "word '\xef\xbf\xbd\xef\xbf\xbd' stands twice");
}

static void long_words_are_cut_in_messages(void **state) {
    struct vocabulary *vocabulary;
    struct error err = {0};
    char text[2000];

    (void)state;
    memset(text, 'y', sizeof text);
    assert_int_equal(
        vocabulary_create(&vocabulary, 2, text, (const uint64_t[]){0, 1000, 2000}, NULL, &err),
        STATUS_REFUSED);
    assert_non_null(strstr(err.text, "yyy...' stands twice"));
    assert_true(strlen(err.text) < 200);
}

static void many_words(void **state) {
    char word[32];
    struct buffer text = {0};
    uint64_t *offsets = calloc(MANY + 1, sizeof *offsets);
    struct vocabulary *vocabulary;
    struct error err = {0};

    (void)state;
    assert_non_null(offsets);
    for (uint32_t i = 0; i < MANY; i++) {
        buffer_print(&text, "w%u", i * 7919u);
        offsets[i + 1] = text.length;
    }
    assert_int_equal(vocabulary_create(&vocabulary, MANY, text.data, offsets, NULL, &err),
                     STATUS_OK);
    buffer_clear(&text); /* the vocabulary has its own copy */
    free(offsets);
    for (uint32_t i = 0; i < MANY; i++) {
        int length = snprintf(word, sizeof word, "w%u", i * 7919u);

        assert_int_equal(vocabulary_find(vocabulary, word, (size_t)length), i);
        length = snprintf(word, sizeof word, "v%u", i);
        assert_int_equal(vocabulary_find(vocabulary, word, (size_t)length), WORD_NONE);
    }
    vocabulary_free(vocabulary);
}

static void check_suggest(const struct vocabulary *vocabulary, const char *word, uint32_t among,
                          size_t room, const char *expected) {
    uint32_t ids[64];
    struct buffer text = {0};
    size_t n = vocabulary_suggest(vocabulary, word, strlen(word), among, ids, room);

    assert_true(n <= room);
    buffer_append_text(&text, "");
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *found = vocabulary_word(vocabulary, ids[i], &length);

        if (i > 0)
            buffer_append_char(&text, ' ');
        buffer_append(&text, found, length);
    }
    assert_string_equal(text.data, expected);
    buffer_clear(&text);
}

static void suggestions_by_case_then_distance_then_count(void **state) {
    static const char *const words[] = {"the", "then",  "hte",    "thee",  "them", "THE",
                                        "toe", "zebra", "paris",  "Paris", "pari", "t",
                                        "he",  "pairs", "spires", "parsi"};
    struct vocabulary *vocabulary = make(words, 16);

    (void)state;
    check_suggest(vocabulary, "the", UINT32_MAX, 20, "THE then hte thee them toe he t");
    check_suggest(vocabulary, "The", UINT32_MAX, 3, "the THE he");
    check_suggest(vocabulary, "The", UINT32_MAX, 1, "the");
    check_suggest(vocabulary, "The", UINT32_MAX, 0, "");
    check_suggest(vocabulary, "The", 5, 20, "the then hte thee them");
    check_suggest(vocabulary, "The", 0, 20, "");
    check_suggest(vocabulary, "PARIS", UINT32_MAX, 20, "paris Paris");
    check_suggest(vocabulary, "paris", UINT32_MAX, 4, "Paris pari pairs parsi");
    check_suggest(vocabulary, "zbera", UINT32_MAX, 4, "zebra");
    check_suggest(vocabulary, "qqqqqqq", UINT32_MAX, 4, "");
    check_suggest(vocabulary, "", UINT32_MAX, 4, "");
    vocabulary_free(vocabulary);
}

static void suggestions_count_code_points(void **state) {
    /* été, Été, æther, 東京都, 京東都, ΣΟΦΟΣ, Москва, and bytes that are no UTF-8 */
    static const char *const words[] = {
        "\xc3\xa9t\xc3\xa9",
        "\xc3\x89t\xc3\xa9",
        "\xc3\xa6ther",
        "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd",
        "\xe4\xba\xac\xe6\x9d\xb1\xe9\x83\xbd",
        "\xce\xa3\xce\x9f\xce\xa6\xce\x9f\xce\xa3",
        "\xd0\x9c\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0",
        "\xff\xfe\xfd\xfc\xfb",
    };
    struct vocabulary *vocabulary = make(words, 8);

    (void)state;
    check_suggest(vocabulary, "\xc3\x89T\xc3\x89", UINT32_MAX, 4,
                  "\xc3\xa9t\xc3\xa9 \xc3\x89t\xc3\xa9");
    check_suggest(vocabulary, "aether", UINT32_MAX, 4, "\xc3\xa6ther");
    check_suggest(vocabulary, "\xe6\x9d\xb1\xe4\xba\xac", UINT32_MAX, 4,
                  "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd \xe4\xba\xac\xe6\x9d\xb1\xe9\x83\xbd");
    check_suggest(vocabulary, "\xcf\x83\xce\xbf\xcf\x86\xce\xbf\xcf\x82", UINT32_MAX, 4,
                  "\xce\xa3\xce\x9f\xce\xa6\xce\x9f\xce\xa3");
    check_suggest(vocabulary, "\xd0\xbc\xd0\x9e\xd0\xa1\xd0\x9a\xd0\x92\xd0\x90", UINT32_MAX, 4,
                  "\xd0\x9c\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0");
    check_suggest(vocabulary, "\xff\xfe\xfd\xfc", UINT32_MAX, 4, "\xff\xfe\xfd\xfc\xfb");
    vocabulary_free(vocabulary);
}

/* The textbook's full matrix, as the oracle. Letters are bytes here. */
static unsigned distance_slow(const char *a, size_t n, const char *b, size_t m) {
    unsigned d[16][16];

    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            unsigned best;

            if (i == 0 || j == 0) {
                d[i][j] = (unsigned)(i + j);
                continue;
            }
            best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

/* Random words over three letters: the suggestions are exactly the words within 2, nearest first,
 * then by id. */
static void suggestions_agree_with_the_oracle(void **state) {
    enum { WORDS = 700, LONGEST = 9 };
    char *words[WORDS];
    char(*store)[LONGEST + 1] = calloc(WORDS, sizeof *store);
    struct vocabulary *vocabulary;
    struct random random;
    uint32_t size = 0;

    (void)state;
    assert_non_null(store);
    random_init(&random, 7, 0);
    while (size < WORDS) {
        size_t length = 1 + random_below(&random, LONGEST);
        bool fresh = true;

        memset(store[size], 0, sizeof store[size]);
        for (size_t i = 0; i < length; i++)
            store[size][i] = (char)('a' + random_below(&random, 3));
        for (uint32_t other = 0; other < size; other++)
            fresh = fresh && strcmp(store[size], store[other]) != 0;
        words[size] = store[size];
        size += fresh;
    }
    vocabulary = make((const char *const *)words, size);
    for (int query = 0; query < 300; query++) {
        char word[LONGEST + 3] = {0};
        size_t length = 1 + random_below(&random, LONGEST + 2), n, at = 0;
        uint32_t ids[WORDS];

        for (size_t i = 0; i < length; i++)
            word[i] = (char)('a' + random_below(&random, 3));
        n = vocabulary_suggest(vocabulary, word, length, UINT32_MAX, ids, WORDS);
        for (unsigned distance = 1; distance <= 2; distance++)
            for (uint32_t id = 0; id < size; id++)
                if (distance_slow(word, length, words[id], strlen(words[id])) == distance) {
                    assert_true(at < n);
                    assert_int_equal(ids[at], id);
                    at++;
                }
        assert_int_equal(at, n);
        /* Less room gives the head of the same list. */
        for (size_t room = 1; room <= 5 && room <= n; room++) {
            uint32_t few[5];

            assert_int_equal(vocabulary_suggest(vocabulary, word, length, UINT32_MAX, few, room),
                             room);
            assert_memory_equal(few, ids, room * sizeof *few);
        }
    }
    vocabulary_free(vocabulary);
    free(store);
}

static void longest_words_for_suggestions(void **state) {
    char text[3 * 66];
    static const uint64_t offsets[] = {0, 66, 132, 198};
    struct vocabulary *vocabulary;
    struct error err = {0};
    uint32_t ids[4];

    (void)state;
    memset(text, 'a', 66);
    memset(text + 66, 'b', 66);
    memset(text + 132, 'c', 66);
    assert_int_equal(vocabulary_create(&vocabulary, 3, text, offsets, NULL, &err), STATUS_OK);
    assert_int_equal(vocabulary_suggest(vocabulary, text, 64, UINT32_MAX, ids, 4), 1);
    assert_int_equal(ids[0], 0);
    assert_int_equal(vocabulary_suggest(vocabulary, text, 63, UINT32_MAX, ids, 4), 0);
    assert_int_equal(vocabulary_suggest(vocabulary, text, 65, UINT32_MAX, ids, 4),
                     0); /* too long to have been mistyped */
    vocabulary_free(vocabulary);
}

static void words_in_any_case(void **state) {
    static const char *const words[] = {"OSLO",
                                        "Oslo",
                                        "King",
                                        "oslo",
                                        "\xce\x9b\xce\x9f\xce\x93\xce\x9f\xce\xa3", /* LOGOS */
                                        "\xce\x86",
                                        "a\xff\x42",
                                        "KING"};
    static const struct {
        const char *word;
        uint32_t id;
    } asked[] = {{"oSLO", 3},
                 {"OSLO", 3},
                 {"king", 2},
                 {"KING", 2},
                 {"kin", WORD_NONE},
                 {"\xce\xbb\xce\xbf\xce\xb3\xce\xbf\xcf\x82", 4},
                 {"\xce\xac", 5},
                 {"A\xff"
                  "b",
                  6},
                 {"", WORD_NONE},
                 {"A\xfe"
                  "b",
                  WORD_NONE}};
    struct buffer text = {0};
    uint64_t offsets[9] = {0};
    struct vocabulary *vocabulary;
    struct error err = {0};
    char endless[2048];
    uint32_t id;

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        buffer_append_text(&text, words[i]);
        offsets[i + 1] = text.length;
    }
    assert_int_equal(vocabulary_create(&vocabulary, 8, text.data, offsets, NULL, &err), STATUS_OK);
    for (int again = 0; again < 2; again++)
        for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
            id = 77;
            assert_int_equal(
                vocabulary_find_folded(vocabulary, asked[i].word, strlen(asked[i].word), &id, &err),
                STATUS_OK);
            if (id != asked[i].id)
                fail_msg("'%s' is %u, not %u", asked[i].word, id, asked[i].id);
        }
    memset(endless, 'K', sizeof endless);
    assert_int_equal(vocabulary_find_folded(vocabulary, endless, sizeof endless, &id, &err),
                     STATUS_OK);
    assert_int_equal(id, WORD_NONE);
    vocabulary_free(vocabulary);
    buffer_clear(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_found),
        cmocka_unit_test(words_of_any_bytes),
        cmocka_unit_test(text_may_begin_later),
        cmocka_unit_test(empty_vocabulary),
        cmocka_unit_test(bad_vocabularies_are_refused),
        cmocka_unit_test(long_words_are_cut_in_messages),
        cmocka_unit_test(many_words),
        cmocka_unit_test(suggestions_by_case_then_distance_then_count),
        cmocka_unit_test(suggestions_count_code_points),
        cmocka_unit_test(suggestions_agree_with_the_oracle),
        cmocka_unit_test(longest_words_for_suggestions),
        cmocka_unit_test(words_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
