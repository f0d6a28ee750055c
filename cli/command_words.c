#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "cli/words.h"

#define NEIGHBORS_MAX 1000000

const struct option_row nearest_options[] = {
    {"k", "N", "how many (default 10)"},
    {"among", "N", "only the N most frequent words; 0 = all (default 0)"},
    {"prefix", "TEXT", "only words that begin with TEXT"},
    {"min-score", "X", "only words whose score is X or more"},
    {0},
};

const struct option_row analogy_options[] = {
    {"k", "N", "how many (default 10)"},
    {"among", "N", "only the N most frequent words; 0 = all (default 0)"},
    {"prefix", "TEXT", "only words that begin with TEXT"},
    {"min-score", "X", "only words whose score is X or more"},
    {"method", "NAME", "add (3CosAdd, the default) or mul (3CosMul)"},
    {0},
};

struct wanted {
    int64_t k;
    double min_score;
    struct candidates candidates;
    const char *prefix;
    uint64_t *allowed; /* owned */
};

static enum status wanted_read(struct wanted *wanted, struct invocation *invocation,
                               struct error *err) {
    const char *min_score = option_value(invocation, "min-score");
    int64_t among = 0;
    *wanted = (struct wanted){.min_score = -INFINITY, .prefix = option_value(invocation, "prefix")};
    enum status status = option_number(invocation, "k", 1, NEIGHBORS_MAX, 10, &wanted->k, err);
    if (status == STATUS_OK)
        status = option_number(invocation, "among", 0, UINT32_MAX, 0, &among, err);
    wanted->candidates.among = (uint32_t)among;
    return status == STATUS_OK && min_score && !number_parse_real(min_score, &wanted->min_score)
               ? misuse(invocation, err, "--min-score must be a number, not '%.64s'", min_score)
               : status;
}

/* The words that begin with the prefix, once the model is there. */
static enum status wanted_prepare(struct wanted *wanted, const struct model *model,
                                  struct error *err) {
    if (!wanted->prefix)
        return STATUS_OK;
    size_t length = strlen(wanted->prefix);
    wanted->allowed = word_bits_create(model->vocabulary, true);
    if (!wanted->allowed)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    word_bits_keep_prefixes(model->vocabulary, &wanted->prefix, &length, 1, wanted->allowed);
    wanted->candidates.allowed = wanted->allowed;
    return STATUS_OK;
}

static void put_word(struct buffer *text, const struct model *model, uint32_t id) {
    size_t length;
    const char *word = vocabulary_word(model->vocabulary, id, &length);
    buffer_append(text, word, length);
}

static void put_neighbors(struct buffer *text, const struct model *model,
                          const struct wanted *wanted, const struct neighbor *neighbors, size_t n) {
    for (size_t i = 0; i < n && neighbors[i].score >= (float)wanted->min_score; i++) {
        put_word(text, model, neighbors[i].id);
        buffer_print(text, "\t%.4f\n", (double)neighbors[i].score);
    }
}

static enum status nearest_to_word(const struct invocation *invocation, const struct model *model,
                                   const char *word, const struct wanted *wanted,
                                   struct buffer *text, struct error *err) {
    uint32_t id;
    enum status status = word_find(model, word, &id, err);
    if (status != STATUS_OK)
        return status;
    uint32_t dim = model->input->columns;
    size_t k = (size_t)wanted->k, found = 0, starts[2] = {0, 1};
    if (k > vocabulary_size(model->vocabulary))
        k = vocabulary_size(model->vocabulary);
    float *query = malloc(dim * sizeof *query);
    struct neighbor *neighbors = malloc(k * sizeof *neighbors);
    if (!query || !neighbors) {
        status = error_set(err, STATUS_NO_MEMORY, "out of memory");
    } else {
        memcpy(query, table_row(model->input, id), dim * sizeof *query);
        status = search_neighbors(model, query, 1, &id, starts, &wanted->candidates, k,
                                  search_threads(model, 1, wanted->candidates.among,
                                                 threads_of_settings(&invocation->settings)),
                                  NULL, neighbors, &found, err);
    }
    if (status == STATUS_OK)
        put_neighbors(text, model, wanted, neighbors, found);
    free(query);
    free(neighbors);
    return status;
}

