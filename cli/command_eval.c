#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/session_files.h"
#include "cli/words.h"

#define QUESTIONS_MAX ((size_t)1 << 30)

#define K_MAX 1000000
#define AMONG_ANALOGIES 30000

enum { SET_AUTO, SET_ANALOGIES, SET_SIMILARITY, SET_NEXT_ITEM };

const struct option_row eval_options[] = {
    {"set", "NAME", "auto, analogies, similarity or next-item; auto: by the first line of FILE"},
    {"among", "N", "only the N most frequent words; 0 = all (analogies: 30000; next-item: 0)"},
    {"method", "NAME", "analogies: add (3CosAdd, the default) or mul (3CosMul)"},
    {"case", "NAME", "fold: a word may stand in another case (default); exact: only as it stands"},
    {"k", "N", "next-item: a hit is among the N best (default 10)"},
    SESSION_OPTION_ROWS,
    {"json", NULL, "print one JSON object"},
    {0},
};

struct evaluation {
    size_t set, method, word_case;
    int64_t among, k; /* among: -1 where it was not given */
    struct session_options sessions;
    bool json;
};

static enum status evaluation_read(struct evaluation *evaluation, struct invocation *invocation,
                                   struct error *err) {
    enum status status = option_choice(invocation, "set", "auto|analogies|similarity|next-item",
                                       &evaluation->set, err);
    if (status == STATUS_OK)
        status = option_choice(invocation, "method", CHOICE_NAMES(ANALOGY_METHODS),
                               &evaluation->method, err);
    if (status == STATUS_OK)
        status = option_choice(invocation, "case", CHOICE_NAMES(WORD_CASES), &evaluation->word_case,
                               err);
    if (status == STATUS_OK)
        status = option_number(invocation, "among", 0, UINT32_MAX, -1, &evaluation->among, err);
    if (status == STATUS_OK)
        status = option_number(invocation, "k", 1, K_MAX, 10, &evaluation->k, err);
    evaluation->json = option_value(invocation, "json") != NULL;
    return status == STATUS_OK ? session_options_read(&evaluation->sessions, invocation, err)
                               : status;
}

static double share(uint64_t part, uint64_t whole) {
    return whole > 0 ? (double)part / (double)whole : 0;
}

static void put_line(struct buffer *text, const char *name, uint64_t correct, uint64_t answered) {
    buffer_print(text, "%-32s %6.2f%%  %llu of %llu\n", name, 100 * share(correct, answered),
                 (unsigned long long)correct, (unsigned long long)answered);
}

static void put_counts(struct buffer *text, uint64_t correct, uint64_t answered) {
    json_put_number(text, "accuracy", answered > 0 ? share(correct, answered) : (double)NAN);
    json_put_count(text, "correct", correct);
    json_put_count(text, "answered", answered);
}

static void put_notes_json(struct buffer *text, const struct file_notes *notes) {
    json_put_count(text, "folded", notes->folded);
    json_put_count(text, "unread", notes->unread);
    buffer_append_text(text, ",\"unread_lines\":[");
    for (uint64_t i = 0; i < notes->unread && i < UNREAD_NAMED; i++)
        buffer_print(text, "%s%llu", i == 0 ? "" : ",", (unsigned long long)notes->lines[i]);
    buffer_append_char(text, ']');
}

static void put_notes(struct buffer *text, const struct file_notes *notes) {
    if (notes->folded > 0)
        buffer_print(text,
                     "%llu words were found only in another case (--case exact: as they stand)\n",
                     (unsigned long long)notes->folded);
    if (notes->unread == 0)
        return;
    buffer_print(text, "%llu lines could not be read:", (unsigned long long)notes->unread);
    for (uint64_t i = 0; i < notes->unread && i < UNREAD_NAMED; i++)
        buffer_print(text, " %llu", (unsigned long long)notes->lines[i]);
    buffer_append_text(text, notes->unread > UNREAD_NAMED ? " ...\n" : "\n");
}

static void put_analogies_json(struct buffer *text, const struct analogy_report *report) {
    buffer_append_text(text, "{\"set\":\"analogies\"");
    put_counts(text, report->correct, report->answered);
    json_put_count(text, "skipped", report->skipped);
    put_notes_json(text, &report->notes);
    buffer_append_text(text, ",\"semantic\":{\"kind\":\"semantic\"");
    put_counts(text, report->semantic_correct, report->semantic_answered);
    buffer_append_text(text, "},\"syntactic\":{\"kind\":\"syntactic\"");
    put_counts(text, report->syntactic_correct, report->syntactic_answered);
    buffer_append_text(text, "},\"sections\":[");
    for (size_t i = 0; i < report->n_sections; i++) {
        const struct analogy_section *section = &report->sections[i];
        buffer_append_text(text, i > 0 ? ",{\"name\":" : "{\"name\":");
        json_put_string(text, section->name, strlen(section->name));
        put_counts(text, section->correct, section->answered);
        json_put_count(text, "skipped", section->skipped);
        buffer_append_char(text, '}');
    }
    buffer_append_text(text, "]}\n");
}

