/* The noise words of a block: scores, gradients, and the steps of their rows. */
#ifndef VECMILL_KERNEL_BLOCK_NOISE_H
#define VECMILL_KERNEL_BLOCK_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/block/block_layout.h"
#include "kernel/block/block_operands.h"
#include "kernel/block/block_product.h"
#include "kernel/block/block_scores.h"
#include "kernel/block/block_steps.h"
#include "kernel/block/block_tiles.h"
#include "kernel/vector.h"

/* ---- scores and gradients -------------------------------------------------------------------- */

/* Row k of the list, which goes on to a multiple of four with zeros. */
INLINE const float *noise_row(const struct block *b, uint32_t k) {
    return k < b->step->noise ? b->noise->rows[k] : b->chunk->zero;
}

#if DEPTH == 1
/* Lane r of all fours: a part of |row r|^2, the bias left out. */
static void square_noise_quad(struct block *b, uint32_t k, const float *const *rows) {
    struct kernel_workspace *ws = b->ws;
    size_t last = (size_t)(ws->vectors - 1) * WIDTH;
    ivec mask = last_vector_mask(b);
    vec square[4];
    for (uint32_t r = 0; r < 4; r++) {
        const float *row = rows[r];
        vec sum = vec_set(0.0f);
        for (size_t j = 0; j < last; j += WIDTH) {
            vec o = row_load(row + j);
            sum += o * o;
        }
        vec o = (vec)((ivec)row_load(row + last) & mask);
        square[r] = sum + o * o;
    }
    vec_store(ws->square + (size_t)k / 4 * WIDTH, four_sums(square));
}
#endif

/* Keeps the scores of four words from k on by the centres of n groups from centre t on. */
INLINE void noise_keep(struct block *b, uint32_t k, uint32_t t, const vec *s, const int n) {
    float *to = b->ws->g + (size_t)k / 4 * QUAD_CELLS + (size_t)t * 4;
    vec shift = four_spread_at(b->noise->shift + k);
    UNROLL_FOR(int i = 0; i < n; i++)
        vec_store(to + i * WIDTH, s[i] - shift);
}

/* Scores become gradients: a loop of its own, as band_gradients is. */
static void noise_gradients(struct block *b) {
    const struct kernel_workspace *ws = b->ws;
    bool by_cell = LOSS_BY_CELL(b->step->loss_kind);
    if (b->want_logits)
        memcpy(ws->logit, ws->g, sizeof(float) * QUAD_CELLS * ((b->step->noise + 3) / 4));
    for (uint32_t k = 0; by_cell && k < b->step->noise; k += 4) {
        float *g = ws->g + (size_t)k / 4 * QUAD_CELLS;
        vec weight = four_spread_at(b->noise->weight + k);
        UNROLL_FOR(uint32_t i = 0; i < QUAD_CELLS; i += WIDTH)
            vec_store(g + i,
                      weight * vec_load(b->weight_each + i) * gradient_sigmoid(vec_load(g + i)));
    }
}

static __attribute__((noinline)) void block_score_noise(struct block *b) {
    for (uint32_t k = 0; k < b->step->noise; k += 4) {
        vec s[SCORE_VECTORS];
        const float *row[4] = {noise_row(b, k), noise_row(b, k + 1), noise_row(b, k + 2),
                               noise_row(b, k + 3)};
#if DEPTH == 1
        const int rest = GROUPS % SCORE_VECTORS;
        uint32_t t = 0;
        square_noise_quad(b, k, row);
        for (; t + SCORE_VECTORS * GROUP <= KERNEL_BLOCK; t += SCORE_VECTORS * GROUP) {
            score_quad(b, row, t, s, SCORE_VECTORS);
            noise_keep(b, k, t, s, SCORE_VECTORS);
        }
        if (rest) {
            score_quad(b, row, t, s, rest);
            noise_keep(b, k, t, s, rest);
        }
#else
        vec square;
        pack_and_score(b, row, b->ws->o_steps + (size_t)k / DEPTH * b->step->stride, &square, 0, s,
                       GROUPS);
        vec_store(b->ws->square + (size_t)k / 4 * WIDTH, square);
        noise_keep(b, k, 0, s, GROUPS);
#endif
    }
    noise_gradients(b);
}

/* The gradients are final: their operands. With clipping block_clip_noise makes them. */
static __attribute__((noinline)) void block_round_gradients(struct block *b) {
    const struct kernel_workspace *ws = b->ws;
    for (size_t at = 0; at < (size_t)(b->step->noise + 3) / 4 * QUAD_CELLS; at += WIDTH)
        round_gradients(vec_load(ws->g + at), ws->g_inputs, ws->g_rows, at);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* o_k += c_k sum_t G_tk x_t for STEP_ROWS noise words. */
INLINE void noise_tile(struct block *b, uint32_t k, uint32_t from, const int n, const bool half) {
    size_t j = (size_t)from * WIDTH;
    struct steps sum;
    struct targets to = {.count = b->step->noise - k};
    for (uint32_t next = k; from == 0 && b->next && next < k + STEP_ROWS && next < b->step->noise;
         next++)
        PREFETCH_ROW(b->next->rows[next], b->step->stride);
    UNROLL_FOR(uint32_t r = 0; r < STEP_ROWS; r++) {
        uint32_t word = min(k + r, b->step->noise - 1);
        to.row[r] = b->noise->rows[word] + j;
        to.scale[r] = b->step->clip ? b->ws->scale[word] : 1.0f;
    }
    const float *g = b->ws->g_rows + (size_t)k / 4 * QUAD_CELLS / DEPTH;
    steps_clear(&sum, n, half);
    ROLL_FOR(uint32_t u = 0; u * DEPTH < b->n; u++)
        steps_add(&sum, input_operand(b, u) + j, g + (size_t)u * 4, 1, 0, 4, n, half);
    targets_add(&to, &sum, n, half);
}

static __attribute__((noinline)) void block_update_noise(struct block *b) {
    FOR_TILES(noise_tile, b, 0, b->step->noise)
}

#endif
