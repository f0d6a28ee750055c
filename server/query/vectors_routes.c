/* Rows of a model: by word or id, nested, combined; and the vocabulary. */
#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "server/query/representation.h"
#include "server/query/segments.h"
#include "server/query/selection.h"

#define NO_COMBINER (-1)
#define NORM_MAX 1e30

struct lookup {
    struct inquiry *inquiry;
    struct selection selection;
    int missing;       /* enum missing_policy */
    int combiner;      /* enum combiner or NO_COMBINER */
    bool lowest_empty; /* a list of nothing is the lowest number under max, the highest under min */
    double max_norm;
    enum representation as;
    float *rows; /* [n_rows, dim] */
    size_t n_rows;
};

/* Rows of leaves that are known, one after the other; rows of unknown ones are left as zeros, or
 * left out when skipped. */
static enum status gather_rows(struct lookup *lookup, struct error *err) {
    const struct selection *selection = &lookup->selection;
    const struct table *table = lookup->inquiry->model->input;
    size_t row = 0;
    for (size_t i = 0; i < selection->n;) {
        size_t run = 0;
        while (i + run < selection->n && selection->ids[i + run] != WORD_NONE)
            run++;
        if (run == 0) {
            i++;
            row += lookup->missing == MISSING_ZERO;
            continue;
        }
        enum status status =
            lookup_rows(table, table->columns, selection->ids + i, run, lookup->max_norm,
                        lookup->rows + row * table->columns, err);
        if (status != STATUS_OK)
            return status;
        i += run;
        row += run;
    }
    lookup->n_rows = row;
    return STATUS_OK;
}

/* Under MISSING_ZERO an unknown word counts as a zero row: a small table of the rows asked for
 * holds those too. */
static enum status combine_with_zeros(struct lookup *lookup, struct error *err) {
    struct selection *selection = &lookup->selection;
    const struct table *table = lookup->inquiry->model->input;
    uint32_t dim = table->columns, n = (uint32_t)selection->n;
    struct table *rows = NULL;
    uint32_t *ids = calloc((size_t)n + 1, sizeof *ids);
    enum status status =
        !ids ? error_set(err, STATUS_NO_MEMORY, "out of memory for %" PRIu32 " ids", n)
             : table_create(&rows, n, dim, 1, PARTITION_MOD, err);
    for (uint32_t i = 0; status == STATUS_OK && i < n; i++) {
        ids[i] = i;
        if (selection->ids[i] != WORD_NONE)
            status = lookup_rows(table, dim, &selection->ids[i], 1, 0, table_row(rows, i), err);
    }
    if (status == STATUS_OK)
        status =
            lookup_combined(rows, dim, ids, selection->weights, selection->starts, selection->lists,
                            (enum combiner)lookup->combiner, lookup->max_norm, lookup->rows, err);
    table_free(rows);
    free(ids);
    return status;
}

/* Segments without an entry, as tf.math.unsorted_segment_max and min leave them. */
static void fill_empty(struct lookup *lookup) {
    const struct selection *selection = &lookup->selection;
    uint32_t dim = lookup->inquiry->model->input->columns;
    if (!lookup->lowest_empty ||
        (lookup->combiner != COMBINER_MAX && lookup->combiner != COMBINER_MIN))
        return;
    for (size_t list = 0; list < selection->lists; list++)
        for (uint32_t i = 0; selection->starts[list] == selection->starts[list + 1] && i < dim; i++)
            lookup->rows[list * dim + i] = lookup->combiner == COMBINER_MAX ? -FLT_MAX : FLT_MAX;
}

static enum status gather(struct lookup *lookup, struct error *err) {
    struct selection *selection = &lookup->selection;
    const struct table *table = lookup->inquiry->model->input;
    size_t max = lookup->combiner == NO_COMBINER ? selection->n : selection->lists;
    bool zeros = lookup->combiner != NO_COMBINER && lookup->missing == MISSING_ZERO;
    uint64_t numbers = (uint64_t)max * table->columns;
    enum status status = STATUS_OK;
    if (zeros && selection->missing > 0) /* see combine_with_zeros */
        status =
            request_reserve(lookup->inquiry->request,
                            table_bytes((uint32_t)selection->n, table->columns), "the answer", err);
    if (status == STATUS_OK)
        status = inquiry_reserve(lookup->inquiry, numbers, lookup->as == AS_JSON ? 2 : 4, err);
    if (status != STATUS_OK)
        return status;
    lookup->rows = calloc(max * table->columns + 1, sizeof *lookup->rows);
    if (!lookup->rows)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu rows", max);
    if (lookup->combiner == NO_COMBINER)
        return gather_rows(lookup, err);
    lookup->n_rows = max;
    if (selection->missing > 0 && lookup->missing == MISSING_ZERO) {
        status = combine_with_zeros(lookup, err);
        if (status == STATUS_OK)
            fill_empty(lookup);
        return status;
    }
    selection_drop_missing(selection);
    status = lookup_combined(table, table->columns, selection->ids, selection->weights,
                             selection->starts, selection->lists, (enum combiner)lookup->combiner,
                             lookup->max_norm, lookup->rows, err);
    if (status == STATUS_OK)
        fill_empty(lookup);
    return status;
}

