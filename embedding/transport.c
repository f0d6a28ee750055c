/* Optimal transport by the network simplex method.
 *
 * The nodes are the sources, the sinks and a root. A basis is a tree: each node has one arc to its
 * parent, whose cost gives the node its potential. At first every node hangs at the root by an arc
 * so dear that the best plan has none of them. A pivot takes in an arc whose reduced cost is
 * negative, sends what the cycle can carry around it, and lets go of the arc that ran dry. The tree
 * stays strongly feasible: each arc without flow leads towards the root. Amounts are integers, so
 * that this can be told without rounding, and it makes the method end. */
#include <assert.h>
#include <stdlib.h>

#include "embedding/embedding.h"

#define NO_NODE UINT32_MAX
#define LEAST_BLOCK 64   /* arcs looked at before the best of them is taken */
#define TOLERANCE 1e-12  /* of a reduced cost, relative to the dearest arc */
#define STOP_PIVOTS 100u /* between two questions whether to stop */

struct node {
    uint32_t parent, depth;
    uint32_t first, next, previous; /* child, siblings */
    bool up;                        /* the arc leads from the node to its parent */
    uint64_t flow;                  /* of that arc */
    double potential;
};

struct transport {
    const double *cost; /* [n, m] */
    size_t n, m;
    double dear;                /* cost of an arc from or to the root */
    struct node *nodes;         /* [n + m + 1]: sources, sinks, root */
    size_t source, sink, block; /* where the search for an arc goes on; its arcs at a time */
};

static void node_attach(struct transport *transport, uint32_t node, uint32_t parent) {
    struct node *nodes = transport->nodes;
    uint32_t next = nodes[parent].first;
    nodes[node].parent = parent;
    nodes[node].previous = NO_NODE;
    nodes[node].next = next;
    if (next != NO_NODE)
        nodes[next].previous = node;
    nodes[parent].first = node;
}

static void node_detach(struct transport *transport, uint32_t node) {
    struct node *nodes = transport->nodes, *self = &nodes[node];
    if (self->previous != NO_NODE)
        nodes[self->previous].next = self->next;
    else
        nodes[self->parent].first = self->next;
    if (self->next != NO_NODE)
        nodes[self->next].previous = self->previous;
}

/* The cost of the arc between a node and its parent. */
static double arc_cost(const struct transport *transport, uint32_t node) {
    size_t parent = transport->nodes[node].parent, n = transport->n;
    if (parent == n + transport->m)
        return transport->dear;
    return node < n ? transport->cost[node * transport->m + (parent - n)]
                    : transport->cost[parent * transport->m + (node - n)];
}

/* Depth and potential of a node and all below it, from those of its parent. */
static void subtree_settle(struct transport *transport, uint32_t top) {
    struct node *nodes = transport->nodes;
    for (uint32_t at = top;;) {
        struct node *node = &nodes[at];
        const struct node *parent = &nodes[node->parent];
        double cost = arc_cost(transport, at);
        node->depth = parent->depth + 1;
        node->potential = node->up ? parent->potential - cost : parent->potential + cost;
        if (node->first != NO_NODE) {
            at = node->first;
            continue;
        }
        while (at != top && nodes[at].next == NO_NODE)
            at = nodes[at].parent;
        if (at == top)
            return;
        at = nodes[at].next;
    }
}

static void transport_begin(struct transport *transport, const uint64_t *supply,
                            const uint64_t *demand) {
    uint32_t root = (uint32_t)(transport->n + transport->m);
    transport->nodes[root] = (struct node){.parent = NO_NODE, .first = NO_NODE};
    for (uint32_t i = 0; i < root; i++) {
        bool source = i < transport->n;
        transport->nodes[i] = (struct node){
            .first = NO_NODE, .up = source, .flow = source ? supply[i] : demand[i - transport->n]};
        node_attach(transport, i, root);
        subtree_settle(transport, i);
    }
}

/* The best arc of the first block that has one with a negative reduced cost. False: there is none,
 * the plan is the best. */
static bool find_arc(struct transport *transport, uint32_t *from, uint32_t *to) {
    const struct node *nodes = transport->nodes;
    size_t left = transport->n * transport->m, i = transport->source, j = transport->sink;
    double best = -TOLERANCE * transport->dear, least = best;
    while (left > 0 && !(best < least)) {
        size_t block = left < transport->block ? left : transport->block;
        for (size_t arc = 0; arc < block; arc++) {
            double reduced = transport->cost[i * transport->m + j] + nodes[i].potential -
                             nodes[transport->n + j].potential;
            if (reduced < best) {
                best = reduced;
                *from = (uint32_t)i;
                *to = (uint32_t)(transport->n + j);
            }
            if (++j == transport->m) {
                j = 0;
                i = i + 1 < transport->n ? i + 1 : 0;
            }
        }
        left -= block;
    }
    transport->source = i;
    transport->sink = j;
    return best < least;
}

