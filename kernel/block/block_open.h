/* What a block consists of: the windows of its centres, its runs, its pairs. */
#ifndef VECMILL_KERNEL_BLOCK_OPEN_H
#define VECMILL_KERNEL_BLOCK_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/block/block_layout.h"

/* ---- windows and runs ------------------------------------------------------------------------ */

/* Words from a centre to the nearest separator, at most `max`; step is 1 or -1. */
INLINE uint32_t words_beside(const uint32_t *id, ptrdiff_t step, uint32_t max) {
    uint32_t n = 0;
    while (n < max && *(id += step) != WORD_NONE)
        n++;
    return n;
}

/* Cuts the windows at separators and finds the runs of neighbouring centres. */
static void block_reach(struct block *b) {
    const uint32_t *ids = b->chunk->ids, *at = b->at;
    uint32_t window = b->window;
    b->runs = 0;
    for (uint32_t t = 0; t < b->n; t++) {
        bool follows = t > 0 && at[t] == at[t - 1] + 1;
        if (!follows)
            b->run[b->runs++] = t;
        uint32_t left = follows ? b->left[t - 1] + 1 : words_beside(ids + at[t], -1, window);
        b->left[t] = left < window ? left : window;
    }
    b->run[b->runs] = b->n;
    for (uint32_t r = b->runs; r-- > 0;) {
        uint32_t right = words_beside(ids + at[b->run[r + 1] - 1], 1, window);
        for (uint32_t t = b->run[r + 1]; t-- > b->run[r]; right++)
            b->right[t] = right < window ? right : window;
    }
}

/* All centres are neighbours and no window is cut. */
static bool block_is_whole(const struct block *b) {
    uint32_t first = b->at[0], window = b->window, cut = 0;
    if (b->n < KERNEL_BLOCK || b->at[KERNEL_BLOCK - 1] - first != KERNEL_BLOCK - 1)
        return false;
    const uint32_t *ids = b->chunk->ids + first - window;
    for (uint32_t i = 0; i < KERNEL_BLOCK + 2 * window; i++)
        cut |= ids[i] == WORD_NONE;
    return cut == 0;
}

static void block_open_whole(struct block *b) {
    uint32_t window = b->window, each = b->step->cbow ? 1 : 2 * window;
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        b->left[t] = b->right[t] = window;
        b->start[t] = t * each;
    }
    b->start[KERNEL_BLOCK] = KERNEL_BLOCK * each;
    b->run[0] = 0, b->run[1] = KERNEL_BLOCK, b->runs = 1;
}

static void block_open_cut(struct block *b) {
    uint32_t pair = 0;
    block_reach(b);
    for (uint32_t t = 0; t < b->n; t++) {
        uint32_t context = b->left[t] + b->right[t];
        b->start[t] = pair;
        pair += b->step->cbow ? context > 0 : context;
    }
    b->start[b->n] = pair;
}

static void block_open(struct block *b) {
    b->whole = block_is_whole(b);
    b->whole ? block_open_whole(b) : block_open_cut(b);
    for (uint32_t t = 0; t < KERNEL_BLOCK && !b->step->cbow; t++)
        b->x[t] = t < b->n ? b->chunk->input[b->at[t]] : b->chunk->zero;
}

/* ---- runs and their partners ----------------------------------------------------------------- */

/* Positions from low to high. */
struct partners {
    uint32_t low, high;
};

/* The centres of a run that have position c as a context word: a centre at i and a word at p are a
 * pair when 0 < |i - p| <= window. */
INLINE struct partners context_partners(const struct block *b, uint32_t run, uint32_t c) {
    uint32_t low = b->at[b->run[run]], high = b->at[b->run[run + 1] - 1], window = b->window;
    return (struct partners){max(low + window, c) - window, min(high, c + window)};
}

/* Positions [low, high] that the windows of a run reach. */
INLINE uint32_t run_low(const struct block *b, uint32_t run) {
    uint32_t first = b->run[run];
    return b->at[first] - b->left[first];
}

INLINE uint32_t run_high(const struct block *b, uint32_t run) {
    uint32_t last = b->run[run + 1] - 1;
    return b->at[last] + b->right[last];
}

/* CBOW's f_t. */
INLINE float words_share(const struct block *b, uint32_t t) {
    float words = (float)(b->left[t] + b->right[t]), mean = b->step->cbow_mean;
    return b->step->cbow_input * (mean > 0 && words > 0 ? mean / words : 1.0f);
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* The id of pair i of centre t: the positive whose score and gradient stand at pair_at(b, t, i). */
INLINE uint32_t pair_word(const struct block *b, uint32_t t, uint32_t i) {
    const uint32_t *ids = b->chunk->ids + b->at[t];
    uint32_t left = b->left[t];
    return b->step->cbow ? *ids : i < left ? *(ids - left + i) : ids[1 + i - left];
}

#endif
