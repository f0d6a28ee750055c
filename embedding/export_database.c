/* Lines that vector databases load. docs/formats.md has the tables and calls that take them. */
#include <string.h>

#include "base/number.h"
#include "embedding/export_formats.h"
#include "embedding/export_json.h"

/* "[1,-0.5]": a vector of JSON, and of pgvector. */
static void vector_print(struct export_job *job, uint32_t id) {
    const float *values = export_values(job, id, NULL);
    char text[NUMBER_FLOAT_SIZE];
    buffer_append_char(&job->text, '[');
    for (uint32_t i = 0; i < job->dim; i++) {
        if (i > 0)
            buffer_append_char(&job->text, ',');
        buffer_append(&job->text, text, number_format_float(values[i], text));
    }
    buffer_append_char(&job->text, ']');
}

/* PostgreSQL's rules of COPY's text format: what ends a column or a row, and the backslash. */
static void copy_escape(struct buffer *text, const struct buffer *word) {
    static const char from[] = "\b\f\n\r\t\v\\", to[] = "bfnrtv\\";
    for (size_t i = 0; i < word->length; i++) {
        const char *found = strchr(from, word->data[i]); /* no word holds NUL here */
        if (found)
            buffer_append_char(text, '\\');
        buffer_append_char(text, found ? to[found - from] : word->data[i]);
    }
}

static void pgvector_line(struct export_job *job, uint32_t id, const struct buffer *word) {
    buffer_print(&job->text, "%u\t", id);
    copy_escape(&job->text, word);
    buffer_print(&job->text, "\t%llu\t",
                 (unsigned long long)vocabulary_count(job->model->vocabulary, id));
    vector_print(job, id);
    buffer_append_char(&job->text, '\n');
}

static void word_members(struct export_job *job, uint32_t id, const struct buffer *word) {
    buffer_append_text(&job->text, "\"word\":");
    export_json_string(&job->text, word->data, word->length);
    buffer_print(&job->text, ",\"count\":%llu",
                 (unsigned long long)vocabulary_count(job->model->vocabulary, id));
}

/* A point of Qdrant, as an element of `points`. */
static void qdrant_line(struct export_job *job, uint32_t id, const struct buffer *word) {
    buffer_print(&job->text, "{\"id\":%u,\"payload\":{", id);
    word_members(job, id, word);
    buffer_append_text(&job->text, "},\"vector\":");
    vector_print(job, id);
    buffer_append_text(&job->text, "}\n");
}

/* Elasticsearch's and OpenSearch's _bulk: what is done, and the document. */
static void elasticsearch_line(struct export_job *job, uint32_t id, const struct buffer *word) {
    buffer_print(&job->text, "{\"index\":{\"_id\":\"%u\"}}\n{", id);
    word_members(job, id, word);
    buffer_append_text(&job->text, ",\"vector\":");
    vector_print(job, id);
    buffer_append_text(&job->text, "}\n");
}

static enum status lines_write(struct export_job *job,
                               void (*line)(struct export_job *job, uint32_t id,
                                            const struct buffer *word),
                               struct error *err) {
    struct buffer word = {0};
    enum status status = STATUS_OK;
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        export_text_word(job, id, &word);
        if (!word.failed)
            line(job, id, &word);
        status = export_text_flow(job, false, err);
    }
    buffer_clear(&word);
    return status;
}

enum status export_pgvector(struct export_job *job, struct error *err) {
    return lines_write(job, pgvector_line, err);
}

enum status export_qdrant(struct export_job *job, struct error *err) {
    return lines_write(job, qdrant_line, err);
}

enum status export_elasticsearch(struct export_job *job, struct error *err) {
    return lines_write(job, elasticsearch_line, err);
}
