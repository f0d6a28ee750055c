/* Losses of what a client sends, or of the rows of a model. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loss/loss.h"
#include "server/query/loss_input.h"

#define LOSS_TEXT 8 /* bytes of a loss in an answer, at the least */

/* ---- what all losses share ------------------------------------------------------------------- */

/* Multiplies each of the n losses by its own weight, or all by one. */
static enum status weigh_losses(const struct inquiry *inquiry, double *losses, size_t n,
                                struct error *err) {
    const json_t *tree = field_find(inquiry->body, "label_weights");
    struct tensor weights;
    if (!tree)
        return STATUS_OK;
    enum status status = tensor_read(&weights, inquiry, tree, "/label_weights", err);
    if (status == STATUS_OK && weights.rank > 0 && weights.n != n)
        status = error_set_key(err, STATUS_REFUSED, "/label_weights",
                               "label_weights must be a number or %zu of them, one for each loss, "
                               "not %zu",
                               n, weights.n);
    for (size_t i = 0; status == STATUS_OK && i < n; i++)
        losses[i] *= weights.values[weights.rank > 0 ? i : 0];
    tensor_clear(&weights);
    return status;
}

/* {"loss":...,"losses":...,"mean":...,"sum":... ; left open. */
static void write_losses(const struct inquiry *inquiry, const char *name, const double *losses,
                         unsigned rank, const size_t *shape, struct buffer *answer) {
    double sum = 0, mean;
    size_t n = 1;
    for (unsigned level = 0; level < rank; level++)
        n *= shape[level];
    for (size_t i = 0; i < n; i++)
        sum += losses[i];
    mean = n > 0 ? sum / (double)n : 0;
    if (inquiry->model)
        inquiry_head(inquiry, answer);
    buffer_print(answer, "%s\"loss\":\"%s\",\"losses\":", inquiry->model ? "," : "{", name);
    tensor_append(losses, rank, shape, answer);
    buffer_append_text(answer, ",\"mean\":");
    tensor_append(&mean, 0, NULL, answer);
    buffer_append_text(answer, ",\"sum\":");
    tensor_append(&sum, 0, NULL, answer);
}

/* ---- nce and sampled softmax ----------------------------------------------------------------- */

struct sampled {
    struct inquiry *inquiry;
    struct classes classes;
    struct rows inputs;
    struct truth truth;
    struct drawn drawn;
    bool subtract_log_q, remove_hits, gradients;
    const float **true_rows, **sampled_rows;
    float *true_biases, *sampled_biases;
    /* All but the first with gradients only; the last two when weights were given as numbers. */
    double *losses, *logits, *by_logits, *by_inputs, *by_weights, *by_biases;
};

static void sampled_clear(struct sampled *sampled) {
    classes_clear(&sampled->classes);
    rows_clear(&sampled->inputs);
    truth_clear(&sampled->truth);
    drawn_clear(&sampled->drawn);
    free(sampled->true_rows);
    free(sampled->sampled_rows);
    free(sampled->true_biases);
    free(sampled->sampled_biases);
    free(sampled->losses);
    free(sampled->logits);
    free(sampled->by_logits);
    free(sampled->by_inputs);
    free(sampled->by_weights);
    free(sampled->by_biases);
}

static enum status sampled_read(struct sampled *sampled, struct error *err) {
    struct inquiry *inquiry = sampled->inquiry;
    enum status status = loss_model(inquiry, err);
    if (status == STATUS_OK)
        status = field_flag(inquiry->body, "subtract_log_q", &sampled->subtract_log_q, err);
    if (status == STATUS_OK)
        status = field_flag(inquiry->body, "remove_accidental_hits", &sampled->remove_hits, err);
    if (status == STATUS_OK)
        status = field_flag(inquiry->body, "gradients", &sampled->gradients, err);
    if (status == STATUS_OK)
        status = classes_read(&sampled->classes, inquiry, err);
    if (status == STATUS_OK)
        status = inputs_read(&sampled->inputs, inquiry, sampled->classes.rows.dim, err);
    if (status == STATUS_OK)
        status = truth_read(&sampled->truth, inquiry, "labels", sampled->classes.rows.n, err);
    if (status == STATUS_OK && sampled->truth.n != sampled->inputs.n)
        status = error_set_key(err, STATUS_REFUSED, "/labels",
                               "labels and inputs must be as many: %zu and %zu", sampled->truth.n,
                               sampled->inputs.n);
    return status == STATUS_OK
               ? drawn_read(&sampled->drawn, inquiry, &sampled->truth, sampled->classes.rows.n, err)
               : status;
}

