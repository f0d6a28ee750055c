/* What all threads of one training share. Data only: the files of train/ work on it, each through
 * its own header. They stand in floors, and a file calls only those below it:
 *
 *   run  train_plan
 *                  the whole path: corpus, memory, tables, epochs, model; and what it would take
 *   calibrate  plan_notes
 *                  how fast it goes here, by trying; what a plan warns of and suggests
 *   trainer        creates the shared state, and runs the epochs
 *   recovery       finds values that are not finite, and goes back
 *   evaluation     held-out loss, questions, stopping early
 *   checkpoint     everything a training needs to go on after a stop
 *   publish  worker  initial_rows  pin  pairs  warnings  judge
 *                  the model on disk; what one thread does; start values; threads bound to CPUs;
 *                  was there anything to train? what the settings leave out
 *   nonfinite      the search for the first value that is not finite, block by block
 *   report         progress, as the caller hears of it
 *   schedule  tally  figures  decide
 *                  the learning rate; sums of losses; what reports tell, by name; the settings of
 *                  this training, what was `auto` settled
 *   choose         the rules by which it is
 *   word_tables  subsampling  step_settings  memory  pair_source  walk_source
 *                  what settings come down to: for each word, for a step of the kernel, in bytes;
 *                  pairs beside the text, walks in its place
 *
 * Private to train/. */
#ifndef VECMILL_TRAIN_TRAINER_STATE_H
#define VECMILL_TRAIN_TRAINER_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/machine.h"
#include "kernel/train_step.h"
#include "train/pair_source.h"
#include "train/step_settings.h"
#include "train/tally.h"
#include "train/train.h"
#include "train/walk_source.h"
#include "train/word_tables.h"

struct worker;
struct nonfinite;

/* What evaluations told so far. Plain data: a checkpoint holds it as it stands. */
struct evaluated {
    uint64_t index;       /* of the last moment at which one was due: words / (words between two) */
    uint64_t words;       /* words done at the last evaluation */
    uint64_t count;       /* evaluations made */
    uint64_t waited;      /* since the best one */
    uint64_t best_number; /* of the file that holds the best rows; 0: there is none */
    uint64_t best_epoch, best_step;
    double best, holdout_loss, score;     /* NaN while there is none */
    double best_holdout_loss, best_score; /* of the best one, whichever of them is watched */
    uint64_t score_answered, score_asked;
    uint32_t score_set; /* enum train_score */
    uint32_t stopped;   /* enum train_stop */
};

/* Sums of losses since several beginnings. Plain data, as above. */
struct tallies {
    struct tally all, epoch;
    struct tally recent; /* since the last report */
    struct tally window; /* what the last report's mean spanned */
    double epoch_mean;   /* of the last epoch that ended; NaN while there is none */
};

struct trainer {
    /* Fixed once trainer_init has returned; any thread reads them. */
    const struct train_options *options;
    const struct settings *settings; /* the options': nothing in them is auto any more */
    struct corpus *corpus;
    const struct vocabulary *vocabulary; /* corpus's, until it is given to the model */
    struct sampler *sampler;
    struct kernel_step step; /* its rate is unused: each worker has a copy with the present one */
    struct step_bias bias;
    struct word_tables tables;
    struct walk_source walks;        /* graph NULL: the text is corpus->ids */
    struct pair_source pairs;        /* n 0: there are none */
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
    _Atomic uint64_t words_done, steps_done, examples_done, pairs_done;
    _Atomic uint64_t steps_taken; /* with max_steps: given to a worker, done or not */
    atomic_bool halt;             /* workers return after their chunk */
    atomic_bool nonfinite;
    struct tallies tallies;   /* see trainer_add_tally */
    struct nonfinite *search; /* NULL: there is no search under way */

    /* Written by the first thread, or when no worker runs. */
    struct evaluated evaluated;
    /* For held-out sentences: workers of their own, [judge_threads] or NULL; the questions, or
     * NULL. */
    struct worker *judges;
    int judge_threads;
    char *questions;
    size_t questions_length;
    float *row;           /* [stride] of the first thread, for norms of rows */
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
