/* JSON in and out. jansson keeps the trees; reading and writing text is done here, because jansson
 * 2.14 returns wrong numbers and strings after an allocation failed inside its parser, and cannot
 * bound the depth. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "server/json/json.h"

/* What jansson allocates, with malloc's own: a value with its place in a list or an object; a list,
 * an object with the first places in it. */
#define ITEM_BYTES 96
#define LIST_BYTES 200
#define OBJECT_BYTES 400

/* ---- allocation ------------------------------------------------------------------------------ */

/* Set by the hooks, taken by whoever finishes a tree: builders may then add to a tree freely and
 * ask once at the end. The one mutable thing outside a struct, since jansson's hooks carry no
 * context. */
static _Thread_local bool allocation_failed;

static void *json_allocate(size_t size) {
    void *memory = malloc(size);
    if (!memory)
        allocation_failed = true;
    return memory;
}

void json_setup(void) {
    json_set_alloc_funcs(json_allocate, free);
}

bool json_take_failure(void) {
    bool failed = allocation_failed;
    allocation_failed = false;
    return failed;
}

/* ---- reading --------------------------------------------------------------------------------- */

#define NUMBER_MAX 1000     /* characters of one number */
#define REPLACEMENT 0xfffdl /* for half a character */

struct reader {
    const char *text, *at, *end;
    int depth_left, depth;
    bool texts; /* of any characters: json_parse_texts */
    size_t values_left;
    enum status status; /* of the first failure */
    struct error *err;
};

static json_t *read_value(struct reader *reader);

/* False, so that readers of a part can return it. */
static bool read_fail(struct reader *reader, const char *at, const char *what) {
    unsigned long long line = 1, column = 1;
    for (const char *c = reader->text; c < at; c++) {
        bool ends = *c == '\n';
        line += ends;
        column = ends ? 1 : column + ((*c & 0xc0) != 0x80);
    }
    if (reader->status == STATUS_OK)
        reader->status = error_set(reader->err, STATUS_MALFORMED, "%s at line %llu, column %llu",
                                   what, line, column);
    return false;
}

static bool read_out_of_memory(struct reader *reader) {
    if (reader->status == STATUS_OK)
        reader->status =
            error_set(reader->err, STATUS_NO_MEMORY, "out of memory for a JSON document");
    return false;
}

/* The same for readers of a value. */
static json_t *read_refuse(struct reader *reader, const char *at, const char *what) {
    (void)read_fail(reader, at, what);
    return NULL;
}

static json_t *read_no_memory(struct reader *reader) {
    (void)read_out_of_memory(reader);
    return NULL;
}

static void skip_space(struct reader *reader) {
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
}

static bool take_char(struct reader *reader, char c) {
    if (reader->at < reader->end && *reader->at == c) {
        reader->at++;
        return true;
    }
    return false;
}

/* Four hexadecimal digits at `at`, or -1. */
static long read_unit(const struct reader *reader, const char *at) {
    long unit = 0;
    if (reader->end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i], low = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            unit = unit * 16 + (c - '0');
        else if (low >= 'a' && low <= 'f')
            unit = unit * 16 + (low - 'a' + 10);
        else
            return -1;
    }
    return unit;
}

/* What follows "\u": appends the code point; false with err set. */
static bool read_unicode(struct reader *reader, struct buffer *value) {
    const char *start = reader->at;
    long unit = read_unit(reader, reader->at);
    if (unit < 0)
        return read_fail(reader, start, "'\\u' without four hexadecimal digits");
    reader->at += 4;
    if (reader->texts && unit >= 0xdc00 && unit <= 0xdfff) {
        unit = REPLACEMENT;
    } else if (unit >= 0xd800 && unit <= 0xdbff) {
        bool pair = reader->end - reader->at >= 6 && reader->at[0] == '\\' && reader->at[1] == 'u';
        long low = pair ? read_unit(reader, reader->at + 2) : -1;
        bool whole = low >= 0xdc00 && low <= 0xdfff;
        if (!whole && !reader->texts)
            return read_fail(reader, start, "a lone surrogate");
        reader->at += whole ? 6 : 0;
        unit = whole ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : REPLACEMENT;
    } else if (unit >= 0xdc00 && unit <= 0xdfff) {
        return read_fail(reader, start, "a lone surrogate");
    } else if (unit == 0 && !reader->texts) {
        return read_fail(reader, start, "a NUL character, which no string here may hold,");
    }
    char bytes[4];
    buffer_append(value, bytes, utf8_encode((uint32_t)unit, bytes));
    return true;
}

