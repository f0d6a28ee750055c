/* From a list of edges to rows of neighbours. */
#include "graph/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/machine.h"
#include "graph/edge_list.h"

/* Steps of a walk that are followed to count visits: so many, and more while all of them together
 * look at no more than so many edges. */
#define EXACT_STEPS 8
#define EXACT_EDGES ((uint64_t)100 << 20)

/* What a graph is made from, and on the way. */
struct making {
    struct graph *graph;
    const struct settings *settings;
    struct edge_list list;
    bool directed;
    double *out, *visits, *next; /* [nodes] weights out; expected visits; of a step */
    uint32_t *rank;              /* [nodes] ids of nodes */
    struct graph in; /* rows that lead to each node; order within them is of no matter */
};

static enum status no_memory(struct error *err) {
    return error_set_key(err, STATUS_NO_MEMORY, "max_memory", "out of memory for the graph");
}

static float weight_of(const struct edge_list *list, uint64_t edge) {
    return list->weights ? list->weights[edge] : 1;
}

/* ---- visits ---------------------------------------------------------------------------------- */

static void step_spread(const struct making *making) {
    const struct edge_list *list = &making->list;
    for (uint64_t i = 0; i < list->n; i++) {
        uint32_t from = list->from[i], to = list->to[i];
        double weight = (double)weight_of(list, i);
        making->next[to] += making->visits[from] * weight / making->out[from];
        if (!making->directed)
            making->next[from] += making->visits[to] * weight / making->out[to];
    }
}

/* 1 + r + r^2 + ..., n terms. */
static double series_sum(double r, uint64_t n) {
    return r > 1 - 1e-9 ? (double)n : (1 - pow(r, (double)n)) / (1 - r);
}

/* In making->next, in the end: how often each node is visited in an epoch. p and q do not count. */
static void visits_expect(struct making *making) {
    uint32_t nodes = making->list.nodes;
    uint64_t length = (uint64_t)making->settings->walk_length;
    double *all = calloc(nodes, sizeof *all);
    for (uint64_t i = 0; i < making->list.n; i++) {
        making->out[making->list.from[i]] += (double)weight_of(&making->list, i);
        if (!making->directed)
            making->out[making->list.to[i]] += (double)weight_of(&making->list, i);
    }
    for (uint32_t v = 0; v < nodes; v++)
        making->visits[v] = (double)making->settings->walks;
    uint64_t exact = EXACT_EDGES / (making->list.n > 0 ? making->list.n : 1);
    exact = exact < EXACT_STEPS ? EXACT_STEPS : exact;
    double kept = 1; /* of the walks, at the last step */
    for (uint64_t step = 0; step < length && all; step++) {
        bool last = step >= exact || step + 1 == length;
        double times = last ? series_sum(kept, length - step) : 1, before = 0, after = 0;
        for (uint32_t v = 0; v < nodes; v++) {
            all[v] += times * making->visits[v];
            before += making->visits[v];
        }
        if (last)
            break;
        memset(making->next, 0, nodes * sizeof *making->next);
        step_spread(making);
        for (uint32_t v = 0; v < nodes; v++)
            after += making->next[v];
        kept = after / before;
        /* a graph of two parts swings from one to the other: the mean of two steps is steady */
        for (uint32_t v = 0; v < nodes && step + 1 == exact; v++)
            making->next[v] = (making->next[v] + kept * making->visits[v]) / 2;
        double *swap = making->visits;
        making->visits = making->next, making->next = swap;
        if (after <= 0)
            break;
    }
    free(making->next);
    making->next = all;
}

struct ranked {
    double visits;
    uint32_t node;
};

static int ranked_order(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    return x->visits > y->visits ? -1 : x->visits < y->visits ? 1 : x->node < y->node ? -1 : 1;
}

