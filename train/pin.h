/* The setting pin_threads: training threads bound to CPUs. */
#ifndef VECMILL_TRAIN_PIN_H
#define VECMILL_TRAIN_PIN_H

#include "train/trainer_state.h"

/* Before the tables are touched first, so that their pages lie near the threads. Nothing unless
 * pin_threads is set. */
enum status trainer_pin(struct trainer *trainer, struct error *err) MUST_CHECK;
/* Gives the threads their CPUs back. */
void trainer_unpin(struct trainer *trainer);

#endif
