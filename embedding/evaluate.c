#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "embedding/evaluate_text.h"
#include "embedding/scan.h"

/* Questions searched at a time: many passes' worth, so that starting threads costs nothing. */
#define BATCH 1024
#define STOP_LINES 1024 /* read between two looks at whether to stop */

struct question {
    uint32_t words[4]; /* a is to b as c is to the last */
    size_t section;
};

/* An evaluation under way: questions wait until a batch is full. */
struct analogies {
    const struct model *model;
    struct analogy_report *report;
    uint32_t among;
    enum analogy_method method;
    enum word_case word_case;
    int threads;
    const struct stop *stop;
    struct error unread;        /* what was wrong with the first line that is no question */
    uint64_t read;              /* questions, skipped ones included */
    struct question *questions; /* [BATCH] */
    size_t n;
    float *vectors;        /* [BATCH * width, dim] */
    uint32_t *excluded;    /* [BATCH * 3] */
    size_t *starts;        /* [BATCH + 1] */
    struct neighbor *best; /* [BATCH] */
    size_t *found;         /* [BATCH] */
};

static bool section_is_semantic(const char *name) {
    static const char *const names[] = {"capital-common-countries", "capital-world", "currency",
                                        "city-in-state", "family"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static void question_count(struct analogy_report *report, size_t at, bool correct) {
    struct analogy_section *section = &report->sections[at];
    section->answered++;
    section->correct += correct;
    report->answered++;
    report->correct += correct;
    if (section_is_semantic(section->name)) {
        report->semantic_answered++;
        report->semantic_correct += correct;
    } else if (strncasecmp(section->name, "gram", 4) == 0) {
        report->syntactic_answered++;
        report->syntactic_correct += correct;
    }
}

/* b - a + c on unit vectors; false when nothing is left of it. */
static bool question_target(const struct analogies *run, const struct question *question,
                            double *sum, float *vector) {
    const struct table *table = run->model->input;
    static const size_t order[3] = {1, 0, 2}; /* b, a, c */
    size_t dim = table->columns;
    memset(sum, 0, dim * sizeof sum[0]);
    for (size_t i = 0; i < 3; i++) {
        const float *row = table_row(table, question->words[order[i]]);
        direction_add(row, dim, vector_norm(row, dim), order[i] == 0 ? -1 : 1, sum);
    }
    return direction_take(sum, dim, "question", "", vector, NULL) == STATUS_OK;
}

static bool question_has_direction(const struct analogies *run, const struct question *question) {
    const float *norms = run->model->norms;
    return norms[question->words[0]] > 0 || norms[question->words[1]] > 0 ||
           norms[question->words[2]] > 0;
}

/* Writes the vectors of the questions that have a direction, and moves those questions to the
 * front; the others are answered, wrongly. Returns how many are left to search. */
static size_t batch_prepare(struct analogies *run, double *sum) {
    const struct table *table = run->model->input;
    size_t dim = table->columns, kept = 0;
    for (size_t i = 0; i < run->n; i++) {
        struct question question = run->questions[i];
        bool good;
        if (run->method == ANALOGY_MUL) {
            static const int order[3] = {1, 2, 0}; /* b and c multiply, a divides */
            for (size_t v = 0; v < 3; v++)
                memcpy(run->vectors + (kept * 3 + v) * dim,
                       table_row(table, question.words[order[v]]), dim * sizeof run->vectors[0]);
            good = question_has_direction(run, &question);
        } else {
            good = question_target(run, &question, sum, run->vectors + kept * dim);
        }
        if (!good) {
            question_count(run->report, question.section, false);
            continue;
        }
        memcpy(run->excluded + kept * 3, question.words, 3 * sizeof question.words[0]);
        run->questions[kept++] = question;
    }
    return kept;
}

static enum status batch_run(struct analogies *run, struct error *err) {
    double *sum = calloc(run->model->input->columns, sizeof *sum);
    if (!sum)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for a vector");
    size_t n = batch_prepare(run, sum);
    bool multiply = run->method == ANALOGY_MUL;
    const struct candidates candidates = {.among = run->among};
    struct scan scan = {.model = run->model,
                        .vectors = run->vectors,
                        .groups = n,
                        .width = multiply ? 3 : 1,
                        .positives = 2,
                        .multiply = multiply,
                        .excluded = run->excluded,
                        .excluded_starts = run->starts,
                        .candidates = &candidates,
                        .k = 1,
                        .threads = run->threads,
                        .stop = run->stop};
    free(sum);
    enum status status = scan_run(&scan, run->best, run->found, err);
    for (size_t i = 0; status == STATUS_OK && i < n; i++)
        question_count(run->report, run->questions[i].section,
                       run->found[i] == 1 && run->best[i].id == run->questions[i].words[3]);
    run->n = 0;
    return status;
}

static enum status section_add(struct analogy_report *report, const char *name, size_t length,
                               struct error *err) {
    struct analogy_section *sections = array_grow(report->sections, &report->sections_room,
                                                  report->n_sections + 1, sizeof *sections);
    char *copy = malloc(length + 1);
    if (sections)
        report->sections = sections;
    if (!sections || !copy) {
        free(copy);
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for section %zu",
                         report->n_sections + 1);
    }
    memcpy(copy, name, length);
    copy[length] = '\0';
    sections[report->n_sections++] = (struct analogy_section){.name = copy};
    return STATUS_OK;
}

static bool line_is_comment(struct text_part line) {
    return line.length == 0 || line.text[0] == '#' ||
           (line.length >= 2 && memcmp(line.text, "//", 2) == 0);
}

bool evaluate_is_analogies(const char *text, size_t length) {
    struct text_part rest = text_begin(text, length), line;
    while (text_line(&rest, &line))
        if (!line_is_comment(line))
            return line.text[0] == ':';
    return false;
}

/* Columns behind the fourth are not looked at, but where only blanks separate them: those may be
 * words of several parts. */
static size_t question_split(struct text_part line, struct text_part words[5]) {
    char separator;
    size_t n = text_columns(line, 4, words, 5, &separator);
    for (size_t i = 0; i < n && i < 4; i++)
        if (words[i].length == 0)
            return i;
    return separator == TEXT_BLANKS || n < 4 ? n : 4;
}

static enum status line_read(struct analogies *run, struct text_part line, size_t number,
                             struct error *err) {
    struct text_part words[5];
    struct analogy_report *report = run->report;
    struct question *question = &run->questions[run->n];
    if (line_is_comment(line))
        return STATUS_OK;
    if (line.text[0] == ':') {
        struct text_part name = text_trim((struct text_part){line.text + 1, line.length - 1});
        return section_add(report, name.text, name.length, err);
    }
    size_t n = question_split(line, words);
    if (n != 4) {
        status_ignore(error_set(&run->unread, STATUS_MALFORMED,
                                "line %zu: a question is 4 words, not %s%zu", number,
                                n == 5 ? "at least " : "", n)); /* told when nothing is read */
        text_note_unread(&report->notes, number);
        return STATUS_OK;
    }
    if (report->n_sections == 0)
        return error_set(err, STATUS_MALFORMED,
                         "line %zu: a question before the first section (': name')", number);
    question->section = report->n_sections - 1;
    run->read++;
    bool known = true;
    for (size_t i = 0; i < 4; i++) {
        enum status status =
            text_find_word(run->model->vocabulary, words[i], run->among, run->word_case,
                           &report->notes, &question->words[i], err);
        if (status != STATUS_OK)
            return status;
        known = known && question->words[i] != WORD_NONE;
    }
    if (!known) {
        report->sections[question->section].skipped++;
        report->skipped++;
        return STATUS_OK;
    }
    return ++run->n == BATCH ? batch_run(run, err) : STATUS_OK;
}

static enum status analogies_init(struct analogies *run, struct error *err) {
    size_t width = run->method == ANALOGY_MUL ? 3 : 1;
    run->questions = calloc(BATCH, sizeof *run->questions);
    run->vectors = calloc(BATCH * width, run->model->input->columns * sizeof *run->vectors);
    run->excluded = calloc((size_t)BATCH * 3, sizeof *run->excluded);
    run->starts = calloc(BATCH + 1, sizeof *run->starts);
    run->best = calloc(BATCH, sizeof *run->best);
    run->found = calloc(BATCH, sizeof *run->found);
    if (!run->questions || !run->vectors || !run->excluded || !run->starts || !run->best ||
        !run->found)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for a batch of %d questions",
                         BATCH);
    for (size_t i = 0; i <= BATCH; i++)
        run->starts[i] = 3 * i;
    return STATUS_OK;
}

