#include "server/query/tensor.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shape, as the first entry of each level tells it. */
static enum status tensor_measure(struct tensor *tensor, const json_t *tree, const char *pointer,
                                  struct error *err) {
    tensor->n = 1;
    for (; json_is_array(tree); tree = json_array_get(tree, 0)) {
        if (tensor->rank == TENSOR_RANK)
            return error_set_key(err, STATUS_REFUSED, pointer,
                                 "lists may stand within each other %d deep, not more",
                                 TENSOR_RANK);
        tensor->shape[tensor->rank++] = json_array_size(tree);
        /* counted as far as it is there: a list of one short list and one long one is refused */
        if (__builtin_mul_overflow(tensor->n, json_array_size(tree), &tensor->n) ||
            tensor->n > SIZE_MAX / sizeof *tensor->values)
            return error_set_key(err, STATUS_REFUSED, pointer, "the lists hold too many numbers");
    }
    return STATUS_OK;
}

static enum status tensor_fill(struct tensor *tensor, const json_t *tree, unsigned level,
                               size_t *at, const char *pointer, struct error *err) {
    if (level == tensor->rank) {
        double value = json_number_value(tree);
        if (!json_is_number(tree) || fabs(value) > FLT_MAX)
            return error_set_key(err, STATUS_REFUSED, pointer,
                                 "entry %zu must be a float32 number, not %s", *at,
                                 json_is_number(tree) ? "one so large" : field_kind(tree));
        tensor->values[(*at)++] = value;
        return STATUS_OK;
    }
    if (!json_is_array(tree) || json_array_size(tree) != tensor->shape[level])
        return error_set_key(err, STATUS_REFUSED, pointer,
                             "lists beside each other must be alike: one at level %u holds %zu "
                             "entries, another is %s of %zu",
                             level + 1, tensor->shape[level], field_kind(tree),
                             json_array_size(tree));
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < tensor->shape[level]; i++)
        status = tensor_fill(tensor, json_array_get(tree, i), level + 1, at, pointer, err);
    return status;
}

enum status tensor_read(struct tensor *tensor, const struct inquiry *inquiry, const json_t *tree,
                        const char *pointer, struct error *err) {
    size_t at = 0;
    *tensor = (struct tensor){0};
    enum status status = tensor_measure(tensor, tree, pointer, err);
    if (status == STATUS_OK)
        status = request_reserve(inquiry->request, tensor->n * sizeof *tensor->values,
                                 "the numbers", err);
    if (status != STATUS_OK)
        return status;
    tensor->values = calloc(tensor->n + 1, sizeof *tensor->values);
    if (!tensor->values)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu numbers", tensor->n);
    return tensor_fill(tensor, tree, 0, &at, pointer, err);
}

void tensor_clear(struct tensor *tensor) {
    free(tensor->values);
    *tensor = (struct tensor){0};
}

bool tensors_alike(const struct tensor *a, const struct tensor *b) {
    return a->rank == b->rank && memcmp(a->shape, b->shape, a->rank * sizeof a->shape[0]) == 0;
}

static void append_level(const double **values, unsigned rank, const size_t *shape,
                         struct buffer *answer) {
    if (rank == 0) {
        if (isfinite(**values))
            buffer_print(answer, "%.17g", **values);
        else
            buffer_append_text(answer, "null");
        ++*values;
        return;
    }
    buffer_append_char(answer, '[');
    for (size_t i = 0; i < shape[0]; i++) {
        if (i > 0)
            buffer_append_char(answer, ',');
        append_level(values, rank - 1, shape + 1, answer);
    }
    buffer_append_char(answer, ']');
}

void tensor_append(const double *values, unsigned rank, const size_t *shape,
                   struct buffer *answer) {
    append_level(&values, rank, shape, answer);
}

const char *tensor_shape_text(const struct tensor *tensor, char *text) {
    size_t at = (size_t)snprintf(text, TENSOR_TEXT, "[");
    for (unsigned level = 0; level < tensor->rank; level++)
        at += (size_t)snprintf(text + at, TENSOR_TEXT - at, "%s%zu", level == 0 ? "" : ", ",
                               tensor->shape[level]);
    snprintf(text + at, TENSOR_TEXT - at, "]");
    return text;
}