static enum status sampled_allocate(struct sampled *sampled, struct error *err) {
    size_t batch = sampled->truth.n, truths = batch * sampled->truth.per_row, n = sampled->drawn.n,
           scores = sampled->gradients ? batch * (sampled->truth.per_row + n) : 0,
           steps = sampled->gradients ? batch * sampled->inputs.dim : 0,
           classes = sampled->gradients && !sampled->classes.table ? sampled->classes.rows.n : 0,
           rows = classes * sampled->inputs.dim;
    uint64_t bytes = (truths + n) * (sizeof(float *) + sizeof(float)) +
                     (batch + 2 * scores + steps + rows + classes) * sizeof(double);
    enum status status = request_reserve(sampled->inquiry->request, bytes, "the loss", err);
    if (status == STATUS_OK)
        status = request_expect_answer(
            sampled->inquiry->request,
            (batch + 2 * scores + steps) * LOSS_TEXT + 2 * (rows + classes), err);
    if (status != STATUS_OK)
        return status;
    sampled->true_rows = calloc(truths + 1, sizeof *sampled->true_rows);
    sampled->sampled_rows = calloc(n + 1, sizeof *sampled->sampled_rows);
    sampled->true_biases = calloc(truths + 1, sizeof *sampled->true_biases);
    sampled->sampled_biases = calloc(n + 1, sizeof *sampled->sampled_biases);
    sampled->losses = calloc(batch + 1, sizeof *sampled->losses);
    sampled->logits = calloc(scores + 1, sizeof *sampled->logits);
    sampled->by_logits = calloc(scores + 1, sizeof *sampled->by_logits);
    sampled->by_inputs = calloc(steps + 1, sizeof *sampled->by_inputs);
    sampled->by_weights = calloc(rows + 1, sizeof *sampled->by_weights);
    sampled->by_biases = calloc(classes + 1, sizeof *sampled->by_biases);
    return sampled->true_rows && sampled->sampled_rows && sampled->true_biases &&
                   sampled->sampled_biases && sampled->losses && sampled->logits &&
                   sampled->by_logits && sampled->by_inputs && sampled->by_weights &&
                   sampled->by_biases
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "out of memory for %zu losses", batch);
}

/* By the inputs: what the rows add, each by its logit; by the rows: what the inputs add. */
static void sampled_differentiate(struct sampled *sampled) {
    size_t n_true = sampled->truth.per_row, n = n_true + sampled->drawn.n,
           dim = sampled->inputs.dim;
    for (size_t b = 0; b < sampled->truth.n; b++)
        for (size_t c = 0; c < n; c++) {
            const float *row =
                c < n_true ? sampled->true_rows[b * n_true + c] : sampled->sampled_rows[c - n_true];
            double step = sampled->by_logits[b * n + c];
            for (size_t d = 0; d < dim; d++)
                sampled->by_inputs[b * dim + d] += step * row[d];
            if (sampled->classes.table)
                continue;
            size_t id = (size_t)(c < n_true ? sampled->truth.ids[b * n_true + c]
                                            : sampled->drawn.ids[c - n_true]);
            for (size_t d = 0; d < dim; d++)
                sampled->by_weights[id * dim + d] += step * sampled->inputs.rows[b][d];
            sampled->by_biases[id] += step;
        }
}

