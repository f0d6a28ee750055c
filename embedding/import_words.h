/* The words of rows that lie in another file than their numbers. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_IMPORT_WORDS_H
#define VECMILL_EMBEDDING_IMPORT_WORDS_H

#include "embedding/import_memory.h"
#include "embedding/import_target.h"

struct import_words {
    struct buffer text;          /* all words one after the other */
    struct buffer ends;          /* uint64_t each: where a word ends in it */
    struct buffer counts;        /* uint64_t each, or empty: not known */
    struct import_memory memory; /* what they take */
    uint64_t n;
};

/* Nothing yet; memory is counted by the budget of the target. */
void import_words_init(struct import_words *words, const struct import_target *target);
enum status import_words_add(struct import_words *words, const char *word, size_t length,
                             struct error *err) MUST_CHECK;
enum status import_words_count(struct import_words *words, uint64_t count,
                               struct error *err) MUST_CHECK;
/* Lines of a word each, or of a word, a tab and its count, as vocab.tsv has them; the count must be
 * there in all lines or in none. Errors: MALFORMED names the line. */
enum status import_words_read(struct import_words *words, const char *data, size_t length,
                              struct error *err) MUST_CHECK;
const char *import_word(const struct import_words *words, uint64_t i, size_t *length);
void import_words_clear(struct import_words *words);

/* A matrix as it lies in a file, row by row; numbers little-endian at any address. */
enum matrix_type { MATRIX_FLOAT16, MATRIX_BFLOAT16, MATRIX_FLOAT32, MATRIX_FLOAT64, MATRIX_INT8 };
struct import_matrix {
    const char *data;
    uint64_t rows, dim;
    enum matrix_type type;
    const char *scales; /* [rows] float32 by which the numbers of int8 are multiplied, or NULL */
};
size_t matrix_type_size(enum matrix_type type);
/* Keeps the rows with their words. Errors: MALFORMED when there are not as many of these as of
 * those; import_keep's. */
enum status import_matrix_take(struct import_target *target, const struct import_matrix *matrix,
                               const struct import_words *words, const char *format,
                               struct error *err) MUST_CHECK;
/* The array of a .npy file. Errors: MALFORMED; UNSUPPORTED for another kind of numbers or order. */
enum status import_npy_parse(const char *data, size_t length, struct import_matrix *matrix,
                             struct error *err) MUST_CHECK;

#endif
