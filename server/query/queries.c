#include "server/query/queries.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/machine.h"

#define NEIGHBOR_TEXT 40 /* bytes of {"word":"a","id":0,"count":0,"score":0}, */

enum status queries_init(struct queries *queries, struct inquiry *inquiry, size_t n,
                         const struct wanted *wanted, struct error *err) {
    const struct table *table = inquiry->model->input;
    int64_t among = wanted->among, k = wanted->offset + wanted->k;
    size_t rows = among > 0 && among < table->rows ? (size_t)among : table->rows;
    *queries = (struct queries){.inquiry = inquiry, .wanted = wanted};
    queries->k = (size_t)k < rows ? (size_t)k : rows;
    queries->room = n + 1;
    uint64_t found = (uint64_t)n * queries->k;
    enum status status = inquiry_reserve(inquiry, (uint64_t)n * table->columns, 0, err);
    if (status == STATUS_OK)
        status = inquiry_reserve(inquiry, found * (sizeof *queries->found / sizeof(float)),
                                 NEIGHBOR_TEXT / 2, err);
    if (status != STATUS_OK)
        return status;
    queries->vectors = calloc(n * table->columns + 1, sizeof *queries->vectors);
    queries->excluded = calloc(n + 1, sizeof *queries->excluded);
    queries->starts = calloc(n + 1, sizeof *queries->starts);
    queries->asked = calloc(n + 1, sizeof *queries->asked);
    queries->found = calloc(n * queries->k + 1, sizeof *queries->found);
    queries->counts = calloc(n + 1, sizeof *queries->counts);
    if (!queries->vectors || !queries->excluded || !queries->starts || !queries->asked ||
        !queries->found || !queries->counts)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu queries of %zu neighbours",
                         n, queries->k);
    return STATUS_OK;
}

void queries_clear(struct queries *queries) {
    free(queries->vectors);
    free(queries->excluded);
    free(queries->weights);
    free(queries->starts);
    free(queries->asked);
    free(queries->found);
    free(queries->counts);
}

static enum status exclude(struct queries *queries, uint32_t id, double weight, struct error *err) {
    size_t n = queries->n_excluded + 1;
    uint32_t *excluded = array_grow(queries->excluded, &queries->room, n, sizeof *excluded);
    if (excluded)
        queries->excluded = excluded;
    double *weights = array_grow(queries->weights, &queries->weights_room, n, sizeof *weights);
    if (weights)
        queries->weights = weights;
    if (!excluded || !weights)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu words", n);
    queries->weights[queries->n_excluded] = weight;
    queries->excluded[queries->n_excluded++] = id;
    return STATUS_OK;
}

static void end_query(struct queries *queries, enum query_kind kind, size_t index) {
    queries->asked[queries->n].kind = kind;
    queries->asked[queries->n].index = index;
    queries->starts[++queries->n] = queries->n_excluded;
}

static float *query_vector(struct queries *queries) {
    return queries->vectors + queries->n * queries->inquiry->model->input->columns;
}

/* ---- one query ------------------------------------------------------------------------------- */

static enum status query_by_id(struct queries *queries, uint32_t id, const char *pointer,
                               struct error *err) {
    const struct model *model = queries->inquiry->model;
    if (!(model->norms[id] > 0))
        return error_set_key(err, STATUS_REFUSED, pointer,
                             "id %" PRIu32 " has a zero vector: it has no direction", id);
    memcpy(query_vector(queries), table_row(model->input, id),
           model->input->columns * sizeof(float));
    return exclude(queries, id, 1, err);
}

static enum status query_by_vector(struct queries *queries, const json_t *list, const char *pointer,
                                   struct error *err) {
    size_t dim = queries->inquiry->model->input->columns;
    float *vector = query_vector(queries);
    bool zero = true;
    if (!json_is_array(list) || json_array_size(list) != dim)
        return error_set_key(err, STATUS_REFUSED, pointer,
                             "vector must be a list of %zu numbers, not %s of %zu", dim,
                             field_kind(list), json_array_size(list));
    for (size_t i = 0; i < dim; i++) {
        const json_t *item = json_array_get(list, i);
        vector[i] = (float)json_number_value(item);
        if (!json_is_number(item) || !isfinite(vector[i]))
            return error_set_key(err, STATUS_REFUSED, pointer,
                                 "vector must hold float32 numbers: entry %zu is %s", i,
                                 json_is_number(item) ? "too large" : field_kind(item));
        zero = zero && !(fabsf(vector[i]) > 0);
    }
    if (zero)
        return error_set_key(err, STATUS_REFUSED, pointer, "vector is zero: it has no direction");
    return STATUS_OK;
}

/* An entry of a sum. */
struct term {
    uint32_t id;       /* WORD_NONE: not known, or a vector */
    const json_t *row; /* the vector, or NULL */
    double weight;
    bool weighted;
};

