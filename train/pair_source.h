/* Where the pairs of the setting `pairs` come from: an alias table over those that can be used.
 * Read only once made: any worker draws from it, by random numbers of its own. */
#ifndef VECMILL_TRAIN_PAIR_SOURCE_H
#define VECMILL_TRAIN_PAIR_SOURCE_H

#include <stdatomic.h>

#include "base/random.h"
#include "corpus/pair_list.h"
#include "sampler/alias.h"

struct pair_source {
    uint32_t (*ids)[2];       /* [n] */
    struct alias_cell *cells; /* [n] */
    uint32_t n;               /* 0: there are no pairs */
    double per_centre;        /* centres of pairs for each centre of the text */
    uint64_t checksum;        /* of pairs and weights */
    struct pair_report report;
};

/* Are there pairs to be read? */
bool pair_source_wanted(const struct settings *settings);
/* Bytes of memory that a source of n pairs takes while it is made. */
uint64_t pair_source_bytes(uint64_t n);
/* path: NULL: the setting is the path. Without pairs: nothing is read, and n is 0. Errors: those of
 * pair_list_read. The caller clears the source, also after a failure. */
enum status pair_source_init(struct pair_source *source, const struct settings *settings,
                             const char *path, const struct vocabulary *vocabulary,
                             atomic_int *request, struct error *err) MUST_CHECK;
void pair_source_clear(struct pair_source *source);

/* A pair, as often as its weight says. n > 0. */
static inline const uint32_t *pair_source_draw(const struct pair_source *source,
                                               struct random *random) {
    uint64_t bits = random_next(random);
    uint32_t bucket = (uint32_t)((bits >> 32) * source->n >> 32);
    struct alias_cell cell = source->cells[bucket];
    return source->ids[(uint32_t)bits < cell.threshold ? bucket : cell.alias];
}

#endif