enum status command_nearest(struct invocation *invocation, struct error *err) {
    struct wanted wanted;
    struct model *model;
    struct buffer text = {0};
    enum status status = wanted_read(&wanted, invocation, err);
    if (status == STATUS_OK)
        status = model_open(invocation, &model, err);
    if (status != STATUS_OK)
        return status;
    status = wanted_prepare(&wanted, model, err);
    for (size_t i = 1; i < invocation->n_operands && status == STATUS_OK; i++) {
        if (invocation->n_operands > 2)
            buffer_print(&text, "%s%s:\n", i > 1 ? "\n" : "", invocation->operands[i]);
        status = nearest_to_word(invocation, model, invocation->operands[i], &wanted, &text, err);
    }
    free(wanted.allowed);
    model_drop(model);
    if (status != STATUS_OK) {
        buffer_clear(&text);
        return status;
    }
    return output_flush(&text, err);
}

/* Answers A : B = C : ? */
static enum status analogy_of(struct invocation *invocation, const struct model *model,
                              const struct wanted *wanted, enum analogy_method method,
                              struct buffer *text, struct error *err) {
    uint32_t ids[3]; /* a, b, c */
    for (size_t i = 0; i < 3; i++) {
        enum status status = word_find(model, invocation->operands[i + 1], &ids[i], err);
        if (status != STATUS_OK)
            return status;
    }
    size_t k = (size_t)wanted->k, found = 0;
    if (k > vocabulary_size(model->vocabulary))
        k = vocabulary_size(model->vocabulary);
    struct neighbor *neighbors = malloc(k * sizeof *neighbors);
    if (!neighbors)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    enum status status = search_analogy(model, ids + 1, 2, ids, 1, method, &wanted->candidates, k,
                                        search_threads(model, method == ANALOGY_MUL ? 3 : 1,
                                                       wanted->candidates.among,
                                                       threads_of_settings(&invocation->settings)),
                                        NULL, neighbors, &found, err);
    if (status == STATUS_OK)
        put_neighbors(text, model, wanted, neighbors, found);
    free(neighbors);
    return status;
}

enum status command_analogy(struct invocation *invocation, struct error *err) {
    struct wanted wanted;
    size_t method;
    struct model *model;
    struct buffer text = {0};
    enum status status = wanted_read(&wanted, invocation, err);
    if (status == STATUS_OK)
        status = option_choice(invocation, "method", CHOICE_NAMES(ANALOGY_METHODS), &method, err);
    if (status == STATUS_OK)
        status = model_open(invocation, &model, err);
    if (status != STATUS_OK)
        return status;
    status = wanted_prepare(&wanted, model, err);
    if (status == STATUS_OK)
        status = analogy_of(invocation, model, &wanted, (enum analogy_method)method, &text, err);
    free(wanted.allowed);
    model_drop(model);
    if (status != STATUS_OK) {
        buffer_clear(&text);
        return status;
    }
    return output_flush(&text, err);
}

/* "word 0.1 0.2 ...": a line of word2vec's text format, with the vector that a lookup returns. */
static enum status put_vector(const struct model *model, const char *word, struct buffer *text,
                              struct error *err) {
    uint32_t id, dim = model->input->columns;
    enum status status = word_find(model, word, &id, err);
    if (status != STATUS_OK)
        return status;
    float *vector = malloc(dim * sizeof *vector);
    if (!vector)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    status = lookup_rows(model->input, dim, &id, 1, model->info.default_max_norm, vector, err);
    if (status == STATUS_OK) {
        buffer_append_text(text, word);
        for (uint32_t i = 0; i < dim; i++) {
            char number[NUMBER_FLOAT_SIZE];
            size_t length = number_format_float(vector[i], number);
            buffer_append_char(text, ' ');
            buffer_append(text, number, length);
        }
        buffer_append_char(text, '\n');
    }
    free(vector);
    return status;
}

enum status command_lookup(struct invocation *invocation, struct error *err) {
    struct model *model;
    struct buffer text = {0};
    enum status status = model_open(invocation, &model, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 1; i < invocation->n_operands && status == STATUS_OK; i++)
        status = put_vector(model, invocation->operands[i], &text, err);
    model_drop(model);
    if (status != STATUS_OK) {
        buffer_clear(&text);
        return status;
    }
    return output_flush(&text, err);
}
