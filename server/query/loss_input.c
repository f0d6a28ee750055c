#include "server/query/loss_input.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/train.h"

enum status loss_model(struct inquiry *inquiry, struct error *err) {
    const char *name = NULL;
    size_t length = 0;
    enum status status = field_text(inquiry->body, "model", &name, &length, err);
    if (status == STATUS_OK && name && strlen(name) != length)
        return error_set_key(err, STATUS_REFUSED, "/model", "model holds a NUL");
    return status == STATUS_OK && name ? inquiry_hold_named(inquiry, name, err) : status;
}

/* ---- rows ------------------------------------------------------------------------------------ */

void rows_clear(struct rows *rows) {
    free(rows->rows);
    free(rows->own);
    *rows = (struct rows){0};
}

static enum status floats_of(const struct tensor *tensor, const struct inquiry *inquiry,
                             float **floats, struct error *err) {
    enum status status =
        request_reserve(inquiry->request, tensor->n * sizeof **floats, "the numbers", err);
    if (status != STATUS_OK)
        return status;
    *floats = calloc(tensor->n + 1, sizeof **floats);
    if (!*floats)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu numbers", tensor->n);
    for (size_t i = 0; i < tensor->n; i++)
        (*floats)[i] = (float)tensor->values[i];
    return STATUS_OK;
}

static enum status rows_of_numbers(struct rows *rows, struct inquiry *inquiry, const char *name,
                                   struct error *err) {
    char pointer[POINTER_SIZE], text[TENSOR_TEXT];
    struct tensor tensor;
    snprintf(pointer, sizeof pointer, "/%s", name);
    enum status status =
        tensor_read(&tensor, inquiry, field_find(inquiry->body, name), pointer, err);
    if (status == STATUS_OK && (tensor.rank != 2 || tensor.n == 0))
        status = error_set_key(err, STATUS_REFUSED, pointer,
                               "%s must be a list of rows, all as long as one vector; its shape is "
                               "%s",
                               name, tensor_shape_text(&tensor, text));
    if (status == STATUS_OK)
        status = floats_of(&tensor, inquiry, &rows->own, err);
    if (status == STATUS_OK) {
        rows->n = tensor.shape[0];
        rows->dim = tensor.shape[1];
        rows->rows = calloc(rows->n, sizeof *rows->rows);
        if (!rows->rows)
            status = error_set(err, STATUS_NO_MEMORY, "out of memory for %zu rows", rows->n);
    }
    for (size_t i = 0; status == STATUS_OK && i < rows->n; i++)
        rows->rows[i] = rows->own + i * rows->dim;
    tensor_clear(&tensor);
    return status;
}

static enum status classes_of_model(struct classes *classes, const struct inquiry *inquiry,
                                    struct error *err) {
    const struct model *model = inquiry->model;
    if (!model->output)
        return error_set_key(err, STATUS_REFUSED, "/model",
                             "model '%s' holds no output rows (save_output, or an import): give "
                             "weights and biases",
                             inquiry->name);
    classes->table = model->output;
    classes->rows.n = model->output->rows;
    classes->rows.dim = model->output->columns - 1;
    return STATUS_OK;
}

static enum status biases_read(struct classes *classes, const struct inquiry *inquiry,
                               struct error *err) {
    const json_t *tree = field_find(inquiry->body, "biases");
    struct tensor tensor;
    char text[TENSOR_TEXT];
    if (!tree)
        return STATUS_OK;
    enum status status = tensor_read(&tensor, inquiry, tree, "/biases", err);
    if (status == STATUS_OK && (tensor.rank != 1 || tensor.n != classes->rows.n))
        status = error_set_key(err, STATUS_REFUSED, "/biases",
                               "biases must be a list of %zu numbers, one for each row of weights; "
                               "its shape is %s",
                               classes->rows.n, tensor_shape_text(&tensor, text));
    if (status == STATUS_OK)
        status = floats_of(&tensor, inquiry, &classes->biases, err);
    tensor_clear(&tensor);
    return status;
}

enum status classes_read(struct classes *classes, struct inquiry *inquiry, struct error *err) {
    bool weights = field_find(inquiry->body, "weights") != NULL;
    *classes = (struct classes){0};
    if (inquiry->model && (weights || field_find(inquiry->body, "biases")))
        return error_set_key(err, STATUS_REFUSED, "/weights",
                             "give either a model or weights and biases, not both");
    if (inquiry->model)
        return classes_of_model(classes, inquiry, err);
    if (!weights)
        return error_set_key(err, STATUS_REFUSED, "/weights",
                             "weights are missing, one row for each class; or name a model");
    enum status status = rows_of_numbers(&classes->rows, inquiry, "weights", err);
    return status == STATUS_OK ? biases_read(classes, inquiry, err) : status;
}

