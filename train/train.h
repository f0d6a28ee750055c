/* From corpus to model: vocabulary, the NCE step, threads, checkpoints, progress. The only folder
 * that writes rows. */
#ifndef VECMILL_TRAIN_TRAIN_H
#define VECMILL_TRAIN_TRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "corpus/corpus.h"
#include "embedding/embedding.h"
#include "kernel/kernel.h"
#include "sampler/sampler.h"

enum train_phase { PHASE_VOCABULARY, PHASE_TRAINING, PHASE_PUBLISHING };

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
    double words_per_second;
    double loss; /* mean per positive since the last report; NaN until one is known */
    double learning_rate, eta_seconds, seconds;
    struct corpus_report corpus; /* filled from the end of the vocabulary phase on */
    uint32_t epoch_ended;        /* 1: this report ends an epoch; loss is then the epoch's mean */
    uint32_t checkpointed;       /* 1: a checkpoint was just written */
    /* enum status: not OK: the training has failed, `key` and `note` are those of the error, and
     * nothing else counts */
    uint32_t failed;
    char key[64];
    char note[512]; /* a line for the log, or empty */
};
#define TRAIN_PROGRESS_MAGIC 0x564d5032u

struct train_options {
    const struct settings *settings;
    const char *corpus; /* path; gzip and zstd are decoded by their magic */
    /* scratch folder: ids, checkpoints; made when missing; emptied after success */
    const char *work;
    const char *output;        /* model folder to write */
    const char *name;          /* model name for the card */
    const char *corpus_digest; /* or NULL: computed */
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
    bool sample_chosen; /* by `sample = auto` */
};

/* The whole path. Errors: REFUSED (empty corpus, all words below min_count, no pair of words to
 * train or none trained: with the figures, and the setting to change as key),
 * NO_MEMORY (the tables cannot fit: bytes needed, bytes allowed, largest dim that fits), DIVERGED
 * (table, word, step, learning rate), PAUSED, CANCELLED, ... */
enum status train_run(const struct train_options *options, struct train_result *result,
                      struct error *err) MUST_CHECK;

/* Training threads: the setting, or one for each CPU that this process may use. */
int train_threads(const struct settings *settings);

/* The subsampling threshold: the setting, or what `auto` stands for with this vocabulary. That is
 * the smallest of three digits, at least sample_least, at which train_sample_share is sample_keep
 * or more, and enough for sample_words of the corpus. Depends on the counts only. Cost: about 13
 * times O(words). */
double train_sample(const struct settings *settings, const struct vocabulary *vocabulary);
/* The share of the words of the vocabulary, as often as they stand in the corpus, that subsampling
 * is expected to keep: 0..1. O(words). */
double train_sample_share(double sample, const struct vocabulary *vocabulary);
/* Training warns when a smaller share is kept. */
#define TRAIN_SHARE_LOW 0.2

/* The memory rule of a training whose vocabulary has `words` words. */
struct train_memory {
    uint64_t needed;  /* bytes, estimated from above */
    uint64_t allowed; /* bytes: max_memory, or what machine and container have if that is less */
    bool fits;        /* needed <= allowed */
    int64_t max_dim;  /* the largest dim, up to the setting, that fits; 0: not even 1 */
};
struct train_memory train_memory(const struct settings *settings, uint64_t words);

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