/* ---- the JSON form --------------------------------------------------------------------------- */

struct renderer {
    const struct lookup *lookup;
    struct buffer *answer;
    size_t leaf, row, list; /* next to be written */
};

static void render_vector(struct renderer *renderer) {
    size_t dim = renderer->lookup->inquiry->model->input->columns;
    buffer_append_text(renderer->answer, "\"vector\":");
    json_append_floats(renderer->answer, renderer->lookup->rows + renderer->row * dim, dim);
    renderer->row++;
    buffer_append_char(renderer->answer, '}');
}

static void render_leaf(struct renderer *renderer, uint32_t id, const json_t *leaf) {
    struct buffer *answer = renderer->answer;
    const struct model *model = renderer->lookup->inquiry->model;
    buffer_append_char(answer, '{');
    if (id == WORD_NONE) {
        buffer_append_text(answer, "\"word\":");
        json_append_string(answer, json_string_value(leaf), json_string_length(leaf));
        buffer_append_text(answer, ",\"id\":null,\"count\":0,\"shard\":null,\"row\":null,");
    } else {
        struct place place =
            partition_place(model->input->partition, model->input->rows, model->input->shards, id);
        inquiry_append_word(renderer->lookup->inquiry, answer, id);
        buffer_print(answer, ",\"count\":%" PRIu64 ",\"shard\":%" PRIu32 ",\"row\":%" PRIu32 ",",
                     vocabulary_count(model->vocabulary, id), place.shard, place.row);
    }
    render_vector(renderer);
}

static void render_combined(struct renderer *renderer) {
    const struct selection *selection = &renderer->lookup->selection;
    size_t list = renderer->list++;
    buffer_print(renderer->answer, "{\"entries\":%zu,",
                 selection->starts[list + 1] - selection->starts[list]);
    render_vector(renderer);
}

/* The list as it was asked for, entries replaced by rows, or innermost lists by what they combine
 * to. */
static void render_list(struct renderer *renderer, const json_t *list, unsigned level) {
    const struct lookup *lookup = renderer->lookup;
    const struct selection *selection = &lookup->selection;
    bool first = true;
    if (level == selection->depth && lookup->combiner != NO_COMBINER) {
        render_combined(renderer);
        return;
    }
    buffer_append_char(renderer->answer, '[');
    for (size_t i = 0; i < json_array_size(list); i++) {
        bool leaf = level == selection->depth;
        size_t at = leaf ? renderer->leaf++ : 0;
        if (leaf && selection->ids[at] == WORD_NONE && lookup->missing == MISSING_SKIP)
            continue;
        if (!first)
            buffer_append_char(renderer->answer, ',');
        first = false;
        if (leaf)
            render_leaf(renderer, selection->ids[at], selection->leaves[at]);
        else
            render_list(renderer, json_array_get(list, i), level + 1);
    }
    buffer_append_char(renderer->answer, ']');
}

static void write_json(const struct lookup *lookup, struct buffer *answer) {
    const struct selection *selection = &lookup->selection;
    struct renderer renderer = {.lookup = lookup, .answer = answer};
    bool one = selection->depth == 1 && lookup->combiner != NO_COMBINER;
    inquiry_head(lookup->inquiry, answer);
    buffer_print(answer, ",\"dim\":%" PRIu32 ",\"data\":%s", lookup->inquiry->model->input->columns,
                 one ? "[" : "");
    render_list(&renderer, selection->tree, 1);
    buffer_append_text(answer, one ? "],\"missing\":[" : ",\"missing\":[");
    for (size_t i = 0; i < selection->missing; i++) {
        if (i > 0)
            buffer_append_char(answer, ',');
        json_append_string(answer, json_string_value(selection->absent[i]),
                           json_string_length(selection->absent[i]));
    }
    buffer_append_text(answer, "]}");
}

/* ---- the array forms ------------------------------------------------------------------------- */