static enum status term_weight(struct term *term, const json_t *weight, const char *pointer,
                               struct error *err) {
    term->weight = json_number_value(weight);
    term->weighted = true;
    return json_is_number(weight) && fabs(term->weight) <= FLT_MAX
               ? STATUS_OK
               : error_set_key(err, STATUS_REFUSED, pointer, "a weight must be a number, not %s",
                               json_is_number(weight) ? "one so large" : field_kind(weight));
}

/* {"word" | "id" | "vector", "weight"} */
static enum status term_of_object(struct term *term, struct inquiry *inquiry, const json_t *object,
                                  const char *pointer, struct error *err) {
    const json_t *word = field_find(object, "word"), *id = field_find(object, "id"),
                 *weight = field_find(object, "weight");
    term->row = field_find(object, "vector");
    size_t known = !!json_object_get(object, "word") + !!json_object_get(object, "id") +
                   !!json_object_get(object, "vector") + !!json_object_get(object, "weight");
    if (!!word + !!id + !!term->row != 1 || known != json_object_size(object))
        return error_set_key(err, STATUS_REFUSED, pointer,
                             "an entry holds exactly one of word, id, vector, and a weight or not");
    if ((word && !json_is_string(word)) || (id && !json_is_integer(id)))
        return error_set_key(err, STATUS_REFUSED, pointer, "%s must be %s, not %s",
                             word ? "word" : "id", word ? "a string" : "a whole number",
                             field_kind(word ? word : id));
    enum status status = weight ? term_weight(term, weight, pointer, err) : STATUS_OK;
    return status == STATUS_OK && !term->row
               ? inquiry_item(inquiry, word ? word : id, pointer, &term->id, err)
               : status;
}

static enum status term_read(struct term *term, struct inquiry *inquiry, const json_t *item,
                             const char *pointer, struct error *err) {
    if (json_is_object(item))
        return term_of_object(term, inquiry, item, pointer, err);
    if (!json_is_array(item))
        return inquiry_item(inquiry, item, pointer, &term->id, err);
    if (json_array_size(item) != 2)
        return error_set_key(err, STATUS_REFUSED, pointer,
                             "a list in positive or negative is a word or id and its weight; a "
                             "vector is put as {\"vector\": [...], \"weight\": 1}");
    enum status status = term_weight(term, json_array_get(item, 1), pointer, err);
    return status == STATUS_OK
               ? inquiry_item(inquiry, json_array_get(item, 0), pointer, &term->id, err)
               : status;
}

/* Sums under way: twice, for the sum of the weights' sizes must be known before one is added. */
struct summing {
    struct queries *queries;
    struct asked *asked;
    double *sum;  /* [dim] */
    double sizes; /* sum of |weight| */
    size_t known; /* entries */
    const char *pointer;
};

static enum status term_add(struct summing *summing, const struct term *term, const char *pointer,
                            struct error *err) {
    struct queries *queries = summing->queries;
    const struct model *model = queries->inquiry->model;
    size_t dim = model->input->columns;
    summing->known++;
    summing->sizes += fabs(term->weight);
    if (!term->row) {
        direction_add(table_row(model->input, term->id), dim, model->norms[term->id], term->weight,
                      summing->sum);
        return exclude(queries, term->id, term->weight, err);
    }
    float *vector = query_vector(queries);
    enum status status = query_by_vector(queries, term->row, pointer, err);
    if (status == STATUS_OK)
        direction_add(vector, dim, 1, term->weight, summing->sum);
    summing->asked->vectors++;
    return status;
}

static enum status terms_add(struct summing *summing, const json_t *object, const char *name,
                             double weight, struct error *err) {
    struct inquiry *inquiry = summing->queries->inquiry;
    const json_t *list = NULL;
    enum status status =
        field_list(object, name, 0, (size_t)inquiry->server->settings.max_batch, &list, err);
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(list); i++) {
        char pointer[POINTER_SIZE];
        struct term term = {.id = WORD_NONE, .weight = weight};
        snprintf(pointer, sizeof pointer, "%s/%s/%zu", summing->pointer, name, i);
        status = term_read(&term, inquiry, json_array_get(list, i), pointer, err);
        summing->asked->weighted |= term.weighted;
        if (status == STATUS_OK && (term.row || term.id != WORD_NONE))
            status = term_add(summing, &term, pointer, err);
    }
    return status;
}

bool queries_are_weighted(const json_t *object) {
    static const char *const names[] = {"positive", "negative"};
    for (size_t side = 0; side < 2; side++) {
        const json_t *list = field_find(object, names[side]);
        for (size_t i = 0; i < json_array_size(list); i++)
            if (json_is_array(json_array_get(list, i)) || json_is_object(json_array_get(list, i)))
                return true;
    }
    return false;
}

