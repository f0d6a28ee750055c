/* Questions about how near words are to each other: ranks, distances, sets of words. Their names
 * and meanings are those of gensim's KeyedVectors. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/machine.h"
#include "server/query/inquiry.h"

#define DEFAULT_TOPN 10
#define DISTANCE_TEXT 40 /* bytes of {"word":"a","id":0,"distance":0}, */

static enum status read_oov(struct inquiry *inquiry, struct error *err) {
    return field_choice(inquiry->body, "oov", CHOICE_NAMES(MISSING_POLICIES_SKIP), &inquiry->oov,
                        err);
}

/* The word or id of a member that must be there. */
static enum status read_key(struct inquiry *inquiry, const char *name, uint32_t *id,
                            struct error *err) {
    char pointer[POINTER_SIZE];
    const json_t *item = field_find(inquiry->body, name);
    snprintf(pointer, sizeof pointer, "/%s", name);
    if (!item)
        return error_set_key(err, STATUS_REFUSED, pointer, "%s is missing: a word or an id", name);
    enum status status = inquiry_item(inquiry, item, pointer, id, err);
    return status == STATUS_OK && *id == WORD_NONE
               ? inquiry_word(inquiry, json_string_value(item), json_string_length(item), pointer,
                              id, err)
               : status;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* What a pair is asked for. */
struct pair_question {
    const char *name; /* of the answer's member */
    int64_t topn, among;
    struct neighbor *found; /* [topn] */
};

typedef enum status (*pair_answer)(struct inquiry *inquiry, const struct pair_question *question,
                                   const uint32_t ids[2], struct buffer *answer, struct error *err);

static enum status pair_read(struct inquiry *inquiry, const json_t *pair, size_t index,
                             uint32_t ids[2], struct error *err) {
    char pointer[POINTER_SIZE];
    snprintf(pointer, sizeof pointer, "/pairs/%zu", index);
    if (!json_is_array(pair) || json_array_size(pair) != 2)
        return error_set_key(err, STATUS_REFUSED, pointer, "a pair must be a list of two words");
    enum status status = STATUS_OK;
    for (unsigned side = 0; status == STATUS_OK && side < 2; side++) {
        snprintf(pointer, sizeof pointer, "/pairs/%zu/%u", index, side);
        status = inquiry_item(inquiry, json_array_get(pair, side), pointer, &ids[side], err);
        /* A row of zeros has neither neighbours nor a rank. */
        if (status == STATUS_OK && ids[side] != WORD_NONE &&
            !(inquiry->model->norms[ids[side]] > 0))
            status =
                error_set_key(err, STATUS_REFUSED, pointer,
                              "id %" PRIu32 " has a zero vector: it has no direction", ids[side]);
    }
    return status;
}

static enum status pairs_answer(struct inquiry *inquiry, const struct pair_question *question,
                                pair_answer put, struct buffer *answer, struct error *err) {
    const json_t *list = NULL;
    bool first = true;
    enum status status = read_oov(inquiry, err);
    if (status == STATUS_OK)
        status = field_list(inquiry->body, "pairs", 1, (size_t)inquiry->server->settings.max_batch,
                            &list, err);
    if (status == STATUS_OK && !list)
        status = error_set_key(err, STATUS_REFUSED, "/pairs", "pairs is missing");
    inquiry_head(inquiry, answer);
    buffer_append_text(answer, ",\"data\":[");
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(list); i++) {
        uint32_t ids[2];
        status = pair_read(inquiry, json_array_get(list, i), i, ids, err);
        if (status != STATUS_OK || ids[0] == WORD_NONE || ids[1] == WORD_NONE)
            continue;
        buffer_print(answer, "%s{\"index\":%zu,\"pair\":", first ? "" : ",", i);
        inquiry_append_words(inquiry, answer, ids, 2);
        buffer_print(answer, ",\"%s\":", question->name);
        status = put(inquiry, question, ids, answer, err);
        buffer_append_char(answer, '}');
        first = false;
    }
    buffer_append_char(answer, ']');
    inquiry_append_missing(inquiry, answer);
    buffer_append_char(answer, '}');
    return status;
}

static enum status put_rank(struct inquiry *inquiry, const struct pair_question *question,
                            const uint32_t ids[2], struct buffer *answer, struct error *err) {
    const struct candidates candidates = {.among = (uint32_t)question->among};
    size_t nearer;
    enum status status = search_closer(inquiry->model, ids[0], ids[1], &candidates, 0, 0,
                                       request_stop(inquiry->request), NULL, &nearer, err);
    if (status == STATUS_OK)
        buffer_print(answer, "%zu", nearer + 1);
    return status;
}

