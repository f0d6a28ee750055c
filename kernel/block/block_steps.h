/* The micro-kernel of steps: four rows of one table move by sums over rows of the other one. The
 * register tile (struct steps) is STEP_ROWS rows of n vectors of columns; steps_add is its update
 * by one operand row. Functions take the n whole vectors and, when `half`, the half one behind
 * them. Operands are read by row_load, as in block_scores.h. */
#ifndef VECMILL_KERNEL_BLOCK_STEPS_H
#define VECMILL_KERNEL_BLOCK_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/block/block_layout.h"
#include "kernel/block/block_product.h"
#include "kernel/vector.h"

/* A register tile: sums of the steps of STEP_ROWS rows. */
struct steps {
    vec v[STEP_ROWS][STEP_VECTORS];
    halfvec tail[STEP_ROWS];
};

INLINE void steps_clear(struct steps *sum, const int n, const bool half) {
    UNROLL_FOR(int r = 0; r < STEP_ROWS; r++) {
        UNROLL_FOR(int i = 0; i < n; i++)
            sum->v[r][i] = vec_set(0.0f);
        if (half)
            sum->tail[r] = vec_lower(vec_set(0.0f));
    }
}

/* sum_r += g[r spread] row for r from `from` to `to` - 1, both operands */
INLINE void steps_add(struct steps *sum, const float *row, const float *g, const int spread,
                      const int from, const int to, const int n, const bool half) {
    vec v[STEP_VECTORS];
    halfvec tail = vec_lower(vec_set(0.0f));
    UNROLL_FOR(int i = 0; i < n; i++)
        v[i] = row_load(row + i * WIDTH);
    if (half)
        tail = row_load_half(row + n * WIDTH);
    UNROLL_FOR(int r = from; r < to; r++) {
        vec weight = vec_set(g[r * spread]);
        UNROLL_FOR(int i = 0; i < n; i++)
            sum->v[r][i] = multiply_add(sum->v[r][i], weight, v[i]);
        if (half)
            sum->tail[r] = multiply_add_half(sum->tail[r], vec_lower(weight), tail);
    }
}

/* row += scale sum_r */
INLINE void steps_store(const struct steps *sum, int r, float *row, float scale, const int n,
                        const bool half) {
    vec by = vec_set(scale);
    UNROLL_FOR(int i = 0; i < n; i++)
        row_store(row + i * WIDTH, row_load(row + i * WIDTH) + by * sum->v[r][i]);
    if (half)
        row_store_half(row + n * WIDTH,
                       row_load_half(row + n * WIDTH) + vec_lower(by) * sum->tail[r]);
}

/* The rows that take the sums, from the strip's first float on; rows from `count` on take none. */
struct targets {
    float *row[STEP_ROWS];
    float scale[STEP_ROWS];
    uint32_t count;
};

/* row_r += scale_r sum_r */
INLINE void targets_add(const struct targets *to, const struct steps *sum, const int n,
                        const bool half) {
    UNROLL_FOR(int r = 0; r < STEP_ROWS; r++)
        if ((uint32_t)r < to->count)
            steps_store(sum, r, to->row[r], to->scale[r], n, half);
}

/* row_r = scale_r sum_r */
INLINE void targets_keep(const struct targets *to, const struct steps *sum, const int n,
                         const bool half) {
    UNROLL_FOR(int r = 0; r < STEP_ROWS; r++) {
        vec by = vec_set(to->scale[r]);
        if ((uint32_t)r >= to->count)
            break;
        UNROLL_FOR(int i = 0; i < n; i++)
            vec_store(to->row[r] + i * WIDTH, by * sum->v[r][i]);
        if (half)
            row_store_half(to->row[r] + n * WIDTH, vec_lower(by) * sum->tail[r]);
    }
}

/* ---- operands of steps ----------------------------------------------------------------------- */

/* Input vector u, or the two vectors 2 u and 2 u + 1: what the steps of output rows sum over. */
INLINE const float *input_operand(const struct block *b, uint32_t u) {
    return b->ws->x_steps + u * b->step->stride;
}

/* Gradients of operand row u for the centres from t on, OPERANDS apart, in cells as g_inputs has
 * them. */
INLINE const float *input_gradients(const float *cells, uint32_t u, uint32_t t) {
    return cells + (size_t)(u / OPERANDS) * (QUAD_CELLS / DEPTH) + (size_t)t * OPERANDS +
           u % OPERANDS;
}

#endif