static enum status write_array(struct lookup *lookup, struct buffer *answer, struct error *err) {
    const struct selection *selection = &lookup->selection;
    bool combined = lookup->combiner != NO_COMBINER,
         skipped = lookup->missing == MISSING_SKIP && selection->missing > 0;
    unsigned levels = combined ? selection->depth - 1 : selection->depth;
    size_t shape[SELECTION_DEPTH + 1];
    for (unsigned level = 0; level < levels; level++) {
        if (selection->ragged[level])
            return error_set_key(
                err, STATUS_REFUSED, selection->member,
                "%s must be lists of equal length to be answered as an array; JSON keeps any shape",
                selection->member);
        shape[level] = selection->shape[level];
    }
    if (skipped && !combined) {
        if (selection->depth > 1)
            return error_set_key(err, STATUS_REFUSED, "oov",
                                 "nested %s of which %zu are skipped have no shape as an array; "
                                 "use oov zero, or JSON",
                                 selection->member, selection->missing);
        shape[0] = lookup->n_rows;
    }
    if (levels == 0)
        shape[levels++] = 1; /* one plain list combined: one row */
    shape[levels++] = lookup->inquiry->model->input->columns;
    if (selection->missing > 0)
        response_header(lookup->inquiry->response, "X-Missing", "%zu", selection->missing);
    representation_write(lookup->inquiry, lookup->as, lookup->rows, shape, levels, answer);
    return STATUS_OK;
}

static enum status lookup_answer(struct lookup *lookup, const char *member, const json_t *tree,
                                 const json_t *weights, struct buffer *answer, struct error *err) {
    response_header(lookup->inquiry->response, "Vary", "Accept");
    enum status status = representation_choose(lookup->inquiry, &lookup->as, err);
    if (status == STATUS_OK)
        status = selection_read(&lookup->selection, lookup->inquiry, member, tree, weights,
                                (enum missing_policy)lookup->missing, err);
    if (status == STATUS_OK)
        status = gather(lookup, err);
    if (status == STATUS_OK && lookup->as == AS_JSON)
        write_json(lookup, answer);
    else if (status == STATUS_OK)
        status = write_array(lookup, answer, err);
    free(lookup->rows);
    selection_clear(&lookup->selection);
    return status;
}

/* ---- routes ---------------------------------------------------------------------------------- */

struct query_tree {
    json_t *list;
    struct error *err;
};

static void visit_item(void *context, const char *key, const char *value) {
    struct query_tree *tree = context;
    int64_t number;
    json_t *item = NULL;
    if (strcmp(key, "word") == 0)
        /* any bytes: a word may be what is no UTF-8 */
        item = json_stringn_nocheck(value, strlen(value));
    else if (strcmp(key, "id") != 0)
        return;
    else if (number_parse_int(value, &number))
        item = json_integer(number);
    else
        error_set_key(tree->err, STATUS_REFUSED, "id", "id must be a whole number, not '%.*s'",
                      QUOTED_MAX, value);
    if (item && json_array_append_new(tree->list, item) != 0)
        error_set(tree->err, STATUS_NO_MEMORY, "out of memory for the words asked for");
}

static enum status vectors_of_query(struct inquiry *inquiry, struct buffer *answer,
                                    struct error *err) {
    struct lookup lookup = {.inquiry = inquiry,
                            .combiner = NO_COMBINER,
                            .max_norm = inquiry->model->info.default_max_norm};
    struct error first = {0};
    struct query_tree tree = {json_array(), &first};
    enum status status =
        query_real(inquiry->request, "max_norm", 0, NORM_MAX, &lookup.max_norm, err);
    if (status == STATUS_OK)
        status = query_choice(inquiry->request, "oov", CHOICE_NAMES(MISSING_POLICIES),
                              &lookup.missing, err);
    if (status == STATUS_OK) {
        request_query_visit(inquiry->request, visit_item, &tree);
        if (first.status != STATUS_OK)
            status = error_set_key(err, first.status, first.key, "%s", first.text);
        else if (!tree.list || json_array_size(tree.list) == 0)
            status = error_set_key(err, STATUS_REFUSED, "word",
                                   "name rows by word=... or id=..., any number of them");
        else
            status = lookup_answer(&lookup, "", tree.list, NULL, answer, err);
    }
    json_decref(tree.list);
    return status;
}

