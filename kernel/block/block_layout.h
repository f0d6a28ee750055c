/* The scratch memory of one thread (struct kernel_workspace) and what is known of the block under
 * way (struct block). Words are explained in block_step.h. */
#ifndef VECMILL_KERNEL_BLOCK_LAYOUT_H
#define VECMILL_KERNEL_BLOCK_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/block/block_product.h"
#include "kernel/train_step.h"
#include "kernel/vector.h"

#define CENTRE_VECTORS (KERNEL_BLOCK / WIDTH) /* vectors that hold one float of each centre */
#define GROUP (WIDTH / 4)                     /* centres whose cells by a quad fill a vector */
#define GROUPS (KERNEL_BLOCK / GROUP)
#define QUAD_CELLS (KERNEL_BLOCK * 4) /* cells of a quad: 16 centres by 4 rows */
#define OPERANDS (4 / DEPTH)          /* operand rows that four rows become */
#define STEP_ROWS 4                   /* rows of a register tile of steps */
#define HALVES (WIDTH > 4)            /* steps know half vectors, for dims like 100 */

/* Tables of cells are [rows / 4][16 centres][4 rows]: see cell_at.
 *
 * Operands: with DEPTH 1 output rows and gradients are operands as they are, and of input rows
 * there are copies, so that the rows themselves can be written first; with DEPTH 2 all operands are
 * rounded copies. Lane j of an operand row of steps holds column j: of one row, or of two
 * neighbours. */
struct kernel_workspace {
    bool ready;
    uint32_t vectors; /* that hold the columns of a row; the rest of the stride is zero anyway */
    bool half_tail;   /* the last of them is half empty: steps leave that half out */
    uint32_t lanes;   /* that a row has as an operand of scores: columns / DEPTH */
    uint32_t fours;   /* lanes / 4, rounded up */
    float *mask;      /* [WIDTH] bits: what of the last vector of an input row may learn */
#if DEPTH == 2
    float *operand_mask; /* [WIDTH] bits: the same of the last vector of an operand */
#endif
    /* The centres. */
    float *x;       /* pairs: [stride] the input vector; CBOW: [16][stride] operand, the means */
    float *d;       /* pairs: [stride] the step of an input row; CBOW: [16][stride] the same */
    float *x_panel; /* [fours][16][4] operand of scores: the micro-panel of the input vectors */
    float *x_steps; /* [16 / DEPTH][stride] operand of steps: the input vectors */
    /* The noise words. */
    float *g;        /* [K / 4][16][4] scores, then gradients G_tk */
    float *g_inputs; /* [K / 4][16][4 / DEPTH] operand: G for the steps of inputs */
    float *g_rows;   /* [K / 4][16 / DEPTH][4] operand: G for the steps of output rows */
    float *logit;    /* [K / 4][16][4] scores, only filled when asked for */
    /* The contexts: a list of C output rows, see block_positives.h. */
    float **context;                    /* [C] */
    float *context_shift;               /* [C] */
    struct group_range *groups_of;      /* [C / 4] */
    float *pair_g, *pair_logit;         /* [C / 4][16][4]: see pair_at */
    float *pair_g_inputs, *pair_g_rows; /* as g_inputs and g_rows */
#if DEPTH == 2
    float *o_steps;       /* [K / 2][stride] operand of steps: the noise rows */
    float *context_steps; /* [C / 2][stride] operand of steps: the contexts */
#endif
    /* The noise words, squares and scales. */
    float *square; /* [K / 4][WIDTH] parts of |o_k|^2, bias left out: see four_sums */
    float *extra;  /* [K] of one centre: see softmax_centre, block_remove_hits */
    float *scale;  /* [K] c_k of update clipping */
    /* CBOW's clipping: see block_count_windows. */
    float *windows, *window_sums; /* [positions] */
    uint32_t *window_words;       /* [positions] */
};

/* Quads of contexts, low to high, that the centres of a group reach; low > high: none. */
struct quad_range {
    uint32_t low, high;
};

/* Groups, [first, end), whose centres reach a quad of contexts. */
struct group_range {
    uint32_t first, end;
};

/* One block while it is worked on. Centre t has `left` + `right` context words around it;
 * separators are none of them. Its pairs are those words from left to right (CBOW: one pair, the
 * centre itself). */
