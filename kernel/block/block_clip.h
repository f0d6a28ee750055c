/* Update clipping: bounds on the step of a row (train_step.h has the formulas).
 *
 * A step on a row with gradient sum_c G_c x_c is stable while its curvature, about sum_c |G_c|
 * |x_c|^2, stays below 2. Steps of one block all start from the same stale row, so that a word
 * which stands in it many times can exceed that, and the row blows up. */
#ifndef VECMILL_KERNEL_BLOCK_CLIP_H
#define VECMILL_KERNEL_BLOCK_CLIP_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/block/block_layout.h"
#include "kernel/block/block_open.h"
#include "kernel/block/block_operands.h"
#include "kernel/vector.h"

/* ---- words that stand often in the block ----------------------------------------------------- */

/* m_t, and the discount d_t of a centre that stands often in its block: every copy would take a
 * full step from the same stale row, and the sum of them diverges ("if if if if switch if"). */
static void block_count_repeats(struct block *b) {
    _Alignas(64) int32_t id[KERNEL_BLOCK];
    if (b->whole)
        memcpy(id, b->chunk->ids + b->at[0], sizeof id);
    for (uint32_t t = 0; t < KERNEL_BLOCK && !b->whole; t++)
        id[t] = t < b->n ? (int32_t)b->chunk->ids[b->at[t]] : -2 - (int32_t)t;
    ivec same[CENTRE_VECTORS] = {{0}};
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
        UNROLL_FOR(int l = 0; l < CENTRE_VECTORS; l++)
            same[l] -= (ivec)(*(const ivec *)(const void *)(id + l * WIDTH) == (id[t] - (ivec){0}));
    float limit = b->step->clip_repeat;
    float max = 0;
    for (int l = 0; l < CENTRE_VECTORS; l++) {
        vec_store(b->multiple + l * WIDTH, __builtin_convertvector(same[l], vec));
        vec_store(b->discount + l * WIDTH, vec_set(1.0f));
    }
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
        max = b->multiple[t] > max ? b->multiple[t] : max;
    b->repeated = max > limit;
    for (uint32_t t = 0; b->repeated && t < b->n; t++)
        b->discount[t] = limit / fmaxf(b->multiple[t], limit);
}

/* A pair learns less when its centre, or its context word, stands often in the block. How often a
 * word stands among the centres tells how often its output row is a positive, too. */
static __attribute__((noinline)) void block_discount_positives(struct block *b) {
    float *g = b->ws->pair_g;
    for (uint32_t t = 0; t < b->n; t++) {
        const float *row = b->chunk->output[b->at[t]];
        bool first = true; /* of the centres that are its word */
        if (b->discount[t] == 1.0f)
            continue;
        for (uint32_t u = 0; u < t && first; u++)
            first = b->chunk->output[b->at[u]] != row;
        for (uint32_t i = 0; i < b->start[t + 1] - b->start[t]; i++)
            g[pair_at(b, t, i)] *= b->discount[t];
        for (uint32_t c = 0; first && !b->step->cbow && c < b->contexts; c++)
            for (uint32_t u = 0; b->ws->context[c] == row && u < KERNEL_BLOCK; u++)
                g[cell_at(c, u)] *= b->discount[t];
    }
}

/* CBOW's M_t without f_t. An input row takes a step for each window of the block that holds its
 * word; this is the mean of these numbers over the words of window t. */
static __attribute__((noinline)) void block_count_windows(struct block *b) {
    float *windows = b->ws->windows, *sums = b->ws->window_sums;
    uint32_t *words = b->ws->window_words, n = 0;
    for (uint32_t run = 0; run < b->runs; run++)
        for (uint32_t c = run_low(b, run); c <= run_high(b, run); c++, n++) {
            struct partners near = context_partners(b, run, c);
            bool self = near.low <= c && c <= near.high;
            words[n] = b->chunk->ids[c];
            windows[n] = (float)(near.high - near.low + 1 - self);
        }
    for (uint32_t i = 0; i < n; i++) {
        float sum = 0;
        for (uint32_t k = 0; k < n; k++)
            sum += words[k] == words[i] ? windows[k] : 0.0f;
        sums[i] = sum;
    }
    for (uint32_t run = 0, first = 0; run < b->runs; run++) {
        for (uint32_t t = b->run[run]; t < b->run[run + 1]; t++) {
            const float *own = sums + first + (b->at[t] - run_low(b, run));
            uint32_t context = b->left[t] + b->right[t];
            float sum = 0;
            for (uint32_t i = 1; i <= b->left[t]; i++)
                sum += *(own - i);
            for (uint32_t i = 1; i <= b->right[t]; i++)
                sum += own[i];
            b->multiple[t] = context ? sum / (float)context : 1.0f;
        }
        first += run_high(b, run) - run_low(b, run) + 1;
    }
}

/* ---- curvature ------------------------------------------------------------------------------- */

/* Output row k is scaled back by its curvature over the centres, times how often k stands in the
 * draw. Sums the curvature of the centres on the way, and makes the operands of the gradients,
 * which are final. */
static __attribute__((noinline)) void block_clip_noise(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    vec curvature[GROUPS] = {{0}};
    for (uint32_t k = 0; k < b->step->noise; k += 4) {
        vec row = vec_set(0.0f),
            norm = four_spread(four_fold(vec_load(ws->square + (size_t)k / 4 * WIDTH)));
        size_t at = (size_t)k / 4 * QUAD_CELLS;
        UNROLL_FOR(size_t i = 0; i < GROUPS; i++) {
            vec cells = vec_load(ws->g + at + i * WIDTH);
            round_gradients(cells, ws->g_inputs, ws->g_rows, at + i * WIDTH);
            row -= cells * vec_load(b->x_square + i * WIDTH);
            curvature[i] -= cells * norm;
        }
        four_store(ws->scale + k, four_fold(row));
    }
    UNROLL_FOR(int i = 0; i < GROUPS; i++)
        vec_store(b->curvature_each + i * WIDTH, curvature[i]);
    vec limit = vec_set(b->step->clip_output);
    for (uint32_t k = 0; k < b->step->noise; k += WIDTH) {
        vec row = vec_load(ws->scale + k) * vec_load_unaligned(b->noise->repeat + k);
        vec_store(ws->scale + k, limit / vec_max(row, limit));
    }
}

/* Centre t is scaled back by its curvature over the noise words, times M_t. */
static void block_clip_inputs(struct block *b) {
    if (b->step->cbow && b->repeated)
        block_count_windows(b);
    for (uint32_t t = 0; b->step->cbow && t < b->n; t++)
        b->multiple[t] =
            b->repeated ? b->multiple[t] * words_share(b, t) : (float)(b->step->window + 1);
    vec limit = vec_set(b->step->clip_input);
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        const float *each = b->curvature_each + (size_t)t * 4;
        b->curvature[t] = (each[0] + each[1]) + (each[2] + each[3]);
    }
    UNROLL_FOR(int l = 0; l < CENTRE_VECTORS; l++) {
        vec curvature = vec_load(b->curvature + l * WIDTH) * vec_load(b->multiple + l * WIDTH);
        vec scale = vec_load(b->x_scale + l * WIDTH);
        vec_store(b->x_scale + l * WIDTH, scale * limit / vec_max(curvature, limit));
    }
}

#endif
