/* What graphs take of memory. */
#include "graph/graph.h"

static uint64_t rows_bytes(uint64_t nodes, uint64_t entries, bool weighted) {
    return (nodes + 2) * sizeof(uint64_t) +
           entries * (sizeof(uint32_t) + (weighted ? sizeof(float) : 0));
}

/* Twice: the edges as they were read and the rows that lead to each node; these rows and the rows
 * that lead from it. Beside them what each node takes: hash table and offsets of names, visits. */
uint64_t graph_build_bytes(uint64_t nodes, uint64_t edges, bool directed, bool weighted) {
    uint64_t rows = rows_bytes(nodes, directed ? edges : 2 * edges, weighted);
    uint64_t list = edges * (2 * sizeof(uint32_t) + (weighted ? sizeof(float) : 0));
    uint64_t each = 4 * sizeof(uint32_t) + 2 * sizeof(uint64_t) + 3 * sizeof(double);
    return rows + (list > rows ? list : rows) + nodes * each;
}

uint64_t graph_bytes(const struct graph *graph) {
    return rows_bytes(graph->nodes, graph->starts[graph->nodes], graph->sums != NULL);
}
