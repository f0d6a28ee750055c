/* What comes next in sessions: the items themselves. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/machine.h"
#include "embedding/session.h"
#include "server/query/next_item_answer.h"
#include "server/query/query.h"
#include "server/query/wanted.h"

#define ITEM_TEXT 40 /* bytes of {"word":"a","id":0,"count":0,"score":0}, */

/* Sessions of a request, unknown items left out. */
struct sessions {
    struct inquiry *inquiry;
    const struct wanted *wanted;
    struct session_options options;
    bool many; /* "sessions" was given, not "items" */
    size_t n;
    uint32_t *ids; /* of all sessions */
    size_t n_ids, room;
    size_t *starts; /* [n + 1] */
    size_t k;
    struct neighbor *found; /* [n, k] */
    size_t *counts;         /* [n] */
};

/* A whole number, or "all", which is 0. */
static enum status history_read(const json_t *body, uint32_t *history, struct error *err) {
    const json_t *member = field_find(body, "history");
    int64_t number = *history;
    if (json_is_string(member) && strcmp(json_string_value(member), "all") == 0) {
        *history = 0;
        return STATUS_OK;
    }
    enum status status = field_int(body, "history", 0, UINT32_MAX, &number, err);
    *history = (uint32_t)number;
    return status;
}

static enum status options_read(struct session_options *options, const json_t *body,
                                struct error *err) {
    int score = SESSION_COSINE;
    *options = SESSION_OPTIONS;
    enum status status = field_choice(body, "score", CHOICE_NAMES(SESSION_SCORES), &score, err);
    options->score = (enum session_score)score;
    if (status == STATUS_OK)
        status = history_read(body, &options->history, err);
    if (status == STATUS_OK)
        status = field_real(body, "decay", 0, 1, &options->decay, err);
    return status == STATUS_OK ? field_flag(body, "repeat", &options->repeat, err) : status;
}

static enum status session_take(struct sessions *sessions, const json_t *list, const char *pointer,
                                struct error *err) {
    size_t n = json_array_size(list), max = (size_t)sessions->inquiry->server->settings.max_batch;
    if (!json_is_array(list) || n == 0 || n > max)
        return error_set_key(err, STATUS_REFUSED, pointer,
                             "a session must be a list of 1 to %zu items (max_batch), not %s%s",
                             max, field_kind(list),
                             json_is_array(list) ? " of another length" : "");
    uint32_t *ids = array_grow(sessions->ids, &sessions->room, sessions->n_ids + n, sizeof *ids);
    if (!ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu items", n);
    sessions->ids = ids;
    for (size_t i = 0; i < n; i++) {
        char place[POINTER_SIZE + 24];
        uint32_t id;
        snprintf(place, sizeof place, "%s/%zu", pointer, i);
        enum status status =
            inquiry_item(sessions->inquiry, json_array_get(list, i), place, &id, err);
        if (status != STATUS_OK)
            return status;
        if (id != WORD_NONE)
            ids[sessions->n_ids++] = id;
    }
    sessions->starts[++sessions->n] = sessions->n_ids;
    return STATUS_OK;
}

/* Memory of the answer and of the search for n sessions. */
static enum status sessions_prepare(struct sessions *sessions, size_t n, struct error *err) {
    struct inquiry *inquiry = sessions->inquiry;
    size_t rows = inquiry->model->input->rows,
           k = (size_t)(sessions->wanted->offset + sessions->wanted->k);
    sessions->k = k < rows ? k : rows;
    enum status status = inquiry_reserve_search(inquiry, n, 1, sessions->k, err);
    if (status == STATUS_OK)
        status = inquiry_reserve(
            inquiry, (uint64_t)n * sessions->k * (sizeof *sessions->found / sizeof(float)),
            ITEM_TEXT / 2, err);
    if (status != STATUS_OK)
        return status;
    sessions->starts = calloc(n + 1, sizeof *sessions->starts);
    sessions->found = calloc(n * sessions->k + 1, sizeof *sessions->found);
    sessions->counts = calloc(n + 1, sizeof *sessions->counts);
    return sessions->starts && sessions->found && sessions->counts
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "out of memory for %zu sessions", n);
}

