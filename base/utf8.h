/* UTF-8 by the Unicode table 3-7 (no overlong forms, no surrogates, at most U+10FFFF). */
#ifndef VECMILL_BASE_UTF8_H
#define VECMILL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Decodes one code point at text < end; returns its length 1..4, or 0 for an invalid sequence, in
 * which case *skip says how many bytes form the maximal invalid part (W3C / Unicode recommended
 * practice: one U+FFFD for each). */
size_t utf8_decode(const char *text, const char *end, uint32_t *code_point, size_t *skip);
bool utf8_valid(const char *text, size_t length);
/* The number of maximal invalid parts. Cost: fast for ASCII. */
size_t utf8_count_invalid(const char *text, size_t length);
/* Unicode's White_Space, 25 code points. */
bool utf8_is_space(uint32_t code_point);
/* Bytes of what stands at text < end and separates words: white space, or a byte order mark
 * (U+FEFF, which stands inside a text where files were joined). 0: it is part of a word. Everything
 * that splits text at white space asks here. */
size_t utf8_separator(const char *text, const char *end);
/* The separators that are not ASCII begin with one of these bytes, of which all others but 0xc2 are
 * at least 0xe1; no byte of any character is a part of one of them by chance. */
static inline bool utf8_may_separate(unsigned char first) {
    return first == 0xc2 || (first >= 0xe1 && first <= 0xe3) || first == 0xef;
}
/* Returns the length, 1..4; bytes is not NUL-terminated. */
size_t utf8_encode(uint32_t code_point, char bytes[4]);
/* Appends text with every invalid part replaced by U+FFFD. */
void utf8_append_valid(struct buffer *buffer, const char *text, size_t length);

#endif
