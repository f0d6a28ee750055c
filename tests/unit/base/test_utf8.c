#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void every_code_point(void **state) {
    (void)state;
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        char bytes[4];
        size_t length = utf8_encode(point, bytes), skip;
        uint32_t back = 1;
        size_t got = utf8_decode(bytes, bytes + length, &back, &skip);
        if (point >= 0xd800 && point < 0xe000) {
            assert_int_equal(got, 0);
            assert_int_equal(skip, 1);
            assert_int_equal(utf8_count_invalid(bytes, length), 3);
        } else {
            assert_int_equal(got, length);
            assert_int_equal(back, point);
            /* Cut anywhere it is one invalid part. */
            for (size_t cut = 1; cut < length; cut++) {
                assert_int_equal(utf8_decode(bytes, bytes + cut, &back, &skip), 0);
                assert_int_equal(skip, cut);
            }
        }
    }
}

/* Every sequence of two bytes, against the table in words: only c2..df 80..bf is a whole two-byte
 * sequence. */
static void every_pair(void **state) {
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char bytes[2] = {(char)a, (char)b};
            int ascii = a < 0x80 && b < 0x80;
            int pair = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
            assert_int_equal(utf8_valid(bytes, 2), ascii || pair);
        }
    }
}

static void invalid_parts(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t invalid;
        const char *text;
    } cases[] = {
        {"plain", 0, "plain"},
        {"", 0, ""},
        {"\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\xf0\x90\x80z", 1, "a\xef\xbf\xbdz"},
        {"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82", 1, "\xef\xbf\xbd"},
        {"\xe2\x82\xe2\x82\xac", 1, "\xef\xbf\xbd\xe2\x82\xac"},
        {"12345678\xff"
         "12345678",
         1,
         "12345678\xef\xbf\xbd"
         "12345678"},
        {"\x80\xbf", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xfe\xff", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"gr\xc3\xbc\xc3\x9f", 0, "gr\xc3\xbc\xc3\x9f"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length = strlen(cases[i].bytes);
        assert_int_equal(utf8_count_invalid(cases[i].bytes, length), cases[i].invalid);
        assert_int_equal(utf8_valid(cases[i].bytes, length), cases[i].invalid == 0);
        struct buffer buffer = {0};
        utf8_append_valid(&buffer, cases[i].bytes, length);
        char *text = buffer_take(&buffer);
        assert_string_equal(text, cases[i].text);
        assert_true(utf8_valid(text, strlen(text)));
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(every_pair),
        cmocka_unit_test(invalid_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
