#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "embedding/embedding.h"

static enum status ids_check(const struct table *table, const uint32_t *ids, size_t n,
                             struct error *err) {
    for (size_t i = 0; i < n; i++)
        if (ids[i] >= table->rows)
            return error_set(err, STATUS_REFUSED, "id %" PRIu32 " is not in [0, %" PRIu32 ")",
                             ids[i], table->rows);
    return STATUS_OK;
}

/* What a row is multiplied by so that its norm is at most max_norm; exactly 1 when it needs
 * nothing. */
static double clip_factor(const float *row, uint32_t dim, double max_norm) {
    double squares = 0, norm;

    if (!(max_norm > 0))
        return 1;
    for (uint32_t i = 0; i < dim; i++)
        squares += (double)row[i] * (double)row[i];
    norm = sqrt(squares);
    return norm > max_norm ? max_norm / norm : 1;
}

enum status lookup_rows(const struct table *table, uint32_t dim, const uint32_t *ids, size_t n,
                        double max_norm, float *out, struct error *err) {
    enum status status;

    assert(dim <= table->columns);
    status = ids_check(table, ids, n, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < n; i++) {
        const float *row = table_row(table, ids[i]);
        float *copy = out + i * dim;
        double factor = clip_factor(row, dim, max_norm);

        if (factor < 1) {
            for (uint32_t j = 0; j < dim; j++)
                copy[j] = (float)(row[j] * factor);
        } else {
            /* no multiplication by 1: every bit stays, payloads too */
            memcpy(copy, row, dim * sizeof *copy);
        }
    }
    return STATUS_OK;
}

/* Rounded like the row that lookup_rows gives, so that a list of one word equals that row. */
static double clipped(float value, double factor) {
    return factor < 1 ? (double)(float)(value * factor) : (double)value;
}

/* best becomes the largest weighted value of each column, or the smallest; zeros for no row. */
static void list_choose(const struct table *table, uint32_t dim, const uint32_t *ids,
                        const float *weights, size_t n, bool largest, double max_norm,
                        double *best) {
    memset(best, 0, dim * sizeof *best);
    for (size_t i = 0; i < n; i++) {
        const float *row = table_row(table, ids[i]);
        double factor = clip_factor(row, dim, max_norm);
        double weight = weights ? (double)weights[i] : 1;

        for (uint32_t j = 0; j < dim; j++) {
            double value = weight * clipped(row[j], factor);

            if (i == 0 || (largest ? value > best[j] : value < best[j]))
                best[j] = value;
        }
    }
}

/* sum becomes the weighted sum of one list; returns what it is to be divided by, 0 when the result
 * is all zeros. */
static double list_add(const struct table *table, uint32_t dim, const uint32_t *ids,
                       const float *weights, size_t n, enum combiner combiner, double max_norm,
                       double *sum) {
    double weight_sum = 0, weight_squares = 0;

    memset(sum, 0, dim * sizeof *sum);
    for (size_t i = 0; i < n; i++) {
        const float *row = table_row(table, ids[i]);
        double factor = clip_factor(row, dim, max_norm);
        double weight = weights ? (double)weights[i] : 1;

        weight_sum += weight;
        weight_squares += weight * weight;
        for (uint32_t j = 0; j < dim; j++)
            sum[j] += weight * clipped(row[j], factor);
    }
    switch (combiner) {
    case COMBINER_SUM:
    case COMBINER_MAX:
    case COMBINER_MIN:
        return n > 0 ? 1 : 0;
    case COMBINER_MEAN:
        return weight_sum;
    case COMBINER_SQRTN:
        break;
    }
    return sqrt(weight_squares);
}

enum status lookup_combined(const struct table *table, uint32_t dim, const uint32_t *ids,
                            const float *weights, const size_t *starts, size_t lists,
                            enum combiner combiner, double max_norm, float *out,
                            struct error *err) {
    enum status status;
    double *sum;

    assert(dim <= table->columns);
    if (lists == 0)
        return STATUS_OK;
    for (size_t list = 0; list < lists; list++)
        assert(starts[list] <= starts[list + 1]);
    status = ids_check(table, ids + starts[0], starts[lists] - starts[0], err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = starts[0]; weights && i < starts[lists]; i++)
        if (!isfinite(weights[i]))
            return error_set(err, STATUS_REFUSED, "weight %zu is not finite", i);
    sum = malloc((dim > 0 ? dim : 1) * sizeof *sum);
    if (!sum)
        return error_set(err, STATUS_NO_MEMORY, "cannot get %zu bytes for a vector",
                         dim * sizeof *sum);
    for (size_t list = 0; list < lists; list++) {
        size_t first = starts[list], n = starts[list + 1] - first;
        double divisor = list_add(table, dim, ids + first, weights ? weights + first : NULL, n,
                                  combiner, max_norm, sum);
        float *vector = out + list * dim;

        if (combiner == COMBINER_MAX || combiner == COMBINER_MIN)
            list_choose(table, dim, ids + first, weights ? weights + first : NULL, n,
                        combiner == COMBINER_MAX, max_norm, sum);
        for (uint32_t j = 0; j < dim; j++)
            vector[j] = divisor != 0 ? (float)(sum[j] / divisor) : 0;
    }
    free(sum);
    return STATUS_OK;
}