static uint32_t find_join(const struct node *nodes, uint32_t a, uint32_t b) {
    while (a != b)
        if (nodes[a].depth >= nodes[b].depth)
            a = nodes[a].parent;
        else
            b = nodes[b].parent;
    return a;
}

/* Hangs the part of the tree between `in` and `out` at `parent`, by the new arc. */
static void tree_turn(struct transport *transport, uint32_t in, uint32_t out, uint32_t parent,
                      bool up, uint64_t flow) {
    struct node *nodes = transport->nodes;
    for (uint32_t at = in;;) {
        struct node before = nodes[at];
        node_detach(transport, at);
        node_attach(transport, at, parent);
        nodes[at].up = up;
        nodes[at].flow = flow;
        if (at == out)
            break;
        parent = at;
        at = before.parent;
        up = !before.up; /* the same arc, seen from its other end */
        flow = before.flow;
    }
    subtree_settle(transport, in);
}

/* Takes in the arc. Of the arcs that run dry the last one goes, in the order of the cycle from its
 * top on: that keeps the tree strongly feasible. */
static void pivot(struct transport *transport, uint32_t from, uint32_t to) {
    struct node *nodes = transport->nodes;
    uint32_t join = find_join(nodes, from, to), out = NO_NODE;
    uint64_t amount = UINT64_MAX;
    bool below_from = true;
    for (uint32_t at = from; at != join; at = nodes[at].parent)
        if (nodes[at].up && nodes[at].flow < amount) {
            amount = nodes[at].flow;
            out = at;
        }
    for (uint32_t at = to; at != join; at = nodes[at].parent)
        if (!nodes[at].up && nodes[at].flow <= amount) {
            amount = nodes[at].flow;
            out = at;
            below_from = false;
        }
    assert(out != NO_NODE); /* costs are not negative: no cycle carries without end */
    for (uint32_t at = from; at != join; at = nodes[at].parent)
        nodes[at].flow = nodes[at].up ? nodes[at].flow - amount : nodes[at].flow + amount;
    for (uint32_t at = to; at != join; at = nodes[at].parent)
        nodes[at].flow = nodes[at].up ? nodes[at].flow + amount : nodes[at].flow - amount;
    tree_turn(transport, below_from ? from : to, out, below_from ? to : from, below_from, amount);
}

static double plan_cost(const struct transport *transport, double units) {
    double sum = 0;
    for (uint32_t i = 0; i < transport->n + transport->m; i++)
        if (transport->nodes[i].flow > 0)
            sum += arc_cost(transport, i) * ((double)transport->nodes[i].flow / units);
    return sum;
}

enum status transport_cost(const double *cost, const uint64_t *supply, size_t n,
                           const uint64_t *demand, size_t m, const struct stop *stop, double *least,
                           struct error *err) {
    struct transport transport = {.cost = cost, .n = n, .m = m, .block = LEAST_BLOCK};
    uint64_t units = 0, wanted = 0;
    double dearest = 0;
    uint32_t from = 0, to = 0;
    for (size_t i = 0; i < n; i++)
        units += supply[i];
    for (size_t j = 0; j < m; j++)
        wanted += demand[j];
    assert(n > 0 && m > 0 && units > 0 && units == wanted && units <= INT64_MAX);
    (void)wanted; /* the assertion's alone */
    for (size_t i = 0; i < n * m; i++)
        dearest = cost[i] > dearest ? cost[i] : dearest;
    *least = 0;
    if (dearest <= 0)
        return STATUS_OK;
    while (transport.block * transport.block < n * m)
        transport.block *= 2;
    transport.dear = dearest * (double)(n + m + 1);
    transport.nodes = calloc(n + m + 1, sizeof *transport.nodes);
    if (!transport.nodes)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory to match %zu and %zu words", n,
                         m);
    transport_begin(&transport, supply, demand);
    enum status status = STATUS_OK;
    for (size_t pivots = 0; status == STATUS_OK && find_arc(&transport, &from, &to); pivots++) {
        pivot(&transport, from, to);
        if (pivots % STOP_PIVOTS == 0)
            status = stop_check(stop, "the search for the best match", err);
    }
    if (status == STATUS_OK)
        *least = plan_cost(&transport, (double)units);
    free(transport.nodes);
    return status;
}
