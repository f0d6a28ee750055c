/* Questions answered by search over a model: neighbours and analogies. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/machine.h"
#include "server/query/inquiry.h"

#define DEFAULT_K 10
#define NEIGHBOR_TEXT 40 /* bytes of {"word":"a","id":0,"count":0,"score":0}, */

/* How a query was put, for its echo: a word or an id; positives, then negatives, both among what is
 * excluded; a vector. */
enum query_kind { QUERY_WORD, QUERY_SIGNS, QUERY_VECTOR };
struct asked {
    enum query_kind kind;
    size_t positives;
    size_t index; /* in the request */
};

/* Query vectors and what each must not find. */
struct queries {
    struct inquiry *inquiry;
    float *vectors; /* [n, dim] */
    size_t n;
    uint32_t *excluded;
    size_t n_excluded, room;
    size_t *starts;      /* [n + 1] into excluded */
    struct asked *asked; /* [n] */
    size_t k;            /* cut to what the model can give */
    uint32_t among;
    struct neighbor *found; /* [n, k] */
    size_t *counts;         /* [n] */
};

static enum status queries_init(struct queries *queries, struct inquiry *inquiry, size_t n,
                                int64_t k, int64_t among, struct error *err) {
    const struct table *table = inquiry->model->input;
    size_t rows = among > 0 && among < table->rows ? (size_t)among : table->rows;
    *queries = (struct queries){.inquiry = inquiry, .among = (uint32_t)among};
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

static void queries_clear(struct queries *queries) {
    free(queries->vectors);
    free(queries->excluded);
    free(queries->starts);
    free(queries->asked);
    free(queries->found);
    free(queries->counts);
}

static enum status exclude(struct queries *queries, uint32_t id, struct error *err) {
    size_t n = queries->n_excluded + 1;
    uint32_t *excluded = array_grow(queries->excluded, &queries->room, n, sizeof *excluded);
    if (!excluded)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu words", n);
    queries->excluded = excluded;
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
    return exclude(queries, id, err);
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

/* Takes unknown words, which are noted as missing, out of a list. */
static size_t drop_unknown(uint32_t *ids, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (ids[i] != WORD_NONE)
            ids[kept++] = ids[i];
    return kept;
}

/* *left_out: no word of the query is known. */
static enum status query_by_signs(struct queries *queries, const json_t *object,
                                  const char *pointer, bool *left_out, struct error *err) {
    struct inquiry *inquiry = queries->inquiry;
    size_t dim = inquiry->model->input->columns, n_positive = 0, n_negative = 0;
    uint32_t *positive = NULL, *negative = NULL;
    double *sum = calloc(dim, sizeof *sum);
    enum status status =
        !sum ? error_set(err, STATUS_NO_MEMORY, "out of memory for a vector")
             : inquiry_items(inquiry, object, pointer, "positive", 0, &positive, &n_positive, err);
    if (status == STATUS_OK)
        status =
            inquiry_items(inquiry, object, pointer, "negative", 0, &negative, &n_negative, err);
    if (status == STATUS_OK && n_positive + n_negative == 0)
        status =
            error_set_key(err, STATUS_REFUSED, pointer, "positive and negative are both empty");
    if (status == STATUS_OK) {
        n_positive = drop_unknown(positive, n_positive);
        n_negative = drop_unknown(negative, n_negative);
        *left_out = n_positive + n_negative == 0;
    }
    for (size_t i = 0; status == STATUS_OK && i < n_positive + n_negative; i++) {
        uint32_t id = i < n_positive ? positive[i] : negative[i - n_positive];
        direction_add(table_row(inquiry->model->input, id), dim, inquiry->model->norms[id],
                      i < n_positive ? 1 : -1, sum);
        status = exclude(queries, id, err);
    }
    if (status == STATUS_OK && !*left_out)
        status = direction_take(sum, dim, "query", pointer, query_vector(queries), err);
    queries->asked[queries->n].positives = n_positive;
    free(positive);
    free(negative);
    free(sum);
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

/* {word}, {id}, {vector} or {positive, negative}. */
static enum status read_query(struct queries *queries, const json_t *object, size_t index,
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
    enum query_kind kind = signs ? QUERY_SIGNS : QUERY_WORD;
    enum status status;
    if (signs) {
        status = query_by_signs(queries, object, pointer, &left_out, err);
    } else if (field_find(object, "vector")) {
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

/* ---- answers --------------------------------------------------------------------------------- */

static void write_neighbors(const struct inquiry *inquiry, const struct neighbor *found, size_t n,
                            struct buffer *answer) {
    buffer_append_text(answer, "\"neighbors\":[");
    for (size_t i = 0; i < n; i++) {
        buffer_append_text(answer, i == 0 ? "{" : ",{");
        inquiry_append_word(inquiry, answer, found[i].id);
        buffer_print(answer, ",\"count\":%" PRIu64 ",\"score\":",
                     vocabulary_count(inquiry->model->vocabulary, found[i].id));
        json_append_float(answer, found[i].score);
        buffer_append_char(answer, '}');
    }
    buffer_append_char(answer, ']');
}

static enum status queries_search(struct queries *queries, struct error *err) {
    const struct model *model = queries->inquiry->model;
    enum status status = inquiry_reserve_search(queries->inquiry, queries->n, 1, queries->k, err);
    if (status != STATUS_OK)
        return status;
    return search_neighbors(
        model, queries->vectors, queries->n, queries->excluded, queries->starts, queries->among,
        queries->k, search_threads(model, queries->n, queries->among, machine_threads()),
        request_stop(queries->inquiry->request), queries->found, queries->counts, err);
}

/* Head with k: the most any query got, so that a cut k is seen. */
static void write_head(const struct queries *queries, struct buffer *answer) {
    size_t max = 0;
    for (size_t i = 0; i < queries->n; i++)
        if (queries->counts[i] > max)
            max = queries->counts[i];
    inquiry_head(queries->inquiry, answer);
    buffer_print(answer, ",\"k\":%zu,", max);
}

static void write_signs(const struct inquiry *inquiry, const uint32_t *positive, size_t n_positive,
                        const uint32_t *negative, size_t n_negative, struct buffer *answer) {
    buffer_append_text(answer, "\"positive\":");
    inquiry_append_words(inquiry, answer, positive, n_positive);
    buffer_append_text(answer, ",\"negative\":");
    inquiry_append_words(inquiry, answer, negative, n_negative);
}

/* The query as it was understood: words stand for ids. */
static void write_query(const struct queries *queries, size_t index, struct buffer *answer) {
    const struct inquiry *inquiry = queries->inquiry;
    const struct asked *asked = &queries->asked[index];
    const uint32_t *ids = queries->excluded + queries->starts[index];
    size_t n = queries->starts[index + 1] - queries->starts[index],
           dim = inquiry->model->input->columns;
    buffer_append_text(answer, "\"query\":{");
    switch (asked->kind) {
    case QUERY_WORD:
        inquiry_append_word(inquiry, answer, ids[0]);
        break;
    case QUERY_SIGNS:
        write_signs(inquiry, ids, asked->positives, ids + asked->positives, n - asked->positives,
                    answer);
        break;
    case QUERY_VECTOR:
        buffer_append_text(answer, "\"vector\":");
        json_append_floats(answer, queries->vectors + index * dim, dim);
        break;
    }
    buffer_append_text(answer, "},");
}

static void write_result(const struct queries *queries, size_t index, struct buffer *answer) {
    write_query(queries, index, answer);
    write_neighbors(queries->inquiry, queries->found + index * queries->k, queries->counts[index],
                    answer);
}

/* A GET whose word is not known and may be skipped. */
static void write_no_neighbors(struct inquiry *inquiry, const char *word, struct buffer *answer) {
    inquiry_head(inquiry, answer);
    buffer_append_text(answer, ",\"k\":0,\"query\":{\"word\":");
    json_append_string(answer, word, strlen(word));
    buffer_append_text(answer, ",\"id\":null},\"neighbors\":[],\"missing\":[");
    json_append_string(answer, word, strlen(word));
    buffer_append_text(answer, "]}");
}

static enum status neighbors_of_query(struct inquiry *inquiry, struct buffer *answer,
                                      struct error *err) {
    int64_t k = DEFAULT_K, among = 0, number = -1;
    const char *word = request_query(inquiry->request, "word", 0),
               *id_text = request_query(inquiry->request, "id", 0);
    uint32_t id = 0;
    enum status status =
        query_int(inquiry->request, "k", 1, inquiry->server->settings.max_neighbors, &k, err);
    if (status == STATUS_OK)
        status = query_int(inquiry->request, "among", 0, UINT32_MAX, &among, err);
    if (status == STATUS_OK)
        status = query_int(inquiry->request, "id", INT64_MIN, INT64_MAX, &number, err);
    if (status == STATUS_OK)
        status = query_choice(inquiry->request, "oov", MISSING_CHOICES_SKIP, &inquiry->oov, err);
    if (status != STATUS_OK)
        return status;
    if ((!word) == (!id_text) || request_query(inquiry->request, "word", 1))
        return error_set_key(err, STATUS_REFUSED, "word",
                             "give one word=... or one id=...; POST takes many queries");
    if (word && inquiry->oov == MISSING_SKIP &&
        vocabulary_find(inquiry->model->vocabulary, word, strlen(word)) == WORD_NONE) {
        write_no_neighbors(inquiry, word, answer);
        return STATUS_OK;
    }
    status = word ? inquiry_word(inquiry, word, strlen(word), "word", &id, err)
                  : inquiry_id(inquiry, number, "id", &id, err);
    if (status != STATUS_OK)
        return status;
    struct queries queries;
    status = queries_init(&queries, inquiry, 1, k, among, err);
    if (status == STATUS_OK)
        status = query_by_id(&queries, id, word ? "word" : "id", err);
    if (status == STATUS_OK) {
        end_query(&queries, QUERY_WORD, 0);
        status = queries_search(&queries, err);
    }
    if (status == STATUS_OK) {
        write_head(&queries, answer);
        write_result(&queries, 0, answer);
        buffer_append_text(answer, ",\"missing\":[]}");
    }
    queries_clear(&queries);
    return status;
}

static enum status read_k(struct inquiry *inquiry, int64_t *k, int64_t *among, struct error *err) {
    *k = DEFAULT_K;
    *among = 0;
    enum status status =
        field_int(inquiry->body, "k", 1, inquiry->server->settings.max_neighbors, k, err);
    if (status == STATUS_OK)
        status = field_int(inquiry->body, "among", 0, UINT32_MAX, among, err);
    if (status == STATUS_OK)
        status = field_choice(inquiry->body, "oov", MISSING_CHOICES_SKIP, &inquiry->oov, err);
    return status;
}

static enum status neighbors_of_body(struct inquiry *inquiry, struct buffer *answer,
                                     struct error *err) {
    int64_t k, among;
    const json_t *list = NULL;
    enum status status = read_k(inquiry, &k, &among, err);
    if (status == STATUS_OK)
        status = field_list(inquiry->body, "queries", 1,
                            (size_t)inquiry->server->settings.max_batch, &list, err);
    if (status == STATUS_OK && !list)
        status = error_set_key(err, STATUS_REFUSED, "/queries", "queries is missing");
    if (status != STATUS_OK)
        return status;
    struct queries queries;
    size_t n = json_array_size(list);
    status = queries_init(&queries, inquiry, n, k, among, err);
    for (size_t i = 0; status == STATUS_OK && i < n; i++)
        status = read_query(&queries, json_array_get(list, i), i, err);
    if (status == STATUS_OK && queries.n > 0)
        status = queries_search(&queries, err);
    if (status == STATUS_OK) {
        write_head(&queries, answer);
        buffer_append_text(answer, "\"results\":[");
        for (size_t i = 0; i < queries.n; i++) {
            buffer_print(answer, "%s{\"index\":%zu,", i == 0 ? "" : ",", queries.asked[i].index);
            write_result(&queries, i, answer);
            buffer_append_char(answer, '}');
        }
        buffer_append_char(answer, ']');
        inquiry_append_missing(inquiry, answer);
        buffer_append_char(answer, '}');
    }
    queries_clear(&queries);
    return status;
}

static enum status analogy_of_body(struct inquiry *inquiry, struct buffer *answer,
                                   struct error *err) {
    const struct model *model = inquiry->model;
    int64_t k, among;
    int method = ANALOGY_ADD;
    uint32_t *positive = NULL, *negative = NULL;
    size_t n_positive = 0, n_negative = 0, count = 0;
    struct neighbor *found = NULL;
    enum status status = read_k(inquiry, &k, &among, err);
    if (status == STATUS_OK)
        status = field_choice(inquiry->body, "method", METHOD_CHOICES, &method, err);
    if (status == STATUS_OK)
        status =
            inquiry_items(inquiry, inquiry->body, "", "positive", 1, &positive, &n_positive, err);
    if (status == STATUS_OK)
        status =
            inquiry_items(inquiry, inquiry->body, "", "negative", 0, &negative, &n_negative, err);
    if (k > model->input->rows)
        k = model->input->rows;
    if (status == STATUS_OK) {
        size_t together = method == ANALOGY_MUL ? n_positive + n_negative : 1;
        status = inquiry_reserve_search(inquiry, together, together, (size_t)k, err);
    }
    if (status == STATUS_OK) {
        n_positive = drop_unknown(positive, n_positive);
        n_negative = drop_unknown(negative, n_negative);
        found = calloc((size_t)k, sizeof *found);
        if (!found)
            status =
                error_set(err, STATUS_NO_MEMORY, "out of memory for %" PRId64 " neighbours", k);
        else if (n_positive > 0)
            status = search_analogy(
                model, positive, n_positive, negative, n_negative, (enum analogy_method)method,
                (uint32_t)among, (size_t)k,
                search_threads(model, method == ANALOGY_MUL ? n_positive + n_negative : 1,
                               (uint32_t)among, machine_threads()),
                request_stop(inquiry->request), found, &count, err);
    }
    if (status == STATUS_OK) {
        inquiry_head(inquiry, answer);
        buffer_print(answer, ",\"k\":%zu,\"method\":\"%s\",\"query\":{", count,
                     analogy_method_name((enum analogy_method)method));
        write_signs(inquiry, positive, n_positive, negative, n_negative, answer);
        buffer_append_text(answer, "},");
        write_neighbors(inquiry, found, count, answer);
        inquiry_append_missing(inquiry, answer);
        buffer_append_char(answer, '}');
    }
    free(found);
    free(positive);
    free(negative);
    return status;
}

/* ---- routes ---------------------------------------------------------------------------------- */

void neighbors_get(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    static const struct inquiry_route route = {NULL, neighbors_of_query};
    inquiry_run(server, request, response, &route);
}

void neighbors_post(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    static const char *const members[] = {"queries", "k", "among", "oov", NULL};
    static const struct inquiry_route route = {members, neighbors_of_body};
    inquiry_run(server, request, response, &route);
}

void analogy_post(struct server *server, const struct http_request *request,
                  struct http_response *response) {
    static const char *const members[] = {"positive", "negative", "k", "method",
                                          "among",    "oov",      NULL};
    static const struct inquiry_route route = {members, analogy_of_body};
    inquiry_run(server, request, response, &route);
}
