/* Question files put to a model, and its noise sampler laid open. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "base/random.h"
#include "server/query/candidate_draw.h"
#include "server/query/next_item_answer.h"
#include "train/train.h"

#define DEFAULT_AMONG 30000     /* word2vec's habit for analogies */
#define EVALUATION_VECTORS 3072 /* of the questions that are searched together, at most */
#define LINE_MEMORY 96          /* bytes that a line of a question file takes while it is counted */

#define SETS(CHOICE)                     \
    CHOICE(SET_ANALOGIES, "analogies")   \
    CHOICE(SET_SIMILARITY, "similarity") \
    CHOICE(SET_NEXT_ITEM, "next-item")
enum question_set { SETS(CHOICE_CONSTANT) };

/* share of n, or null when n is 0. */
static void append_share(struct buffer *answer, const char *name, uint64_t part, uint64_t n) {
    buffer_print(answer, ",\"%s\":", name);
    json_append_float(answer, n == 0 ? NAN : (float)((double)part / (double)n));
}

static void append_part(struct buffer *answer, const char *name, uint64_t correct,
                        uint64_t answered) {
    buffer_print(answer, ",\"%s\":{\"correct\":%" PRIu64 ",\"answered\":%" PRIu64, name, correct,
                 answered);
    append_share(answer, "accuracy", correct, answered);
    buffer_append_char(answer, '}');
}

static void write_analogies(const struct analogy_report *report, struct buffer *answer) {
    buffer_print(answer, ",\"correct\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"skipped\":%" PRIu64,
                 report->correct, report->answered, report->skipped);
    append_share(answer, "accuracy", report->correct, report->answered);
    append_share(answer, "coverage", report->answered, report->answered + report->skipped);
    append_part(answer, "semantic", report->semantic_correct, report->semantic_answered);
    append_part(answer, "syntactic", report->syntactic_correct, report->syntactic_answered);
    buffer_append_text(answer, ",\"sections\":[");
    for (size_t i = 0; i < report->n_sections; i++) {
        const struct analogy_section *section = &report->sections[i];
        buffer_append_text(answer, i == 0 ? "{\"name\":" : ",{\"name\":");
        json_append_string(answer, section->name, strlen(section->name));
        buffer_print(answer,
                     ",\"correct\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"skipped\":%" PRIu64,
                     section->correct, section->answered, section->skipped);
        append_share(answer, "accuracy", section->correct, section->answered);
        buffer_append_char(answer, '}');
    }
    buffer_append_char(answer, ']');
}

/* What stands in both answers: how words were looked for, and what could not be read. */
static void append_notes(struct buffer *answer, int word_case, const struct file_notes *notes) {
    buffer_print(
        answer, ",\"case\":\"%s\",\"folded\":%" PRIu64 ",\"unread\":%" PRIu64 ",\"unread_lines\":[",
        word_case == WORD_CASE_EXACT ? "exact" : "fold", notes->folded, notes->unread);
    for (uint64_t i = 0; i < notes->unread && i < UNREAD_NAMED; i++)
        buffer_print(answer, "%s%" PRIu64, i == 0 ? "" : ",", notes->lines[i]);
    buffer_append_char(answer, ']');
}

static enum status analogies(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    int64_t among = DEFAULT_AMONG;
    int method = ANALOGY_ADD, word_case = WORD_CASE_FOLD;
    struct analogy_report report = {0};
    enum status status = query_int(inquiry->request, "among", 0, UINT32_MAX, &among, err);
    if (status == STATUS_OK)
        status =
            query_choice(inquiry->request, "method", CHOICE_NAMES(ANALOGY_METHODS), &method, err);
    if (status == STATUS_OK)
        status = query_choice(inquiry->request, "case", CHOICE_NAMES(WORD_CASES), &word_case, err);
    if (status != STATUS_OK)
        return status;
    status =
        evaluate_analogies(inquiry->model, inquiry->request->body, inquiry->request->body_length,
                           (uint32_t)among, (enum analogy_method)method, (enum word_case)word_case,
                           machine_threads(), request_stop(inquiry->request), &report, err);
    if (status == STATUS_OK) {
        inquiry_head(inquiry, answer);
        buffer_print(answer, ",\"set\":\"analogies\",\"among\":%" PRId64 ",\"method\":\"%s\"",
                     among, analogy_method_name((enum analogy_method)method));
        append_notes(answer, word_case, &report.notes);
        write_analogies(&report, answer);
        buffer_append_char(answer, '}');
    }
    analogy_report_clear(&report);
    return status;
}