static bool read_escape(struct reader *reader, struct buffer *value) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->end)
        return read_fail(reader, reader->at, "the text ends inside a string");
    char c = *reader->at++;
    if (c == 'u')
        return read_unicode(reader, value);
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    if (!found)
        return read_fail(reader, reader->at - 1, "an unknown escape");
    buffer_append_char(value, to[found - from]);
    return true;
}

/* The string whose opening quote was just taken; value is NUL-terminated unless it failed. */
static bool read_string(struct reader *reader, struct buffer *value) {
    for (;;) {
        const char *from = reader->at;
        while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\' &&
               (unsigned char)*reader->at >= 0x20)
            reader->at++;
        buffer_append(value, from, (size_t)(reader->at - from));
        if (reader->at == reader->end)
            return read_fail(reader, reader->at, "the text ends inside a string");
        char c = *reader->at++;
        if (c == '"')
            return value->failed ? read_out_of_memory(reader) : true;
        if (c != '\\')
            return read_fail(reader, reader->at - 1, "a control character inside a string");
        if (!read_escape(reader, value))
            return false;
    }
}

static size_t count_digits(const char *at, const char *end) {
    size_t n = 0;
    while (at + n < end && at[n] >= '0' && at[n] <= '9')
        n++;
    return n;
}

/* Length of the number at `at` by JSON's grammar, 0 when there is none. */
static size_t scan_number(const char *at, const char *end, bool *real) {
    const char *start = at;
    *real = false;
    at += at < end && *at == '-';
    size_t digits = count_digits(at, end);
    if (digits == 0 || (digits > 1 && *at == '0'))
        return 0;
    at += digits;
    if (at < end && *at == '.') {
        digits = count_digits(at + 1, end);
        if (digits == 0)
            return 0;
        at += 1 + digits;
        *real = true;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        digits = count_digits(at, end);
        if (digits == 0)
            return 0;
        at += digits;
        *real = true;
    }
    return (size_t)(at - start);
}

/* Not inlined: its buffer must not lie in every frame of the recursion. */
__attribute__((noinline)) static json_t *read_number(struct reader *reader) {
    bool real;
    char text[NUMBER_MAX + 1];
    const char *start = reader->at;
    size_t length = scan_number(start, reader->end, &real);
    if (length == 0)
        return read_refuse(reader, start, "a malformed value");
    if (length > NUMBER_MAX)
        return read_refuse(reader, start, "a number that is too long");
    memcpy(text, start, length);
    text[length] = '\0';
    reader->at += length;
    json_t *value;
    if (real) {
        double number = strtod(text, NULL);
        if (!isfinite(number))
            return read_refuse(reader, start, "a number that is too large");
        value = json_real(number);
    } else {
        int64_t number;
        if (!number_parse_int(text, &number))
            return read_refuse(reader, start, "a whole number that is too large");
        value = json_integer(number);
    }
    return value ? value : read_no_memory(reader);
}

static json_t *read_word(struct reader *reader) {
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(reader->end - reader->at) >= length &&
            memcmp(reader->at, words[i], length) == 0) {
            reader->at += length;
            return i == 0 ? json_true() : i == 1 ? json_false() : json_null();
        }
    }
    return read_refuse(reader, reader->at, "a malformed value");
}

static json_t *read_array(struct reader *reader) {
    json_t *array = json_array();
    if (!array)
        return read_no_memory(reader);
    skip_space(reader);
    if (take_char(reader, ']'))
        return array;
    for (;;) {
        json_t *item = read_value(reader);
        if (!item || json_array_append_new(array, item) != 0) {
            json_decref(array);
            return !item ? NULL : read_no_memory(reader);
        }
        skip_space(reader);
        if (take_char(reader, ']'))
            return array;
        if (!take_char(reader, ',')) {
            json_decref(array);
            return read_refuse(reader, reader->at, "expected ',' or ']'");
        }
    }
}

