/* Questions answered by search over a model: neighbours and analogies. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "server/query/queries.h"

/* ---- answers --------------------------------------------------------------------------------- */

static void write_neighbors(const struct inquiry *inquiry, const struct neighbor *found, size_t n,
                            struct buffer *answer) {
    buffer_append_text(answer, "\"neighbors\":");
    inquiry_append_found(inquiry, answer, found, n);
}

/* Head with k: the most any query got, so that a cut k is seen. */
static void write_head(const struct queries *queries, struct buffer *answer) {
    size_t max = 0, begin;
    for (size_t i = 0; i < queries->n; i++) {
        size_t n = wanted_cut(queries->wanted, queries->found + i * queries->k, queries->counts[i],
                              &begin);
        max = n > max ? n : max;
    }
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

/* Of the words, positive ones first. */
static void write_weights(const double *weights, size_t n, struct buffer *answer) {
    buffer_append_text(answer, ",\"weights\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buffer_append_char(answer, ',');
        json_append_float(answer, (float)weights[i]);
    }
    buffer_append_char(answer, ']');
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
        if (asked->weighted)
            write_weights(queries->weights + queries->starts[index], n, answer);
        if (asked->vectors > 0)
            buffer_print(answer, ",\"vectors\":%zu", asked->vectors);
        break;
    case QUERY_VECTOR:
        buffer_append_text(answer, "\"vector\":");
        json_append_floats(answer, queries->vectors + index * dim, dim);
        break;
    }
    buffer_append_text(answer, "},");
}

static void write_result(const struct queries *queries, size_t index, struct buffer *answer) {
    const struct neighbor *found = queries->found + index * queries->k;
    size_t begin, n = wanted_cut(queries->wanted, found, queries->counts[index], &begin);
    write_query(queries, index, answer);
    write_neighbors(queries->inquiry, found + begin, n, answer);
}

/* A GET whose word is not known and may be skipped. */
static void write_no_neighbors(struct inquiry *inquiry, const char *word, struct buffer *answer) {
    inquiry_head(inquiry, answer);
    buffer_append_text(answer, ",\"k\":0,\"query\":{\"word\":");
    json_append_string(answer, word, strlen(word));
    buffer_append_text(answer, ",\"id\":null},\"neighbors\":[]");
    inquiry_miss(inquiry, word, strlen(word));
    inquiry_append_missing(inquiry, answer);
    buffer_append_char(answer, '}');
}

static enum status neighbors_of_word(struct inquiry *inquiry, const struct wanted *wanted,
                                     uint32_t id, const char *key, struct buffer *answer,
                                     struct error *err) {
    struct queries queries;
    enum status status = queries_init(&queries, inquiry, 1, wanted, err);
    if (status == STATUS_OK)
        status = queries_add_word(&queries, id, key, err);
    if (status == STATUS_OK)
        status = queries_search(&queries, err);
    if (status == STATUS_OK) {
        write_head(&queries, answer);
        write_result(&queries, 0, answer);
        inquiry_append_missing(inquiry, answer);
        buffer_append_char(answer, '}');
    }
    queries_clear(&queries);
    return status;
}

static enum status neighbors_of_query(struct inquiry *inquiry, struct buffer *answer,
                                      struct error *err) {
    int64_t number = -1;
    const char *word = request_query(inquiry->request, "word", 0),
               *id_text = request_query(inquiry->request, "id", 0);
    uint32_t id = 0;
    struct wanted wanted;
    enum status status = wanted_of_query(&wanted, inquiry, err);
    if (status == STATUS_OK)
        status = query_int(inquiry->request, "id", INT64_MIN, INT64_MAX, &number, err);
    if (status == STATUS_OK &&
        ((!word) == (!id_text) || request_query(inquiry->request, "word", 1)))
        status = error_set_key(err, STATUS_REFUSED, "word",
                               "give one word=... or one id=...; POST takes many queries");
    if (status == STATUS_OK && word && inquiry->oov == MISSING_SKIP &&
        vocabulary_find(inquiry->model->vocabulary, word, strlen(word)) == WORD_NONE) {
        write_no_neighbors(inquiry, word, answer);
    } else {
        if (status == STATUS_OK)
            status = word ? inquiry_word(inquiry, word, strlen(word), "word", &id, err)
                          : inquiry_id(inquiry, number, "id", &id, err);
        if (status == STATUS_OK)
            status = neighbors_of_word(inquiry, &wanted, id, word ? "word" : "id", answer, err);
    }
    wanted_clear(&wanted);
    return status;
}

