/* Packing: how rows and gradients become operands of products of matrices.
 *
 * A vector is cut into fours of lanes, one four for each centre of a group. A score is summed in
 * the four of its centre, against four lanes of an output row that are broadcast to all fours, and
 * the sums of four rows end in one vector: lane r of four i belongs to row r and centre i. So a
 * table of cells is [rows / 4][16 centres][4 rows] at any WIDTH. This takes fewer shuffles than a
 * transpose of the inputs, and a broadcast serves several vectors, where broadcasts of single
 * numbers would take more loads than the products have cycles. */
#ifndef VECMILL_KERNEL_BLOCK_OPERANDS_H
#define VECMILL_KERNEL_BLOCK_OPERANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/block/block_layout.h"
#include "kernel/block/block_product.h"
#include "kernel/vector.h"

/* ---- fours of lanes -------------------------------------------------------------------------- */

/* Of each four of two vectors: the lower or the upper one of each two lanes, put side by side; the
 * lower or the upper two lanes. Of two vectors: their even fours, their odd fours. */
#if WIDTH == 4
#define LOW_ONES(a, b) SHUFFLE(a, b, 0, 4, 1, 5)
#define HIGH_ONES(a, b) SHUFFLE(a, b, 2, 6, 3, 7)
#define LOW_TWOS(a, b) SHUFFLE(a, b, 0, 1, 4, 5)
#define HIGH_TWOS(a, b) SHUFFLE(a, b, 2, 3, 6, 7)
#elif WIDTH == 8
#define LOW_ONES(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH_ONES(a, b) SHUFFLE(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_TWOS(a, b) SHUFFLE(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_TWOS(a, b) SHUFFLE(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define EVEN_FOURS(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define ODD_FOURS(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#else
#define LOW_ONES(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH_ONES(a, b) SHUFFLE(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_TWOS(a, b) SHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH_TWOS(a, b) SHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define EVEN_FOURS(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD_FOURS(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#endif

