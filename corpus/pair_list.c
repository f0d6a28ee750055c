#include "corpus/pair_list.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "corpus/corpus.h"
#include "corpus/text_lines.h"

#define FIELDS 3
#define SHOWN 40 /* bytes of a field in a message */

struct field {
    const char *text;
    size_t length;
};

/* One reading of a file. */
struct pair_reading {
    struct pair_list *list;
    const struct settings *settings;
    const struct vocabulary *vocabulary;
    uint64_t number; /* of the line */
    size_t room;     /* pairs that the list has room for */
};

/* ---- a line ---------------------------------------------------------------------------------- */

static enum status bad_line(const struct pair_reading *reading, struct error *err,
                            const char *what) {
    return error_set_key(err, STATUS_MALFORMED, "pairs", "line %" PRIu64 " of the pairs %s",
                         reading->number, what);
}

/* Without the white space at both ends. */
static struct field field_trim(const char *at, const char *end) {
    const char *last = at;
    for (size_t n; at < end && (n = utf8_separator(at, end)) > 0;)
        at += n;
    for (const char *to = last = at; to < end;) {
        size_t n = utf8_separator(to, end);
        to += n > 0 ? n : 1;
        last = n > 0 ? last : to;
    }
    return (struct field){at, (size_t)(last - at)};
}

/* The fields of a line, of which the first FIELDS are kept; returns how many there are. */
static unsigned fields_split(const char *at, const char *end, struct field fields[FIELDS]) {
    bool tabs = memchr(at, '\t', (size_t)(end - at)) != NULL;
    unsigned n = 0;
    while (at < end) {
        const char *start = at;
        size_t gap = 0;
        while (at < end && (gap = tabs ? *at == '\t' : utf8_separator(at, end)) == 0)
            at++;
        struct field field = field_trim(start, at);
        if (tabs || field.length > 0) {
            if (n < FIELDS)
                fields[n] = field;
            n++;
        }
        at += gap;
    }
    return n;
}

static enum status weight_read(const struct pair_reading *reading, const struct field *field,
                               double *weight, struct error *err) {
    char text[64], what[160];
    int shown = (int)(field->length < SHOWN ? field->length : SHOWN);
    bool number = field->length < sizeof text;
    if (number) {
        memcpy(text, field->text, field->length);
        text[field->length] = '\0';
        number = number_parse_real(text, weight);
    }
    if (number && *weight >= 0)
        return STATUS_OK;
    snprintf(what, sizeof what, "has the weight '%.*s': it must be %s", shown, field->text,
             number ? "0 or more" : "a finite number");
    return bad_line(reading, err, what);
}

/* The one token of a field; a second one makes it no word. */
struct only_token {
    const struct vocabulary *vocabulary;
    unsigned tokens;
    uint32_t id;
};

static enum status token_visit(void *context, const char *token, size_t length, struct error *err) {
    struct only_token *only = context;
    (void)err;
    only->id = vocabulary_find(only->vocabulary, token, length);
    only->tokens++;
    return STATUS_OK;
}

static enum status word_find(const struct pair_reading *reading, const struct field *field,
                             uint32_t *id, struct error *err) {
    struct only_token only = {.vocabulary = reading->vocabulary};
    *id = vocabulary_find(reading->vocabulary, field->text, field->length);
    if (*id != WORD_NONE)
        return STATUS_OK;
    enum status status =
        corpus_tokenize(reading->settings, field->text, field->length, token_visit, &only, err);
    if (only.tokens == 1)
        *id = only.id;
    return status;
}

