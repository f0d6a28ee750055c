/* Agreement of the model's cosines with people's scores of word pairs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/digest.h"
#include "base/number.h"
#include "embedding/evaluate_text.h"
#include "embedding/vocabulary.h"

#define MAX_COLUMNS 16
#define STOP_LINES 1024 /* read between two looks at whether to stop */
#define LONGEST_NUMBER 63

/* Scored pairs of a file whose words are in the model. */
struct pairs {
    double *human, *cosine;
    size_t n, human_room, cosine_room;
    uint64_t *sums; /* of every pair read, to find those that stand twice */
    size_t n_sums, sums_room;
    size_t column;    /* of the score */
    size_t header;    /* number of the line that names the columns; 0: none does */
    struct error bad; /* what was wrong with the first line that is no pair */
};

/* With `comma`, a decimal comma is read as a point. */
static bool field_number(struct text_part field, bool comma, double *value) {
    char text[LONGEST_NUMBER + 1];
    if (field.length > LONGEST_NUMBER || memchr(field.text, '\0', field.length))
        return false;
    memcpy(text, field.text, field.length);
    text[field.length] = '\0';
    char *at = strchr(text, ',');
    if (comma && at && !strchr(text, '.'))
        *at = '.';
    return number_parse_real(text, value);
}

/* The next line that is no comment, split; 0 at the end. */
static size_t next_fields(struct text_part *rest, size_t *number,
                          struct text_part fields[MAX_COLUMNS], bool *comma) {
    struct text_part line;
    char separator;
    while (text_line(rest, &line)) {
        ++*number;
        if (line.length == 0 || line.text[0] == '#')
            continue;
        size_t n = text_columns(line, 3, fields, MAX_COLUMNS, &separator);
        *comma = separator != ',';
        return n;
    }
    return 0;
}

static bool field_is(struct text_part field, const char *text) {
    return field.length == strlen(text) && memcmp(field.text, text, field.length) == 0;
}

/* Which column holds the scores, and whether the first line names the columns: told by where the
 * lines hold numbers. */
static void columns_find(struct pairs *pairs, struct text_part rest) {
    struct text_part fields[MAX_COLUMNS];
    uint64_t numbers[MAX_COLUMNS] = {0}, lines = 0; /* in the lines behind the first */
    size_t number = 0, n, first = 0, first_n, named = 0;
    bool comma, first_numbers[MAX_COLUMNS] = {false};
    double value;
    if ((n = next_fields(&rest, &number, fields, &comma)) > 0)
        first = number;
    first_n = n;
    for (size_t i = 2; i < n; i++) {
        first_numbers[i] = field_number(fields[i], comma, &value);
        named = field_is(fields[i], "SimLex999") ? i : named;
    }
    for (; n > 0 && (n = next_fields(&rest, &number, fields, &comma)) > 0; lines++)
        for (size_t i = 2; i < n; i++)
            numbers[i] += field_number(fields[i], comma, &value);
    pairs->column = 2;
    for (size_t i = MAX_COLUMNS - 1; i >= 2; i--)
        if (lines == 0 ? first_numbers[i] : 2 * numbers[i] > lines)
            pairs->column = i;
    if (named > 0)
        pairs->column = named;
    if (named > 0 ||
        (first_n > pairs->column && !first_numbers[pairs->column] && numbers[pairs->column] > 0))
        pairs->header = first;
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

/* Equal for a pair in either order. */
static enum status pairs_note(struct pairs *pairs, const struct text_part *fields,
                              struct error *err) {
    uint64_t *sums = array_grow(pairs->sums, &pairs->sums_room, pairs->n_sums + 1, sizeof *sums);
    if (!sums)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for %zu pairs",
                         pairs->n_sums + 1);
    uint64_t both[2] = {checksum(fields[0].text, fields[0].length),
                        checksum(fields[1].text, fields[1].length)};
    if (both[0] > both[1]) {
        uint64_t other = both[0];
        both[0] = both[1];
        both[1] = other;
    }
    pairs->sums = sums;
    sums[pairs->n_sums++] = checksum(both, sizeof both);
    return STATUS_OK;
}

