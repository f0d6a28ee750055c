/* What `vecmill train --tensorboard DIR` writes. Private to cli/. */
#ifndef VECMILL_CLI_BOARD_H
#define VECMILL_CLI_BOARD_H

#include "base/log.h"
#include "train/train.h"

struct board {
    const char *top; /* the folder that TensorBoard watches; NULL: nothing is written */
    const struct logger *logger;
    struct event_log *log;
    bool failed; /* the last record was not written: said once until it works again */
};

/* Chooses the folder of this training, DIR/NAME-YYYYMMDD-HHMMSS (UTC), and notes it in the work
 * folder, so that with `resume` a training that was stopped goes on in the same file. */
enum status board_open(struct board *board, const char *work, const char *name, bool resume,
                       struct error *err) MUST_CHECK;
/* Appends the numbers of a report. A failure is a warning: the training goes on. */
void board_show(struct board *board, const struct train_progress *progress);
void board_close(struct board *board);

#endif
