/* Scores that are taken one by one: the sampled softmax, accidental hits, the value of the loss. */
#ifndef VECMILL_KERNEL_BLOCK_LOSS_H
#define VECMILL_KERNEL_BLOCK_LOSS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/block/block_layout.h"
#include "kernel/block/block_open.h"
#include "kernel/block/block_positives.h"
#include "kernel/vector.h"

/* ---- sampled softmax ------------------------------------------------------------------------- */

/* One pair whose positive was drawn as noise too: its softmax leaves those words out. It needs a
 * maximum of its own, for what is left may be tiny beside what was taken out. Adds the pair's
 * shares of the noise words to `extra`; returns the log of the positive's share. */
static float softmax_without_hits(const struct block *b, uint32_t t, uint32_t word, float positive,
                                  float *extra) {
    const float *logit = b->ws->logit;
    const uint32_t *ids = b->noise->ids;
    uint32_t noise = b->step->noise;
    float max = positive, sum;
    for (uint32_t k = 0; k < noise; k++)
        max = ids[k] == word ? max : fmaxf(max, logit[cell_at(k, t)]);
    sum = expf(positive - max);
    for (uint32_t k = 0; k < noise; k++)
        sum += ids[k] == word ? 0.0f : expf(logit[cell_at(k, t)] - max);
    for (uint32_t k = 0; k < noise; k++)
        extra[k] += ids[k] == word ? 0.0f : expf(logit[cell_at(k, t)] - max) / sum;
    return positive - max - logf(sum);
}

INLINE bool noise_holds(const struct block *b, uint32_t word) {
    uint32_t found = 0;
    for (uint32_t k = 0; k < b->step->noise; k++)
        found |= b->noise->ids[k] == word;
    return found != 0;
}

static __attribute__((noinline)) void softmax_centre(struct block *b, uint32_t t, float *extra) {
    struct kernel_workspace *ws = b->ws;
    uint32_t noise = b->step->noise, pairs = b->start[t + 1] - b->start[t];
    float max = -INFINITY, sum = 0, share = 0;
    for (uint32_t k = 0; k < noise; k++)
        max = fmaxf(max, ws->logit[cell_at(k, t)]);
    for (uint32_t i = 0; i < pairs; i++)
        max = fmaxf(max, ws->pair_logit[pair_at(b, t, i)]);
    for (uint32_t k = 0; k < noise; k++)
        sum += ws->g[cell_at(k, t)] = expf(ws->logit[cell_at(k, t)] - max);
    memset(extra, 0, noise * sizeof *extra);
    for (uint32_t i = 0; i < pairs; i++) {
        uint32_t word = pair_word(b, t, i);
        float *s = &ws->pair_logit[pair_at(b, t, i)];
        if (b->step->remove_hits && noise_holds(b, word)) {
            *s = softmax_without_hits(b, t, word, *s, extra);
        } else {
            float z = expf(*s - max) + sum;
            share += 1.0f / z;
            *s -= max + logf(z);
        }
        /* s is the log of the positive's share now: the loss */
        ws->pair_g[pair_at(b, t, i)] = b->step->rate * (1.0f - expf(*s));
    }
    float unit = b->step->clip ? -b->step->rate * b->discount[t] : -b->step->rate;
    for (uint32_t k = 0; k < noise; k++) {
        float *cell = &ws->g[cell_at(k, t)];
        *cell = unit * (*cell * share + extra[k]);
    }
}

static void block_softmax(struct block *b) {
    for (uint32_t t = 0; t < b->n; t++)
        softmax_centre(b, t, b->ws->extra);
    for (uint32_t t = b->n; t < KERNEL_BLOCK; t++)
        for (uint32_t k = 0; k < b->step->noise; k++)
            b->ws->g[cell_at(k, t)] = 0.0f;
}

/* ---- accidental hits ------------------------------------------------------------------------- */

/* A cell counts C_t minus the positives of t that are its noise word. */
static void block_remove_hits(struct block *b) {
    for (uint32_t t = 0; t < b->n; t++) {
        uint32_t noise = b->step->noise, positives = b->start[t + 1] - b->start[t];
        float *hits = b->ws->extra;
        bool any = false;
        memset(hits, 0, noise * sizeof *hits);
        for (uint32_t i = 0; i < positives; i++) {
            uint32_t word = pair_word(b, t, i);
            bool hit = noise_holds(b, word);
            for (uint32_t k = 0; hit && k < noise; k++)
                hits[k] += b->noise->ids[k] == word ? 1.0f : 0.0f;
            any |= hit;
        }
        for (uint32_t k = 0; any && k < noise; k++)
            b->ws->g[cell_at(k, t)] *= ((float)positives - hits[k]) / (float)positives;
    }
}

/* ---- the value of the loss ------------------------------------------------------------------- */

/* log(1 + e^x) */
INLINE double softplus(float x) {
    return (double)(fmaxf(x, 0) + log1pf(expf(-fabsf(x))));
}

/* Weighted loss of the cell of centre t and noise word k, for one positive. */
INLINE double noise_loss(const struct block *b, uint32_t t, uint32_t k) {
    return (double)b->step->negative_weight * (double)b->noise->weight[k] *
           softplus(b->ws->logit[cell_at(k, t)]);
}

