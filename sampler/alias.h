/* Alias tables (Walker 1977, Vose 1991): one draw costs one random bucket, one coin and one look
 * into memory, whatever the distribution. */
#ifndef VECMILL_SAMPLER_ALIAS_H
#define VECMILL_SAMPLER_ALIAS_H

#include <stdint.h>

#include "base/error.h"

/* Bucket b gives b when a 32-bit coin is below threshold, else alias. */
struct alias_cell {
    uint32_t threshold, alias;
};

/* cells: [n]; weights: [n], not negative, finite, sum above zero. Ids of weight zero are never
 * drawn, ids above zero always can be. Each probability is right to 2^-32 / n, save the largest,
 * which takes up the rounding of all: 2^-32. Integers after one scaling: the same weights give the
 * same table on every machine. Cost: O(n) time, 12 bytes an id of scratch memory. */
enum status alias_build(const double *weights, uint32_t n, struct alias_cell *cells,
                        struct error *err) MUST_CHECK;

#endif
