/* Documents as bags of words, and how far one is from another. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "embedding/scan.h"

static int ids_compare(const void *left, const void *right) {
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

enum status document_init(struct document *document, uint32_t *ids, size_t n, struct error *err) {
    *document = (struct document){.words = n};
    if (n == 0)
        return STATUS_OK;
    qsort(ids, n, sizeof *ids, ids_compare);
    document->ids = calloc(n, sizeof *document->ids);
    document->counts = calloc(n, sizeof *document->counts);
    if (!document->ids || !document->counts) {
        document_clear(document);
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for a document of %zu words", n);
    }
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || ids[i] != ids[i - 1])
            document->ids[document->n++] = ids[i];
        document->counts[document->n - 1]++;
    }
    return STATUS_OK;
}

void document_clear(struct document *document) {
    free(document->ids);
    free(document->counts);
    *document = (struct document){0};
}

/* What a row is multiplied by. */
static double row_scale(const float *row, size_t dim, bool unit) {
    double norm = unit ? vector_norm(row, dim) : 1;
    return norm > 0 ? 1 / norm : 0;
}

void document_costs(const struct model *model, const struct document *a, const struct document *b,
                    bool unit, double *cost) {
    size_t dim = model->input->columns;
    for (size_t j = 0; j < b->n; j++) {
        const float *to = table_row(model->input, b->ids[j]);
        double to_scale = row_scale(to, dim, unit);
        for (size_t i = 0; i < a->n; i++) {
            const float *from = table_row(model->input, a->ids[i]);
            double from_scale = row_scale(from, dim, unit), sum = 0;
            for (size_t d = 0; d < dim && a->ids[i] != b->ids[j]; d++) {
                double step = from[d] * from_scale - to[d] * to_scale;
                sum += step * step;
            }
            cost[i * b->n + j] = sqrt(sum);
        }
    }
}

void document_centroid(const struct model *model, const struct document *document, bool unit,
                       double *centroid) {
    size_t dim = model->input->columns;
    for (size_t d = 0; d < dim; d++)
        centroid[d] = 0;
    for (size_t i = 0; i < document->n; i++) {
        const float *row = table_row(model->input, document->ids[i]);
        double scale = row_scale(row, dim, unit) * (double)document->counts[i];
        for (size_t d = 0; d < dim; d++)
            centroid[d] += row[d] * scale / (double)document->words;
    }
}

double document_bound(const struct document *a, const struct document *b, const double *cost) {
    double there = 0, back = 0;
    for (size_t i = 0; i < a->n; i++) {
        double least = INFINITY;
        for (size_t j = 0; j < b->n; j++)
            least = fmin(least, cost[i * b->n + j]);
        there += least * ((double)a->counts[i] / (double)a->words);
    }
    for (size_t j = 0; j < b->n; j++) {
        double least = INFINITY;
        for (size_t i = 0; i < a->n; i++)
            least = fmin(least, cost[i * b->n + j]);
        back += least * ((double)b->counts[j] / (double)b->words);
    }
    return fmax(there, back);
}

enum status document_distance(const struct document *a, const struct document *b,
                              const double *cost, const struct stop *stop, double *distance,
                              struct error *err) {
    assert(a->n > 0 && b->n > 0 && a->words <= UINT32_MAX && b->words < INT32_MAX);
    uint64_t *supply = calloc(a->n + b->n, sizeof *supply);
    if (!supply)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory to match %zu and %zu words",
                         a->n, b->n);
    uint64_t *demand = supply + a->n;
    /* Shares of one unit over a common denominator, so that amounts are whole. */
    for (size_t i = 0; i < a->n; i++)
        supply[i] = a->counts[i] * b->words;
    for (size_t j = 0; j < b->n; j++)
        demand[j] = b->counts[j] * a->words;
    enum status status = transport_cost(cost, supply, a->n, demand, b->n, stop, distance, err);
    free(supply);
    return status;
}
