/* The training entry points of a kernel.
 *
 * One call of `block` trains on one block: up to 16 centres, their context words, and one draw of
 * noise words that all of them share. tests/oracle/oracle_block.c is the same step in plain double
 * precision, and tests/oracle/oracle_kernel.c compares the two.
 *
 * Symbols
 *
 *   t        a centre of the block, one position of the text
 *   p        a positive of t: one of its context words (CBOW: the centre itself)
 *   k        a noise word; K of them are drawn for the block
 *   x_t      input vector of t: its row of the input table, word2vec.c's syn0
 *            (CBOW: the mean of the input rows of its context words)
 *   o_p o_k  output rows, word2vec.c's syn1neg
 *   s_tp     the score, or logit, of the pair (t, p); s_tk that of (t, k)
 *   C_t      how many positives t has
 *   a        rate                    A B      positive_a, positive_b
 *   w        negative_weight         v_k      noise weight[k]
 *
 * word2vec.c takes the input row of the context word and the output row of the centre; here it is
 * the other way round, as in the paper. Over a text these are the same pairs.
 *
 * Scores
 *
 *   s_tp = <x_t, o_p> - shift_p            s_tk = <x_t, o_k> - shift_k
 *
 *   shift is the log of the expected count of the word in one draw (nce, sampled softmax), or 0
 *   (negative sampling). A bias is column `dim` of the output row, against a constant 1 in the same
 *   column of the input row.
 *
 * Logistic loss (nce and negative sampling), with q = pos_weight and z = 1 / num_true
 *
 *   g_tp =  a (A - B sigmoid(s_tp))        A = q z,  B = 1 + (q - 1) z
 *   G_tk = -a w v_k C_t sigmoid(s_tk)      w = z negative / K
 *
 *   A positive has the target z and its term is weighted with q. With q = z = 1 that is word2vec's
 *   g = a (1 - sigmoid(s_tp)). The K noise words stand for `negative` words a pair, hence w. Every
 *   pair of t meets the same noise words, so that the cell (t, k) is computed once and counts C_t
 *   times. v_k corrects for the distribution k was drawn from. With remove_hits C_t is lowered, in
 *   cell (t, k), by the positives of t that are the word k.
 *
 * Sampled softmax loss, with Z_tp = e^s_tp + sum_k e^s_tk
 *
 *   g_tp =  a (1 - e^s_tp / Z_tp)          G_tk = -a sum_p e^s_tk / Z_tp
 *
 *   With remove_hits both sums leave out the cells (p, k) whose noise word k is p.
 *
 * The step. All scores and gradients are of the rows as they stood before the block; a row that
 * takes several steps takes their sum.
 *
 *   o_p +=        g_tp x_t                                 for each pair (t, p)
 *   o_k += c_k    sum_t G_tk x_t
 *   x_t += c_t e_t (sum_p g_tp o_p + sum_k G_tk o_k)       e_t = input_rate chunk.rate[t]
 *
 *   CBOW, a window of m words: each of its input rows takes f_t times the step of the centre.
 *
 *   f_t = cbow_input cbow_mean / m      the gradient of the mean, whose part in each word is 1 / m;
 *                                       cbow_mean, the expected m, keeps its size
 *   f_t = cbow_input                    where cbow_mean is 0: the whole step (word2vec's rule)
 *
 * Update clipping (`clip`; c_k = c_t = 1 without it). A gradient step is stable while its curvature
 * stays below 2; many steps from one stale row can exceed that ("if if if if").
 *
 *   m_t = centres of the block that are the same word as t
 *   d_t = min(1, clip_repeat / m_t)     multiplies g_tp and G_tk of t, and, but for CBOW, g_up of
 *                                       every pair (u, p) whose positive p is the word of t
 *   c_k = min(1, clip_output / h_k)     h_k = repeat_k sum_t |G_tk| |x_t|^2
 *   c_t = min(1, clip_input / h_t)      h_t = M_t sum_k |G_tk| |o_k|^2, the bias left out
 *   M_t = m_t                           CBOW: f_t times how many windows of the block hold a word
 *                                       of t's window, the mean over its words; where no m_t is
 *                                       above clip_repeat, window + 1
 *
 * Sources: noise contrastive estimation, Gutmann and Hyvarinen (2010); negative sampling and the
 * two architectures, Mikolov et al. (2013); the gradient of CBOW's mean, Irsoy, Benton and Stratos
 * (2020); sampled softmax, Jean et al. (2015); one set of noise words for a batch, TensorFlow's
 * nce_loss. */
#ifndef VECMILL_KERNEL_TRAIN_STEP_H
#define VECMILL_KERNEL_TRAIN_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kernel.h"

#define KERNEL_BLOCK 16 /* centres in a block, at most */

