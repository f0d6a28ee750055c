/* The positives as a product of matrices, by the band of their cells: block_step.h has a picture.
 *
 * The contexts of a block are a list of output rows, those of each run from left to right. The
 * partners of a centre are neighbours in this list, so that the cells that are pairs lie in a band.
 * Scores are computed by quads and groups; cells outside of the band that are computed with the
 * others get the gradient zero. In a whole block row r belongs to the centres r - 2 window to r,
 * and the loops of the steps leave out what lies beyond these edges. CBOW's list has one row for
 * each centre, its own output row: block_cbow.h scores it, the steps here go along its diagonal. */
#ifndef VECMILL_KERNEL_BLOCK_POSITIVES_H
#define VECMILL_KERNEL_BLOCK_POSITIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/block/block_layout.h"
#include "kernel/block/block_open.h"
#include "kernel/block/block_operands.h"
#include "kernel/block/block_product.h"
#include "kernel/block/block_rows.h"
#include "kernel/block/block_scores.h"
#include "kernel/block/block_steps.h"
#include "kernel/block/block_tiles.h"
#include "kernel/vector.h"

/* ---- where the band lies --------------------------------------------------------------------- */

/* The list, and the place of each centre in it. */
static void band_open(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    uint32_t n = 0;
    for (uint32_t run = 0; run < b->runs; run++) {
        uint32_t low = run_low(b, run), high = run_high(b, run), offset = n - low;
        for (uint32_t t = b->run[run]; t < b->run[run + 1]; t++) {
            uint32_t self = b->at[t] + offset;
            b->band_low[t] = self - b->left[t], b->band_high[t] = self + b->right[t],
            b->band_self[t] = self;
        }
        for (uint32_t p = low; p <= high && low < high; p++, n++) {
            ws->context[n] = b->chunk->output[p];
            ws->context_shift[n] = b->chunk->shift[p];
        }
    }
    b->contexts = n;
}

/* The same of a whole block, and what band_bound finds: by rule, for loops whose length changes
 * with the window take 2% of a training. */
static void band_open_whole(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    uint32_t reach = 2 * b->window, low = b->at[0] - b->window;
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
        b->band_low[t] = t, b->band_self[t] = t + b->window, b->band_high[t] = t + reach;
    for (uint32_t group = 0; group < GROUPS; group++)
        b->quads_of[group] =
            (struct quad_range){group * GROUP / 4, (group * GROUP + GROUP - 1 + reach) / 4};
    b->contexts = KERNEL_BLOCK + reach;
    for (uint32_t r = 0; r < b->contexts; r += 4)
        ws->groups_of[r / 4] = (struct group_range){r > reach ? (r - reach) / GROUP : 0,
                                                    min((r + 3) / GROUP + 1, GROUPS)};
    memcpy(ws->context, b->chunk->output + low, b->contexts * sizeof *ws->context);
    memcpy(ws->context_shift, b->chunk->shift + low, b->contexts * sizeof *ws->context_shift);
}

/* The groups that reach quad q. */
static struct group_range band_groups(const struct block *b, uint32_t q) {
    struct group_range groups = {0, 0};
    for (uint32_t group = 0; group < GROUPS; group++) {
        if (b->quads_of[group].low > q || q > b->quads_of[group].high)
            continue;
        groups.first = groups.end ? groups.first : group;
        groups.end = group + 1;
    }
    return groups;
}

/* Which quads each group reaches. Centres by fours have the same quads. A centre without positives
 * reaches nothing; four of them lie where those before them end, so that the groups that reach a
 * quad are neighbours. */
static void band_bound(struct block *b) {
    struct quad_range quads = {1, 0};
    bool found = false; /* a centre with positives, among the four */
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        if (t % 4 == 0) {
            quads.low = quads.low <= quads.high ? quads.high : quads.low;
            found = false;
        }
        if (t >= b->n || b->start[t] == b->start[t + 1]) {
            b->band_low[t] = 1, b->band_high[t] = 0, b->band_self[t] = 0;
        } else {
            quads.low = found ? quads.low : b->band_low[t] / 4;
            quads.high = b->band_high[t] / 4;
            found = true;
        }
        for (uint32_t group = t / 4 * 4 / GROUP; group < (t / 4 + 1) * 4 / GROUP; group++)
            b->quads_of[group] = quads;
    }
    for (uint32_t q = 0; q * 4 < b->contexts; q++)
        b->ws->groups_of[q] = band_groups(b, q);
}

/* Fills the last quad up with zeros. */
static void band_close(struct block *b) {
    for (uint32_t i = b->contexts; i % 4 != 0; i++) {
        b->ws->context[i] = (float *)(uintptr_t)b->chunk->zero; /* only read */
        b->ws->context_shift[i] = 0;
    }
}

/* ---- scores ---------------------------------------------------------------------------------- */

