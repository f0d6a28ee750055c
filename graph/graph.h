/* Lists of edges as a corpus: the nodes are the vocabulary, walks over the edges are its sentences.
 * Walks are made when they are trained on and never stored.
 * Source: DeepWalk, Perozzi et al. (2014); node2vec, Grover and Leskovec (2016), whose second-order
 * steps are drawn by rejection as in KnightKing, Yang et al. (2019): no table for each edge. */
#ifndef VECMILL_GRAPH_GRAPH_H
#define VECMILL_GRAPH_GRAPH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "corpus/corpus.h"

/* What a list of edges held. Plain data. */
struct edge_report {
    uint64_t edges;      /* lines with one */
    uint64_t loops;      /* from a node to itself: left out */
    uint64_t duplicates; /* of an edge before: their weights were added to it */
    uint64_t dead_ends;  /* nodes without an edge out: walks end there */
};

/* Compressed sparse rows: the neighbours of node v are neighbours[starts[v] .. starts[v + 1]),
 * rising. Ids go by falling expected visits. Read only: any thread. */
struct graph {
    uint32_t nodes;
    uint64_t *starts;     /* [nodes + 1] */
    uint32_t *neighbours; /* [starts[nodes]] */
    /* [starts[nodes]] sums of weights up to and with each neighbour, from the node's first on; NULL
     * when all weights are alike. A share below 2^-24 of a node's sum may be lost. */
    float *sums;
    struct edge_report edges;
    uint64_t checksum; /* of rows and weights */
    /* Vocabulary: the nodes; their counts are the visits that are expected in an epoch. ids is
     * NULL; words and length are those of an epoch's walks, were they written out. */
    struct corpus corpus;
};

struct graph_options {
    /* edges_directed, walks, walk_length; max_invalid_share, max_window_bytes */
    const struct settings *settings;
    const char *path;
    atomic_int *request; /* may be NULL */
    void (*tick)(void *context, double share);
    void *context;
    uint64_t max_bytes; /* that the graph may take while it is read */
};

/* Bytes that reading such a graph takes at most at a time, without the names of the nodes and the
 * room that arrays have to grow. */
uint64_t graph_build_bytes(uint64_t nodes, uint64_t edges, bool directed, bool weighted);

/* Bytes of a graph, without its vocabulary. */
uint64_t graph_bytes(const struct graph *graph);

/* Reads the list: a line is two nodes and perhaps a weight, with spaces, tabs or commas between;
 * empty lines and those that begin with # are skipped. Without weights all are 1; weights of the
 * same edge add up. A node's name is any text without these separators.
 * Expected visits: the first steps of the walks (all, where the graph is not large) are followed
 * exactly, the rest go as the last of them; p and q are not looked at. Ids of equal counts go by
 * first appearance.
 * Errors: MALFORMED with the number of the line (one, or more than three fields; a weight that is
 * no finite number above 0); REFUSED (no edge between two nodes); NO_MEMORY (key max_memory);
 * NOT_FOUND, UNSUPPORTED, CANCELLED, PAUSED. Owns: graph_free. Cost: linear in the file. */
enum status graph_read(struct graph **graph, const struct graph_options *options,
                       struct error *err) MUST_CHECK;
void graph_free(struct graph *graph); /* NULL is fine */

/* node2vec: back to the node before with weight w / p, to its neighbours with w, elsewhere with
 * w / q. p = q = 1: steps depend on the present node only. */
struct walk_rule {
    uint32_t length; /* nodes of a walk */
    double p, q;
};

/* A walk from `node`: ids [rule->length]; returns how many it has, fewer than asked where it comes
 * to a node without an edge out. */
uint32_t graph_walk(const struct graph *graph, const struct walk_rule *rule, struct random *random,
                    uint32_t node, uint32_t *ids);
/* A neighbour by weight; the node has one. */
uint32_t graph_step(const struct graph *graph, struct random *random, uint32_t node);
/* Is there an edge from one to the other? Binary search. */
bool graph_has_edge(const struct graph *graph, uint32_t from, uint32_t to);

#endif
