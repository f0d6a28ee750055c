/* Rows and words as every format writes them. */
#include "embedding/export_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/utf8.h"
#include "embedding/half.h"
#include "embedding/vocabulary.h"
#include "embedding/word_shape.h"

#define TEXT_ENOUGH ((size_t)256 * 1024) /* bytes of text that are handed on together */
#define TAKEN_SIZE_MIN 64

enum status export_job_init(struct export_job *job, const struct model *model,
                            const struct export_options *options, enum vector_type type,
                            struct error *err) {
    const struct table *table = model->input;
    size_t columns = table->columns;
    *job = (struct export_job){.model = model, .type = type, .dim = table->columns};
    if (options)
        job->options = *options;
    bool fewer = job->options.limit > 0 && job->options.limit < table->rows;
    job->rows = fewer ? job->options.limit : table->rows;
    job->row = calloc(columns + 1, sizeof *job->row);
    job->values = calloc(columns + 1, sizeof *job->values);
    if (job->options.subtract_mean)
        job->mean = calloc(columns + 1, sizeof *job->mean);
    if (!job->row || !job->values || (job->options.subtract_mean && !job->mean))
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for a row of %zu values",
                         columns);
    for (uint32_t id = 0; job->mean && id < table->rows; id++) {
        const float *row = table_row(table, id);
        for (size_t i = 0; i < table->columns; i++)
            job->mean[i] += row[i] / (double)table->rows;
    }
    return STATUS_OK;
}

void export_job_clear(struct export_job *job) {
    export_sink_abort(job->sink);
    buffer_clear(&job->text);
    free(job->taken);
    free(job->mean);
    free(job->row);
    free(job->values);
}

const float *export_row(struct export_job *job, uint32_t id) {
    const struct table *table = job->model->input;
    const float *row = table_row(table, id);
    double square = 0;
    if (!job->mean && !job->options.normalize)
        return row;
    for (size_t i = 0; i < table->columns; i++) {
        double value = row[i] - (!job->mean ? 0 : job->mean[i]);
        job->row[i] = (float)value;
        square += value * value;
    }
    if (job->options.normalize && square > 0)
        for (size_t i = 0; i < table->columns; i++)
            job->row[i] = (float)((row[i] - (!job->mean ? 0 : job->mean[i])) / sqrt(square));
    return job->row;
}

const float *export_values(struct export_job *job, uint32_t id, float *scale) {
    const float *row = export_row(job, id);
    float unit = 1, largest = 0;
    for (size_t i = 0; i < job->dim; i++)
        largest = fabsf(row[i]) > largest ? fabsf(row[i]) : largest;
    switch (job->type) {
    case VECTOR_INT8:
        unit = largest / INT8_MAX;
        for (size_t i = 0; i < job->dim; i++)
            job->values[i] = unit > 0 ? rintf((float)(row[i] * (double)INT8_MAX / largest)) : 0;
        row = job->values;
        break;
    case VECTOR_FLOAT16:
        for (size_t i = 0; i < job->dim; i++)
            job->values[i] = half_to_float(half_from_float(row[i]));
        if (job->beyond == 0 && !isfinite(half_to_float(half_from_float(largest))))
            job->beyond = id + 1;
        row = job->values;
        break;
    case VECTOR_FLOAT32:
    case VECTOR_TYPES: /* is none */
        break;
    }
    if (scale)
        *scale = unit;
    return row;
}

size_t vector_type_size(enum vector_type type) {
    return type == VECTOR_INT8 ? 1 : type == VECTOR_FLOAT16 ? 2 : sizeof(float);
}

void export_append(struct export_job *job, const float *values) {
    struct buffer *text = &job->text;
    size_t size = vector_type_size(job->type);
    buffer_reserve(text, job->dim * size);
    if (size == sizeof(float))
        buffer_append(text, values, job->dim * size);
    for (size_t i = 0; size == 1 && i < job->dim; i++)
        buffer_append_char(text, (char)(int8_t)values[i]);
    for (size_t i = 0; size == 2 && i < job->dim; i++) {
        uint16_t half = half_from_float(values[i]);
        buffer_append(text, &half, sizeof half);
    }
}

/* The place of a checksum in the table, or the free one where it would stand. */
static size_t taken_place(const uint64_t *taken, size_t size, uint64_t sum) {
    size_t at = (size_t)sum & (size - 1);
    while (taken[at] != 0 && taken[at] != sum)
        at = (at + 1) & (size - 1);
    return at;
}

static bool taken_grow(struct export_job *job) {
    size_t size = job->taken_size == 0 ? TAKEN_SIZE_MIN : 2 * job->taken_size;
    uint64_t *taken = calloc(size, sizeof *taken);
    if (!taken)
        return false;
    for (size_t i = 0; i < job->taken_size; i++)
        if (job->taken[i] != 0)
            taken[taken_place(taken, size, job->taken[i])] = job->taken[i];
    free(job->taken);
    job->taken = taken;
    job->taken_size = size;
    return true;
}

