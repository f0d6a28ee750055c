#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

/* Known outputs of xoshiro256++ from the state 1, 2, 3, 4. */
static void xoshiro_vector(void **state) {
    (void)state;
    static const uint64_t expected[] = {41943041u,
                                        58720359u,
                                        3588806011781223u,
                                        3591011842654386u,
                                        9228616714210784205u,
                                        9973669472204895162u,
                                        14011001112246962877u,
                                        12406186145184390807u,
                                        15849039046786891736u,
                                        10450023813501588000u};
    struct random random = {{1, 2, 3, 4}};
    for (size_t i = 0; i < 10; i++)
        assert_true(random_next(&random) == expected[i]);
}

/* Known outputs of splitmix64 from the seed 1234567. */
static void splitmix_vector(void **state) {
    (void)state;
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u,
                                        9817491932198370423u, 4593380528125082431u};
    struct random random;
    random_init(&random, 1234567, 0);
    for (size_t i = 0; i < 4; i++) {
        assert_true(random.s[i] == expected[i]);
        assert_true(random_mix(1234567 + (i + 1) * 0x9e3779b97f4a7c15u) == expected[i]);
    }
}

static void streams_differ(void **state) {
    (void)state;
    struct random a, b, c;
    random_init(&a, 1, 1);
    random_init(&b, 1, 2);
    random_init(&c, 2, 1);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = random_next(&a), y = random_next(&b), z = random_next(&c);
        same += x == y || y == z || x == z;
    }
    assert_int_equal(same, 0);
}

static void below_is_uniform(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 7, 0);
    for (int i = 0; i < 100; i++) {
        assert_true(random_below(&random, 1) == 0);
        assert_true(random_below(&random, UINT64_MAX) < UINT64_MAX);
    }
    /* Three quarters of 2^64 makes a modulo or a plain multiplication visibly uneven. */
    uint64_t bound = (uint64_t)3 << 62;
    int thirds[3] = {0};
    for (int i = 0; i < 300000; i++) {
        uint64_t x = random_below(&random, bound);
        assert_true(x < bound);
        thirds[x >> 62]++;
    }
    for (int i = 0; i < 3; i++)
        assert_true(abs(thirds[i] - 100000) < 1500); /* over 5 standard deviations */
}

static void unit_and_normal(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 3, 0);
    double sum = 0, squares = 0, units = 0;
    const int n = 400000;
    for (int i = 0; i < n; i++) {
        double u = random_unit(&random), t = random_truncated_normal(&random);
        assert_true(u >= 0 && u < 1);
        assert_true(fabs(t) < 2);
        units += u;
        sum += t;
        squares += t * t;
    }
    assert_true(fabs(units / n - 0.5) < 0.0025);
    assert_true(fabs(sum / n) < 0.007);
    /* Variance of a standard normal cut at 2: 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.7737. */
    assert_true(fabs(squares / n - 0.7737) < 0.006);
}

static void tokens(void **state) {
    (void)state;
    char a[301], b[301];
    memset(a, 'z', sizeof a);
    assert_int_equal(random_token(a, 300, NULL), STATUS_OK);
    assert_int_equal(random_token(b, 300, NULL), STATUS_OK);
    assert_int_equal(strlen(a), 300);
    assert_int_equal(strspn(a, "0123456789abcdef"), 300);
    assert_string_not_equal(a, b);
    assert_int_equal(random_token(a, 0, NULL), STATUS_OK);
    assert_string_equal(a, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xoshiro_vector),  cmocka_unit_test(splitmix_vector),
        cmocka_unit_test(streams_differ),  cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(unit_and_normal), cmocka_unit_test(tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
