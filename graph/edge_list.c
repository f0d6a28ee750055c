#include "graph/edge_list.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/number.h"
#include "base/utf8.h"
#include "corpus/text_lines.h"

#define FIELDS 3
#define FIRST_ROOM 65536u
#define SHOWN 40 /* bytes of a field in a message */

struct field {
    const char *text;
    size_t length;
};

struct edge_reading {
    struct edge_list *list;
    const struct graph_options *options;
};

static enum status bad_line(uint64_t number, struct error *err, const char *what) {
    return error_set_key(err, STATUS_MALFORMED, "format", "line %" PRIu64 " of the edges %s",
                         number, what);
}

/* ---- fields ---------------------------------------------------------------------------------- */

static size_t gap_at(const char *at, const char *end) {
    return *at == ',' ? 1 : *at > ' ' && *at < 0x7f ? 0 : utf8_separator(at, end);
}

static unsigned fields_split(const char *at, const char *end, struct field fields[FIELDS]) {
    unsigned n = 0;
    while (at < end) {
        size_t gap = 0;
        const char *start = at;
        while (at < end && (gap = gap_at(at, end)) == 0)
            at++;
        if (at > start) {
            if (n < FIELDS)
                fields[n] = (struct field){start, (size_t)(at - start)};
            n++;
        }
        at += gap;
    }
    return n;
}

