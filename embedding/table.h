/* What table.c shares with the model and its file. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_TABLE_H
#define VECMILL_EMBEDDING_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "embedding/embedding.h"

/* Index of the first of n_rows rows whose floats behind `columns` are not all zero bits; n_rows
 * when there is none. */
size_t padding_first_nonzero(const float *rows, size_t n_rows, uint32_t columns, size_t stride);

#endif
