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
/* Reports an evaluation that was just made, and the end of an epoch with it, if one is due. When no
 * worker runs. */
void trainer_report_evaluation(struct trainer *trainer, bool improved);
/* Adds what a worker summed up. By any thread. */
void trainer_add_tally(struct trainer *trainer, const struct tally *tally);
/* The loss as the model's card has it: the mean of the last epoch, or of what there is of it. Does
 * not depend on when reports were made. */
double trainer_final_loss(const struct trainer *trainer);
/* What checkpoints keep of reports is new: progress tells it. */
void trainer_report_restore(struct trainer *trainer);

#endif
