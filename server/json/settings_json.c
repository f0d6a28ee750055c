#include "server/json/settings_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "server/json/fields.h"

json_t *setting_json(const struct settings *settings, const struct setting *row) {
    const char *field = (const char *)settings + row->offset;
    struct buffer text = {0};
    json_t *value = NULL;
    double real;
    int64_t integer;
    bool flag;
    if (settings_is_auto(settings, row))
        return json_string(SETTING_AUTO_NAME);
    switch (row->type) {
    case SETTING_IS_INT:
    case SETTING_IS_BYTES:
        memcpy(&integer, field, sizeof integer);
        return json_integer(integer);
    case SETTING_IS_REAL:
        memcpy(&real, field, sizeof real);
        return json_real(real);
    case SETTING_IS_FLAG:
        memcpy(&flag, field, sizeof flag);
        return json_boolean(flag);
    case SETTING_IS_CHOICE:
    case SETTING_IS_TEXT:
        settings_print(settings, row, &text);
        value = text.failed ? NULL : json_string(text.length > 0 ? text.data : "");
        buffer_clear(&text);
        return value;
    }
    return NULL;
}

json_t *settings_json(const struct settings *settings) {
    json_t *object = json_object();
    int failed = !object;
    for (size_t i = 0; i < settings_count() && !failed; i++) {
        const struct setting *row = settings_row(i);
        if (row->scope & SETTING_OF_JOB)
            failed |= json_object_set_new(object, row->name, setting_json(settings, row)) != 0;
    }
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

json_t *choice_json(const char *setting, size_t setting_length, const char *value,
                    size_t value_length, const char *why, size_t why_length) {
    return json_pack("{s:o, s:o, s:o}", "setting", json_words(setting, setting_length), "value",
                     json_words(value, value_length), "detail", json_words(why, why_length));
}

/* The text that settings_set takes for a JSON value; false when the value is of the wrong type for
 * the row. */
static bool setting_text(const struct setting *row, const json_t *value, char text[64],
                         const char **set) {
    bool whole = row->type == SETTING_IS_INT || row->type == SETTING_IS_BYTES;
    *set = text;
    if (json_is_boolean(value)) {
        snprintf(text, 64, "%s", json_is_true(value) ? "true" : "false");
        return row->type == SETTING_IS_FLAG;
    }
    if (json_is_integer(value)) {
        snprintf(text, 64, "%lld", (long long)json_integer_value(value));
        return whole || row->type == SETTING_IS_REAL;
    }
    if (json_is_real(value)) {
        double real = json_real_value(value);
        bool integral = real == floor(real) && fabs(real) <= 9007199254740992.0;
        snprintf(text, 64, whole ? "%.0f" : "%.17g", real);
        return (whole && integral) || row->type == SETTING_IS_REAL;
    }
    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value)) {
        *set = json_string_value(value);
        const char *zero = setting_zero_name(row);
        if ((row->may_be_auto && strcmp(*set, SETTING_AUTO_NAME) == 0) ||
            (zero && strcmp(*set, zero) == 0))
            return true;
        return row->type == SETTING_IS_CHOICE || row->type == SETTING_IS_TEXT ||
               row->type == SETTING_IS_BYTES;
    }
    return false;
}

static const char *type_wanted(const struct setting *row) {
    switch (row->type) {
    case SETTING_IS_INT:
        return "a whole number";
    case SETTING_IS_REAL:
        return "a number";
    case SETTING_IS_FLAG:
        return "true or false";
    case SETTING_IS_BYTES:
        return "a number of bytes or a text such as \"512M\"";
    case SETTING_IS_CHOICE:
    case SETTING_IS_TEXT:
        break;
    }
    return "a string";
}

enum status setting_read_json(struct settings *settings, const char *name, const json_t *value,
                              struct error *err) {
    const struct setting *row = settings_find(name);
    struct error wrong = {0};
    char text[64], pointer[sizeof err->key];
    const char *set = "0", *zero = row ? setting_zero_name(row) : NULL;
    if (row && (row->scope & SETTING_OF_JOB) != 0 && !setting_text(row, value, text, &set))
        error_set(&wrong, STATUS_REFUSED, "%s must be %s%s%s%s%s, not %s", row->name,
                  type_wanted(row), row->may_be_auto ? " or \"" SETTING_AUTO_NAME "\"" : "",
                  zero ? " or \"" : "", zero ? zero : "", zero ? "\"" : "", field_kind(value));
    else
        status_ignore(settings_set(settings, name, set, SETTING_OF_JOB, &wrong));
    if (wrong.status == STATUS_OK)
        return STATUS_OK;
    snprintf(pointer, sizeof pointer, "/settings/%.50s", name);
    return error_set_key(err, wrong.status, pointer, "%s", wrong.text);
}

enum status settings_read_json(const json_t *object, struct settings *settings, struct error *err) {
    const char *name;
    json_t *value;
    if (!object || json_is_null(object))
        return STATUS_OK;
    if (!json_is_object(object))
        return error_set_key(err, STATUS_REFUSED, "/settings", "settings must be an object, not %s",
                             field_kind(object));
    /* jansson's iterators take no const object, but do not change it. */
    json_t *readable = json_incref((json_t *)(uintptr_t)object);
    enum status status = STATUS_OK;
    json_object_foreach(readable, name, value) {
        if (json_is_null(value))
            continue;
        status = setting_read_json(settings, name, value, err);
        if (status != STATUS_OK)
            break;
    }
    json_decref(readable);
    return status;
}
