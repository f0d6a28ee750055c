/* A list of edges as it was read. Private to graph/. */
#ifndef VECMILL_GRAPH_EDGE_LIST_H
#define VECMILL_GRAPH_EDGE_LIST_H

#include "base/buffer.h"
#include "graph/graph.h"

struct edge_list {
    /* Nodes by first appearance. */
    struct buffer names;
    uint64_t *offsets; /* [nodes + 1] into names */
    uint32_t nodes;
    uint32_t *slots; /* [n_slots] node + 1, or 0: hash table of the names */
    size_t offsets_room, n_slots;
    /* Edges between different nodes. */
    uint32_t *from, *to; /* [n] */
    float *weights;      /* [n], or NULL: all are 1 */
    uint64_t n, room;
    uint64_t bytes, lines; /* of the text */
    struct edge_report report;
};

/* Errors: as graph_read. The caller clears the list, also after a failure. */
enum status edge_list_read(struct edge_list *list, const struct graph_options *options,
                           struct error *err) MUST_CHECK;
/* The edges alone, once they stand elsewhere. */
void edge_list_drop_edges(struct edge_list *list);
void edge_list_clear(struct edge_list *list);

#endif
