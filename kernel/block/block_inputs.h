/* The steps of the input vectors, by their positives and by the noise words. */
#ifndef VECMILL_KERNEL_BLOCK_INPUTS_H
#define VECMILL_KERNEL_BLOCK_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/block/block_layout.h"
#include "kernel/block/block_positives.h"
#include "kernel/block/block_steps.h"
#include "kernel/block/block_tiles.h"
#include "kernel/vector.h"

/* Noise row u, or the two rows 2 u and 2 u + 1: what the steps of inputs sum over. */
INLINE const float *noise_operand(const struct block *b, uint32_t u) {
#if DEPTH == 1
    return b->noise->rows[u];
#else
    return b->ws->o_steps + u * b->step->stride;
#endif
}

/* The input's constant 1 of the bias column, in the last vector, learns nothing. */
INLINE void steps_mask(const struct block *b, struct steps *sum, int r, const int n,
                       const bool half) {
    ivec mask = last_vector_mask(b);
    if (half)
        sum->tail[r] = (halfvec)((half_ivec)sum->tail[r] & (half_ivec)vec_lower((vec)mask));
    else
        sum->v[r][n - 1] = (vec)((ivec)sum->v[r][n - 1] & mask);
}

/* x_t += e_t c_t (sum_p g_tp o_p + sum_k G_tk o_k) for STEP_ROWS centres; CBOW only keeps the step,
 * which its windows share: see block_spread_inputs. */
INLINE void inputs_tile(struct block *b, uint32_t t, uint32_t from, const int n, const bool half) {
    const struct kernel_workspace *ws = b->ws;
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    struct steps sum;
    struct targets to = {.count = b->n - t};
    UNROLL_FOR(uint32_t r = 0; r < STEP_ROWS; r++) {
        uint32_t centre = min(t + r, b->n - 1);
        to.row[r] = (b->step->cbow ? ws->d + centre * stride : b->chunk->input[b->at[centre]]) + j;
        to.scale[r] = b->x_scale[centre];
    }
    positives_of_inputs(b, &sum, t, j, n, half);
    ROLL_FOR(uint32_t u = 0, end = (b->step->noise + DEPTH - 1) / DEPTH; u < end; u++)
        steps_add(&sum, noise_operand(b, u) + j, input_gradients(ws->g_inputs, u, t), OPERANDS, 0,
                  4, n, half);
    if (from + (uint32_t)n + half == ws->vectors)
        UNROLL_FOR(int r = 0; r < STEP_ROWS; r++)
            steps_mask(b, &sum, r, n, half);
    if (b->step->cbow)
        targets_keep(&to, &sum, n, half);
    else
        targets_add(&to, &sum, n, half);
}

static __attribute__((noinline)) void block_update_inputs(struct block *b) {
    FOR_TILES(inputs_tile, b, 0, b->n)
}

#endif
