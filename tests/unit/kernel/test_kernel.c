/* Every variant this machine runs, against the double-precision oracle on random sizes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/oracle/oracle_kernel.h"

#define CASES 400

static void each_kernel(double (*compare)(const struct kernel *kernel, uint64_t seed),
                        const char *what) {
    for (const struct kernel *const *kernel = kernel_list(); *kernel; kernel++) {
        if (!(*kernel)->runs()) {
            print_message("%s: this machine cannot run kernel %s\n", what, (*kernel)->name);
            continue;
        }
        for (uint64_t seed = 0; seed < CASES; seed++) {
            double worst = compare(*kernel, seed);
            if (!(worst <= 1)) {
                struct kernel_case c = kernel_case_draw(seed);
                fail_msg("%s, kernel %s, seed %d: %g times the tolerance (dim %u noise %u window "
                         "%u words %u bias %d "
                         "cbow %d softmax %d clip %d "
                         "hits %d)",
                         what, (*kernel)->name, (int)seed, worst, c.dim, c.noise, c.window, c.words,
                         c.bias, c.cbow, c.softmax, c.clip, c.hits);
            }
        }
    }
}

static double compare_block(const struct kernel *kernel, uint64_t seed) {
    struct kernel_case test = kernel_case_draw(seed);
    return kernel_case_compare(kernel, &test);
}

static double compare_pairs(const struct kernel *kernel, uint64_t seed) {
    struct kernel_case test = kernel_case_draw(seed);
    test.noise = 1 + test.noise % 20;
    return kernel_case_compare_pairs(kernel, &test);
}

static void block_step_is_the_oracles(void **state) {
    (void)state;
    each_kernel(compare_block, "block");
}

static void pairs_step_is_word2vecs(void **state) {
    (void)state;
    each_kernel(compare_pairs, "pairs");
}

static void search_is_a_double_sum(void **state) {
    (void)state;
    each_kernel(kernel_case_compare_search, "search");
}

/* Every column of the row, and no other. 0: as it should be. */
static double compare_merge(const struct kernel *kernel, uint64_t seed) {
    _Alignas(64) float row[64], own[64], base[64];
    size_t columns = (size_t)KERNEL_PAD * (1 + seed % 3);
    float share = 1.0f / (float)(1 << seed % 4);
    for (size_t i = 0; i < 64; i++)
        row[i] = (float)i, own[i] = (float)(3 * i + seed), base[i] = (float)(i % 7);
    kernel->train->merge(row, own, base, share, columns);
    for (size_t i = 0; i < 64; i++) {
        float mine = (float)(3 * i + seed), old = (float)(i % 7),
              merged = (float)i + share * (mine - old);
        bool right = i < columns ? row[i] == merged && own[i] == merged && base[i] == merged
                                 : row[i] == (float)i && own[i] == mine && base[i] == old;
        if (!right)
            return INFINITY;
    }
    return 0;
}

static void merge_adds_a_share(void **state) {
    (void)state;
    each_kernel(compare_merge, "merge");
}

static void choice_is_by_name(void **state) {
    (void)state;
    assert_non_null(kernel_choose(NULL));
    assert_ptr_equal(kernel_choose("auto"), kernel_choose(NULL));
    assert_string_equal(kernel_choose("portable")->name, "portable");
    assert_null(kernel_choose("sse9"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_is_by_name),         cmocka_unit_test(search_is_a_double_sum),
        cmocka_unit_test(block_step_is_the_oracles), cmocka_unit_test(pairs_step_is_word2vecs),
        cmocka_unit_test(merge_adds_a_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
