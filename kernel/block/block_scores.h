/* The micro-kernel of scores: four output rows against the centres of n groups, one pass over the
 * columns. The register tile is n vectors for each row; the micro-panel x_panel stays in the
 * cache while the rows go by. Operands are read by row_load, which the compiler cannot see through:
 * else it would read them again for each product. */
#ifndef VECMILL_KERNEL_BLOCK_SCORES_H
#define VECMILL_KERNEL_BLOCK_SCORES_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/block/block_layout.h"
#include "kernel/block/block_operands.h"
#include "kernel/block/block_product.h"
#include "kernel/vector.h"

#if DEPTH == 1
/* scores: [n] vectors, the cells of four rows and the centres of n groups from centre t on. */
INLINE void score_quad(const struct block *b, const float *const *row, uint32_t t, vec *scores,
                       const int n) {
    const float *x = b->ws->x_panel + (size_t)t * 4;
    vec sum[SCORE_VECTORS][4];
    UNROLL_FOR(int i = 0; i < n; i++)
        UNROLL_FOR(int r = 0; r < 4; r++)
            sum[i][r] = vec_set(0.0f);
    for (uint32_t f = 0; f < b->ws->fours; f++, x += QUAD_CELLS) {
        vec column[SCORE_VECTORS];
        UNROLL_FOR(int i = 0; i < n; i++)
            column[i] = row_load(x + i * WIDTH);
        UNROLL_FOR(int r = 0; r < 4; r++) {
            vec value = row_spread_four(row[r] + (size_t)f * 4);
            UNROLL_FOR(int i = 0; i < n; i++)
                sum[i][r] = multiply_add(sum[i][r], column[i], value);
        }
    }
    UNROLL_FOR(int i = 0; i < n; i++)
        scores[i] = four_sums(sum[i]);
}
#else
INLINE vec nth_four(vec v, int n) {
    return n == 0   ? (vec)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0x00)
           : n == 1 ? (vec)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0x55)
           : n == 2 ? (vec)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0xaa)
                    : (vec)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0xff);
}

/* The same, and packs the four rows in the same pass. steps: [2][stride], the rows as operand of
 * the inputs' steps. square: NULL, or lane r of all fours becomes a part of |row r|^2, the bias
 * left out. */
INLINE void pack_and_score(const struct block *b, const float *const *row, float *steps,
                           vec *square, uint32_t t, vec *scores, const int n) {
    const struct kernel_workspace *ws = b->ws;
    const float *x = ws->x_panel + (size_t)t * 4;
    vec sum[SCORE_VECTORS][4], squares[4];
    UNROLL_FOR(int r = 0; r < 4; r++) {
        squares[r] = vec_set(0.0f);
        UNROLL_FOR(int i = 0; i < n; i++)
            sum[i][r] = vec_set(0.0f);
    }
    for (uint32_t v = 0, left = ws->fours; v < ws->vectors;
         v += 2, x += 4 * QUAD_CELLS, left -= 4) {
        vec o[4];
        UNROLL_FOR(int r = 0; r < 4; r++)
            o[r] = operand_row(row[r], v / 2, ws->vectors);
        interleaved_store(steps, b->step->stride, o, v / 2, ws->vectors);
        UNROLL_FOR(int f = 0; f < 4; f++) {
            vec value[4];
            UNROLL_FOR(int r = 0; r < 4; r++)
                value[r] = nth_four(o[r], f);
            UNROLL_FOR(int i = 0; i < n; i++) {
                vec column = row_load(x + (size_t)f * QUAD_CELLS + i * WIDTH);
                UNROLL_FOR(int r = 0; r < 4; r++)
                    sum[i][r] = multiply_add(sum[i][r], column, value[r]);
            }
            if ((uint32_t)f + 1 == left)
                break;
        }
        if (square && v + 2 >= ws->vectors) {
            ivec mask = last_operand_mask(b);
            UNROLL_FOR(int r = 0; r < 4; r++)
                o[r] = (vec)((ivec)o[r] & mask);
        }
        UNROLL_FOR(int r = 0; square && r < 4; r++)
            squares[r] = multiply_add(squares[r], o[r], o[r]);
    }
    if (square)
        *square = four_sums(squares);
    UNROLL_FOR(int i = 0; i < n; i++)
        scores[i] = four_sums(sum[i]);
}
#endif

#endif