static uint64_t name_sum(const struct buffer *name, size_t start) {
    uint64_t sum = checksum(name->data + start, name->length - start);
    return sum == 0 ? 1 : sum;
}

/* Whether what the text ends in is a word, or an altered one before. Two names of one checksum only
 * cost a suffix. */
static bool name_taken(const struct export_job *job, const struct buffer *text, size_t start) {
    return vocabulary_find(job->model->vocabulary, text->data + start, text->length - start) !=
               WORD_NONE ||
           job->taken[taken_place(job->taken, job->taken_size, name_sum(text, start))] != 0;
}

/* The id behind it, and not one '_' after the other, keeps many words that become equal from
 * costing their square. */
static void name_settle(struct export_job *job, struct buffer *text, uint32_t id, size_t start) {
    if (2 * (job->n_taken + 1) > job->taken_size && !taken_grow(job))
        text->failed = true;
    if (!text->failed && name_taken(job, text, start)) {
        buffer_print(text, "_%u", id);
        while (!text->failed && name_taken(job, text, start))
            buffer_append_char(text, '_');
    }
    if (text->failed)
        return;
    uint64_t sum = name_sum(text, start);
    job->taken[taken_place(job->taken, job->taken_size, sum)] = sum;
    job->n_taken++;
}

void export_word(struct export_job *job, uint32_t id) {
    size_t length, start = job->text.length;
    const char *word = vocabulary_word(job->model->vocabulary, id, &length);
    bool altered = false;
    for (size_t i = 0; i < length; i++) {
        bool blank = word[i] == ' ' || (word[i] >= '\t' && word[i] <= '\r');
        buffer_append_char(&job->text, blank ? '_' : word[i]);
        altered = altered || blank;
    }
    if (altered)
        name_settle(job, &job->text, id, start);
    job->altered += altered;
}

void export_text_word(struct export_job *job, uint32_t id, struct buffer *word) {
    size_t length;
    const char *bytes = vocabulary_word(job->model->vocabulary, id, &length);
    word->length = 0;
    if (!word_is_no_text(bytes, length)) {
        buffer_append(word, bytes, length);
    } else {
        const char *at = bytes, *end = bytes + length;
        while (at < end) { /* what lies between two NULs */
            const char *stop = memchr(at, '\0', (size_t)(end - at));
            utf8_append_valid(word, at, (size_t)((stop ? stop : end) - at));
            if (stop)
                buffer_append_text(word, "\xef\xbf\xbd");
            at = stop ? stop + 1 : end;
        }
        if (!word->failed)
            name_settle(job, word, id, 0);
        job->altered++;
    }
    job->text.failed = job->text.failed || word->failed;
}

void export_words_restart(struct export_job *job) {
    if (job->taken) /* no name was taken yet */
        memset(job->taken, 0, job->taken_size * sizeof *job->taken);
    job->n_taken = 0;
    job->altered = 0;
}

void export_field(struct export_job *job, uint32_t id, bool utf8) {
    size_t length;
    const char *word = vocabulary_word(job->model->vocabulary, id, &length);
    struct buffer *text = &job->text;
    bool escaped = word_has_separator(word, length), valid = !utf8 || utf8_valid(word, length);
    size_t start = text->length;
    for (size_t i = 0; i < length; i++) {
        static const char from[] = "\t\n\r\\", to[] = "tnr\\";
        const char *found = !escaped || word[i] == '\0' ? NULL : strchr(from, word[i]);
        if (found) {
            buffer_append_char(text, '\\');
            buffer_append_char(text, to[found - from]);
        } else {
            buffer_append_char(text, word[i]);
        }
    }
    if (!valid && !text->failed) {
        struct buffer raw = {0};
        buffer_append(&raw, text->data + start, text->length - start);
        text->length = start;
        if (raw.failed)
            text->failed = true;
        else
            utf8_append_valid(text, raw.data, raw.length);
        buffer_clear(&raw);
    }
    job->altered += escaped || !valid;
}

enum status export_text_flow(struct export_job *job, bool all, struct error *err) {
    if (job->text.failed)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for a row of text");
    if (job->beyond > 0) {
        char quoted[WORD_QUOTE_SIZE];
        size_t length;
        const char *word = vocabulary_word(job->model->vocabulary, job->beyond - 1, &length);
        word_quote(word, length, quoted);
        return error_set_key(err, STATUS_REFUSED, "normalize",
                             "word '%s' has a value beyond 65504, which float16 cannot hold: "
                             "normalize brings the rows to length 1",
                             quoted);
    }
    if (job->text.length == 0 || (!all && job->text.length < TEXT_ENOUGH))
        return STATUS_OK;
    enum status status = stop_check(job->options.stop, "the export", err);
    if (status == STATUS_OK)
        status = export_sink_append(job->sink, job->text.data, job->text.length, err);
    job->text.length = 0;
    return status;
}
