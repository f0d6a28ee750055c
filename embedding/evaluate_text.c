#include "embedding/evaluate_text.h"

#include <string.h>

#include "base/utf8.h"
#include "embedding/letter.h"

#define LONGEST_WORD 1024 /* bytes that are lower-cased; no dictionary has longer words */

static bool byte_is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct text_part text_begin(const char *text, size_t length) {
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return (struct text_part){text + 3, length - 3};
    return (struct text_part){text, length};
}

struct text_part text_trim(struct text_part part) {
    while (part.length > 0 && byte_is_blank(part.text[part.length - 1]))
        part.length--;
    while (part.length > 0 && byte_is_blank(part.text[0])) {
        part.text++;
        part.length--;
    }
    return part;
}

bool text_line(struct text_part *rest, struct text_part *line) {
    if (rest->length == 0)
        return false;
    const char *end = memchr(rest->text, '\n', rest->length);
    size_t length = !end ? rest->length : (size_t)(end - rest->text);
    size_t taken = !end ? length : length + 1;
    *line = text_trim((struct text_part){rest->text, length});
    rest->text += taken;
    rest->length -= taken;
    return true;
}

size_t text_split(struct text_part line, char separator, struct text_part *fields, size_t room) {
    size_t n = 0, begin = 0;
    for (size_t i = 0; i <= line.length && n < room; i++) {
        bool ends = i == line.length || line.text[i] == separator ||
                    (separator == TEXT_BLANKS && byte_is_blank(line.text[i]));
        if (!ends)
            continue;
        if (separator != TEXT_BLANKS || i > begin)
            fields[n++] = text_trim((struct text_part){line.text + begin, i - begin});
        begin = i + 1;
    }
    return n;
}

/* The sigma at the end of a Greek word is a small letter already. */
static uint32_t letter_lower(uint32_t c) {
    return c == 0x3c2 ? c : letter_fold(c);
}

/* Writes the word in lower case; returns its length, 0 when it is too long or none of its letters
 * change. */
static size_t word_lower(struct text_part word, char lower[LONGEST_WORD]) {
    const char *at = word.text, *end = word.text + word.length;
    size_t n = 0;
    if (word.length > LONGEST_WORD - 4)
        return 0;
    while (at < end) {
        uint32_t letter;
        size_t skip;
        size_t taken = utf8_decode(at, end, &letter, &skip);
        if (n > LONGEST_WORD - 4)
            return 0;
        if (taken == 0)
            lower[n++] = *at++;
        else
            n += utf8_encode(letter_lower(letter), lower + n);
        at += taken;
    }
    return n == word.length && memcmp(lower, word.text, n) == 0 ? 0 : n;
}

uint32_t text_find_word(const struct vocabulary *vocabulary, struct text_part word,
                        uint32_t among) {
    char lower[LONGEST_WORD];
    uint32_t id = vocabulary_find(vocabulary, word.text, word.length);
    if (id != WORD_NONE && (among == 0 || id < among))
        return id;
    size_t n = word_lower(word, lower);
    id = n == 0 ? WORD_NONE : vocabulary_find(vocabulary, lower, n);
    return id != WORD_NONE && (among == 0 || id < among) ? id : WORD_NONE;
}
