#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "embedding/model_notes.h"
#include "embedding/table.h"
#include "embedding/vocabulary.h"
#include "embedding/word_shape.h"

#define NORM_BLOCK 256

static enum status shapes_check(const struct vocabulary *vocabulary, const struct table *input,
                                const struct table *output, struct error *err) {
    uint32_t size = vocabulary_size(vocabulary);

    if (size == 0)
        return error_set(err, STATUS_REFUSED, "a model needs at least one word");
    if (input->rows != size)
        return error_set(err, STATUS_REFUSED,
                         "input table has %" PRIu32 " rows for %" PRIu32 " words", input->rows,
                         size);
    if (output && (output->rows != size || output->columns != input->columns + 1))
        return error_set(err, STATUS_REFUSED,
                         "output table is %" PRIu32 " x %" PRIu32 ", but must be %" PRIu32
                         " x %" PRIu32,
                         output->rows, output->columns, size, input->columns + 1);
    return STATUS_OK;
}

static enum status table_check(const struct table *table, const char *name,
                               const struct vocabulary *vocabulary, const struct kernel *kernel,
                               struct error *err) {
    for (uint32_t shard = 0; shard < table->shards; shard++) {
        size_t rows = partition_rows(table->partition, table->rows, table->shards, shard);
        const float *data = table->shard_data[shard];
        size_t at = kernel->first_nonfinite(data, rows * table->stride);
        size_t dirty = padding_first_nonzero(data, rows, table->columns, table->stride);

        if (at < rows * table->stride && at % table->stride < table->columns) {
            struct place place = {.shard = shard, .row = (uint32_t)(at / table->stride)};
            uint32_t id = partition_id(table->partition, table->rows, table->shards, place);
            char quoted[WORD_QUOTE_SIZE];
            size_t length;
            const char *word = vocabulary_word(vocabulary, id, &length);

            word_quote(word, length, quoted);
            return error_set(err, STATUS_REFUSED,
                             "%s table: the value of word '%s' in column %zu is not finite", name,
                             quoted, at % table->stride);
        }
        if (dirty < rows)
            return error_set(err, STATUS_INTERNAL,
                             "%s table: the padding of row %zu of shard %" PRIu32 " is not zero",
                             name, dirty, shard);
    }
    return STATUS_OK;
}

static void norms_fill(const struct table *table, const struct kernel *kernel, float *norms) {
    float block[NORM_BLOCK];

    for (uint32_t shard = 0; shard < table->shards; shard++) {
        uint32_t rows = partition_rows(table->partition, table->rows, table->shards, shard);

        for (uint32_t from = 0; from < rows; from += NORM_BLOCK) {
            uint32_t n = rows - from < NORM_BLOCK ? rows - from : NORM_BLOCK;

            kernel->norms(table->shard_data[shard] + (size_t)from * table->stride, n, table->stride,
                          block);
            for (uint32_t i = 0; i < n; i++) {
                struct place place = {.shard = shard, .row = from + i};

                norms[partition_id(table->partition, table->rows, table->shards, place)] = block[i];
            }
        }
    }
}

static enum status norms_check(const struct model *model, struct error *err) {
    uint32_t size = vocabulary_size(model->vocabulary);
    size_t at = model->kernel->first_nonfinite(model->norms, size);
    char quoted[WORD_QUOTE_SIZE];
    const char *word;
    size_t length;

    if (at == size)
        return STATUS_OK;
    word = vocabulary_word(model->vocabulary, (uint32_t)at, &length);
    word_quote(word, length, quoted);
    return error_set(err, STATUS_REFUSED,
                     "input table: the norm of word '%s' is too large for a float", quoted);
}

/* Counted once: downloads and cards tell it again and again. */
static void words_count(struct model *model) {
    for (uint32_t id = 0; id < vocabulary_size(model->vocabulary); id++) {
        size_t length;
        const char *word = vocabulary_word(model->vocabulary, id, &length);

        model->blank_words += word_has_blank(word, length);
        model->escaped_words += word_has_separator(word, length);
        model->relabelled_words += word_is_no_label(word, length);
        model->recoded_words += word_is_no_text(word, length);
    }
}

static void model_free(struct model *model) {
    struct grant memory = model->memory;
    vocabulary_free(model->vocabulary);
    table_free(model->input);
    table_free(model->output);
    free(model->norms);
    free(model->references);
    model_notes_free(model->notes);
    free(model);
    grant_clear(&memory); /* at last: what is given back is free */
}

enum status model_create(struct model **model, struct vocabulary *vocabulary, struct table *input,
                         struct table *output, const struct model_info *info,
                         const struct kernel *kernel, struct error *err) {
    struct model *made = calloc(1, sizeof *made);
    atomic_size_t *references = malloc(sizeof *references);
    struct model_notes *notes = model_notes_create();
    enum status status;

    *model = NULL;
    if (!made || !references || !notes) {
        free(made);
        free(references);
        model_notes_free(notes);
        vocabulary_free(vocabulary);
        table_free(input);
        table_free(output);
        return error_set(err, STATUS_NO_MEMORY, "cannot get %zu bytes for a model", sizeof *made);
    }
    atomic_init(references, 1);
    *made = (struct model){.vocabulary = vocabulary,
                           .input = input,
                           .output = output,
                           .kernel = kernel,
                           .info = *info,
                           .references = references,
                           .notes = notes};
    status = shapes_check(vocabulary, input, output, err);
    if (status != STATUS_OK)
        goto fail;
    status = table_check(input, "input", vocabulary, kernel, err);
    if (status != STATUS_OK)
        goto fail;
    if (output) {
        status = table_check(output, "output", vocabulary, kernel, err);
        if (status != STATUS_OK)
            goto fail;
    }
    made->norms = calloc(vocabulary_size(vocabulary), sizeof *made->norms);
    if (!made->norms) {
        status = error_set(err, STATUS_NO_MEMORY, "cannot get memory for %" PRIu32 " norms",
                           vocabulary_size(vocabulary));
        goto fail;
    }
    norms_fill(input, kernel, made->norms);
    status = norms_check(made, err);
    if (status != STATUS_OK)
        goto fail;
    words_count(made);
    *model = made;
    return STATUS_OK;
fail:
    model_free(made); /* nobody else holds it yet */
    return status;
}

struct model *model_hold(struct model *model) {
    atomic_size_t *references = model->references;

    atomic_fetch_add_explicit(references, 1, memory_order_relaxed);
    return model;
}

void model_drop(struct model *model) {
    if (!model)
        return;
    atomic_size_t *references = model->references;
    if (atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) > 1)
        return;
    model_free(model);
}