/* Told apart by a switch without default. */
enum kernel_loss_kind { KERNEL_LOGISTIC, KERNEL_SOFTMAX };

/* What stays the same over a job, but for the rate. Symbols as above. */
struct kernel_step {
    size_t stride;    /* floats from row to row, both tables */
    uint32_t columns; /* dim, or dim + 1 with a bias column, which is the last */
    bool has_bias;
    bool cbow;
    enum kernel_loss_kind loss_kind;
    uint32_t noise;               /* K */
    uint32_t window;              /* the largest of a block */
    bool remove_hits;             /* leave out noise words that are a positive of the centre */
    bool clip;                    /* update clipping */
    float clip_repeat;            /* copies of a centre that count in full */
    float clip_output;            /* bound on the curvature of an output row's step */
    float clip_input;             /* the same of an input row's */
    float positive_a, positive_b; /* A, B */
    float negative_weight;        /* w */
    float input_rate;             /* input rows move this much further */
    float cbow_input, cbow_mean;  /* how the step of a mean goes to its words: f_t */
    float rate;                   /* a */
};

/* The words of a stretch of text, sentences one after the other, `window` separators before,
 * between and behind them. Row pointers are computed ahead, so that sharding costs the inner loops
 * nothing. A separator's rows point to a row of zeros (bias column 0 too) that nobody else uses.
 * A view: whoever makes it owns the arrays. */
struct kernel_chunk {
    const uint32_t *ids;     /* [length], WORD_NONE for a separator */
    float *const *input;     /* [length] input rows */
    float *const *output;    /* [length] output rows */
    const float *shift;      /* [length] log expected count as a positive, or zeros */
    const float *rate;       /* [length] how much further the word's input row moves than others */
    const float *zero;       /* [stride] the separators' row of zeros */
    const uint32_t *centres; /* [n_centres] positions of the words to train, rising */
    uint32_t length, n_centres;
};

/* One draw of noise words. A view: whoever makes it owns the arrays. shift, weight and repeat are
 * readable, and zero, from K to K rounded up to 16. */
struct kernel_noise {
    const uint32_t *ids; /* [K] */
    float *const *rows;  /* [K] output rows */
    const float *shift;  /* [K] log expected count, or zeros */
    /* [K] importance v_k: the word stands for so many draws; not read by the softmax */
    const float *weight;
    /* [K] 1 + K q_k, q_k the word's probability: how often such a word stands in one draw, for
     * clipping; 1 for unique draws */
    const float *repeat;
};

/* Sums over blocks; the caller clears it. */
struct kernel_loss {
    double sum; /* of the loss over positives */
    uint64_t positives;
    /* Of `block` only: noise rows and input rows of centres that took a step, and those of them
     * whose step update clipping cut. */
    uint64_t rows, clipped;
};

struct kernel_workspace; /* scratch memory of one thread */

/* Threads may call these at once, each with a workspace of its own, on the same tables: rows are
 * read and written without locks (Hogwild, see vector.h). */
struct kernel_train {
    /* Bytes of a workspace for this step; 64-byte aligned memory, zeroed, one per thread. */
    size_t (*workspace_size)(const struct kernel_step *step);
    /* One block: centres[first .. first + n), n <= 16, with `window`, 1 to step->window, words on
     * each side as context. next: the draw that the block after this one brings, prefetched, or
     * NULL when it brings none. loss: added to, too, when not NULL (costs a little). */
    void (*block)(const struct kernel_step *step, struct kernel_workspace *workspace,
                  const struct kernel_chunk *chunk, uint32_t first, uint32_t n, uint32_t window,
                  const struct kernel_noise *noise, const struct kernel_noise *next,
                  struct kernel_loss *loss);
    /* word2vec's own rule: every pair has its own noise words, and rows change pair by pair. noise:
     * `per_pair` words for each positive of the block, in order of positions; the positive itself
     * is skipped when it was drawn (as word2vec does). Logistic loss without clipping. */
    void (*pairs)(const struct kernel_step *step, struct kernel_workspace *workspace,
                  const struct kernel_chunk *chunk, uint32_t first, uint32_t n, uint32_t window,
                  const struct kernel_noise *noise, uint32_t per_pair, struct kernel_loss *loss);
    /* A thread's own copy of a row meets the row that all threads share: row += share (own - base),
     * then own and base become that row. base: what own was after the last time. What another
     * thread adds to the row meanwhile may be lost. */
    void (*merge)(float *row, float *own, float *base, float share, size_t stride);
    /* No NaN or Inf in a row that other threads may be writing. */
    bool (*row_is_finite)(const float *row, size_t stride);
    /* A copy of a row that other threads may be writing. */
    void (*row_copy)(const float *row, float *copy, size_t stride);
};

#endif