static enum status neighbors_of_list(struct inquiry *inquiry, const struct wanted *wanted,
                                     const json_t *list, struct buffer *answer, struct error *err) {
    struct queries queries;
    size_t n = json_array_size(list);
    enum status status = queries_init(&queries, inquiry, n, wanted, err);
    for (size_t i = 0; status == STATUS_OK && i < n; i++)
        status = queries_add(&queries, json_array_get(list, i), i, err);
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

static enum status neighbors_of_body(struct inquiry *inquiry, struct buffer *answer,
                                     struct error *err) {
    struct wanted wanted;
    const json_t *list = NULL;
    enum status status = wanted_of_body(&wanted, inquiry, err);
    if (status == STATUS_OK)
        status = field_list(inquiry->body, "queries", 1,
                            (size_t)inquiry->server->settings.max_batch, &list, err);
    if (status == STATUS_OK && !list)
        status = error_set_key(err, STATUS_REFUSED, "/queries", "queries is missing");
    if (status == STATUS_OK)
        status = neighbors_of_list(inquiry, &wanted, list, answer, err);
    wanted_clear(&wanted);
    return status;
}

/* ---- analogies ------------------------------------------------------------------------------- */

/* 3CosAdd: the neighbours of a sum. */
static enum status analogy_add(struct inquiry *inquiry, const struct wanted *wanted,
                               struct buffer *answer, struct error *err) {
    struct queries queries;
    bool left_out = false;
    enum status status = queries_init(&queries, inquiry, 1, wanted, err);
    if (status == STATUS_OK)
        status = queries_add_sum(&queries, inquiry->body, "", "question", 0, &left_out, err);
    /* Without a positive that is known there is nothing to look for. */
    if (status == STATUS_OK && !left_out &&
        queries.asked[0].positives + queries.asked[0].vectors > 0)
        status = queries_search(&queries, err);
    if (status == STATUS_OK) {
        write_head(&queries, answer);
        buffer_append_text(answer, "\"method\":\"add\",");
        if (left_out)
            buffer_append_text(answer,
                               "\"query\":{\"positive\":[],\"negative\":[]},\"neighbors\":[]");
        else
            write_result(&queries, 0, answer);
    }
    queries_clear(&queries);
    return status;
}

struct analogy {
    uint32_t *positive, *negative;
    size_t n_positive, n_negative, k, count;
    struct neighbor *found;
};

/* Takes unknown words, which are noted as missing, out of a list. */
static size_t drop_unknown(uint32_t *ids, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (ids[i] != WORD_NONE)
            ids[kept++] = ids[i];
    return kept;
}

static enum status analogy_search(struct analogy *analogy, struct inquiry *inquiry,
                                  const struct wanted *wanted, struct error *err) {
    const struct model *model = inquiry->model;
    const struct candidates candidates = wanted_candidates(wanted);
    size_t together = analogy->n_positive + analogy->n_negative;
    analogy->k = (size_t)(wanted->offset + wanted->k);
    if (analogy->k > model->input->rows)
        analogy->k = model->input->rows;
    enum status status = inquiry_reserve_search(inquiry, together, together, analogy->k, err);
    if (status != STATUS_OK)
        return status;
    analogy->n_positive = drop_unknown(analogy->positive, analogy->n_positive);
    analogy->n_negative = drop_unknown(analogy->negative, analogy->n_negative);
    together = analogy->n_positive + analogy->n_negative;
    analogy->found = calloc(analogy->k, sizeof *analogy->found);
    if (!analogy->found)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu neighbours", analogy->k);
    if (analogy->n_positive == 0)
        return STATUS_OK;
    return search_analogy(model, analogy->positive, analogy->n_positive, analogy->negative,
                          analogy->n_negative, ANALOGY_MUL, &candidates, analogy->k,
                          search_threads(model, together, candidates.among, machine_threads()),
                          request_stop(inquiry->request), analogy->found, &analogy->count, err);
}

/* 3CosMul */
static enum status analogy_mul(struct inquiry *inquiry, const struct wanted *wanted,
                               struct buffer *answer, struct error *err) {
    struct analogy analogy = {0};
    enum status status = STATUS_OK;
    if (queries_are_weighted(inquiry->body))
        return error_set_key(err, STATUS_REFUSED, "/positive",
                             "weights and vectors are for method add: 3CosMul has none");
    status = inquiry_items(inquiry, inquiry->body, "", "positive", 1, &analogy.positive,
                           &analogy.n_positive, err);
    if (status == STATUS_OK)
        status = inquiry_items(inquiry, inquiry->body, "", "negative", 0, &analogy.negative,
                               &analogy.n_negative, err);
    if (status == STATUS_OK)
        status = analogy_search(&analogy, inquiry, wanted, err);
    if (status == STATUS_OK) {
        size_t begin, n = wanted_cut(wanted, analogy.found, analogy.count, &begin);
        inquiry_head(inquiry, answer);
        buffer_print(answer, ",\"k\":%zu,\"method\":\"mul\",\"query\":{", n);
        write_signs(inquiry, analogy.positive, analogy.n_positive, analogy.negative,
                    analogy.n_negative, answer);
        buffer_append_text(answer, "},");
        write_neighbors(inquiry, analogy.found + begin, n, answer);
    }
    free(analogy.found);
    free(analogy.positive);
    free(analogy.negative);
    return status;
}

static enum status analogy_of_body(struct inquiry *inquiry, struct buffer *answer,
                                   struct error *err) {
    struct wanted wanted;
    const json_t *positive = NULL;
    int method = ANALOGY_ADD;
    enum status status = wanted_of_body(&wanted, inquiry, err);
    if (status == STATUS_OK)
        status = field_choice(inquiry->body, "method", CHOICE_NAMES(ANALOGY_METHODS), &method, err);
    if (status == STATUS_OK)
        status = field_list(inquiry->body, "positive", 1,
                            (size_t)inquiry->server->settings.max_batch, &positive, err);
    if (status == STATUS_OK && !positive)
        status = error_set_key(err, STATUS_REFUSED, "/positive", "positive is missing");
    if (status == STATUS_OK)
        switch ((enum analogy_method)method) {
        case ANALOGY_ADD:
            status = analogy_add(inquiry, &wanted, answer, err);
            break;
        case ANALOGY_MUL:
            status = analogy_mul(inquiry, &wanted, answer, err);
            break;
        }
    if (status == STATUS_OK) {
        inquiry_append_missing(inquiry, answer);
        buffer_append_char(answer, '}');
    }
    wanted_clear(&wanted);
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
    static const char *const members[] = {"queries", WANTED_MEMBERS, NULL};
    static const struct inquiry_route route = {members, neighbors_of_body};
    inquiry_run(server, request, response, &route);
}

void analogy_post(struct server *server, const struct http_request *request,
                  struct http_response *response) {
    static const char *const members[] = {"positive", "negative", "method", WANTED_MEMBERS, NULL};
    static const struct inquiry_route route = {members, analogy_of_body};
    inquiry_run(server, request, response, &route);
}