static enum status similarity(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    struct similarity_report report = {0};
    int word_case = WORD_CASE_FOLD;
    if (request_query(inquiry->request, "among", 0) || request_query(inquiry->request, "method", 0))
        return error_set_key(err, STATUS_REFUSED, "among",
                             "among and method are for set=analogies");
    enum status status =
        query_choice(inquiry->request, "case", CHOICE_NAMES(WORD_CASES), &word_case, err);
    if (status == STATUS_OK)
        status = evaluate_similarity(inquiry->model, inquiry->request->body,
                                     inquiry->request->body_length, (enum word_case)word_case,
                                     request_stop(inquiry->request), &report, err);
    if (status != STATUS_OK)
        return status;
    inquiry_head(inquiry, answer);
    buffer_print(answer, ",\"set\":\"similarity\",\"pairs\":%" PRIu64 ",\"found\":%" PRIu64,
                 report.pairs, report.found);
    buffer_print(answer, ",\"duplicates\":%" PRIu64 ",\"column\":%u,\"header\":%s",
                 report.duplicates, report.column, report.header ? "true" : "false");
    append_notes(answer, word_case, &report.notes);
    append_share(answer, "coverage", report.found, report.pairs);
    buffer_append_text(answer, ",\"pearson\":");
    json_append_float(answer, (float)report.pearson);
    buffer_append_text(answer, ",\"spearman\":");
    json_append_float(answer, (float)report.spearman);
    buffer_append_char(answer, '}');
    return STATUS_OK;
}

/* A line may be a section with a name, or a pair whose scores are kept and ranked. */
static uint64_t evaluation_memory(const struct http_request *request) {
    uint64_t lines = 1;
    const char *at = request->body, *end = at + request->body_length;
    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        lines++;
        at++;
    }
    return lines * LINE_MEMORY + request->body_length;
}

/* Keys that are for sessions only. */
static enum status refuse_next_item_keys(const struct http_request *request, struct error *err) {
    for (size_t i = 0; next_item_keys[i]; i++)
        if (request_query(request, next_item_keys[i], 0))
            return error_set_key(err, STATUS_REFUSED, next_item_keys[i], "%s is for set=next-item",
                                 next_item_keys[i]);
    return STATUS_OK;
}

static enum status evaluate(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    int set = -1;
    enum status status = query_choice(inquiry->request, "set", CHOICE_NAMES(SETS), &set, err);
    if (status != STATUS_OK)
        return status;
    if (set < 0)
        return error_set_key(err, STATUS_REFUSED, "set",
                             "set is missing: analogies, similarity or next-item");
    if (!inquiry->request->body || inquiry->request->body_length == 0)
        return error_set(err, STATUS_REFUSED, "the question file is empty: send it as the body");
    if (set == SET_NEXT_ITEM)
        return next_item_answer(inquiry, answer, err);
    status = refuse_next_item_keys(inquiry->request, err);
    if (status == STATUS_OK)
        status = request_reserve(inquiry->request, evaluation_memory(inquiry->request),
                                 "the evaluation", err);
    if (status == STATUS_OK && set == SET_ANALOGIES)
        status = inquiry_reserve_search(inquiry, EVALUATION_VECTORS, 3, 1, err);
    if (status != STATUS_OK)
        return status;
    return set == SET_ANALOGIES ? analogies(inquiry, answer, err)
                                : similarity(inquiry, answer, err);
}

void evaluate_post(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    static const struct inquiry_route route = {NULL, evaluate};
    inquiry_run(server, request, response, &route);
}

/* ---- candidates ------------------------------------------------------------------------------ */

struct draw {
    struct sampler *sampler;
    int64_t n, seed;
    bool unique;
    uint32_t *ids, *truth;
    size_t n_truth;
    uint64_t tries;
};

static void write_hits(const struct draw *draw, const struct accidental_hit *hits, size_t n,
                       struct buffer *answer) {
    buffer_append_text(answer, ",\"accidental_hits\":[");
    for (size_t i = 0; i < n; i++)
        buffer_print(answer, "%s{\"row\":%" PRIu32 ",\"column\":%" PRIu32 ",\"id\":%" PRIu32 "}",
                     i == 0 ? "" : ",", hits[i].row, hits[i].column, draw->ids[hits[i].column]);
    buffer_append_char(answer, ']');
}

/* Expected counts are double: 17 digits, so that a client can check them to the last bit. */
static void append_expected(const struct draw *draw, uint32_t id, struct buffer *answer) {
    buffer_print(answer, "%.17g",
                 sampler_expected_count(draw->sampler, id, (size_t)draw->n, draw->tries));
}