static enum status sessions_read(struct sessions *sessions, struct error *err) {
    const json_t *body = sessions->inquiry->body, *items = field_find(body, "items"),
                 *list = field_find(body, "sessions");
    size_t n = 1;
    if (!items == !list)
        return error_set_key(err, STATUS_REFUSED, "/items",
                             "give items, the session, or sessions, a list of such lists");
    enum status status = STATUS_OK;
    if (list) {
        status = field_list(body, "sessions", 1,
                            (size_t)sessions->inquiry->server->settings.max_batch, &list, err);
        n = json_array_size(list);
        sessions->many = true;
    }
    if (status == STATUS_OK)
        status = sessions_prepare(sessions, n, err);
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        char pointer[POINTER_SIZE] = "/items";
        if (list)
            snprintf(pointer, sizeof pointer, "/sessions/%zu", i);
        status = session_take(sessions, list ? json_array_get(list, i) : items, pointer, err);
    }
    return status;
}

static enum status sessions_search(struct sessions *sessions, struct error *err) {
    struct inquiry *inquiry = sessions->inquiry;
    const struct candidates candidates = wanted_candidates(sessions->wanted);
    static const uint32_t none[1];
    return session_next(
        inquiry->model, sessions->ids ? sessions->ids : none, sessions->starts, sessions->n,
        &sessions->options, &candidates, sessions->k,
        search_threads(inquiry->model, sessions->n, candidates.among, machine_threads()),
        request_stop(inquiry->request), sessions->found, sessions->counts, err);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void write_session(const struct sessions *sessions, size_t index, struct buffer *answer) {
    struct inquiry *inquiry = sessions->inquiry;
    const struct neighbor *found = sessions->found + index * sessions->k;
    size_t begin, n = wanted_cut(sessions->wanted, found, sessions->counts[index], &begin);
    buffer_append_text(answer, "\"items\":");
    inquiry_append_words(inquiry, answer, sessions->ids + sessions->starts[index],
                         sessions->starts[index + 1] - sessions->starts[index]);
    buffer_append_text(answer, ",\"recommendations\":");
    inquiry_append_found(inquiry, answer, found + begin, n);
}

static void write_answer(const struct sessions *sessions, struct buffer *answer) {
    const struct session_options *options = &sessions->options;
    size_t most = 0, begin;
    for (size_t i = 0; i < sessions->n; i++) {
        size_t n = wanted_cut(sessions->wanted, sessions->found + i * sessions->k,
                              sessions->counts[i], &begin);
        most = n > most ? n : most;
    }
    inquiry_head(sessions->inquiry, answer);
    buffer_print(answer, ",\"k\":%zu", most);
    session_options_append(options, answer);
    buffer_append_char(answer, ',');
    if (!sessions->many) {
        write_session(sessions, 0, answer);
    } else {
        buffer_append_text(answer, "\"results\":[");
        for (size_t i = 0; i < sessions->n; i++) {
            buffer_print(answer, "%s{\"index\":%zu,", i == 0 ? "" : ",", i);
            write_session(sessions, i, answer);
            buffer_append_char(answer, '}');
        }
        buffer_append_char(answer, ']');
    }
    inquiry_append_missing(sessions->inquiry, answer);
    buffer_append_char(answer, '}');
}

static enum status recommend(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    struct wanted wanted;
    struct sessions sessions = {.inquiry = inquiry, .wanted = &wanted};
    inquiry->oov = MISSING_SKIP; /* a shop has items that no model has seen yet */
    enum status status = wanted_of_body(&wanted, inquiry, err);
    if (status == STATUS_OK)
        status = options_read(&sessions.options, inquiry->body, err);
    if (status == STATUS_OK)
        status = sessions_read(&sessions, err);
    if (status == STATUS_OK)
        status = sessions_search(&sessions, err);
    if (status == STATUS_OK)
        write_answer(&sessions, answer);
    free(sessions.ids);
    free(sessions.starts);
    free(sessions.found);
    free(sessions.counts);
    wanted_clear(&wanted);
    return status;
}

void recommend_post(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    static const char *const members[] = {"items", "sessions", "score",        "history",
                                          "decay", "repeat",   WANTED_MEMBERS, NULL};
    static const struct inquiry_route route = {members, recommend};
    inquiry_run(server, request, response, &route);
}
