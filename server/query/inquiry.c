#include "server/query/inquiry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"

#define SUGGESTIONS 5
#define SUGGEST_AMONG 100000 /* words compared: bounds the cost of an unknown word */

enum status inquiry_hold(struct inquiry *inquiry, const char *name, const char *asked,
                         struct error *err) {
    inquiry->name = name;
    return models_hold_or_suggest(inquiry->server->models, inquiry->request->key, name, asked,
                                  &inquiry->model, inquiry->version, &inquiry->members, err);
}

enum status inquiry_hold_named(struct inquiry *inquiry, const char *name, struct error *err) {
    size_t length = strcspn(name, "@");
    if (name[length] == '\0' || length >= sizeof inquiry->split)
        return inquiry_hold(inquiry, name, NULL, err);
    memcpy(inquiry->split, name, length);
    inquiry->split[length] = '\0';
    return inquiry_hold(inquiry, inquiry->split, name + length + 1, err);
}

enum status inquiry_reserve(struct inquiry *inquiry, uint64_t numbers, size_t text,
                            struct error *err) {
    uint64_t bytes, answer;
    if (__builtin_mul_overflow(numbers, sizeof(float), &bytes) ||
        __builtin_mul_overflow(numbers, text, &answer))
        bytes = answer = UINT64_MAX;
    enum status status = request_expect_answer(inquiry->request, answer, err);
    if (status == STATUS_OK)
        status = request_reserve(inquiry->request, bytes, "the answer", err);
    return status;
}

enum status inquiry_reserve_search(struct inquiry *inquiry, size_t n_vectors, size_t together,
                                   size_t k, struct error *err) {
    const struct model *model = inquiry->model;
    uint64_t bytes = search_memory(model, n_vectors, together, k, machine_threads()) +
                     (uint64_t)n_vectors * model->input->columns * sizeof(float);
    return request_reserve(inquiry->request, bytes, "the search", err);
}

void inquiry_end(struct inquiry *inquiry, enum status status, struct buffer *answer,
                 const struct error *err) {
    struct error full = {0};
    if (status == STATUS_OK && answer->failed) {
        status = buffer_explain(answer, "the answer", &full);
        err = &full;
    }
    if (status == STATUS_OK) {
        response_bytes(inquiry->response, 200, inquiry->content_type, answer);
    } else {
        const char *members = inquiry->members.failed ? NULL : inquiry->members.data;
        int code = status == STATUS_REFUSED     ? inquiry->refusal
                   : status == STATUS_CANCELLED ? 503 /* whoever still listens may ask again */
                                                : 0;
        response_error_with(inquiry->request, inquiry->response, code, err, members);
    }
    buffer_clear(answer);
    buffer_clear(&inquiry->members);
    buffer_clear(&inquiry->missing);
    json_decref(inquiry->body);
    model_drop(inquiry->model);
}

void inquiry_run(struct server *server, const struct http_request *request,
                 struct http_response *response, const struct inquiry_route *route) {
    struct inquiry inquiry = {
        .server = server, .request = request, .response = response, .content_type = INQUIRY_JSON};
    struct buffer answer = request_answer(request);
    struct error err = {0};
    enum status status = inquiry_hold(&inquiry, request->segments[0], request->version, &err);
    if (status == STATUS_OK)
        status = query_check(request, &err);
    if (status == STATUS_OK && route->members)
        status = json_body(server, request, route->members, &inquiry.body, &err);
    if (status == STATUS_OK)
        status = route->write(&inquiry, &answer, &err);
    inquiry_end(&inquiry, status, &answer, &err);
}

void inquiry_head(const struct inquiry *inquiry, struct buffer *answer) {
    buffer_append_text(answer, "{\"model\":");
    json_append_string(answer, inquiry->name, strlen(inquiry->name));
    buffer_append_text(answer, ",\"version\":");
    json_append_string(answer, inquiry->version, strlen(inquiry->version));
}

void inquiry_append_word(const struct inquiry *inquiry, struct buffer *answer, uint32_t id) {
    size_t length;
    const char *word = vocabulary_word(inquiry->model->vocabulary, id, &length);
    buffer_append_text(answer, "\"word\":");
    json_append_string(answer, word, length);
    buffer_print(answer, ",\"id\":%" PRIu32, id);
}

void inquiry_append_found(const struct inquiry *inquiry, struct buffer *answer,
                          const struct neighbor *found, size_t n) {
    buffer_append_char(answer, '[');
    for (size_t i = 0; i < n; i++) {
        buffer_append_text(answer, i == 0 ? "{" : ",{");
        inquiry_append_word(inquiry, answer, found[i].id);
        buffer_print(answer, ",\"count\":%" PRIu64 ",\"score\":",
                     vocabulary_count(inquiry->model->vocabulary, found[i].id));
        json_append_float(answer, found[i].score);
        buffer_append_char(answer, '}');
    }
    buffer_append_char(answer, ']');
}

void inquiry_append_missing(struct inquiry *inquiry, struct buffer *answer) {
    const struct buffer *missing = &inquiry->missing;
    buffer_append_text(answer, ",\"missing\":[");
    if (missing->failed)
        answer->failed = true;
    else if (missing->length > 0)
        buffer_append(answer, missing->data, missing->length);
    buffer_append_char(answer, ']');
}

