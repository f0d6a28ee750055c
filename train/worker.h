/* One training thread: packs kept words into chunks, draws noise words, and hands the kernel block
 * after block. */
#ifndef VECMILL_TRAIN_WORKER_H
#define VECMILL_TRAIN_WORKER_H

#include "base/random.h"
#include "train/nonfinite.h"
#include "train/tally.h"
#include "train/trainer_state.h"

#define WORKER_DRAWS 4096        /* noise ids drawn at a time */
#define WORKER_CHUNK_WORDS 3072  /* kept words packed at a time */
#define WORKER_SEGMENT 65536     /* entries of ids in a segment, at most; or one walk */
#define WORKER_GRADIENT_EVERY 16 /* of the blocks with a loss: the norm of the gradient is taken */

/* What a worker needs to go on exactly where it stopped. Plain data: a checkpoint holds it as it
 * stands, `carry` and `draws` (allocated, lengths by settings) behind it. */
struct worker_state {
    struct random words; /* subsampling, windows */
    struct random noise;
    uint64_t segment; /* number over all epochs of the segment under way */
    uint64_t at, end; /* positions in the text; at == end: the segment is done */
    uint64_t blocks;
    /* kept words of an unfinished sentence that the next chunk begins with */
    uint32_t carried;
    uint32_t carried_context; /* how many of them were centres already */
    uint32_t draw;            /* next unused noise id */
    uint32_t loss_due;        /* 1: of the next block that has a positive */
    uint32_t losses;          /* taken so far, modulo 2^32 */
    /* Of the setting `pairs`. */
    struct random pairs;
    double pairs_due;            /* centres of pairs that the text trained so far asks for */
    uint64_t words_at, steps_at; /* done, of all, when the text under way was begun */
};

/* One draw of noise words. The worker writes the arrays, the kernel reads them through the view. */
struct worker_noise {
    uint32_t *ids;
    float **rows, *shift, *weight, *repeat;
    struct kernel_noise view;
};

/* Two cache lines apart from the next worker: both are written for every block, and processors
 * fetch lines in pairs. */
struct worker {
    _Alignas(128) struct worker_state state;
    const uint32_t *text; /* the ids that it packs: state's positions are in it */
    uint32_t *walks;      /* the text, where it is walks: those of the segment; else NULL */
    uint64_t missing;     /* words that these lack, not yet counted as passed */
    uint64_t loss_every;  /* the loss is taken on one block in so many */
    uint32_t *carry;      /* [2 window] */
    uint32_t *draws;      /* [WORKER_DRAWS + noise] */
    /* The chunk under way: a view of the arrays below. */
    struct kernel_chunk chunk;
    uint32_t *ids, *centres;
    float **input, **output, *shift, *rate, *zero;
    uint32_t room; /* positions of a chunk */
    bool of_pairs; /* the chunk is of pairs, not of text */
    /* Noise of the blocks under way and of the next ones. */
    struct worker_noise noise[2];
    /* [private_rows][stride] own copies of these output rows, and what they were at the last
     * merge. */
    float *own, *base;
    struct kernel_workspace *workspace;
    /* [KERNEL_BLOCK + 1][stride] rows of the centres before a block whose gradient is measured, and
     * one after it */
    float *before;
    struct nonfinite_rows seen; /* while the first value that is not finite is looked for */
    /* Since the loop last took account of them. */
    struct tally tally;
    uint64_t steps, words, examples, pairs;
};

/* Makes trainer->workers anew, `count` of them, and sets trainer->threads. Workers that were there
 * are freed. NO_MEMORY: workers_free is still to be called. */
enum status workers_create(struct trainer *trainer, int count, struct error *err) MUST_CHECK;
void workers_free(struct trainer *trainer);

/* A worker with no segment yet. number: which of the workers; its random numbers depend on it and
 * the seed. The caller clears it, also after a failure. About 0.5 MB, and private_rows rows
 * twice. */
enum status worker_init(struct worker *worker, const struct trainer *trainer, uint64_t number,
                        struct error *err) MUST_CHECK;
void worker_clear(struct worker *worker);

/* Makes the walks of the worker's segment, and puts it at their beginning. */
void worker_make_walks(struct worker *worker, const struct trainer *trainer);
/* Packs the next kept words of the worker's segment; false when the segment is used up. */
bool worker_pack(struct worker *worker, const struct trainer *trainer);
/* Packs pairs that are due for the text trained so far; false when none are. Each is a sentence of
 * two words, so that either word is a centre once. */
bool worker_pack_pairs(struct worker *worker, const struct trainer *trainer);
bool worker_has_pairs_due(const struct worker *worker, const struct trainer *trainer);
/* Trains on the packed chunk: writes rows of both tables and of the worker's own copies. */
void worker_train(struct worker *worker, const struct trainer *trainer);
/* The same at a rate of one's choice. 0: nothing moves, and each block's loss can be had. */
void worker_train_at(struct worker *worker, const struct trainer *trainer, float rate);
/* Copies the private rows from the table, whatever the worker's own were. */
void worker_take_rows(struct worker *worker, const struct trainer *trainer);
/* Adds the worker's share of what it did to them since to the table, and copies them anew. */
void worker_merge_rows(struct worker *worker, const struct trainer *trainer);

#endif