void classes_clear(struct classes *classes) {
    rows_clear(&classes->rows);
    free(classes->biases);
    *classes = (struct classes){0};
}

const float *class_row(const struct classes *classes, uint32_t id) {
    return classes->table ? table_row(classes->table, id) : classes->rows.rows[id];
}

float class_bias(const struct classes *classes, uint32_t id) {
    if (classes->table)
        return table_row(classes->table, id)[classes->table->columns - 1];
    return classes->biases ? classes->biases[id] : 0;
}

enum status inputs_read(struct rows *inputs, struct inquiry *inquiry, size_t dim,
                        struct error *err) {
    const json_t *tree = field_find(inquiry->body, "inputs");
    bool numbers = json_is_array(json_array_get(tree, 0));
    uint32_t *ids = NULL;
    enum status status;
    *inputs = (struct rows){0};
    if (!tree)
        return error_set_key(err, STATUS_REFUSED, "/inputs", "inputs are missing");
    if (numbers) {
        status = rows_of_numbers(inputs, inquiry, "inputs", err);
    } else if (!inquiry->model) {
        return error_set_key(err, STATUS_REFUSED, "/inputs",
                             "inputs must be lists of %zu numbers; words and ids need a model",
                             dim);
    } else {
        status = inquiry_items(inquiry, inquiry->body, "", "inputs", 1, &ids, &inputs->n, err);
        inputs->dim = inquiry->model->input->columns;
        if (status == STATUS_OK) {
            inputs->rows = calloc(inputs->n, sizeof *inputs->rows);
            if (!inputs->rows)
                status = error_set(err, STATUS_NO_MEMORY, "out of memory for %zu rows", inputs->n);
        }
        for (size_t i = 0; status == STATUS_OK && i < inputs->n; i++)
            inputs->rows[i] = table_row(inquiry->model->input, ids[i]);
        free(ids);
    }
    return status == STATUS_OK && inputs->dim != dim
               ? error_set_key(err, STATUS_REFUSED, "/inputs",
                               "inputs have %zu numbers each, the rows of the classes %zu",
                               inputs->dim, dim)
               : status;
}

/* ---- labels ---------------------------------------------------------------------------------- */

void truth_clear(struct truth *truth) {
    free(truth->ids);
    *truth = (struct truth){0};
}

static enum status class_read(struct inquiry *inquiry, const json_t *item, const char *pointer,
                              size_t n_classes, int64_t *id, struct error *err) {
    if (inquiry->model && json_is_string(item)) {
        uint32_t word;
        enum status status = inquiry_word(inquiry, json_string_value(item),
                                          json_string_length(item), pointer, &word, err);
        *id = status == STATUS_OK ? word : 0;
        return status == STATUS_OK && word >= n_classes
                   ? error_set_key(err, STATUS_REFUSED, pointer,
                                   "the word has the id %" PRIu32 ", but there are %zu classes",
                                   word, n_classes)
                   : status;
    }
    *id = json_integer_value(item);
    if (!json_is_integer(item) || *id < 0 || (uint64_t)*id >= n_classes)
        return error_set_key(err, STATUS_REFUSED, pointer,
                             "a class must be a whole number from 0 to %zu%s, not %s",
                             n_classes - 1, inquiry->model ? " or a word" : "",
                             json_is_integer(item) ? "one out of range" : field_kind(item));
    return STATUS_OK;
}