static enum status sampled_compute(struct sampled *sampled, enum sampled_loss loss,
                                   struct error *err) {
    size_t truths = sampled->truth.n * sampled->truth.per_row;
    for (size_t i = 0; i < truths; i++) {
        sampled->true_rows[i] = class_row(&sampled->classes, (uint32_t)sampled->truth.ids[i]);
        sampled->true_biases[i] = class_bias(&sampled->classes, (uint32_t)sampled->truth.ids[i]);
    }
    for (size_t i = 0; i < sampled->drawn.n; i++) {
        sampled->sampled_rows[i] = class_row(&sampled->classes, (uint32_t)sampled->drawn.ids[i]);
        sampled->sampled_biases[i] = class_bias(&sampled->classes, (uint32_t)sampled->drawn.ids[i]);
    }
    const struct loss_sample sample = {
        .batch = sampled->truth.n,
        .dim = sampled->inputs.dim,
        .n_true = sampled->truth.per_row,
        .n_sampled = sampled->drawn.n,
        .inputs = sampled->inputs.rows,
        .true_rows = sampled->true_rows,
        .sampled_rows = sampled->sampled_rows,
        .true_biases = sampled->true_biases,
        .sampled_biases = sampled->sampled_biases,
        .truth = sampled->truth.ids,
        .sampled = sampled->drawn.ids,
        .true_expected = sampled->subtract_log_q ? sampled->drawn.true_expected : NULL,
        .sampled_expected = sampled->subtract_log_q ? sampled->drawn.sampled_expected : NULL,
        .remove_accidental_hits = sampled->remove_hits};
    enum status status =
        loss_of_sample(loss, &sample, request_stop(sampled->inquiry->request), sampled->losses,
                       sampled->gradients ? sampled->logits : NULL,
                       sampled->gradients ? sampled->by_logits : NULL, err);
    if (status == STATUS_OK && sampled->gradients)
        sampled_differentiate(sampled);
    return status == STATUS_OK
               ? weigh_losses(sampled->inquiry, sampled->losses, sampled->truth.n, err)
               : status;
}

static void write_ids(const int64_t *ids, size_t n, struct buffer *answer) {
    buffer_append_char(answer, '[');
    for (size_t i = 0; i < n; i++)
        buffer_print(answer, "%s%" PRId64, i == 0 ? "" : ",", ids[i]);
    buffer_append_char(answer, ']');
}

static void write_sampled(const struct sampled *sampled, const char *name, struct buffer *answer) {
    const struct drawn *drawn = &sampled->drawn;
    size_t batch = sampled->truth.n, per_row = sampled->truth.per_row,
           truth_shape[2] = {batch, per_row}, logit_shape[2] = {batch, per_row + drawn->n},
           input_shape[2] = {batch, sampled->inputs.dim},
           weight_shape[2] = {sampled->classes.rows.n, sampled->inputs.dim};
    write_losses(sampled->inquiry, name, sampled->losses, 1, &batch, answer);
    buffer_print(answer,
                 ",\"num_true\":%zu,\"num_sampled\":%zu,\"num_classes\":%zu,"
                 "\"subtract_log_q\":%s,\"remove_accidental_hits\":%s",
                 per_row, drawn->n, sampled->classes.rows.n,
                 sampled->subtract_log_q ? "true" : "false",
                 sampled->remove_hits ? "true" : "false");
    if (drawn->tries > 0)
        buffer_print(answer, ",\"seed\":%" PRId64 ",\"num_tries\":%" PRIu64, drawn->seed,
                     drawn->tries);
    buffer_append_text(answer, ",\"sampled_values\":{\"sampled_candidates\":");
    write_ids(drawn->ids, drawn->n, answer);
    buffer_append_text(answer, ",\"true_expected_count\":");
    tensor_append(drawn->true_expected, 2, truth_shape, answer);
    buffer_append_text(answer, ",\"sampled_expected_count\":");
    tensor_append(drawn->sampled_expected, 1, &drawn->n, answer);
    buffer_append_char(answer, '}');
    if (sampled->gradients) {
        buffer_append_text(answer, ",\"logits\":");
        tensor_append(sampled->logits, 2, logit_shape, answer);
        buffer_append_text(answer, ",\"gradients\":{\"logits\":");
        tensor_append(sampled->by_logits, 2, logit_shape, answer);
        buffer_append_text(answer, ",\"inputs\":");
        tensor_append(sampled->by_inputs, 2, input_shape, answer);
        if (!sampled->classes.table) {
            buffer_append_text(answer, ",\"weights\":");
            tensor_append(sampled->by_weights, 2, weight_shape, answer);
            buffer_append_text(answer, ",\"biases\":");
            tensor_append(sampled->by_biases, 1, weight_shape, answer);
        }
        buffer_append_char(answer, '}');
    }
    buffer_append_char(answer, '}');
}