static void put_analogies(struct buffer *text, const struct analogy_report *report) {
    for (size_t i = 0; i < report->n_sections; i++) {
        put_line(text, report->sections[i].name, report->sections[i].correct,
                 report->sections[i].answered);
    }
    put_line(text, "semantic", report->semantic_correct, report->semantic_answered);
    put_line(text, "syntactic", report->syntactic_correct, report->syntactic_answered);
    put_line(text, "all", report->correct, report->answered);
    buffer_print(text,
                 "%llu questions hold a word that is not in the vocabulary, or not among the most "
                 "frequent\n",
                 (unsigned long long)report->skipped);
    put_notes(text, &report->notes);
}

static enum status score_analogies(const struct evaluation *evaluation, const struct model *model,
                                   const char *questions, size_t length, int threads,
                                   struct buffer *text, struct error *err) {
    struct analogy_report report = {0};
    enum status status =
        evaluate_analogies(model, questions, length,
                           evaluation->among < 0 ? AMONG_ANALOGIES : (uint32_t)evaluation->among,
                           (enum analogy_method)evaluation->method,
                           (enum word_case)evaluation->word_case, threads, NULL, &report, err);
    if (status == STATUS_OK)
        (evaluation->json ? put_analogies_json : put_analogies)(text, &report);
    analogy_report_clear(&report);
    return status;
}

static void put_similarity_json(struct buffer *text, const struct similarity_report *report) {
    buffer_append_text(text, "{\"set\":\"similarity\"");
    json_put_number(text, "spearman", report->spearman);
    json_put_number(text, "pearson", report->pearson);
    json_put_count(text, "pairs", report->pairs);
    json_put_count(text, "found", report->found);
    json_put_count(text, "duplicates", report->duplicates);
    json_put_count(text, "column", report->column);
    buffer_print(text, ",\"header\":%s", report->header ? "true" : "false");
    put_notes_json(text, &report->notes);
    buffer_append_text(text, "}\n");
}

static void put_similarity(struct buffer *text, const struct similarity_report *report) {
    buffer_print(text, "spearman %.4f\npearson  %.4f\n%llu of %llu pairs are in the vocabulary\n",
                 report->spearman, report->pearson, (unsigned long long)report->found,
                 (unsigned long long)report->pairs);
    if (report->header)
        buffer_append_text(text, "the first line names the columns\n");
    if (report->column != 3)
        buffer_print(text, "the scores stand in column %u\n", report->column);
    if (report->duplicates > 0)
        buffer_print(text, "%llu pairs stand more than once; they count each time\n",
                     (unsigned long long)report->duplicates);
    put_notes(text, &report->notes);
}

static enum status score_similarity(const struct evaluation *evaluation, const struct model *model,
                                    const char *pairs, size_t length, struct buffer *text,
                                    struct error *err) {
    struct similarity_report report = {0};
    enum status status = evaluate_similarity(
        model, pairs, length, (enum word_case)evaluation->word_case, NULL, &report, err);
    if (status == STATUS_OK)
        (evaluation->json ? put_similarity_json : put_similarity)(text, &report);
    return status;
}

static void put_next_item_json(struct buffer *text, const struct evaluation *evaluation,
                               const struct next_item_report *report) {
    const struct session_options *options = &evaluation->sessions;
    double asked = report->asked > 0 ? (double)report->asked : (double)NAN;
    buffer_print(text, "{\"set\":\"next-item\",\"k\":%zu,\"score\":\"%s\",\"history\":", report->k,
                 session_score_name(options->score));
    if (options->history > 0)
        buffer_print(text, "%u", options->history);
    else
        buffer_append_text(text, "\"all\"");
    json_put_number(text, "decay", options->decay);
    buffer_print(text, ",\"repeat\":%s", options->repeat ? "true" : "false");
    json_put_number(text, "hit_rate", (double)report->hits / asked);
    json_put_number(text, "mrr", report->reciprocal_ranks / asked);
    json_put_number(text, "ndcg", report->gains / asked);
    json_put_number(text, "coverage", (double)report->recommended / report->catalogue);
    json_put_count(text, "hits", report->hits);
    json_put_count(text, "sessions", report->sessions);
    json_put_count(text, "asked", report->asked);
    json_put_count(text, "skipped", report->skipped_short + report->skipped_unknown);
    json_put_count(text, "skipped_short", report->skipped_short);
    json_put_count(text, "skipped_unknown", report->skipped_unknown);
    json_put_count(text, "unknown_targets", report->unknown_targets);
    json_put_count(text, "repeated_targets", report->repeated_targets);
    json_put_count(text, "unknown_items", report->unknown_items);
    json_put_count(text, "folded", report->folded);
    json_put_count(text, "recommended", report->recommended);
    json_put_count(text, "catalogue", report->catalogue);
    buffer_append_text(text, "}\n");
}