static enum status list_add(struct pair_reading *reading, const uint32_t ids[2], double weight,
                            struct error *err) {
    struct pair_list *list = reading->list;
    if (list->n == reading->room) {
        size_t room = reading->room ? reading->room * 2 : 4096;
        uint32_t(*more)[2] = realloc(list->ids, room * sizeof *more);
        list->ids = more ? more : list->ids;
        double *weights = more ? realloc(list->weights, room * sizeof *weights) : NULL;
        list->weights = weights ? weights : list->weights;
        if (!weights)
            return error_set_key(err, STATUS_NO_MEMORY, "pairs", "out of memory for %zu pairs",
                                 room);
        reading->room = room;
    }
    if (list->n == UINT32_MAX)
        return error_set_key(err, STATUS_REFUSED, "pairs", "more than %u pairs", UINT32_MAX);
    memcpy(list->ids[list->n], ids, sizeof *list->ids);
    list->weights[list->n++] = weight;
    list->report.used = list->n;
    return STATUS_OK;
}

static enum status line_take(void *context, uint64_t number, const char *line, size_t length,
                             struct error *err) {
    struct pair_reading *reading = context;
    struct pair_report *report = &reading->list->report;
    struct field fields[FIELDS];
    uint32_t ids[2] = {WORD_NONE, WORD_NONE};
    double weight = 1;
    reading->number = number;
    if (field_trim(line, line + length).length == 0)
        return STATUS_OK;
    unsigned n = fields_split(line, line + length, fields);
    if (n < 2 || n > FIELDS || fields[0].length == 0 || fields[1].length == 0) {
        char what[120];
        snprintf(what, sizeof what,
                 "is no pair: two words and perhaps a weight, with tabs or spaces between, but "
                 "here are %u fields",
                 n);
        return bad_line(reading, err, n >= 2 && n <= FIELDS ? "has an empty word" : what);
    }
    enum status status = n == FIELDS ? weight_read(reading, &fields[2], &weight, err) : STATUS_OK;
    report->pairs++;
    for (int i = 0; i < 2 && status == STATUS_OK; i++)
        status = word_find(reading, &fields[i], &ids[i], err);
    if (status != STATUS_OK)
        return status;
    if (ids[0] == WORD_NONE || ids[1] == WORD_NONE)
        report->unknown++;
    else if (ids[0] == ids[1])
        report->same++;
    else if (weight <= 0)
        report->weightless++;
    else
        status = list_add(reading, ids, weight, err);
    return status;
}

/* ---- a file ---------------------------------------------------------------------------------- */

static enum status usable_check(const struct pair_report *report, const struct settings *settings,
                                struct error *err) {
    if (report->used > 0)
        return STATUS_OK;
    if (report->pairs == 0)
        return error_set_key(err, STATUS_REFUSED, "pairs", "the file of pairs holds no pair");
    return error_set_key(err, STATUS_REFUSED, "pairs",
                         "none of the %" PRIu64 " pairs can be used: %" PRIu64
                         " have a word that is not in the vocabulary (min_count %lld), %" PRIu64
                         " a word with itself, %" PRIu64 " the weight 0",
                         report->pairs, report->unknown, (long long)settings->min_count,
                         report->same, report->weightless);
}

enum status pair_list_read(struct pair_list *list, const struct settings *settings,
                           const char *path, const struct vocabulary *vocabulary,
                           atomic_int *request, struct error *err) {
    struct pair_reading reading = {.list = list, .settings = settings, .vocabulary = vocabulary};
    const struct text_lines lines = {.settings = settings,
                                     .path = path,
                                     .subject = "the file of pairs",
                                     .request = request,
                                     .visit = line_take,
                                     .context = &reading};
    struct error why = {0};
    *list = (struct pair_list){0};
    enum status status = text_lines_read(&lines, &why);
    if (status == STATUS_OK)
        status = usable_check(&list->report, settings, &why);
    if (status == STATUS_OK || status == STATUS_CANCELLED || status == STATUS_PAUSED)
        return status == STATUS_OK ? status : error_set(err, status, "%s", why.text);
    return error_set_key(err, status, "pairs", "pairs: %s", why.text);
}

void pair_list_clear(struct pair_list *list) {
    free(list->ids);
    free(list->weights);
    *list = (struct pair_list){0};
}
