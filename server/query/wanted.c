#include "server/query/wanted.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_K 10

static struct wanted wanted_default(void) {
    return (struct wanted){.k = DEFAULT_K, .min_score = -INFINITY};
}

/* k was checked; the search looks for both. `slash`: "/" for members of a body. */
static enum status check_sum(const struct wanted *wanted, const struct inquiry *inquiry,
                             const char *slash, struct error *err) {
    int64_t max = inquiry->server->settings.max_neighbors;
    char key[POINTER_SIZE];
    snprintf(key, sizeof key, "%soffset", slash);
    return wanted->offset <= max - wanted->k
               ? STATUS_OK
               : error_set_key(err, STATUS_REFUSED, key,
                               "offset and k must be %" PRId64
                               " at most together (max_neighbors), not %" PRId64,
                               max, wanted->offset + wanted->k);
}

static enum status bits_need(struct wanted *wanted, struct inquiry *inquiry, bool set,
                             struct error *err) {
    const struct vocabulary *vocabulary = inquiry->model->vocabulary;
    if (wanted->allowed)
        return STATUS_OK;
    enum status status =
        request_reserve(inquiry->request, vocabulary_size(vocabulary) / 8 + 8, "the search", err);
    if (status != STATUS_OK)
        return status;
    wanted->allowed = word_bits_create(vocabulary, set);
    return wanted->allowed ? STATUS_OK
                           : error_set(err, STATUS_NO_MEMORY, "out of memory for a set of words");
}

/* Words of a member become bits that are set, in a set that is empty before, or cleared. */
static enum status take_words(struct wanted *wanted, struct inquiry *inquiry, const char *name,
                              bool set, struct error *err) {
    uint32_t *ids = NULL;
    size_t n = 0;
    enum status status =
        inquiry_items(inquiry, inquiry->body, "", name, set ? 1 : 0, &ids, &n, err);
    if (status == STATUS_OK && (set || n > 0))
        status = bits_need(wanted, inquiry, !set, err);
    for (size_t i = 0; status == STATUS_OK && i < n; i++)
        if (ids[i] != WORD_NONE)
            word_bits_put(wanted->allowed, ids[i], set);
    free(ids);
    return status;
}

static enum status take_prefixes(struct wanted *wanted, struct inquiry *inquiry,
                                 struct error *err) {
    const json_t *member = field_find(inquiry->body, "prefix"), *list = NULL;
    bool many = json_is_array(member);
    size_t n = 1;
    enum status status = STATUS_OK;
    if (!member)
        return STATUS_OK;
    if (many) {
        status = field_list(inquiry->body, "prefix", 1, (size_t)inquiry->server->settings.max_batch,
                            &list, err);
        n = json_array_size(member);
    }
    if (status == STATUS_OK)
        status = bits_need(wanted, inquiry, true, err);
    if (status != STATUS_OK)
        return status;
    const char **texts = calloc(n, sizeof *texts);
    size_t *lengths = calloc(n, sizeof *lengths);
    if (!texts || !lengths)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for %zu texts", n);
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        const json_t *item = many ? json_array_get(list, i) : member;
        char pointer[POINTER_SIZE] = "/prefix";
        if (many)
            snprintf(pointer, sizeof pointer, "/prefix/%zu", i);
        if (!json_is_string(item))
            status = error_set_key(err, STATUS_REFUSED, pointer,
                                   "prefix must be a string or a list of strings, not %s",
                                   field_kind(item));
        else {
            texts[i] = json_string_value(item);
            lengths[i] = json_string_length(item);
        }
    }
    if (status == STATUS_OK)
        word_bits_keep_prefixes(inquiry->model->vocabulary, texts, lengths, n, wanted->allowed);
    free(texts);
    free(lengths);
    return status;
}