static enum status sampled_of_body(struct inquiry *inquiry, enum sampled_loss loss,
                                   const char *name, struct buffer *answer, struct error *err) {
    struct sampled sampled = {
        .inquiry = inquiry, .subtract_log_q = true, .remove_hits = loss == LOSS_SAMPLED_SOFTMAX};
    enum status status = sampled_read(&sampled, err);
    if (status == STATUS_OK)
        status = sampled_allocate(&sampled, err);
    if (status == STATUS_OK)
        status = sampled_compute(&sampled, loss, err);
    if (status == STATUS_OK)
        write_sampled(&sampled, name, answer);
    sampled_clear(&sampled);
    return status;
}

/* ---- losses of logits ------------------------------------------------------------------------ */

struct scored {
    struct inquiry *inquiry;
    struct tensor logits;
    double *losses, *gradients; /* [logits.n] each */
    bool with_gradients;
};

/* Scores of each input with each class, or with those that `classes` names. */
static enum status scores_compute(struct scored *scored, const struct classes *classes,
                                  const struct rows *inputs, const struct truth *columns,
                                  struct error *err) {
    size_t n = columns->n > 0 ? columns->n : classes->rows.n, dim = classes->rows.dim;
    struct tensor *logits = &scored->logits;
    *logits = (struct tensor){.n = inputs->n * n, .rank = 2, .shape = {inputs->n, n}};
    enum status status = request_reserve(scored->inquiry->request,
                                         logits->n * sizeof *logits->values, "the logits", err);
    if (status != STATUS_OK)
        return status;
    logits->values = calloc(logits->n + 1, sizeof *logits->values);
    if (!logits->values)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu logits", logits->n);
    for (size_t b = 0; status == STATUS_OK && b < inputs->n; b++) {
        status = stop_check(request_stop(scored->inquiry->request), "the loss", err);
        for (size_t c = 0; status == STATUS_OK && c < n; c++) {
            uint32_t id = (uint32_t)(columns->n > 0 ? columns->ids[c] : (int64_t)c);
            const float *row = class_row(classes, id);
            double sum = class_bias(classes, id);
            for (size_t d = 0; d < dim; d++)
                sum += (double)inputs->rows[b][d] * row[d];
            logits->values[b * n + c] = sum;
        }
    }
    return status;
}

