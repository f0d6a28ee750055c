/* Sums of losses. */
#include "train/tally.h"

#include <math.h>

void tally_block(struct tally *tally, const struct kernel_loss *block) {
    double loss = block->sum, positives = (double)block->positives;
    if (block->positives == 0)
        return;
    tally->loss += loss;
    tally->positives += positives;
    tally->loss_loss += loss * loss;
    tally->loss_positives += loss * positives;
    tally->positives_positives += positives * positives;
    tally->blocks += 1;
    tally->rows += (double)block->rows;
    tally->clipped += (double)block->clipped;
}

void tally_add(struct tally *sum, const struct tally *part) {
    sum->loss += part->loss;
    sum->positives += part->positives;
    sum->loss_loss += part->loss_loss;
    sum->loss_positives += part->loss_positives;
    sum->positives_positives += part->positives_positives;
    sum->blocks += part->blocks;
    sum->rows += part->rows;
    sum->clipped += part->clipped;
    sum->gradient += part->gradient;
    sum->gradients += part->gradients;
}

/* Squares of weights stand in the variance of a weighted mean. */
void tally_scale(struct tally *tally, double share) {
    double square = share * share;
    tally->loss *= share;
    tally->positives *= share;
    tally->loss_loss *= square;
    tally->loss_positives *= square;
    tally->positives_positives *= square;
    tally->blocks *= share;
    tally->rows *= share;
    tally->clipped *= share;
    tally->gradient *= share;
    tally->gradients *= share;
}

double tally_mean(const struct tally *tally) {
    return tally->positives > 0 ? tally->loss / tally->positives : (double)NAN;
}

double tally_error(const struct tally *tally) {
    double mean = tally_mean(tally);
    double squares = tally->loss_loss - 2 * mean * tally->loss_positives +
                     mean * mean * tally->positives_positives;
    if (!(tally->positives > 0) || tally->blocks < 2)
        return (double)NAN;
    return sqrt(fmax(squares, 0)) / tally->positives;
}

double tally_clipped(const struct tally *tally) {
    return tally->rows > 0 ? tally->clipped / tally->rows : (double)NAN;
}

double tally_gradient(const struct tally *tally) {
    return tally->gradients > 0 ? tally->gradient / tally->gradients : (double)NAN;
}
