/* The file of a block that made a value that is not finite. docs/model-format.md has its lines. */
#ifndef VECMILL_TRAIN_NONFINITE_DUMP_H
#define VECMILL_TRAIN_NONFINITE_DUMP_H

#include "train/nonfinite.h"

/* Positions of the chunk that the block may read or change: its centres and the largest window
 * around them, words between them included. */
struct nonfinite_span {
    uint32_t low, count;
};
struct nonfinite_span nonfinite_span(const struct nonfinite_block *block);

/* Writes options->dump from the rows that were kept. False: it is not wanted, no rows were kept,
 * or it cannot be written, which the logger hears. */
bool nonfinite_dump(const struct nonfinite_block *block, const struct nonfinite *found);

#endif
