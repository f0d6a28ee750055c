#include "embedding/word_shape.h"

#include <string.h>

#include "base/utf8.h"

bool word_has_blank(const char *word, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (word[i] == ' ' || (word[i] >= '\t' && word[i] <= '\r'))
            return true;
    return false;
}

bool word_has_separator(const char *word, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (word[i] == '\t' || word[i] == '\n' || word[i] == '\r')
            return true;
    return false;
}

static bool letter_is_blank(uint32_t c) {
    return c == ' ' || (c >= 9 && c <= 13) || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000 || c == 0xfeff;
}

bool word_is_blank(const char *word, size_t length) {
    const char *at = word, *end = word + length;
    while (at < end) {
        uint32_t letter;
        size_t skip;
        size_t taken = utf8_decode(at, end, &letter, &skip);
        if (taken == 0 || !letter_is_blank(letter))
            return false;
        at += taken;
    }
    return true;
}

bool word_is_no_label(const char *word, size_t length) {
    return word_has_separator(word, length) || !utf8_valid(word, length) ||
           word_is_blank(word, length);
}

bool word_is_no_text(const char *word, size_t length) {
    return memchr(word, '\0', length) || !utf8_valid(word, length);
}
