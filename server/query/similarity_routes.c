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

static enum status similarity_of_body(struct inquiry *inquiry, struct buffer *answer,
                                      struct error *err) {
    const json_t *list = NULL;
    bool first = true;
    enum status status = field_choice(inquiry->body, "oov", MISSING_CHOICES, &inquiry->oov, err);
    if (status == STATUS_OK)
        status = field_list(inquiry->body, "pairs", 1, (size_t)inquiry->server->settings.max_batch,
                            &list, err);
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

/* Words that are known, and where in the request each stands. */
struct group {
    uint32_t *ids;
    size_t *places, n;
    float *scores;
};

static enum status group_read(struct group *group, struct inquiry *inquiry, struct error *err) {
    size_t all = 0;
    enum status status =
        field_choice(inquiry->body, "oov", MISSING_CHOICES_SKIP, &inquiry->oov, err);
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
    static const char *const members[] = {"pairs", "oov", NULL};
    static const struct inquiry_route route = {members, similarity_of_body};
    inquiry_run(server, request, response, &route);
}

void odd_one_out_post(struct server *server, const struct http_request *request,
                      struct http_response *response) {
    static const char *const members[] = {"words", "oov", NULL};
    static const struct inquiry_route route = {members, odd_one_out_of_body};
    inquiry_run(server, request, response, &route);
}
