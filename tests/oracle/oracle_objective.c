#include "tests/oracle/oracle_objective.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

double oracle_sigmoid(double x) {
    double e = exp(-fabs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

double oracle_softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

double oracle_cross_entropy(double x, double z, double q) {
    return q * z * oracle_softplus(-x) + (1 - z) * oracle_softplus(x);
}

double oracle_cross_entropy_slope(double x, double z, double q) {
    /* Not sigmoid(x) (1 + (q - 1) z) - q z, which cancels where the loss is small. */
    return (1 - z) * oracle_sigmoid(x) - q * z * oracle_sigmoid(-x);
}

/* A column of logits is a true class, or a sampled one behind them: its class. */
static uint32_t column_id(const struct oracle_problem *p, size_t b, size_t c) {
    return c < p->truths ? p->labels[b * p->truths + c] : p->sampled[c - p->truths];
}

/* An accidental hit: the sampled class is a true one of the same example. */
static bool column_removed(const struct oracle_problem *p, size_t b, size_t c) {
    if (!p->remove_hits || c < p->truths)
        return false;
    for (size_t t = 0; t < p->truths; t++)
        if (p->labels[b * p->truths + t] == p->sampled[c - p->truths])
            return true;
    return false;
}

static double column_logit(const struct oracle_problem *p, size_t b, size_t c) {
    if (column_removed(p, b, c))
        return -FLT_MAX; /* not -INFINITY: times a target of zero that would be NaN */
    uint32_t id = column_id(p, b, c);
    double x = p->biases ? p->biases[id] : 0;
    for (size_t d = 0; d < p->dim; d++)
        x += p->inputs[b * p->dim + d] * p->weights[id * p->dim + d];
    switch (p->objective) {
    case ORACLE_NEGATIVE_SAMPLING:
        break;
    case ORACLE_NCE:
    case ORACLE_SAMPLED_SOFTMAX:
        x -= log(c < p->truths ? p->true_counts[b * p->truths + c]
                               : p->sampled_counts[c - p->truths]);
        break;
    }
    return x;
}

/* Loss of one example and its slopes; x and slopes: [n]. */
static double logistic_loss(const double *x, size_t truths, size_t n, double q, double *slopes) {
    double loss = 0;
    for (size_t c = 0; c < n; c++) {
        double z = c < truths ? 1.0 / (double)truths : 0;
        loss += oracle_cross_entropy(x[c], z, q);
        slopes[c] = oracle_cross_entropy_slope(x[c], z, q);
    }
    return loss;
}

/* The same of the softmax over all columns. */
static double softmax_loss(const double *x, size_t truths, size_t n, double *slopes) {
    double max = x[0], sum = 0, loss = 0;
    for (size_t c = 0; c < n; c++)
        max = fmax(max, x[c]);
    for (size_t c = 0; c < n; c++)
        sum += exp(x[c] - max);
    for (size_t c = 0; c < n; c++) {
        double z = c < truths ? 1.0 / (double)truths : 0;
        slopes[c] = exp(x[c] - max) / sum - z;
        if (z > 0)
            loss -= z * (x[c] - max - log(sum));
    }
    return loss;
}

void oracle_solve(const struct oracle_problem *p, const struct oracle_result *r) {
    size_t n = p->truths + p->samples, dim = p->dim;
    memset(r->d_inputs, 0, p->batch * dim * sizeof *r->d_inputs);
    memset(r->d_weights, 0, p->classes * dim * sizeof *r->d_weights);
    memset(r->d_biases, 0, p->classes * sizeof *r->d_biases);
    for (size_t b = 0; b < p->batch; b++) {
        double *x = r->logits + b * n, *slopes = r->slopes + b * n;
        for (size_t c = 0; c < n; c++)
            x[c] = column_logit(p, b, c);
        switch (p->objective) {
        case ORACLE_NCE:
        case ORACLE_NEGATIVE_SAMPLING:
            r->losses[b] = logistic_loss(x, p->truths, n, p->pos_weight, slopes);
            break;
        case ORACLE_SAMPLED_SOFTMAX:
            r->losses[b] = softmax_loss(x, p->truths, n, slopes);
            break;
        }
        for (size_t c = 0; c < n; c++) {
            uint32_t id = column_id(p, b, c);
            r->d_biases[id] += slopes[c];
            for (size_t d = 0; d < dim; d++) {
                r->d_inputs[b * dim + d] += slopes[c] * p->weights[id * dim + d];
                r->d_weights[id * dim + d] += slopes[c] * p->inputs[b * dim + d];
            }
        }
    }
}

/* row moves by g input; what input moves by, g times the row as it stood, goes into buffer. */
static void pair_update(const double *input, double *row, double *buffer, size_t dim, double g) {
    for (size_t d = 0; d < dim; d++) {
        buffer[d] += g * row[d];
        row[d] += g * input[d];
    }
}

static double dot(const double *a, const double *b, size_t dim) {
    double sum = 0;
    for (size_t d = 0; d < dim; d++)
        sum += a[d] * b[d];
    return sum;
}

#define DIM_MAX 4096 /* the largest dim there is a setting for */

void oracle_word2vec_step(double *input, double *weights, size_t dim, uint32_t label,
                          const uint32_t *noise, size_t n_noise, double rate) {
    double buffer[DIM_MAX] = {0};
    assert(dim <= DIM_MAX);
    double *row = weights + label * dim;
    pair_update(input, row, buffer, dim, rate * oracle_sigmoid(-dot(input, row, dim)));
    for (size_t k = 0; k < n_noise; k++) {
        if (noise[k] == label)
            continue;
        row = weights + noise[k] * dim;
        pair_update(input, row, buffer, dim, -rate * oracle_sigmoid(dot(input, row, dim)));
    }
    for (size_t d = 0; d < dim; d++)
        input[d] += buffer[d];
}
