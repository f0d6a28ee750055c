/* From corpus to model: vocabulary, the NCE step, threads, checkpoints, progress. The only folder
 * that writes rows. */
#ifndef VECMILL_TRAIN_TRAIN_H
#define VECMILL_TRAIN_TRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/event_file.h"
#include "base/log.h"
#include "config/config.h"
#include "corpus/corpus.h"
#include "corpus/pair_list.h"
#include "embedding/embedding.h"
#include "kernel/kernel.h"
#include "sampler/sampler.h"

enum train_phase { PHASE_VOCABULARY, PHASE_TRAINING, PHASE_PUBLISHING };

/* What the questions are: accuracy of analogies (answered right / answered), Spearman's
 * correlation, or the hit rate of the last items of sessions. */
enum train_score { SCORE_NONE, SCORE_ANALOGIES, SCORE_SIMILARITY, SCORE_NEXT_ITEM };
/* Why a training ended. */
enum train_stop { STOP_NOT_YET, STOP_EPOCHS, STOP_MAX_STEPS, STOP_EARLY };

/* One report of progress; plain data, so that a child process can write it to a pipe as it
 * stands. */
struct train_progress {
    uint32_t magic;         /* TRAIN_PROGRESS_MAGIC */
    uint32_t phase;         /* enum train_phase */
    double progress;        /* 0..1 over the whole job */
    uint64_t epoch, epochs; /* epoch counts from 1 while training */
    uint64_t step;          /* steps: blocks of 16 centres updated */
    /* in-vocabulary corpus words passed, subsampled ones included; total over all epochs */
    uint64_t words, words_total;
    /* of these words, those that were trained: kept by subsampling, with a word beside them */
    uint64_t examples;
    uint64_t pairs_trained;   /* pairs of the setting `pairs`, each as often as it was drawn */
    struct pair_report pairs; /* zeros without pairs */
    double words_per_second;
    double learning_rate, eta_seconds, seconds;
    /* Figures, by name in train_figures(); NaN while there is none. Losses are means per positive,
     * taken on sampled blocks. */
    double loss;       /* since the last report, or longer when that was too little to be steady */
    double loss_error; /* standard error of loss */
    double epoch_loss; /* over the present epoch so far */
    double avg_loss;   /* over the training so far */
    double total_loss; /* the sum over all positives of the training so far: an estimate */
    double gradient_norm; /* of a block, by the rows of its centres: mean since the last report */
    double clipped_share; /* of the rows that took a step, those whose step was clipped: the same */
    double row_norm;      /* mean Euclidean norm of the input rows when the last epoch ended */
    double row_norm_max;  /* the largest of them, of row_norm_word */
    double holdout_loss;  /* of the held-out sentences, at the last evaluation */
    double score;         /* of the questions, at the last evaluation: see score_set */
    double best;          /* what stop_early watches, at its best evaluation */
    char row_norm_word[64];               /* cut to whole letters; "" while there is none */
    uint64_t score_answered, score_asked; /* questions of the set: with all words known, all */
    uint64_t evaluations, waited;         /* made; since the best one */
    uint64_t best_epoch, best_step;       /* when that one was made: epochs passed, steps */
    uint32_t score_set;                   /* enum train_score */
    uint32_t stopped;                     /* enum train_stop: why it ended, once it has */
    struct corpus_report corpus;          /* filled from the end of the vocabulary phase on */
    /* 1: this report ends an epoch; loss is then the epoch's mean */
    uint32_t epoch_ended;
    /* 1: this report tells of an evaluation: holdout_loss and score are of now; it is the best */
    uint32_t evaluated, improved;
    uint32_t checkpointed; /* 1: a checkpoint was just written */
    /* enum status: not OK: the training has failed, `key` and `note` are those of the error, and
     * nothing else counts */
    uint32_t failed;
    char key[64];
    char note[512]; /* a line for the log, or empty */
};
#define TRAIN_PROGRESS_MAGIC 0x564d5033u

/* Zeros and "", the magic, and NaN for every figure. */
void train_progress_init(struct train_progress *progress);

