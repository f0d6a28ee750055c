#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "base/random.h"

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Significant digits of a decimal, zeros at either end left out. */
static int count_digits(const char *text) {
    int digits = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && (*text != '0' || digits > 0)) {
            digits++;
            zeros = *text == '0' ? zeros + 1 : 0;
        }
    }
    return digits - zeros;
}

/* The oracle: the fewest digits of printf that strtof reads back, the nearest such decimal. */
static void expect_shortest(float value) {
    char text[NUMBER_FLOAT_SIZE], plain[64];
    size_t length = number_format_float(value, text);
    assert_int_equal(strlen(text), length);
    assert_true(length < NUMBER_FLOAT_SIZE);
    float back = strtof(text, NULL), parsed = 1;
    assert_memory_equal(&back, &value, sizeof value);
    assert_ptr_equal(number_parse_float(text, text + length, &parsed), text + length);
    assert_memory_equal(&parsed, &value, sizeof value);
    int precision = 1;
    do {
        snprintf(plain, sizeof plain, "%.*e", precision - 1, (double)value);
    } while (strtof(plain, NULL) != value && ++precision <= 9);
    int digits = value == 0 ? 1 : count_digits(text);
    if (digits > precision || (digits == precision && strtod(text, NULL) != strtod(plain, NULL)))
        fail_msg("%s is not the shortest: %s", text, plain);
}

static void shortest_for_random_bits(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 11, 0);
    for (int i = 0; i < 300000; i++) {
        uint32_t bits = (uint32_t)random_next(&random);
        if (i % 4 == 1)
            bits &= 0x807fffff; /* denormal */
        else if (i % 4 == 2)
            bits = (bits & 0x83ffffff) | 0x3c000000; /* what embeddings look like */
        if (isfinite(from_bits(bits)))
            expect_shortest(from_bits(bits));
    }
}

static void shortest_at_the_edges(void **state) {
    (void)state;
    for (uint32_t exponent = 0; exponent < 255; exponent++) {
        for (int step = -3; step <= 3; step++) {
            uint32_t bits = (exponent << 23) + (uint32_t)step;
            if (isfinite(from_bits(bits)))
                expect_shortest(from_bits(bits));
        }
    }
    for (int power = -45; power <= 38; power++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", power);
        float value = strtof(text, NULL);
        expect_shortest(value);
        expect_shortest(nextafterf(value, 0));
        expect_shortest(nextafterf(value, INFINITY));
    }
}

static void layout(void **state) {
    (void)state;
    static const struct {
        float value;
        const char *text;
    } cases[] = {{0.0f, "0"},
                 {-0.0f, "-0"},
                 {1.0f, "1"},
                 {-1.5f, "-1.5"},
                 {100.0f, "100"},
                 {1234567.0f, "1234567"},
                 {1e9f, "1000000000"},
                 {1e10f, "1e10"},
                 {1.5e10f, "1.5e10"},
                 {0.1f, "0.1"},
                 {0.0001f, "0.0001"},
                 {0.00001f, "1e-5"},
                 {1.25e-5f, "1.25e-5"},
                 {3.4028235e38f, "3.4028235e38"},
                 {1.17549435e-38f, "1.1754944e-38"},
                 {16777216.0f, "16777216"},
                 {-0.048828125f, "-0.048828125"},
                 {INFINITY, "inf"},
                 {-INFINITY, "-inf"},
                 {NAN, "nan"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUMBER_FLOAT_SIZE];
        number_format_float(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
    char text[NUMBER_FLOAT_SIZE];
    number_format_float(from_bits(1), text);
    assert_string_equal(text, "1e-45");
}

static void expect_like_strtof(const char *text) {
    char *end;
    float expected = strtof(text, &end), value = 12345;
    const char *after = number_parse_float(text, text + strlen(text), &value);
    if (end == text) {
        assert_null(after);
        return;
    }
    assert_ptr_equal(after, end);
    if (isnan(expected))
        assert_true(isnan(value));
    else
        assert_memory_equal(&value, &expected, sizeof value);
}

static const char *const odd_texts[] = {
    "",
    " ",
    "+",
    "-",
    ".",
    "-.",
    "e5",
    "1",
    "+1",
    "--1",
    "1.",
    ".5",
    "-.5e1",
    "1e",
    "1e+",
    "1e-",
    "1ex",
    "1.2.3",
    "  \t\n42abc",
    "0",
    "-0",
    "000",
    "0.000",
    "0e99999999999999999999",
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "inf",
    "-INF",
    "infinity",
    "infinit",
    "Infinityx",
    "nan",
    "-nan",
    "nan(12_a)",
    "nan(",
    "nan(!)",
    "NaN",
    "i",
    "n",
    "1e38",
    "3.4028235e38",
    "3.4028236e38",
    "3.40282356e38",
    "3.4028235677973366e38",
    "3.4028235677973367e38",
    "1e39",
    "1.4e-45",
    "0.7e-45",
    "0.70064923216240853e-45",
    "0.70064923216240854e-45",
    "7.0064923216240853546186479164495e-46",
    "7.0064923216240853546186479164496e-46",
    "1.17549435e-38",
    "1.1754943157898258998e-38",
    "1.1754942807573642918e-38",
    "16777217",
    "16777217.0000000000000000000000001",
    "16777219",
    "9007199254740993",
    "33554434.000000001",
    "0.1",
    "0.30000001192092896",
    "123456789012345678901234567890",
    "0.000000000000000000000000000000000000000000000000000001e50",
    "1000000000000000000000e-22",
    "1e22",
    "1e23",
    "5e-324",
    "12345678901234567890123456789012345678901234567890e-60",
    "1e 5",
    "1 e5",
    "\302\2401"};

static void reads_like_strtof(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof odd_texts / sizeof *odd_texts; i++)
        expect_like_strtof(odd_texts[i]);
    float value = 7;
    const char *hex = "0x10";
    assert_ptr_equal(number_parse_float(hex, hex + 4, &value), hex + 1);
    assert_true(value == 0);
    const char *cut = "12345";
    assert_ptr_equal(number_parse_float(cut, cut + 2, &value), cut + 2);
    assert_true(value == 12);
    assert_null(number_parse_float(cut, cut, &value));
}

/* Decimals in the very middle of two floats and a hair to either side of it. */
static void reads_midpoints(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 5, 0);
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)random_next(&random) & 0x7fffffff;
        float low = from_bits(bits), high = from_bits(bits + 1);
        if (!isfinite(high))
            continue;
        char text[400];
        double middle = ((double)low + (double)high) / 2;
        snprintf(text, sizeof text, "%.*f", i % 2 ? 200 : 160, middle);
        expect_like_strtof(text);
        snprintf(text, sizeof text, "%.17g", middle);
        expect_like_strtof(text);
        snprintf(text, sizeof text, "%.*e", (int)random_below(&random, 30), middle);
        expect_like_strtof(text);
        snprintf(text, sizeof text, "%.150e", middle);
        char *zero = strchr(text, 'e');
        zero[-1] = '1'; /* far behind what a double can tell */
        expect_like_strtof(text);
    }
}