/* log(1 + y) / y for y in [0, 1] by its minimax polynomial of degree 8, error 3e-8 relative. */
INLINE vec vec_log1p_share(vec y) {
    vec p = vec_set(5.232731e-3f) * y + vec_set(-2.95054595e-2f);
    p = p * y + vec_set(7.82264521e-2f);
    p = p * y + vec_set(-1.36633030e-1f);
    p = p * y + vec_set(1.91060427e-1f);
    p = p * y + vec_set(-2.48429948e-1f);
    p = p * y + vec_set(3.33190991e-1f);
    p = p * y + vec_set(-4.99994933e-1f);
    return p * y + vec_set(9.9999997e-1f);
}

/* The same of each lane; a NaN stays one. */
INLINE vec vec_softplus(vec x) {
    ivec size = (ivec)x & 0x7fffffff;
    vec y = vec_exp(-(vec)size);
    vec sum = vec_max(x, vec_set(0.0f)) + y * vec_log1p_share(y);
    return (vec)((ivec)sum | ((ivec)x & (size > 0x7f800000)));
}

/* Every centre counts each noise word as often as it has positives. */
static void noise_loss_whole(struct block *b, struct kernel_loss *loss) {
    _Alignas(64) float count[QUAD_CELLS];
    vec sum = vec_set(0.0f);
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        float positives = t < b->n ? (float)(b->start[t + 1] - b->start[t]) : 0.0f;
        four_store(count + (size_t)t * 4, positives - (four){0});
    }
    for (uint32_t k = 0; k < b->step->noise; k += 4) {
        const float *logit = b->ws->logit + (size_t)k / 4 * QUAD_CELLS;
        vec part = vec_set(0.0f);
        UNROLL_FOR(uint32_t i = 0; i < QUAD_CELLS; i += WIDTH)
            part += vec_load(count + i) * vec_softplus(vec_load(logit + i));
        sum += four_spread_at(b->noise->weight + k) * part;
    }
    loss->sum += (double)b->step->negative_weight * (double)vec_sum(sum);
}

static __attribute__((noinline)) void block_add_noise_loss(struct block *b,
                                                           struct kernel_loss *loss) {
    if (!b->step->remove_hits) {
        noise_loss_whole(b, loss);
        return;
    }
    for (uint32_t t = 0; t < b->n; t++) {
        uint32_t positives = b->start[t + 1] - b->start[t];
        for (uint32_t k = 0; k < b->step->noise; k++) {
            uint32_t cells = positives;
            for (uint32_t i = 0; i < positives; i++)
                cells -= b->noise->ids[k] == pair_word(b, t, i);
            loss->sum += cells * noise_loss(b, t, k);
        }
    }
}

/* A softplus(-s) + (B - A) softplus(s) = B softplus(-s) + (B - A) s, over those cells of the band
 * that are pairs. */
static void band_add_loss(struct block *b, struct kernel_loss *loss) {
    static const int32_t row_of_quad[16] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3};
    const struct kernel_workspace *ws = b->ws;
    vec sum = vec_set(0.0f), scale = vec_set(b->step->positive_b),
        slope = vec_set(b->step->positive_b - b->step->positive_a);
    ivec row;
    memcpy(&row, row_of_quad, sizeof row);
    for (uint32_t group = 0; group < GROUPS; group++) {
        struct quad_range quads = b->quads_of[group];
        ivec low = spread_each(b->band_low + group * GROUP),
             high = spread_each(b->band_high + group * GROUP);
        ivec self = spread_each(b->band_self + group * GROUP);
        for (uint32_t q = quads.low; q <= quads.high; q++) {
            vec s = vec_load(ws->pair_logit + (size_t)q * QUAD_CELLS + (size_t)group * WIDTH);
            ivec index = row + (int32_t)(q * 4);
            ivec pairs = (index >= low) & (index <= high) & (index != self);
            vec cell = scale * vec_softplus(-s) + slope * s;
            sum += (vec)((ivec)cell & pairs);
        }
    }
    loss->sum += (double)vec_sum(sum);
}

static __attribute__((noinline)) void block_add_loss(struct block *b, struct kernel_loss *loss) {
    const struct kernel_step *step = b->step;
    double b_alone = (double)(step->positive_b - step->positive_a);
    loss->positives += b->start[b->n];
    if (LOSS_BY_CELL(step->loss_kind) && !step->cbow) {
        band_add_loss(b, loss);
        return;
    }
    for (uint32_t t = 0; t < b->n; t++)
        for (uint32_t i = 0; i < b->start[t + 1] - b->start[t]; i++) {
            float s = b->ws->pair_logit[pair_at(b, t, i)];
            if (LOSS_BY_CELL(step->loss_kind))
                loss->sum += (double)step->positive_a * softplus(-s) + b_alone * softplus(s);
            else
                loss->sum -= (double)s; /* the log of its share */
        }
}

/* How many of the rows that take a step took less of it than it asked for. Behind
 * block_clip_inputs. */
static __attribute__((noinline)) void block_count_clipped(const struct block *b,
                                                          struct kernel_loss *loss) {
    loss->rows += b->step->noise + b->n;
    for (uint32_t k = 0; b->step->clip && k < b->step->noise; k++)
        loss->clipped += b->ws->scale[k] < 1.0f;
    for (uint32_t t = 0; b->step->clip && t < b->n; t++)
        loss->clipped +=
            b->curvature[t] * b->multiple[t] > b->step->clip_input || b->discount[t] < 1.0f;
}

#endif
