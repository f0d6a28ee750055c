#include "server/query/selection.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The place of a node in the body, kept while walking: "/ids/3/0". */
struct place_text {
    char text[POINTER_SIZE];
    size_t length;
};

static struct place_text place_below(const struct place_text *place, size_t index) {
    struct place_text below = *place;
    int n = snprintf(below.text + below.length, sizeof below.text - below.length, "/%zu", index);
    below.length += n < 0 ? 0 : (size_t)n;
    if (below.length >= sizeof below.text)
        below.length = sizeof below.text - 1;
    return below;
}

struct reader {
    struct selection *selection;
    struct inquiry *inquiry;
    enum missing_policy missing;
    size_t max;
};

/* First pass: depth, number of leaves and of innermost lists, shape. A list at level 1 holds leaves
 * of depth 1. */
static enum status measure(struct reader *reader, const json_t *list, unsigned level,
                           const struct place_text *place, struct error *err) {
    struct selection *selection = reader->selection;
    size_t n = json_array_size(list);
    if (level > SELECTION_DEPTH)
        return error_set_key(err, STATUS_REFUSED, place->text, "%s is nested deeper than %d",
                             selection->member, SELECTION_DEPTH);
    if (selection->shape[level - 1] == SIZE_MAX)
        selection->shape[level - 1] = n;
    else if (selection->shape[level - 1] != n)
        selection->ragged[level - 1] = true;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        struct place_text below = place_below(place, i);
        enum status status = STATUS_OK;
        if (json_is_array(item)) {
            if (selection->depth != 0 && level >= selection->depth)
                return error_set_key(err, STATUS_REFUSED, below.text,
                                     "%s must be nested evenly: a list stands at depth %u, entries "
                                     "at depth %u before",
                                     selection->member, level, selection->depth);
            status = measure(reader, item, level + 1, &below, err);
        } else if (selection->depth != 0 && level != selection->depth) {
            return error_set_key(
                err, STATUS_REFUSED, below.text,
                "%s must be nested evenly: an entry stands at depth %u, others at depth %u",
                selection->member, level, selection->depth);
        } else {
            selection->depth = level;
            if (++selection->n > reader->max)
                return error_set_key(
                    err, STATUS_REFUSED, selection->member[0] != '\0' ? below.text : "word",
                    "one request may ask for %zu rows at most (max_batch)", reader->max);
        }
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Depth of a tree without a leaf, and the number of lists at the innermost level of any tree. */
static unsigned deepest(const json_t *list) {
    unsigned below = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        unsigned depth = deepest(json_array_get(list, i));
        if (depth > below)
            below = depth;
    }
    return below + 1;
}

static size_t count_lists(const json_t *list, unsigned level, unsigned depth) {
    if (level == depth)
        return 1;
    size_t lists = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        lists += count_lists(json_array_get(list, i), level + 1, depth);
    return lists;
}

static enum status read_leaf(struct reader *reader, const json_t *leaf, const json_t *weight,
                             const struct place_text *place, struct error *err) {
    struct selection *selection = reader->selection;
    struct inquiry *inquiry = reader->inquiry;
    bool words = strcmp(selection->member, "words") == 0,
         ids = strcmp(selection->member, "ids") == 0;
    if ((words && !json_is_string(leaf)) || (ids && !json_is_integer(leaf)))
        return error_set_key(err, STATUS_REFUSED, place->text, "%s must hold %s, not %s",
                             selection->member, words ? "strings" : "whole numbers",
                             field_kind(leaf));
    size_t at = selection->n++;
    selection->leaves[at] = leaf;
    if (selection->weights) {
        double value = json_number_value(weight);
        if (!json_is_number(weight) || !isfinite((float)value)) {
            char pointer[POINTER_SIZE];
            const char *tail = strchr(place->text + 1, '/');
            snprintf(pointer, sizeof pointer, "/weights%.50s", !tail ? "" : tail);
            return error_set_key(err, STATUS_REFUSED, pointer,
                                 "weights must hold a number for each entry of %s, not %s",
                                 selection->member,
                                 json_is_number(weight) ? "one too large" : field_kind(weight));
        }
        selection->weights[at] = (float)value;
    }
    if (reader->missing != MISSING_ERROR && json_is_string(leaf)) {
        selection->ids[at] = vocabulary_find(inquiry->model->vocabulary, json_string_value(leaf),
                                             json_string_length(leaf));
        if (selection->ids[at] == WORD_NONE)
            selection->absent[selection->missing++] = leaf;
        return STATUS_OK;
    }
    const char *pointer = selection->member[0] != '\0' ? place->text
                          : json_is_string(leaf)       ? "word"
                                                       : "id";
    return inquiry_item(inquiry, leaf, pointer, &selection->ids[at], err);
}