static enum status rank_of_body(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    struct pair_question question = {.name = "rank"};
    enum status status = field_int(inquiry->body, "among", 0, UINT32_MAX, &question.among, err);
    return status == STATUS_OK ? pairs_answer(inquiry, &question, put_rank, answer, err) : status;
}

/* The pair's cosine as a share of those of the first word's nearest ones. */
static enum status put_relative(struct inquiry *inquiry, const struct pair_question *question,
                                const uint32_t ids[2], struct buffer *answer, struct error *err) {
    const struct model *model = inquiry->model;
    const size_t starts[2] = {0, 1};
    size_t found = 0;
    double sum = 0;
    enum status status =
        search_neighbors(model, table_row(model->input, ids[0]), 1, ids, starts, NULL,
                         (size_t)question->topn, search_threads(model, 1, 0, machine_threads()),
                         request_stop(inquiry->request), question->found, &found, err);
    for (size_t i = 0; i < found; i++)
        sum += question->found[i].score;
    if (status == STATUS_OK)
        json_append_float(answer, (float)(search_similarity(model, ids[0], ids[1]) / sum));
    return status;
}

static enum status relative_of_body(struct inquiry *inquiry, struct buffer *answer,
                                    struct error *err) {
    struct pair_question question = {.name = "relative_cosine_similarity", .topn = DEFAULT_TOPN};
    enum status status = field_int(inquiry->body, "topn", 1,
                                   inquiry->server->settings.max_neighbors, &question.topn, err);
    if (question.topn > inquiry->model->input->rows)
        question.topn = inquiry->model->input->rows;
    if (status == STATUS_OK)
        status = inquiry_reserve_search(inquiry, 1, 1, (size_t)question.topn, err);
    if (status != STATUS_OK)
        return status;
    question.found = calloc((size_t)question.topn, sizeof *question.found);
    if (!question.found)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %" PRId64 " neighbours",
                         question.topn);
    status = pairs_answer(inquiry, &question, put_relative, answer, err);
    free(question.found);
    return status;
}

/* ---- words nearer than another --------------------------------------------------------------- */

static void append_neighbor(const struct inquiry *inquiry, const struct neighbor *neighbor,
                            bool first, struct buffer *answer) {
    buffer_append_text(answer, first ? "{" : ",{");
    inquiry_append_word(inquiry, answer, neighbor->id);
    buffer_append_text(answer, ",\"score\":");
    json_append_float(answer, neighbor->score);
    buffer_append_char(answer, '}');
}

static enum status closer_of_body(struct inquiry *inquiry, struct buffer *answer,
                                  struct error *err) {
    int64_t offset = 0, limit = inquiry->server->settings.max_neighbors, max = limit, among = 0;
    uint32_t word = 0, other = 0;
    size_t total = 0;
    enum status status = read_key(inquiry, "key1", &word, err);
    if (status == STATUS_OK)
        status = read_key(inquiry, "key2", &other, err);
    if (status == STATUS_OK)
        status = field_int(inquiry->body, "offset", 0, UINT32_MAX, &offset, err);
    if (status == STATUS_OK)
        status = field_int(inquiry->body, "limit", 1, max, &limit, err);
    if (status == STATUS_OK)
        status = field_int(inquiry->body, "among", 0, UINT32_MAX, &among, err);
    if (limit > inquiry->model->input->rows)
        limit = inquiry->model->input->rows;
    if (status == STATUS_OK)
        status = inquiry_reserve(inquiry, (uint64_t)limit * 2, 0, err);
    if (status != STATUS_OK)
        return status;
    const struct candidates candidates = {.among = (uint32_t)among};
    struct neighbor *closer = calloc((size_t)limit, sizeof *closer);
    status =
        !closer ? error_set(err, STATUS_NO_MEMORY, "out of memory for %" PRId64 " words", limit)
                : search_closer(inquiry->model, word, other, &candidates, (size_t)offset,
                                (size_t)limit, request_stop(inquiry->request), closer, &total, err);
    if (status == STATUS_OK) {
        size_t n = total > (size_t)offset ? total - (size_t)offset : 0;
        inquiry_head(inquiry, answer);
        buffer_print(answer,
                     ",\"total\":%zu,\"rank\":%zu,\"offset\":%" PRId64 ",\"limit\":%" PRId64
                     ",\"data\":[",
                     total, total + 1, offset, limit);
        for (size_t i = 0; i < n && i < (size_t)limit; i++)
            append_neighbor(inquiry, &closer[i], i == 0, answer);
        buffer_append_text(answer, "]}");
    }
    free(closer);
    return status;
}

/* ---- distances ------------------------------------------------------------------------------- */

