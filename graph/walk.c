#include <math.h>

#include "graph/graph.h"

uint32_t graph_step(const struct graph *graph, struct random *random, uint32_t node) {
    uint64_t low = graph->starts[node], n = graph->starts[node + 1] - low;
    if (!graph->sums)
        return graph->neighbours[low + random_below(random, n)];
    uint64_t high = low + n - 1;
    double drawn = random_unit(random) * (double)graph->sums[high];
    while (low < high) { /* the first whose sum is above what was drawn */
        uint64_t middle = low + (high - low) / 2;
        if ((double)graph->sums[middle] > drawn)
            high = middle;
        else
            low = middle + 1;
    }
    return graph->neighbours[low];
}

bool graph_has_edge(const struct graph *graph, uint32_t from, uint32_t to) {
    uint64_t low = graph->starts[from], high = graph->starts[from + 1];
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (graph->neighbours[middle] < to)
            low = middle + 1;
        else
            high = middle;
    }
    return low < graph->starts[from + 1] && graph->neighbours[low] == to;
}

/* A candidate by weight is taken with the probability that the rule gives it over the largest that
 * it gives any. Below the least, nothing need be known of the candidate. */
static uint32_t step_by_rule(const struct graph *graph, const struct walk_rule *rule,
                             struct random *random, uint32_t before, uint32_t node) {
    double back = 1 / rule->p, away = 1 / rule->q;
    double most = fmax(1, fmax(back, away)), least = fmin(1, fmin(back, away));
    if (graph->starts[node + 1] - graph->starts[node] == 1)
        return graph_step(graph, random, node);
    for (;;) {
        uint32_t tried = graph_step(graph, random, node);
        double drawn = random_unit(random) * most;
        if (drawn < least)
            return tried;
        double allowed = tried == before ? back : graph_has_edge(graph, before, tried) ? 1 : away;
        if (drawn < allowed)
            return tried;
    }
}

uint32_t graph_walk(const struct graph *graph, const struct walk_rule *rule, struct random *random,
                    uint32_t node, uint32_t *ids) {
    bool second_order = rule->p != 1 || rule->q != 1;
    uint32_t n = 0;
    ids[n++] = node;
    while (n < rule->length && graph->starts[node] < graph->starts[node + 1]) {
        node = second_order && n > 1 ? step_by_rule(graph, rule, random, ids[n - 2], node)
                                     : graph_step(graph, random, node);
        ids[n++] = node;
    }
    return n;
}
