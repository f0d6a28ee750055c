/* Reading question files. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_EVALUATE_TEXT_H
#define VECMILL_EMBEDDING_EVALUATE_TEXT_H

#include "embedding/embedding.h"

struct text_part {
    const char *text; /* not NUL-terminated */
    size_t length;
};

#define TEXT_BLANKS ' ' /* for text_split: fields are separated by runs of white space */

/* The text without a byte order mark. */
struct text_part text_begin(const char *text, size_t length);
/* Takes the next line, trimmed, off the rest; false at the end. */
bool text_line(struct text_part *rest, struct text_part *line);
/* The part without white space at both ends. */
struct text_part text_trim(struct text_part part);
/* Splits at `separator`; fields are trimmed and may be empty (not for TEXT_BLANKS). A field that
 * begins with '"' goes up to the next '"' that is not doubled, and is given without both; where
 * there is none, or something stands behind it, the '"' is a letter. Returns how many fields there
 * are, at most `room`: what is behind them is not looked at. */
size_t text_split(struct text_part line, char separator, struct text_part *fields, size_t room);
/* Splits at the first of tab, semicolon, comma that gives `least` fields or more, else at white
 * space. *separator: which it was. */
size_t text_columns(struct text_part line, size_t least, struct text_part *fields, size_t room,
                    char *separator);
/* Notes a line that cannot be read. */
void text_note_unread(struct file_notes *notes, size_t number);
/* The id of a word, with doubled quotes read as one; only ids below `among` count (0 = all).
 * WORD_NONE if there is none. Notes what was found in another case. */
enum status text_find_word(const struct vocabulary *vocabulary, struct text_part word,
                           uint32_t among, enum word_case word_case, struct file_notes *notes,
                           uint32_t *id, struct error *err) MUST_CHECK;

#endif
