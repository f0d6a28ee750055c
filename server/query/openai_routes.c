/* POST /v1/embeddings as OpenAI's clients speak it: a text is answered with the mean of its tokens'
 * rows, at unit length. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "corpus/corpus.h"
#include "server/query/inquiry.h"

enum { ENCODING_FORMAT_FLOAT, ENCODING_FORMAT_BASE64 };
#define OTHER_VALUES 64 /* of a body, beside the texts: the other members */
#define TOKEN_LISTS                                                                         \
    "lists of token ids are not taken, for those of other programs name other words: send " \
    "text instead (LangChain: check_embedding_ctx_length=False)"

/* How much of a text the model knows. */
struct coverage {
    uint64_t tokens;  /* what usage counts */
    uint64_t unknown; /* of them */
    uint64_t altered; /* known without punctuation at their ends, or in another case, only */
};

/* Inputs turned into ids, one list for each. */
struct texts {
    struct inquiry *inquiry;
    struct settings settings;
    uint32_t *ids;
    size_t n_ids, room;
    size_t *starts;            /* [n + 1] */
    struct coverage *coverage; /* [n] */
    size_t n;
    int unknown; /* enum setting_unknown_text */
    struct text_weights weights;
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
    struct coverage *coverage = &texts->coverage[texts->n];
    uint32_t id;
    bool altered;
    enum status status =
        corpus_find_token(texts->inquiry->model->vocabulary, token, length, &id, &altered, err);
    if (status != STATUS_OK)
        return status;
    coverage->tokens++;
    coverage->unknown += id == WORD_NONE;
    coverage->altered += id != WORD_NONE && altered;
    return id == WORD_NONE ? STATUS_OK : add_id(texts, id, err);
}

static enum status refuse_input(const struct texts *texts, const json_t *item, const char *pointer,
                                struct error *err) {
    if (json_is_integer(item) || (json_is_array(item) && json_is_integer(json_array_get(item, 0))))
        return error_set_key(err, STATUS_REFUSED, pointer,
                             TOKEN_LISTS "; ids of the vocabulary of model '%s' have a route of "
                                         "their own, POST /v1/models/%s/embeddings",
                             texts->inquiry->name, texts->inquiry->name);
    return error_set_key(err, STATUS_REFUSED, pointer, "input must hold strings, not %s",
                         field_kind(item));
}

static enum status add_input(struct texts *texts, const json_t *item, const char *pointer,
                             struct error *err) {
    size_t before = texts->n_ids;
    if (!json_is_string(item))
        return refuse_input(texts, item, pointer, err);
    enum status status = corpus_tokenize(&texts->settings, json_string_value(item),
                                         json_string_length(item), visit_token, texts, err);
    if (status == STATUS_OK && texts->n_ids == before && texts->unknown == UNKNOWN_TEXT_ERROR)
        status = error_set_key(err, STATUS_REFUSED, pointer,
                               "input %zu holds no token that model '%s' knows; \"oov\": \"zero\", "
                               "or the setting unknown_text, answers zeros instead",
                               texts->n, texts->inquiry->name);
    if (status == STATUS_OK)
        texts->starts[++texts->n] = texts->n_ids;
    return status;
}

static enum status read_inputs(struct texts *texts, const json_t *input, struct error *err) {
    size_t max = (size_t)texts->inquiry->server->settings.max_batch;
    bool many = json_is_array(input);
    size_t n = many ? json_array_size(input) : 1;
    if (!input)
        return error_set_key(err, STATUS_REFUSED, "/input", "input is missing");
    if (json_is_integer(json_array_get(input, 0)))
        return refuse_input(texts, input, "/input", err);
    if (n == 0 || n > max)
        return error_set_key(err, STATUS_REFUSED, "/input",
                             "input must hold between 1 and %zu texts (max_batch), not %zu", max,
                             n);
    texts->starts = calloc(n + 1, sizeof *texts->starts);
    texts->coverage = calloc(n, sizeof *texts->coverage);
    texts->ids = array_grow(NULL, &texts->room, 1, sizeof *texts->ids);
    if (!texts->starts || !texts->coverage || !texts->ids)
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

/* As OpenAI's are, shortened or not; zeros stay, which is told. */
static bool normalise(float *values, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i] * values[i];
    if (sum <= 0)
        return false;
    double scale = 1 / sqrt(sum);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(values[i] * scale);
    return true;
}

static void append_coverage(struct buffer *answer, const struct coverage *coverage) {
    buffer_print(answer,
                 "\"tokens\":%" PRIu64 ",\"unknown\":%" PRIu64 ",\"altered\":%" PRIu64
                 ",\"coverage\":",
                 coverage->tokens, coverage->unknown, coverage->altered);
    json_append_float(answer, coverage->tokens == 0
                                  ? NAN
                                  : (float)((double)(coverage->tokens - coverage->unknown) /
                                            (double)coverage->tokens));
}

static void write_embedding(const struct texts *texts, size_t index, const float *row, bool zero,
                            size_t dimensions, int format, struct buffer *answer) {
    buffer_print(answer, "%s{\"object\":\"embedding\",\"index\":%zu,", index == 0 ? "" : ",",
                 index);
    append_coverage(answer, &texts->coverage[index]);
    buffer_print(answer, ",%s\"embedding\":", zero ? "\"zero\":true," : "");
    if (format == ENCODING_FORMAT_BASE64) {
        buffer_append_char(answer, '"');
        append_base64(answer, (const unsigned char *)row, dimensions * sizeof *row);
        buffer_append_char(answer, '"');
    } else {
        json_append_floats(answer, row, dimensions);
    }
    buffer_append_char(answer, '}');
}