enum status truth_read(struct truth *truth, struct inquiry *inquiry, const char *name,
                       size_t n_classes, struct error *err) {
    const json_t *list = NULL;
    char pointer[POINTER_SIZE];
    *truth = (struct truth){0};
    enum status status =
        field_list(inquiry->body, name, 1, (size_t)inquiry->server->settings.max_batch, &list, err);
    snprintf(pointer, sizeof pointer, "/%s", name);
    if (status == STATUS_OK && !list)
        status = error_set_key(err, STATUS_REFUSED, pointer, "%s is missing", name);
    if (status != STATUS_OK)
        return status;
    const json_t *first = json_array_get(list, 0);
    truth->flat = !json_is_array(first);
    truth->n = json_array_size(list);
    truth->per_row = truth->flat ? 1 : json_array_size(first);
    if (truth->per_row == 0)
        return error_set_key(err, STATUS_REFUSED, pointer, "%s must name at least one class each",
                             name);
    truth->ids = calloc(truth->n, truth->per_row * sizeof *truth->ids);
    if (!truth->ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu classes", truth->n);
    for (size_t i = 0; status == STATUS_OK && i < truth->n; i++) {
        const json_t *row = json_array_get(list, i);
        if (!truth->flat && (!json_is_array(row) || json_array_size(row) != truth->per_row))
            return error_set_key(err, STATUS_REFUSED, pointer,
                                 "%s must hold lists of %zu classes each: entry %zu is %s of %zu",
                                 name, truth->per_row, i, field_kind(row), json_array_size(row));
        for (size_t t = 0; status == STATUS_OK && t < truth->per_row; t++) {
            snprintf(pointer, sizeof pointer, truth->flat ? "/%s/%zu" : "/%s/%zu/%zu", name, i, t);
            status = class_read(inquiry, truth->flat ? row : json_array_get(row, t), pointer,
                                n_classes, &truth->ids[i * truth->per_row + t], err);
        }
    }
    return status;
}

/* ---- samples --------------------------------------------------------------------------------- */

void drawn_clear(struct drawn *drawn) {
    free(drawn->ids);
    free(drawn->true_expected);
    free(drawn->sampled_expected);
    *drawn = (struct drawn){0};
}

static enum status drawn_allocate(struct drawn *drawn, const struct inquiry *inquiry,
                                  const struct truth *truth, struct error *err) {
    size_t all = truth->n * truth->per_row;
    enum status status = request_reserve(
        inquiry->request, all * sizeof(double) + drawn->n * (sizeof(double) + DRAW_MEMORY),
        "the draw", err);
    if (status != STATUS_OK)
        return status;
    drawn->ids = calloc(drawn->n + 1, sizeof *drawn->ids);
    drawn->true_expected = calloc(all + 1, sizeof *drawn->true_expected);
    drawn->sampled_expected = calloc(drawn->n + 1, sizeof *drawn->sampled_expected);
    return drawn->ids && drawn->true_expected && drawn->sampled_expected
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "out of memory for %zu sampled classes",
                           drawn->n);
}

/* Expected counts, as many as `n`. */
static enum status expected_read(const struct inquiry *inquiry, const json_t *tree, size_t n,
                                 const char *pointer, double *expected, struct error *err) {
    struct tensor tensor;
    enum status status = tensor_read(&tensor, inquiry, tree, pointer, err);
    if (status == STATUS_OK && tensor.n != n)
        status = error_set_key(err, STATUS_REFUSED, pointer,
                               "expected counts must be %zu numbers, not %zu", n, tensor.n);
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        expected[i] = tensor.values[i];
        if (!(expected[i] > 0))
            status = error_set_key(err, STATUS_REFUSED, pointer,
                                   "an expected count must be above 0, not %g", expected[i]);
    }
    tensor_clear(&tensor);
    return status;
}

#define VALUES "/sampled_values/"

/* An object, or TensorFlow's triple. */
static enum status drawn_given(struct drawn *drawn, struct inquiry *inquiry, const json_t *values,
                               const struct truth *truth, size_t n_classes, struct error *err) {
    static const char *const names[] = {"sampled_candidates", "true_expected_count",
                                        "sampled_expected_count"};
    static const char *const pointers[] = {
        VALUES "sampled_candidates", VALUES "true_expected_count", VALUES "sampled_expected_count"};
    const json_t *parts[3];
    bool triple = json_is_array(values) && json_array_size(values) == 3;
    for (size_t i = 0; i < 3; i++) {
        parts[i] = triple ? json_array_get(values, i) : field_find(values, names[i]);
        if (!json_is_array(parts[i]))
            return error_set_key(err, STATUS_REFUSED, "/sampled_values",
                                 "sampled_values must hold three lists: sampled_candidates, "
                                 "true_expected_count, sampled_expected_count");
    }
    drawn->n = json_array_size(parts[0]);
    if (drawn->n > (size_t)inquiry->server->settings.max_batch)
        return error_set_key(err, STATUS_REFUSED, pointers[0],
                             "at most %" PRId64 " classes may be sampled (max_batch), not %zu",
                             inquiry->server->settings.max_batch, drawn->n);
    enum status status = drawn_allocate(drawn, inquiry, truth, err);
    for (size_t i = 0; status == STATUS_OK && i < drawn->n; i++)
        status = class_read(inquiry, json_array_get(parts[0], i), pointers[0], n_classes,
                            &drawn->ids[i], err);
    if (status == STATUS_OK)
        status = expected_read(inquiry, parts[1], truth->n * truth->per_row, pointers[1],
                               drawn->true_expected, err);
    return status == STATUS_OK ? expected_read(inquiry, parts[2], drawn->n, pointers[2],
                                               drawn->sampled_expected, err)
                               : status;
}

static enum sampler_kind kind_of(enum setting_sampler choice) {
    switch (choice) {
    case NOISE_LOG_UNIFORM:
        return SAMPLER_LOG_UNIFORM;
    case NOISE_UNIGRAM:
        return SAMPLER_UNIGRAM;
    case NOISE_UNIFORM:
        break;
    }
    return SAMPLER_UNIFORM;
}

