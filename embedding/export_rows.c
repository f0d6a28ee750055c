/* Rows and words as every format writes them. */
#include "embedding/export_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/utf8.h"
#include "embedding/word_shape.h"

#define TEXT_ENOUGH ((size_t)256 * 1024) /* bytes of text that are handed on together */
#define TAKEN_SIZE_MIN 64

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
static bool name_taken(const struct export_job *job, size_t start) {
    const struct buffer *text = &job->text;
    return vocabulary_find(job->model->vocabulary, text->data + start, text->length - start) !=
               WORD_NONE ||
           job->taken[taken_place(job->taken, job->taken_size, name_sum(text, start))] != 0;
}

/* The id behind it, and not one '_' after the other, keeps many words that become equal from
 * costing their square. */
static void name_settle(struct export_job *job, uint32_t id, size_t start) {
    struct buffer *text = &job->text;
    if (2 * (job->n_taken + 1) > job->taken_size && !taken_grow(job))
        text->failed = true;
    if (!text->failed && name_taken(job, start)) {
        buffer_print(text, "_%u", id);
        while (!text->failed && name_taken(job, start))
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
        name_settle(job, id, start);
    job->altered += altered;
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
    if (job->text.length == 0 || (!all && job->text.length < TEXT_ENOUGH))
        return STATUS_OK;
    enum status status = stop_check(job->options.stop, "the export", err);
    if (status == STATUS_OK)
        status = export_sink_append(job->sink, job->text.data, job->text.length, err);
    job->text.length = 0;
    return status;
}
