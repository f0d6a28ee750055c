#include "train/walk_source.h"

/* Of random numbers: beyond those of workers, pairs, start values and judges. */
#define WALK_STREAM ((uint64_t)1 << 62)
#define TRIES 64 /* for a stride that meets every node */

void walk_source_init(struct walk_source *source, const struct graph *graph,
                      const struct settings *settings) {
    *source = (struct walk_source){.graph = graph, .seed = (uint64_t)settings->seed};
    if (!graph)
        return;
    source->rule =
        (struct walk_rule){(uint32_t)settings->walk_length, settings->walk_p, settings->walk_q};
    source->walks = graph->corpus.report.sentences;
}

uint64_t walk_source_room(const struct walk_source *source, uint64_t size) {
    uint64_t walk = (uint64_t)source->rule.length + 1;
    return size > walk ? size / walk * walk : walk;
}

static uint64_t divisor(uint64_t a, uint64_t b) {
    while (b > 0) {
        uint64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* Each pass over the nodes begins elsewhere and goes on by another stride, so that frequent nodes,
 * whose ids are small, do not come first. */
struct pass {
    uint64_t number, nodes, first, stride;
};

static void pass_open(struct pass *pass, const struct walk_source *source, uint64_t number) {
    uint64_t nodes = source->graph->nodes, hash = random_mix(source->seed ^ random_mix(number));
    *pass = (struct pass){number, nodes, hash % nodes, 1};
    for (uint64_t i = 0; i < TRIES && nodes > 1; i++) {
        hash = random_mix(hash);
        if (divisor(hash % nodes, nodes) == 1) {
            pass->stride = hash % nodes;
            return;
        }
    }
}

static uint32_t pass_node(const struct pass *pass, uint64_t walk) {
    return (uint32_t)((pass->first + walk % pass->nodes * pass->stride) % pass->nodes);
}

uint64_t walk_source_fill(const struct walk_source *source, uint64_t epoch, uint64_t first,
                          uint64_t end, uint32_t *ids, uint64_t *missing) {
    uint64_t n = 0, passes = source->walks / source->graph->nodes;
    struct pass pass = {0};
    *missing = 0;
    for (uint64_t walk = first; walk < end; walk++) {
        uint64_t number = epoch * passes + walk / source->graph->nodes;
        struct random random;
        if (walk == first || number != pass.number)
            pass_open(&pass, source, number);
        random_init(&random, source->seed, WALK_STREAM + epoch * source->walks + walk);
        uint32_t words =
            graph_walk(source->graph, &source->rule, &random, pass_node(&pass, walk), ids + n);
        *missing += source->rule.length - words;
        n += words;
        ids[n++] = WORD_NONE;
    }
    return n;
}
