/* How well a served model tells the last item of sessions. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/machine.h"
#include "embedding/session.h"
#include "server/json/ndjson.h"
#include "server/query/next_item_answer.h"

#define ALL "all"

const char *const next_item_keys[] = {"k", "score", "history", "decay", "repeat", "format", NULL};

enum { BODY_TEXT, BODY_NDJSON, BODY_TOKENS }; /* as `format` names them */

struct next_item_query {
    int64_t k, among;
    struct session_options options;
    int word_case;
    bool ndjson;
};

static enum status history_read(const struct http_request *request, uint32_t *history,
                                struct error *err) {
    const char *text = request_query(request, "history", 0);
    int64_t number = *history;
    if (text && strcmp(text, ALL) == 0) {
        *history = 0;
        return STATUS_OK;
    }
    enum status status = query_int(request, "history", 0, UINT32_MAX, &number, err);
    *history = (uint32_t)number;
    return status;
}

/* What the body is: as its type or `format` says. */
static enum status format_read(const struct http_request *request, bool *ndjson,
                               struct error *err) {
    static const char *const types[] = {"application/x-ndjson", "application/ndjson",
                                        "application/jsonl", "application/json-lines"};
    const char *type = request_header(request, "Content-Type");
    int format = -1;
    enum status status = query_choice(request, "format", "text|ndjson|tokens", &format, err);
    *ndjson = format == BODY_NDJSON;
    for (size_t i = 0; format < 0 && type && i < sizeof types / sizeof *types; i++)
        *ndjson = *ndjson || strncasecmp(type, types[i], strlen(types[i])) == 0;
    return status;
}

static enum status query_read(const struct inquiry *inquiry, struct next_item_query *query,
                              struct error *err) {
    const struct http_request *request = inquiry->request;
    int64_t max = inquiry->server->settings.max_neighbors;
    int score = SESSION_COSINE;
    *query = (struct next_item_query){.k = SESSION_HITS < max ? SESSION_HITS : max,
                                      .options = SESSION_OPTIONS,
                                      .word_case = WORD_CASE_FOLD};
    if (request_query(request, "method", 0))
        return error_set_key(err, STATUS_REFUSED, "method", "method is for set=analogies");
    enum status status = query_int(request, "k", 1, max, &query->k, err);
    if (status == STATUS_OK)
        status = query_int(request, "among", 0, UINT32_MAX, &query->among, err);
    if (status == STATUS_OK)
        status = query_choice(request, "score", CHOICE_NAMES(SESSION_SCORES), &score, err);
    if (status == STATUS_OK)
        status = history_read(request, &query->options.history, err);
    if (status == STATUS_OK)
        status = query_real(request, "decay", 0, 1, &query->options.decay, err);
    if (status == STATUS_OK)
        status = query_flag(request, "repeat", &query->options.repeat, err);
    if (status == STATUS_OK)
        status = query_choice(request, "case", CHOICE_NAMES(WORD_CASES), &query->word_case, err);
    query->options.score = (enum session_score)score;
    return status == STATUS_OK ? format_read(request, &query->ndjson, err) : status;
}

/* ---- sessions of NDJSON ---------------------------------------------------------------------- */

static enum status text_take(void *context, const char *bytes, size_t length, struct error *err) {
    buffer_append(context, bytes, length);
    return ((struct buffer *)context)->failed
               ? error_set(err, STATUS_NO_MEMORY, "out of memory for the sessions")
               : STATUS_OK;
}

/* Bytes that the largest of the lines takes as a tree. */
static uint64_t lines_memory(const char *text, size_t length) {
    const char *end = text + length;
    size_t longest = 0;
    uint64_t most = 0;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t line = newline ? (size_t)(newline - text) : (size_t)(end - text);
        if (line > longest) {
            uint64_t memory = json_memory(text, line);
            longest = line;
            most = memory > most ? memory : most;
        }
        text += line + (newline != NULL);
    }
    return most;
}