static enum status weight_read(uint64_t number, const struct field *field, float *weight,
                               struct error *err) {
    char what[160];
    const char *end = field->text + field->length;
    if (number_parse_float(field->text, end, weight) == end && isfinite(*weight) && *weight > 0)
        return STATUS_OK;
    snprintf(what, sizeof what, "has the weight '%.*s': it must be a finite number above 0",
             (int)(field->length < SHOWN ? field->length : SHOWN), field->text);
    return bad_line(number, err, what);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static bool name_is(const struct edge_list *list, uint32_t node, const struct field *name) {
    uint64_t start = list->offsets[node], length = list->offsets[node + 1] - start;
    return length == name->length && memcmp(list->names.data + start, name->text, length) == 0;
}

static enum status no_memory(struct error *err) {
    return error_set_key(err, STATUS_NO_MEMORY, "max_memory", "out of memory for the graph");
}

static enum status slots_grow(struct edge_list *list, struct error *err) {
    size_t n = list->n_slots > 0 ? 2 * list->n_slots : FIRST_ROOM;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        return no_memory(err);
    for (uint32_t node = 0; node < list->nodes; node++) {
        uint64_t start = list->offsets[node];
        size_t at = checksum(list->names.data + start, list->offsets[node + 1] - start) & (n - 1);
        while (slots[at] != 0)
            at = (at + 1) & (n - 1);
        slots[at] = node + 1;
    }
    free(list->slots);
    list->slots = slots, list->n_slots = n;
    return STATUS_OK;
}

static enum status node_add(struct edge_list *list, const struct field *name, struct error *err) {
    if (list->nodes >= UINT32_MAX - 1)
        return error_set(err, STATUS_REFUSED, "more than %u nodes", UINT32_MAX - 1);
    if (list->nodes + 2 > list->offsets_room) {
        size_t room = list->offsets_room > 0 ? 2 * list->offsets_room : FIRST_ROOM;
        uint64_t *offsets = realloc(list->offsets, room * sizeof *offsets);
        if (!offsets)
            return no_memory(err);
        offsets[0] = 0;
        list->offsets = offsets, list->offsets_room = room;
    }
    buffer_append(&list->names, name->text, name->length);
    if (list->names.failed)
        return no_memory(err);
    list->offsets[++list->nodes] = list->names.length;
    return STATUS_OK;
}

static enum status node_find(struct edge_list *list, const struct field *name, uint32_t *node,
                             struct error *err) {
    enum status status = STATUS_OK;
    if ((size_t)list->nodes * 2 >= list->n_slots)
        status = slots_grow(list, err);
    if (status != STATUS_OK)
        return status;
    size_t at = checksum(name->text, name->length) & (list->n_slots - 1);
    for (; list->slots[at] != 0; at = (at + 1) & (list->n_slots - 1))
        if (name_is(list, list->slots[at] - 1, name)) {
            *node = list->slots[at] - 1;
            return STATUS_OK;
        }
    status = node_add(list, name, err);
    *node = list->nodes - 1;
    list->slots[at] = list->nodes;
    return status;
}

/* ---- edges ----------------------------------------------------------------------------------- */

static enum status edges_grow(struct edge_list *list, const struct graph_options *options,
                              struct error *err) {
    uint64_t room = list->room > 0 ? list->room + list->room / 2 : FIRST_ROOM;
    uint64_t bytes = graph_build_bytes(list->nodes, room, options->settings->edges_directed,
                                       list->weights != NULL);
    if (bytes > options->max_bytes)
        return error_set_key(err, STATUS_NO_MEMORY, "max_memory",
                             "%" PRIu64 " edges and more need %" PRIu64 " bytes of memory, %" PRIu64
                             " are allowed",
                             list->n, bytes, options->max_bytes);
    uint32_t *from = realloc(list->from, room * sizeof *from);
    list->from = from ? from : list->from;
    uint32_t *to = from ? realloc(list->to, room * sizeof *to) : NULL;
    list->to = to ? to : list->to;
    float *weights = to && list->weights ? realloc(list->weights, room * sizeof *weights) : NULL;
    list->weights = weights ? weights : list->weights;
    if (!to || (list->weights && !weights))
        return no_memory(err);
    list->room = room;
    return STATUS_OK;
}

/* Until a weight differs there are none. */
static enum status weights_begin(struct edge_list *list, struct error *err) {
    list->weights = malloc(list->room * sizeof *list->weights);
    if (!list->weights)
        return no_memory(err);
    for (uint64_t i = 0; i < list->n; i++)
        list->weights[i] = 1;
    return STATUS_OK;
}

static enum status line_take(void *context, uint64_t number, const char *line, size_t length,
                             struct error *err) {
    struct edge_reading *reading = context;
    struct edge_list *list = reading->list;
    struct field fields[FIELDS];
    uint32_t from = 0, to = 0;
    float weight = 1;
    unsigned n = fields_split(line, line + length, fields);
    list->lines++, list->bytes += length + 1;
    if (n == 0 || fields[0].text[0] == '#')
        return STATUS_OK;
    if (n < 2 || n > FIELDS) {
        char what[120];
        snprintf(what, sizeof what,
                 "is no edge: two nodes and perhaps a weight, but here are %u fields", n);
        return bad_line(number, err, what);
    }
    enum status status = n == FIELDS ? weight_read(number, &fields[2], &weight, err) : STATUS_OK;
    if (status == STATUS_OK)
        status = node_find(list, &fields[0], &from, err);
    if (status == STATUS_OK)
        status = node_find(list, &fields[1], &to, err);
    if (status != STATUS_OK)
        return status;
    list->report.edges++;
    if (from == to) {
        list->report.loops++;
        return STATUS_OK;
    }
    if (list->n == list->room)
        status = edges_grow(list, reading->options, err);
    if (status == STATUS_OK && weight != 1.0f && !list->weights)
        status = weights_begin(list, err);
    if (status != STATUS_OK)
        return status;
    list->from[list->n] = from, list->to[list->n] = to;
    if (list->weights)
        list->weights[list->n] = weight;
    list->n++;
    return STATUS_OK;
}

enum status edge_list_read(struct edge_list *list, const struct graph_options *options,
                           struct error *err) {
    struct edge_reading reading = {list, options};
    const struct text_lines lines = {.settings = options->settings,
                                     .path = options->path,
                                     .subject = "the list of edges",
                                     .request = options->request,
                                     .visit = line_take,
                                     .context = &reading};
    *list = (struct edge_list){0};
    enum status status = text_lines_read(&lines, err);
    if (status == STATUS_OK && list->n == 0)
        status = error_set_key(err, STATUS_REFUSED, "format",
                               "the list of edges has no edge between two nodes (%" PRIu64
                               " lines, %" PRIu64 " from a node to itself)",
                               list->lines, list->report.loops);
    return status;
}

void edge_list_drop_edges(struct edge_list *list) {
    free(list->from);
    free(list->to);
    free(list->weights);
    list->from = list->to = NULL;
    list->weights = NULL;
}

void edge_list_clear(struct edge_list *list) {
    edge_list_drop_edges(list);
    buffer_clear(&list->names);
    free(list->offsets);
    free(list->slots);
    *list = (struct edge_list){0};
}
