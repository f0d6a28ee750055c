#include "server/json/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *field_kind(const json_t *value) {
    if (!value)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

const json_t *field_find(const json_t *object, const char *name) {
    const json_t *member = json_object_get(object, name);
    return json_is_null(member) ? NULL : member;
}

static enum status refuse_kind(const char *name, const char *wanted, const json_t *value,
                               struct error *err) {
    char pointer[POINTER_SIZE];
    snprintf(pointer, sizeof pointer, "/%s", name);
    return error_set_key(err, STATUS_REFUSED, pointer, "%s must be %s, not %s", name, wanted,
                         field_kind(value));
}

enum status bounds_check_int(const char *key, const char *name, int64_t min, int64_t max,
                             int64_t value, struct error *err) {
    if (value >= min && value <= max)
        return STATUS_OK;
    if (max == INT64_MAX)
        return error_set_key(err, STATUS_REFUSED, key,
                             "%s must be at least %" PRId64 ", not %" PRId64, name, min, value);
    return error_set_key(err, STATUS_REFUSED, key,
                         "%s must be between %" PRId64 " and %" PRId64 ", not %" PRId64, name, min,
                         max, value);
}

enum status bounds_check_real(const char *key, const char *name, double min, double max,
                              double value, struct error *err) {
    if (value >= min && value <= max)
        return STATUS_OK;
    return error_set_key(err, STATUS_REFUSED, key, "%s must be between %g and %g, not %g", name,
                         min, max, value);
}

/* Index of text among "a|b|c", -1 when it is none of them. */
static int choice_find(const char *choices, const char *text, size_t length) {
    int index = 0;
    for (const char *start = choices;; index++) {
        size_t n = strcspn(start, "|");
        if (n == length && memcmp(start, text, n) == 0)
            return index;
        if (start[n] == '\0')
            return -1;
        start += n + 1;
    }
}

enum status bounds_check_choice(const char *key, const char *name, const char *choices,
                                const char *text, size_t length, int *value, struct error *err) {
    int index = choice_find(choices, text, length);
    if (index < 0)
        return error_set_key(err, STATUS_REFUSED, key, "%s must be one of %s, not '%.*s'", name,
                             choices, (int)(length < QUOTED_MAX ? length : QUOTED_MAX), text);
    *value = index;
    return STATUS_OK;
}

enum status field_int(const json_t *object, const char *name, int64_t min, int64_t max,
                      int64_t *value, struct error *err) {
    const json_t *member = field_find(object, name);
    if (!member)
        return STATUS_OK;
    if (!json_is_integer(member))
        return refuse_kind(name, "a whole number", member, err);
    char pointer[POINTER_SIZE];
    snprintf(pointer, sizeof pointer, "/%s", name);
    enum status status = bounds_check_int(pointer, name, min, max, json_integer_value(member), err);
    if (status == STATUS_OK)
        *value = json_integer_value(member);
    return status;
}

enum status field_real(const json_t *object, const char *name, double min, double max,
                       double *value, struct error *err) {
    const json_t *member = field_find(object, name);
    if (!member)
        return STATUS_OK;
    if (!json_is_number(member))
        return refuse_kind(name, "a number", member, err);
    char pointer[POINTER_SIZE];
    snprintf(pointer, sizeof pointer, "/%s", name);
    enum status status = bounds_check_real(pointer, name, min, max, json_number_value(member), err);
    if (status == STATUS_OK)
        *value = json_number_value(member);
    return status;
}

enum status field_flag(const json_t *object, const char *name, bool *value, struct error *err) {
    const json_t *member = field_find(object, name);
    if (!member)
        return STATUS_OK;
    if (!json_is_boolean(member))
        return refuse_kind(name, "true or false", member, err);
    *value = json_is_true(member);
    return STATUS_OK;
}

enum status field_choice(const json_t *object, const char *name, const char *choices, int *index,
                         struct error *err) {
    const json_t *member = field_find(object, name);
    if (!member)
        return STATUS_OK;
    if (!json_is_string(member))
        return refuse_kind(name, "a string", member, err);
    char pointer[POINTER_SIZE];
    snprintf(pointer, sizeof pointer, "/%s", name);
    return bounds_check_choice(pointer, name, choices, json_string_value(member),
                               json_string_length(member), index, err);
}

enum status field_text(const json_t *object, const char *name, const char **text, size_t *length,
                       struct error *err) {
    const json_t *member = field_find(object, name);
    if (!member)
        return STATUS_OK;
    if (!json_is_string(member))
        return refuse_kind(name, "a string", member, err);
    *text = json_string_value(member);
    *length = json_string_length(member);
    return STATUS_OK;
}

enum status field_list(const json_t *object, const char *name, size_t min, size_t max,
                       const json_t **list, struct error *err) {
    const json_t *member = field_find(object, name);
    if (!member)
        return STATUS_OK;
    if (!json_is_array(member))
        return refuse_kind(name, "a list", member, err);
    size_t n = json_array_size(member);
    if (n < min || n > max) {
        char pointer[POINTER_SIZE];
        snprintf(pointer, sizeof pointer, "/%s", name);
        return error_set_key(err, STATUS_REFUSED, pointer,
                             "%s must hold between %zu and %zu entries, not %zu", name, min, max,
                             n);
    }
    *list = member;
    return STATUS_OK;
}
