/* CBOW: what differs from skip-gram. The input vector of a centre is the mean of its window's input
 * rows, its one positive is its own output row, and every input row of the window takes the step
 * that is its share: see f_t in train_step.h. */
#ifndef VECMILL_KERNEL_BLOCK_CBOW_H
#define VECMILL_KERNEL_BLOCK_CBOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/block/block_layout.h"
#include "kernel/block/block_open.h"
#include "kernel/block/block_operands.h"
#include "kernel/block/block_product.h"
#include "kernel/block/block_rows.h"
#include "kernel/block/block_tiles.h"
#include "kernel/vector.h"

/* ---- windows: their means, their steps ------------------------------------------------------- */

/* A stage that takes one run after the other, a strip of its rows at a time. */
#define RUN_STAGE(name, strip)                                                             \
    static __attribute__((noinline)) void name(struct block *b) {                          \
        for (uint32_t run = 0; run < b->runs; run++)                                       \
            for (uint32_t from = 0; from < b->ws->vectors; from += ROW_VECTORS)            \
                STRIP_SWITCH(strip, b, run, from, min(ROW_VECTORS, b->ws->vectors - from)) \
    }

/* sum += g row */
INLINE void add_row(vec *sum, const float *row, float g, const int n) {
    vec weight = vec_set(g);
    UNROLL_FOR(int i = 0; i < n; i++)
        sum[i] += weight * row_load(row + i * WIDTH);
}

/* The means of a run's windows: n vectors of them from `from` on, which is even. */
INLINE void means_strip(struct block *b, uint32_t run, uint32_t from, const int n) {
    float *const *input = b->chunk->input;
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    /* of the window and its centre, moved on from centre to centre */
    vec all[ROW_VECTORS] = {{0}};
    uint32_t low = run_low(b, run), next = low; /* all holds [low, next) */
    for (uint32_t t = b->run[run]; t < b->run[run + 1]; t++) {
        uint32_t at = b->at[t], context = b->left[t] + b->right[t];
        if (from == 0)
            prefetch_ahead(b, b->chunk->output, input, t);
        for (; next <= at + b->right[t]; next++)
            add_row(all, input[next] + j, 1.0f, n);
        for (; low < at - b->left[t]; low++)
            add_row(all, input[low] + j, -1.0f, n);
        vec share = vec_set(context ? 1.0f / (float)context : 0.0f), mean[ROW_VECTORS];
        UNROLL_FOR(int v = 0; v < n; v++)
            mean[v] = (all[v] - row_load(input[at] + j + v * WIDTH)) * share;
        operand_store(b->ws->x + t * stride + j / DEPTH, mean, n);
    }
}

/* Every input row of a window takes its centre's step, which f_t has scaled. */
INLINE void spread_strip(struct block *b, uint32_t run, uint32_t from, const int n) {
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    uint32_t first = b->run[run], end = b->run[run + 1], centre = first - b->at[first],
             low = b->at[first], next = low;
    const float *d = b->ws->d + j;
    vec all[ROW_VECTORS] = {{0}}; /* of the centres [low, next) that reach c, c itself included */
    for (uint32_t c = run_low(b, run); c <= run_high(b, run); c++) {
        struct partners near = context_partners(b, run, c);
        float *row = b->chunk->input[c] + j;
        vec rate = vec_set(b->chunk->rate[c]);
        bool self = c >= b->at[first] && c <= b->at[end - 1];
        for (; next <= near.high; next++)
            add_row(all, d + (centre + next) * stride, 1.0f, n);
        for (; low < near.low; low++)
            add_row(all, d + (centre + low) * stride, -1.0f, n);
        UNROLL_FOR(int i = 0; i < n; i++) {
            vec own = self ? vec_load(d + (centre + c) * stride + i * WIDTH) : vec_set(0.0f);
            row_store(row + i * WIDTH, row_load(row + i * WIDTH) + rate * (all[i] - own));
        }
    }
}

RUN_STAGE(windows_means, means_strip)
RUN_STAGE(block_spread_inputs, spread_strip)

static void block_means(struct block *b) {
    size_t stride = b->step->stride;
    windows_means(b);
    memset(b->ws->x + b->n * stride, 0, (KERNEL_BLOCK - b->n) * stride * sizeof(float));
}

/* ---- the positive: the centre's own output row ----------------------------------------------- */

/* Four rows as operands, and the products of each with its centre's mean, unsummed. */
INLINE void centres_quad(struct block *b, uint32_t q, vec *sum) {
    struct kernel_workspace *ws = b->ws;
    size_t stride = b->step->stride;
    const float *x = ws->x + q * 4 * stride;
    UNROLL_FOR(int r = 0; r < 4; r++)
        sum[r] = vec_set(0.0f);
    for (uint32_t v = 0; v * WIDTH < ws->lanes; v++, x += WIDTH) {
        vec o[4];
        UNROLL_FOR(int r = 0; r < 4; r++) {
            o[r] = operand_row(ws->context[q * 4 + (uint32_t)r], v, ws->vectors);
            sum[r] = multiply_add(sum[r], vec_load(x + (size_t)r * stride), o[r]);
        }
#if DEPTH == 2
        interleaved_store(ws->context_steps + q * 2 * stride, stride, o, v, ws->vectors);
#endif
    }
}

/* Scores and gradients of the diagonal; the other cells that lie in a vector with it stay zero, as
 * the workspace was. */
static __attribute__((noinline)) void block_score_centres(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    _Alignas(64) float score[KERNEL_BLOCK], g[KERNEL_BLOCK] = {0};
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        /* only read */
        ws->context[t] = t < b->n ? b->chunk->output[b->at[t]] : (float *)(uintptr_t)b->chunk->zero;
        ws->context_shift[t] = t < b->n ? b->chunk->shift[b->at[t]] : 0.0f;
    }
    b->contexts = b->n;
    for (uint32_t q = 0; q < KERNEL_BLOCK / 4; q++) {
        vec sum[4];
        centres_quad(b, q, sum);
        four_store(score + q * 4, four_fold(four_sums(sum)) - four_load(ws->context_shift + q * 4));
    }
    vec rate_b = vec_set(b->step->rate * b->step->positive_b);
    vec rest = vec_set(b->step->rate * (b->step->positive_a - b->step->positive_b));
    for (uint32_t t = 0; t < KERNEL_BLOCK && LOSS_BY_CELL(b->step->loss_kind); t += WIDTH)
        vec_store(g + t, rest + rate_b * gradient_sigmoid(-vec_load(score + t)));
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        ws->pair_logit[cell_at(t, t)] = score[t];
        ws->pair_g[cell_at(t, t)] = t < b->n && b->start[t] < b->start[t + 1] ? g[t] : 0.0f;
    }
}

#endif
