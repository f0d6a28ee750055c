#include "embedding/import_json.h"

#include <string.h>

#include "base/utf8.h"

#define DEPTH_MAX 64

static bool fail(struct json_reader *json) {
    json->failed = true;
    json->at = json->end;
    return false;
}

static void skip_blank(struct json_reader *json) {
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
        json->at++;
}

bool json_take(struct json_reader *json, char c) {
    skip_blank(json);
    if (json->at == json->end || *json->at != c)
        return false;
    json->at++;
    return true;
}

static bool take_hex(struct json_reader *json, uint32_t *value) {
    *value = 0;
    if (json->end - json->at < 4)
        return fail(json);
    for (int i = 0; i < 4; i++) {
        char c = *json->at++;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return fail(json);
        *value = *value << 4 | digit;
    }
    return true;
}

/* \uXXXX, or two of them for a letter beyond 16 bits; half of such a pair is U+FFFD. */
static bool take_letter(struct json_reader *json, struct buffer *text) {
    uint32_t letter, low;
    char bytes[4];
    if (!take_hex(json, &letter))
        return false;
    if (letter >= 0xd800 && letter < 0xdc00 && json->end - json->at >= 6 && json->at[0] == '\\' &&
        json->at[1] == 'u') {
        struct json_reader ahead = {json->at + 2, json->end, false};
        if (take_hex(&ahead, &low) && low >= 0xdc00 && low < 0xe000) {
            letter = 0x10000 + ((letter - 0xd800) << 10) + (low - 0xdc00);
            json->at = ahead.at;
        }
    }
    if (letter >= 0xd800 && letter < 0xe000)
        letter = 0xfffd;
    buffer_append(text, bytes, utf8_encode(letter, bytes));
    return true;
}

static bool take_escape(struct json_reader *json, struct buffer *text) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (json->at == json->end)
        return fail(json);
    char c = *json->at++;
    if (c == 'u')
        return take_letter(json, text);
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (!found)
        return fail(json);
    buffer_append_char(text, to[found - from]);
    return true;
}

bool json_take_string(struct json_reader *json, struct buffer *text) {
    text->length = 0;
    if (!json_take(json, '"'))
        return fail(json);
    for (;;) {
        const char *from = json->at;
        while (json->at < json->end && *json->at != '"' && *json->at != '\\')
            json->at++;
        buffer_append(text, from, (size_t)(json->at - from));
        if (json->at == json->end)
            return fail(json);
        if (*json->at++ == '"')
            return !text->failed || fail(json);
        if (!take_escape(json, text))
            return false;
    }
}

bool json_take_count(struct json_reader *json, uint64_t *value) {
    size_t digits = 0;
    *value = 0;
    skip_blank(json);
    for (; json->at < json->end && *json->at >= '0' && *json->at <= '9'; json->at++, digits++)
        if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
            __builtin_add_overflow(*value, (uint64_t)(*json->at - '0'), value))
            return fail(json);
    return digits > 0 || fail(json);
}

/* A string without its content. */
static bool skip_string(struct json_reader *json) {
    for (json->at++; json->at < json->end && *json->at != '"'; json->at++)
        if (*json->at == '\\' && json->at + 1 < json->end)
            json->at++;
    if (json->at == json->end)
        return fail(json);
    json->at++;
    return true;
}

/* Brackets are counted and not matched: what is between is not wanted. */
bool json_skip(struct json_reader *json) {
    size_t depth = 0;
    do {
        skip_blank(json);
        if (json->at == json->end)
            return fail(json);
        char c = *json->at;
        if (c == '"') {
            if (!skip_string(json))
                return false;
        } else if (c == '{' || c == '[') {
            json->at++;
            if (++depth > DEPTH_MAX)
                return fail(json);
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return fail(json);
            json->at++;
            depth--;
        } else if (c == ',' || c == ':') {
            if (depth == 0)
                return fail(json);
            json->at++;
        } else {
            while (json->at < json->end && !strchr(",:]} \t\r\n\"[{", *json->at))
                json->at++;
            if (json->at < json->end && *json->at == '\0')
                return fail(json); /* strchr finds it, too */
        }
    } while (depth > 0);
    return true;
}

bool json_next(struct json_reader *json, struct buffer *key, bool *first) {
    char close = key ? '}' : ']';
    if (json->failed || json_take(json, close))
        return false;
    if (!*first && !json_take(json, ','))
        return fail(json);
    *first = false;
    if (!key)
        return true;
    return json_take_string(json, key) && (json_take(json, ':') || fail(json));
}
