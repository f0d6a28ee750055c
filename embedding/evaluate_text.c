#include "embedding/evaluate_text.h"

#include <string.h>

#define LONGEST_QUOTED 1024 /* bytes of a word with doubled quotes; no dictionary has longer ones */

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

/* Bytes of the quoted field that begins at `begin`, both quotes included; 0 when it is none. */
static size_t quoted_length(struct text_part line, size_t begin, char separator) {
    size_t i = begin + 1;
    if (line.text[begin] != '"')
        return 0;
    for (;; i++) {
        if (i >= line.length)
            return 0;
        if (line.text[i] != '"')
            continue;
        if (i + 1 >= line.length || line.text[i + 1] != '"')
            break;
        i++;
    }
    size_t end = i + 1, after = end;
    if (separator != TEXT_BLANKS)
        while (after < line.length && line.text[after] != separator &&
               byte_is_blank(line.text[after]))
            after++;
    bool ends = after == line.length || line.text[after] == separator ||
                (separator == TEXT_BLANKS && byte_is_blank(line.text[after]));
    return ends && end - begin > 2 ? end - begin : 0;
}

size_t text_split(struct text_part line, char separator, struct text_part *fields, size_t room) {
    size_t n = 0, begin = 0;
    while (begin <= line.length && n < room) {
        if (separator != TEXT_BLANKS)
            while (begin < line.length && line.text[begin] != separator &&
                   byte_is_blank(line.text[begin]))
                begin++;
        size_t quoted = begin < line.length ? quoted_length(line, begin, separator) : 0,
               i = begin + quoted;
        while (i < line.length && line.text[i] != separator &&
               (separator != TEXT_BLANKS || !byte_is_blank(line.text[i])))
            i++;
        if (quoted > 0)
            fields[n++] = (struct text_part){line.text + begin + 1, quoted - 2};
        else if (separator != TEXT_BLANKS || i > begin)
            fields[n++] = text_trim((struct text_part){line.text + begin, i - begin});
        begin = i + 1;
    }
    return n;
}

size_t text_columns(struct text_part line, size_t least, struct text_part *fields, size_t room,
                    char *separator) {
    static const char separators[] = {'\t', ';', ','};
    for (size_t i = 0; i < sizeof separators; i++) {
        size_t n = text_split(line, separators[i], fields, room);
        *separator = separators[i];
        if (n >= least)
            return n;
    }
    *separator = TEXT_BLANKS;
    return text_split(line, TEXT_BLANKS, fields, room);
}

void text_note_unread(struct file_notes *notes, size_t number) {
    if (notes->unread < UNREAD_NAMED)
        notes->lines[notes->unread] = number;
    notes->unread++;
}

/* The word with every doubled quote as one, in `plain`; the word itself where there is none. */
static struct text_part quotes_take(struct text_part word, char plain[LONGEST_QUOTED]) {
    size_t n = 0;
    bool doubled = false;
    if (word.length > LONGEST_QUOTED)
        return word;
    for (size_t i = 0; i < word.length; i++) {
        plain[n++] = word.text[i];
        if (word.text[i] == '"' && i + 1 < word.length && word.text[i + 1] == '"') {
            doubled = true;
            i++;
        }
    }
    return doubled ? (struct text_part){plain, n} : word;
}

enum status text_find_word(const struct vocabulary *vocabulary, struct text_part word,
                           uint32_t among, enum word_case word_case, struct file_notes *notes,
                           uint32_t *id, struct error *err) {
    char plain[LONGEST_QUOTED];
    *id = vocabulary_find(vocabulary, word.text, word.length);
    if (*id == WORD_NONE) {
        word = quotes_take(word, plain);
        *id = vocabulary_find(vocabulary, word.text, word.length);
    }
    if (*id != WORD_NONE && (among == 0 || *id < among))
        return STATUS_OK;
    *id = WORD_NONE;
    if (word_case == WORD_CASE_EXACT)
        return STATUS_OK;
    enum status status = vocabulary_find_folded(vocabulary, word.text, word.length, id, err);
    if (*id != WORD_NONE && among > 0 && *id >= among)
        *id = WORD_NONE;
    notes->folded += *id != WORD_NONE;
    return status;
}
