#include "server/corpora/corpora_report.h"

#include <stdio.h>
#include <string.h>

#include "server/json/settings_json.h"

/* One row per member of struct corpus_report that is a count. */
#define REPORT_COUNTS(ROW) \
    ROW(bytes)             \
    ROW(lines)             \
    ROW(empty_lines)       \
    ROW(sentences)         \
    ROW(words)             \
    ROW(distinct)          \
    ROW(vocabulary)        \
    ROW(kept_words)        \
    ROW(rare_words)        \
    ROW(pruned_words)      \
    ROW(invalid_utf8)      \
    ROW(longest_line)      \
    ROW(longest_word)

static json_t *choices_json(const struct corpus_choices *choices) {
    json_t *list = json_array();
    for (uint64_t i = 0; i < choices->n; i++) {
        const struct corpus_choice *choice = &choices->rows[i];
        json_array_append_new(list,
                              choice_json(choice->setting, strlen(choice->setting), choice->value,
                                          strlen(choice->value), choice->why, strlen(choice->why)));
    }
    return list;
}

/* False: the row cannot be read, and is left out. */
static bool choice_read(const json_t *from, struct corpus_choice *choice) {
    const char *setting = json_string_value(json_object_get(from, "setting"));
    const char *value = json_string_value(json_object_get(from, "value"));
    const char *why = json_string_value(json_object_get(from, "detail"));
    if (!setting || !value || !why)
        return false;
    snprintf(choice->setting, sizeof choice->setting, "%s", setting);
    snprintf(choice->value, sizeof choice->value, "%s", value);
    snprintf(choice->why, sizeof choice->why, "%s", why);
    return true;
}

static void choices_read(const json_t *list, struct corpus_choices *choices) {
    for (size_t i = 0; i < json_array_size(list) && choices->n < CORPUS_CHOICES; i++)
        choices->n += choice_read(json_array_get(list, i), &choices->rows[choices->n]);
}

json_t *corpus_report_json(const struct corpus_report *report) {
    json_t *document = json_object();
    int failed = !document;
#define REPORT_PUT(name) \
    failed |= json_object_set_new(document, #name, json_integer((json_int_t)report->name)) != 0;
    REPORT_COUNTS(REPORT_PUT)
#undef REPORT_PUT
    failed |= json_object_set_new(document, "seconds", json_real(report->seconds)) != 0;
    bool known = report->sample_share > 0; /* once a training has counted */
    failed |= json_object_set_new(document, "sample",
                                  known ? json_real(report->sample) : json_null()) != 0;
    failed |= json_object_set_new(document, "sample_share",
                                  known ? json_real(report->sample_share) : json_null()) != 0;
    failed |=
        json_object_set_new(document, "evenness",
                            report->evenness > 0 ? json_real(report->evenness) : json_null()) != 0;
    failed |= json_object_set_new(document, "choices", choices_json(&report->choices)) != 0;
    if (!failed)
        return document;
    json_decref(document);
    return NULL;
}

void corpus_report_read(const json_t *document, struct corpus_report *report) {
    *report = (struct corpus_report){0};
#define REPORT_GET(name) \
    report->name = (uint64_t)json_integer_value(json_object_get(document, #name));
    REPORT_COUNTS(REPORT_GET)
#undef REPORT_GET
    report->seconds = json_number_value(json_object_get(document, "seconds"));
    report->sample = json_number_value(json_object_get(document, "sample"));
    report->sample_share = json_number_value(json_object_get(document, "sample_share"));
    report->evenness = json_number_value(json_object_get(document, "evenness"));
    choices_read(json_object_get(document, "choices"), &report->choices);
}
