/* Numbers that may be left to be chosen. */
#include <stdio.h>

#include "tests/support/temporary.h"

#include "config/config.h"

/* What may be auto takes that word and prints it back, and no value within its bounds is it. */
static void auto_is_a_value(void **state) {
    (void)state;
    size_t automatic = 0;
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        struct settings settings;
        settings_init(&settings);
        if (!row->may_be_auto) {
            assert_false(settings_is_auto(&settings, row));
            continue;
        }
        char least[64];
        automatic++;
        assert_true(row->type == SETTING_IS_REAL || row->type == SETTING_IS_INT ||
                    row->type == SETTING_IS_FLAG);
        assert_true(row->min > (double)SETTING_AUTO_INT && row->min > SETTING_AUTO_REAL &&
                    row->min > (double)SETTING_AUTO_FLAG);
        snprintf(least, sizeof least, "%.17g", row->min);
        assert_int_equal(settings_set(&settings, row->name, least, SETTING_OF_ALL, NULL),
                         STATUS_OK);
        assert_false(settings_is_auto(&settings, row));
        assert_int_equal(settings_set(&settings, row->name, "auto", SETTING_OF_ALL, NULL),
                         STATUS_OK);
        assert_true(settings_is_auto(&settings, row));
        struct buffer text = {0};
        settings_print(&settings, row, &text);
        assert_string_equal(text.data, "auto");
        buffer_clear(&text);
    }
    assert_true(automatic > 0);
}

/* Written as text and read back, also as a commented file that was edited. */
static void auto_survives_text(void **state) {
    (void)state;
    struct settings settings, back;
    struct buffer text = {0};
    settings_init(&settings);
    settings_init(&back);
    assert_int_equal(settings_set(&back, "sample", "0.5", SETTING_OF_ALL, NULL), STATUS_OK);
    settings_write_text(&settings, SETTING_OF_JOB, false, &text);
    assert_non_null(strstr(text.data, "\nsample = auto\n"));
    assert_int_equal(settings_read_text(&back, text.data, "x", SETTING_OF_ALL, NULL), STATUS_OK);
    assert_memory_equal(&settings, &back, sizeof settings);
    buffer_clear(&text);
    settings_write_help(SETTING_OF_JOB, &text);
    assert_non_null(strstr(text.data, "(auto, or 0 to 1; default auto)"));
    buffer_clear(&text);
}

static void refusals_name_auto(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *message;
    } cases[] = {
        {"sample", "nan", "sample must be auto or a number between 0 and 1, not 'nan'"},
        {"sample", "-inf", "sample must be auto or a number between 0 and 1, not '-inf'"},
        {"sample", "Auto", "sample must be auto or a number between 0 and 1, not 'Auto'"},
        {"sample", "-1", "sample must be auto or between 0 and 1, not -1"},
        {"sample_keep", "auto", "sample_keep must be a number between 0 and 1, not 'auto'"},
        {"dim", "auto", "dim must be a whole number between 1 and 4096, not 'auto'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings settings;
        struct error err = {0};
        settings_init(&settings);
        assert_int_equal(
            settings_set(&settings, cases[i].name, cases[i].text, SETTING_OF_ALL, &err),
            STATUS_REFUSED);
        assert_string_equal(err.text, cases[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_is_a_value),
        cmocka_unit_test(auto_survives_text),
        cmocka_unit_test(refusals_name_auto),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
