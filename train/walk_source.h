/* The walks of a graph as the text of a training: any segment of it can be made again. A walk
 * depends on the seed, its number and its epoch alone, whichever thread makes it. */
#ifndef VECMILL_TRAIN_WALK_SOURCE_H
#define VECMILL_TRAIN_WALK_SOURCE_H

#include "config/config.h"
#include "graph/graph.h"

struct walk_source {
    const struct graph *graph; /* NULL: the text is a text */
    struct walk_rule rule;
    uint64_t walks; /* of an epoch */
    uint64_t seed;
};

void walk_source_init(struct walk_source *source, const struct graph *graph,
                      const struct settings *settings);
/* Entries of ids that a segment of up to `size` of them has room for: at least a walk. */
uint64_t walk_source_room(const struct walk_source *source, uint64_t size);
/* Writes walks [first, end) of an epoch, which counts from 0 on, WORD_NONE behind each; returns the
 * entries written. *missing: words that walks lack because they ended early. */
uint64_t walk_source_fill(const struct walk_source *source, uint64_t epoch, uint64_t first,
                          uint64_t end, uint32_t *ids, uint64_t *missing);

#endif
