/* Word Mover's Distance from one document to others. Bounds that cost little are tried first, so
 * that few documents have to be matched word by word when only the nearest ones are asked for. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "corpus/corpus.h"
#include "server/query/inquiry.h"

#define NODE_MEMORY 64   /* bytes of a word while two documents are matched */
#define WORD_MEMORY 16   /* bytes of a word of a document that waits */
#define BOUND_SLACK 1e-9 /* what rounding may have added to a bound, as a share of it */
#define RESULT_TEXT 24   /* bytes of {"index":0,"distance":0}, */

struct ranked {
    size_t index; /* in the request */
    double distance;
};

/* The words of a document while they are read. */
struct words {
    struct inquiry *inquiry;
    uint32_t *ids;
    size_t n, room;
};

struct comparison {
    struct inquiry *inquiry;
    struct settings settings; /* of the model: its tokenizer */
    struct document query, *documents;
    size_t n, largest;         /* documents; distinct words of the largest one */
    struct ranked *order;      /* [n] by a bound on the distance; then null distances last */
    struct ranked *results;    /* [k] best first */
    size_t n_results, matched; /* results; documents that were matched */
    double *cost, *centroids;  /* [query.n, largest]; [2, dim] */
    int64_t k;
    double max_distance;
    bool unit;
};

static enum status words_add(struct words *words, const char *word, size_t length,
                             struct error *err) {
    uint32_t id = vocabulary_find(words->inquiry->model->vocabulary, word, length);
    if (id == WORD_NONE) {
        inquiry_miss(words->inquiry, word, length);
        return STATUS_OK;
    }
    uint32_t *ids = array_grow(words->ids, &words->room, words->n + 1, sizeof *ids);
    if (!ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu words", words->n + 1);
    words->ids = ids;
    words->ids[words->n++] = id;
    return STATUS_OK;
}

static enum status visit_token(void *context, const char *token, size_t length, struct error *err) {
    return words_add(context, token, length, err);
}

/* A text, which goes through the model's tokenizer, or a list of words and ids. */
static enum status words_read(struct words *words, struct comparison *comparison,
                              const json_t *item, const char *place, struct error *err) {
    enum status status = STATUS_OK;
    if (json_is_string(item) && comparison->inquiry->oov == MISSING_SKIP)
        return corpus_tokenize(&comparison->settings, json_string_value(item),
                               json_string_length(item), visit_token, words, err);
    if (json_is_string(item))
        return error_set_key(err, STATUS_REFUSED, place,
                             "a document that is a text needs oov skip: send its words as a list");
    if (!json_is_array(item))
        return error_set_key(err, STATUS_REFUSED, place,
                             "a document must be a text, or a list of words, not %s",
                             field_kind(item));
    words->ids = array_grow(NULL, &words->room, json_array_size(item) + 1, sizeof *words->ids);
    if (!words->ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a document");
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(item); i++) {
        char pointer[POINTER_SIZE];
        snprintf(pointer, sizeof pointer, "%.40s/%zu", place, i);
        status = inquiry_item(words->inquiry, json_array_get(item, i), pointer,
                              &words->ids[words->n], err);
        words->n += status == STATUS_OK && words->ids[words->n] != WORD_NONE;
    }
    return status;
}

static enum status document_read(struct comparison *comparison, const json_t *item,
                                 const char *place, struct document *document, struct error *err) {
    struct words words = {.inquiry = comparison->inquiry};
    int64_t max = comparison->inquiry->server->settings.max_document_words;
    enum status status = words_read(&words, comparison, item, place, err);
    if (status == STATUS_OK)
        status = request_reserve(comparison->inquiry->request, words.n * WORD_MEMORY,
                                 "the documents", err);
    if (status == STATUS_OK)
        status = document_init(document, words.ids, words.n, err);
    free(words.ids);
    return status == STATUS_OK && document->n > (size_t)max
               ? error_set_key(err, STATUS_REFUSED, place,
                               "a document may have %" PRId64
                               " different words (max_document_words), not %zu",
                               max, document->n)
               : status;
}

static enum status documents_read(struct comparison *comparison, const json_t *list,
                                  struct error *err) {
    comparison->n = json_array_size(list);
    comparison->documents = calloc(comparison->n, sizeof *comparison->documents);
    comparison->order = calloc(comparison->n, sizeof *comparison->order);
    comparison->results = calloc((size_t)comparison->k, sizeof *comparison->results);
    if (!comparison->documents || !comparison->order || !comparison->results)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu documents", comparison->n);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < comparison->n; i++) {
        char place[POINTER_SIZE];
        snprintf(place, sizeof place, "/documents/%zu", i);
        status = document_read(comparison, json_array_get(list, i), place,
                               &comparison->documents[i], err);
        if (comparison->documents[i].n > comparison->largest)
            comparison->largest = comparison->documents[i].n;
    }
    return status;
}

