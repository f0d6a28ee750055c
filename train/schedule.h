/* The learning rate over the course of a training. */
#ifndef VECMILL_TRAIN_SCHEDULE_H
#define VECMILL_TRAIN_SCHEDULE_H

#include "train/trainer_state.h"

/* At the start, CBOW's own factor included. */
double schedule_first_rate(const struct settings *settings);
/* Once `words_done` words of all epochs are passed, with what rollbacks took off. */
double schedule_rate(const struct trainer *trainer, uint64_t words_done);

#endif
