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
    const struct table *table = job->model->input;
    enum status status = STATUS_OK;
    buffer_print(&job->text, "%u %u\n", table->rows, table->columns);
    for (uint32_t id = 0; status == STATUS_OK && id < table->rows; id++) {
        export_word(job, id);
        buffer_append_char(&job->text, ' ');
        buffer_append(&job->text, export_row(job, id), table->columns * sizeof(float));
        buffer_append_char(&job->text, '\n');
        status = export_text_flow(job, false, err);
    }
    return status;
}

/* All rows of the embeddings, one after the other. */
static enum status matrix_append(struct export_job *job, struct error *err) {
    const struct table *table = job->model->input;
    enum status status = STATUS_OK;
    for (uint32_t id = 0; status == STATUS_OK && id < table->rows; id++) {
        buffer_append(&job->text, export_row(job, id), table->columns * sizeof(float));
        status = export_text_flow(job, false, err);
    }
    return status;
}

/* Columns [first, first + n) of all rows of the output table. */
static enum status columns_append(struct export_job *job, uint32_t first, uint32_t n,
                                  struct error *err) {
    const struct table *table = job->model->output;
    enum status status = STATUS_OK;
    for (uint32_t id = 0; status == STATUS_OK && id < table->rows; id++) {
        buffer_append(&job->text, table_row(table, id) + first, n * sizeof(float));
        status = export_text_flow(job, false, err);
    }
    return status;
}

/* NumPy's format, version 1.0: magic, length, a Python dictionary padded with spaces. */
enum status export_npy(struct export_job *job, struct error *err) {
    const struct table *table = job->model->input;
    char header[HEADER_SIZE];
    int length = snprintf(header, sizeof header,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%u, %u), }",
                          table->rows, table->columns);
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
    return matrix_append(job, err);
}

/* safetensors: length of the header, a JSON header with the place of every tensor, the tensors. */
enum status export_safetensors(struct export_job *job, struct error *err) {
    const struct table *input = job->model->input, *output = job->model->output;
    uint64_t rows = input->rows, columns = input->columns, at = rows * columns * sizeof(float);
    struct buffer *text = &job->text;
    buffer_append(text, "\0\0\0\0\0\0\0\0", 8);
    buffer_print(text, "{\"__metadata__\":{\"format\":\"pt\",\"vecmill\":\"%s\"}", VECMILL_VERSION);
    buffer_print(text,
                 ",\"embeddings\":{\"dtype\":\"F32\",\"shape\":[%" PRIu64 ",%" PRIu64
                 "],\"data_offsets\":[0,%" PRIu64 "]}",
                 rows, columns, at);
    if (output) {
        uint64_t end = at + rows * columns * sizeof(float);
        buffer_print(text,
                     ",\"output\":{\"dtype\":\"F32\",\"shape\":[%" PRIu64 ",%" PRIu64
                     "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
                     rows, columns, at, end);
        buffer_print(text,
                     ",\"bias\":{\"dtype\":\"F32\",\"shape\":[%" PRIu64
                     "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
                     rows, end, end + rows * sizeof(float));
    }
    buffer_append_char(text, '}');
    while (text->length % HEADER_ALIGN != 0 && !text->failed)
        buffer_append_char(text, ' ');
    if (text->failed)
        return export_text_flow(job, true, err);
    uint64_t length = text->length - 8;
    memcpy(text->data, &length, sizeof length);
    enum status status = matrix_append(job, err);
    if (status == STATUS_OK && output)
        status = columns_append(job, 0, input->columns, err);
    if (status == STATUS_OK && output)
        status = columns_append(job, input->columns, 1, err);
    return status;
}
