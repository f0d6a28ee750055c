/* Losses of given scores and rows, as TensorFlow's ops of the same names define them, for checking
 * and for use beside training. In double, and stable at the extremes: nothing overflows, and no
 * digits cancel. Training has its own arithmetic, in kernel/.
 * Threads: no function keeps state.
 * Source: tf.nn.nce_loss, sampled_softmax_loss, weighted_cross_entropy_with_logits,
 * softmax_cross_entropy_with_logits, sparse_softmax_cross_entropy_with_logits. */
#ifndef VECMILL_LOSS_LOSS_H
#define VECMILL_LOSS_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stop.h"

/* log(1 + e^x). */
double loss_softplus(double x);
/* 1 / (1 + e^-x). */
double loss_sigmoid(double x);
/* pos_weight z softplus(-x) + (1 - z) softplus(x): the cross entropy of a logit x and a label z,
 * which may be any number; with pos_weight 1 that of sigmoid_cross_entropy_with_logits. */
double loss_weighted_cross_entropy(double logit, double label, double pos_weight);
/* Its derivative by the logit. */
double loss_weighted_gradient(double logit, double label, double pos_weight);
/* -sum z log softmax(x) over n logits; labels need not sum to 1. gradients: [n] by the logits, or
 * NULL. -INFINITY as a logit is one that is left out; its label must be 0. n > 0. */
double loss_softmax_cross_entropy(const double *logits, const double *labels, size_t n,
                                  double *gradients);

enum sampled_loss { LOSS_NCE, LOSS_SAMPLED_SOFTMAX };

/* What both losses of a sample are computed from. Scores are products with a row, and its bias. */
struct loss_sample {
    size_t batch, dim, n_true, n_sampled;
    const float *const *inputs;       /* [batch] pointers to rows [dim] */
    const float *const *true_rows;    /* [batch, n_true] */
    const float *const *sampled_rows; /* [n_sampled] */
    const float *true_biases;         /* [batch, n_true], NULL: zeros */
    const float *sampled_biases;      /* [n_sampled], NULL: zeros */
    const int64_t *truth;             /* [batch, n_true] ids, for accidental hits */
    const int64_t *sampled;           /* [n_sampled] */
    /* How often each is expected in a sample: above 0. NULL: its log is not subtracted, which is
     * negative sampling with LOSS_NCE. */
    const double *true_expected;    /* [batch, n_true] */
    const double *sampled_expected; /* [n_sampled] */
    /* Leaves out, for each example, the sampled ids that are among its true ones: of an id that was
     * sampled more than once only the last, as TensorFlow does. */
    bool remove_accidental_hits;
};

/* losses: [batch]. Each true id has the label 1 / n_true, each sampled one 0. logits, gradients:
 * [batch, n_true + n_sampled], true ones first, or NULL; logits that were left out are -INFINITY,
 * and their gradients 0. stop: asked before each example. Errors: NO_MEMORY, CANCELLED.
 * Cost: batch x (n_true + n_sampled) x dim. */
enum status loss_of_sample(enum sampled_loss loss, const struct loss_sample *sample,
                           const struct stop *stop, double *losses, double *logits,
                           double *gradients, struct error *err) MUST_CHECK;

#endif
