/* What the smaller types cost, measured on the model itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "embedding/export_formats.h"

/* The nearest of one word so far, best first. */
struct nearest {
    uint32_t n, ids[LOSS_NEIGHBORS];
    float scores[LOSS_NEIGHBORS];
};

struct loss_work {
    struct export_job exact, typed;
    uint32_t words, among;
    /* [words, dim], unit length; of ids spread evenly over the candidates */
    float *queries[2];
    struct nearest *nearest[2]; /* [words] */
    float *unit;                /* [dim] */
};

static uint32_t query_id(const struct loss_work *work, uint32_t i) {
    return (uint32_t)((uint64_t)i * work->among / work->words);
}

static void nearest_add(struct nearest *nearest, uint32_t id, float score) {
    if (nearest->n == LOSS_NEIGHBORS && score <= nearest->scores[LOSS_NEIGHBORS - 1])
        return;
    uint32_t at = nearest->n < LOSS_NEIGHBORS ? nearest->n++ : LOSS_NEIGHBORS - 1;
    for (; at > 0 && nearest->scores[at - 1] < score; at--) {
        nearest->scores[at] = nearest->scores[at - 1];
        nearest->ids[at] = nearest->ids[at - 1];
    }
    nearest->scores[at] = score;
    nearest->ids[at] = id;
}

static double dot(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static void unit_of(const float *row, size_t dim, float *unit) {
    double length = sqrt(dot(row, row, dim));
    for (size_t i = 0; i < dim; i++)
        unit[i] = length > 0 ? (float)(row[i] / length) : 0;
}

/* Compares one row with what it became; *n counts those that have a direction. */
static void cosine_add(struct loss_work *work, uint32_t id, struct export_loss *loss, uint64_t *n) {
    size_t dim = work->exact.dim;
    const float *exact = export_row(&work->exact, id),
                *typed = export_values(&work->typed, id, NULL);
    double a = dot(exact, exact, dim), b = dot(typed, typed, dim);
    if (a == 0)
        return;
    double error = b == 0 ? 1 : 1 - dot(exact, typed, dim) / (sqrt(a) * sqrt(b));
    error = error < 0 ? 0 : error; /* rounding of a row that is the same */
    loss->cosine_mean += error;
    loss->cosine_max = error > loss->cosine_max ? error : loss->cosine_max;
    ++*n;
}

static const float *row_of(struct loss_work *work, int which, uint32_t id) {
    return which == 0 ? export_row(&work->exact, id) : export_values(&work->typed, id, NULL);
}

static double overlap_of(const struct loss_work *work) {
    uint64_t same = 0, all = 0;
    for (uint32_t i = 0; i < work->words; i++) {
        const struct nearest *exact = &work->nearest[0][i], *typed = &work->nearest[1][i];
        all += exact->n;
        for (uint32_t a = 0; a < exact->n; a++)
            for (uint32_t b = 0; b < typed->n; b++)
                same += exact->ids[a] == typed->ids[b];
    }
    return all == 0 ? NAN : (double)same / (double)all;
}

static enum status neighbors_compare(struct loss_work *work, struct export_loss *loss,
                                     struct error *err) {
    size_t dim = work->exact.dim;
    for (int which = 0; which < 2; which++)
        for (uint32_t i = 0; i < work->words; i++)
            unit_of(row_of(work, which, query_id(work, i)), dim, work->queries[which] + i * dim);
    for (uint32_t id = 0; id < work->among; id++) {
        for (int which = 0; which < 2; which++) {
            unit_of(row_of(work, which, id), dim, work->unit);
            for (uint32_t i = 0; i < work->words; i++)
                if (query_id(work, i) != id)
                    nearest_add(&work->nearest[which][i], id,
                                (float)dot(work->queries[which] + i * dim, work->unit, dim));
        }
        enum status status =
            id % 256 == 0 ? stop_check(work->exact.options.stop, "the export", err) : STATUS_OK;
        if (status != STATUS_OK)
            return status;
    }
    loss->overlap = overlap_of(work);
    return STATUS_OK;
}

static enum status work_init(struct loss_work *work, const struct model *model, const char *format,
                             const struct export_options *options, struct error *err) {
    enum status status = export_job_init(&work->exact, model, options, VECTOR_FLOAT32, err);
    if (status == STATUS_OK)
        status = export_job_init(&work->typed, model, options, export_type(format), err);
    if (status != STATUS_OK)
        return status;
    size_t dim = work->exact.dim;
    work->among = work->exact.rows < LOSS_AMONG ? work->exact.rows : LOSS_AMONG;
    work->words = work->among < LOSS_WORDS ? work->among : LOSS_WORDS;
    work->unit = calloc(dim, sizeof *work->unit);
    bool made = work->unit != NULL;
    for (int which = 0; which < 2; which++) {
        work->queries[which] = calloc(work->words * dim, sizeof(float));
        work->nearest[which] = calloc(work->words, sizeof(struct nearest));
        made = made && work->queries[which] && work->nearest[which];
    }
    return made ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "out of memory for an export");
}

enum status export_measure(const struct model *model, const char *format,
                           const struct export_options *options, struct export_loss *loss,
                           struct error *err) {
    struct loss_work work = {0};
    uint64_t n = 0;
    *loss = (struct export_loss){.overlap = NAN};
    enum status status = work_init(&work, model, format, options, err);
    for (uint32_t id = 0; status == STATUS_OK && id < work.exact.rows; id++) {
        cosine_add(&work, id, loss, &n);
        if (id % 256 == 0)
            status = stop_check(work.exact.options.stop, "the export", err);
    }
    loss->cosine_mean = n > 0 ? loss->cosine_mean / (double)n : 0;
    if (status == STATUS_OK && work.typed.beyond > 0)
        status = export_text_flow(&work.typed, true, err);
    if (status == STATUS_OK)
        status = neighbors_compare(&work, loss, err);
    loss->words = work.words;
    loss->among = work.among;
    for (int which = 0; which < 2; which++) {
        free(work.queries[which]);
        free(work.nearest[which]);
    }
    free(work.unit);
    export_job_clear(&work.exact);
    export_job_clear(&work.typed);
    return status;
}