/* Second pass: leaves in order. */
static enum status flatten(struct reader *reader, const json_t *list, const json_t *weights,
                           unsigned level, const struct place_text *place, struct error *err) {
    struct selection *selection = reader->selection;
    size_t n = json_array_size(list);
    if (weights && (!json_is_array(weights) || json_array_size(weights) != n))
        return error_set_key(err, STATUS_REFUSED, "/weights",
                             "weights must have the shape of %s: they differ at %s",
                             selection->member, place->text);
    if (level == selection->depth)
        selection->starts[selection->lists++] = selection->n;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i),
                     *weight = !weights ? NULL : json_array_get(weights, i);
        struct place_text below = place_below(place, i);
        enum status status = level == selection->depth
                                 ? read_leaf(reader, item, weight, &below, err)
                                 : flatten(reader, item, weight, level + 1, &below, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status selection_read(struct selection *selection, struct inquiry *inquiry, const char *member,
                           const json_t *tree, const json_t *weights, enum missing_policy missing,
                           struct error *err) {
    *selection = (struct selection){.tree = tree, .member = member};
    /* SIZE_MAX: no list seen at that level */
    memset(selection->shape, 0xff, sizeof selection->shape);
    struct reader reader = {selection, inquiry, missing,
                            (size_t)inquiry->server->settings.max_batch};
    struct place_text root = {.length = 0};
    if (member[0] != '\0')
        root.length = (size_t)snprintf(root.text, sizeof root.text, "/%s", member);
    enum status status = measure(&reader, tree, 1, &root, err);
    if (status != STATUS_OK)
        return status;
    if (selection->depth == 0)
        selection->depth = deepest(tree);
    size_t leaves = selection->n, lists = count_lists(tree, 1, selection->depth);
    if (lists > reader.max)
        return error_set_key(err, STATUS_REFUSED, root.text,
                             "%s must hold at most %zu lists (max_batch)", member, reader.max);
    selection->ids = calloc(leaves + 1, sizeof *selection->ids);
    selection->leaves = calloc(leaves + 1, sizeof *selection->leaves);
    selection->absent = calloc(leaves + 1, sizeof *selection->absent);
    selection->starts = calloc(lists + 1, sizeof *selection->starts);
    if (weights)
        selection->weights = calloc(leaves + 1, sizeof *selection->weights);
    if (!selection->ids || !selection->leaves || !selection->absent || !selection->starts ||
        (weights && !selection->weights))
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu ids", leaves);
    selection->n = 0;
    status = flatten(&reader, tree, weights, 1, &root, err);
    selection->starts[selection->lists] = selection->n;
    for (unsigned level = 0; level < selection->depth; level++)
        if (selection->shape[level] == SIZE_MAX)
            selection->shape[level] = 0;
    return status;
}

void selection_drop_missing(struct selection *selection) {
    size_t kept = 0, list = 0;
    for (size_t i = 0; i < selection->n; i++) {
        while (list <= selection->lists && selection->starts[list] == i)
            selection->starts[list++] = kept;
        if (selection->ids[i] == WORD_NONE)
            continue;
        selection->ids[kept] = selection->ids[i];
        selection->leaves[kept] = selection->leaves[i];
        if (selection->weights)
            selection->weights[kept] = selection->weights[i];
        kept++;
    }
    while (list <= selection->lists)
        selection->starts[list++] = kept;
    selection->n = kept;
}

void selection_clear(struct selection *selection) {
    free(selection->ids);
    free(selection->leaves);
    free(selection->absent);
    free(selection->weights);
    free(selection->starts);
    *selection = (struct selection){0};
}