/* The figures of a report, one row each: documents, events, metrics and the command line walk
 * them. Constants: any thread may read them. */
struct train_figure {
    const char *name, *meaning;
    size_t offset;  /* of a double in struct train_progress */
    bool evaluated; /* of an evaluation: a report without one has the value of the last */
};
const struct train_figure *train_figures(size_t *count);
double train_figure_value(const struct train_progress *progress, const struct train_figure *figure);
void train_figure_set(struct train_progress *progress, const struct train_figure *figure,
                      double value);
/* The numbers of a report of the training phase as scalars over its step, by the names that events
 * and the history have: all but those that are constant, and those that are not known. Returns how
 * many. */
#define TRAIN_SCALARS 32
size_t train_scalars(const struct train_progress *progress,
                     struct event_scalar scalars[TRAIN_SCALARS]);
/* "analogies", "similarity", "next-item"; NULL for none, and for a number that is no kind. */
const char *train_score_name(uint32_t score_set);
/* "epochs", "max_steps", "stop_early"; NULL while it runs, and for a number that is no reason. */
const char *train_stop_name(uint32_t stopped);

struct train_options {
    const struct settings *settings;
    const char *corpus; /* path; gzip and zstd are decoded by their magic */
    /* scratch folder: ids, checkpoints; made when missing; emptied after success */
    const char *work;
    const char *output;        /* model folder to write */
    const char *name;          /* model name for the card */
    const char *corpus_digest; /* or NULL: computed */
    /* path of the questions that the setting `questions` names; NULL: the setting is the path */
    const char *questions;
    /* the same of the setting `pairs` */
    const char *pairs;
    /* where nonfinite_dump writes; NULL: nothing is written */
    const char *dump;
    const struct kernel *kernel;
    const struct logger *logger;
    atomic_int *request; /* enum train_request; may be NULL */
    void (*on_progress)(void *context, const struct train_progress *progress);
    void *context;
    bool resume; /* go on from the newest checkpoint in `work` that verifies */
};

struct train_result {
    struct corpus_report corpus;
    struct train_progress last;
    char model_digest[DIGEST_TEXT_SIZE];
    double seconds;
};

/* The whole path. Errors: REFUSED (empty corpus, all words below min_count, no pair of words to
 * train or none trained: with the figures, and the setting to change as key),
 * NO_MEMORY (the tables cannot fit: bytes needed, bytes allowed, largest dim that fits), DIVERGED
 * (table, word, step, learning rate), PAUSED, CANCELLED, ... */
enum status train_run(const struct train_options *options, struct train_result *result,
                      struct error *err) MUST_CHECK;

/* Training threads: the setting, or one for each CPU that this process may use. */
int train_threads(const struct settings *settings);

/* Training warns when a smaller share is kept. */
#define TRAIN_SHARE_LOW 0.2

/* The memory rule of a training whose vocabulary has `words` words, and which takes `beside` bytes
 * for what is no table (pairs). A window that is auto counts as the smallest it may come to. */
struct train_memory {
    uint64_t needed;  /* bytes, estimated from above */
    uint64_t allowed; /* bytes: max_memory, or what machine and container have if that is less */
    bool fits;        /* needed <= allowed */
    int64_t max_dim;  /* the largest dim, up to the setting, that fits; 0: not even 1 */
};
struct train_memory train_memory(const struct settings *settings, uint64_t words, uint64_t beside);
/* NO_MEMORY with the key `dim` when they do not fit: bytes needed, bytes allowed, the largest dim
 * that fits. beside: bytes that the training takes besides, for pairs. */
enum status train_admit(const struct settings *settings, uint64_t words, uint64_t beside,
                        struct error *err) MUST_CHECK;

/* The files of a training whose vocabulary has `words` words, in bytes, estimated. */
struct train_disk {
    uint64_t checkpoint, model;
};
struct train_disk train_disk(const struct settings *settings, uint64_t words);

/* The sampler a job with these settings uses over a model's vocabulary. Owns: caller frees. */
enum status train_sampler_create(const struct settings *settings,
                                 const struct vocabulary *vocabulary, struct sampler **sampler,
                                 struct error *err) MUST_CHECK;

#endif
