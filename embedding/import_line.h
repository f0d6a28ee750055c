/* One line of a text file of vectors: a word, then numbers with spaces or tabs between them.
 * Private to embedding/. */
#ifndef VECMILL_EMBEDDING_IMPORT_LINE_H
#define VECMILL_EMBEDDING_IMPORT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define LONGEST_WORD 65536 /* bytes; a bound on what a hostile file can make us hold */

/* The length of a line without the spaces, tabs and carriage returns at its end. */
size_t line_trim(const char *line, size_t length);
/* How many fields at the end of a line are finite numbers, its first field left out: its word is at
 * least that. */
size_t line_values(const char *line, const char *end);
/* The line_values that most of the first lines of [data, end) have, of those that have any; the
 * earlier of two as frequent ones; 0 when none has. */
size_t lines_dim(const char *data, const char *end);
/* The last dim fields are the vector [dim]; what stands before is the word, which ends at the last
 * space or tab before them and may hold others. Its length is 0 where nothing stands there. Spaces
 * and tabs at the word's end are not part of it, unless it has nothing else. `number`: of the line,
 * for messages. Errors: MALFORMED for fewer fields, for one that is no number, for more numbers
 * than dim. */
enum status line_parse(const char *line, const char *end, size_t dim, uint64_t number,
                       float *vector, const char **word, size_t *length,
                       struct error *err) MUST_CHECK;
/* Why the first line of a file is no row. */
enum status line_explain(const char *line, const char *end, struct error *err) MUST_CHECK;
/* Whether a word is a number with a point, a sign or an exponent: no name for anything. */
bool word_is_real(const char *word, size_t length);

#endif
