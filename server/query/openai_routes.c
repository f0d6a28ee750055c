/* POST /v1/embeddings as OpenAI's clients speak it: a text is answered with the mean of its tokens'
 * rows. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "corpus/corpus.h"
#include "server/query/inquiry.h"

enum { ENCODING_FORMAT_FLOAT, ENCODING_FORMAT_BASE64 };
enum { OOV_ERROR, OOV_ZERO };

/* Inputs turned into ids, one list for each. */
struct texts {
    struct inquiry *inquiry;
    struct settings settings;
    uint32_t *ids;
    size_t n_ids, room;
    size_t *starts; /* [n + 1] */
    size_t n;
    uint64_t tokens; /* unknown ones included: what usage counts */
    int oov;
};

static enum status add_id(struct texts *texts, uint32_t id, struct error *err) {
    uint32_t *ids = array_grow(texts->ids, &texts->room, texts->n_ids + 1, sizeof *ids);
    if (!ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu tokens", texts->n_ids + 1);
    texts->ids = ids;
    texts->ids[texts->n_ids++] = id;
    return STATUS_OK;
}

static enum status visit_token(void *context, const char *token, size_t length, struct error *err) {
    struct texts *texts = context;
    uint32_t id = vocabulary_find(texts->inquiry->model->vocabulary, token, length);
    texts->tokens++;
    return id == WORD_NONE ? STATUS_OK : add_id(texts, id, err);
}

static enum status add_token_ids(struct texts *texts, const json_t *list, const char *pointer,
                                 struct error *err) {
    uint32_t size = vocabulary_size(texts->inquiry->model->vocabulary);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        json_int_t number = json_integer_value(item);
        if (!json_is_integer(item))
            return error_set_key(err, STATUS_REFUSED, pointer,
                                 "a token list must hold whole numbers, not %s", field_kind(item));
        if (number < 0 || number >= size)
            return error_set_key(
                err, STATUS_REFUSED, pointer,
                "token id %" JSON_INTEGER_FORMAT " is out of range: token lists hold ids of the "
                "vocabulary of model '%s', 0 to %" PRIu32
                "; send text instead (LangChain: check_embedding_ctx_length=False)",
                number, texts->inquiry->name, size - 1);
        enum status status = add_id(texts, (uint32_t)number, err);
        if (status != STATUS_OK)
            return status;
        texts->tokens++;
    }
    return STATUS_OK;
}

/* One input: a text or a list of token ids. */
static enum status add_input(struct texts *texts, const json_t *item, const char *pointer,
                             struct error *err) {
    enum status status;
    size_t before = texts->n_ids;
    if (json_is_string(item))
        status = corpus_tokenize(&texts->settings, json_string_value(item),
                                 json_string_length(item), visit_token, texts, err);
    else if (json_is_array(item))
        status = add_token_ids(texts, item, pointer, err);
    else
        status = error_set_key(err, STATUS_REFUSED, pointer,
                               "input must hold strings or lists of token ids, not %s",
                               field_kind(item));
    if (status == STATUS_OK && texts->n_ids == before && texts->oov == OOV_ERROR)
        status = error_set_key(err, STATUS_REFUSED, pointer,
                               "input %zu holds no token that model '%s' knows; \"oov\": \"zero\" "
                               "answers zeros instead",
                               texts->n, texts->inquiry->name);
    if (status == STATUS_OK)
        texts->starts[++texts->n] = texts->n_ids;
    return status;
}

static enum status read_inputs(struct texts *texts, const json_t *input, struct error *err) {
    size_t max = (size_t)texts->inquiry->server->settings.max_batch;
    bool many = json_is_array(input) && !json_is_integer(json_array_get(input, 0));
    size_t n = many ? json_array_size(input) : 1;
    if (!input)
        return error_set_key(err, STATUS_REFUSED, "/input", "input is missing");
    if (n == 0 || n > max)
        return error_set_key(err, STATUS_REFUSED, "/input",
                             "input must hold between 1 and %zu texts, not %zu", max, n);
    texts->starts = calloc(n + 1, sizeof *texts->starts);
    texts->ids = array_grow(NULL, &texts->room, 1, sizeof *texts->ids);
    if (!texts->starts || !texts->ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu inputs", n);
    enum status status = inquiry_settings(texts->inquiry, &texts->settings, err);
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        char pointer[POINTER_SIZE] = "/input";
        if (many)
            snprintf(pointer, sizeof pointer, "/input/%zu", i);
        status = add_input(texts, many ? json_array_get(input, i) : input, pointer, err);
    }
    return status;
}

