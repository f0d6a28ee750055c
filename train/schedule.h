/* The learning rate over the course of a training. */
#ifndef VECMILL_TRAIN_SCHEDULE_H
#define VECMILL_TRAIN_SCHEDULE_H

#include "train/trainer_state.h"

/* At the start, CBOW's own factor included. */
double schedule_first_rate(const struct settings *settings);
/* Once `words_done` words of all epochs are passed, in `steps_done` steps, with what rollbacks took
 * off. With max_steps the rate falls over whichever ends first. */
double schedule_rate(const struct trainer *trainer, uint64_t words_done, uint64_t steps_done);
/* The share of the training that is done: of its words or of max_steps, whichever is more. */
double schedule_share(const struct trainer *trainer, uint64_t words_done, uint64_t steps_done);

#endif
