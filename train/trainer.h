/* The trainer's own parts: state shared by its threads, the state of one thread, and how both
 * survive a restart. Private to train/. */
#ifndef VECMILL_TRAIN_TRAINER_H
#define VECMILL_TRAIN_TRAINER_H

#include <stdatomic.h>

#include "base/random.h"
#include "kernel/train_step.h"
#include "train/train.h"

#define TRAINER_DRAWS 4096       /* noise ids drawn at a time */
#define TRAINER_CHUNK_WORDS 3072 /* kept words packed at a time */
#define TRAINER_LOSS_EVERY 256   /* the loss is taken on one block in so many */
/* Words of a unique draw are at most this share of the vocabulary: more would take ever more
 * redraws, and make no difference. */
#define TRAINER_UNIQUE_SHARE 4

/* What one thread needs to go on exactly where it stopped. Plain data: a checkpoint holds it as it
 * stands, `carry` and `draws` (allocated, lengths by settings) behind it. */
struct lane_state {
    struct random words; /* subsampling, windows */
    struct random noise;
    uint64_t segment; /* number over all epochs of the segment under way */
    uint64_t at, end; /* positions in corpus->ids; at == end: the segment is done */
    uint64_t blocks;
    /* kept words of an unfinished sentence that the next chunk begins with */
    uint32_t carried;
    uint32_t carried_context; /* how many of them were centres already */
    uint32_t draw;            /* next unused noise id */
    uint32_t in_sentence;     /* the sentence goes on from the last chunk */
};

/* One training thread. Two cache lines apart from the next: both are written for every block, and
 * processors fetch lines in pairs. */
struct lane {
    _Alignas(128) struct lane_state state;
    uint32_t *carry; /* [2 window] */
    uint32_t *draws; /* [TRAINER_DRAWS + noise] */
    /* The chunk under way. */
    struct kernel_chunk chunk;
    uint32_t *ids, *centres;
    float **input, **output, *shift, *rate, *zero;
    /* [private_rows][stride] own copies of these output rows, and what they were at the last
     * merge. */
    float *own, *base;
    uint32_t room; /* positions */
    /* Noise of the blocks under way and of the next ones. */
    struct kernel_noise noise[2];
    struct kernel_workspace *workspace;
    /* Since the last report. */
    struct kernel_loss loss;
    uint64_t steps, words;
};

/* What the threads look up for each word they pass, and for each noise word: a quarter of a cache
 * line each. */
struct word_facts {
    uint32_t place; /* row number in table->data: what sharding comes down to */
    uint32_t keep;  /* keep the word when 32 random bits are not above */
    float shift;    /* subtracted from its score, as a positive and as noise; see noise_tables */
    float rate;     /* of the input row, relative to input_rate: rare words may move further */
};

struct noise_facts {
    uint32_t place;
    float shift;
    float weight; /* importance */
    float repeat; /* 1 + K q */
};

struct trainer {
    const struct train_options *options;
    const struct settings *settings;
    struct corpus *corpus;
    const struct vocabulary *vocabulary; /* corpus's, until it is given to the model */
    struct sampler *sampler;
    struct table *input, *output;
    struct kernel_step step; /* rate is each lane's own copy's */
    uint32_t rows;
    int bias;              /* settings->bias with BIAS_AUTO resolved */
    uint32_t private_rows; /* of the output table: ids below it */
    /* noise words of one draw differ: asked for, and the vocabulary is large enough */
    bool unique;
    struct word_facts *facts;  /* [rows] */
    struct noise_facts *noise; /* [rows] */
    struct lane *lanes;
    int threads;
    struct machine_cpus *cpus;                     /* NULL: threads are not bound */
    uint64_t segment_size, segments, next_segment; /* segments: of one epoch */
    double rate_scale;                             /* halved by each rollback */
    uint64_t diverged_at;                          /* words done when it last did, at most */
    int rollbacks;                                 /* since training last got further */
    uint64_t words_total;                          /* over all epochs */
    double words_kept;                             /* of an epoch, expected after subsampling */
    double noise_total;                            /* of the counts to the power noise_power */
    _Atomic uint64_t words_done, steps_done;
    atomic_bool halt; /* lanes return after their chunk */
    atomic_bool nonfinite;
    /* Loss sums of the present epoch and since the last report; under report_lock of run.c (a
     * critical section). */
    struct kernel_loss epoch_loss, recent_loss;
    /* checkpoints: number of the next one */
    uint64_t epochs_reported, checkpoints;
    /* monotonic; seconds of earlier runs */
    double started, last_report, last_checkpoint, seconds_before;
    uint64_t words_at_report;
    double recent_rate; /* words per second, smoothed */
    struct train_progress progress;
};

