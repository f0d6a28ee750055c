#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/corpus.h"

#define PIECE 4096         /* rows that are added up at a time */
#define REMAINDER_MIN 1e-6 /* of a vector's length: below, it is the rounding that is left */
#define EULER 0.5772156649015329

/* What a weighting is computed with, of one model. */
struct shares {
    const struct model *model;
    enum setting_text_weighting weighting;
    double a, total, harmonic;
};

/* Sum of 1 / r for r up to n. */
static double harmonic_number(uint32_t n) {
    double sum = 0;
    if (n >= 1000) /* the next term is below 1e-14 */
        return log(n) + EULER + 1 / (2.0 * n) - 1 / (12.0 * n * n);
    for (uint32_t r = n; r > 0; r--)
        sum += 1.0 / r;
    return sum;
}

static struct shares shares_of(const struct model *model, const struct text_weights *weights) {
    return (struct shares){.model = model,
                           .weighting = weights->weighting,
                           .a = weights->sif_a,
                           .total = (double)vocabulary_total(model->vocabulary),
                           .harmonic = harmonic_number(vocabulary_size(model->vocabulary))};
}

static double zipf_share(const struct shares *shares, uint32_t id) {
    return 1 / (((double)id + 1) * shares->harmonic);
}

static double count_share(const struct shares *shares, uint32_t id) {
    return (double)vocabulary_count(shares->model->vocabulary, id) / shares->total;
}

static double weight_of(const struct shares *shares, uint32_t id) {
    switch (shares->weighting) {
    case TEXT_WEIGHTING_NONE:
        return 1;
    case TEXT_WEIGHTING_SIF:
        return shares->a / (shares->a + count_share(shares, id));
    case TEXT_WEIGHTING_ZIPF:
        break;
    }
    return shares->a / (shares->a + zipf_share(shares, id));
}

enum status text_weights_check(const struct text_weights *weights, const struct model *model,
                               const char *key, struct error *err) {
    if (weights->weighting != TEXT_WEIGHTING_SIF || vocabulary_total(model->vocabulary) > 0)
        return STATUS_OK;
    return error_set_key(err, STATUS_REFUSED, key,
                         "model '%s' has no counts of its words, for it was imported: weighting "
                         "'zipf' goes by their order instead",
                         model->info.name);
}

/* How often a word stands in a text, by all that is known of it. */
static double share_of(const struct shares *shares, uint32_t id) {
    return shares->weighting != TEXT_WEIGHTING_ZIPF && shares->total > 0 ? count_share(shares, id)
                                                                         : zipf_share(shares, id);
}

static enum status component_add(const struct shares *shares, uint32_t first, size_t n, double *sum,
                                 struct error *err) {
    const struct table *table = shares->model->input;
    uint32_t ids[PIECE];
    float weights[PIECE];
    size_t starts[2] = {0, n};
    float *part = calloc(table->columns, sizeof *part);
    if (!part)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a vector");
    for (size_t i = 0; i < n; i++) {
        ids[i] = first + (uint32_t)i;
        weights[i] = (float)(share_of(shares, ids[i]) * weight_of(shares, ids[i]));
    }
    enum status status =
        lookup_combined(table, table->columns, ids, weights, starts, 1, COMBINER_SUM,
                        shares->model->info.default_max_norm, part, err);
    for (uint32_t c = 0; status == STATUS_OK && c < table->columns; c++)
        sum[c] += part[c];
    free(part);
    return status;
}

static enum status component_compute(const struct shares *shares, float *component,
                                     struct error *err) {
    uint32_t rows = shares->model->input->rows, columns = shares->model->input->columns;
    double *sum = calloc(columns, sizeof *sum), square = 0;
    enum status status =
        sum ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "out of memory for a vector");
    for (uint32_t first = 0; status == STATUS_OK && first < rows;
         first += first < rows - PIECE ? PIECE : rows - first)
        status =
            component_add(shares, first, rows - first < PIECE ? rows - first : PIECE, sum, err);
    for (uint32_t c = 0; status == STATUS_OK && c < columns; c++)
        square += sum[c] * sum[c];
    for (uint32_t c = 0; status == STATUS_OK && c < columns; c++)
        component[c] = square > 0 ? (float)(sum[c] / sqrt(square)) : 0;
    free(sum);
    return status;
}

enum status text_component(const struct text_weights *weights, const struct model *model,
                           float *component, struct error *err) {
    const struct shares shares = shares_of(model, weights);
    unsigned slot = (unsigned)weights->weighting;
    double key = weights->weighting == TEXT_WEIGHTING_NONE ? 0 : weights->sif_a;
    if (model_recall(model, slot, key, component))
        return STATUS_OK;
    enum status status = component_compute(&shares, component, err);
    if (status == STATUS_OK)
        model_remember(model, slot, key, component);
    return status;
}

static void component_remove(const float *component, size_t n, float *vector) {
    double along = 0, before = 0, after = 0;
    for (size_t i = 0; i < n; i++) {
        along += (double)component[i] * vector[i];
        before += (double)vector[i] * vector[i];
    }
    for (size_t i = 0; i < n; i++) {
        double left = vector[i] - along * component[i];
        vector[i] = (float)left;
        after += left * left;
    }
    if (sqrt(after) < REMAINDER_MIN * sqrt(before))
        memset(vector, 0, n * sizeof *vector);
}

static enum status components_remove(const struct model *model, const struct text_weights *weights,
                                     size_t n, float *vectors, struct error *err) {
    size_t columns = model->input->columns;
    float *component = calloc(columns, sizeof *component);
    enum status status = component ? text_component(weights, model, component, err)
                                   : error_set(err, STATUS_NO_MEMORY, "out of memory for a vector");
    for (size_t i = 0; status == STATUS_OK && i < n; i++)
        component_remove(component, columns, vectors + i * columns);
    free(component);
    return status;
}

enum status text_vectors(const struct model *model, const struct text_weights *weights,
                         const uint32_t *ids, const size_t *starts, size_t n, float *vectors,
                         struct error *err) {
    const struct shares shares = shares_of(model, weights);
    size_t n_ids = n > 0 ? starts[n] : 0;
    float *factors = NULL;
    if (weights->weighting != TEXT_WEIGHTING_NONE) { /* else the sums are those of a plain mean */
        factors = calloc(n_ids + 1, sizeof *factors);
        if (!factors)
            return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu weights", n_ids);
        for (size_t i = 0; i < n_ids; i++)
            factors[i] = (float)weight_of(&shares, ids[i]);
    }
    enum status status =
        lookup_combined(model->input, model->input->columns, ids, factors, starts, n, COMBINER_MEAN,
                        model->info.default_max_norm, vectors, err);
    if (status == STATUS_OK && weights->remove_component)
        status = components_remove(model, weights, n, vectors, err);
    free(factors);
    return status;
}