static enum status distances_of_body(struct inquiry *inquiry, struct buffer *answer,
                                     struct error *err) {
    const struct model *model = inquiry->model;
    uint32_t word = 0, *ids = NULL;
    size_t n = 0;
    bool first = true;
    enum status status = read_oov(inquiry, err);
    if (status == STATUS_OK)
        status = read_key(inquiry, "word", &word, err);
    if (status == STATUS_OK)
        status = inquiry_items(inquiry, inquiry->body, "", "other_words", 1, &ids, &n, err);
    if (status == STATUS_OK)
        status = inquiry_reserve(inquiry, n, DISTANCE_TEXT, err);
    if (status == STATUS_OK) {
        inquiry_head(inquiry, answer);
        buffer_append_text(answer, ",\"query\":{");
        inquiry_append_word(inquiry, answer, word);
        buffer_append_text(answer, "},\"data\":[");
        for (size_t i = 0; i < n; i++) {
            if (ids[i] == WORD_NONE)
                continue;
            buffer_print(answer, "%s{\"index\":%zu,", first ? "" : ",", i);
            inquiry_append_word(inquiry, answer, ids[i]);
            buffer_append_text(answer, ",\"distance\":");
            json_append_float(answer, (float)(1 - search_similarity(model, word, ids[i])));
            buffer_append_char(answer, '}');
            first = false;
        }
        buffer_append_char(answer, ']');
        inquiry_append_missing(inquiry, answer);
        buffer_append_char(answer, '}');
    }
    free(ids);
    return status;
}

/* ---- sets ------------------------------------------------------------------------------------ */

struct set {
    uint32_t *ids;
    size_t n;
};

static enum status set_read(struct set *set, struct inquiry *inquiry, const char *name,
                            struct error *err) {
    size_t all = 0;
    char pointer[POINTER_SIZE];
    enum status status = inquiry_items(inquiry, inquiry->body, "", name, 1, &set->ids, &all, err);
    for (size_t i = 0; status == STATUS_OK && i < all; i++)
        if (set->ids[i] != WORD_NONE)
            set->ids[set->n++] = set->ids[i];
    snprintf(pointer, sizeof pointer, "/%s", name);
    return status == STATUS_OK && set->n == 0
               ? error_set_key(err, STATUS_REFUSED, pointer,
                               "%s holds no word that model '%s' knows", name, inquiry->name)
               : status;
}

static enum status sets_of_body(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    struct set sets[2] = {{0}};
    double similarity = 0;
    enum status status = read_oov(inquiry, err);
    if (status == STATUS_OK)
        status = set_read(&sets[0], inquiry, "ws1", err);
    if (status == STATUS_OK)
        status = set_read(&sets[1], inquiry, "ws2", err);
    if (status == STATUS_OK)
        status = search_set_similarity(inquiry->model, sets[0].ids, sets[0].n, sets[1].ids,
                                       sets[1].n, &similarity, err);
    if (status == STATUS_OK) {
        inquiry_head(inquiry, answer);
        buffer_append_text(answer, ",\"ws1\":");
        inquiry_append_words(inquiry, answer, sets[0].ids, sets[0].n);
        buffer_append_text(answer, ",\"ws2\":");
        inquiry_append_words(inquiry, answer, sets[1].ids, sets[1].n);
        buffer_append_text(answer, ",\"similarity\":");
        json_append_float(answer, (float)similarity);
        inquiry_append_missing(inquiry, answer);
        buffer_append_char(answer, '}');
    }
    free(sets[0].ids);
    free(sets[1].ids);
    return status;
}

/* ---- routes ---------------------------------------------------------------------------------- */

void rank_post(struct server *server, const struct http_request *request,
               struct http_response *response) {
    static const char *const members[] = {"pairs", "among", "oov", NULL};
    static const struct inquiry_route route = {members, rank_of_body};
    inquiry_run(server, request, response, &route);
}

void relative_post(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    static const char *const members[] = {"pairs", "topn", "oov", NULL};
    static const struct inquiry_route route = {members, relative_of_body};
    inquiry_run(server, request, response, &route);
}

void closer_than_post(struct server *server, const struct http_request *request,
                      struct http_response *response) {
    static const char *const members[] = {"key1", "key2", "among", "offset", "limit", NULL};
    static const struct inquiry_route route = {members, closer_of_body};
    inquiry_run(server, request, response, &route);
}

void distances_post(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    static const char *const members[] = {"word", "other_words", "oov", NULL};
    static const struct inquiry_route route = {members, distances_of_body};
    inquiry_run(server, request, response, &route);
}

void n_similarity_post(struct server *server, const struct http_request *request,
                       struct http_response *response) {
    static const char *const members[] = {"ws1", "ws2", "oov", NULL};
    static const struct inquiry_route route = {members, sets_of_body};
    inquiry_run(server, request, response, &route);
}
