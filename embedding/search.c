#include <math.h>
#include <stdlib.h>

#include "embedding/scan.h"

/* Multiply-adds that one thread is done with before a second one runs. */
#define THREAD_MIN_WORK 20000000u

int search_threads(const struct model *model, size_t n_vectors, uint32_t among, int threads) {
    uint64_t rows = among > 0 && among < model->input->rows ? among : model->input->rows;
    return rows * model->input->columns * n_vectors < THREAD_MIN_WORK ? 1 : threads;
}

enum status search_neighbors(const struct model *model, const float *queries, size_t n_queries,
                             const uint32_t *excluded, const size_t *excluded_starts,
                             const struct candidates *candidates, size_t k, int threads,
                             const struct stop *stop, struct neighbor *out, size_t *found,
                             struct error *err) {
    size_t dim = model->input->columns;
    for (size_t q = 0; q < n_queries; q++) {
        bool zero = true;
        for (size_t i = 0; i < dim; i++) {
            float value = queries[q * dim + i];
            if (!isfinite(value))
                return error_set(err, STATUS_REFUSED, "value %zu of query %zu is not finite", i, q);
            zero = zero && value == 0;
        }
        if (zero)
            return error_set(err, STATUS_REFUSED, "query %zu is a zero vector: it has no direction",
                             q);
    }
    struct scan scan = {.model = model,
                        .vectors = queries,
                        .groups = n_queries,
                        .width = 1,
                        .excluded = excluded,
                        .excluded_starts = excluded_starts,
                        .candidates = candidates,
                        .k = k,
                        .threads = threads,
                        .stop = stop};
    return scan_run(&scan, out, found, err);
}

/* The words of a question, positive ones first. */
static enum status question_check(const struct model *model, const uint32_t *ids, size_t n,
                                  struct error *err) {
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] >= model->input->rows)
            return error_set(err, STATUS_REFUSED, "id %u is outside 0..%u", ids[i],
                             model->input->rows - 1);
        any = any || model->norms[ids[i]] > 0;
    }
    if (n == 0)
        return error_set(err, STATUS_REFUSED, "the question holds no words");
    return any ? STATUS_OK
               : error_set(err, STATUS_REFUSED, "every word of the question has a zero vector");
}

/* The one vector of 3CosAdd, at unit length. */
static enum status question_add(const struct model *model, const uint32_t *ids, size_t n_positive,
                                size_t n, float *vector, struct error *err) {
    size_t dim = model->input->columns;
    double *sum = calloc(dim, sizeof *sum);
    if (!sum)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for a vector of %zu values",
                         dim);
    for (size_t i = 0; i < n; i++) {
        const float *row = table_row(model->input, ids[i]);
        direction_add(row, dim, vector_norm(row, dim), i < n_positive ? 1 : -1, sum);
    }
    enum status status = direction_take(sum, dim, "question", "", vector, err);
    free(sum);
    return status;
}

enum status search_analogy(const struct model *model, const uint32_t *positive, size_t n_positive,
                           const uint32_t *negative, size_t n_negative, enum analogy_method method,
                           const struct candidates *candidates, size_t k, int threads,
                           const struct stop *stop, struct neighbor *out, size_t *found,
                           struct error *err) {
    size_t dim = model->input->columns, n = n_positive + n_negative, starts[2] = {0, n};
    enum status status = STATUS_OK;
    struct scan scan = {.model = model,
                        .groups = 1,
                        .width = method == ANALOGY_MUL && n > 0 ? n : 1,
                        .positives = n_positive,
                        .multiply = method == ANALOGY_MUL,
                        .excluded_starts = starts,
                        .candidates = candidates,
                        .k = k,
                        .threads = threads,
                        .stop = stop};
    uint32_t *ids = calloc(n + 1, sizeof *ids);
    float *vectors = calloc(n + 1, dim * sizeof *vectors);
    if (!ids || !vectors) {
        status =
            error_set(err, STATUS_NO_MEMORY, "not enough memory for a question of %zu words", n);
        goto fail;
    }
    for (size_t i = 0; i < n; i++)
        ids[i] = i < n_positive ? positive[i] : negative[i - n_positive];
    status = question_check(model, ids, n, err);
    if (status == STATUS_OK && method == ANALOGY_ADD)
        status = question_add(model, ids, n_positive, n, vectors, err);
    if (status != STATUS_OK)
        goto fail;
    for (size_t i = 0; method == ANALOGY_MUL && i < n; i++)
        for (size_t j = 0; j < dim; j++)
            vectors[i * dim + j] = table_row(model->input, ids[i])[j];
    scan.excluded = ids;
    scan.vectors = vectors;
    status = scan_run(&scan, out, found, err);
fail:
    free(ids);
    free(vectors);
    return status;
}

double search_similarity(const struct model *model, uint32_t a, uint32_t b) {
    const float *left = table_row(model->input, a), *right = table_row(model->input, b);
    double dot = 0, left_square = 0, right_square = 0;
    for (size_t i = 0; i < model->input->columns; i++) {
        dot += (double)left[i] * right[i];
        left_square += (double)left[i] * left[i];
        right_square += (double)right[i] * right[i];
    }
    if (left_square <= 0 || right_square <= 0)
        return 0;
    return fmax(-1, fmin(1, dot / (sqrt(left_square) * sqrt(right_square))));
}

enum status search_odd_one_out(const struct model *model, const uint32_t *ids, size_t n,
                               size_t *odd, float *scores, struct error *err) {
    size_t dim = model->input->columns;
    if (n < 3)
        return error_set(err, STATUS_REFUSED,
                         "the odd one is sought among at least 3 words, not %zu", n);
    enum status status = question_check(model, ids, n, err);
    if (status != STATUS_OK)
        return status;
    double *mean = calloc(2 * dim, sizeof *mean);
    if (!mean)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for a vector of %zu values",
                         dim);
    double *unit = mean + dim;
    for (size_t i = 0; i < n; i++) {
        const float *row = table_row(model->input, ids[i]);
        direction_add(row, dim, vector_norm(row, dim), 1.0 / (double)n, mean);
    }
    double norm = direction_norm(mean, dim);
    if (norm <= 0) {
        status =
            error_set(err, STATUS_REFUSED, "the words cancel out: their mean has no direction");
        goto fail;
    }
    *odd = 0;
    for (size_t i = 0; i < n; i++) {
        double dot = 0;
        for (size_t j = 0; j < dim; j++)
            unit[j] = 0;
        const float *row = table_row(model->input, ids[i]);
        direction_add(row, dim, vector_norm(row, dim), 1, unit);
        for (size_t j = 0; j < dim; j++)
            dot += unit[j] * mean[j];
        scores[i] = (float)fmax(-1, fmin(1, dot / norm));
        if (scores[i] < scores[*odd])
            *odd = i;
    }
fail:
    free(mean);
    return status;
}
