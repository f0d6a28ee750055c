/* Lines of the log hold nothing that could write to a terminal or begin a line of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
    struct logger logger = {.write = keep, .context = line, .min = LOG_INFO};
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
    struct logger logger = {.write = keep, .context = line, .min = LOG_DEBUG};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        log_line(&logger, LOG_WARNING, "%s", rows[i].text);
        assert_string_equal(line, rows[i].line);
    }
}

struct kept {
    char line[2048], message[2048], fields[2048];
};

static void keep_entry(void *context, enum log_level level, const struct log_entry *entry) {
    struct kept *kept = context;
    size_t n = 0;
    (void)level;
    snprintf(kept->line, sizeof kept->line, "%s", entry->line);
    snprintf(kept->message, sizeof kept->message, "%s", entry->message);
    kept->fields[0] = '\0';
    for (size_t i = 0; i < entry->n_fields; i++)
        n += (size_t)snprintf(kept->fields + n, sizeof kept->fields - n, "%s=%s,%llu,%g;",
                              entry->fields[i].name,
                              entry->fields[i].text ? entry->fields[i].text : "",
                              (unsigned long long)entry->fields[i].count, entry->fields[i].real);
}

/* Who knows fields gets them; who does not gets the line that has it all. */
static void fields_go_along(void **state) {
    static const struct log_field fields[] = {
        {.name = "route", .kind = LOG_FIELD_TEXT, .text = "/a"},
        {.name = "bytes", .kind = LOG_FIELD_COUNT, .count = 7},
        {.name = "seconds", .kind = LOG_FIELD_REAL, .real = 0.5},
    };
    struct kept kept;
    char line[2048];
    struct logger logger = {.write_entry = keep_entry, .context = &kept, .min = LOG_INFO},
                  plain = {.write = keep, .context = line, .min = LOG_INFO};
    (void)state;
    log_line_with(&logger, LOG_INFO, fields, 3, "request", "request %s", "a\nb");
    assert_string_equal(kept.line, "request a\\x0ab");
    assert_string_equal(kept.message, "request");
    assert_string_equal(kept.fields, "route=/a,0,0;bytes=,7,0;seconds=,0,0.5;");
    log_about(&logger, LOG_INFO, "model", "news", "model '%s'", "news");
    assert_string_equal(kept.message, "model 'news'");
    assert_string_equal(kept.fields, "model=news,0,0;");
    log_line_with(&logger, LOG_INFO, fields, 3, "request", "request %s", "c");
    log_line_with(&logger, LOG_DEBUG, fields, 3, "not", "not %s", "this");
    assert_string_equal(kept.message, "request");
    log_line(&logger, LOG_INFO, "%s", "plain");
    assert_string_equal(kept.line, "plain");
    assert_string_equal(kept.message, "plain");
    assert_string_equal(kept.fields, "");
    log_line_with(&plain, LOG_INFO, fields, 3, "request", "request %s", "c");
    assert_string_equal(line, "request c");
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
        cmocka_unit_test(fields_go_along),
        cmocka_unit_test(nothing_is_forgotten),
        cmocka_unit_test(long_lines_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