INLINE four four_load(const float *p) {
    four v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void four_store(float *p, four v) {
    memcpy(p, &v, sizeof v);
}

/* The same in every four of a vector. */
INLINE vec four_spread(four v) {
#if WIDTH == 16
    return (vec)_mm512_broadcast_f32x4((__m128)v);
#elif WIDTH == 8
    return SHUFFLE(v, v, 0, 1, 2, 3, 0, 1, 2, 3);
#else
    return v;
#endif
}

INLINE vec four_spread_at(const float *p) {
#if WIDTH == 8
    /* gcc 12 makes a shuffle of the other form */
    return (vec)_mm256_broadcast_ps((const __m128 *)(const void *)p);
#else
    return four_spread(four_load(p));
#endif
}

/* Lane r: the sum of lanes r of all fours. */
INLINE four four_fold(vec v) {
#if WIDTH == 16
    typedef float eight __attribute__((vector_size(32)));
    eight half =
        SHUFFLE(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + SHUFFLE(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    return SHUFFLE(half, half, 0, 1, 2, 3) + SHUFFLE(half, half, 4, 5, 6, 7);
#elif WIDTH == 8
    return SHUFFLE(v, v, 0, 1, 2, 3) + SHUFFLE(v, v, 4, 5, 6, 7);
#else
    return v;
#endif
}

/* Lane r of each four: the sum of that four of v[r]. */
INLINE vec four_sums(const vec v[4]) {
    vec a = LOW_ONES(v[0], v[1]) + HIGH_ONES(v[0], v[1]);
    vec b = LOW_ONES(v[2], v[3]) + HIGH_ONES(v[2], v[3]);
    return LOW_TWOS(a, b) + HIGH_TWOS(a, b);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Vector `v` of the operand that a row of floats becomes. */
INLINE vec operand_row(const float *row, uint32_t v, uint32_t vectors) {
#if DEPTH == 1
    (void)vectors;
    return row_load(row + v * WIDTH);
#else
    const float *two = row + v * 2 * WIDTH;
    return round_row(row_load(two), 2 * v + 1 < vectors ? row_load(two + WIDTH) : vec_set(0.0f));
#endif
}

/* Keeps n vectors of a row as an operand. */
INLINE void operand_store(float *to, const vec *row, const int n) {
    UNROLL_FOR(int v = 0; v < n; v += DEPTH) {
#if DEPTH == 1
        vec_store(to + v * WIDTH, row[v]);
#else
        vec_store(to + v / 2 * WIDTH, round_row(row[v], v + 1 < n ? row[v + 1] : vec_set(0.0f)));
#endif
    }
}

#if DEPTH == 2
/* Vector v of four rounded rows, as two operand rows of steps: lane j holds column j of two rows,
 * interleaved. */
INLINE void interleaved_store(float *to, size_t stride, const vec *o, uint32_t v,
                              uint32_t vectors) {
    UNROLL_FOR(int r = 0; r < 4; r += 2) {
        float *at = to + (size_t)r / 2 * stride + (size_t)v * 2 * WIDTH;
        vec_store(at, interleave_low(o[r], o[r + 1]));
        if (2 * v + 1 < vectors)
            vec_store(at + WIDTH, interleave_high(o[r], o[r + 1]));
    }
}
#endif

/* ---- the input vectors ----------------------------------------------------------------------- */

/* Four i of v[q] becomes four q of v[i]. */
INLINE void exchange_fours(vec v[GROUP]) {
#if WIDTH == 16
    vec even_low = EVEN_FOURS(v[0], v[1]), even_high = EVEN_FOURS(v[2], v[3]);
    vec odd_low = ODD_FOURS(v[0], v[1]), odd_high = ODD_FOURS(v[2], v[3]);
    v[0] = EVEN_FOURS(even_low, even_high), v[2] = ODD_FOURS(even_low, even_high);
    v[1] = EVEN_FOURS(odd_low, odd_high), v[3] = ODD_FOURS(odd_low, odd_high);
#elif WIDTH == 8
    vec even = EVEN_FOURS(v[0], v[1]);
    v[1] = ODD_FOURS(v[0], v[1]);
    v[0] = even;
#else
    (void)v;
#endif
}

/* The input vectors as operands: the micro-panel of scores, the rows of steps; and their squares.
 * CBOW's are operands already. */
INLINE void pack_inputs(struct block *b, const bool cbow) {
    struct kernel_workspace *ws = b->ws;
    for (uint32_t t = 0; t < KERNEL_BLOCK; t += GROUP) {
        vec square[GROUP] = {{0}};
        for (uint32_t i = 0; i * WIDTH < ws->lanes; i++) {
            vec v[GROUP];
            UNROLL_FOR(uint32_t c = 0; c < GROUP; c++)
                v[c] = cbow ? vec_load(ws->x + (t + c) * b->step->stride + (size_t)i * WIDTH)
                            : operand_row(b->x[t + c], i, ws->vectors);
#if DEPTH == 2
            interleaved_store(ws->x_steps + t / 2 * b->step->stride, b->step->stride, v, i,
                              ws->vectors);
#endif
            exchange_fours(v);
            float *to = ws->x_panel + (size_t)i * GROUP * QUAD_CELLS + (size_t)t * 4;
            UNROLL_FOR(int c = 0; c < GROUP; c++) {
                vec_store(to + c * QUAD_CELLS, v[c]);
                square[c] = multiply_add(square[c], v[c], v[c]);
            }
        }
        UNROLL_FOR(int c = 1; c < GROUP; c++)
            square[0] += square[c];
        vec same[4] = {square[0], square[0], square[0], square[0]};
        vec_store(b->x_square + (size_t)t * 4, four_sums(same));
    }
#if DEPTH == 1
    float *to = ws->x_steps;
    size_t stride = b->step->stride, used = ws->vectors * WIDTH;
    for (uint32_t t = 0; t < KERNEL_BLOCK && !cbow; t++, to += stride) {
        const float *x = b->x[t];
        UNROLL_SOME_FOR(size_t j = 0; j < used; j += WIDTH)
            vec_store(to + j, row_load(x + j));
    }
#endif
}

static __attribute__((noinline)) void block_pack_inputs(struct block *b) {
    if (b->step->cbow)
        pack_inputs(b, true);
    else
        pack_inputs(b, false);
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* Gradients, a vector of cells, as operands: for the steps of the inputs, [16 centres][4 / DEPTH],
 * and of the output rows, [16 / DEPTH][4]; `at` is where the tables of cells have them. With DEPTH
 * 1 they are the cells themselves. */
INLINE void round_gradients(vec g, float *for_inputs, float *for_rows, size_t at) {
#if DEPTH == 1
    (void)g, (void)for_inputs, (void)for_rows, (void)at;
#else
    typedef int16_t half __attribute__((vector_size(32), may_alias));
    half v = (half)_mm512_cvtneps_pbh((__m512)g);
    *(half *)(void *)(for_inputs + at / 2) = v;
    *(half *)(void *)(for_rows + at / 2) =
        SHUFFLE(v, v, 0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
#endif
}

#endif
