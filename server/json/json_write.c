/* Trees, strings and numbers as JSON text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "server/json/json.h"

/* Plain bytes that may stand in a JSON string as they are. */
static size_t plain_length(const char *text, const char *end) {
    const char *at = text;
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f && *at != '"' &&
           *at != '\\')
        at++;
    return (size_t)(at - text);
}

static void append_escaped(struct buffer *buffer, unsigned char c) {
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *found = strchr(from, c);
    if (c != '\0' && found) {
        char pair[2] = {'\\', to[found - from]};
        buffer_append(buffer, pair, 2);
    } else {
        buffer_print(buffer, "\\u%04x", c);
    }
}

void json_append_string(struct buffer *buffer, const char *text, size_t length) {
    const char *end = text + length;
    buffer_append_char(buffer, '"');
    while (text < end) {
        size_t n = plain_length(text, end), skip = 1;
        uint32_t code_point;
        buffer_append(buffer, text, n);
        text += n;
        if (text == end)
            break;
        if ((unsigned char)*text < 0x80) {
            append_escaped(buffer, (unsigned char)*text++);
        } else if ((n = utf8_decode(text, end, &code_point, &skip)) > 0) {
            buffer_append(buffer, text, n);
            text += n;
        } else {
            buffer_append(buffer, "\xef\xbf\xbd", 3);
            text += skip;
        }
    }
    buffer_append_char(buffer, '"');
}

static size_t float_format(float value, char text[NUMBER_FLOAT_SIZE]) {
    if (!isfinite(value)) {
        memcpy(text, "null", 5);
        return 4;
    }
    if (value == 0 && signbit(value)) {
        /* "-0" is an integer to some readers, and integers have no sign of zero */
        memcpy(text, "-0.0", 5);
        return 4;
    }
    return number_format_float(value, text);
}

void json_append_float(struct buffer *buffer, float value) {
    char text[NUMBER_FLOAT_SIZE];
    size_t length = float_format(value, text);
    buffer_append(buffer, text, length);
}

void json_append_floats(struct buffer *buffer, const float *values, size_t n) {
    buffer_reserve(buffer, n * 12 + 2);
    buffer_append_char(buffer, '[');
    for (size_t i = 0; i < n; i++) {
        char text[NUMBER_FLOAT_SIZE + 1] = ",";
        size_t comma = i > 0;
        buffer_append(buffer, text, comma + float_format(values[i], text + comma));
    }
    buffer_append_char(buffer, ']');
}

json_t *json_words(const char *text, size_t length) {
    struct buffer valid = {0};
    utf8_append_valid(&valid, text, length);
    json_t *node = valid.failed ? NULL : json_stringn(valid.data ? valid.data : "", valid.length);
    buffer_clear(&valid);
    return node;
}

#define REAL_SIZE 40 /* "-1.2345678901234567e-308" and room */

/* The shortest of 15, 16 and 17 digits that reads back. */
static void append_real(struct buffer *buffer, double value) {
    char text[REAL_SIZE];
    if (!isfinite(value)) {
        buffer_append_text(buffer, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buffer_append_text(buffer, text);
    if (!strpbrk(text, ".e")) /* a real stays one for readers that tell 1 from 1.0 */
        buffer_append_text(buffer, ".0");
}

static void append_tree(struct buffer *buffer, const json_t *node);

static void append_object(struct buffer *buffer, const json_t *node) {
    const char *separator = "";
    /* jansson's iterator wants the tree writable, though it changes nothing. */
    json_t *object = (json_t *)(uintptr_t)node;
    buffer_append_char(buffer, '{');
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        buffer_append_text(buffer, separator);
        json_append_string(buffer, name, strlen(name));
        buffer_append_char(buffer, ':');
        append_tree(buffer, json_object_iter_value(at));
        separator = ",";
    }
    buffer_append_char(buffer, '}');
}

static void append_tree(struct buffer *buffer, const json_t *node) {
    switch (json_typeof(node)) {
    case JSON_OBJECT:
        append_object(buffer, node);
        break;
    case JSON_ARRAY:
        buffer_append_char(buffer, '[');
        for (size_t i = 0; i < json_array_size(node); i++) {
            buffer_append_text(buffer, i > 0 ? "," : "");
            append_tree(buffer, json_array_get(node, i));
        }
        buffer_append_char(buffer, ']');
        break;
    case JSON_STRING:
        json_append_string(buffer, json_string_value(node), json_string_length(node));
        break;
    case JSON_INTEGER:
        buffer_print(buffer, "%" JSON_INTEGER_FORMAT, json_integer_value(node));
        break;
    case JSON_REAL:
        append_real(buffer, json_real_value(node));
        break;
    case JSON_TRUE:
        buffer_append_text(buffer, "true");
        break;
    case JSON_FALSE:
        buffer_append_text(buffer, "false");
        break;
    case JSON_NULL:
        buffer_append_text(buffer, "null");
        break;
    }
}

void json_append(struct buffer *buffer, const json_t *document) {
    if (!document || json_take_failure()) {
        buffer->failed = true;
        return;
    }
    append_tree(buffer, document);
}
