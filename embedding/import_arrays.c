/* Matrices whose words lie in another file: NumPy's .npy and safetensors, beside a vocabulary or
 * the tokenizer of a static embedding model. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "embedding/import_json.h"
#include "embedding/import_readers.h"
#include "embedding/import_words.h"

#define HEADER_MAX ((uint64_t)100 << 20) /* safetensors' own bound */
#define NAME_MAX_SIZE 64
#define TOKENIZER "tokenizer.json"

/* ---- words ----------------------------------------------------------------------------------- */

static bool ends_in(const char *text, const char *end) {
    size_t length = strlen(text), n = strlen(end);
    return length >= n && strcmp(text + length - n, end) == 0;
}

static enum status no_words(const struct import_member *array, struct error *err) {
    return error_set_key(err, STATUS_REFUSED, "vocab",
                         "'%.80s' holds numbers and no words: give a vocabulary, a word a line, by "
                         "--vocab, or send both in a tar",
                         array->name);
}

/* Where a word of the tokenizer stands. */
struct token {
    uint64_t id, begin, length;
};

static int token_compare(const void *a, const void *b) {
    uint64_t x = ((const struct token *)a)->id, y = ((const struct token *)b)->id;
    return (x > y) - (x < y);
}

/* Goes to the value of the member of that name in an object; false: it has none. */
static bool json_enter(struct json_reader *json, const char *name, struct buffer *key) {
    bool first = true;
    if (!json_take(json, '{'))
        return false;
    while (json_next(json, key, &first)) {
        if (key->length == strlen(name) && memcmp(key->data, name, key->length) == 0)
            return true;
        if (!json_skip(json))
            return false;
    }
    return false;
}

/* Words and ids of model.vocab, in the order of the ids. */
static enum status tokens_read(struct json_reader *json, struct import_memory *memory,
                               struct buffer *text, struct buffer *tokens, struct error *err) {
    struct buffer key = {0};
    bool first = true;
    enum status status = STATUS_OK;
    bool found =
        json_enter(json, "model", &key) && json_enter(json, "vocab", &key) && json_take(json, '{');
    while (found && status == STATUS_OK && json_next(json, &key, &first)) {
        struct token token = {.begin = text->length, .length = key.length};
        if (!json_take_count(json, &token.id))
            break;
        status = import_append(memory, text, key.data, key.length, err);
        if (status == STATUS_OK)
            status = import_append(memory, tokens, &token, sizeof token, err);
    }
    buffer_clear(&key);
    if (status == STATUS_OK && (!found || json->failed))
        status = error_set(err, STATUS_MALFORMED,
                           "'" TOKENIZER "' has no model.vocab of words and their ids");
    return status;
}

/* The name of the token that stands for unknown words; empty when there is none. */
static void unknown_read(const struct import_member *tokenizer, struct buffer *name) {
    struct json_reader json = {tokenizer->data, tokenizer->data + tokenizer->length, false};
    struct buffer key = {0};
    if (!json_enter(&json, "model", &key) || !json_enter(&json, "unk_token", &key) ||
        !json_take_string(&json, name))
        name->length = 0;
    buffer_clear(&key);
}

/* Ids from 0 on without a gap. The one that stands for unknown words is no word where it is the
 * last, as we write it. */
static enum status tokenizer_words(const struct import_member *tokenizer,
                                   struct import_words *words, struct error *err) {
    struct json_reader json = {tokenizer->data, tokenizer->data + tokenizer->length, false};
    struct buffer text = {0}, tokens = {0}, unknown = {0};
    struct import_memory memory = {.grant = {words->memory.grant.budget, BUDGET_IMPORTS, 0, 0}};
    enum status status = tokens_read(&json, &memory, &text, &tokens, err);
    size_t n = tokens.length / sizeof(struct token);
    if (status == STATUS_OK && n > 0)
        qsort(tokens.data, n, sizeof(struct token), token_compare);
    unknown_read(tokenizer, &unknown);
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        struct token token;
        memcpy(&token, tokens.data + i * sizeof token, sizeof token);
        if (i + 1 == n && unknown.length > 0 && token.length == unknown.length &&
            memcmp(text.data + token.begin, unknown.data, unknown.length) == 0)
            token.length = 0;
        status = token.id == i
                     ? import_words_add(words, text.data + token.begin, (size_t)token.length, err)
                     : error_set(err, STATUS_REFUSED,
                                 "'" TOKENIZER "' has no word of id %zu, or several", i);
    }
    buffer_clear(&text);
    buffer_clear(&tokens);
    buffer_clear(&unknown);
    grant_clear(&memory.grant);
    return status;
}