struct block {
    const struct kernel_step *step;
    struct kernel_workspace *ws;
    const struct kernel_chunk *chunk;
    const struct kernel_noise *noise, *next;
    uint32_t n;                   /* centres */
    uint32_t window;              /* of this block */
    const uint32_t *at;           /* [n] positions of the centres */
    const float *x[KERNEL_BLOCK]; /* skip-gram's input vectors, rows of the table; zeros past n */
    uint32_t left[KERNEL_BLOCK], right[KERNEL_BLOCK];
    uint32_t start[KERNEL_BLOCK + 1];     /* first pair of a centre, counted over the block */
    uint32_t run[KERNEL_BLOCK + 1], runs; /* first centre of each run; run[runs] is n */
    bool whole;                           /* see block_is_whole */
    bool want_logits;                     /* for the loss, the softmax or the removal of hits */
    bool repeated;     /* clipping: a centre stands more than clip_repeat times in the block */
    uint32_t contexts; /* C */
    /* Rows of the list: the first and the last that a centre reaches, and its own, which is none of
     * its positives. */
    _Alignas(16) uint32_t band_low[KERNEL_BLOCK], band_high[KERNEL_BLOCK], band_self[KERNEL_BLOCK];
    struct quad_range quads_of[GROUPS];
    /* "Four times each": as the cells of a quad have their centres. */
    float weight[KERNEL_BLOCK];                    /* -a w C_t d_t, 0 past n */
    _Alignas(64) float weight_each[QUAD_CELLS];    /* the same, four times each */
    _Alignas(64) float x_square[QUAD_CELLS];       /* |x_t|^2, bias and all, four times each */
    _Alignas(64) float curvature_each[QUAD_CELLS]; /* sum_k |G_tk| |o_k|^2, in four parts */
    _Alignas(64) float multiple[KERNEL_BLOCK];     /* m_t; then CBOW's M_t */
    _Alignas(64) float discount[KERNEL_BLOCK];     /* d_t */
    _Alignas(64) float curvature[KERNEL_BLOCK];    /* the four parts summed */
    _Alignas(64) float x_scale[KERNEL_BLOCK]; /* how far the input row moves: e_t, then e_t c_t */
};

