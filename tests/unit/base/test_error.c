#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/distance.h"
#include "base/error.h"
#include "base/log.h"

static void first_failure_wins(void **state) {
    (void)state;
    struct error err = {0};
    assert_int_equal(error_set_key(&err, STATUS_REFUSED, "dim", "dim must be %d", 3),
                     STATUS_REFUSED);
    assert_int_equal(error_set(&err, STATUS_IO, "later"), STATUS_IO);
    assert_int_equal(error_set_errno(&err, ENOSPC, "later"), STATUS_DISK_FULL);
    assert_int_equal(err.status, STATUS_REFUSED);
    assert_string_equal(err.key, "dim");
    assert_string_equal(err.text, "dim must be 3");
    error_clear(&err);
    assert_int_equal(err.status, STATUS_OK);
    error_set(&err, STATUS_IO, "again");
    assert_string_equal(err.text, "again");
    assert_string_equal(err.key, "");
}

static void null_error_is_fine(void **state) {
    (void)state;
    assert_int_equal(error_set(NULL, STATUS_BUSY, "x"), STATUS_BUSY);
    assert_int_equal(error_set_key(NULL, STATUS_BUSY, "k", "x"), STATUS_BUSY);
    assert_int_equal(error_set_errno(NULL, ENOMEM, "x"), STATUS_NO_MEMORY);
}

static void errno_becomes_status_and_text(void **state) {
    (void)state;
    struct error err = {0};
    assert_int_equal(error_set_errno(&err, EACCES, "cannot open '%s'", "x"), STATUS_IO);
    assert_string_equal(err.text, "cannot open 'x': permission denied");
    error_clear(&err);
    assert_int_equal(error_set_errno(&err, ENOENT, "cannot open '%s'", "y"), STATUS_NOT_FOUND);
    assert_string_equal(err.text, "cannot open 'y': no such file or directory");
    assert_int_equal(error_set_errno(NULL, EDQUOT, "q"), STATUS_DISK_FULL);
}

static void long_text_is_cut(void **state) {
    (void)state;
    char text[2000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct error err = {0};
    error_set_key(&err, STATUS_REFUSED, text, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_int_equal(strlen(err.key), sizeof err.key - 1);
    error_clear(&err);
    error_set_errno(&err, EIO, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void names(void **state) {
    (void)state;
    assert_string_equal(status_name(STATUS_OK), "ok");
    assert_string_equal(status_name(STATUS_TOO_LARGE), "too_large");
    assert_string_equal(status_name(STATUS_INTERNAL), "internal");
    assert_string_equal(status_name(STATUS_COUNT), "unknown");
    assert_string_equal(status_name((enum status) - 1), "unknown");
}

static void buffer_grows(void **state) {
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 10000; i++) {
        buffer_append_char(&buffer, (char)('a' + i % 26));
        assert_int_equal(buffer.data[buffer.length], '\0');
    }
    assert_int_equal(buffer.length, 10000);
    buffer_print(&buffer, "%0300d", 7);
    assert_int_equal(buffer.length, 10300);
    assert_int_equal(buffer.data[10299], '7');
    buffer_append(&buffer, NULL, 0);
    char *data = buffer_take(&buffer);
    assert_int_equal(strlen(data), 10300);
    free(data);
    assert_null(buffer.data);
    data = buffer_take(&buffer);
    assert_string_equal(data, "");
    free(data);
}

static void buffer_fails_once_and_for_all(void **state) {
    (void)state;
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "abc");
    buffer_reserve(&buffer, SIZE_MAX);
    assert_true(buffer.failed);
    buffer_append_text(&buffer, "def");
    buffer_print(&buffer, "%d", 1);
    assert_int_equal(buffer.length, 3);
    assert_null(buffer_take(&buffer));
    buffer_clear(&buffer);
}

static void distances(void **state) {
    (void)state;
    assert_true(names_equal("min-count", "min_count") && names_equal("", ""));
    assert_false(names_equal("dim", "dims") || names_equal("dims", "dim"));
    assert_false(names_equal("dim", "dam") || names_equal("", "x"));
    assert_int_equal(edit_distance("", ""), 0);
    assert_int_equal(edit_distance("dim", "dim"), 0);
    assert_int_equal(edit_distance("dmi", "dim"), 1);
    assert_int_equal(edit_distance("", "abc"), 3);
    assert_int_equal(edit_distance("kitten", "sitting"), 3);
    assert_int_equal(edit_distance("min-count", "min_count"), 0);
    char far[80];
    memset(far, 'x', sizeof far - 1);
    far[sizeof far - 1] = '\0';
    assert_true(edit_distance(far, "x") == DISTANCE_FAR);
    assert_false(distance_is_near(DISTANCE_FAR, far));
    assert_false(distance_is_near(1, "a"));
    assert_true(distance_is_near(1, "dmi"));
}

struct seen {
    int lines;
    enum log_level level;
    char line[1100];
};

static void keep(void *context, enum log_level level, const char *line) {
    struct seen *seen = context;
    seen->lines++;
    seen->level = level;
    strncpy(seen->line, line, sizeof seen->line - 1);
}

static void log_lines(void **state) {
    (void)state;
    struct seen seen = {0};
    struct logger logger = {.write = keep, .context = &seen, .min = LOG_INFO};
    log_line(&logger, LOG_DEBUG, "no");
    assert_int_equal(seen.lines, 0);
    log_line(&logger, LOG_WARNING, "two\nlines %d", 2);
    assert_int_equal(seen.lines, 1);
    assert_int_equal(seen.level, LOG_WARNING);
    assert_string_equal(seen.line, "two\\x0alines 2");
    log_line(NULL, LOG_ERROR, "nobody");
    log_line(&(struct logger){0}, LOG_ERROR, "nobody");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_failure_wins),
        cmocka_unit_test(null_error_is_fine),
        cmocka_unit_test(errno_becomes_status_and_text),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(names),
        cmocka_unit_test(buffer_grows),
        cmocka_unit_test(buffer_fails_once_and_for_all),
        cmocka_unit_test(distances),
        cmocka_unit_test(log_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