static enum status words_find(const struct import_target *target, const struct import_set *set,
                              const struct import_member *array, struct import_words *words,
                              struct error *err) {
    const struct import_member *found = NULL, *tokenizer = import_set_find(set, TOKENIZER);
    const char *named = target->bounds.vocabulary;
    struct import_set other = {0};
    enum status status = STATUS_OK;
    if (named) {
        status = import_set_add(&other, named, false, err);
        found = status == STATUS_OK ? &other.members[0] : NULL;
    }
    for (size_t i = 0; !named && i < set->n; i++)
        if (ends_in(set->members[i].name, ".txt") || ends_in(set->members[i].name, ".tsv"))
            found = &set->members[i];
    if (status == STATUS_OK && found && ends_in(found->name, ".json"))
        status = tokenizer_words(found, words, err);
    else if (status == STATUS_OK && found)
        status = import_words_read(words, found->data, found->length, err);
    else if (status == STATUS_OK)
        status = tokenizer ? tokenizer_words(tokenizer, words, err) : no_words(array, err);
    import_set_close(&other);
    return status;
}

static enum status rows_take(struct import_target *target, const struct import_set *set,
                             const struct import_member *array, const struct import_matrix *matrix,
                             const char *format, struct error *err) {
    struct import_words words;
    import_words_init(&words, target);
    enum status status = words_find(target, set, array, &words, err);
    if (status == STATUS_OK)
        status = import_matrix_take(target, matrix, &words, format, err);
    import_words_clear(&words);
    return status;
}

enum status import_npy(struct import_target *target, const struct import_set *set,
                       const struct import_member *array, struct error *err) {
    struct import_matrix matrix;
    enum status status = import_npy_parse(array->data, array->length, &matrix, err);
    return status == STATUS_OK ? rows_take(target, set, array, &matrix, "npy", err) : status;
}

/* ---- safetensors ----------------------------------------------------------------------------- */

struct tensor {
    char name[NAME_MAX_SIZE], type[8];
    uint64_t shape[2], n_shape, begin, end;
};

static void text_copy(char *to, size_t size, const struct buffer *from) {
    size_t n = from->length < size ? from->length : size - 1;
    if (n > 0)
        memcpy(to, from->data, n);
    to[n] = '\0';
}

static void numbers_read(struct json_reader *json, uint64_t numbers[2], uint64_t *n) {
    bool first = true;
    uint64_t number;
    *n = 0;
    if (!json_take(json, '['))
        json->failed = true;
    while (json_next(json, NULL, &first) && json_take_count(json, &number)) {
        if (*n < 2)
            numbers[*n] = number;
        ++*n;
    }
}

static void tensor_read(struct json_reader *json, struct buffer *text, struct tensor *tensor) {
    bool first = true;
    uint64_t places[2] = {0, 0}, n;
    if (!json_take(json, '{'))
        json->failed = true;
    while (json_next(json, text, &first))
        if (strcmp(text->data, "dtype") == 0 && json_take_string(json, text))
            text_copy(tensor->type, sizeof tensor->type, text);
        else if (strcmp(text->data, "shape") == 0)
            numbers_read(json, tensor->shape, &tensor->n_shape);
        else if (strcmp(text->data, "data_offsets") == 0)
            numbers_read(json, places, &n);
        else if (!json->failed)
            (void)json_skip(json);
    tensor->begin = places[0];
    tensor->end = places[1];
}