/* The vocabulary, with nodes by falling visits; ranks of all. */
static enum status vocabulary_make(struct making *making, struct error *err) {
    const struct edge_list *list = &making->list;
    uint32_t nodes = list->nodes;
    struct ranked *ranked = calloc(nodes, sizeof *ranked);
    uint64_t *counts = calloc(nodes, sizeof *counts), *offsets = calloc(nodes + 1, sizeof *offsets);
    struct buffer names = {0};
    enum status status = ranked && counts && offsets ? STATUS_OK : no_memory(err);
    for (uint32_t v = 0; v < nodes && status == STATUS_OK; v++)
        ranked[v] = (struct ranked){fmax(round(making->next[v]), 1), v};
    if (status == STATUS_OK)
        qsort(ranked, nodes, sizeof *ranked, ranked_order);
    for (uint32_t id = 0; id < nodes && status == STATUS_OK; id++) {
        uint32_t node = ranked[id].node;
        making->rank[node] = id;
        counts[id] = (uint64_t)ranked[id].visits;
        buffer_append(&names, list->names.data + list->offsets[node],
                      list->offsets[node + 1] - list->offsets[node]);
        offsets[id + 1] = names.length;
    }
    if (status == STATUS_OK && names.failed)
        status = no_memory(err);
    if (status == STATUS_OK)
        status = vocabulary_create(&making->graph->corpus.vocabulary, nodes, names.data, offsets,
                                   counts, err);
    free(ranked);
    free(counts);
    free(offsets);
    buffer_clear(&names);
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static enum status rows_create(struct graph *rows, uint32_t nodes, uint64_t entries, bool weighted,
                               struct error *err) {
    rows->nodes = nodes;
    rows->starts = calloc((size_t)nodes + 2, sizeof *rows->starts);
    rows->neighbours = malloc(entries * sizeof *rows->neighbours + 1);
    rows->sums = weighted ? malloc(entries * sizeof *rows->sums + 1) : NULL;
    bool made = rows->starts && rows->neighbours && (rows->sums || !weighted);
    return made ? STATUS_OK : no_memory(err);
}

static void rows_clear(struct graph *rows) {
    free(rows->starts);
    free(rows->neighbours);
    free(rows->sums);
}

/* starts[v + 1] is where the next entry of row v goes; in the end that of its end. */
static void row_put(struct graph *rows, uint32_t row, uint32_t neighbour, float weight) {
    uint64_t at = rows->starts[row + 1]++;
    rows->neighbours[at] = neighbour;
    if (rows->sums)
        rows->sums[at] = weight;
}

/* starts[v + 2] holds how many entries row v has: makes starts[v + 1] where it begins. */
static void rows_open(struct graph *rows) {
    for (uint32_t v = 1; v <= rows->nodes; v++)
        rows->starts[v + 1] += rows->starts[v];
}

/* Edges by the node they lead to. */
static enum status rows_in(struct making *making, struct error *err) {
    const struct edge_list *list = &making->list;
    const uint32_t *rank = making->rank;
    struct graph *in = &making->in;
    uint64_t entries = making->directed ? list->n : 2 * list->n;
    enum status status = rows_create(in, list->nodes, entries, list->weights != NULL, err);
    if (status != STATUS_OK)
        return status;
    for (uint64_t i = 0; i < list->n; i++) {
        in->starts[(size_t)rank[list->to[i]] + 2]++;
        if (!making->directed)
            in->starts[(size_t)rank[list->from[i]] + 2]++;
    }
    rows_open(in);
    for (uint64_t i = 0; i < list->n; i++) {
        uint32_t from = rank[list->from[i]], to = rank[list->to[i]];
        row_put(in, to, from, weight_of(list, i));
        if (!making->directed)
            row_put(in, from, to, weight_of(list, i));
    }
    edge_list_drop_edges(&making->list);
    return STATUS_OK;
}

/* Turned over, row by row: each row of the graph comes out rising. */
static enum status rows_out(struct making *making, struct error *err) {
    const struct graph *in = &making->in;
    struct graph *graph = making->graph;
    uint64_t entries = in->starts[in->nodes];
    enum status status = rows_create(graph, in->nodes, entries, in->sums != NULL, err);
    if (status != STATUS_OK)
        return status;
    for (uint64_t i = 0; i < entries; i++)
        graph->starts[(size_t)in->neighbours[i] + 2]++;
    rows_open(graph);
    for (uint32_t to = 0; to < in->nodes; to++)
        for (uint64_t i = in->starts[to]; i < in->starts[to + 1]; i++)
            row_put(graph, in->neighbours[i], to, in->sums ? in->sums[i] : 1);
    rows_clear(&making->in);
    making->in = (struct graph){0};
    return STATUS_OK;
}

static uint64_t duplicates_count(const struct graph *graph) {
    uint64_t n = 0;
    for (uint32_t v = 0; v < graph->nodes; v++)
        for (uint64_t i = graph->starts[v] + 1; i < graph->starts[v + 1]; i++)
            n += graph->neighbours[i] == graph->neighbours[i - 1];
    return n;
}

/* The same neighbour twice is one with both weights. */
static void duplicates_add(struct graph *graph) {
    uint64_t n = 0, begin = 0;
    for (uint32_t v = 0; v < graph->nodes; v++) {
        uint64_t first = n, end = graph->starts[v + 1];
        for (uint64_t i = begin; i < end; i++) {
            if (n > first && graph->neighbours[n - 1] == graph->neighbours[i]) {
                graph->sums[n - 1] += graph->sums[i];
                continue;
            }
            graph->neighbours[n] = graph->neighbours[i];
            graph->sums[n++] = graph->sums[i];
        }
        begin = end;
        graph->starts[v + 1] = n;
    }
}

static bool weights_differ(const struct graph *graph) {
    for (uint64_t i = 1; i < graph->starts[graph->nodes]; i++)
        if (graph->sums[i] != graph->sums[0])
            return true;
    return false;
}

/* Weights become sums; those that are all alike go. */
static void weights_sum(struct graph *graph) {
    if (!weights_differ(graph)) {
        free(graph->sums);
        graph->sums = NULL;
        return;
    }
    for (uint32_t v = 0; v < graph->nodes; v++) {
        double sum = 0;
        for (uint64_t i = graph->starts[v]; i < graph->starts[v + 1]; i++)
            graph->sums[i] = (float)(sum += (double)graph->sums[i]);
    }
}

static enum status rows_finish(struct making *making, struct error *err) {
    struct graph *graph = making->graph;
    uint64_t entries = graph->starts[graph->nodes], duplicates = duplicates_count(graph);
    graph->edges = making->list.report;
    graph->edges.duplicates = making->directed ? duplicates : duplicates / 2;
    if (duplicates > 0 && !graph->sums) {
        graph->sums = malloc(entries * sizeof *graph->sums);
        if (!graph->sums)
            return no_memory(err);
        for (uint64_t i = 0; i < entries; i++)
            graph->sums[i] = 1;
    }
    if (duplicates > 0)
        duplicates_add(graph);
    if (graph->sums)
        weights_sum(graph);
    for (uint32_t v = 0; v < graph->nodes; v++)
        graph->edges.dead_ends += graph->starts[v] == graph->starts[v + 1];
    entries = graph->starts[graph->nodes];
    uint64_t sums[4] = {entries,
                        checksum(graph->starts, ((size_t)graph->nodes + 1) * sizeof *graph->starts),
                        checksum(graph->neighbours, entries * sizeof *graph->neighbours),
                        graph->sums ? checksum(graph->sums, entries * sizeof *graph->sums) : 0};
    graph->checksum = checksum(sums, sizeof sums);
    return STATUS_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void corpus_fill(struct making *making) {
    const struct settings *settings = making->settings;
    struct corpus *corpus = &making->graph->corpus;
    uint64_t nodes = making->graph->nodes, walks = nodes * (uint64_t)settings->walks;
    corpus->words = walks * (uint64_t)settings->walk_length;
    corpus->graph = making->graph;
    corpus->length = corpus->words + walks; /* an end behind each */
    corpus->report = (struct corpus_report){.bytes = making->list.bytes,
                                            .lines = making->list.lines,
                                            .sentences = walks,
                                            .words = corpus->words,
                                            .distinct = nodes,
                                            .vocabulary = nodes,
                                            .kept_words = corpus->words};
}

static enum status graph_make(struct making *making, struct error *err) {
    size_t nodes = making->list.nodes;
    making->graph->nodes = making->list.nodes;
    making->out = calloc(nodes, sizeof *making->out);
    making->visits = calloc(nodes, sizeof *making->visits);
    making->next = calloc(nodes, sizeof *making->next);
    making->rank = calloc(nodes, sizeof *making->rank);
    if (!making->out || !making->visits || !making->next || !making->rank)
        return no_memory(err);
    visits_expect(making);
    if (!making->next)
        return no_memory(err);
    enum status status = vocabulary_make(making, err);
    if (status == STATUS_OK)
        status = rows_in(making, err);
    if (status == STATUS_OK)
        status = rows_out(making, err);
    if (status == STATUS_OK)
        status = rows_finish(making, err);
    if (status == STATUS_OK)
        corpus_fill(making);
    return status;
}

enum status graph_read(struct graph **made, const struct graph_options *options,
                       struct error *err) {
    double begun = machine_monotonic_seconds();
    struct making making = {.settings = options->settings,
                            .directed = options->settings->edges_directed,
                            .graph = calloc(1, sizeof *making.graph)};
    if (!making.graph)
        return no_memory(err);
    enum status status = edge_list_read(&making.list, options, err);
    if (status == STATUS_OK)
        status = graph_make(&making, err);
    edge_list_clear(&making.list);
    rows_clear(&making.in);
    free(making.out);
    free(making.visits);
    free(making.next);
    free(making.rank);
    if (status != STATUS_OK) {
        graph_free(making.graph);
        return status;
    }
    making.graph->corpus.report.seconds = machine_monotonic_seconds() - begun;
    *made = making.graph;
    return STATUS_OK;
}

void graph_free(struct graph *graph) {
    if (!graph)
        return;
    rows_clear(graph);
    vocabulary_free(graph->corpus.vocabulary);
    free(graph);
}
