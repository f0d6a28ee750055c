/* What the settings ask of the kernel and of its tables, before anything is allocated. */
#ifndef VECMILL_TRAIN_STEP_SETTINGS_H
#define VECMILL_TRAIN_STEP_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "corpus/corpus.h"
#include "embedding/embedding.h"
#include "kernel/train_step.h"

/* The setting `bias`, with auto resolved: where the term comes from that a score adds to the
 * product of two rows. */
struct step_bias {
    bool column;  /* it is a parameter of its own: one more column in both tables */
    bool learned; /* with column: it starts at log p(word), not at 0 */
    bool fixed;   /* it is log p(word) and stays so: a part of the word's shift, no column */
};
struct step_bias step_bias(const struct settings *settings);

/* Noise words in a draw: shared_negatives, or what its 0 stands for. */
uint32_t step_noise(const struct settings *settings);

/* Output rows of which each of `threads` workers has a copy of its own, of a table of `rows`; none
 * with one worker, and none with exact_negatives, which are word2vec's rule to the letter. */
uint32_t step_private_rows(const struct settings *settings, uint32_t rows, int threads);

/* Words on each side that a window holds at most, whatever the corpus: window, or for 0
 * window_most. Where it is auto, the smallest that it may come to. */
uint32_t step_window_most(const struct settings *settings);
/* The same for this corpus: where the window is all of a sentence, what the longest one needs.
 * longer: sentences of which a window cannot hold all. Cost: for window = all, reads the ids. */
uint32_t step_window(const struct settings *settings, const struct corpus *corpus,
                     uint64_t *longer);

/* The step of a job over tables shaped like this one. Its rate is 0: it changes while training
 * goes on. */
struct kernel_step step_from_settings(const struct settings *settings, const struct table *table,
                                      uint32_t window);

#endif
