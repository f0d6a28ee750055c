/* Words that are nearer than another one, and how near two sets of words are. */
#include <math.h>
#include <stdlib.h>

#include "embedding/scan.h"

#define STOP_ROWS 1000u

static enum status word_check(const struct model *model, uint32_t id, struct error *err) {
    if (id >= model->input->rows)
        return error_set(err, STATUS_REFUSED, "id %u is outside 0..%u", id, model->input->rows - 1);
    return model->norms[id] > 0
               ? STATUS_OK
               : error_set(err, STATUS_REFUSED, "id %u has a zero vector: it has no direction", id);
}

enum status search_closer(const struct model *model, uint32_t word, uint32_t other,
                          const struct candidates *candidates, size_t offset, size_t room,
                          const struct stop *stop, struct neighbor *closer, size_t *total,
                          struct error *err) {
    uint32_t rows = model->input->rows;
    if (candidates && candidates->among > 0 && candidates->among < rows)
        rows = candidates->among;
    *total = 0;
    enum status status = word_check(model, word, err);
    if (status == STATUS_OK)
        status = word_check(model, other, err);
    if (status != STATUS_OK)
        return status;
    double limit = search_similarity(model, word, other);
    for (uint32_t id = 0; id < rows; id++) {
        if (id % STOP_ROWS == 0) {
            status = stop_check(stop, "the search", err);
            if (status != STATUS_OK)
                return status;
        }
        if (id == word || !(model->norms[id] > 0) || !candidates_allow(candidates, id))
            continue;
        double similarity = search_similarity(model, word, id);
        if (!(similarity > limit))
            continue;
        if (*total >= offset && *total - offset < room)
            closer[*total - offset] = (struct neighbor){.id = id, .score = (float)similarity};
        ++*total;
    }
    return STATUS_OK;
}

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add_rows(const struct model *model, const uint32_t *ids, size_t n, double *sum) {
    for (size_t i = 0; i < n; i++) {
        const float *row = table_row(model->input, ids[i]);
        for (size_t d = 0; d < model->input->columns; d++)
            sum[d] += row[d];
    }
}

enum status search_set_similarity(const struct model *model, const uint32_t *left, size_t n_left,
                                  const uint32_t *right, size_t n_right, double *similarity,
                                  struct error *err) {
    size_t dim = model->input->columns;
    double *sums = calloc(2 * dim, sizeof *sums);
    if (!sums)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for two vectors of %zu values",
                         dim);
    add_rows(model, left, n_left, sums);
    add_rows(model, right, n_right, sums + dim);
    double norms = sqrt(dot(sums, sums, dim)) * sqrt(dot(sums + dim, sums + dim, dim));
    *similarity = norms > 0 ? fmax(-1, fmin(1, dot(sums, sums + dim, dim) / norms)) : 0;
    free(sums);
    return STATUS_OK;
}