enum status evaluate_analogies(const struct model *model, const char *text, size_t length,
                               uint32_t among, enum analogy_method method, enum word_case word_case,
                               int threads, const struct stop *stop, struct analogy_report *report,
                               struct error *err) {
    struct analogies run = {.model = model,
                            .report = report,
                            .among = among,
                            .method = method,
                            .word_case = word_case,
                            .threads = threads,
                            .stop = stop};
    struct text_part rest = text_begin(text, length), line;
    *report = (struct analogy_report){0};
    enum status status = analogies_init(&run, err);
    for (size_t number = 1; status == STATUS_OK && text_line(&rest, &line); number++) {
        status = line_read(&run, line, number, err);
        if (status == STATUS_OK && number % STOP_LINES == 0)
            status = stop_check(stop, "the evaluation", err);
    }
    if (status == STATUS_OK && run.n > 0)
        status = batch_run(&run, err);
    if (status == STATUS_OK && run.read == 0 && report->notes.unread > 0)
        status = error_set(err, run.unread.status, "%s", run.unread.text);
    free(run.questions);
    free(run.vectors);
    free(run.excluded);
    free(run.starts);
    free(run.best);
    free(run.found);
    if (status != STATUS_OK)
        analogy_report_clear(report);
    return status;
}

void analogy_report_clear(struct analogy_report *report) {
    for (size_t i = 0; i < report->n_sections; i++)
        free(report->sections[i].name);
    free(report->sections);
    *report = (struct analogy_report){0};
}
