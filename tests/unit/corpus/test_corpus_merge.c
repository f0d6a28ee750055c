/* Merging by parts of the hash and ranking, against a plain list of all words: the tables are
 * filled by hand, at several numbers of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "corpus/corpus.h"
#include "corpus/corpus_merge.h"
#include "corpus/corpus_rank.h"

#define THREADS_MAX 7
#define KINDS 2000u /* different words there are */
#define NAME_MAX 48

struct plain {
    char name[NAME_MAX];
    uint64_t count, first;
    uint32_t thread;               /* where it appears first */
    uint32_t numbers[THREADS_MAX]; /* in each table, WORD_NONE: not there */
    uint32_t id;
};

struct scene {
    struct corpus_pool pool;
    struct corpus_counter counters[THREADS_MAX];
    struct plain words[KINDS];
    uint32_t distinct;
};

/* Some longer than what a record holds. */
static void name_make(char *name, uint32_t i) {
    snprintf(name, NAME_MAX, i % 4 == 0 ? "a-word-that-is-rather-long-%u" : "w%u", i);
}

static void scene_add(struct scene *scene, uint32_t thread, uint32_t i, uint64_t first) {
    struct word_table *table = &scene->counters[thread].table;
    struct plain *plain = &scene->words[i];
    struct error err = {0};
    bool fits;
    size_t length = strlen(plain->name);
    struct word_key key = word_key(plain->name, length, table->seed);
    if (plain->count++ == 0) {
        plain->first = first;
        plain->thread = thread;
        scene->distinct++;
    }
    if (plain->numbers[thread] != WORD_NONE) {
        word_table_count(table, plain->numbers[thread], key.hash);
        return;
    }
    assert_int_equal(word_table_reserve(table, length, &fits, &err), STATUS_OK);
    plain->numbers[thread] = word_table_insert(table, plain->name, length, &key, first);
}

/* Each thread adds `tokens` words, some words to all, some to one. */
static struct scene *scene_create(int threads, uint32_t tokens, uint64_t seed) {
    struct scene *scene = calloc(1, sizeof *scene);
    struct random random;
    struct error err = {0};
    random_init(&random, seed, 0);
    scene->pool.threads = threads;
    for (uint32_t i = 0; i < KINDS; i++) {
        name_make(scene->words[i].name, i);
        scene->words[i].id = WORD_NONE;
        memset(scene->words[i].numbers, 0xff, sizeof scene->words[i].numbers);
    }
    for (int t = 0; t < threads; t++) {
        struct word_table *table = &scene->counters[t].table;
        assert_int_equal(word_table_init(table, 64u << 20, 5, &err), STATUS_OK);
        for (uint32_t k = 0; k < tokens; k++) {
            uint32_t i = (uint32_t)random_below(&random, 1 + random_below(&random, KINDS));
            scene_add(scene, (uint32_t)t, i, (uint64_t)t * tokens + k);
        }
        word_table_settle(table);
    }
    return scene;
}

static void scene_free(struct scene *scene) {
    for (int t = 0; t < scene->pool.threads; t++)
        word_table_clear(&scene->counters[t].table);
    corpus_pool_stop(&scene->pool);
    free(scene);
}

static int plain_compare(const void *left, const void *right) {
    const struct plain *a = *(struct plain *const *)left, *b = *(struct plain *const *)right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

/* Sets the ids that the ranking should give. order: [KINDS]. Returns how many there are. */
static uint32_t scene_rank(struct scene *scene, uint64_t min_count, uint64_t max,
                           struct plain **order) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < KINDS; i++)
        if (scene->words[i].count > 0 && scene->words[i].count >= min_count)
            order[n++] = &scene->words[i];
    qsort(order, n, sizeof(struct plain *), plain_compare);
    n = max > 0 && n > max ? (uint32_t)max : n;
    for (uint32_t id = 0; id < n; id++)
        order[id]->id = id;
    return n;
}

static void assert_maps(const struct scene *scene, uint32_t *const *maps) {
    for (uint32_t i = 0; i < KINDS; i++)
        for (int t = 0; t < scene->pool.threads; t++)
            if (scene->words[i].numbers[t] != WORD_NONE)
                assert_int_equal(maps[t][scene->words[i].numbers[t]], scene->words[i].id);
}

static void assert_vocabulary(const struct scene *scene, const struct corpus_ranking *ranking,
                              struct plain *const *order) {
    struct vocabulary *vocabulary;
    struct error err = {0};
    assert_int_equal(corpus_vocabulary(scene->counters, ranking, &vocabulary, &err), STATUS_OK);
    assert_int_equal(vocabulary_size(vocabulary), ranking->size);
    for (uint32_t id = 0; id < ranking->size; id++) {
        size_t length;
        const char *word = vocabulary_word(vocabulary, id, &length);
        assert_int_equal(length, strlen(order[id]->name));
        assert_memory_equal(word, order[id]->name, length);
        assert_int_equal(vocabulary_count(vocabulary, id), order[id]->count);
    }
    vocabulary_free(vocabulary);
}

