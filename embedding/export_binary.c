#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "embedding/export_formats.h"

/* The formats are little-endian, and so are the machines that vecmill runs on. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "floats are written as they lie in memory");

#define HEADER_SIZE 1024
#define HEADER_ALIGN 64 /* so that a reader may map the numbers as they lie */

enum status export_vectors_binary(struct export_job *job, struct error *err) {
    enum status status = STATUS_OK;
    buffer_print(&job->text, "%u %u\n", job->rows, job->dim);
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        export_word(job, id);
        buffer_append_char(&job->text, ' ');
        buffer_append(&job->text, export_row(job, id), job->dim * sizeof(float));
        buffer_append_char(&job->text, '\n');
        status = export_text_flow(job, false, err);
    }
    return status;
}

enum status export_matrix(struct export_job *job, struct error *err) {
    enum status status = STATUS_OK;
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        export_append(job, export_values(job, id, NULL));
        status = export_text_flow(job, false, err);
    }
    return status;
}

/* What the rows of int8 were multiplied by is one over these. */
static enum status scales_append(struct export_job *job, struct error *err) {
    enum status status = STATUS_OK;
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        float scale;
        (void)export_values(job, id, &scale);
        buffer_append(&job->text, &scale, sizeof scale);
        status = export_text_flow(job, false, err);
    }
    return status;
}

/* Columns [first, first + n) of all rows of the output table. */
static enum status columns_append(struct export_job *job, uint32_t first, uint32_t n,
                                  struct error *err) {
    const struct table *table = job->model->output;
    enum status status = STATUS_OK;
    for (uint32_t id = 0; status == STATUS_OK && id < job->rows; id++) {
        buffer_append(&job->text, table_row(table, id) + first, n * sizeof(float));
        status = export_text_flow(job, false, err);
    }
    return status;
}

/* NumPy's format, version 1.0: magic, length, a Python dictionary padded with spaces. */
enum status export_npy(struct export_job *job, struct error *err) {
    static const char *const types[] = {
        [VECTOR_FLOAT32] = "<f4", [VECTOR_FLOAT16] = "<f2", [VECTOR_INT8] = "|i1"};
    char header[HEADER_SIZE];
    int length = snprintf(header, sizeof header,
                          "{'descr': '%s', 'fortran_order': False, 'shape': (%u, %u), }",
                          types[job->type], job->rows, job->dim);
    size_t all = 10 + (size_t)length + 1; /* magic and length, dictionary, newline */
    size_t padding = (HEADER_ALIGN - all % HEADER_ALIGN) % HEADER_ALIGN;
    size_t size = (size_t)length + padding + 1;
    const unsigned char start[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)size, (unsigned char)(size >> 8)};
    buffer_append(&job->text, start, sizeof start);
    buffer_append(&job->text, header, (size_t)length);
    while (padding-- > 0)
        buffer_append_char(&job->text, ' ');
    buffer_append_char(&job->text, '\n');
    return export_matrix(job, err);
}

void export_tensors_begin(struct export_job *job) {
    buffer_append(&job->text, "\0\0\0\0\0\0\0\0", 8);
    buffer_print(&job->text, "{\"__metadata__\":{\"format\":\"pt\",\"vecmill\":\"%s\"}",
                 VECMILL_VERSION);
}

void export_tensor(struct export_job *job, const char *name, enum vector_type type, uint64_t rows,
                   uint64_t columns, uint64_t *at) {
    static const char *const types[] = {
        [VECTOR_FLOAT32] = "F32", [VECTOR_FLOAT16] = "F16", [VECTOR_INT8] = "I8"};
    uint64_t end = *at + rows * (columns == 0 ? 1 : columns) * vector_type_size(type);
    buffer_print(&job->text, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%" PRIu64, name, types[type],
                 rows);
    if (columns > 0)
        buffer_print(&job->text, ",%" PRIu64, columns);
    buffer_print(&job->text, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", *at, end);
    *at = end;
}

void export_tensors_end(struct export_job *job) {
    struct buffer *text = &job->text;
    buffer_append_char(text, '}');
    while (text->length % HEADER_ALIGN != 0 && !text->failed)
        buffer_append_char(text, ' ');
    if (text->failed)
        return;
    uint64_t length = text->length - 8;
    memcpy(text->data, &length, sizeof length);
}

/* safetensors: length of the header, a JSON header with the place of every tensor, the tensors. */
enum status export_safetensors(struct export_job *job, struct error *err) {
    bool output = job->model->output && job->type == VECTOR_FLOAT32;
    uint64_t at = 0;
    export_tensors_begin(job);
    export_tensor(job, "embeddings", job->type, job->rows, job->dim, &at);
    if (job->type == VECTOR_INT8)
        export_tensor(job, "scales", VECTOR_FLOAT32, job->rows, 1, &at);
    if (output) {
        export_tensor(job, "output", VECTOR_FLOAT32, job->rows, job->dim, &at);
        export_tensor(job, "bias", VECTOR_FLOAT32, job->rows, 0, &at);
    }
    export_tensors_end(job);
    enum status status = export_matrix(job, err);
    if (status == STATUS_OK && job->type == VECTOR_INT8)
        status = scales_append(job, err);
    if (status == STATUS_OK && output)
        status = columns_append(job, 0, job->dim, err);
    if (status == STATUS_OK && output)
        status = columns_append(job, job->dim, 1, err);
    return status;
}
