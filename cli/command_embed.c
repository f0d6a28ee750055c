/* `vecmill embed`: vectors of texts, as POST /v1/embeddings gives them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "cli/words.h"
#include "corpus/corpus.h"

struct embed {
    const struct settings *settings; /* of the command */
    struct settings tokens;          /* of the model: how it was tokenized */
    const struct model *model;
    struct text_weights weights;
    uint32_t *ids; /* of the present text */
    size_t n_ids, room;
    float *vector;
    uint64_t texts; /* so far */
};

static enum status embed_token(void *context, const char *token, size_t length, struct error *err) {
    struct embed *embed = context;
    uint32_t id;
    bool altered;
    enum status status =
        corpus_find_token(embed->model->vocabulary, token, length, &id, &altered, err);
    if (status != STATUS_OK || id == WORD_NONE)
        return status;
    uint32_t *ids = array_grow(embed->ids, &embed->room, embed->n_ids + 1, sizeof *ids);
    if (!ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a text");
    embed->ids = ids;
    embed->ids[embed->n_ids++] = id;
    return STATUS_OK;
}

/* A line of numbers, at length 1 or all zeros. */
static void put_vector(struct buffer *text, const float *vector, size_t n) {
    double norm = 0;
    for (size_t i = 0; i < n; i++)
        norm += (double)vector[i] * vector[i];
    norm = sqrt(norm);
    for (size_t i = 0; i < n; i++) {
        char number[NUMBER_FLOAT_SIZE];
        size_t length = number_format_float(norm > 0 ? (float)(vector[i] / norm) : 0, number);
        if (i > 0)
            buffer_append_char(text, ' ');
        buffer_append(text, number, length);
    }
    buffer_append_char(text, '\n');
}

static enum status embed_text(struct embed *embed, const char *line, size_t length,
                              struct error *err) {
    struct buffer text = {0};
    embed->n_ids = 0;
    embed->texts++;
    enum status status = corpus_tokenize(&embed->tokens, line, length, embed_token, embed, err);
    if (status == STATUS_OK && embed->n_ids == 0 &&
        embed->settings->unknown_text == UNKNOWN_TEXT_ERROR)
        status = error_set_key(err, STATUS_REFUSED, "unknown_text",
                               "text %llu holds no token that the model knows; --unknown-text zero "
                               "prints zeros instead",
                               (unsigned long long)embed->texts);
    const size_t starts[2] = {0, embed->n_ids};
    if (status == STATUS_OK)
        status =
            text_vectors(embed->model, &embed->weights, embed->ids, starts, 1, embed->vector, err);
    if (status != STATUS_OK)
        return status;
    put_vector(&text, embed->vector, embed->model->input->columns);
    return output_flush(&text, err);
}

static enum status embed_lines(struct embed *embed, struct error *err) {
    char *line = NULL;
    size_t size = 0;
    ssize_t length = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && (length = getline(&line, &size, stdin)) >= 0) {
        if (length > 0 && line[length - 1] == '\n')
            length--;
        status = embed_text(embed, line, (size_t)length, err);
    }
    free(line);
    if (status == STATUS_OK && !feof(stdin))
        status = error_set(err, STATUS_IO, "cannot read standard input");
    return status;
}

static enum status embed_open(struct embed *embed, struct error *err) {
    const struct settings *settings = embed->settings;
    embed->weights = (struct text_weights){.weighting = settings->text_weighting,
                                           .sif_a = settings->sif_a,
                                           .remove_component = settings->remove_component};
    embed->vector = calloc(embed->model->input->columns, sizeof *embed->vector);
    embed->ids = array_grow(NULL, &embed->room, 1, sizeof *embed->ids);
    if (!embed->vector || !embed->ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a vector");
    settings_init(&embed->tokens);
    enum status status = settings_read_text(&embed->tokens, embed->model->info.settings,
                                            "settings of the model", SETTING_OF_JOB, err);
    return status == STATUS_OK
               ? text_weights_check(&embed->weights, embed->model, "text_weighting", err)
               : status;
}

enum status command_embed(struct invocation *invocation, struct error *err) {
    struct model *model;
    struct embed embed = {.settings = &invocation->settings};
    enum status status = model_open(invocation, &model, err);
    if (status != STATUS_OK)
        return status;
    embed.model = model;
    status = embed_open(&embed, err);
    for (size_t i = 1; status == STATUS_OK && i < invocation->n_operands; i++)
        status = embed_text(&embed, invocation->operands[i], strlen(invocation->operands[i]), err);
    if (status == STATUS_OK && invocation->n_operands == 1)
        status = embed_lines(&embed, err);
    free(embed.ids);
    free(embed.vector);
    model_drop(model);
    return status;
}