/* Scores quad q of the list by n groups from `group` on; DEPTH 2 packs its rows, too. */
INLINE void band_quad(struct block *b, uint32_t q, uint32_t group, const int n) {
    struct kernel_workspace *ws = b->ws;
    float *to = ws->pair_logit + (size_t)q * QUAD_CELLS + (size_t)group * WIDTH;
    vec s[SCORE_VECTORS], shift = four_spread_at(ws->context_shift + (size_t)q * 4);
    float *const *list = ws->context + (size_t)q * 4;
    const float *row[4] = {list[0], list[1], list[2], list[3]};
#if DEPTH == 1
    score_quad(b, row, group * GROUP, s, n);
#else
    pack_and_score(b, row, ws->context_steps + (size_t)q * OPERANDS * b->step->stride, NULL,
                   group * GROUP, s, n);
#endif
    UNROLL_FOR(int i = 0; i < n; i++)
        vec_store(to + i * WIDTH, s[i] - shift);
}

static void band_score_quad(struct block *b, uint32_t q) {
    struct group_range groups = b->ws->groups_of[q];
    for (uint32_t group = groups.first, n; group < groups.end; group += n) {
        n = next_strip(groups.end - group, SCORE_VECTORS);
        switch (n) {
            STRIP_CASE(1, SCORE_VECTORS, band_quad, b, q, group)
            STRIP_CASE(2, SCORE_VECTORS, band_quad, b, q, group)
            STRIP_CASE(3, SCORE_VECTORS, band_quad, b, q, group)
            STRIP_CASE(4, SCORE_VECTORS, band_quad, b, q, group)
        }
    }
}

/* A number of each centre of a group, four times each. */
INLINE ivec spread_each(const uint32_t *of) {
#if WIDTH == 16
    return (ivec)_mm512_permutexvar_epi32(
        _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0),
        _mm512_castsi128_si512(*(const __m128i *)(const void *)of));
#elif WIDTH == 8
    int32_t a = (int32_t)of[0], b = (int32_t)of[1];
    return (ivec){a, a, a, a, b, b, b, b};
#else
    return (int32_t)of[0] - (ivec){0};
#endif
}

/* Gradients of the scores, zero outside of the band. A loop of its own: a sigmoid waits for itself,
 * and many at a time hide that. */
INLINE void band_gradients(struct block *b, bool by_cell) {
    static const int32_t row_of_quad[16] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3};
    struct kernel_workspace *ws = b->ws;
    /* A - B sigmoid(s) = A - B + B sigmoid(-s) */
    vec rate_b = vec_set(b->step->rate * b->step->positive_b);
    vec rest = vec_set(b->step->rate * (b->step->positive_a - b->step->positive_b));
    ivec row;
    memcpy(&row, row_of_quad, sizeof row);
    for (uint32_t group = 0; group < GROUPS; group++) {
        struct quad_range quads = b->quads_of[group];
        ivec low = spread_each(b->band_low + group * GROUP),
             high = spread_each(b->band_high + group * GROUP);
        ivec self = spread_each(b->band_self + group * GROUP);
        for (uint32_t q = quads.low; q <= quads.high; q++) {
            size_t at = (size_t)q * QUAD_CELLS + (size_t)group * WIDTH;
            ivec index = row + (int32_t)(q * 4);
            ivec pairs = (index >= low) & (index <= high) & (index != self);
            vec g = vec_set(0.0f);
            if (by_cell)
                g = rest + rate_b * gradient_sigmoid(-vec_load(ws->pair_logit + at));
            g = (vec)((ivec)g & pairs);
            vec_store(ws->pair_g + at, g);
            round_gradients(g, ws->pair_g_inputs, ws->pair_g_rows, at);
        }
    }
}

static __attribute__((noinline)) void block_score_positives(struct block *b) {
    uint32_t ahead = 0;
    if (b->whole) {
        band_open_whole(b);
    } else {
        band_open(b);
        band_bound(b);
    }
    band_close(b);
    for (uint32_t q = 0; q * 4 < b->contexts; q++) {
        for (; ahead < b->n && ahead * b->contexts < (q + 1) * 4 * b->n; ahead++)
            prefetch_ahead(b, b->chunk->input, b->chunk->output, ahead);
        band_score_quad(b, q);
    }
    band_gradients(b, LOSS_BY_CELL(b->step->loss_kind));
}