static void put_next_item(struct buffer *text, const struct evaluation *evaluation,
                          const struct next_item_report *report) {
    double asked = report->asked > 0 ? (double)report->asked : (double)NAN;
    buffer_print(text, "hit rate at %zu  %.4f  %llu of %llu\n", report->k,
                 (double)report->hits / asked, (unsigned long long)report->hits,
                 (unsigned long long)report->asked);
    buffer_print(text, "MRR             %.4f\nNDCG            %.4f\n",
                 report->reciprocal_ranks / asked, report->gains / asked);
    buffer_print(text, "coverage        %.4f  %llu of %u items were recommended\n",
                 (double)report->recommended / report->catalogue,
                 (unsigned long long)report->recommended, report->catalogue);
    buffer_print(text,
                 "%llu sessions: %llu asked, %llu skipped of one item, %llu skipped with no known "
                 "item before the last\n",
                 (unsigned long long)report->sessions, (unsigned long long)report->asked,
                 (unsigned long long)report->skipped_short,
                 (unsigned long long)report->skipped_unknown);
    if (report->unknown_targets > 0)
        buffer_print(text, "%llu last items are not in the vocabulary: misses\n",
                     (unsigned long long)report->unknown_targets);
    if (report->repeated_targets > 0 && !evaluation->sessions.repeat)
        buffer_print(text,
                     "%llu last items stood before in their session: misses, for seen items are "
                     "left out (--repeat lets them in)\n",
                     (unsigned long long)report->repeated_targets);
    if (report->unknown_items > 0)
        buffer_print(text, "%llu other items are not in the vocabulary: passed over\n",
                     (unsigned long long)report->unknown_items);
    if (report->folded > 0)
        buffer_print(text,
                     "%llu items were found only in another case (--case exact: as they stand)\n",
                     (unsigned long long)report->folded);
}

static enum status score_sessions(const struct evaluation *evaluation, const struct model *model,
                                  const char *sessions, size_t length, int threads,
                                  struct buffer *text, struct error *err) {
    struct next_item_report report = {0};
    const struct candidates candidates = {
        .among = evaluation->among < 0 ? 0 : (uint32_t)evaluation->among};
    enum status status = evaluate_next_item(
        model, sessions, length, &evaluation->sessions, &candidates, (size_t)evaluation->k,
        (enum word_case)evaluation->word_case, threads, NULL, &report, err);
    if (status == STATUS_OK)
        (evaluation->json ? put_next_item_json : put_next_item)(text, evaluation, &report);
    return status;
}

/* The file of questions, or of sessions where that was said or its first line says it. */
static enum status questions_read(struct evaluation *evaluation, struct invocation *invocation,
                                  struct buffer *questions, struct error *err) {
    const char *path = invocation->operands[1];
    char *text;
    size_t length;
    if (evaluation->set == SET_NEXT_ITEM)
        return sessions_read(invocation, path, questions, err);
    enum status status = file_read(path, QUESTIONS_MAX, &text, &length, err);
    if (status != STATUS_OK)
        return status;
    buffer_append(questions, text, length);
    free(text);
    if (questions->failed)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the questions");
    if (evaluation->set == SET_AUTO)
        evaluation->set = evaluate_is_sessions(questions->data, length)    ? SET_NEXT_ITEM
                          : evaluate_is_analogies(questions->data, length) ? SET_ANALOGIES
                                                                           : SET_SIMILARITY;
    return STATUS_OK;
}

static enum status questions_score(const struct evaluation *evaluation,
                                   const struct invocation *invocation, const struct model *model,
                                   const struct buffer *questions, struct buffer *text,
                                   struct error *err) {
    int threads = threads_of_settings(&invocation->settings);
    const char *data = questions->data ? questions->data : "";
    switch (evaluation->set) {
    case SET_NEXT_ITEM:
        return score_sessions(evaluation, model, data, questions->length, threads, text, err);
    case SET_ANALOGIES:
        return score_analogies(evaluation, model, data, questions->length, threads, text, err);
    default:
        return score_similarity(evaluation, model, data, questions->length, text, err);
    }
}

enum status command_eval(struct invocation *invocation, struct error *err) {
    struct evaluation evaluation;
    struct model *model;
    struct buffer text = {0}, questions = {0};
    enum status status = evaluation_read(&evaluation, invocation, err);
    if (status == STATUS_OK)
        status = questions_read(&evaluation, invocation, &questions, err);
    if (status == STATUS_OK)
        status = model_open(invocation, &model, err);
    if (status == STATUS_OK) {
        status = questions_score(&evaluation, invocation, model, &questions, &text, err);
        model_drop(model);
    }
    buffer_clear(&questions);
    if (status != STATUS_OK) {
        buffer_clear(&text);
        return status;
    }
    return output_flush(&text, err);
}
