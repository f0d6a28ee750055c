/* Start values of both tables. */
#ifndef VECMILL_TRAIN_INITIAL_ROWS_H
#define VECMILL_TRAIN_INITIAL_ROWS_H

#include "train/trainer_state.h"

/* Writes every row, padding included, on trainer->threads threads. Each row has its own stream of
 * random numbers, so that start values do not depend on shards or threads. */
void initial_rows_write(struct trainer *trainer);

#endif