static void knows_no_locale(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    for (size_t i = 0; i < sizeof names / sizeof *names && !setlocale(LC_ALL, names[i]); i++) {
    }
    char text[NUMBER_FLOAT_SIZE];
    number_format_float(1.5f, text);
    float value = 0;
    double real = 0;
    const char *slow = "1.50000000000000000000000000000000001";
    const char *after = number_parse_float(slow, slow + strlen(slow), &value);
    bool good = number_parse_real("2.5", &real);
    setlocale(LC_ALL, "C");
    assert_string_equal(text, "1.5");
    assert_ptr_equal(after, slow + strlen(slow));
    assert_true(value == 1.5f && good && real == 2.5);
}

static void whole_numbers(void **state) {
    (void)state;
    int64_t value = 0;
    assert_true(number_parse_int("0", &value) && value == 0);
    assert_true(number_parse_int("-0", &value) && value == 0);
    assert_true(number_parse_int("+12", &value) && value == 12);
    assert_true(number_parse_int("9223372036854775807", &value) && value == INT64_MAX);
    assert_true(number_parse_int("-9223372036854775808", &value) && value == INT64_MIN);
    static const char *const wrong[] = {"",
                                        "-",
                                        "+",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "1e3",
                                        "0x1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999999",
                                        "a",
                                        "--1",
                                        "1-"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        value = 77;
        assert_false(number_parse_int(wrong[i], &value));
        assert_true(value == 77);
    }
}

static void real_numbers(void **state) {
    (void)state;
    double value = 0;
    static const char *const right[] = {"0",
                                        "-0.0",
                                        "1e-3",
                                        "0.025",
                                        "1.7976931348623157e308",
                                        "5e-324",
                                        "2.5e-6",
                                        "1e-400",
                                        "0.1000000000000000055511151231257827021181583404541015625",
                                        "1e30"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        double expected = strtod(right[i], NULL);
        assert_true(number_parse_real(right[i], &value));
        assert_memory_equal(&value, &expected, sizeof value);
    }
    static const char *const wrong[] = {"",     " 1",       "1 ",    "nan",     "inf",
                                        "-inf", "infinity", "1e309", "1.8e308", "0x1p3",
                                        "1e",   "1,5",      "1.5.2", "abc"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(number_parse_real(wrong[i], &value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shortest_for_random_bits),
        cmocka_unit_test(shortest_at_the_edges),
        cmocka_unit_test(layout),
        cmocka_unit_test(reads_like_strtof),
        cmocka_unit_test(reads_midpoints),
        cmocka_unit_test(knows_no_locale),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(real_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
