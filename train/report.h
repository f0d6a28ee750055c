/* Progress, as the caller hears of it, and the loss that it tells of. */
#ifndef VECMILL_TRAIN_REPORT_H
#define VECMILL_TRAIN_REPORT_H

#include "train/trainer_state.h"

/* Shares of the whole job that its phases take, for the one number people look at. */
#define REPORT_SHARE_VOCABULARY 0.05
#define REPORT_SHARE_TRAINING 0.92

/* Calls options->on_progress. share: of the phase; PHASE_TRAINING counts words instead. note: a
 * line for the log, or NULL. By the first thread, or when no worker runs. */
void trainer_report(struct trainer *trainer, enum train_phase phase, double share,
                    const char *note);
/* Tells a warning to the log, and as the note of a report of the training phase. As trainer_report
 * otherwise. */
void trainer_warn(struct trainer *trainer, const char *format, ...) PRINTF_LIKE(2, 3);
/* Reports when progress_interval has passed or an epoch has ended. By the first thread only,
 * between its chunks. */
void trainer_report_if_due(struct trainer *trainer);
/* Adds what a worker summed up. By any thread. */
void trainer_add_loss(struct trainer *trainer, const struct kernel_loss *loss);

#endif