static void write_embeddings(const struct texts *texts, float *rows, size_t dimensions, int format,
                             struct buffer *answer) {
    size_t dim = texts->inquiry->model->input->columns, zeros = 0;
    struct coverage all = {0};
    buffer_append_text(answer, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < texts->n; i++) {
        const struct coverage *coverage = &texts->coverage[i];
        bool zero = !normalise(rows + i * dim, dimensions);
        write_embedding(texts, i, rows + i * dim, zero, dimensions, format, answer);
        all.tokens += coverage->tokens;
        all.unknown += coverage->unknown;
        all.altered += coverage->altered;
        zeros += zero;
    }
    buffer_append_text(answer, "],\"model\":");
    json_append_string(answer, texts->inquiry->name, strlen(texts->inquiry->name));
    buffer_append_text(answer, ",\"version\":");
    json_append_string(answer, texts->inquiry->version, strlen(texts->inquiry->version));
    buffer_append_char(answer, ',');
    append_coverage(answer, &all);
    buffer_print(answer,
                 ",\"zeros\":%zu,\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64
                 "}}",
                 zeros, all.tokens, all.tokens);
}

static enum status read_weights(struct texts *texts, struct error *err) {
    const struct settings *settings = &texts->inquiry->server->settings;
    const json_t *body = texts->inquiry->body;
    int weighting = (int)settings->text_weighting;
    texts->weights.sif_a = settings->sif_a;
    texts->weights.remove_component = settings->remove_component;
    enum status status =
        field_choice(body, "weighting", CHOICE_NAMES(CHOICES_OF_text_weighting), &weighting, err);
    texts->weights.weighting = (enum setting_text_weighting)weighting;
    if (status == STATUS_OK)
        status = field_real(body, "sif_a", SIF_A_MIN, SIF_A_MAX, &texts->weights.sif_a, err);
    if (status == STATUS_OK)
        status = field_flag(body, "remove_component", &texts->weights.remove_component, err);
    return status == STATUS_OK
               ? text_weights_check(&texts->weights, texts->inquiry->model, "/weighting", err)
               : status;
}

static enum status embed(struct inquiry *inquiry, struct buffer *answer, struct error *err) {
    const struct table *table = inquiry->model->input;
    struct texts texts = {.inquiry = inquiry,
                          .unknown = (int)inquiry->server->settings.unknown_text};
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
        status = field_choice(inquiry->body, "oov", CHOICE_NAMES(CHOICES_OF_unknown_text),
                              &texts.unknown, err);
    if (status == STATUS_OK)
        status = field_text(inquiry->body, "user", &user, &length, err);
    if (status == STATUS_OK)
        status = read_weights(&texts, err);
    if (status == STATUS_OK)
        status = read_inputs(&texts, field_find(inquiry->body, "input"), err);
    if (status == STATUS_OK)
        status = inquiry_reserve(inquiry, (uint64_t)texts.n * table->columns, 4, err);
    if (status == STATUS_OK) {
        rows = calloc(texts.n * table->columns, sizeof *rows);
        if (!rows)
            status = error_set(err, STATUS_NO_MEMORY, "out of memory for %zu vectors", texts.n);
        else
            status = text_vectors(inquiry->model, &texts.weights, texts.ids, texts.starts, texts.n,
                                  rows, err);
    }
    if (status == STATUS_OK)
        write_embeddings(&texts, rows, (size_t)dimensions, format, answer);
    free(rows);
    free(texts.ids);
    free(texts.starts);
    free(texts.coverage);
    return status;
}

static enum status read_body(struct inquiry *inquiry, struct error *err) {
    static const char *const members[] = {"model", "input", "encoding_format",  "dimensions",
                                          "user",  "oov",   "remove_component", "weighting",
                                          "sif_a", NULL};
    size_t max = (size_t)inquiry->server->settings.max_batch;
    struct error why = {0};
    enum status status = json_body_texts(inquiry->server, inquiry->request, members,
                                         max + OTHER_VALUES, &inquiry->body, &why);
    if (status == STATUS_TOO_LARGE)
        return error_set_key(
            err, STATUS_REFUSED, "/input",
            "input must hold between 1 and %zu texts (max_batch), not more; " TOKEN_LISTS, max);
    return status == STATUS_OK ? STATUS_OK : error_set_key(err, status, why.key, "%s", why.text);
}

static enum status read_model_name(const json_t *body, const char **name, struct error *err) {
    size_t length = 0;
    enum status status = field_text(body, "model", name, &length, err);
    if (status == STATUS_OK && !*name)
        status = error_set_key(err, STATUS_REFUSED, "/model", "model is missing");
    if (status == STATUS_OK && strlen(*name) != length)
        status = error_set_key(err, STATUS_REFUSED, "/model", "model holds a NUL");
    return status;
}

void vectors_openai(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    struct inquiry inquiry = {.server = server,
                              .request = request,
                              .response = response,
                              .content_type = INQUIRY_JSON,
                              .refusal = 400}; /* OpenAI knows no 422 */
    struct buffer answer = request_answer(request);
    struct error err = {0};
    const char *name = NULL;
    enum status status = read_body(&inquiry, &err);
    if (status == STATUS_OK)
        status = read_model_name(inquiry.body, &name, &err);
    if (status == STATUS_OK)
        status = inquiry_hold_named(&inquiry, name, &err);
    if (inquiry.name)
        request_note(request, NOTE_MODEL, inquiry.name);
    if (status == STATUS_OK)
        status = embed(&inquiry, &answer, &err);
    inquiry_end(&inquiry, status, &answer, &err);
}
