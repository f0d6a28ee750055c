#include "server/corpora/corpora_report.h"

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
}
