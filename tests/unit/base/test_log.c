/* Lines of the log hold nothing that could write to a terminal or begin a line of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/utf8.h"

static void keep(void *context, enum log_level level, const char *line) {
    (void)level;
    memcpy(context, line, strlen(line) + 1);
}

static void harmless_text_stays(void **state) {
    static const char text[] =
        "path=\"/v1/k\xc3\xb6nig?a=b\" \xe4\xb8\xad \xf0\x9f\x98\x80 \\ ~\xc2\xa0";
    char line[2048];
    struct logger logger = {keep, line, LOG_INFO};
    (void)state;
    log_line(&logger, LOG_INFO, "%s", text);
    assert_string_equal(line, text);
    log_line(&logger, LOG_DEBUG, "not this");
    assert_string_equal(line, text);
}

static void controls_are_written_out(void **state) {
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"a\nb\rc\td", "a\\x0ab\\x0dc\\x09d"},
        {"\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"},
        {"\x7f\x01", "\\x7f\\x01"},
        {"\xc2\x9b"
         "31m\xc2\x85",
         "\\u009b31m\\u0085"}, /* C1: CSI, next line */
        {"\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029"},
        {"\xe2\x80\xae"
         "cod\xe2\x81\xa6",
         "\\u202ecod\\u2066"},
        {"\xef\xbb\xbfx", "\\ufeffx"},
        {"\x9b"
         "31m\xff\xfe",
         "\\x9b31m\\xff\\xfe"}, /* no UTF-8 */
        {"\xed\xa0\x80\xc0\xaf", "\\xed\\xa0\\x80\\xc0\\xaf"},
        {"\xe2\x80", "\\xe2\\x80"},
    };
    char line[2048];
    struct logger logger = {keep, line, LOG_DEBUG};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        log_line(&logger, LOG_WARNING, "%s", rows[i].text);
        assert_string_equal(line, rows[i].line);
    }
}

/* Every code point, and every byte alone. */
static void nothing_is_forgotten(void **state) {
    char line[64];
    (void)state;
    for (uint32_t c = 1; c < 0x110000; c++) {
        char text[8] = "", *end = text;
        if (c >= 0xd800 && c < 0xe000)
            continue;
        end += utf8_encode(c, text);
        *end = '\0';
        size_t n = log_escape(text, line, sizeof line);
        assert_int_equal(n, strlen(line));
        bool raw = strcmp(line, text) == 0,
             control = c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029;
        assert_false(raw && control);
        for (size_t i = 0; i < n && !raw; i++)
            assert_in_range(line[i], 0x20, 0x7e);
    }
    for (unsigned byte = 0x80; byte < 0x100; byte++) {
        const char text[2] = {(char)byte, '\0'};
        assert_int_equal(log_escape(text, line, sizeof line), 4);
        assert_int_equal(line[0], '\\');
    }
}

static void long_lines_are_cut_between_characters(void **state) {
    char line[8];
    (void)state;
    assert_int_equal(log_escape("aaaaaa\xc3\xa9", line, sizeof line), 6);
    assert_int_equal(log_escape("aaaaa\xc3\xa9", line, sizeof line), 7);
    assert_int_equal(log_escape("aaaa\n", line, sizeof line), 4);
    assert_int_equal(log_escape("a", line, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmless_text_stays),
        cmocka_unit_test(controls_are_written_out),
        cmocka_unit_test(nothing_is_forgotten),
        cmocka_unit_test(long_lines_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
