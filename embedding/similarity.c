/* Agreement of the model's cosines with people's scores of word pairs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "embedding/evaluate_text.h"
#include "embedding/vocabulary.h"

#define MAX_COLUMNS 16
#define LONGEST_NUMBER 63

/* Scored pairs of a file whose words are in the model. */
struct pairs {
    double *human, *cosine;
    size_t n, human_room, cosine_room;
    size_t column; /* of the score */
};

static bool field_number(struct text_part field, double *value) {
    char text[LONGEST_NUMBER + 1];
    if (field.length > LONGEST_NUMBER || memchr(field.text, '\0', field.length))
        return false;
    memcpy(text, field.text, field.length);
    text[field.length] = '\0';
    return number_parse_real(text, value);
}

static size_t line_split(struct text_part line, struct text_part fields[MAX_COLUMNS]) {
    if (memchr(line.text, '\t', line.length))
        return text_split(line, '\t', fields, MAX_COLUMNS);
    if (memchr(line.text, ',', line.length))
        return text_split(line, ',', fields, MAX_COLUMNS);
    return text_split(line, TEXT_BLANKS, fields, MAX_COLUMNS);
}

static enum status pairs_add(struct pairs *pairs, double human, double cosine, struct error *err) {
    size_t n = pairs->n + 1;
    double *humans = array_grow(pairs->human, &pairs->human_room, n, sizeof *humans);
    if (humans)
        pairs->human = humans;
    double *cosines = array_grow(pairs->cosine, &pairs->cosine_room, n, sizeof *cosines);
    if (cosines)
        pairs->cosine = cosines;
    if (!humans || !cosines)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for %zu pairs", n);
    pairs->human[pairs->n] = human;
    pairs->cosine[pairs->n++] = cosine;
    return STATUS_OK;
}

/* A first line whose last field is no number names the columns. */
static bool columns_read(struct pairs *pairs, const struct text_part *fields, size_t n) {
    double value;
    if (field_number(fields[n - 1], &value))
        return false;
    for (size_t i = 2; i < n; i++)
        if (fields[i].length == strlen("SimLex999") &&
            memcmp(fields[i].text, "SimLex999", fields[i].length) == 0)
            pairs->column = i;
    return true;
}

static enum status pair_read(struct pairs *pairs, const struct model *model,
                             const struct text_part *fields, size_t n, size_t number,
                             struct similarity_report *report, struct error *err) {
    double human;
    if (n <= pairs->column)
        return error_set(err, STATUS_MALFORMED,
                         "line %zu: two words and a score are %zu fields, not %zu", number,
                         pairs->column + 1, n);
    if (fields[0].length == 0 || fields[1].length == 0)
        return error_set(err, STATUS_MALFORMED, "line %zu: a word is missing", number);
    struct text_part score = fields[pairs->column];
    if (!field_number(score, &human)) {
        char quoted[WORD_QUOTE_SIZE];
        word_quote(score.text, score.length, quoted);
        return error_set(err, STATUS_MALFORMED, "line %zu: the score '%s' is not a number", number,
                         quoted);
    }
    report->pairs++;
    uint32_t a = text_find_word(model->vocabulary, fields[0], 0),
             b = text_find_word(model->vocabulary, fields[1], 0);
    /* A zero vector has no cosine, so its word is as good as missing. */
    if (a == WORD_NONE || b == WORD_NONE || model->norms[a] <= 0 || model->norms[b] <= 0)
        return STATUS_OK;
    report->found++;
    return pairs_add(pairs, human, search_similarity(model, a, b), err);
}

static double correlation(const double *x, const double *y, size_t n) {
    double mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        mean_x += x[i] / (double)n;
        mean_y += y[i] / (double)n;
    }
    bool constant_x = true, constant_y = true;
    for (size_t i = 0; i < n; i++) {
        double dx = x[i] - mean_x, dy = y[i] - mean_y;
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
        constant_x = constant_x && x[i] == x[0];
        constant_y = constant_y && y[i] == y[0];
    }
    if (n < 2 || constant_x || constant_y)
        return NAN;
    return fmax(-1, fmin(1, xy / (sqrt(xx) * sqrt(yy))));
}

struct ranked {
    double value;
    size_t at;
};

static int ranked_compare(const void *left, const void *right) {
    const struct ranked *a = left, *b = right;
    return (a->value > b->value) - (a->value < b->value);
}

/* Replaces values by their ranks; equal values share the average of theirs. */
static void ranks_take(double *values, size_t n, struct ranked *scratch) {
    for (size_t i = 0; i < n; i++)
        scratch[i] = (struct ranked){values[i], i};
    qsort(scratch, n, sizeof scratch[0], ranked_compare);
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && scratch[end].value == scratch[begin].value;)
            end++;
        for (size_t i = begin; i < end; i++)
            values[scratch[i].at] = (double)(begin + end + 1) / 2;
    }
}

static enum status pairs_correlate(struct pairs *pairs, struct similarity_report *report,
                                   struct error *err) {
    report->pearson = correlation(pairs->human, pairs->cosine, pairs->n);
    struct ranked *scratch = calloc(pairs->n + 1, sizeof *scratch);
    if (!scratch)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory to rank %zu pairs", pairs->n);
    ranks_take(pairs->human, pairs->n, scratch);
    ranks_take(pairs->cosine, pairs->n, scratch);
    free(scratch);
    report->spearman = correlation(pairs->human, pairs->cosine, pairs->n);
    return STATUS_OK;
}

enum status evaluate_similarity(const struct model *model, const char *text, size_t length,
                                struct similarity_report *report, struct error *err) {
    struct text_part rest = text_begin(text, length), line, fields[MAX_COLUMNS];
    struct pairs pairs = {.column = 2};
    enum status status = STATUS_OK;
    bool first = true;
    *report = (struct similarity_report){.pearson = NAN, .spearman = NAN};
    for (size_t number = 1; status == STATUS_OK && text_line(&rest, &line); number++) {
        if (line.length == 0 || line.text[0] == '#')
            continue;
        size_t n = line_split(line, fields);
        bool header = first && columns_read(&pairs, fields, n);
        first = false;
        if (!header)
            status = pair_read(&pairs, model, fields, n, number, report, err);
    }
    if (status == STATUS_OK)
        status = pairs_correlate(&pairs, report, err);
    free(pairs.human);
    free(pairs.cosine);
    return status;
}
