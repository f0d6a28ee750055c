/* Names of other trainers: each row leads to a setting that is there, or says why there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < settings_others_count(); i++) {
        const struct setting_other *row = settings_others_row(i);
        if (settings_find(row->name))
            fail_msg("%s is a setting of ours by now: its row misleads", row->name);
        if (row->ours[0] && !settings_find(row->ours))
            fail_msg("%s leads to %s, which is no setting", row->name, row->ours);
        if (!row->ours[0] && !row->translation[0])
            fail_msg("%s has neither a setting nor a reason", row->name);
        if (settings_other(row->name) != row)
            fail_msg("%s stands twice", row->name);
    }
}

/* As snake_case, camelCase and with dashes; in files, job settings and the environment. */
static void assert_hint(const struct setting_other *row, const char *name) {
    struct settings settings;
    struct error err = {0};
    char wanted[SETTING_HINT_SIZE], line[128], variable[128];
    settings_init(&settings);
    snprintf(wanted, sizeof wanted, "'; did you mean '%s'?", row->ours);
    if (!row->ours[0])
        snprintf(wanted, sizeof wanted, "': %s", row->translation);
    assert_int_equal(settings_set(&settings, name, "1", SETTING_OF_JOB, &err), STATUS_REFUSED);
    if (!strstr(err.text, wanted) || !strstr(err.text, row->translation))
        fail_msg("%s: %s", name, err.text);
    error_clear(&err);
    snprintf(line, sizeof line, "%s = 1\n", name);
    assert_int_equal(settings_read_text(&settings, line, "file", SETTING_OF_ALL, &err),
                     STATUS_REFUSED);
    if (!strstr(err.text, wanted))
        fail_msg("%s in a file: %s", name, err.text);
    error_clear(&err);
    snprintf(variable, sizeof variable, "VECMILL_%s=1", name);
    for (char *c = variable; *c != '='; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    char *environment[] = {variable, NULL};
    assert_int_equal(settings_read_environment(&settings, environment, SETTING_OF_ALL, &err),
                     STATUS_REFUSED);
    char upper[64] = "VECMILL_";
    for (size_t i = 0; row->ours[i]; i++)
        upper[8 + i] = (char)toupper((unsigned char)row->ours[i]), upper[9 + i] = '\0';
    if (row->ours[0] && !strstr(err.text, upper))
        fail_msg("%s in the environment: %s", name, err.text);
}

static void test_hints(void **state) {
    (void)state;
    for (size_t i = 0; i < settings_others_count(); i++) {
        const struct setting_other *row = settings_others_row(i);
        char dashed[64], camel[64];
        size_t n = 0;
        snprintf(dashed, sizeof dashed, "%s", row->name);
        for (char *c = dashed; *c; c++)
            *c = *c == '_' ? '-' : *c;
        for (const char *c = row->name; *c; c++)
            if (*c == '_')
                camel[n++] = (char)toupper((unsigned char)*++c);
            else
                camel[n++] = *c;
        camel[n] = '\0';
        assert_hint(row, row->name);
        assert_hint(row, dashed);
        assert_hint(row, camel);
    }
}

static void assert_says(const char *name, const char *wanted) {
    struct settings settings;
    struct error err = {0};
    settings_init(&settings);
    assert_int_equal(settings_set(&settings, name, "1", SETTING_OF_JOB, &err), STATUS_REFUSED);
    if (strcmp(err.text, wanted) != 0)
        fail_msg("%s: %s", name, err.text);
}

/* The rest goes by spelling, and what is ours in another case is ours. */
static void test_spelling(void **state) {
    (void)state;
    assert_says("vector_size", "unknown setting 'vector_size'; did you mean 'dim'?");
    assert_says("dmi", "unknown setting 'dmi'; did you mean 'dim'?");
    assert_says("minCount", "unknown setting 'minCount'; did you mean 'min_count'?");
    assert_says("learningRate", "unknown setting 'learningRate'; did you mean 'learning_rate'?");
    assert_says("epohcs", "unknown setting 'epohcs'; did you mean 'epochs'?");
    assert_says("cbow", "unknown setting 'cbow'; did you mean 'architecture'? (cbow = 1 is cbow, "
                        "cbow = 0 is skipgram)");
    assert_says("maxn", "unknown setting 'maxn': words have no parts here: there are no character "
                        "n-grams");
    assert_says("xyzzy", "unknown setting 'xyzzy'");
    assert_says("", "unknown setting ''");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
