/* The training entry points of a kernel. One block = up to 16 centres set against one draw of noise
 * words.
 *
 * Symbols, after Gutmann and Hyvarinen (2010) and Mikolov et al. (2013): t a centre, x_t its input
 * vector, p one of its positives (context words; for CBOW the centre itself), k a noise word, o an
 * output row, K noise words in a block.
 *   logit   s = <x, o> + bias - shift            shift = log expected count (nce, softmax), 0 for
 *           negative sampling
 *   g_tp    = a (A - B sigmoid(s_tp))            A = pos_weight z, B = 1 + (pos_weight - 1) z, z =
 *           1 / num_true
 *   G_tk    = -a w C_t sigmoid(s_tk)             C_t positives of t, w = negative / (K num_true):
 *           each cell once,
 * weighted softmax:  g_tp = a (1 - e^s_tp / Z_tp), G_tk = -a sum_p e^s_tk / Z_tp, Z_tp = e^s_tp +
 * sum_k e^s_tk The bias is column `dim` of an output row against a constant 1 in the same column of
 * the input row.
 *
 * A block is one step on its 16 C_t pairs: scores and gradients are of the rows as they stood
 * before it, and rows that take several steps add them up. */
#ifndef VECMILL_KERNEL_TRAIN_STEP_H
#define VECMILL_KERNEL_TRAIN_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kernel.h"

#define KERNEL_BLOCK 16 /* centres in a block */

enum kernel_loss_kind { KERNEL_LOGISTIC, KERNEL_SOFTMAX };

/* What stays the same over a job, the rate apart. */
struct kernel_step {
    size_t stride;    /* floats from row to row, both tables */
    uint32_t columns; /* dim, + 1 with a bias column; the last one when has_bias */
    bool has_bias;
    bool cbow;
    enum kernel_loss_kind loss_kind;
    uint32_t noise;   /* K */
    uint32_t window;  /* the largest */
    bool remove_hits; /* cells whose noise word is a positive of the centre */
    bool guard;
    /* copies of a word that count; bounds on curvature */
    float guard_repeat, guard_output, guard_input;
    float positive_a, positive_b; /* A, B */
    float negative_weight;        /* w */
    float input_rate;             /* input rows move this much further */
    float rate;                   /* a */
};

/* Kept words of packed sentences, `window` separators around each: row pointers are computed ahead,
 * so that sharding costs the inner loops nothing. A separator's rows point to a row of zeros (bias
 * column 0 too) that nobody else uses. */
struct kernel_chunk {
    const uint32_t *ids;     /* [length], KERNEL_NO_WORD between sentences */
    float *const *input;     /* [length] */
    float *const *output;    /* [length] */
    const float *shift;      /* [length] log expected count as a positive, or zeros */
    const float *rate;       /* [length] how much further the word's input row moves than others */
    const float *zero;       /* [stride] such a row */
    const uint32_t *centres; /* [n_centres] positions */
    uint32_t length, n_centres;
};

struct kernel_noise {
    const uint32_t *ids; /* [K] */
    float *const *rows;  /* [K] output rows */
    /* The following are zero from K to K rounded up to 16. */
    const float *shift; /* [K] */
    /* [K] importance v_k: the word stands for so many draws; not for the softmax */
    const float *weight;
    /* [K] 1 + K q_k: how often such a word stands in one draw (guard); 1 for unique draws */
    const float *repeat;
};

struct kernel_loss {
    double sum; /* of the loss over positives */
    uint64_t positives;
};

struct kernel_workspace;

struct kernel_train {
    /* Bytes of a workspace for this step; 64-byte aligned memory, zeroed, one per thread. */
    size_t (*workspace_size)(const struct kernel_step *step);
    /* One block: centres[first .. first + n), n <= 16, with `window`, 1 to step->window, words on
     * each side as context. next: the draw that the block after this one brings, prefetched, or
     * NULL when it brings none. loss: filled too when not NULL (costs a little). */
    void (*block)(const struct kernel_step *step, struct kernel_workspace *workspace,
                  const struct kernel_chunk *chunk, uint32_t first, uint32_t n, uint32_t window,
                  const struct kernel_noise *noise, const struct kernel_noise *next,
                  struct kernel_loss *loss);
    /* word2vec's semantics: every pair has its own noise words, rows change pair by pair. noise:
     * `per_pair` words for each positive of the block in order of positions; the positive itself is
     * skipped when it was drawn (as word2vec does). */
    void (*pairs)(const struct kernel_step *step, struct kernel_workspace *workspace,
                  const struct kernel_chunk *chunk, uint32_t first, uint32_t n, uint32_t window,
                  const struct kernel_noise *noise, uint32_t per_pair, struct kernel_loss *loss);
    /* A thread's own copy of a row meets the row that all threads share: row += share (own - base),
     * then own and base become that row. base: what own was after the last time. What another
     * thread adds to the row meanwhile may be lost. */
    void (*merge)(float *row, float *own, float *base, float share, size_t stride);
    /* No NaN or Inf in a row that other threads may be writing. */
    bool (*row_is_finite)(const float *row, size_t stride);
};

#endif
