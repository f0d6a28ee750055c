/* Values that are not finite: finding them, and going back to where all were. */
#ifndef VECMILL_TRAIN_RECOVERY_H
#define VECMILL_TRAIN_RECOVERY_H

#include "train/trainer_state.h"

/* Between full checks: the noise rows of the worker's last block, and its loss. A NaN reaches them
 * within a few blocks. By the worker itself, while others run. */
bool recovery_worker_is_finite(const struct trainer *trainer, const struct worker *worker);
/* Looks at every float of both tables: DIVERGED naming table, word, column, step and rate. When no
 * worker runs. */
enum status recovery_check(const struct trainer *trainer, struct error *err) MUST_CHECK;
/* Back to the last checkpoint, or to the start, as they were. When no worker runs. */
enum status recovery_go_back(struct trainer *trainer, struct error *err) MUST_CHECK;
/* Back to the last checkpoint, or to the start, with half the learning rate. DIVERGED when
 * on_nonfinite says so, or when the rate would fall below min_learning_rate: tells what the search
 * found, or else what the tables hold. When no worker runs. */
enum status recovery_roll_back(struct trainer *trainer, const struct nonfinite *search,
                               struct error *err) MUST_CHECK;

#endif
