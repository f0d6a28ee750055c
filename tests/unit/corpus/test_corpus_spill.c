/* The spill buffer against a plain array: in memory, in the file, and across the border. */
#include "base/random.h"
#include "corpus/corpus_spill.h"
#include "tests/support/corpus_fixture.h"

#define MEMORY_ENTRIES ((uint64_t)2 * CORPUS_BUFFER)
#define MEMORY_BYTES (MEMORY_ENTRIES * sizeof(uint32_t))
#define ENTRIES ((size_t)7 * CORPUS_BUFFER)

struct mirror {
    struct corpus_spill spill;
    uint32_t *entries; /* [ENTRIES], what the spill buffer should hold */
    uint32_t *room;    /* [ENTRIES] */
    struct random random;
};

static void mirror_init(struct mirror *mirror, const struct fixture *fixture, uint64_t bytes) {
    char path[600];
    struct error err = {0};
    snprintf(path, sizeof path, "%s/spill", fixture->work);
    assert_int_equal(corpus_spill_open(&mirror->spill, path, bytes, &err), STATUS_OK);
    assert_work_empty(fixture); /* the file has no name any more */
    mirror->entries = malloc(ENTRIES * sizeof *mirror->entries);
    mirror->room = malloc(ENTRIES * sizeof *mirror->room);
    random_init(&mirror->random, 1, bytes);
}

static void mirror_clear(struct mirror *mirror) {
    corpus_spill_close(&mirror->spill);
    assert_int_equal(mirror->spill.file, -1);
    corpus_spill_close(&mirror->spill); /* of a closed one */
    free(mirror->entries);
    free(mirror->room);
}

static void mirror_check(struct mirror *mirror, uint64_t at, uint64_t n) {
    struct error err = {0};
    const uint32_t *entries = NULL;
    memset(mirror->room, 0xee, n * sizeof *mirror->room);
    assert_int_equal(corpus_spill_read(&mirror->spill, at, n, mirror->room, &entries, &err),
                     STATUS_OK);
    if (n > 0)
        assert_memory_equal(entries, mirror->entries + at, n * sizeof *entries);
}

/* By the two ways of adding, in turn. */
static void mirror_fill(struct mirror *mirror) {
    struct corpus_spill *spill = &mirror->spill;
    struct error err = {0};
    while (spill->length + CORPUS_BUFFER <= ENTRIES) {
        uint32_t *to = mirror->entries + spill->length;
        uint32_t n = (uint32_t)random_below(&mirror->random, CORPUS_BUFFER + 1);
        for (uint32_t i = 0; i < n; i++)
            to[i] = (uint32_t)random_next(&mirror->random);
        if (random_below(&mirror->random, 2) == 0) {
            memcpy(corpus_spill_next(spill), to, n * sizeof *to);
            assert_int_equal(corpus_spill_advance(spill, n, &err), STATUS_OK);
        } else {
            assert_int_equal(corpus_spill_append(spill, to, n, &err), STATUS_OK);
        }
    }
}

static void check_bound(const struct fixture *fixture, uint64_t bytes) {
    struct mirror mirror;
    struct error err = {0};
    mirror_init(&mirror, fixture, bytes);
    mirror_fill(&mirror);
    uint64_t length = mirror.spill.length;
    mirror_check(&mirror, 0, length);
    for (int round = 0; round < 200; round++) {
        uint64_t at = random_below(&mirror.random, length + 1);
        uint64_t n = random_below(&mirror.random, length - at + 1);
        n = n < CORPUS_BUFFER ? n : CORPUS_BUFFER;
        for (uint64_t i = 0; i < n; i++)
            mirror.entries[at + i] += (uint32_t)round + 1;
        assert_int_equal(corpus_spill_write(&mirror.spill, at, mirror.entries + at, n, &err),
                         STATUS_OK);
        mirror_check(&mirror, at > 10 ? at - 10 : 0, n);
    }
    mirror_check(&mirror, 0, length);
    assert_int_equal(mirror.spill.length, length);
    mirror_clear(&mirror);
}

static void test_file_only(void **state) {
    check_bound(*state, 0);
    check_bound(*state, CORPUS_BUFFER * sizeof(uint32_t) - 1); /* less than a piece is none */
}

static void test_both(void **state) {
    check_bound(*state, MEMORY_BYTES);
    check_bound(*state, MEMORY_BYTES + 1000);
}

static void test_memory_only(void **state) {
    check_bound(*state, ENTRIES * sizeof(uint32_t));
}

/* Every way that a read can lie to the border between memory and file. */
static void test_border(void **state) {
    struct mirror mirror;
    mirror_init(&mirror, *state, MEMORY_BYTES);
    corpus_spill_expect_many(&mirror.spill);
    mirror_fill(&mirror);
    assert_true(mirror.spill.length > MEMORY_ENTRIES + 4);
    for (uint64_t at = MEMORY_ENTRIES - 3; at < MEMORY_ENTRIES + 3; at++)
        for (uint64_t n = 0; n < 5; n++)
            mirror_check(&mirror, at, n);
    mirror_clear(&mirror);
}

/* In memory there is no copy: what is read stays when the room for reading is used again. */
static void test_memory_is_not_copied(void **state) {
    struct mirror mirror;
    struct error err = {0};
    const uint32_t *entries;
    mirror_init(&mirror, *state, MEMORY_BYTES);
    mirror_fill(&mirror);
    assert_int_equal(corpus_spill_read(&mirror.spill, 0, 9, mirror.room, &entries, &err),
                     STATUS_OK);
    assert_ptr_equal(entries, mirror.spill.memory);
    mirror_clear(&mirror);
}

/* Without a file what the memory does not hold is counted and forgotten. */
static void test_no_file(void **state) {
    struct corpus_spill spill;
    struct error err = {0};
    (void)state;
    assert_int_equal(corpus_spill_open(&spill, NULL, 0, &err), STATUS_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(corpus_spill_advance(&spill, CORPUS_BUFFER, &err), STATUS_OK);
    assert_int_equal(spill.length, 3 * CORPUS_BUFFER);
    corpus_spill_close(&spill);
}

static void test_no_folder(void **state) {
    const struct fixture *fixture = *state;
    struct corpus_spill spill;
    struct error err = {0};
    char path[600];
    snprintf(path, sizeof path, "%s/missing/spill", fixture->work);
    assert_int_not_equal(corpus_spill_open(&spill, path, 0, &err), STATUS_OK);
    assert_non_null(strstr(err.text, "missing/spill"));
    corpus_spill_close(&spill);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_file_only),
        TEST(test_both),
        TEST(test_memory_only),
        TEST(test_border),
        TEST(test_memory_is_not_copied),
        TEST(test_no_file),
        TEST(test_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
