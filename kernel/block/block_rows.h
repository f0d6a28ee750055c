/* Whole rows: those to fetch ahead, and those that other threads share. */
#ifndef VECMILL_KERNEL_BLOCK_ROWS_H
#define VECMILL_KERNEL_BLOCK_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/block/block_layout.h"
#include "kernel/vector.h"

/* Rows of the block after this one, two for each centre: spread over the work, where a burst would
 * wait. Its noise rows are fetched by block_update_noise. */
INLINE void prefetch_ahead(const struct block *b, float *const *centre, float *const *context,
                           uint32_t t) {
    uint32_t at = b->at[t] + KERNEL_BLOCK;
    if (at + b->step->window >= b->chunk->length)
        return;
    PREFETCH_ROW(centre[at], b->step->stride);
    PREFETCH_ROW(context[at + b->step->window], b->step->stride);
}

static void block_merge(float *row, float *own, float *base, float share, size_t stride) {
    for (size_t j = 0; j < stride; j += WIDTH) {
        vec merged = row_load(row + j) + vec_set(share) * (vec_load(own + j) - vec_load(base + j));
        row_store(row + j, merged);
        vec_store(own + j, merged);
        vec_store(base + j, merged);
    }
}

static bool block_row_is_finite(const float *row, size_t stride) {
    ivec bad = {0};
    for (size_t j = 0; j < stride; j += WIDTH)
        bad |= (ivec)(((ivec)row_load(row + j) & 0x7f800000) == 0x7f800000);
    for (int i = 0; i < WIDTH; i++)
        if (bad[i])
            return false;
    return true;
}

static void block_row_copy(const float *row, float *copy, size_t stride) {
    for (size_t j = 0; j < stride; j += WIDTH)
        vec_store(copy + j, row_load(row + j));
}

#endif