/* One "name": value into object. */
static bool read_member(struct reader *reader, json_t *object) {
    struct buffer name = {0};
    const char *start = reader->at;
    bool fine = false;
    if (!take_char(reader, '"'))
        return read_fail(reader, start, "expected a member's name");
    if (read_string(reader, &name)) {
        const char *key = name.data ? name.data : "";
        skip_space(reader);
        if (strlen(key) != name.length) {
            fine = read_fail(reader, start, "a NUL character in a name");
        } else if (json_object_get(object, key)) {
            fine = read_fail(reader, start, "a name that stands twice");
        } else if (!take_char(reader, ':')) {
            fine = read_fail(reader, reader->at, "expected ':'");
        } else {
            json_t *value = read_value(reader);
            fine = value && json_object_set_new_nocheck(object, key, value) == 0;
            if (value && !fine)
                (void)read_out_of_memory(reader);
        }
    }
    buffer_clear(&name);
    return fine;
}

static json_t *read_object(struct reader *reader) {
    json_t *object = json_object();
    if (!object)
        return read_no_memory(reader);
    skip_space(reader);
    if (take_char(reader, '}'))
        return object;
    for (;;) {
        skip_space(reader);
        if (!read_member(reader, object)) {
            json_decref(object);
            return NULL;
        }
        skip_space(reader);
        if (take_char(reader, '}'))
            return object;
        if (!take_char(reader, ',')) {
            json_decref(object);
            return read_refuse(reader, reader->at, "expected ',' or '}'");
        }
    }
}

static json_t *read_text(struct reader *reader) {
    struct buffer text = {0};
    json_t *value = NULL;
    if (read_string(reader, &text)) {
        value = json_stringn_nocheck(text.data ? text.data : "", text.length);
        if (!value)
            (void)read_no_memory(reader);
    }
    buffer_clear(&text);
    return value;
}

__attribute__((noinline)) static json_t *read_too_deep(struct reader *reader) {
    char what[64];
    snprintf(what, sizeof what, "nested deeper than %d levels", reader->depth);
    return read_refuse(reader, reader->at - 1, what);
}

static json_t *read_nested(struct reader *reader, bool object) {
    if (reader->depth_left == 0)
        return read_too_deep(reader);
    reader->depth_left--;
    json_t *value = object ? read_object(reader) : read_array(reader);
    reader->depth_left++;
    return value;
}

static json_t *read_value(struct reader *reader) {
    skip_space(reader);
    if (reader->at == reader->end)
        return read_refuse(reader, reader->at, "the text ends where a value should be");
    if (reader->values_left-- == 0) {
        reader->status = error_set(reader->err, STATUS_TOO_LARGE, "too many values");
        return NULL;
    }
    switch (*reader->at) {
    case '{':
    case '[':
        return read_nested(reader, *reader->at++ == '{');
    case '"':
        reader->at++;
        return read_text(reader);
    case 't':
    case 'f':
    case 'n':
        return read_word(reader);
    default:
        return read_number(reader);
    }
}

static enum status read_document(struct reader *reader, json_t **document) {
    reader->depth_left = reader->depth;
    if (!utf8_valid(reader->text, (size_t)(reader->end - reader->text)))
        return error_set(reader->err, STATUS_MALFORMED, "the JSON text is not valid UTF-8");
    json_t *value = read_value(reader);
    if (value) {
        skip_space(reader);
        if (reader->at != reader->end) {
            json_decref(value);
            value = read_refuse(reader, reader->at, "text behind the end of the document");
        }
    }
    if (json_take_failure() && value) {
        json_decref(value);
        value = read_no_memory(reader);
    }
    *document = value;
    return reader->status;
}

uint64_t json_memory(const char *text, size_t length) {
    uint64_t bytes = length; /* names and strings */
    for (size_t i = 0; i < length; i++)
        if (text[i] == ',')
            bytes += ITEM_BYTES;
        else if (text[i] == '[')
            bytes += LIST_BYTES;
        else if (text[i] == '{')
            bytes += OBJECT_BYTES;
    return bytes;
}

enum status json_parse(const char *text, size_t length, int depth, json_t **document,
                       struct error *err) {
    struct reader reader = {.text = text,
                            .at = text,
                            .end = text + length,
                            .depth = depth,
                            .values_left = SIZE_MAX,
                            .err = err};
    return read_document(&reader, document);
}

enum status json_parse_texts(const char *text, size_t length, int depth, size_t max_values,
                             json_t **document, struct error *err) {
    struct reader reader = {.text = text,
                            .at = text,
                            .end = text + length,
                            .depth = depth,
                            .texts = true,
                            .values_left = max_values,
                            .err = err};
    return read_document(&reader, document);
}