/* lane.c */
/* Zeros; the caller frees them after lane_clear of each. NULL: no memory. */
struct lane *lanes_allocate(size_t count);
enum status lane_create(struct trainer *trainer, struct lane *lane, uint64_t number,
                        struct error *err) MUST_CHECK;
void lane_clear(struct lane *lane);
/* Packs the next kept words of the lane's segment; false when the segment is used up. */
bool lane_pack(struct trainer *trainer, struct lane *lane);
/* Trains on the packed chunk. */
void lane_train(struct trainer *trainer, struct lane *lane);
/* Copies the private rows from the table, whatever the lane's own were. */
void lane_take_rows(struct trainer *trainer, struct lane *lane);
/* Adds the lane's share of what it did to them since to the table, and copies them anew. */
void lane_merge_rows(struct trainer *trainer, struct lane *lane);

/* trainer.c */
/* Noise words in a draw: shared_negatives, or what its 0 stands for. */
uint32_t shared_noise(const struct settings *settings);
/* Output rows of which each of `threads` lanes has a copy of its own, of a table of `rows`; none
 * with one lane, and none with exact_negatives, which are word2vec's rule to the letter. */
uint32_t private_rows(const struct settings *settings, uint32_t rows, int threads);
enum status trainer_create(struct trainer *trainer, const struct train_options *options,
                           struct corpus *corpus, struct error *err) MUST_CHECK;
void trainer_clear(struct trainer *trainer);
void trainer_init_tables(struct trainer *trainer);
/* All epochs; PAUSED, CANCELLED, DIVERGED, ... */
enum status trainer_run(struct trainer *trainer, struct error *err) MUST_CHECK;
/* At the start, CBOW's own factor included. */
double trainer_first_rate(const struct settings *settings);
double trainer_rate(const struct trainer *trainer, uint64_t words_done);
/* Looks at every float of both tables: DIVERGED naming table, word, column, step and rate. */
enum status trainer_check(struct trainer *trainer, struct error *err) MUST_CHECK;

/* log p(word) among the words that subsampling keeps: the bias of a model whose scores are to be
 * log ratios. */
double word_log_probability(const struct trainer *trainer, uint32_t id);

/* pin.c: what pin_threads asks for, before the tables are touched; unpin gives the threads their
 * CPUs back. */
enum status trainer_pin(struct trainer *trainer, struct error *err) MUST_CHECK;
void trainer_unpin(struct trainer *trainer);

/* report.c */
void trainer_report(struct trainer *trainer, enum train_phase phase, double share,
                    const char *note);
void trainer_report_if_due(struct trainer *trainer);

/* checkpoint.c: work/checkpoint-0 and -1, written in turn; the newest that verifies and belongs to
 * the same settings and corpus is loaded. */
enum status checkpoint_save(struct trainer *trainer, struct error *err) MUST_CHECK;
/* *found false: there is none that can be used (a note says why when one was damaged). */
enum status checkpoint_load(struct trainer *trainer, bool *found, struct error *err) MUST_CHECK;

/* publish.c */
enum status trainer_publish(struct trainer *trainer, struct train_result *result,
                            struct error *err) MUST_CHECK;

#endif
