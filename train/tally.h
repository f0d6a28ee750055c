/* Sums over the blocks that the loss was taken on: what reported means and their errors come from.
 * Plain data; a checkpoint holds them as they stand. No threads: the caller guards. */
#ifndef VECMILL_TRAIN_TALLY_H
#define VECMILL_TRAIN_TALLY_H

#include "kernel/train_step.h"

struct tally {
    /* Of block losses L, of numbers of positives P, and of their products. Blocks share their noise
     * words and overlap in their contexts: what varies is the block, not the pair. */
    double loss, positives, loss_loss, loss_positives, positives_positives;
    double blocks; /* a real number: tally_scale */
    double rows, clipped;
    double gradient, gradients; /* norms of gradients, and how many */
};

/* One block's. A block without a positive is none. */
void tally_block(struct tally *tally, const struct kernel_loss *block);
void tally_add(struct tally *sum, const struct tally *part);
/* Gives every block the weight `share` of what it had. */
void tally_scale(struct tally *tally, double share);

/* Mean loss of a positive; NaN when there is none. */
double tally_mean(const struct tally *tally);
/* Its standard error, as that of a ratio of sums over independent blocks: sqrt(sum (L - mean P)^2)
 * / sum P. NaN with less than two blocks. */
double tally_error(const struct tally *tally);
double tally_clipped(const struct tally *tally);  /* share of the rows; NaN when there is none */
double tally_gradient(const struct tally *tally); /* mean norm; NaN when there is none */

#endif
