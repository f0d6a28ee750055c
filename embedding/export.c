/* The table of formats, and one export from start to end. */
#include <stdlib.h>
#include <string.h>

#include "embedding/export_formats.h"

struct export_format {
    enum status (*write)(struct export_job *job, struct error *err);
    bool gzip;
};
/* One row per format: its name, its writer, whether it goes through gzip. */
#define FORMAT_ROWS(ROW)                                \
    ROW("vectors.txt", export_vectors_text, false)      \
    ROW("vectors.bin", export_vectors_binary, false)    \
    ROW("vectors.txt.gz", export_vectors_text, true)    \
    ROW("vectors.bin.gz", export_vectors_binary, true)  \
    ROW("vectors.npy", export_npy, false)               \
    ROW("model.safetensors", export_safetensors, false) \
    ROW("vocab.tsv", export_vocabulary, false)          \
    ROW("tensors.tsv", export_tensors, false)           \
    ROW("metadata.tsv", export_metadata, false)         \
    ROW("projector_config.pbtxt", export_projector, false)
#define FORMAT_NAME(name, write, gzip) name,
#define FORMAT_ENTRY(name, write, gzip) {write, gzip},
#define FORMAT_LISTED(name, write, gzip) " " name
static const char *const format_names[] = {FORMAT_ROWS(FORMAT_NAME)};
static const struct export_format formats[] = {FORMAT_ROWS(FORMAT_ENTRY)};
static const char format_list[] = FORMAT_ROWS(FORMAT_LISTED);

size_t export_formats(const char *const **names) {
    *names = format_names;
    return sizeof format_names / sizeof format_names[0];
}

uint64_t export_changed_words(const struct model *model, const char *format) {
    if (strncmp(format, "vectors.txt", 11) == 0 || strncmp(format, "vectors.bin", 11) == 0)
        return model->blank_words;
    if (strcmp(format, "vocab.tsv") == 0)
        return model->escaped_words;
    return strcmp(format, "metadata.tsv") == 0 ? model->relabelled_words : 0;
}

static enum status job_init(struct export_job *job, struct error *err) {
    const struct table *table = job->model->input;
    size_t columns = table->columns;
    job->row = calloc(columns + 1, sizeof *job->row);
    if (job->options.subtract_mean)
        job->mean = calloc(columns + 1, sizeof *job->mean);
    if (!job->row || (job->options.subtract_mean && !job->mean))
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for a row of %zu values",
                         columns);
    for (uint32_t id = 0; job->mean && id < table->rows; id++) {
        const float *row = table_row(table, id);
        for (size_t i = 0; i < table->columns; i++)
            job->mean[i] += row[i] / (double)table->rows;
    }
    return STATUS_OK;
}

enum status export_write(const struct model *model, const char *format,
                         const struct export_options *options, const char *path, uint64_t *altered,
                         struct error *err) {
    struct export_job job = {.model = model};
    size_t which = 0, n = sizeof formats / sizeof formats[0];
    if (options)
        job.options = *options;
    while (which < n && strcmp(format, format_names[which]) != 0)
        which++;
    if (which == n)
        return error_set(err, STATUS_NOT_FOUND, "no format '%s'; there are%s", format, format_list);
    enum status status = job_init(&job, err);
    if (status == STATUS_OK)
        status = export_sink_create(&job.sink, path, formats[which].gzip, err);
    if (status == STATUS_OK)
        status = formats[which].write(&job, err);
    if (status == STATUS_OK)
        status = export_text_flow(&job, true, err);
    if (status == STATUS_OK)
        status = export_sink_commit(job.sink, err);
    else
        export_sink_abort(job.sink);
    if (status == STATUS_OK && altered)
        *altered = job.altered;
    buffer_clear(&job.text);
    free(job.taken);
    free(job.mean);
    free(job.row);
    return status;
}