/* Counts of the unigram sampler: the model's, or the member `counts`. */
static enum status counts_read(struct inquiry *inquiry, size_t n_classes, uint64_t **own,
                               struct error *err) {
    const json_t *list = NULL;
    enum status status = field_list(inquiry->body, "counts", n_classes, n_classes, &list, err);
    if (status != STATUS_OK || (!list && inquiry->model))
        return status;
    if (!list)
        return error_set_key(err, STATUS_REFUSED, "/counts",
                             "sampler unigram needs counts, one for each class");
    *own = calloc(n_classes, sizeof **own);
    if (!*own)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu counts", n_classes);
    for (size_t i = 0; i < n_classes; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            return error_set_key(err, STATUS_REFUSED, "/counts",
                                 "counts must be whole numbers from 0 on: entry %zu is not", i);
        (*own)[i] = (uint64_t)json_integer_value(item);
    }
    return STATUS_OK;
}

static enum status sampler_read(struct inquiry *inquiry, size_t n_classes, struct sampler **sampler,
                                struct error *err) {
    int choice = NOISE_LOG_UNIFORM;
    double power = 0.75;
    uint64_t *own = NULL;
    enum status status =
        field_choice(inquiry->body, "sampler", CHOICE_NAMES(CHOICES_OF_sampler), &choice, err);
    if (status == STATUS_OK)
        status = field_real(inquiry->body, "sampler_power", -1, 2, &power, err);
    if (status == STATUS_OK)
        status =
            request_reserve(inquiry->request, n_classes * SAMPLER_WORD_MEMORY, "the draw", err);
    if (status == STATUS_OK && choice == NOISE_UNIGRAM)
        status = counts_read(inquiry, n_classes, &own, err);
    if (status == STATUS_OK)
        status = sampler_create(sampler, kind_of((enum setting_sampler)choice), (uint32_t)n_classes,
                                own              ? own
                                : inquiry->model ? vocabulary_counts(inquiry->model->vocabulary)
                                                 : NULL,
                                power, err);
    free(own);
    return status;
}

static enum status draw_classes(struct drawn *drawn, const struct sampler *sampler, bool unique,
                                const struct truth *truth, struct error *err) {
    struct random random;
    random_init(&random, (uint64_t)drawn->seed, 0);
    uint32_t *ids = calloc(drawn->n, sizeof *ids);
    if (!ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu ids", drawn->n);
    enum status status =
        sampler_sample(sampler, &random, NULL, NULL, unique, ids, drawn->n, &drawn->tries, err);
    for (size_t i = 0; status == STATUS_OK && i < drawn->n; i++) {
        drawn->ids[i] = ids[i];
        drawn->sampled_expected[i] =
            sampler_expected_count(sampler, ids[i], drawn->n, drawn->tries);
    }
    for (size_t i = 0; status == STATUS_OK && i < truth->n * truth->per_row; i++) {
        drawn->true_expected[i] =
            sampler_expected_count(sampler, (uint32_t)truth->ids[i], drawn->n, drawn->tries);
        if (!(drawn->true_expected[i] > 0))
            status = error_set_key(err, STATUS_REFUSED, "/labels",
                                   "class %" PRId64 " is never sampled: its expected count is 0",
                                   truth->ids[i]);
    }
    free(ids);
    return status;
}

enum status drawn_read(struct drawn *drawn, struct inquiry *inquiry, const struct truth *truth,
                       size_t n_classes, struct error *err) {
    const json_t *values = field_find(inquiry->body, "sampled_values");
    struct sampler *sampler = NULL;
    int64_t n = 0;
    bool unique = true;
    *drawn = (struct drawn){.seed = 1};
    enum status status =
        field_int(inquiry->body, "num_sampled", 1, inquiry->server->settings.max_batch, &n, err);
    if (status == STATUS_OK && !values == (n == 0))
        status = error_set_key(err, STATUS_REFUSED, "/num_sampled",
                               "give either num_sampled or sampled_values");
    if (status == STATUS_OK && values)
        return drawn_given(drawn, inquiry, values, truth, n_classes, err);
    if (status == STATUS_OK)
        status = field_int(inquiry->body, "seed", 0, INT64_MAX, &drawn->seed, err);
    if (status == STATUS_OK)
        status = field_flag(inquiry->body, "unique", &unique, err);
    drawn->n = (size_t)n;
    if (status == STATUS_OK)
        status = drawn_allocate(drawn, inquiry, truth, err);
    if (status == STATUS_OK)
        status = sampler_read(inquiry, n_classes, &sampler, err);
    if (status == STATUS_OK && unique && n <= sampler_support(sampler))
        status = draw_check(sampler, n, "/num_sampled", err);
    if (status == STATUS_OK)
        status = draw_classes(drawn, sampler, unique, truth, err);
    sampler_free(sampler);
    return status;
}
