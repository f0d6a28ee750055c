/* Questions answered by the cosines of given words: similarities of pairs, the odd one out. */
#include <stdio.h>
#include <stdlib.h>

#include "server/query/inquiry.h"

static void write_pair(const struct inquiry *inquiry, const json_t *pair, size_t index,
                       const uint32_t ids[2], bool first, struct buffer *answer) {
    bool known = ids[0] != WORD_NONE && ids[1] != WORD_NONE;
    buffer_print(answer, "%s{\"index\":%zu,\"pair\":[", first ? "" : ",", index);
    for (unsigned side = 0; side < 2; side++) {
        const json_t *item = json_array_get(pair, side);
        size_t length = json_string_length(item);
        const char *word = ids[side] == WORD_NONE
                               ? json_string_value(item)
                               : vocabulary_word(inquiry->model->vocabulary, ids[side], &length);
        if (side > 0)
            buffer_append_char(answer, ',');
        json_append_string(answer, word, length);
    }
    buffer_append_text(answer, "],\"similarity\":");
    json_append_float(answer, known ? (float)search_similarity(inquiry->model, ids[0], ids[1]) : 0);
    buffer_append_char(answer, '}');
}

static enum status similarity_of_pairs(struct inquiry *inquiry, struct buffer *answer,
                                       struct error *err) {
    const json_t *list = NULL;
    bool first = true;
    enum status status = field_list(inquiry->body, "pairs", 1,
                                    (size_t)inquiry->server->settings.max_batch, &list, err);
    if (status == STATUS_OK && !list)
        status = error_set_key(err, STATUS_REFUSED, "/pairs", "pairs is missing");
    inquiry_head(inquiry, answer);
    buffer_append_text(answer, ",\"data\":[");
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i);
        char pointer[POINTER_SIZE];
        uint32_t ids[2] = {0, 0};
        snprintf(pointer, sizeof pointer, "/pairs/%zu", i);
        if (!json_is_array(pair) || json_array_size(pair) != 2)
            return error_set_key(err, STATUS_REFUSED, pointer,
                                 "a pair must be a list of two words");
        for (unsigned side = 0; status == STATUS_OK && side < 2; side++) {
            snprintf(pointer, sizeof pointer, "/pairs/%zu/%u", i, side);
            status = inquiry_item(inquiry, json_array_get(pair, side), pointer, &ids[side], err);
        }
        if (status != STATUS_OK)
            return status;
        bool known = ids[0] != WORD_NONE && ids[1] != WORD_NONE;
        if (!known && inquiry->oov == MISSING_SKIP)
            continue;
        write_pair(inquiry, pair, i, ids, first, answer);
        first = false;
    }
    buffer_append_char(answer, ']');
    inquiry_append_missing(inquiry, answer);
    buffer_append_char(answer, '}');
    return status;
}

/* A list of words; under MISSING_SKIP only those that are known. */
struct side {
    uint32_t *ids;
    size_t n;
};

static enum status side_read(struct side *side, struct inquiry *inquiry, const char *name,
                             struct error *err) {
    size_t all = 0;
    enum status status = inquiry_items(inquiry, inquiry->body, "", name, 1, &side->ids, &all, err);
    for (size_t i = 0; status == STATUS_OK && i < all; i++)
        if (side->ids[i] != WORD_NONE || inquiry->oov == MISSING_ZERO)
            side->ids[side->n++] = side->ids[i];
    return status;
}

/* Names of the words; null for one that is not known. */
static void write_side(const struct inquiry *inquiry, const char *name, const struct side *side,
                       struct buffer *answer) {
    buffer_print(answer, ",\"%s\":[", name);
    for (size_t i = 0; i < side->n; i++) {
        size_t length;
        if (i > 0)
            buffer_append_char(answer, ',');
        if (side->ids[i] == WORD_NONE) {
            buffer_append_text(answer, "null");
            continue;
        }
        const char *word = vocabulary_word(inquiry->model->vocabulary, side->ids[i], &length);
        json_append_string(answer, word, length);
    }
    buffer_append_char(answer, ']');
}

static enum status write_matrix(struct inquiry *inquiry, const struct side *rows,
                                const struct side *columns, struct buffer *answer,
                                struct error *err) {
    buffer_append_text(answer, ",\"matrix\":[");
    for (size_t i = 0; i < rows->n; i++) {
        enum status status = stop_check(request_stop(inquiry->request), "the matrix", err);
        if (status != STATUS_OK)
            return status;
        buffer_append_text(answer, i == 0 ? "[" : ",[");
        for (size_t j = 0; j < columns->n; j++) {
            bool known = rows->ids[i] != WORD_NONE && columns->ids[j] != WORD_NONE;
            if (j > 0)
                buffer_append_char(answer, ',');
            json_append_float(answer, known ? (float)search_similarity(inquiry->model, rows->ids[i],
                                                                       columns->ids[j])
                                            : 0);
        }
        buffer_append_char(answer, ']');
    }
    buffer_append_char(answer, ']');
    return STATUS_OK;
}