static void ranking_clear(struct corpus_ranking *ranking, int threads) {
    for (int t = 0; t < threads; t++)
        free(ranking->maps[t]);
    free(ranking->maps);
    free(ranking->ranked);
}

static void check(int threads, uint32_t tokens, uint64_t min_count, uint64_t max) {
    struct scene *scene = scene_create(threads, tokens, tokens + min_count);
    struct plain **order = calloc(KINDS, sizeof(struct plain *));
    struct corpus_ranking ranking = {.min_count = min_count, .max = max};
    struct error err = {0};
    uint64_t kept = 0;
    ranking.maps = calloc((size_t)threads, sizeof *ranking.maps);
    uint32_t size = scene_rank(scene, min_count, max, order);
    assert_int_equal(corpus_rank(&scene->pool, scene->counters, &ranking, &err), STATUS_OK);
    assert_int_equal(ranking.size, size);
    assert_int_equal(ranking.distinct, scene->distinct);
    for (uint32_t id = 0; id < size; id++) {
        assert_int_equal(ranking.ranked[id].count, order[id]->count);
        assert_int_equal(ranking.ranked[id].thread, order[id]->thread);
        assert_int_equal(ranking.ranked[id].number, order[id]->numbers[order[id]->thread]);
        kept += order[id]->count;
    }
    assert_int_equal(ranking.kept_words, kept);
    assert_maps(scene, ranking.maps);
    if (size > 0)
        assert_vocabulary(scene, &ranking, order);
    ranking_clear(&ranking, threads);
    free(order);
    scene_free(scene);
}

static void test_ranks(void **state) {
    (void)state;
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        check(threads, 5000, 1, 0);
        check(threads, 5000, 3, 0);
        check(threads, 5000, 2, 100);
        check(threads, 300, 1, 1);
    }
}

/* Counts of one, two and three digits of the sort. */
static void test_large_counts(void **state) {
    (void)state;
    check(3, 400000, 1000, 0);
}

/* Threads without a word, and none with one. */
static void test_empty(void **state) {
    (void)state;
    check(5, 1, 1, 0);
    check(4, 0, 1, 0);
}

/* Every word lands in the part its tag names, and the parts share the tags evenly. */
static void test_parts(void **state) {
    (void)state;
    for (int parts = 1; parts <= THREADS_MAX; parts++) {
        assert_int_equal(part_of(0, parts), 0);
        assert_int_equal(part_of(UINT32_MAX, parts), parts - 1);
        for (uint64_t p = 1; p < (uint64_t)parts; p++) {
            uint32_t border = (uint32_t)(((p << 32) + (uint64_t)parts - 1) / (uint64_t)parts);
            assert_int_equal(part_of(border, parts), p);
            assert_int_equal(part_of(border - 1, parts), p - 1);
        }
    }
}

/* When nothing is kept the most frequent word is told: the first of equal ones, over all threads,
 * and nothing of it that would spoil a line. */
static void check_top(const char *first, const char *second, const char *expected) {
    struct scene *scene = scene_create(2, 0, 1);
    struct corpus_ranking ranking = {.min_count = 100};
    struct error err = {0};
    snprintf(scene->words[0].name, NAME_MAX, "%s", first);
    snprintf(scene->words[1].name, NAME_MAX, "%s", second);
    for (uint64_t i = 0; i < 3; i++) {
        scene_add(scene, 0, 0, i);
        scene_add(scene, 1, 1, 10 + i);
    }
    scene_add(scene, 0, 2, 4);
    ranking.maps = calloc(2, sizeof *ranking.maps);
    for (int t = 0; t < 2; t++)
        word_table_settle(&scene->counters[t].table);
    assert_int_equal(corpus_rank(&scene->pool, scene->counters, &ranking, &err), STATUS_OK);
    assert_int_equal(ranking.size, 0);
    assert_int_equal(ranking.top.count, 3);
    assert_string_equal(ranking.top.word, expected);
    ranking_clear(&ranking, 2);
    scene_free(scene);
}

static void test_top(void **state) {
    (void)state;
    check_top("one", "two", "one");
    check_top("\x1b[31m\xff\xc3\xa4", "two", "?[31m?\xc3\xa4");
}

static void test_cancelled(void **state) {
    struct scene *scene = scene_create(3, 1000, 1);
    struct corpus_ranking ranking = {.min_count = 1};
    struct error err = {0};
    atomic_int request = REQUEST_CANCEL;
    (void)state;
    scene->pool.request = &request;
    ranking.maps = calloc(3, sizeof *ranking.maps);
    assert_int_equal(corpus_rank(&scene->pool, scene->counters, &ranking, &err), STATUS_CANCELLED);
    ranking_clear(&ranking, 3);
    scene_free(scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks), cmocka_unit_test(test_large_counts),
        cmocka_unit_test(test_empty), cmocka_unit_test(test_parts),
        cmocka_unit_test(test_top),   cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
