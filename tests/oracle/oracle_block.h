/* One block step of training in plain double precision, update clipping included: what the kernels
 * are tested against. n centres share k noise words; every cell (centre, noise word) is computed
 * once and weighted. All scores and gradients are of the rows as they stood before the block, and
 * the steps of a row add up:
 *
 *   o_p += g_tp x_t                                        for each positive p of t
 *   o_k += c_k sum_t G_tk x_t
 *   x_t += input_rate c_t (sum_p g_tp o_p + sum_k G_tk o_k)
 *
 * kernel/train_step.h explains the symbols. */
#ifndef VECMILL_TESTS_ORACLE_BLOCK_H
#define VECMILL_TESTS_ORACLE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/oracle/oracle_objective.h"

struct oracle_block {
    enum oracle_objective objective; /* NCE and NEGATIVE_SAMPLING differ by the shifts alone */
    size_t dim;
    bool bias;              /* output rows are dim + 1 long, their last element the bias */
    double *input, *output; /* [rows, dim], [rows, dim + bias], changed in place */
    size_t n, k;            /* centres, noise words */
    /* [n] input rows; clipping takes the output rows of these numbers for the same words */
    const uint32_t *centres;
    /* [n + 1]: positives of t are positives[starts[t]] .. positives[starts[t + 1] - 1] */
    const size_t *starts;
    const uint32_t *positives; /* output rows */
    const uint32_t *noise;     /* [k] output rows, duplicates allowed */
    const double *true_shift;  /* [output rows] subtracted from a positive's score; NULL: zeros */
    const double *noise_shift; /* [k] subtracted from a noise word's score; NULL: zeros */
    double rate, input_rate;   /* a; input rows move input_rate times as far */
    double positive_a, positive_b; /* logistic: A, B */
    double noise_weight;           /* logistic: w */
    /* Softmax leaves out cell (p, k) when k is p; logistic lowers C_t by the positives of t that
     * are k. */
    bool remove_hits;
    bool clip; /* update clipping, with its bounds */
    double clip_repeat, clip_output, clip_input;
    const double *repeat; /* [k] of clipping, 1 + K q_k; NULL: ones, as for unique draws */
    const double *weight; /* [k] importance v_k of the noise words; NULL: ones */
    /* Operands of products (x_t, o_p, o_k, g_tp and G_tk, the rows that clipping squares) are
     * rounded to bfloat16. */
    bool bfloat16;
    /* [rows of input], [output rows]; NULL when not wanted: adds the sum of |g| max |x| over the
     * products that make up a row's step. An operand rounded the other way may change the step by
     * 2^-7 of that at most. */
    double *input_mass, *output_mass;
};

/* Changes input and output. Returns the loss of the block before the step, summed over positives,
 * the discounts d_t left out. scales: [n + k] c_t of the centres, then c_k of the noise words; NULL
 * when not wanted. */
double oracle_block_step(const struct oracle_block *block, double *scales);

#endif
