#include "server/query/segments.h"

#include <inttypes.h>
#include <stdio.h>

/* A list of n empty lists; NULL without memory. */
static json_t *lists_create(size_t n) {
    json_t *lists = json_array();
    for (size_t i = 0; lists && i < n; i++)
        if (json_array_append_new(lists, json_array()) != 0) {
            json_decref(lists);
            return NULL;
        }
    return lists;
}

static enum status id_check(const json_t *ids, size_t at, int64_t n, bool unsorted, int64_t *id,
                            struct error *err) {
    char pointer[POINTER_SIZE];
    const json_t *item = json_array_get(ids, at);
    *id = json_integer_value(item);
    snprintf(pointer, sizeof pointer, "/segment_ids/%zu", at);
    if (!json_is_integer(item))
        return error_set_key(err, STATUS_REFUSED, pointer,
                             "segment_ids must hold whole numbers, not %s", field_kind(item));
    if (*id >= n || (*id < 0 && !unsorted))
        return error_set_key(
            err, STATUS_REFUSED, pointer, "a segment id must be %s %" PRId64 ", not %" PRId64,
            unsorted ? "below num_segments," : "from 0 to", unsorted ? n : n - 1, *id);
    return STATUS_OK;
}

static enum status order_check(const json_t *ids, struct error *err) {
    for (size_t i = 1; i < json_array_size(ids); i++) {
        int64_t id = json_integer_value(json_array_get(ids, i));
        char pointer[POINTER_SIZE];
        snprintf(pointer, sizeof pointer, "/segment_ids/%zu", i);
        if (id < json_integer_value(json_array_get(ids, i - 1)))
            return error_set_key(err, STATUS_REFUSED, pointer,
                                 "segment_ids must not fall: %" PRId64
                                 " stands behind a larger one; num_segments allows any order",
                                 id);
    }
    return STATUS_OK;
}

static bool list_put(json_t *lists, int64_t segment, const json_t *item) {
    json_t *list = json_array_get(lists, (size_t)segment);
    /* jansson counts references in the node, which is not changed otherwise */
    return json_array_append(list, (json_t *)(uintptr_t)item) == 0;
}

static enum status check_lists(const json_t *ids, const char *member, const json_t *list,
                               const json_t *weights, struct error *err) {
    size_t n = json_array_size(list);
    if (json_array_size(ids) != n)
        return error_set_key(err, STATUS_REFUSED, "/segment_ids",
                             "segment_ids must be as many as %s, %zu, not %zu", member, n,
                             json_array_size(ids));
    for (size_t i = 0; i < n; i++)
        if (json_is_array(json_array_get(list, i)))
            return error_set_key(err, STATUS_REFUSED, "/segment_ids",
                                 "segment_ids are for a plain list of %s: nested lists are "
                                 "segments already",
                                 member);
    return !weights || json_array_size(weights) == n
               ? STATUS_OK
               : error_set_key(err, STATUS_REFUSED, "/weights",
                               "weights must be as many as %s, %zu, not %zu", member, n,
                               json_array_size(weights));
}

enum status segments_read(struct segments *segments, const struct inquiry *inquiry,
                          const char *member, const json_t *list, const json_t *weights,
                          bool combined, struct error *err) {
    int64_t max = inquiry->server->settings.max_batch, n = -1;
    const json_t *ids = NULL;
    *segments = (struct segments){0};
    if (!combined)
        return error_set_key(err, STATUS_REFUSED, "/combiner", "segment_ids need a combiner: %s",
                             CHOICE_NAMES(COMBINERS));
    enum status status = field_list(inquiry->body, "segment_ids", 0, (size_t)max, &ids, err);
    if (status == STATUS_OK)
        status = field_int(inquiry->body, "num_segments", 1, max, &n, err);
    if (status == STATUS_OK)
        status = check_lists(ids, member, list, weights, err);
    if (status != STATUS_OK)
        return status;
    segments->unsorted = n >= 0;
    size_t entries = json_array_size(ids);
    int64_t last = entries == 0 ? -1 : json_integer_value(json_array_get(ids, entries - 1));
    if (!segments->unsorted && (last < 0 || last >= max))
        return error_set_key(err, STATUS_REFUSED, "/segment_ids",
                             "segment_ids must hold ids from 0 to %" PRId64
                             " (max_batch), and at least one without num_segments",
                             max - 1);
    if (!segments->unsorted) {
        n = last + 1;
        status = order_check(ids, err);
        if (status != STATUS_OK)
            return status;
    }
    segments->items = lists_create((size_t)n);
    segments->weights = weights ? lists_create((size_t)n) : NULL;
    bool good = segments->items && (!weights || segments->weights);
    for (size_t i = 0; status == STATUS_OK && good && i < entries; i++) {
        int64_t id;
        status = id_check(ids, i, n, segments->unsorted, &id, err);
        if (status != STATUS_OK || id < 0)
            continue;
        good = list_put(segments->items, id, json_array_get(list, i)) &&
               (!weights || list_put(segments->weights, id, json_array_get(weights, i)));
    }
    return status == STATUS_OK && !good
               ? error_set(err, STATUS_NO_MEMORY, "out of memory for %" PRId64 " segments", n)
               : status;
}

void segments_clear(struct segments *segments) {
    json_decref(segments->items);
    json_decref(segments->weights);
    *segments = (struct segments){0};
}
