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
/* Splits at `separator`; fields are trimmed and may be empty (not for TEXT_BLANKS). Returns how
 * many there are, at most `room`: what is behind them is not looked at. */
size_t text_split(struct text_part line, char separator, struct text_part *fields, size_t room);
/* The id of a word as it stands, else lower-cased; only ids below `among` count (0 = all).
 * WORD_NONE if there is none. */
uint32_t text_find_word(const struct vocabulary *vocabulary, struct text_part word, uint32_t among);

#endif