/* Two bytes more a line than it has are enough for its text as tokens. */
static enum status ndjson_read(const struct http_request *request, struct buffer *text,
                               struct error *err) {
    struct ndjson *ndjson;
    enum status status = request_reserve(request,
                                         4 * (uint64_t)request->body_length +
                                             lines_memory(request->body, request->body_length),
                                         "the sessions", err);
    if (status == STATUS_OK)
        status = ndjson_create(&ndjson, &NDJSON_PLAIN, text_take, text, err);
    if (status != STATUS_OK)
        return status;
    status = ndjson_push(ndjson, request->body, request->body_length, err);
    if (status == STATUS_OK)
        status = ndjson_finish(ndjson, err);
    ndjson_free(ndjson);
    return status;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void append_mean(struct buffer *answer, const char *name, double sum, uint64_t n) {
    buffer_print(answer, ",\"%s\":", name);
    json_append_float(answer, n == 0 ? NAN : (float)(sum / (double)n));
}

void session_options_append(const struct session_options *options, struct buffer *answer) {
    buffer_print(answer, ",\"score\":\"%s\",\"history\":", session_score_name(options->score));
    if (options->history > 0)
        buffer_print(answer, "%" PRIu32, options->history);
    else
        buffer_append_text(answer, "\"" ALL "\"");
    buffer_append_text(answer, ",\"decay\":");
    json_append_float(answer, (float)options->decay);
    buffer_print(answer, ",\"repeat\":%s", options->repeat ? "true" : "false");
}

static void report_write(const struct next_item_query *query, const struct next_item_report *report,
                         struct buffer *answer) {
    buffer_print(answer, ",\"set\":\"next-item\",\"k\":%zu", report->k);
    session_options_append(&query->options, answer);
    buffer_print(answer,
                 ",\"among\":%" PRId64 ",\"case\":\"%s\",\"folded\":%" PRIu64
                 ",\"unread\":0,\"unread_lines\":[]",
                 query->among, query->word_case == WORD_CASE_EXACT ? "exact" : "fold",
                 report->folded);
    buffer_print(answer,
                 ",\"sessions\":%" PRIu64 ",\"asked\":%" PRIu64 ",\"skipped\":%" PRIu64
                 ",\"skipped_short\":%" PRIu64 ",\"skipped_unknown\":%" PRIu64 ",\"hits\":%" PRIu64,
                 report->sessions, report->asked, report->skipped_short + report->skipped_unknown,
                 report->skipped_short, report->skipped_unknown, report->hits);
    buffer_print(answer,
                 ",\"unknown_targets\":%" PRIu64 ",\"repeated_targets\":%" PRIu64
                 ",\"unknown_items\":%" PRIu64 ",\"recommended\":%" PRIu64
                 ",\"catalogue\":%" PRIu32,
                 report->unknown_targets, report->repeated_targets, report->unknown_items,
                 report->recommended, report->catalogue);
    append_mean(answer, "hit_rate", (double)report->hits, report->asked);
    append_mean(answer, "mrr", report->reciprocal_ranks, report->asked);
    append_mean(answer, "ndcg", report->gains, report->asked);
    append_mean(answer, "coverage", (double)report->recommended, report->catalogue);
}

enum status next_item_answer(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    const struct http_request *request = inquiry->request;
    struct next_item_query query;
    struct next_item_report report;
    struct buffer text = {0};
    enum status status = query_read(inquiry, &query, err);
    if (status == STATUS_OK && query.ndjson)
        status = ndjson_read(request, &text, err);
    if (status == STATUS_OK)
        status = request_reserve(request,
                                 evaluate_next_item_memory(inquiry->model, request->body_length,
                                                           (size_t)query.k, machine_threads()),
                                 "the evaluation", err);
    const struct candidates candidates = {.among = (uint32_t)query.among};
    if (status == STATUS_OK)
        status =
            evaluate_next_item(inquiry->model, query.ndjson ? text.data : request->body,
                               query.ndjson ? text.length : request->body_length, &query.options,
                               &candidates, (size_t)query.k, (enum word_case)query.word_case,
                               machine_threads(), request_stop(request), &report, err);
    buffer_clear(&text);
    if (status != STATUS_OK)
        return status;
    inquiry_head(inquiry, answer);
    report_write(&query, &report, answer);
    buffer_append_char(answer, '}');
    return STATUS_OK;
}
