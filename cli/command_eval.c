#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/words.h"

#define QUESTIONS_MAX ((size_t)1 << 30)

enum { SET_AUTO, SET_ANALOGIES, SET_SIMILARITY };

const struct option_row eval_options[] = {
    {"set", "NAME", "auto, analogies or similarity; auto: analogies begin with a ':' line"},
    {"among", "N", "analogies: only the N most frequent words; 0 = all (default 30000)"},
    {"method", "NAME", "analogies: add (3CosAdd, the default) or mul (3CosMul)"},
    {"case", "NAME", "fold: a word may stand in another case (default); exact: only as it stands"},
    {"json", NULL, "print one JSON object"},
    {0},
};

struct evaluation {
    size_t set, method, word_case;
    int64_t among;
    bool json;
};

static enum status evaluation_read(struct evaluation *evaluation, struct invocation *invocation,
                                   struct error *err) {
    enum status status =
        option_choice(invocation, "set", "auto|analogies|similarity", &evaluation->set, err);
    if (status == STATUS_OK)
        status = option_choice(invocation, "method", CHOICE_NAMES(ANALOGY_METHODS),
                               &evaluation->method, err);
    if (status == STATUS_OK)
        status = option_choice(invocation, "case", CHOICE_NAMES(WORD_CASES), &evaluation->word_case,
                               err);
    evaluation->json = option_value(invocation, "json") != NULL;
    return status == STATUS_OK
               ? option_number(invocation, "among", 0, UINT32_MAX, 30000, &evaluation->among, err)
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
        evaluate_analogies(model, questions, length, (uint32_t)evaluation->among,
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

enum status command_eval(struct invocation *invocation, struct error *err) {
    struct evaluation evaluation;
    struct model *model;
    struct buffer text = {0};
    char *questions;
    size_t length;
    enum status status = evaluation_read(&evaluation, invocation, err);
    if (status == STATUS_OK)
        status = file_read(invocation->operands[1], QUESTIONS_MAX, &questions, &length, err);
    if (status != STATUS_OK)
        return status;
    status = model_open(invocation, &model, err);
    if (status == STATUS_OK) {
        bool analogies = evaluation.set == SET_ANALOGIES ||
                         (evaluation.set == SET_AUTO && evaluate_is_analogies(questions, length));
        status = analogies ? score_analogies(&evaluation, model, questions, length,
                                             threads_of_settings(&invocation->settings), &text, err)
                           : score_similarity(&evaluation, model, questions, length, &text, err);
        model_drop(model);
    }
    free(questions);
    if (status != STATUS_OK) {
        buffer_clear(&text);
        return status;
    }
    return output_flush(&text, err);
}