static int ranked_compare(const void *left, const void *right) {
    const struct ranked *a = left, *b = right;
    int order = (a->distance > b->distance) - (a->distance < b->distance);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

/* Sorts the documents by the distance of their centroids. One of which no word is known is
 * infinitely far. */
static void documents_order(struct comparison *comparison) {
    const struct model *model = comparison->inquiry->model;
    size_t dim = model->input->columns;
    double *one = comparison->centroids, *other = one + dim;
    if (comparison->query.n > 0)
        document_centroid(model, &comparison->query, comparison->unit, one);
    for (size_t i = 0; i < comparison->n; i++) {
        double square = 0;
        comparison->order[i] = (struct ranked){i, INFINITY};
        if (comparison->query.n == 0 || comparison->documents[i].n == 0)
            continue;
        document_centroid(model, &comparison->documents[i], comparison->unit, other);
        for (size_t d = 0; d < dim; d++)
            square += (one[d] - other[d]) * (one[d] - other[d]);
        comparison->order[i].distance = sqrt(square);
    }
    qsort(comparison->order, comparison->n, sizeof *comparison->order, ranked_compare);
}

/* Beyond this a document cannot be in the answer. */
static double limit_of(const struct comparison *comparison) {
    size_t k = (size_t)comparison->k;
    double limit = comparison->max_distance;
    return comparison->n_results == k ? fmin(limit, comparison->results[k - 1].distance) : limit;
}

static void result_put(struct comparison *comparison, struct ranked result) {
    size_t at = comparison->n_results, k = (size_t)comparison->k;
    if (at == k && ranked_compare(&result, &comparison->results[k - 1]) >= 0)
        return;
    if (at == k)
        at--;
    else
        comparison->n_results++;
    for (; at > 0 && ranked_compare(&result, &comparison->results[at - 1]) < 0; at--)
        comparison->results[at] = comparison->results[at - 1];
    comparison->results[at] = result;
}

static enum status document_match(struct comparison *comparison, size_t index, struct error *err) {
    const struct document *query = &comparison->query, *document = &comparison->documents[index];
    struct ranked result = {.index = index};
    document_costs(comparison->inquiry->model, query, document, comparison->unit, comparison->cost);
    double bound = document_bound(query, document, comparison->cost);
    if (bound * (1 - BOUND_SLACK) > limit_of(comparison))
        return STATUS_OK;
    comparison->matched++;
    enum status status =
        document_distance(query, document, comparison->cost,
                          request_stop(comparison->inquiry->request), &result.distance, err);
    if (status == STATUS_OK && result.distance <= comparison->max_distance)
        result_put(comparison, result);
    return status;
}

static enum status documents_match(struct comparison *comparison, struct error *err) {
    size_t dim = comparison->inquiry->model->input->columns;
    uint64_t cells = (uint64_t)comparison->query.n * comparison->largest;
    enum status status =
        request_reserve(comparison->inquiry->request,
                        cells * sizeof *comparison->cost +
                            (comparison->query.n + comparison->largest) * NODE_MEMORY,
                        "the matching of words", err);
    if (status == STATUS_OK)
        status = inquiry_reserve(comparison->inquiry, (uint64_t)comparison->k, RESULT_TEXT, err);
    if (status != STATUS_OK)
        return status;
    comparison->cost = calloc(cells + 1, sizeof *comparison->cost);
    comparison->centroids = calloc(2 * dim, sizeof *comparison->centroids);
    if (!comparison->cost || !comparison->centroids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory to match documents");
    documents_order(comparison);
    for (size_t i = 0; status == STATUS_OK && i < comparison->n; i++) {
        struct ranked next = comparison->order[i];
        if (next.distance * (1 - BOUND_SLACK) > limit_of(comparison))
            break; /* nor can those behind it */
        if (isinf(next.distance))
            result_put(comparison, next);
        else
            status = document_match(comparison, next.index, err);
        if (status == STATUS_OK)
            status = stop_check(request_stop(comparison->inquiry->request), "the search", err);
    }
    return status;
}

static void write_results(struct comparison *comparison, struct buffer *answer) {
    inquiry_head(comparison->inquiry, answer);
    buffer_print(answer, ",\"k\":%zu,\"matched\":%zu,\"norm\":%s,\"data\":[", comparison->n_results,
                 comparison->matched, comparison->unit ? "true" : "false");
    for (size_t i = 0; i < comparison->n_results; i++) {
        buffer_print(answer, "%s{\"index\":%zu,\"distance\":", i == 0 ? "" : ",",
                     comparison->results[i].index);
        if (isinf(comparison->results[i].distance))
            buffer_append_text(answer, "null}");
        else
            buffer_print(answer, "%.12g}", comparison->results[i].distance);
    }
    buffer_append_char(answer, ']');
    inquiry_append_missing(comparison->inquiry, answer);
    buffer_append_char(answer, '}');
}

static enum status comparison_read(struct comparison *comparison, struct error *err) {
    struct inquiry *inquiry = comparison->inquiry;
    const json_t *one = field_find(inquiry->body, "document"), *list = NULL;
    enum status status =
        field_choice(inquiry->body, "oov", CHOICE_NAMES(MISSING_POLICIES_SKIP), &inquiry->oov, err);
    if (status == STATUS_OK)
        status = field_flag(inquiry->body, "norm", &comparison->unit, err);
    if (status == STATUS_OK)
        status = field_real(inquiry->body, "max_distance", 0, 1e30, &comparison->max_distance, err);
    if (status == STATUS_OK && !one)
        status = error_set_key(err, STATUS_REFUSED, "/document", "document is missing");
    if (status == STATUS_OK)
        status = field_list(inquiry->body, "documents", 1,
                            (size_t)inquiry->server->settings.max_batch, &list, err);
    if (status == STATUS_OK && !list)
        status = error_set_key(err, STATUS_REFUSED, "/documents", "documents is missing");
    comparison->k = (int64_t)json_array_size(list);
    if (status == STATUS_OK)
        status = field_int(inquiry->body, "k", 1, inquiry->server->settings.max_batch,
                           &comparison->k, err);
    if (status == STATUS_OK && comparison->k > (int64_t)json_array_size(list))
        comparison->k = (int64_t)json_array_size(list);
    if (status == STATUS_OK)
        status = inquiry_settings(inquiry, &comparison->settings, err);
    if (status == STATUS_OK)
        status = document_read(comparison, one, "/document", &comparison->query, err);
    return status == STATUS_OK ? documents_read(comparison, list, err) : status;
}

static enum status wmd_of_body(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    struct comparison comparison = {.inquiry = inquiry, .unit = true, .max_distance = INFINITY};
    inquiry->oov = MISSING_SKIP;
    enum status status = comparison_read(&comparison, err);
    if (status == STATUS_OK)
        status = documents_match(&comparison, err);
    if (status == STATUS_OK)
        write_results(&comparison, answer);
    for (size_t i = 0; comparison.documents && i < comparison.n; i++)
        document_clear(&comparison.documents[i]);
    document_clear(&comparison.query);
    free(comparison.documents);
    free(comparison.order);
    free(comparison.results);
    free(comparison.cost);
    free(comparison.centroids);
    return status;
}

void wmd_post(struct server *server, const struct http_request *request,
              struct http_response *response) {
    static const char *const members[] = {"document",     "documents", "k", "norm",
                                          "max_distance", "oov",       NULL};
    static const struct inquiry_route route = {members, wmd_of_body};
    inquiry_run(server, request, response, &route);
}
