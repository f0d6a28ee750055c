#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/machine.h"
#include "base/pages.h"

/* Far more than the machine has: only what is written counts. */
static void test_reserve(void **state) {
    (void)state;
    const size_t bytes = (size_t)1 << 40;
    uint64_t before = machine_peak_memory();
    unsigned char *pages = pages_reserve(bytes);
    assert_non_null(pages);
    pages_prefer_huge(pages, bytes);
    for (size_t at = 0; at < bytes; at += bytes / 4) {
        assert_int_equal(pages[at], 0);
        pages[at + 1] = 7;
        assert_int_equal(pages[at + 1], 7);
    }
    assert_true(machine_peak_memory() < before + (64 << 20));
    pages_release(pages, bytes);
    pages_release(NULL, bytes);
    assert_null(pages_reserve(SIZE_MAX / 2));
}

/* Whole pages of the range lose their content, no byte outside of it does. */
static void test_forget(void **state) {
    (void)state;
    const size_t bytes = 1 << 20, from = 5000, to = 900000;
    unsigned char *pages = pages_reserve(bytes);
    assert_non_null(pages);
    memset(pages, 1, bytes);
    pages_forget(pages, from, to);
    for (size_t i = 0; i < bytes; i++)
        if (i < from || i >= to)
            assert_int_equal(pages[i], 1);
    assert_int_equal(pages[(from + to) / 2], 0);
    pages_forget(pages, 10, 20);
    assert_int_equal(pages[10], 1);
    pages_release(pages, bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
