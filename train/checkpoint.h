/* Checkpoints: everything a training needs to go on as if it had never stopped. Two files of the
 * work folder, checkpoint-0 and -1, written in turn, so that the older one stands while the newer
 * is written. By one thread, when no worker runs. */
#ifndef VECMILL_TRAIN_CHECKPOINT_H
#define VECMILL_TRAIN_CHECKPOINT_H

#include "train/trainer_state.h"

/* Writes the next one whole, and reports it. Errors: IO, DISK_FULL, NO_MEMORY. */
enum status checkpoint_save(struct trainer *trainer, struct error *err) MUST_CHECK;
/* Loads the newest that is whole and belongs to the same settings and corpus: tables, workers (as
 * many as it was written with) and counts. *found false: there is none, and nothing has changed;
 * the logger hears of one that was damaged. Errors: NO_MEMORY; the trainer can only be cleared
 * then. */
enum status checkpoint_load(struct trainer *trainer, bool *found, struct error *err) MUST_CHECK;

/* The best rows of stop_early: a checkpoint of another name, best-0 or -1 by its number. The one
 * before stays until the next but one is written, for the checkpoint that is there speaks of it.
 * Errors: IO, DISK_FULL, NO_MEMORY. */
enum status checkpoint_keep_best(struct trainer *trainer, uint64_t number,
                                 struct error *err) MUST_CHECK;
/* Both tables as that file has them; all else stays. Errors: NOT_FOUND, CORRUPT, IO: then nothing
 * has changed. */
enum status checkpoint_take_best(struct trainer *trainer, uint64_t number,
                                 struct error *err) MUST_CHECK;

#endif
