/* What keeps a word from standing in a file as it is. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_WORD_SHAPE_H
#define VECMILL_EMBEDDING_WORD_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Holds ASCII white space, which ends a word of word2vec's formats. */
bool word_has_blank(const char *word, size_t length);
/* Holds a tab, line feed or carriage return, which end a field of a tab-separated file. */
bool word_has_separator(const char *word, size_t length);
/* Nothing but white space as JavaScript's trim() knows it: the projector skips such labels, and
 * would shift all that follow. */
bool word_is_blank(const char *word, size_t length);
/* A label of the projector cannot be it as it is: separators, no UTF-8, nothing but blanks. */
bool word_is_no_label(const char *word, size_t length);
/* No UTF-8, or with a NUL: JSON, PostgreSQL and Python's strings cannot hold it as it is. */
bool word_is_no_text(const char *word, size_t length);

#endif
