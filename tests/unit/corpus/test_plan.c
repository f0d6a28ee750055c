/* corpus_plan: a lower bound of the vocabulary, never above what reading the whole corpus finds. */
#include <zstd.h>

#include "base/random.h"
#include "tests/support/corpus_fixture.h"

static uint64_t plan(struct fixture *fixture, uint64_t sample) {
    struct error err = {0};
    uint64_t min = 99;
    assert_int_equal(corpus_plan(&fixture->settings, fixture->path, sample, &min, &err), STATUS_OK);
    return min;
}

static void test_small(void **state) {
    struct fixture *fixture = *state;
    static const char text[] = "aa bb aa cc\nbb aa d";
    fixture_write(fixture, text, sizeof text - 1);
    assert_int_equal(plan(fixture, 1000), 4);
    assert_int_equal(plan(fixture, sizeof text - 1), 3); /* the last word might go on */
    assert_int_equal(plan(fixture, 7), 2);
    assert_int_equal(plan(fixture, 1), 0);
    assert_int_equal(plan(fixture, 0), 0);
    fixture->settings.min_count = 2;
    assert_int_equal(plan(fixture, 1000), 2);
    fixture->settings.max_vocab = 1;
    assert_int_equal(plan(fixture, 1000), 1);
    fixture_write(fixture, "", 0);
    assert_int_equal(plan(fixture, 1000), 0);
}

static void test_never_above(void **state) {
    struct fixture *fixture = *state;
    static const char bytes[] = "aab  \n\n\x1f\x1f\r\xff";
    struct random random;
    random_init(&random, 1, 0);
    for (int round = 0; round < 200; round++) {
        char text[200];
        size_t length = 1 + random_below(&random, sizeof text - 1);
        for (size_t i = 0; i < length; i++)
            text[i] = bytes[random_below(&random, sizeof bytes - 1)];
        fixture->settings.format = random_below(&random, 2) ? FORMAT_TOKENS : FORMAT_AUTO;
        fixture->settings.tokenizer = (int)random_below(&random, 2);
        fixture_write(fixture, text, length);
        uint64_t before = 0, max = plan(fixture, sizeof text + 1);
        for (uint64_t sample = 0; sample <= length; sample++) {
            uint64_t min = plan(fixture, sample);
            assert_true(min >= before && min <= max);
            before = min;
        }
    }
}

static void test_compressed(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    uint64_t min;
    static char text[1 << 20], packed[1 << 20];
    for (size_t i = 0; i < sizeof text; i += 8)
        memcpy(text + i, i % 16 == 0 ? "sevenly " : "thirty9 ", 8);
    size_t length = ZSTD_compress(packed, sizeof packed, text, sizeof text, 1);
    /* only the beginning is decoded: the cut does not show */
    fixture_write(fixture, packed, length - 3);
    assert_int_equal(plan(fixture, 8), 1);
    assert_int_equal(plan(fixture, 1000), 2);
    assert_int_equal(corpus_plan(&fixture->settings, fixture->path, UINT64_MAX, &min, &err),
                     STATUS_MALFORMED);
    fixture->settings.format = FORMAT_NDJSON;
    error_clear(&err);
    assert_int_equal(corpus_plan(&fixture->settings, fixture->path, 10, &min, &err),
                     STATUS_INTERNAL);
}

static void test_missing(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    uint64_t min;
    assert_int_equal(corpus_plan(&fixture->settings, fixture->path, 10, &min, &err),
                     STATUS_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_small, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_never_above, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_compressed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_missing, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