/* The gradients of the positives are final: their operands. CBOW's lie on the diagonal. */
static __attribute__((noinline)) void block_round_positives(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    for (uint32_t q = 0; q * 4 < b->contexts; q++) {
        size_t at = (size_t)q * QUAD_CELLS, end = at + QUAD_CELLS;
        if (b->step->cbow)
            at += (size_t)q * 16, end = at + 16;
        for (; at < end; at += WIDTH)
            round_gradients(vec_load(ws->pair_g + at), ws->pair_g_inputs, ws->pair_g_rows, at);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Operand rows, [at, end), whose products are summed for four rows, or four centres. ADD(u, from,
 * to) adds operand row u to the sums from `from` to `to` - 1. head: here is the band's left edge,
 * and the first OPERANDS - 1 of them belong to the first sums only. tail: here is its right edge,
 * and OPERANDS - 1 more, from `end` on, belong to the last sums only. CBOW has none but a
 * diagonal. */
struct operand_range {
    uint32_t at, end;
    bool head, tail;
};

#define ADD_DIAGONAL(at, ADD)                                     \
    do {                                                          \
        UNROLL_FOR(uint32_t d_ = 0; d_ < OPERANDS; d_++)          \
            ADD((at) / DEPTH + d_, d_ * DEPTH, (d_ + 1) * DEPTH); \
    } while (0)

#define ADD_RANGE(of, ADD)                                         \
    do {                                                           \
        struct operand_range range_ = of;                          \
        uint32_t u_ = range_.at;                                   \
        if (range_.head)                                           \
            UNROLL_FOR(uint32_t d_ = 1; d_ < OPERANDS; d_++, u_++) \
                ADD(u_, 0, d_ *DEPTH);                             \
        ROLL_FOR(; u_ < range_.end; u_++)                          \
            ADD(u_, 0, 4);                                         \
        if (range_.tail)                                           \
            UNROLL_FOR(uint32_t d_ = 1; d_ < OPERANDS; d_++, u_++) \
                ADD(u_, d_ *DEPTH, 4);                             \
    } while (0)

/* Output row u of the list, or the two rows 2 u and 2 u + 1: what the steps of inputs sum over. */
INLINE const float *context_operand(const struct block *b, uint32_t u) {
#if DEPTH == 1
    return b->ws->context[u];
#else
    return b->ws->context_steps + u * b->step->stride;
#endif
}

/* Of the rows that centres t to t + 3 reach. */
INLINE struct operand_range inputs_range(const struct block *b, uint32_t t) {
    struct quad_range quads = b->quads_of[t / GROUP];
    if (b->whole)
        return (struct operand_range){t / DEPTH, (t + 2 * b->window) / DEPTH + 1, true, true};
    return (struct operand_range){quads.low * OPERANDS, (quads.high + 1) * OPERANDS, false, false};
}

/* Of the centres that reach quad q. A head that is cut off on its left is none: its cells are zero
 * where they are not pairs. */
INLINE struct operand_range contexts_range(const struct block *b, uint32_t q) {
    uint32_t row = q * 4, reach = 2 * b->window;
    struct group_range groups = b->ws->groups_of[q];
    if (b->whole) {
        bool head = row >= reach && row - reach + 3 < KERNEL_BLOCK, tail = row < KERNEL_BLOCK;
        uint32_t first = row > reach ? row - reach : 0, end = tail ? row + 1 : KERNEL_BLOCK;
        return (struct operand_range){first / DEPTH, (end + DEPTH - 1) / DEPTH, head, tail};
    }
    return (struct operand_range){groups.first * GROUP / DEPTH,
                                  (min(groups.end * GROUP, b->n) + DEPTH - 1) / DEPTH, false,
                                  false};
}

/* The steps of centres t + r by their positives. */
INLINE void positives_of_inputs(const struct block *b, struct steps *sum, uint32_t t, size_t j,
                                const int n, const bool half) {
    const float *g = b->ws->pair_g_inputs;
    steps_clear(sum, n, half);
#define ADD(u, from, to)                                                                       \
    steps_add(sum, context_operand(b, u) + j, input_gradients(g, u, t), OPERANDS, (int)(from), \
              (int)(to), n, half)
    if (b->step->cbow)
        ADD_DIAGONAL(t, ADD);
    else
        ADD_RANGE(inputs_range(b, t), ADD);
#undef ADD
}

/* o_c += sum_t g_tc x_t for the rows of quad q. */
INLINE void contexts_tile(struct block *b, uint32_t row, uint32_t from, const int n,
                          const bool half) {
    uint32_t q = row / 4;
    const float *g = b->ws->pair_g_rows + (size_t)q * QUAD_CELLS / DEPTH;
    size_t j = (size_t)from * WIDTH;
    struct steps sum;
    struct targets to = {.count = b->contexts - row};
    UNROLL_FOR(uint32_t r = 0; r < STEP_ROWS; r++)
        to.row[r] = b->ws->context[row + r] + j, to.scale[r] = 1.0f;
    steps_clear(&sum, n, half);
#define ADD(u, first, last)                                                                      \
    steps_add(&sum, input_operand(b, u) + j, g + (size_t)(u)*4, 1, (int)(first), (int)(last), n, \
              half)
    if (b->step->cbow)
        ADD_DIAGONAL(row, ADD);
    else
        ADD_RANGE(contexts_range(b, q), ADD);
#undef ADD
    targets_add(&to, &sum, n, half);
}

static __attribute__((noinline)) void block_update_contexts(struct block *b) {
    FOR_TILES(contexts_tile, b, 0, b->contexts)
}

#endif
