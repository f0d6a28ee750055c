/* Words and vectors collected while a file streams by. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_IMPORT_ROWS_H
#define VECMILL_EMBEDDING_IMPORT_ROWS_H

#include "base/buffer.h"
#include "embedding/embedding.h"

/* Rows lie in blocks, so that nothing is moved while they grow and each block can be let go once it
 * is in the table. */
struct import_rows {
    uint32_t n;
    size_t dim;         /* set before the first row */
    struct buffer text; /* all words one after the other */
    uint64_t *offsets;  /* [n + 1] */
    size_t offsets_room;
    uint64_t *counts; /* [n], or NULL: not known */
    size_t counts_room;
    float **blocks; /* [n_blocks] of block_rows rows each */
    size_t n_blocks, blocks_room, block_rows;
    uint64_t expected; /* rows that a header promised, 0 = no header; set before the first row */
    struct grant
        memory; /* what the rows take, and the model made of them; the budget is set before */
};

/* Bytes that n words of `text` bytes in all, and room for `rows` of dim values, take while they
 * become a model. */
uint64_t import_rows_bytes(uint64_t n, uint64_t text, uint64_t rows, size_t dim);
/* Room for the vector of one more row; the caller fills it and then calls import_rows_add. */
enum status import_rows_reserve(struct import_rows *rows, float **vector,
                                struct error *err) MUST_CHECK;
enum status import_rows_add(struct import_rows *rows, const char *word, size_t length,
                            struct error *err) MUST_CHECK;
/* The count of the row added last. Either each row gets one, or none. */
enum status import_rows_count(struct import_rows *rows, uint64_t count,
                              struct error *err) MUST_CHECK;
/* Drops the rows of words that stand further up; ids close ranks. Counts them, and names the first
 * few, in info. */
enum status import_rows_drop_duplicates(struct import_rows *rows, struct model_info *info,
                                        struct error *err) MUST_CHECK;
/* Moves the rows into a vocabulary and a table. Counts that do not fall are left out. Owns: the
 * caller frees both, also on failure. */
enum status import_rows_finish(struct import_rows *rows, struct vocabulary **vocabulary,
                               struct table **table, struct error *err) MUST_CHECK;
void import_rows_clear(struct import_rows *rows);

#endif