void inquiry_append_words(const struct inquiry *inquiry, struct buffer *answer, const uint32_t *ids,
                          size_t n) {
    buffer_append_char(answer, '[');
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *word = vocabulary_word(inquiry->model->vocabulary, ids[i], &length);
        if (i > 0)
            buffer_append_char(answer, ',');
        json_append_string(answer, word, length);
    }
    buffer_append_char(answer, ']');
}

/* Length of word cut to what a message quotes, never inside a UTF-8 sequence. */
static int shown_length(const char *word, size_t length) {
    if (length <= QUOTED_MAX)
        return (int)length;
    size_t cut = QUOTED_MAX;
    while (cut > 0 && ((unsigned char)word[cut] & 0xc0) == 0x80)
        cut--;
    return (int)cut;
}

enum status inquiry_word(struct inquiry *inquiry, const char *word, size_t length,
                         const char *pointer, uint32_t *id, struct error *err) {
    const struct vocabulary *vocabulary = inquiry->model->vocabulary;
    *id = vocabulary_find(vocabulary, word, length);
    if (*id != WORD_NONE)
        return STATUS_OK;
    uint32_t near[SUGGESTIONS];
    size_t n = vocabulary_suggest(vocabulary, word, length, SUGGEST_AMONG, near, SUGGESTIONS);
    struct buffer *members = &inquiry->members;
    buffer_append_text(members, "\"word\":");
    json_append_string(members, word, length);
    buffer_append_text(members, ",\"suggestions\":[");
    for (size_t i = 0; i < n; i++) {
        size_t near_length;
        const char *near_word = vocabulary_word(vocabulary, near[i], &near_length);
        if (i > 0)
            buffer_append_char(members, ',');
        json_append_string(members, near_word, near_length);
    }
    buffer_append_char(members, ']');
    if (n == 0)
        return error_set_key(err, STATUS_NOT_FOUND, pointer, "no word '%.*s' in model '%s'",
                             shown_length(word, length), word, inquiry->name);
    size_t near_length;
    const char *nearest = vocabulary_word(vocabulary, near[0], &near_length);
    return error_set_key(err, STATUS_NOT_FOUND, pointer,
                         "no word '%.*s' in model '%s'; did you mean '%.*s'?",
                         shown_length(word, length), word, inquiry->name,
                         shown_length(nearest, near_length), nearest);
}

enum status inquiry_id(struct inquiry *inquiry, int64_t number, const char *pointer, uint32_t *id,
                       struct error *err) {
    uint32_t size = vocabulary_size(inquiry->model->vocabulary);
    if (number < 0 || number >= size)
        return error_set_key(err, STATUS_REFUSED, pointer,
                             "id %" PRId64 " is out of range: model '%s' has ids 0 to %" PRIu32,
                             number, inquiry->name, size - 1);
    *id = (uint32_t)number;
    return STATUS_OK;
}

void inquiry_miss(struct inquiry *inquiry, const char *word, size_t length) {
    if (inquiry->missing.length > 0)
        buffer_append_char(&inquiry->missing, ',');
    json_append_string(&inquiry->missing, word, length);
}

enum status inquiry_item(struct inquiry *inquiry, const json_t *item, const char *pointer,
                         uint32_t *id, struct error *err) {
    if (json_is_string(item)) {
        const char *word = json_string_value(item);
        size_t length = json_string_length(item);
        if (inquiry->oov == MISSING_ERROR)
            return inquiry_word(inquiry, word, length, pointer, id, err);
        *id = vocabulary_find(inquiry->model->vocabulary, word, length);
        if (*id == WORD_NONE)
            inquiry_miss(inquiry, word, length);
        return STATUS_OK;
    }
    if (json_is_integer(item))
        return inquiry_id(inquiry, json_integer_value(item), pointer, id, err);
    return error_set_key(err, STATUS_REFUSED, pointer, "%s must be a word or an id, not %s",
                         pointer, field_kind(item));
}

enum status inquiry_items(struct inquiry *inquiry, const json_t *object, const char *prefix,
                          const char *name, size_t min, uint32_t **ids, size_t *n,
                          struct error *err) {
    char pointer[POINTER_SIZE];
    size_t max = (size_t)inquiry->server->settings.max_batch;
    const json_t *list = NULL;
    *n = 0;
    enum status status = field_list(object, name, min, max, &list, err);
    if (status != STATUS_OK)
        return status;
    if (!list && min > 0) {
        snprintf(pointer, sizeof pointer, "%s/%s", prefix, name);
        return error_set_key(err, STATUS_REFUSED, pointer, "%s is missing", name);
    }
    size_t size = !list ? 0 : json_array_size(list);
    uint32_t *made = calloc(size + 1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu ids", size);
    for (size_t i = 0; status == STATUS_OK && i < size; i++) {
        snprintf(pointer, sizeof pointer, "%s/%s/%zu", prefix, name, i);
        status = inquiry_item(inquiry, json_array_get(list, i), pointer, &made[i], err);
    }
    if (status != STATUS_OK) {
        free(made);
        return status;
    }
    *ids = made;
    *n = size;
    return STATUS_OK;
}

const char *analogy_method_name(enum analogy_method method) {
    switch (method) { ANALOGY_METHODS(CHOICE_CASE) }
    return "";
}

enum status inquiry_settings(const struct inquiry *inquiry, struct settings *settings,
                             struct error *err) {
    return model_settings(inquiry->model, settings, err);
}
