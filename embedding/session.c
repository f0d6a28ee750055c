/* What comes next in a session: its last items as one vector, put to all items. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "embedding/scan.h"
#include "embedding/session.h"

/* Sessions under way as vectors and as what each must not find. */
struct asking {
    const struct model *model;
    const struct session_options *options;
    size_t columns; /* of a vector */
    float *vectors; /* [n, columns] */
    bool *empty;    /* [n] no item, or nothing but rows of zeros */
    uint32_t *excluded;
    size_t *excluded_starts; /* [n + 1] */
    double *sum;             /* [columns] */
};

const char *session_score_name(enum session_score score) {
    switch (score) { SESSION_SCORES(CHOICE_CASE) }
    return "";
}

/* The last one counts 1, each further back `decay` times as much as the one behind it. */
static void asking_vector(struct asking *asking, const uint32_t *ids, size_t n, size_t index) {
    const struct table *table = asking->model->input;
    const struct session_options *options = asking->options;
    bool output = options->score == SESSION_OUTPUT, any = false;
    size_t dim = table->columns,
           taken = options->history > 0 && options->history < n ? options->history : n;
    double weight = 1, weights = 0;
    float *vector = asking->vectors + index * asking->columns;
    memset(asking->sum, 0, asking->columns * sizeof asking->sum[0]);
    for (size_t back = 0; back < taken && weight > 0; back++, weight *= options->decay) {
        const float *row = table_row(table, ids[n - 1 - back]);
        direction_add(row, dim, output ? 1 : asking->model->norms[ids[n - 1 - back]], weight,
                      asking->sum);
        any = any || asking->model->norms[ids[n - 1 - back]] > 0;
        weights += weight;
    }
    asking->empty[index] = !any;
    for (size_t i = 0; i < dim; i++)
        vector[i] = weights > 0 ? (float)(asking->sum[i] / weights) : 0;
    if (output)
        vector[dim] = 1; /* the bias counts once */
}

static int ids_compare(const void *left, const void *right) {
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* What is not to be found again, rising. */
static void asking_exclude(struct asking *asking, const uint32_t *ids, size_t n, size_t index) {
    size_t at = asking->excluded_starts[index];
    if (!asking->options->repeat && n > 0) {
        memcpy(asking->excluded + at, ids, n * sizeof ids[0]);
        qsort(asking->excluded + at, n, sizeof ids[0], ids_compare);
        at += n;
    }
    asking->excluded_starts[index + 1] = at;
}

static void asking_clear(struct asking *asking) {
    free(asking->vectors);
    free(asking->empty);
    free(asking->excluded);
    free(asking->excluded_starts);
    free(asking->sum);
}

static enum status asking_init(struct asking *asking, size_t n, size_t items, struct error *err) {
    const struct model *model = asking->model;
    asking->columns = model->input->columns;
    if (asking->options->score == SESSION_OUTPUT) {
        if (!model->output)
            return error_set_key(err, STATUS_REFUSED, "score",
                                 "score output needs the output table, which this model has not: "
                                 "it was imported; score cosine needs the vectors only");
        asking->columns = model->output->columns;
    }
    asking->vectors = calloc(n + 1, asking->columns * sizeof *asking->vectors);
    asking->empty = calloc(n + 1, sizeof *asking->empty);
    asking->excluded = calloc(items + 1, sizeof *asking->excluded);
    asking->excluded_starts = calloc(n + 1, sizeof *asking->excluded_starts);
    asking->sum = calloc(asking->columns, sizeof *asking->sum);
    return asking->vectors && asking->empty && asking->excluded && asking->excluded_starts &&
                   asking->sum
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "not enough memory for %zu sessions of %zu items",
                           n, items);
}

enum status session_next(const struct model *model, const uint32_t *ids, const size_t *starts,
                         size_t n, const struct session_options *options,
                         const struct candidates *candidates, size_t k, int threads,
                         const struct stop *stop, struct neighbor *out, size_t *found,
                         struct error *err) {
    struct asking asking = {.model = model, .options = options};
    enum status status = asking_init(&asking, n, starts[n] - starts[0], err);
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        asking_vector(&asking, ids + starts[i], starts[i + 1] - starts[i], i);
        asking_exclude(&asking, ids + starts[i], starts[i + 1] - starts[i], i);
    }
    struct scan scan = {.model = model,
                        .vectors = asking.vectors,
                        .groups = n,
                        .width = 1,
                        .excluded = asking.excluded,
                        .excluded_starts = asking.excluded_starts,
                        .sorted = true,
                        .output = options->score == SESSION_OUTPUT,
                        .candidates = candidates,
                        .k = k,
                        .threads = threads,
                        .stop = stop};
    if (status == STATUS_OK)
        status = scan_run(&scan, out, found, err);
    for (size_t i = 0; status == STATUS_OK && i < n; i++)
        found[i] = asking.empty[i] ? 0 : found[i];
    asking_clear(&asking);
    return status;
}