static enum status scores_read(struct scored *scored, struct error *err) {
    struct inquiry *inquiry = scored->inquiry;
    const json_t *tree = field_find(inquiry->body, "logits");
    struct classes classes = {.table = NULL};
    struct rows inputs = {0};
    struct truth columns = {0};
    enum status status = loss_model(inquiry, err);
    if (status == STATUS_OK)
        status = field_flag(inquiry->body, "gradients", &scored->with_gradients, err);
    if (status != STATUS_OK)
        return status;
    if (tree && (inquiry->model || field_find(inquiry->body, "inputs") ||
                 field_find(inquiry->body, "weights")))
        return error_set_key(err, STATUS_REFUSED, "/logits",
                             "give either logits, or inputs with weights or a model, not both");
    if (tree)
        return tensor_read(&scored->logits, inquiry, tree, "/logits", err);
    status = classes_read(&classes, inquiry, err);
    if (status == STATUS_OK)
        status = inputs_read(&inputs, inquiry, classes.rows.dim, err);
    if (status == STATUS_OK && field_find(inquiry->body, "classes"))
        status = truth_read(&columns, inquiry, "classes", classes.rows.n, err);
    if (status == STATUS_OK && columns.n > 0 && !columns.flat)
        status = error_set_key(err, STATUS_REFUSED, "/classes", "classes must be a plain list");
    if (status == STATUS_OK)
        status = scores_compute(scored, &classes, &inputs, &columns, err);
    classes_clear(&classes);
    rows_clear(&inputs);
    truth_clear(&columns);
    return status;
}

static enum status scored_allocate(struct scored *scored, struct error *err) {
    size_t n = scored->logits.n;
    enum status status =
        request_reserve(scored->inquiry->request, 2 * n * sizeof(double), "the loss", err);
    if (status == STATUS_OK)
        status = request_expect_answer(scored->inquiry->request, n, err);
    if (status != STATUS_OK)
        return status;
    scored->losses = calloc(n + 1, sizeof *scored->losses);
    scored->gradients = calloc(n + 1, sizeof *scored->gradients);
    return scored->losses && scored->gradients
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "out of memory for %zu losses", n);
}

/* The answer's end. */
static void write_gradients(const struct scored *scored, struct buffer *answer) {
    if (scored->with_gradients) {
        buffer_append_text(answer, ",\"gradients\":{\"logits\":");
        tensor_append(scored->gradients, scored->logits.rank, scored->logits.shape, answer);
        buffer_append_char(answer, '}');
    }
    buffer_append_char(answer, '}');
}

static void scored_clear(struct scored *scored) {
    tensor_clear(&scored->logits);
    free(scored->losses);
    free(scored->gradients);
}

static enum status labels_like(const struct scored *scored, struct tensor *labels,
                               struct error *err) {
    char wanted[TENSOR_TEXT], found[TENSOR_TEXT];
    const json_t *tree = field_find(scored->inquiry->body, "labels");
    if (!tree)
        return error_set_key(err, STATUS_REFUSED, "/labels", "labels are missing");
    enum status status = tensor_read(labels, scored->inquiry, tree, "/labels", err);
    return status == STATUS_OK && !tensors_alike(labels, &scored->logits)
               ? error_set_key(err, STATUS_REFUSED, "/labels",
                               "labels must have the shape of the logits, %s, not %s",
                               tensor_shape_text(&scored->logits, wanted),
                               tensor_shape_text(labels, found))
               : status;
}

/* pos_weight: a number, one for each entry of the last axis, or one for each logit. */
static enum status weighted_compute(struct scored *scored, const struct tensor *labels,
                                    struct error *err) {
    const struct tensor *logits = &scored->logits;
    const json_t *tree = field_find(scored->inquiry->body, "pos_weight");
    struct tensor weight = {0};
    enum status status =
        tree ? tensor_read(&weight, scored->inquiry, tree, "/pos_weight", err) : STATUS_OK;
    bool whole = tensors_alike(&weight, logits),
         last = weight.rank == 1 && logits->rank > 0 && weight.n == logits->shape[logits->rank - 1];
    if (status == STATUS_OK && tree && weight.rank > 0 && !whole && !last)
        status =
            error_set_key(err, STATUS_REFUSED, "/pos_weight",
                          "pos_weight must be a number, one for each class, or of the shape of "
                          "the logits");
    for (size_t i = 0; status == STATUS_OK && i < logits->n; i++) {
        double factor = !tree              ? 1
                        : weight.rank == 0 ? weight.values[0]
                        : whole            ? weight.values[i]
                                           : weight.values[i % weight.n];
        scored->losses[i] =
            loss_weighted_cross_entropy(logits->values[i], labels->values[i], factor);
        scored->gradients[i] = loss_weighted_gradient(logits->values[i], labels->values[i], factor);
    }
    tensor_clear(&weight);
    return status == STATUS_OK ? weigh_losses(scored->inquiry, scored->losses, logits->n, err)
                               : status;
}

