/* The rows of settings.def as a table, and their values as text. */
#include "config/config_rows.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/distance.h"
#include "base/number.h"

/* The names of each choice by value. Setter and printer copy a value as an int. */
#define CHOICE_NAME(constant, text) text,
#define SETTING_CHOICE(name, def, scope, meaning)                                      \
    static const char *const choices_##name[] = {CHOICES_OF_##name(CHOICE_NAME) NULL}; \
    _Static_assert(sizeof(enum setting_##name) == sizeof(int), "a choice is stored as an int");
#include "config/settings.def"
#undef CHOICE_NAME

#define AT(name) offsetof(struct settings, name)

_Static_assert(sizeof(bool) == sizeof(int8_t), "flags that may be auto are copied like the others");

#define SETTING_NUMBER(name, def, min, max, scope, meaning, type, may_be_auto) \
    {#name, meaning, SETTING_IS_##type, SETTING_OF_##scope, may_be_auto,       \
     #def,  NULL,    (double)(min),     (double)(max),      AT(name)},
#define SETTING_INT(name, def, min, max, scope, meaning) \
    SETTING_NUMBER(name, def, min, max, scope, meaning, INT, false)
#define SETTING_INT_AUTO(name, def, min, max, scope, meaning) \
    SETTING_NUMBER(name, def, min, max, scope, meaning, INT, true)
#define SETTING_REAL(name, def, min, max, scope, meaning) \
    SETTING_NUMBER(name, def, min, max, scope, meaning, REAL, false)
#define SETTING_REAL_AUTO(name, def, min, max, scope, meaning) \
    SETTING_NUMBER(name, def, min, max, scope, meaning, REAL, true)
#define SETTING_BYTES(name, def, min, max, scope, meaning) \
    SETTING_NUMBER(name, def, min, max, scope, meaning, BYTES, false)
#define SETTING_FLAG(name, def, scope, meaning) \
    {#name, meaning, SETTING_IS_FLAG, SETTING_OF_##scope, false, #def, NULL, 0, 1, AT(name)},
#define SETTING_FLAG_AUTO(name, def, scope, meaning) \
    {#name, meaning, SETTING_IS_FLAG, SETTING_OF_##scope, true, #def, NULL, 0, 1, AT(name)},
#define SETTING_CHOICE(name, def, scope, meaning)                                       \
    {#name, meaning, SETTING_IS_CHOICE, SETTING_OF_##scope, false, def, choices_##name, \
     0,     0,       AT(name)},
#define SETTING_TEXT(name, def, size, scope, meaning) \
    {#name, meaning, SETTING_IS_TEXT, SETTING_OF_##scope, false, def, NULL, 1, (size)-1, AT(name)},

static const struct setting rows[] = {
#include "config/settings.def"
};
#undef SETTING_NUMBER

size_t settings_count(void) {
    return sizeof rows / sizeof *rows;
}

const struct setting *settings_row(size_t index) {
    assert(index < settings_count());
    return &rows[index];
}

const struct setting *settings_find(const char *name) {
    for (size_t i = 0; i < settings_count(); i++)
        if (names_equal(name, rows[i].name))
            return &rows[i];
    return NULL;
}

const char *setting_zero_name(const struct setting *row) {
    return strcmp(row->name, "window") == 0 ? "all" : NULL;
}

void *setting_place(struct settings *settings, const struct setting *row) {
    return (char *)settings + row->offset;
}

const void *setting_value(const struct settings *settings, const struct setting *row) {
    return (const char *)settings + row->offset;
}

bool settings_is_auto(const struct settings *settings, const struct setting *row) {
    int64_t whole;
    double real;
    int8_t flag;
    if (row->may_be_auto && row->type == SETTING_IS_REAL) {
        memcpy(&real, setting_value(settings, row), sizeof real);
        return real == SETTING_AUTO_REAL;
    }
    if (row->may_be_auto && row->type == SETTING_IS_FLAG) {
        memcpy(&flag, setting_value(settings, row), sizeof flag);
        return flag == SETTING_AUTO_FLAG;
    }
    if (!row->may_be_auto)
        return false;
    memcpy(&whole, setting_value(settings, row), sizeof whole);
    return whole == SETTING_AUTO_INT;
}

#define REAL_TEXT_SIZE 32 /* sign, 17 digits, point and exponent, and to spare */

/* Shortest of 15 to 17 digits that reads back to the same double. */
static void print_real(struct buffer *text, double value) {
    char digits[REAL_TEXT_SIZE];
    for (int precision = 15; precision <= 17; precision++) {
        double back;
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (number_parse_real(digits, &back) && back == value)
            break;
    }
    buffer_append_text(text, digits);
}

void settings_print(const struct settings *settings, const struct setting *row,
                    struct buffer *text) {
    const void *value = setting_value(settings, row);
    int64_t whole;
    double real;
    bool flag;
    int choice;
    if (settings_is_auto(settings, row)) {
        buffer_append_text(text, SETTING_AUTO_NAME);
        return;
    }
    switch (row->type) {
    case SETTING_IS_INT:
    case SETTING_IS_BYTES:
        memcpy(&whole, value, sizeof whole);
        buffer_print(text, "%lld", (long long)whole);
        break;
    case SETTING_IS_REAL:
        memcpy(&real, value, sizeof real);
        print_real(text, real);
        break;
    case SETTING_IS_FLAG:
        memcpy(&flag, value, sizeof flag);
        buffer_append_text(text, flag ? "true" : "false");
        break;
    case SETTING_IS_CHOICE:
        memcpy(&choice, value, sizeof choice);
        buffer_append_text(text, row->choices[choice]);
        break;
    case SETTING_IS_TEXT:
        buffer_append_text(text, value);
        break;
    }
}

static void print_bound(const struct setting *row, double bound, struct buffer *text) {
    if (row->type == SETTING_IS_REAL)
        print_real(text, bound);
    else if (bound >= 0x1p63)
        buffer_print(text, "%lld", (long long)INT64_MAX); /* as a double it is one more */
    else
        buffer_print(text, "%lld", (long long)bound);
}

void setting_print_bounds(const struct setting *row, const char *between, struct buffer *text) {
    print_bound(row, row->min, text);
    buffer_append_text(text, between);
    print_bound(row, row->max, text);
}
