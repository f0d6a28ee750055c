/* One training: its shared state from settings and a corpus, and the loop over epochs. */
#ifndef VECMILL_TRAIN_TRAINER_H
#define VECMILL_TRAIN_TRAINER_H

#include "train/trainer_state.h"

/* Options and corpus are borrowed until trainer_clear. Nothing in the settings is auto: decide.h.
 * Rows hold zeros; initial_rows_write or checkpoint_load comes next. The caller clears the trainer,
 * also after a failure. Errors: NO_MEMORY, REFUSED (by the sampler). */
enum status trainer_init(struct trainer *trainer, const struct train_options *options,
                         struct corpus *corpus, struct error *err) MUST_CHECK;
void trainer_clear(struct trainer *trainer);

/* All epochs, from where the trainer stands. Errors: PAUSED (behind a checkpoint), CANCELLED,
 * DIVERGED, and those of checkpoints. */
enum status trainer_run(struct trainer *trainer, struct error *err) MUST_CHECK;

#endif