/* Each of `words` with each of `others`, or with each of `words`. */
static enum status similarity_matrix(struct inquiry *inquiry, struct buffer *answer,
                                     struct error *err) {
    struct side words = {0}, others = {0};
    bool two = field_find(inquiry->body, "others") != NULL;
    enum status status = side_read(&words, inquiry, "words", err);
    if (status == STATUS_OK && two)
        status = side_read(&others, inquiry, "others", err);
    const struct side *columns = two ? &others : &words;
    if (status == STATUS_OK)
        status = inquiry_reserve(inquiry, (uint64_t)words.n * columns->n, 2, err);
    if (status == STATUS_OK) {
        inquiry_head(inquiry, answer);
        write_side(inquiry, "words", &words, answer);
        write_side(inquiry, "others", columns, answer);
        status = write_matrix(inquiry, &words, columns, answer, err);
        inquiry_append_missing(inquiry, answer);
        buffer_append_char(answer, '}');
    }
    free(words.ids);
    free(others.ids);
    return status;
}

static enum status similarity_of_body(struct inquiry *inquiry, struct buffer *answer,
                                      struct error *err) {
    bool pairs = field_find(inquiry->body, "pairs") != NULL,
         words = field_find(inquiry->body, "words") != NULL,
         others = field_find(inquiry->body, "others") != NULL;
    enum status status =
        field_choice(inquiry->body, "oov", CHOICE_NAMES(MISSING_POLICIES), &inquiry->oov, err);
    if (status == STATUS_OK && (words || others) && pairs)
        status = error_set_key(err, STATUS_REFUSED, "/pairs",
                               "give either pairs, or words with others or alone, not both");
    if (status != STATUS_OK)
        return status;
    return words || others ? similarity_matrix(inquiry, answer, err)
                           : similarity_of_pairs(inquiry, answer, err);
}

/* Words that are known, and where in the request each stands. */
struct group {
    uint32_t *ids;
    size_t *places, n;
    float *scores;
};

static enum status group_read(struct group *group, struct inquiry *inquiry, struct error *err) {
    size_t all = 0;
    enum status status =
        field_choice(inquiry->body, "oov", CHOICE_NAMES(MISSING_POLICIES_SKIP), &inquiry->oov, err);
    if (status == STATUS_OK)
        status = inquiry_items(inquiry, inquiry->body, "", "words", 3, &group->ids, &all, err);
    if (status != STATUS_OK)
        return status;
    group->places = calloc(all, sizeof *group->places);
    group->scores = calloc(all, sizeof *group->scores);
    if (!group->places || !group->scores)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu scores", all);
    for (size_t i = 0; i < all; i++)
        if (group->ids[i] != WORD_NONE) {
            group->ids[group->n] = group->ids[i];
            group->places[group->n++] = i;
        }
    if (group->n < 3)
        return error_set_key(err, STATUS_REFUSED, "/words",
                             "words must hold at least 3 words that model '%s' knows, not %zu",
                             inquiry->name, group->n);
    return STATUS_OK;
}

static enum status odd_one_out_of_body(struct inquiry *inquiry, struct buffer *answer,
                                       struct error *err) {
    struct group group = {0};
    size_t odd = 0;
    enum status status = group_read(&group, inquiry, err);
    if (status == STATUS_OK)
        status = search_odd_one_out(inquiry->model, group.ids, group.n, &odd, group.scores, err);
    if (status == STATUS_OK) {
        inquiry_head(inquiry, answer);
        buffer_append_char(answer, ',');
        inquiry_append_word(inquiry, answer, group.ids[odd]);
        buffer_print(answer, ",\"index\":%zu,\"scores\":[", group.places[odd]);
        for (size_t i = 0; i < group.n; i++) {
            buffer_append_text(answer, i == 0 ? "{" : ",{");
            inquiry_append_word(inquiry, answer, group.ids[i]);
            buffer_append_text(answer, ",\"score\":");
            json_append_float(answer, group.scores[i]);
            buffer_append_char(answer, '}');
        }
        buffer_append_char(answer, ']');
        inquiry_append_missing(inquiry, answer);
        buffer_append_char(answer, '}');
    }
    free(group.scores);
    free(group.places);
    free(group.ids);
    return status;
}

void similarity_post(struct server *server, const struct http_request *request,
                     struct http_response *response) {
    static const char *const members[] = {"pairs", "words", "others", "oov", NULL};
    static const struct inquiry_route route = {members, similarity_of_body};
    inquiry_run(server, request, response, &route);
}

void odd_one_out_post(struct server *server, const struct http_request *request,
                      struct http_response *response) {
    static const char *const members[] = {"words", "oov", NULL};
    static const struct inquiry_route route = {members, odd_one_out_of_body};
    inquiry_run(server, request, response, &route);
}
