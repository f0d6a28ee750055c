/* The table of words against a plain list: numbers, counts, hot words, budgets, pruning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "corpus/corpus_table.h"

#define BUDGET (64u << 20)
#define WORDS 3000u

/* Word number i of a list of different ones: around the lengths where the code branches, NUL and
 * bytes above 127 among their bytes. */
static size_t word_make(uint32_t i, char *word) {
    static const size_t lengths[] = {4, 7, 8, 9, 15, 16, 17, 24, 33, 100};
    size_t length = lengths[i % (sizeof lengths / sizeof *lengths)];
    memset(word, i % 3 == 0 ? '\0' : 'x', length);
    memcpy(word + length - sizeof i, &i, sizeof i);
    return length;
}

static void table_init(struct word_table *table, uint64_t budget) {
    struct error err = {0};
    assert_int_equal(word_table_init(table, budget, 7, &err), STATUS_OK);
}

/* As the counter does it. */
static uint32_t table_add(struct word_table *table, const char *word, size_t length,
                          uint64_t first) {
    struct error err = {0};
    bool fits = false;
    struct word_key key = word_key(word, length, table->seed);
    uint32_t number = word_table_find(table, word, length, &key);
    if (number != WORD_NONE) {
        word_table_count(table, number, key.hash);
        return number;
    }
    assert_int_equal(word_table_reserve(table, length, &fits, &err), STATUS_OK);
    assert_true(fits);
    return word_table_insert(table, word, length, &key, first);
}

static void assert_word(const struct word_table *table, uint32_t number, uint32_t i) {
    char word[128];
    size_t length = word_make(i, word);
    struct word_key key = word_key(word, length, table->seed);
    assert_int_equal(word_table_find(table, word, length, &key), number);
    const struct word *record = &table->words[number];
    assert_int_equal(record->length, length);
    assert_memory_equal(word_text(table, record), word, length);
}

/* Word i is added 1 + i % 7 times, in an order that mixes them. */
static void table_fill(struct word_table *table) {
    char word[128];
    for (uint32_t turn = 0; turn < 7; turn++)
        for (uint32_t i = 0; i < WORDS; i++)
            if (turn <= i % 7) {
                size_t length = word_make(i, word);
                assert_int_equal(table_add(table, word, length, 10 * turn + i), i);
            }
    word_table_settle(table);
}

static void test_numbers_and_counts(void **state) {
    struct word_table table;
    (void)state;
    table_init(&table, BUDGET);
    table_fill(&table);
    assert_int_equal(table.size, WORDS);
    assert_int_equal(table.longest, 100);
    for (uint32_t i = 0; i < WORDS; i++) {
        assert_word(&table, i, i);
        assert_int_equal(table.words[i].count, 1 + i % 7);
        assert_int_equal(table.first[i], i);
    }
    struct word_key key = word_key("missing", 7, table.seed);
    assert_int_equal(word_table_find(&table, "missing", 7, &key), WORD_NONE);
    word_table_clear(&table);
}

/* A hot word is counted in its own place; settling brings the record up to date, also twice, and
 * when another word took the place. */
static void test_hot_words(void **state) {
    struct word_table table;
    (void)state;
    table_init(&table, BUDGET);
    uint32_t a = table_add(&table, "a", 1, 0);
    struct word_key key = word_key("a", 1, table.seed);
    struct hot_word *hot = word_table_hot(&table, key.hash);
    assert_int_equal(hot->number, 0);
    table_add(&table, "a", 1, 0); /* the second time makes it hot */
    assert_int_equal(hot->number, a + 1);
    hot->count += 5; /* as the fast path does */
    word_table_settle(&table);
    assert_int_equal(table.words[a].count, 7);
    word_table_settle(&table);
    assert_int_equal(table.words[a].count, 7);
    hot->count += 2;
    uint32_t other = table_add(&table, "b", 1, 0);
    word_table_promote(&table, other, key.hash); /* as if their hashes met */
    assert_int_equal(hot->number, other + 1);
    assert_int_equal(table.words[a].count, 9);
    word_table_settle(&table);
    assert_int_equal(table.words[a].count, 9);
    assert_int_equal(table.words[other].count, 1);
    /* a long word never is hot */
    for (int i = 0; i < 9; i++)
        table_add(&table, "seventeen-letters", 17, 0);
    key = word_key("seventeen-letters", 17, table.seed);
    uint32_t number = word_table_find(&table, "seventeen-letters", 17, &key);
    assert_int_equal(table.words[number].count, 9);
    word_table_clear(&table);
}