static enum status weighted_of_body(struct inquiry *inquiry, struct buffer *answer,
                                    struct error *err) {
    struct scored scored = {.inquiry = inquiry};
    struct tensor labels = {0};
    enum status status = scores_read(&scored, err);
    if (status == STATUS_OK)
        status = labels_like(&scored, &labels, err);
    if (status == STATUS_OK)
        status = scored_allocate(&scored, err);
    if (status == STATUS_OK)
        status = weighted_compute(&scored, &labels, err);
    if (status == STATUS_OK) {
        write_losses(inquiry, "weighted_cross_entropy", scored.losses, scored.logits.rank,
                     scored.logits.shape, answer);
        write_gradients(&scored, answer);
    }
    tensor_clear(&labels);
    scored_clear(&scored);
    return status;
}

/* Class numbers of the last axis, one for each row of logits. */
static enum status sparse_read(struct scored *scored, const json_t *tree, struct truth *truth,
                               struct error *err) {
    const struct tensor *logits = &scored->logits;
    struct inquiry *inquiry = scored->inquiry;
    size_t n_classes = logits->shape[logits->rank - 1], rows = logits->n / n_classes;
    struct tensor numbers = {0};
    /* Words stand for columns only where the columns are the vocabulary. */
    if (logits->rank == 2 && inquiry->model && !field_find(inquiry->body, "classes")) {
        enum status status = truth_read(truth, inquiry, "labels", n_classes, err);
        return status == STATUS_OK && truth->n * truth->per_row != rows
                   ? error_set_key(err, STATUS_REFUSED, "/labels",
                                   "labels and inputs must be as many: %zu and %zu", truth->n, rows)
                   : status;
    }
    enum status status = tensor_read(&numbers, inquiry, tree, "/labels", err);
    if (status == STATUS_OK &&
        (numbers.rank != logits->rank - 1 ||
         memcmp(numbers.shape, logits->shape, numbers.rank * sizeof numbers.shape[0]) != 0))
        status = error_set_key(err, STATUS_REFUSED, "/labels",
                               "labels must have the shape of the logits, or be one class number "
                               "for each of %zu rows",
                               rows);
    truth->ids = calloc(rows + 1, sizeof *truth->ids);
    if (status == STATUS_OK && !truth->ids)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for %zu labels", rows);
    for (size_t i = 0; status == STATUS_OK && i < rows; i++) {
        double value = numbers.values[i];
        if (!(value >= 0 && value < (double)n_classes && floor(value) == value))
            status = error_set_key(err, STATUS_REFUSED, "/labels",
                                   "a class must be a whole number from 0 to %zu, not %g",
                                   n_classes - 1, value);
        else
            truth->ids[i] = (int64_t)value;
    }
    tensor_clear(&numbers);
    return status;
}

static unsigned depth_of(const json_t *tree) {
    unsigned depth = 0;
    for (; json_is_array(tree); tree = json_array_get(tree, 0))
        depth++;
    return depth;
}

