/* word2vec's own semantics: each pair against its own noise words, rows changed pair by pair. */
#ifndef VECMILL_KERNEL_BLOCK_PAIRS_H
#define VECMILL_KERNEL_BLOCK_PAIRS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/block/block_layout.h"
#include "kernel/block/block_loss.h"
#include "kernel/block/block_open.h"
#include "kernel/vector.h"

/* s = <x, row> - shift, then d += g row and row += g x; returns s. positive: row is the positive's,
 * else a noise word's of this weight. */
INLINE float pair_cell(const struct block *b, const float *x, float *d, float *row, float shift,
                       bool positive, float weight) {
    uint32_t vectors = b->ws->vectors;
    vec sum = vec_set(0.0f);
    for (uint32_t v = 0; v < vectors; v++)
        sum += vec_load(x + v * WIDTH) * row_load(row + v * WIDTH);
    float s = vec_sum(sum) - shift, share = 1.0f / (1.0f + expf(-s));
    float g = b->step->rate *
              (positive ? b->step->positive_a - b->step->positive_b * share : -weight * share);
    vec step = vec_set(g);
    for (uint32_t v = 0; v < vectors; v++) {
        vec o = row_load(row + v * WIDTH);
        vec_store(d + v * WIDTH, vec_load(d + v * WIDTH) + step * o);
        row_store(row + v * WIDTH, o + step * vec_load(x + v * WIDTH));
    }
    return s;
}

/* One positive and its noise words [k, k + n). */
static void pair_train(const struct block *b, const float *x, float *d, uint32_t at, uint32_t word,
                       uint32_t k, uint32_t n, struct kernel_loss *loss) {
    const struct kernel_chunk *chunk = b->chunk;
    float s = pair_cell(b, x, d, chunk->output[at], chunk->shift[at], true, 0.0f);
    double sum = loss ? (double)b->step->positive_a * softplus(-s) : 0;
    for (uint32_t i = k; i < k + n; i++) {
        if (b->noise->ids[i] == word)
            continue;
        float weight = b->step->negative_weight * b->noise->weight[i];
        s = pair_cell(b, x, d, b->noise->rows[i], b->noise->shift[i], false, weight);
        sum += loss ? (double)weight * softplus(s) : 0;
    }
    if (loss) {
        loss->sum += sum;
        loss->positives++;
    }
}

/* Adds share times d to the input row of a position, the bias column left alone. */
static void pair_finish(const struct block *b, float *d, uint32_t at, float share) {
    float *row = b->chunk->input[at];
    uint32_t vectors = b->ws->vectors;
    ivec mask = last_vector_mask(b);
    vec rate = vec_set(b->step->input_rate * b->chunk->rate[at] * share);
    for (uint32_t v = 0; v < vectors; v++) {
        vec step = vec_load(d + v * WIDTH);
        if (v + 1 == vectors)
            step = (vec)((ivec)step & mask);
        row_store(row + v * WIDTH, row_load(row + v * WIDTH) + rate * step);
    }
}

static void pairs_skipgram(struct block *b, uint32_t t, uint32_t per_pair, uint32_t *used,
                           struct kernel_loss *loss) {
    struct kernel_workspace *ws = b->ws;
    uint32_t at = b->at[t];
    float *row = b->chunk->input[at];
    for (uint32_t to = at - b->left[t]; to <= at + b->right[t]; to++) {
        if (to == at)
            continue;
        for (uint32_t v = 0; v < ws->vectors; v++) {
            vec_store(ws->x + v * WIDTH, row_load(row + v * WIDTH));
            vec_store(ws->d + v * WIDTH, vec_set(0.0f));
        }
        pair_train(b, ws->x, ws->d, to, b->chunk->ids[to], *used, per_pair, loss);
        *used += per_pair;
        pair_finish(b, ws->d, at, 1.0f);
    }
}

static void pairs_cbow(struct block *b, uint32_t t, uint32_t per_pair, uint32_t *used,
                       struct kernel_loss *loss) {
    struct kernel_workspace *ws = b->ws;
    uint32_t at = b->at[t], low = at - b->left[t], high = at + b->right[t];
    if (low == high)
        return;
    vec share = vec_set(1.0f / (float)(high - low));
    for (uint32_t v = 0; v < ws->vectors; v++) {
        vec sum = vec_set(0.0f);
        for (uint32_t c = low; c <= high; c++)
            sum += c == at ? vec_set(0.0f) : row_load(b->chunk->input[c] + v * WIDTH);
        vec_store(ws->x + v * WIDTH, sum * share);
        vec_store(ws->d + v * WIDTH, vec_set(0.0f));
    }
    pair_train(b, ws->x, ws->d, at, b->chunk->ids[at], *used, per_pair, loss);
    *used += per_pair;
    for (uint32_t c = low; c <= high; c++)
        if (c != at)
            pair_finish(b, ws->d, c, words_share(b, t));
}

static void block_pairs(const struct kernel_step *step, struct kernel_workspace *ws,
                        const struct kernel_chunk *chunk, uint32_t first, uint32_t n,
                        uint32_t window, const struct kernel_noise *noise, uint32_t per_pair,
                        struct kernel_loss *loss) {
    if (!ws->ready)
        workspace_lay_out(step, (char *)ws, ws);
    struct block b;
    b.step = step, b.ws = ws, b.chunk = chunk, b.noise = noise, b.next = NULL;
    b.n = n, b.window = window, b.at = chunk->centres + first, b.want_logits = false;
    block_open(&b);
    uint32_t used = 0;
    for (uint32_t t = 0; t < n; t++)
        if (step->cbow)
            pairs_cbow(&b, t, per_pair, &used, loss);
        else
            pairs_skipgram(&b, t, per_pair, &used, loss);
}

#endif
