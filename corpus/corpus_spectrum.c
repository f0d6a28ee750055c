/* What another min_count would keep, and what a longer text would hold. */
#include <math.h>
#include <string.h>

#include "corpus/corpus.h"

/* Counts from here on are near enough to what is expected of them: a word of that count in the
 * sample stands `factor` times as often in the whole. */
#define STEADY 8
/* From one figure to the next that a slope is told from: a quarter of the text has this many powers
 * of two less. */
#define OCTAVES 2.0

/* Probabilities that 0, 1, ..., STEADY - 1 of `count` occurrences are in a part that takes each
 * with probability q. */
static void thinned(uint64_t count, double q, double chances[STEADY]) {
    double n = (double)count;
    for (int k = 0; k < STEADY; k++)
        chances[k] = (double)k > n ? 0
                                   : exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) +
                                         k * log(q) + (n - k) * log1p(-q));
}

static uint64_t words_in_all(const struct corpus_spectrum *spectrum) {
    return spectrum->report.words - spectrum->report.pruned_words;
}

/* Of the words as counted. Above CORPUS_SPECTRUM - 1 the spectrum tells no counts apart. */
static struct corpus_reach reach_counted(const struct corpus_spectrum *spectrum,
                                         uint64_t min_count) {
    struct corpus_reach reach = {.words = (double)spectrum->words[0], .covered = 1};
    double all = (double)words_in_all(spectrum);
    for (uint64_t n = 1; n < CORPUS_SPECTRUM; n++)
        if (n >= min_count)
            reach.words += (double)spectrum->words[n];
        else if (all > 0)
            reach.covered -= (double)spectrum->words[n] * (double)n / all;
    reach.covered = fmax(reach.covered, 0);
    return reach;
}

/* Expected of a part of the text, a share q of it; min_count is at most STEADY. */
static struct corpus_reach reach_of_part(const struct corpus_spectrum *spectrum, int min_count,
                                         double q) {
    struct corpus_reach reach = {.words = (double)spectrum->words[0], .covered = 1};
    double left_out = 0, all = q * (double)words_in_all(spectrum);
    for (uint64_t n = 1; n < CORPUS_SPECTRUM; n++) {
        double words = (double)spectrum->words[n], chances[STEADY];
        if (spectrum->words[n] == 0)
            continue;
        thinned(n, q, chances);
        reach.words += words;
        for (int k = 0; k < min_count; k++) {
            reach.words -= words * chances[k];
            left_out += words * chances[k] * k;
        }
    }
    reach.covered = all > 0 ? 1 - left_out / all : 1;
    return reach;
}

/* log2 of a figure at two to the power of `steps` times the text, from its values at a sixteenth, a
 * quarter and all of it. Its slope is held between min and max. */
static double go_on(double sixteenth, double quarter, double whole, double steps, double min,
                    double max) {
    if (!(sixteenth > 0 && quarter > 0 && whole > 0))
        return log2(whole);
    double slope = log2(whole / quarter) / OCTAVES, before = log2(quarter / sixteenth) / OCTAVES;
    double bend = fmin(slope - before, 0) / OCTAVES, sum = log2(whole), done = 0;
    while (done < steps) {
        double step = fmin(steps - done, 0.125);
        sum += step * fmin(fmax(slope + bend * (done + OCTAVES / 2 + step / 2), min), max);
        done += step;
    }
    return sum;
}

struct corpus_reach corpus_reach(const struct corpus_spectrum *spectrum, uint64_t min_count,
                                 double factor) {
    if (factor <= 1)
        return reach_counted(spectrum, min_count);
    double least = (double)min_count / factor;
    if (least >= STEADY)
        return reach_counted(spectrum, (uint64_t)ceil(least));
    /* A word that is steady at min_count was so at STEADY, in a text that much shorter. */
    int from = min_count < STEADY ? (int)min_count : STEADY;
    double steps = fmax(log2(factor * from / (double)min_count), 0);
    struct corpus_reach whole = reach_counted(spectrum, (uint64_t)from),
                        quarter = reach_of_part(spectrum, from, exp2(-OCTAVES)),
                        sixteenth = reach_of_part(spectrum, from, exp2(-2 * OCTAVES));
    struct corpus_reach reach = {
        .words = exp2(go_on(sixteenth.words, quarter.words, whole.words, steps, 0, 1)),
        .covered = 1 - exp2(go_on(1 - sixteenth.covered, 1 - quarter.covered, 1 - whole.covered,
                                  steps, -1, 0))};
    /* No more words than there is text for, nor than there are different ones. */
    reach.words = fmin(reach.words, (double)words_in_all(spectrum) * factor / (double)min_count);
    if (min_count > 1)
        reach.words = fmin(reach.words, corpus_reach(spectrum, 1, factor).words);
    reach.covered = fmin(fmax(reach.covered, 0), 1);
    return reach;
}

/* ---- evenness -------------------------------------------------------------------------------- */

#define EVEN_COUNT 5   /* rarer words tell more of the length of the text than of what it is */
#define EVEN_WORDS 100 /* of that count, fewer tell nothing */

static double even_from(const struct corpus_spectrum *spectrum, uint64_t least, double *words) {
    double sum = (double)words_in_all(spectrum), logs = (double)spectrum->log_counts;
    logs /= CORPUS_LOG_UNIT;
    *words = (double)spectrum->words[0];
    for (uint64_t n = 1; n < CORPUS_SPECTRUM; n++) {
        double seen = (double)spectrum->words[n];
        if (n < least) {
            sum -= seen * (double)n;
            continue;
        }
        *words += seen;
        logs += seen * (double)n * log2((double)n);
    }
    return *words > 1 && sum > 0 ? (log2(sum) - logs / sum) / log2(*words) : 1;
}

double corpus_evenness(const struct corpus_spectrum *spectrum) {
    double words, even = even_from(spectrum, EVEN_COUNT, &words);
    if (words < EVEN_WORDS)
        even = even_from(spectrum, 1, &words);
    return fmin(fmax(even, 0), 1);
}

/* ---- choices --------------------------------------------------------------------------------- */

const struct corpus_choice *corpus_choice_of(const struct corpus_choices *choices,
                                             const char *setting) {
    for (uint64_t i = 0; i < choices->n && i < CORPUS_CHOICES; i++)
        if (strcmp(choices->rows[i].setting, setting) == 0)
            return &choices->rows[i];
    return NULL;
}