static enum status softmax_compute(struct scored *scored, struct error *err) {
    const struct tensor *logits = &scored->logits;
    const json_t *tree = field_find(scored->inquiry->body, "labels");
    size_t n_classes = logits->shape[logits->rank - 1], rows = logits->n / n_classes;
    struct tensor dense = {0};
    struct truth sparse = {0};
    bool is_sparse = tree && depth_of(tree) + 1 == logits->rank;
    enum status status =
        is_sparse ? sparse_read(scored, tree, &sparse, err) : labels_like(scored, &dense, err);
    double *one = calloc(n_classes, sizeof *one);
    if (status == STATUS_OK && !one)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for %zu labels", n_classes);
    for (size_t i = 0; status == STATUS_OK && i < rows; i++) {
        if (is_sparse)
            one[sparse.ids[i]] = 1;
        scored->losses[i] = loss_softmax_cross_entropy(
            logits->values + i * n_classes, is_sparse ? one : dense.values + i * n_classes,
            n_classes, scored->gradients + i * n_classes);
        if (is_sparse)
            one[sparse.ids[i]] = 0;
    }
    free(one);
    tensor_clear(&dense);
    truth_clear(&sparse);
    return status == STATUS_OK ? weigh_losses(scored->inquiry, scored->losses, rows, err) : status;
}

static enum status softmax_of_body(struct inquiry *inquiry, struct buffer *answer,
                                   struct error *err) {
    struct scored scored = {.inquiry = inquiry};
    enum status status = scores_read(&scored, err);
    if (status == STATUS_OK && (scored.logits.rank == 0 || scored.logits.n == 0))
        status = error_set_key(err, STATUS_REFUSED, "/logits",
                               "logits must be lists of at least one number");
    if (status == STATUS_OK)
        status = scored_allocate(&scored, err);
    if (status == STATUS_OK)
        status = softmax_compute(&scored, err);
    if (status == STATUS_OK) {
        write_losses(inquiry, "softmax_cross_entropy", scored.losses, scored.logits.rank - 1,
                     scored.logits.shape, answer);
        write_gradients(&scored, answer);
    }
    scored_clear(&scored);
    return status;
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* The model, if one is named, stands in the body and not in the path. */
static void loss_run(struct server *server, const struct http_request *request,
                     struct http_response *response, const char *const *members,
                     enum status (*write)(struct inquiry *inquiry, struct buffer *answer,
                                          struct error *err)) {
    struct inquiry inquiry = {
        .server = server, .request = request, .response = response, .content_type = INQUIRY_JSON};
    struct buffer answer = request_answer(request);
    struct error err = {0};
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status = json_body(server, request, members, &inquiry.body, &err);
    if (status == STATUS_OK)
        status = write(&inquiry, &answer, &err);
    inquiry_end(&inquiry, status, &answer, &err);
}

#define SAMPLED_MEMBERS                                                                          \
    "model", "weights", "biases", "inputs", "labels", "label_weights", "sampled_values",         \
        "num_sampled", "seed", "sampler", "sampler_power", "counts", "unique", "subtract_log_q", \
        "remove_accidental_hits", "gradients", NULL
#define SCORED_MEMBERS                                                                      \
    "model", "weights", "biases", "inputs", "classes", "logits", "labels", "label_weights", \
        "gradients"

static enum status nce_of_body(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    return sampled_of_body(inquiry, LOSS_NCE, "nce", answer, err);
}

static enum status sampled_softmax_of_body(struct inquiry *inquiry, struct buffer *answer,
                                           struct error *err) {
    return sampled_of_body(inquiry, LOSS_SAMPLED_SOFTMAX, "sampled_softmax", answer, err);
}

void loss_nce_post(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    static const char *const members[] = {SAMPLED_MEMBERS};
    loss_run(server, request, response, members, nce_of_body);
}

void loss_sampled_softmax_post(struct server *server, const struct http_request *request,
                               struct http_response *response) {
    static const char *const members[] = {SAMPLED_MEMBERS};
    loss_run(server, request, response, members, sampled_softmax_of_body);
}

void loss_weighted_post(struct server *server, const struct http_request *request,
                        struct http_response *response) {
    static const char *const members[] = {SCORED_MEMBERS, "pos_weight", NULL};
    loss_run(server, request, response, members, weighted_of_body);
}

void loss_softmax_post(struct server *server, const struct http_request *request,
                       struct http_response *response) {
    static const char *const members[] = {SCORED_MEMBERS, NULL};
    loss_run(server, request, response, members, softmax_of_body);
}
