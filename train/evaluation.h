/* Evaluations: the loss of held-out sentences, the score of a set of questions, and the decision to
 * stop early. By one thread, when no worker runs; the work itself is done on all threads, and its
 * figures do not depend on how many there are.
 *
 * The held-out loss is the objective itself: a worker of its own packs the held-out sentences, with
 * subsampling, windows and noise words of reserved random numbers, and the kernel computes every
 * block at the learning rate 0. Each part of 65,536 ids begins its random numbers anew, so that
 * every evaluation, on any number of threads, looks at the same pairs and the same noise. */
#ifndef VECMILL_TRAIN_EVALUATION_H
#define VECMILL_TRAIN_EVALUATION_H

#include "train/trainer_state.h"

/* Nothing was evaluated yet. */
void evaluation_reset(struct trainer *trainer);
/* Reports tell what was evaluated, from now on: it came from a checkpoint. */
void evaluation_tell(struct trainer *trainer);
/* Makes the judges, and reads and checks the questions. Errors: NO_MEMORY; REFUSED and those of
 * the file, with the key questions. evaluation_clear frees what was made, also after a failure. */
enum status evaluation_prepare(struct trainer *trainer, struct error *err) MUST_CHECK;
void evaluation_clear(struct trainer *trainer);

/* evaluate_every epochs have passed once more. A comparison; by any thread. */
bool evaluation_is_due(const struct trainer *trainer);
/* Something is evaluated, and was not since the last step. */
bool evaluation_is_last(const struct trainer *trainer);
/* Makes one, keeps the rows when they are the best so far and stop_early wants them, writes a
 * checkpoint behind them, and reports. Sets evaluated.stopped to STOP_EARLY when patience is over.
 * Errors: PAUSED and CANCELLED (nothing was counted: it is made again when the training goes on);
 * REFUSED (key questions: stop_early = score, and no question can be asked); those of files. */
enum status evaluation_run(struct trainer *trainer, struct error *err) MUST_CHECK;
/* Behind the training: the best rows take the place of the last ones, if stop_early kept some. A
 * file that cannot be read is told of, and the last rows stay. */
enum status evaluation_take_best(struct trainer *trainer, struct error *err) MUST_CHECK;

#endif
