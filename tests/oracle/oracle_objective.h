/* The losses of candidate sampling in plain double precision, as slow and as simple as they can be:
 * what the kernels are tested against. Proven by published figures and finite differences in
 * test_oracle.c. Symbols: B batch, T truths per example, S samples, V classes, D dim; x logits, z
 * targets, q pos_weight. */
#ifndef VECMILL_TESTS_ORACLE_OBJECTIVE_H
#define VECMILL_TESTS_ORACLE_OBJECTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

double oracle_sigmoid(double x);
double oracle_softplus(double x); /* log(1 + e^x) */
/* Sigmoid cross entropy of logit x with target z, the positive term weighted by q (1 = plain), and
 * its derivative. */
double oracle_cross_entropy(double x, double z, double q);
double oracle_cross_entropy_slope(double x, double z, double q);

enum oracle_objective { ORACLE_NCE, ORACLE_NEGATIVE_SAMPLING, ORACLE_SAMPLED_SOFTMAX };

struct oracle_problem {
    enum oracle_objective objective;
    size_t batch, truths, samples, classes, dim;
    const double *inputs;    /* H [B, D] */
    const double *weights;   /* W [V, D] */
    const double *biases;    /* [V], NULL for none */
    const uint32_t *labels;  /* [B, T]; each has the target 1 / T */
    const uint32_t *sampled; /* [S], shared by the batch; duplicates allowed */
    /* Q [B, T] and [S]; not read by negative sampling */
    const double *true_counts, *sampled_counts;
    /* leaves out every sample that is one of the example's labels */
    bool remove_hits;
    double pos_weight; /* q; not read by sampled softmax */
};

/* Everything the step yields; the caller provides the room. The gradients are those of the sum of
 * the losses. */
struct oracle_result {
    double *logits;    /* [B, T + S]; -FLT_MAX where a hit was removed */
    double *slopes;    /* [B, T + S]: d loss / d logit */
    double *losses;    /* [B] */
    double *d_inputs;  /* [B, D] */
    double *d_weights; /* [V, D] */
    double *d_biases;  /* [V] */
};

void oracle_solve(const struct oracle_problem *problem, const struct oracle_result *result);

/* One sequential step of word2vec with negative sampling: input [D] and weights [V, D] change in
 * place; a noise id equal to label is skipped. */
void oracle_word2vec_step(double *input, double *weights, size_t dim, uint32_t label,
                          const uint32_t *noise, size_t n_noise, double rate);

#endif