enum status queries_add_sum(struct queries *queries, const json_t *object, const char *pointer,
                            const char *what, size_t index, bool *left_out, struct error *err) {
    size_t dim = queries->inquiry->model->input->columns;
    struct asked *asked = &queries->asked[queries->n];
    struct summing summing = {.queries = queries, .asked = asked, .pointer = pointer};
    *asked = (struct asked){.kind = QUERY_SIGNS};
    bool empty = json_array_size(field_find(object, "positive")) +
                     json_array_size(field_find(object, "negative")) ==
                 0;
    summing.sum = calloc(dim, sizeof *summing.sum);
    if (!summing.sum)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a vector");
    enum status status = terms_add(&summing, object, "positive", 1, err);
    asked->positives = queries->n_excluded - queries->starts[queries->n];
    if (status == STATUS_OK)
        status = terms_add(&summing, object, "negative", -1, err);
    if (status == STATUS_OK && empty)
        status =
            error_set_key(err, STATUS_REFUSED, pointer, "positive and negative are both empty");
    *left_out = summing.known == 0;
    /* Weights of any size mean a direction; without them the sum keeps its bits. */
    for (size_t i = 0; status == STATUS_OK && asked->weighted && i < dim; i++)
        summing.sum[i] = summing.sizes > 0 ? summing.sum[i] / summing.sizes : 0;
    if (status == STATUS_OK && !*left_out)
        status = direction_take(summing.sum, dim, what, pointer, query_vector(queries), err);
    if (status == STATUS_OK && !*left_out)
        end_query(queries, QUERY_SIGNS, index);
    free(summing.sum);
    return status;
}

static enum status query_by_item(struct queries *queries, const json_t *object, size_t index,
                                 bool *left_out, struct error *err) {
    char pointer[POINTER_SIZE];
    uint32_t id;
    bool word = field_find(object, "word") != NULL;
    const json_t *item = field_find(object, word ? "word" : "id");
    snprintf(pointer, sizeof pointer, "/queries/%zu/%s", index, word ? "word" : "id");
    if (word != json_is_string(item))
        return error_set_key(err, STATUS_REFUSED, pointer, "%s must be %s, not %s",
                             word ? "word" : "id", word ? "a string" : "a whole number",
                             field_kind(item));
    enum status status = inquiry_item(queries->inquiry, item, pointer, &id, err);
    *left_out = status == STATUS_OK && id == WORD_NONE;
    return status != STATUS_OK || *left_out ? status : query_by_id(queries, id, pointer, err);
}

enum status queries_add(struct queries *queries, const json_t *object, size_t index,
                        struct error *err) {
    static const char *const members[] = {"word", "id", "vector", "positive", "negative"};
    char pointer[POINTER_SIZE];
    size_t known = 0, given = 0;
    bool left_out = false;
    snprintf(pointer, sizeof pointer, "/queries/%zu", index);
    if (!json_is_object(object))
        return error_set_key(err, STATUS_REFUSED, pointer, "a query must be an object, not %s",
                             field_kind(object));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        known += json_object_get(object, members[i]) != NULL;
        given += field_find(object, members[i]) != NULL;
    }
    if (known != json_object_size(object))
        return error_set_key(
            err, STATUS_REFUSED, pointer,
            "a query holds word, id, vector, or positive and negative, and nothing else");
    bool positive = field_find(object, "positive") != NULL,
         negative = field_find(object, "negative") != NULL, signs = positive || negative;
    if (given == 0 || (given > 1 && (given > 2 || !positive || !negative)))
        return error_set_key(
            err, STATUS_REFUSED, pointer,
            "a query holds exactly one of word, id, vector, or positive and negative");
    if (signs)
        return queries_add_sum(queries, object, pointer, "query", index, &left_out, err);
    enum query_kind kind = QUERY_WORD;
    enum status status;
    if (field_find(object, "vector")) {
        kind = QUERY_VECTOR;
        snprintf(pointer, sizeof pointer, "/queries/%zu/vector", index);
        status = query_by_vector(queries, field_find(object, "vector"), pointer, err);
    } else {
        status = query_by_item(queries, object, index, &left_out, err);
    }
    if (status == STATUS_OK && !left_out)
        end_query(queries, kind, index);
    return status;
}

enum status queries_add_word(struct queries *queries, uint32_t id, const char *pointer,
                             struct error *err) {
    enum status status = query_by_id(queries, id, pointer, err);
    if (status == STATUS_OK)
        end_query(queries, QUERY_WORD, 0);
    return status;
}

enum status queries_search(struct queries *queries, struct error *err) {
    const struct model *model = queries->inquiry->model;
    const struct candidates candidates = wanted_candidates(queries->wanted);
    enum status status = inquiry_reserve_search(queries->inquiry, queries->n, 1, queries->k, err);
    if (status != STATUS_OK)
        return status;
    return search_neighbors(
        model, queries->vectors, queries->n, queries->excluded, queries->starts, &candidates,
        queries->k, search_threads(model, queries->n, candidates.among, machine_threads()),
        request_stop(queries->inquiry->request), queries->found, queries->counts, err);
}
