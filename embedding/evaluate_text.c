#include "embedding/evaluate_text.h"

#include <string.h>

#include "base/utf8.h"

#define LONGEST_QUOTED 1024 /* bytes of a word with doubled quotes; no dictionary has longer ones */

/* Bytes of the white space that part ends with; 0: none. */
static size_t separator_before(struct text_part part) {
    const char *end = part.text + part.length;
    for (size_t n = 1; n <= 3 && n <= part.length; n++)
        if (utf8_separator(end - n, end) == n)
            return n;
    return 0;
}

struct text_part text_begin(const char *text, size_t length) {
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return (struct text_part){text + 3, length - 3};
    return (struct text_part){text, length};
}

struct text_part text_trim(struct text_part part) {
    for (size_t n; (n = separator_before(part)) > 0;)
        part.length -= n;
    for (size_t n;
         part.length > 0 && (n = utf8_separator(part.text, part.text + part.length)) > 0;) {
        part.text += n;
        part.length -= n;
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

/* Bytes of what ends a field at `at`, whose end the line's end is, too; 0: nothing does. */
static size_t separator_at(struct text_part line, size_t at, char separator) {
    if (at == line.length)
        return 1;
    if (separator == TEXT_BLANKS)
        return utf8_separator(line.text + at, line.text + line.length);
    return line.text[at] == separator;
}

/* Behind the white space at `at` that is no separator. */
static size_t blanks_pass(struct text_part line, size_t at, char separator) {
    size_t width;
    while (at < line.length && line.text[at] != separator &&
           (width = utf8_separator(line.text + at, line.text + line.length)) > 0)
        at += width;
    return at;
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
    size_t end = i + 1, after = separator == TEXT_BLANKS ? end : blanks_pass(line, end, separator);
    return separator_at(line, after, separator) > 0 && end - begin > 2 ? end - begin : 0;
}

size_t text_split(struct text_part line, char separator, struct text_part *fields, size_t room) {
    size_t n = 0, begin = 0;
    while (begin <= line.length && n < room) {
        size_t quoted, i, width;
        if (separator != TEXT_BLANKS)
            begin = blanks_pass(line, begin, separator);
        quoted = begin < line.length ? quoted_length(line, begin, separator) : 0;
        i = begin + quoted;
        while ((width = separator_at(line, i, separator)) == 0)
            i++;
        if (quoted > 0)
            fields[n++] = (struct text_part){line.text + begin + 1, quoted - 2};
        else if (separator != TEXT_BLANKS || i > begin)
            fields[n++] = text_trim((struct text_part){line.text + begin, i - begin});
        begin = i + width;
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
