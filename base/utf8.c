#include "base/utf8.h"

#include <string.h>

/* Bounds of the second byte, which alone decides about overlong forms, surrogates and the end at
 * U+10FFFF. */
static void second_byte_bounds(unsigned char first, unsigned char *min, unsigned char *max) {
    *min = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *max = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
}

size_t utf8_decode(const char *text, const char *end, uint32_t *code_point, size_t *skip) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t room = (size_t)(end - text);
    unsigned char first = bytes[0];
    *skip = 1;
    if (first < 0x80) {
        *code_point = first;
        return 1;
    }
    if (first < 0xc2 || first > 0xf4)
        return 0;
    size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    unsigned char min, max;
    second_byte_bounds(first, &min, &max);
    uint32_t value = first & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (i >= room || bytes[i] < min || bytes[i] > max) {
            *skip = i;
            return 0;
        }
        value = value << 6 | (bytes[i] & 0x3fu);
        min = 0x80;
        max = 0xbf;
    }
    *code_point = value;
    return length;
}

/* First byte at or after text that is not ASCII. */
static const char *ascii_end(const char *text, const char *end) {
    while (end - text >= 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        if (word & 0x8080808080808080u)
            break;
        text += 8;
    }
    while (text < end && !(*text & 0x80))
        text++;
    return text;
}

bool utf8_valid(const char *text, size_t length) {
    const char *end = text + length;
    while ((text = ascii_end(text, end)) < end) {
        uint32_t code_point;
        size_t skip, n = utf8_decode(text, end, &code_point, &skip);
        if (n == 0)
            return false;
        text += n;
    }
    return true;
}

size_t utf8_count_invalid(const char *text, size_t length) {
    const char *end = text + length;
    size_t count = 0;
    while ((text = ascii_end(text, end)) < end) {
        uint32_t code_point;
        size_t skip, n = utf8_decode(text, end, &code_point, &skip);
        count += n == 0;
        text += n ? n : skip;
    }
    return count;
}

bool utf8_is_space(uint32_t code_point) {
    return (code_point >= 0x9 && code_point <= 0xd) || code_point == 0x20 || code_point == 0x85 ||
           code_point == 0xa0 || code_point == 0x1680 ||
           (code_point >= 0x2000 && code_point <= 0x200a) || code_point == 0x2028 ||
           code_point == 0x2029 || code_point == 0x202f || code_point == 0x205f ||
           code_point == 0x3000;
}

size_t utf8_separator(const char *text, const char *end) {
    unsigned char first = (unsigned char)*text;
    if (first < 0x80)
        return utf8_is_space(first);
    if (!utf8_may_separate(first))
        return 0;
    uint32_t code_point;
    size_t skip, length = utf8_decode(text, end, &code_point, &skip);
    return length > 0 && (utf8_is_space(code_point) || code_point == 0xfeff) ? length : 0;
}

size_t utf8_encode(uint32_t code_point, char bytes[4]) {
    if (code_point < 0x80) {
        bytes[0] = (char)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    bytes[0] = (char)((0xf00u >> length & 0xf0u) | code_point);
    return length;
}

void utf8_append_valid(struct buffer *buffer, const char *text, size_t length) {
    const char *end = text + length, *start = text;
    while ((text = ascii_end(text, end)) < end) {
        uint32_t code_point;
        size_t skip, n = utf8_decode(text, end, &code_point, &skip);
        if (n == 0) {
            buffer_append(buffer, start, (size_t)(text - start));
            buffer_append(buffer, "\xef\xbf\xbd", 3);
            start = text + skip;
        }
        text += n ? n : skip;
    }
    buffer_append(buffer, start, (size_t)(end - start));
}
