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

#endif