static bool is_embeddings(const struct tensor *tensor) {
    static const char *const names[] = {"embeddings", "embedding.weight", "vectors", "weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(tensor->name, names[i]) == 0)
            return true;
    return false;
}

/* The tensor of the embeddings, by its name or because it is the only one; and the scales of
 * int8. */
static enum status tensors_find(struct json_reader *json, struct tensor *embeddings,
                                struct tensor *scales, struct error *err) {
    struct buffer text = {0};
    bool first = true, found = false;
    size_t n = 0;
    struct tensor only = {0};
    if (!json_take(json, '{'))
        json->failed = true;
    while (json_next(json, &text, &first)) {
        struct tensor tensor = {0};
        text_copy(tensor.name, sizeof tensor.name, &text);
        if (strcmp(tensor.name, "__metadata__") == 0) {
            (void)json_skip(json);
            continue;
        }
        tensor_read(json, &text, &tensor);
        if (is_embeddings(&tensor) && !found) {
            *embeddings = tensor;
            found = true;
        }
        if (strcmp(tensor.name, "scales") == 0)
            *scales = tensor;
        only = tensor;
        n++;
    }
    buffer_clear(&text);
    if (json->failed)
        return error_set(err, STATUS_MALFORMED, "the header of the safetensors file is no JSON");
    if (!found && n == 1)
        *embeddings = only;
    return found || n == 1 ? STATUS_OK
                           : error_set(err, STATUS_REFUSED,
                                       "the safetensors file has no tensor 'embeddings' or "
                                       "'embedding.weight' among its %zu",
                                       n);
}

static bool type_find(const char *name, enum matrix_type *type) {
    static const struct {
        const char *name;
        enum matrix_type type;
    } types[] = {{"F32", MATRIX_FLOAT32},
                 {"F16", MATRIX_FLOAT16},
                 {"BF16", MATRIX_BFLOAT16},
                 {"F64", MATRIX_FLOAT64},
                 {"I8", MATRIX_INT8}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) {
            *type = types[i].type;
            return true;
        }
    return false;
}

/* Whether the tensor's bytes lie in the file and are as many as its shape says. */
static bool tensor_fits(const struct tensor *tensor, uint64_t columns, size_t size, uint64_t room) {
    uint64_t all;
    return !__builtin_mul_overflow(tensor->shape[0], columns, &all) &&
           !__builtin_mul_overflow(all, (uint64_t)size, &all) && tensor->begin <= tensor->end &&
           tensor->end <= room && tensor->end - tensor->begin == all;
}

enum status import_safetensors(struct import_target *target, const struct import_set *set,
                               const struct import_member *tensors, struct error *err) {
    uint64_t length;
    memcpy(&length, tensors->data, sizeof length);
    if (length > HEADER_MAX || length > tensors->length - sizeof length)
        return error_set(err, STATUS_MALFORMED, "the safetensors file is cut short in its header");
    const char *header = tensors->data + sizeof length, *data = header + length;
    struct json_reader json = {header, data, false};
    struct tensor embeddings = {0}, scales = {0};
    struct import_matrix matrix = {0};
    enum status status = tensors_find(&json, &embeddings, &scales, err);
    if (status != STATUS_OK)
        return status;
    uint64_t room = tensors->length - sizeof length - length;
    if (!type_find(embeddings.type, &matrix.type) || embeddings.n_shape != 2)
        return error_set(err, STATUS_UNSUPPORTED,
                         "the tensor '%s' is of type '%s' and %" PRIu64
                         " dimensions: F32, F16, BF16, F64 or I8 and 2 are read",
                         embeddings.name, embeddings.type, embeddings.n_shape);
    matrix.rows = embeddings.shape[0];
    matrix.dim = embeddings.shape[1];
    matrix.data = data + embeddings.begin;
    if (!tensor_fits(&embeddings, matrix.dim, matrix_type_size(matrix.type), room))
        return error_set(err, STATUS_MALFORMED,
                         "the tensor '%s' does not lie in the safetensors file", embeddings.name);
    if (matrix.type == MATRIX_INT8 && strcmp(scales.type, "F32") == 0 &&
        scales.shape[0] == matrix.rows && tensor_fits(&scales, 1, sizeof(float), room))
        matrix.scales = data + scales.begin;
    return rows_take(target, set, tensors, &matrix, "safetensors", err);
}