static void append_base64(struct buffer *answer, const unsigned char *bytes, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i < 3 ? n - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (left > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2)
            group |= bytes[i + 2];
        char text[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};
        buffer_append(answer, text, sizeof text);
    }
}

/* As OpenAI does: a shortened vector is brought back to unit length. */
static void normalise(float *values, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i] * values[i];
    if (sum <= 0)
        return;
    double scale = 1 / sqrt(sum);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(values[i] * scale);
}

static void write_embeddings(const struct texts *texts, float *rows, size_t dimensions, int format,
                             struct buffer *answer) {
    size_t dim = texts->inquiry->model->input->columns;
    buffer_append_text(answer, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < texts->n; i++) {
        float *row = rows + i * dim;
        if (dimensions < dim)
            normalise(row, dimensions);
        buffer_print(answer,
                     "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i == 0 ? "" : ",",
                     i);
        if (format == ENCODING_FORMAT_BASE64) {
            buffer_append_char(answer, '"');
            append_base64(answer, (const unsigned char *)row, dimensions * sizeof *row);
            buffer_append_char(answer, '"');
        } else {
            json_append_floats(answer, row, dimensions);
        }
        buffer_append_char(answer, '}');
    }
    buffer_append_text(answer, "],\"model\":");
    json_append_string(answer, texts->inquiry->name, strlen(texts->inquiry->name));
    buffer_print(answer, ",\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}}",
                 texts->tokens, texts->tokens);
}

static enum status embed(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    const struct table *table = inquiry->model->input;
    struct texts texts = {.inquiry = inquiry, .oov = OOV_ERROR};
    int format = ENCODING_FORMAT_FLOAT;
    int64_t dimensions = table->columns;
    const char *user;
    size_t length;
    float *rows = NULL;
    enum status status =
        field_choice(inquiry->body, "encoding_format", "float|base64", &format, err);
    if (status == STATUS_OK)
        status = field_int(inquiry->body, "dimensions", 1, table->columns, &dimensions, err);
    if (status == STATUS_OK)
        status = field_choice(inquiry->body, "oov", "error|zero", &texts.oov, err);
    if (status == STATUS_OK)
        status = field_text(inquiry->body, "user", &user, &length, err);
    if (status == STATUS_OK)
        status = read_inputs(&texts, json_object_get(inquiry->body, "input"), err);
    if (status == STATUS_OK) {
        rows = calloc(texts.n * table->columns, sizeof *rows);
        if (!rows)
            status = error_set(err, STATUS_NO_MEMORY, "out of memory for %zu vectors", texts.n);
        else
            status =
                lookup_combined(table, table->columns, texts.ids, NULL, texts.starts, texts.n,
                                COMBINER_MEAN, inquiry->model->info.default_max_norm, rows, err);
    }
    if (status == STATUS_OK)
        write_embeddings(&texts, rows, (size_t)dimensions, format, answer);
    free(rows);
    free(texts.ids);
    free(texts.starts);
    return status;
}

void vectors_openai(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    static const char *const members[] = {"model", "input", "encoding_format", "dimensions", "user",
                                          "oov",   NULL};
    struct inquiry inquiry = {.server = server,
                              .request = request,
                              .response = response,
                              .content_type = INQUIRY_JSON,
                              .refusal = 400}; /* OpenAI knows no 422 */
    struct buffer answer = {0};
    struct error err = {0};
    const char *name = NULL;
    size_t length = 0;
    enum status status = json_body(server, request, members, &inquiry.body, &err);
    if (status == STATUS_OK)
        status = field_text(inquiry.body, "model", &name, &length, &err);
    if (status == STATUS_OK && !name)
        status = error_set_key(&err, STATUS_REFUSED, "/model", "model is missing");
    if (status == STATUS_OK)
        status = inquiry_hold(&inquiry, name, &err);
    if (status == STATUS_OK)
        status = embed(&inquiry, &answer, &err);
    inquiry_end(&inquiry, status, &answer, &err);
}
