/* What all threads of one training share. Data only: the files of train/ work on it, each through
 * its own header. They stand in floors, and a file calls only those below it:
 *
 *   run            the whole path: corpus, memory, tables, epochs, model
 *   trainer        creates the shared state, and runs the epochs
 *   recovery       finds values that are not finite, and goes back
 *   checkpoint     everything a training needs to go on after a stop
 *   publish  worker  initial_rows  pin  pairs
 *                  the model on disk; what one thread does; start values; threads bound to CPUs;
 *                  was there anything to train?
 *   report         progress, as the caller hears of it
 *   schedule       the learning rate
 *   word_tables  subsampling  step_settings  memory
 *                  what settings come down to: for each word, for a step of the kernel, in bytes
 *
 * Private to train/. */
#ifndef VECMILL_TRAIN_TRAINER_STATE_H
#define VECMILL_TRAIN_TRAINER_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/machine.h"
#include "kernel/train_step.h"
#include "train/step_settings.h"
#include "train/train.h"
#include "train/word_tables.h"

struct worker;

struct trainer {
    /* Fixed once trainer_init has returned; any thread reads them. */
    const struct train_options *options;
    /* The options' settings, but what was `auto` there is what was chosen; points to `chosen`. */
    const struct settings *settings;
    struct settings chosen;
    struct corpus *corpus;
    const struct vocabulary *vocabulary; /* corpus's, until it is given to the model */
    struct sampler *sampler;
    struct kernel_step step; /* its rate is unused: each worker has a copy with the present one */
    struct step_bias bias;
    struct word_tables tables;
    uint32_t rows;                   /* words of the vocabulary: rows of either table */
    uint32_t private_rows;           /* ids below it have a copy in each worker (output rows) */
    uint64_t words_total;            /* over all epochs */
    uint64_t loss_every;             /* the loss is taken on one block in so many */
    uint64_t segment_size, segments; /* entries of corpus->ids; segments of one epoch */
    struct machine_cpus *cpus;       /* NULL: threads are not bound */

    /* Written by every worker while the loop runs. Rows are written without locks (Hogwild), by
     * the kernel only. */
    struct table *input, *output;
    struct worker *workers; /* [threads] */
    int threads;
    uint64_t next_segment; /* over all epochs; taken by an atomic capture */
    _Atomic uint64_t words_done, steps_done, examples_done;
    atomic_bool halt; /* workers return after their chunk */
    atomic_bool nonfinite;
    /* Loss sums of the present epoch and since the last report; see trainer_add_loss. */
    struct kernel_loss epoch_loss, recent_loss;

    /* Written by the first thread, or when no worker runs. */
    double rate_scale;    /* halved by each rollback */
    uint64_t diverged_at; /* most words done when it diverged */
    int rollbacks;        /* since training last got further */
    uint64_t epochs_reported;
    uint64_t checkpoints; /* number of the next one */
    /* Times of the monotonic clock, in seconds; the last is seconds of earlier runs. */
    double started, last_report, last_checkpoint, seconds_before;
    uint64_t words_at_report;
    double recent_rate; /* words per second, smoothed */
    struct train_progress progress;
};

#endif