/* Why a line is no pair; false: it is one, with that score. */
static bool pair_is_bad(const struct pairs *pairs, const struct text_part *fields, size_t n,
                        size_t number, bool comma, double *human, struct error *why) {
    if (n <= pairs->column) {
        status_ignore(error_set(why, STATUS_MALFORMED,
                                "line %zu: two words and a score are %zu fields, not %zu", number,
                                pairs->column + 1, n)); /* told when no line is a pair */
        return true;
    }
    if (fields[0].length == 0 || fields[1].length == 0) {
        status_ignore(
            error_set(why, STATUS_MALFORMED, "line %zu: a word is missing", number)); /* as above */
        return true;
    }
    struct text_part score = fields[pairs->column];
    if (field_number(score, comma, human))
        return false;
    char quoted[WORD_QUOTE_SIZE];
    word_quote(score.text, score.length, quoted);
    status_ignore(error_set(why, STATUS_MALFORMED, "line %zu: the score '%s' is not a number",
                            number, quoted)); /* as above */
    return true;
}

static enum status pair_take(struct pairs *pairs, const struct model *model,
                             enum word_case word_case, const struct text_part *fields, double human,
                             struct similarity_report *report, struct error *err) {
    uint32_t ids[2] = {WORD_NONE, WORD_NONE};
    report->pairs++;
    enum status status = pairs_note(pairs, fields, err);
    for (unsigned side = 0; status == STATUS_OK && side < 2; side++)
        status = text_find_word(model->vocabulary, fields[side], 0, word_case, &report->notes,
                                &ids[side], err);
    /* A zero vector has no cosine, so its word is as good as missing. */
    if (status != STATUS_OK || ids[0] == WORD_NONE || ids[1] == WORD_NONE ||
        model->norms[ids[0]] <= 0 || model->norms[ids[1]] <= 0)
        return status;
    report->found++;
    return pairs_add(pairs, human, search_similarity(model, ids[0], ids[1]), err);
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

static int sums_compare(const void *left, const void *right) {
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static uint64_t pairs_duplicates(struct pairs *pairs) {
    uint64_t duplicates = 0;
    if (pairs->n_sums > 1)
        qsort(pairs->sums, pairs->n_sums, sizeof *pairs->sums, sums_compare);
    for (size_t i = 1; i < pairs->n_sums; i++)
        duplicates += pairs->sums[i] == pairs->sums[i - 1];
    return duplicates;
}

enum status evaluate_similarity(const struct model *model, const char *text, size_t length,
                                enum word_case word_case, const struct stop *stop,
                                struct similarity_report *report, struct error *err) {
    struct text_part rest = text_begin(text, length), fields[MAX_COLUMNS];
    struct pairs pairs = {.column = 2};
    enum status status = STATUS_OK;
    size_t number = 0, taken = 0, n;
    bool comma;
    *report = (struct similarity_report){.pearson = NAN, .spearman = NAN};
    columns_find(&pairs, rest);
    while (status == STATUS_OK && (n = next_fields(&rest, &number, fields, &comma)) > 0) {
        double human;
        if (++taken % STOP_LINES == 0)
            status = stop_check(stop, "the evaluation", err);
        if (status != STATUS_OK || number == pairs.header)
            continue;
        if (pair_is_bad(&pairs, fields, n, number, comma, &human, &pairs.bad))
            text_note_unread(&report->notes, number);
        else
            status = pair_take(&pairs, model, word_case, fields, human, report, err);
    }
    if (status == STATUS_OK && report->pairs == 0 && report->notes.unread > 0)
        status = error_set(err, pairs.bad.status, "%s", pairs.bad.text);
    if (status == STATUS_OK)
        status = pairs_correlate(&pairs, report, err);
    report->column = (unsigned)pairs.column + 1;
    report->header = pairs.header > 0;
    report->duplicates = pairs_duplicates(&pairs);
    free(pairs.human);
    free(pairs.cosine);
    free(pairs.sums);
    return status;
}
