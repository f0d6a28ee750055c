#include "train/subsampling.h"

#include <assert.h>
#include <math.h>

/* The thresholds that auto chooses from have three digits, from 1e-9 to 1: what was chosen reads
 * well, and another order of summing does not change it. */
#define STEPS_OF_A_DECADE 900
#define DECADES 9
#define STEPS (DECADES * STEPS_OF_A_DECADE)

double subsampling_keep(double sample, uint64_t count, uint64_t words) {
    assert(sample >= 0); /* auto was resolved */
    double f = (double)count / (sample * (double)words);
    return sample > 0 && f > 0 ? fmin((sqrt(f) + 1) / f, 1) : 1;
}

double subsampling_share(double sample, const struct vocabulary *vocabulary) {
    const uint64_t *counts = vocabulary_counts(vocabulary);
    uint64_t words = vocabulary_total(vocabulary);
    double kept = 0;
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++)
        kept += (double)counts[id] * subsampling_keep(sample, counts[id], words);
    return words > 0 ? fmin(kept / (double)words, 1) : 1;
}

/* The quotient of two whole numbers that doubles hold exactly is the double nearest to the decimal
 * number, as if it had been typed in. */
static double threshold(int step) {
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    double digits = 100 + step % STEPS_OF_A_DECADE;
    return digits * powers[step / STEPS_OF_A_DECADE] / 1e11;
}

double subsampling_threshold(double least, double wanted, const struct vocabulary *vocabulary) {
    int fails = -1, holds = STEPS; /* at 1 every word is kept */
    while (fails + 1 < holds) {
        int step = (fails + holds) / 2;
        if (subsampling_share(fmax(threshold(step), least), vocabulary) >= wanted)
            holds = step;
        else
            fails = step;
    }
    return fmax(threshold(holds), least);
}