enum status wanted_of_body(struct wanted *wanted, struct inquiry *inquiry, struct error *err) {
    const json_t *body = inquiry->body;
    int64_t max = inquiry->server->settings.max_neighbors;
    *wanted = wanted_default();
    if (max < wanted->k)
        wanted->k = max;
    enum status status =
        field_choice(body, "oov", CHOICE_NAMES(MISSING_POLICIES_SKIP), &inquiry->oov, err);
    if (status == STATUS_OK)
        status = field_int(body, "k", 1, max, &wanted->k, err);
    if (status == STATUS_OK)
        status = field_int(body, "offset", 0, max, &wanted->offset, err);
    if (status == STATUS_OK)
        status = check_sum(wanted, inquiry, "/", err);
    if (status == STATUS_OK)
        status = field_real(body, "min_score", -FLT_MAX, FLT_MAX, &wanted->min_score, err);
    if (status != STATUS_OK)
        return status;
    status = json_is_array(field_find(body, "among"))
                 ? take_words(wanted, inquiry, "among", true, err)
                 : field_int(body, "among", 0, UINT32_MAX, &wanted->among, err);
    if (status == STATUS_OK)
        status = take_words(wanted, inquiry, "exclude", false, err);
    return status == STATUS_OK ? take_prefixes(wanted, inquiry, err) : status;
}

static enum status take_query_words(struct wanted *wanted, struct inquiry *inquiry,
                                    struct error *err) {
    const char *word;
    enum status status = STATUS_OK;
    for (size_t i = 0;
         status == STATUS_OK && (word = request_query(inquiry->request, "exclude", i)); i++) {
        uint32_t id = vocabulary_find(inquiry->model->vocabulary, word, strlen(word));
        if (id == WORD_NONE && inquiry->oov == MISSING_ERROR)
            return inquiry_word(inquiry, word, strlen(word), "exclude", &id, err);
        if (id == WORD_NONE) {
            inquiry_miss(inquiry, word, strlen(word));
            continue;
        }
        status = bits_need(wanted, inquiry, true, err);
        if (status == STATUS_OK)
            word_bits_put(wanted->allowed, id, false);
    }
    return status;
}

#define QUERY_PREFIXES 64

static enum status take_query_prefixes(struct wanted *wanted, struct inquiry *inquiry,
                                       struct error *err) {
    const char *texts[QUERY_PREFIXES];
    size_t lengths[QUERY_PREFIXES], n = 0;
    for (const char *text; (text = request_query(inquiry->request, "prefix", n)); n++) {
        if (n == QUERY_PREFIXES)
            return error_set_key(err, STATUS_REFUSED, "prefix",
                                 "a query takes %d prefixes at most; POST takes more",
                                 QUERY_PREFIXES);
        texts[n] = text;
        lengths[n] = strlen(text);
    }
    enum status status = n > 0 ? bits_need(wanted, inquiry, true, err) : STATUS_OK;
    if (status == STATUS_OK && n > 0)
        word_bits_keep_prefixes(inquiry->model->vocabulary, texts, lengths, n, wanted->allowed);
    return status;
}

enum status wanted_of_query(struct wanted *wanted, struct inquiry *inquiry, struct error *err) {
    const struct http_request *request = inquiry->request;
    int64_t max = inquiry->server->settings.max_neighbors;
    *wanted = wanted_default();
    if (max < wanted->k)
        wanted->k = max;
    enum status status =
        query_choice(request, "oov", CHOICE_NAMES(MISSING_POLICIES_SKIP), &inquiry->oov, err);
    if (status == STATUS_OK)
        status = query_int(request, "k", 1, max, &wanted->k, err);
    if (status == STATUS_OK)
        status = query_int(request, "offset", 0, max, &wanted->offset, err);
    if (status == STATUS_OK)
        status = check_sum(wanted, inquiry, "", err);
    if (status == STATUS_OK)
        status = query_int(request, "among", 0, UINT32_MAX, &wanted->among, err);
    if (status == STATUS_OK)
        status = query_real(request, "min_score", -FLT_MAX, FLT_MAX, &wanted->min_score, err);
    if (status == STATUS_OK)
        status = take_query_words(wanted, inquiry, err);
    return status == STATUS_OK ? take_query_prefixes(wanted, inquiry, err) : status;
}

void wanted_clear(struct wanted *wanted) {
    free(wanted->allowed);
    wanted->allowed = NULL;
}

struct candidates wanted_candidates(const struct wanted *wanted) {
    return (struct candidates){.among = (uint32_t)wanted->among, .allowed = wanted->allowed};
}

size_t wanted_cut(const struct wanted *wanted, const struct neighbor *found, size_t n,
                  size_t *begin) {
    size_t end = n;
    while (end > 0 && found[end - 1].score < (float)wanted->min_score)
        end--;
    *begin = (size_t)wanted->offset < end ? (size_t)wanted->offset : end;
    return end - *begin;
}