static enum status vectors_of_body(struct inquiry *inquiry, struct buffer *answer,
                                   struct error *err) {
    struct lookup lookup = {.inquiry = inquiry,
                            .combiner = NO_COMBINER,
                            .max_norm = inquiry->model->info.default_max_norm};
    const json_t *words = NULL, *ids = NULL, *weights = NULL, *body = inquiry->body;
    enum status status = field_list(body, "words", 0, SIZE_MAX, &words, err);
    if (status == STATUS_OK)
        status = field_list(body, "ids", 0, SIZE_MAX, &ids, err);
    if (status == STATUS_OK)
        status = field_list(body, "weights", 0, SIZE_MAX, &weights, err);
    if (status == STATUS_OK)
        status = field_real(body, "max_norm", 0, NORM_MAX, &lookup.max_norm, err);
    if (status == STATUS_OK)
        status = field_choice(body, "combiner", CHOICE_NAMES(COMBINERS), &lookup.combiner, err);
    if (status == STATUS_OK)
        status = field_choice(body, "oov", CHOICE_NAMES(MISSING_POLICIES), &lookup.missing, err);
    if (status != STATUS_OK)
        return status;
    if ((!words) == (!ids))
        return error_set_key(err, STATUS_REFUSED, !words ? "/words" : "/ids",
                             "give either words or ids%s", !words ? "" : ", not both");
    if (weights && lookup.combiner == NO_COMBINER)
        return error_set_key(err, STATUS_REFUSED, "/weights", "weights need a combiner: %s",
                             CHOICE_NAMES(COMBINERS));
    const char *member = words ? "words" : "ids";
    if (!field_find(body, "segment_ids"))
        return field_find(body, "num_segments")
                   ? error_set_key(err, STATUS_REFUSED, "/num_segments",
                                   "num_segments needs segment_ids")
                   : lookup_answer(&lookup, member, words ? words : ids, weights, answer, err);
    struct segments segments = {0};
    status = segments_read(&segments, inquiry, member, words ? words : ids, weights,
                           lookup.combiner != NO_COMBINER, err);
    if (status == STATUS_OK) {
        lookup.lowest_empty = segments.unsorted;
        status = lookup_answer(&lookup, member, segments.items, segments.weights, answer, err);
    }
    segments_clear(&segments);
    return status;
}

void vectors_get(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    static const struct inquiry_route route = {NULL, vectors_of_query};
    inquiry_run(server, request, response, &route);
}

void vectors_post(struct server *server, const struct http_request *request,
                  struct http_response *response) {
    static const char *const members[] = {"words",       "ids",          "weights",
                                          "max_norm",    "combiner",     "oov",
                                          "segment_ids", "num_segments", NULL};
    static const struct inquiry_route route = {members, vectors_of_body};
    inquiry_run(server, request, response, &route);
}

static bool word_begins(const struct vocabulary *vocabulary, uint32_t id, const char *prefix) {
    size_t length, n = !prefix ? 0 : strlen(prefix);
    const char *word = vocabulary_word(vocabulary, id, &length);
    return n == 0 || (length >= n && memcmp(word, prefix, n) == 0);
}

static enum status words_of_query(struct inquiry *inquiry, struct buffer *answer,
                                  struct error *err) {
    const struct vocabulary *vocabulary = inquiry->model->vocabulary;
    const char *prefix = request_query(inquiry->request, "prefix", 0);
    int64_t offset = 0, limit = 100;
    enum status status = query_int(inquiry->request, "offset", 0, UINT32_MAX, &offset, err);
    if (status == STATUS_OK)
        status = query_int(inquiry->request, "limit", 1, inquiry->server->settings.max_batch,
                           &limit, err);
    if (status != STATUS_OK)
        return status;
    int64_t total = 0;
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++)
        total += word_begins(vocabulary, id, prefix);
    inquiry_head(inquiry, answer);
    buffer_print(answer,
                 ",\"total\":%" PRId64 ",\"offset\":%" PRId64 ",\"limit\":%" PRId64 ",\"data\":[",
                 total, offset, limit);
    int64_t end = offset + limit < total ? offset + limit : total, at = 0;
    for (uint32_t id = 0; at < end; id++) {
        if (!word_begins(vocabulary, id, prefix) || at++ < offset)
            continue;
        buffer_append_text(answer, at - 1 == offset ? "{" : ",{");
        inquiry_append_word(inquiry, answer, id);
        buffer_print(answer, ",\"count\":%" PRIu64 "}", vocabulary_count(vocabulary, id));
    }
    buffer_append_text(answer, "]}");
    return STATUS_OK;
}

void words_get(struct server *server, const struct http_request *request,
               struct http_response *response) {
    static const struct inquiry_route route = {NULL, words_of_query};
    inquiry_run(server, request, response, &route);
}