static void test_guess(void **state) {
    struct word_table table;
    (void)state;
    table_init(&table, BUDGET);
    for (uint32_t i = 0; i < WORDS; i++) {
        char word[128];
        size_t length = word_make(i, word);
        struct word_key key = word_key(word, length, table.seed);
        word_table_prefetch_slot(&table, key.hash);
        assert_int_equal(word_table_guess(&table, key.hash), WORD_NONE);
        table_add(&table, word, length, 0);
        word_table_prefetch_slot(&table, key.hash);
        assert_int_equal(word_table_guess(&table, key.hash), i);
    }
    word_table_clear(&table);
}

static void test_equal(void **state) {
    struct word_table a, b;
    (void)state;
    table_init(&a, BUDGET);
    table_init(&b, BUDGET);
    table_fill(&a);
    for (uint32_t i = WORDS; i-- > 0;) {
        char word[128];
        table_add(&b, word, word_make(i, word), 0);
    }
    for (uint32_t i = 0; i < WORDS; i++) {
        assert_true(word_equal(&a, i, &b, WORDS - 1 - i));
        assert_false(word_equal(&a, i, &b, (WORDS - 1 - i + 10) % WORDS)); /* as long as it */
    }
    word_table_clear(&a);
    word_table_clear(&b);
}

/* What has_room promises, reserve keeps; and a table never takes more than its budget. */
static void test_budget(void **state) {
    struct word_table table;
    struct error err = {0};
    bool fits = true;
    (void)state;
    table_init(&table, 300000);
    uint32_t promised = 0, i = 0;
    for (; fits; i++) {
        char word[128];
        size_t length = word_make(i, word);
        struct word_key key = word_key(word, length, table.seed);
        if (word_table_has_room(&table, 50, 50 * 100))
            promised = i + 50;
        assert_int_equal(word_table_reserve(&table, length, &fits, &err), STATUS_OK);
        if (fits)
            word_table_insert(&table, word, length, &key, i);
        else
            assert_true(i >= promised);
    }
    assert_true(promised > 500 && table.size == i - 1);
    assert_false(word_table_has_room(&table, 1, 200000));
    word_table_clear(&table);
}

/* The rarest go, the others keep their order, text and counts, and get the numbers of the map. */
static void test_prune(void **state) {
    struct word_table table;
    struct word_loss loss = {0};
    struct error err = {0};
    uint32_t map[WORDS], kept = 0;
    uint64_t lost = 0;
    (void)state;
    table_init(&table, BUDGET);
    table_fill(&table);
    table.budget = 500000;
    assert_int_equal(word_table_prune(&table, map, &loss, &err), STATUS_OK);
    assert_true(loss.threshold >= 1 && loss.threshold < 7);
    for (uint32_t i = 0; i < WORDS; i++) {
        uint32_t count = 1 + i % 7;
        if (count <= loss.threshold) {
            char word[128];
            size_t length = word_make(i, word);
            struct word_key key = word_key(word, length, table.seed);
            assert_int_equal(map[i], WORD_NONE);
            assert_int_equal(word_table_find(&table, word, length, &key), WORD_NONE);
            lost += count;
            continue;
        }
        assert_int_equal(map[i], kept);
        assert_word(&table, kept, i);
        assert_int_equal(table.words[kept].count, count);
        assert_int_equal(table.first[kept], i);
        kept++;
    }
    assert_int_equal(table.size, kept);
    assert_int_equal(loss.distinct, WORDS - kept);
    assert_int_equal(loss.words, lost);
    for (size_t at = 0; at <= WORD_HOT_SIZE; at++)
        assert_int_equal(table.hot[at].number, 0);
    /* it goes on as before */
    char word[128];
    assert_int_equal(table_add(&table, word, word_make(WORDS, word), 5), kept);
    word_table_clear(&table);
}

static void test_invalid_utf8(void **state) {
    struct word_table table;
    (void)state;
    table_init(&table, BUDGET);
    uint32_t number = table_add(&table, "a\xff\xc3\xa4\xfe", 5, 0);
    assert_int_equal(word_invalid_utf8(&table, &table.words[number]), 2);
    word_table_clear(&table);
}

static void test_too_many_words(void **state) {
    struct word_table table;
    struct error err = {0};
    bool fits;
    (void)state;
    table_init(&table, UINT64_MAX);
    table.max = 3000;
    for (uint32_t i = 0; i < table.max; i++) {
        struct word_key key = word_key((const char *)&i, sizeof i, table.seed);
        assert_int_equal(word_table_reserve(&table, sizeof i, &fits, &err), STATUS_OK);
        assert_true(fits);
        assert_int_equal(word_table_insert(&table, (const char *)&i, sizeof i, &key, i), i);
    }
    assert_int_equal(word_table_reserve(&table, 4, &fits, &err), STATUS_REFUSED);
    assert_string_equal(err.text, "the corpus has more than 3000 different words");
    word_table_clear(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_counts),
        cmocka_unit_test(test_hot_words),
        cmocka_unit_test(test_guess),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_prune),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_too_many_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