static enum status write_draw(const struct inquiry *inquiry, const struct draw *draw,
                              struct buffer *answer, struct error *err) {
    inquiry_head(inquiry, answer);
    buffer_print(answer,
                 ",\"num_sampled\":%" PRId64 ",\"unique\":%s,\"seed\":%" PRId64
                 ",\"num_tries\":%" PRIu64,
                 draw->n, draw->unique ? "true" : "false", draw->seed, draw->tries);
    buffer_append_text(answer, ",\"sampled\":[");
    for (int64_t i = 0; i < draw->n; i++)
        buffer_print(answer, "%s%" PRIu32, i == 0 ? "" : ",", draw->ids[i]);
    buffer_append_text(answer, "],\"expected\":[");
    for (int64_t i = 0; i < draw->n; i++) {
        if (i > 0)
            buffer_append_char(answer, ',');
        append_expected(draw, draw->ids[i], answer);
    }
    buffer_append_text(answer, "],\"true\":[");
    for (size_t i = 0; i < draw->n_truth; i++) {
        buffer_print(answer, "%s{\"id\":%" PRIu32 ",\"expected\":", i == 0 ? "" : ",",
                     draw->truth[i]);
        append_expected(draw, draw->truth[i], answer);
        buffer_append_char(answer, '}');
    }
    buffer_append_char(answer, ']');
    size_t n =
        sampler_accidental_hits(draw->truth, draw->n_truth, 1, draw->ids, (size_t)draw->n, NULL, 0);
    struct accidental_hit *hits = calloc(n + 1, sizeof *hits);
    if (!hits)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu accidental hits", n);
    sampler_accidental_hits(draw->truth, draw->n_truth, 1, draw->ids, (size_t)draw->n, hits, n);
    write_hits(draw, hits, n, answer);
    buffer_append_char(answer, '}');
    free(hits);
    return STATUS_OK;
}

static enum status candidates_of_body(struct inquiry *inquiry, struct buffer *answer,
                                      struct error *err) {
    struct settings settings;
    struct random random;
    struct draw draw = {.n = 0};
    enum status status = inquiry_settings(inquiry, &settings, err);
    if (status != STATUS_OK)
        return status;
    draw.seed = settings.seed;
    status = field_int(inquiry->body, "num_sampled", 1, inquiry->server->settings.max_batch,
                       &draw.n, err);
    if (status == STATUS_OK && draw.n == 0)
        status = error_set_key(err, STATUS_REFUSED, "/num_sampled", "num_sampled is missing");
    if (status == STATUS_OK)
        status = field_flag(inquiry->body, "unique", &draw.unique, err);
    if (status == STATUS_OK)
        status = field_int(inquiry->body, "seed", 0, INT64_MAX, &draw.seed, err);
    if (status == STATUS_OK)
        status =
            inquiry_items(inquiry, inquiry->body, "", "true", 0, &draw.truth, &draw.n_truth, err);
    if (status == STATUS_OK)
        status = request_reserve(inquiry->request,
                                 (uint64_t)vocabulary_size(inquiry->model->vocabulary) *
                                         SAMPLER_WORD_MEMORY +
                                     (uint64_t)draw.n * DRAW_MEMORY,
                                 "the draw", err);
    if (status == STATUS_OK)
        status = train_sampler_create(&settings, inquiry->model->vocabulary, &draw.sampler, err);
    if (status == STATUS_OK && draw.unique && draw.n <= sampler_support(draw.sampler))
        status = draw_check(draw.sampler, draw.n, "/num_sampled", err);
    if (status == STATUS_OK) {
        draw.ids = calloc((size_t)draw.n, sizeof *draw.ids);
        random_init(&random, (uint64_t)draw.seed, 0);
        status = !draw.ids
                     ? error_set(err, STATUS_NO_MEMORY, "out of memory for %" PRId64 " ids", draw.n)
                     : sampler_sample(draw.sampler, &random, NULL, NULL, draw.unique, draw.ids,
                                      (size_t)draw.n, &draw.tries, err);
    }
    if (status == STATUS_OK)
        status = write_draw(inquiry, &draw, answer, err);
    sampler_free(draw.sampler);
    free(draw.ids);
    free(draw.truth);
    return status;
}

void candidates_post(struct server *server, const struct http_request *request,
                     struct http_response *response) {
    static const char *const members[] = {"num_sampled", "unique", "true", "seed", NULL};
    static const struct inquiry_route route = {members, candidates_of_body};
    inquiry_run(server, request, response, &route);
}
