#include "base/number.h"
#include "embedding/export_formats.h"
#include "embedding/word_shape.h"

static void row_print(struct export_job *job, uint32_t id, char separator, bool leading) {
    const float *row = export_row(job, id);
    char text[NUMBER_FLOAT_SIZE];
    for (uint32_t i = 0; i < job->dim; i++) {
        if (i > 0 || leading)
            buffer_append_char(&job->text, separator);
        buffer_append(&job->text, text, number_format_float(row[i], text));
    }
    buffer_append_char(&job->text, '\n');
}

enum status export_vectors_text(struct export_job *job, struct error *err) {
    enum status status = STATUS_OK;
    buffer_print(&job->text, "%u %u\n", job->rows, job->dim);
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        export_word(job, id);
        row_print(job, id, ' ', true);
        status = export_text_flow(job, false, err);
    }
    return status;
}

enum status export_vocabulary(struct export_job *job, struct error *err) {
    enum status status = STATUS_OK;
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        unsigned long long count = vocabulary_count(job->model->vocabulary, id);
        export_field(job, id, false);
        buffer_print(&job->text, "\t%llu\n", count);
        status = export_text_flow(job, false, err);
    }
    return status;
}

/* TensorBoard's server reads every field as a number: no labels, no header. */
enum status export_tensors(struct export_job *job, struct error *err) {
    enum status status = STATUS_OK;
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        row_print(job, id, '\t', false);
        status = export_text_flow(job, false, err);
    }
    return status;
}

/* A label is valid UTF-8 on a line of its own. A single column has no header line. */
enum status export_metadata(struct export_job *job, struct error *err) {
    enum status status = STATUS_OK;
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        size_t length;
        const char *word = vocabulary_word(job->model->vocabulary, id, &length);
        if (word_is_blank(word, length)) {
            buffer_append_char(&job->text, '_');
            job->altered++;
        } else {
            export_field(job, id, true);
        }
        buffer_append_char(&job->text, '\n');
        status = export_text_flow(job, false, err);
    }
    return status;
}

/* Names without a folder: TensorBoard refuses whatever lies outside the folder of this file. */
enum status export_projector(struct export_job *job, struct error *err) {
    const char *name = job->model->info.name[0] == '\0' ? "embeddings" : job->model->info.name;
    buffer_append_text(&job->text, "embeddings {\n  tensor_name: \"");
    for (const char *at = name; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte < 0x20 || byte >= 0x7f)
            buffer_print(&job->text, "\\%03o", byte);
        else if (byte == '"' || byte == '\\')
            buffer_print(&job->text, "\\%c", byte);
        else
            buffer_append_char(&job->text, *at);
    }
    buffer_print(&job->text, "\"\n  tensor_shape: %u\n  tensor_shape: %u\n", job->rows, job->dim);
    buffer_append_text(&job->text,
                       "  tensor_path: \"tensors.tsv\"\n  metadata_path: \"metadata.tsv\"\n}\n");
    return export_text_flow(job, true, err);
}
