#include "loss/loss.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

double loss_softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

double loss_sigmoid(double x) {
    double e = exp(-fabs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

double loss_weighted_cross_entropy(double logit, double label, double pos_weight) {
    /* Each part by itself: where one of the factors is 0 the other, however large, adds nothing. */
    double positive = pos_weight * label, negative = 1 - label, sum = 0;
    if (positive != 0)
        sum += positive * loss_softplus(-logit);
    if (negative != 0)
        sum += negative * loss_softplus(logit);
    return sum;
}

double loss_weighted_gradient(double logit, double label, double pos_weight) {
    return (1 - label) * loss_sigmoid(logit) - pos_weight * label * loss_sigmoid(-logit);
}

double loss_softmax_cross_entropy(const double *logits, const double *labels, size_t n,
                                  double *gradients) {
    double largest = -INFINITY, exponentials = 0, weight = 0, loss = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, logits[i]);
    for (size_t i = 0; i < n; i++) {
        exponentials += exp(logits[i] - largest);
        weight += labels[i];
    }
    double normalizer = log(exponentials);
    for (size_t i = 0; i < n; i++) {
        if (labels[i] != 0)
            loss += labels[i] * (normalizer - (logits[i] - largest));
        if (gradients)
            gradients[i] = weight * exp(logits[i] - largest - normalizer) - labels[i];
    }
    return loss;
}

/* Where each sampled id stands last, by id. */
struct last {
    int64_t id;
    size_t at;
};

static int last_compare(const void *left, const void *right) {
    const struct last *a = left, *b = right;
    int order = (a->id > b->id) - (a->id < b->id);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

/* The place of an id, n when it was not sampled. */
static size_t last_find(const struct last *lasts, size_t n, int64_t id) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lasts[middle].id <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && lasts[low - 1].id == id ? lasts[low - 1].at : n;
}

static double score(const float *input, const float *row, size_t dim, const float *bias,
                    const double *expected) {
    double sum = bias ? *bias : 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)input[i] * row[i];
    return expected ? sum - log(*expected) : sum;
}

struct example {
    double *logits, *labels, *gradients; /* [n_true + n_sampled] */
};

static void example_score(const struct loss_sample *sample, size_t b, const struct last *lasts,
                          const struct example *example) {
    const float *input = sample->inputs[b];
    for (size_t t = 0; t < sample->n_true; t++) {
        size_t at = b * sample->n_true + t;
        example->logits[t] = score(input, sample->true_rows[at], sample->dim,
                                   sample->true_biases ? sample->true_biases + at : NULL,
                                   sample->true_expected ? sample->true_expected + at : NULL);
        example->labels[t] = 1.0 / (double)sample->n_true;
    }
    for (size_t s = 0; s < sample->n_sampled; s++) {
        example->logits[sample->n_true + s] =
            score(input, sample->sampled_rows[s], sample->dim,
                  sample->sampled_biases ? sample->sampled_biases + s : NULL,
                  sample->sampled_expected ? sample->sampled_expected + s : NULL);
        example->labels[sample->n_true + s] = 0;
    }
    for (size_t t = 0; sample->remove_accidental_hits && t < sample->n_true; t++) {
        size_t hit = last_find(lasts, sample->n_sampled, sample->truth[b * sample->n_true + t]);
        if (hit < sample->n_sampled)
            example->logits[sample->n_true + hit] = -INFINITY;
    }
}

static double example_nce(const struct example *example, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        bool out = isinf(example->logits[i]);
        sum += out ? 0 : loss_weighted_cross_entropy(example->logits[i], example->labels[i], 1);
        example->gradients[i] =
            out ? 0 : loss_weighted_gradient(example->logits[i], example->labels[i], 1);
    }
    return sum;
}

enum status loss_of_sample(enum sampled_loss loss, const struct loss_sample *sample,
                           const struct stop *stop, double *losses, double *logits,
                           double *gradients, struct error *err) {
    size_t n = sample->n_true + sample->n_sampled;
    double *scratch = calloc(3 * n + 1, sizeof *scratch);
    struct last *lasts = calloc(sample->n_sampled + 1, sizeof *lasts);
    enum status status =
        scratch && lasts ? STATUS_OK
                         : error_set(err, STATUS_NO_MEMORY, "not enough memory for %zu scores", n);
    assert(sample->n_true > 0);
    for (size_t s = 0; lasts && s < sample->n_sampled; s++)
        lasts[s] = (struct last){sample->sampled[s], s};
    if (lasts && sample->n_sampled > 1)
        qsort(lasts, sample->n_sampled, sizeof *lasts, last_compare);
    for (size_t b = 0; status == STATUS_OK && b < sample->batch; b++) {
        struct example example = {logits ? logits + b * n : scratch, scratch + n,
                                  gradients ? gradients + b * n : scratch + 2 * n};
        example_score(sample, b, lasts, &example);
        switch (loss) {
        case LOSS_NCE:
            losses[b] = example_nce(&example, n);
            break;
        case LOSS_SAMPLED_SOFTMAX:
            losses[b] =
                loss_softmax_cross_entropy(example.logits, example.labels, n, example.gradients);
            break;
        }
        status = stop_check(stop, "the loss", err);
    }
    free(scratch);
    free(lasts);
    return status;
}
