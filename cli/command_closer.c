/* Questions about two words: how near they are, and which words stand between them. */
#include <stdlib.h>

#include "cli/words.h"

const struct option_row closer_options[] = {
    {"k", "N", "how many (default 10)"},
    {"among", "N", "only the N most frequent words; 0 = all (default 0)"},
    {0},
};

const struct option_row rank_options[] = {
    {"among", "N", "only the N most frequent words; 0 = all (default 0)"},
    {0},
};

/* The model, and the two words behind it. Owns: model_drop. */
static enum status two_words(struct invocation *invocation, struct model **model, uint32_t ids[2],
                             struct error *err) {
    enum status status = model_open(invocation, model, err);
    for (size_t i = 0; status == STATUS_OK && i < 2; i++)
        status = word_find(*model, invocation->operands[i + 1], &ids[i], err);
    return status;
}

enum status command_similarity(struct invocation *invocation, struct error *err) {
    struct model *model = NULL;
    struct buffer text = {0};
    uint32_t ids[2];
    enum status status = two_words(invocation, &model, ids, err);
    if (status == STATUS_OK)
        buffer_print(&text, "%.4f\n", search_similarity(model, ids[0], ids[1]));
    model_drop(model);
    return status == STATUS_OK ? output_flush(&text, err) : status;
}

static int neighbor_compare(const void *a, const void *b) {
    const struct neighbor *left = a, *right = b;
    if (left->score > right->score || left->score < right->score)
        return left->score > right->score ? -1 : 1;
    return left->id < right->id ? -1 : 1;
}

/* All words that are nearer to the first word than the second is, nearest first. */
static enum status closer_find(const struct model *model, const uint32_t ids[2], int64_t among,
                               struct neighbor **closer, size_t *n, struct error *err) {
    const struct candidates candidates = {.among = (uint32_t)among};
    size_t room = vocabulary_size(model->vocabulary);
    *closer = calloc(room, sizeof **closer);
    if (!*closer)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu words", room);
    enum status status =
        search_closer(model, ids[0], ids[1], &candidates, 0, room, NULL, *closer, n, err);
    if (status == STATUS_OK)
        qsort(*closer, *n, sizeof **closer, neighbor_compare);
    return status;
}

static void put_closer(struct buffer *text, const struct model *model,
                       const struct neighbor *closer, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *word = vocabulary_word(model->vocabulary, closer[i].id, &length);
        buffer_append(text, word, length);
        buffer_print(text, "\t%.4f\n", (double)closer[i].score);
    }
}

static enum status closer_or_rank(struct invocation *invocation, bool rank, struct error *err) {
    struct model *model = NULL;
    struct neighbor *closer = NULL;
    struct buffer text = {0};
    uint32_t ids[2];
    int64_t among, k = 0;
    size_t n = 0;
    enum status status = option_number(invocation, "among", 0, UINT32_MAX, 0, &among, err);
    if (status == STATUS_OK && !rank)
        status = option_number(invocation, "k", 1, UINT32_MAX, 10, &k, err);
    if (status == STATUS_OK)
        status = two_words(invocation, &model, ids, err);
    if (status == STATUS_OK)
        status = closer_find(model, ids, among, &closer, &n, err);
    if (status == STATUS_OK && rank)
        buffer_print(&text, "%zu\n", n + 1);
    else if (status == STATUS_OK)
        put_closer(&text, model, closer, n < (size_t)k ? n : (size_t)k);
    free(closer);
    model_drop(model);
    return status == STATUS_OK ? output_flush(&text, err) : status;
}

enum status command_closer(struct invocation *invocation, struct error *err) {
    return closer_or_rank(invocation, false, err);
}

enum status command_rank(struct invocation *invocation, struct error *err) {
    return closer_or_rank(invocation, true, err);
}