INLINE uint32_t min(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

INLINE uint32_t max(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

/* ---- the loss -------------------------------------------------------------------------------- */

/* Losses are of two sorts: a cell's gradient depends on its own score alone, or on all scores of
 * its centre, of which block_loss.h makes gradients. Macros, for with inline functions gcc 12
 * compiles other loops (portable, block_score_centres). */
#define LOSS_BY_CELL(kind) ((kind) == KERNEL_LOGISTIC)
#define LOSS_BY_CENTRE(kind) ((kind) == KERNEL_SOFTMAX)

/* Never called: the compiler warns here of a kind of loss that is of neither sort. */
INLINE bool loss_is_sorted(enum kernel_loss_kind kind) {
    switch (kind) {
    case KERNEL_LOGISTIC:
        return LOSS_BY_CELL(kind);
    case KERNEL_SOFTMAX:
        return LOSS_BY_CENTRE(kind);
    }
    return false;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* Where the tables of cells keep row and centre. */
INLINE size_t cell_at(uint32_t row, uint32_t t) {
    return (size_t)row / 4 * QUAD_CELLS + (size_t)t * 4 + row % 4;
}

/* Where pair_g and pair_logit keep pair i of centre t. */
INLINE size_t pair_at(const struct block *b, uint32_t t, uint32_t i) {
    return b->step->cbow ? cell_at(t, t) : cell_at(b->band_low[t] + i + (i >= b->left[t]), t);
}

/* What may learn in the last vector of an input row. */
INLINE ivec last_vector_mask(const struct block *b) {
    return (ivec)vec_load(b->ws->mask);
}

#if DEPTH == 2
INLINE ivec last_operand_mask(const struct block *b) {
    return (ivec)vec_load(b->ws->operand_mask);
}
#endif

/* ---- the workspace --------------------------------------------------------------------------- */

INLINE size_t align_64(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

struct layout {
    char *base; /* NULL: only add up */
    size_t used;
};

static void lay_out(struct layout *layout, float **field, size_t floats) {
    if (layout->base)
        *field = (float *)(void *)(layout->base + layout->used);
    layout->used += align_64(floats * sizeof(float));
}

/* Operands of products: copies where they are rounded, else the floats they are made of. */
static void lay_out_operands(struct layout *layout, struct kernel_workspace *ws,
                             const struct kernel_step *step) {
    size_t stride = step->stride, noise = (step->noise + 3u) / 4 * 4;
    lay_out(layout, &ws->x, (step->cbow ? KERNEL_BLOCK : 1) * stride);
    lay_out(layout, &ws->x_steps, KERNEL_BLOCK / DEPTH * stride);
    lay_out(layout, &ws->g, noise * KERNEL_BLOCK);
#if DEPTH == 1
    if (layout->base)
        ws->g_inputs = ws->g_rows = ws->g;
    if (layout->base && step->cbow)
        ws->x_steps = ws->x;
#else
    lay_out(layout, &ws->operand_mask, WIDTH);
    lay_out(layout, &ws->o_steps, noise / DEPTH * stride);
    lay_out(layout, &ws->g_inputs, noise / DEPTH * KERNEL_BLOCK);
    lay_out(layout, &ws->g_rows, noise / DEPTH * KERNEL_BLOCK);
#endif
}

/* Of the positives. Contexts at most: every centre far from all others. */
static void lay_out_positives(struct layout *layout, struct kernel_workspace *ws,
                              const struct kernel_step *step) {
    size_t contexts = (size_t)KERNEL_BLOCK * (step->cbow ? 1 : 2 * step->window + 1);
    float *pointers = NULL;
    lay_out(layout, &pointers, contexts * sizeof(float *) / sizeof(float));
    ws->context = (float **)(void *)pointers;
    lay_out(layout, &ws->context_shift, contexts);
    lay_out(layout, &pointers, contexts / 4 * sizeof *ws->groups_of / sizeof(float));
    ws->groups_of = (struct group_range *)(void *)pointers;
    lay_out(layout, &ws->pair_g, contexts * KERNEL_BLOCK);
    lay_out(layout, &ws->pair_logit, contexts * KERNEL_BLOCK);
#if DEPTH == 1
    if (layout->base)
        ws->pair_g_inputs = ws->pair_g_rows = ws->pair_g;
#else
    lay_out(layout, &ws->context_steps, contexts / DEPTH * step->stride);
    lay_out(layout, &ws->pair_g_inputs, contexts * KERNEL_BLOCK / DEPTH);
    lay_out(layout, &ws->pair_g_rows, contexts * KERNEL_BLOCK / DEPTH);
#endif
}

/* All ones, but for the input's constant 1 of the bias column. */
static void mask_fill(const struct kernel_step *step, struct kernel_workspace *ws) {
    memset(ws->mask, 0xff, WIDTH * sizeof *ws->mask);
    if (step->has_bias)
        ws->mask[(step->columns - 1) % WIDTH] = 0;
#if DEPTH == 2
    char *half = (char *)ws->operand_mask + (step->columns - 1) % (2 * WIDTH) * 2;
    memset(ws->operand_mask, 0xff, WIDTH * sizeof *ws->operand_mask);
    if (step->has_bias)
        memset(half, 0, 2);
#endif
}

/* Lays the arrays out behind ws; with base NULL it only adds up. */
static size_t workspace_lay_out(const struct kernel_step *step, char *base,
                                struct kernel_workspace *ws) {
    size_t stride = step->stride, noise = (step->noise + 3u) / 4 * 4;
    size_t positions = step->cbow ? KERNEL_BLOCK * (2 * (size_t)step->window + 1) : 0;
    struct layout layout = {base, align_64(sizeof *ws)};
    ws->vectors = (step->columns + WIDTH - 1) / WIDTH;
    ws->half_tail = HALVES && (step->columns - 1) % WIDTH < WIDTH / 2;
    ws->lanes = (step->columns + DEPTH - 1) / DEPTH;
    ws->fours = (ws->lanes + 3) / 4;
    lay_out(&layout, &ws->mask, WIDTH);
    lay_out_operands(&layout, ws, step);
    /* whole vectors are written */
    size_t packed = (stride / DEPTH + KERNEL_PAD - 1) / KERNEL_PAD * KERNEL_PAD;
    lay_out(&layout, &ws->x_panel, KERNEL_BLOCK * packed);
    lay_out(&layout, &ws->d, (step->cbow ? KERNEL_BLOCK : 1) * stride);
    lay_out(&layout, &ws->logit, noise * KERNEL_BLOCK);
    lay_out_positives(&layout, ws, step);
    lay_out(&layout, &ws->square, noise / 4 * WIDTH);
    lay_out(&layout, &ws->extra, noise);
    lay_out(&layout, &ws->scale, noise + 16);
    lay_out(&layout, &ws->windows, positions);
    lay_out(&layout, &ws->window_sums, positions);
    float *words = NULL;
    lay_out(&layout, &words, positions);
    ws->window_words = (uint32_t *)(void *)words;
    if (base)
        mask_fill(step, ws);
    ws->ready = base != NULL;
    return layout.used;
}

static size_t block_workspace_size(const struct kernel_step *step) {
    struct kernel_workspace unused;
    return workspace_lay_out(step, NULL, &unused);
}

#endif
