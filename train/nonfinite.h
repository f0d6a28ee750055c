/* The search for the first value that is not finite: a training that met one goes again from its
 * last checkpoint, and after each block all rows that the block may have changed are looked at.
 * With one thread the training is the same to the bit, and what is found is the first one; with
 * several it is the first one of a training like it. */
#ifndef VECMILL_TRAIN_NONFINITE_H
#define VECMILL_TRAIN_NONFINITE_H

#include "train/trainer_state.h"

enum nonfinite_place { NONFINITE_IN_INPUT, NONFINITE_IN_OUTPUT, NONFINITE_IN_SCORE };

struct nonfinite {
    uint64_t words; /* the search ends where so many are done */
    /* what was found, by whichever worker came first */
    bool found;
    enum nonfinite_place place;
    uint32_t id;    /* of the row; with a score: of a centre of the block */
    size_t column;  /* not of a score */
    uint64_t step;  /* number of the block, from 1; with several threads about */
    uint64_t epoch; /* from 1 */
    double rate;    /* of the block */
    bool dumped;
};

/* The rows of a block before its step: of a worker. */
struct nonfinite_rows {
    float *rows; /* input rows, output rows of the positions, noise rows; NULL: none were kept */
    size_t room; /* floats */
};

/* A block under way. */
struct nonfinite_block {
    struct worker *worker;
    const struct trainer *trainer;
    const struct kernel_step *step;
    const struct kernel_noise *noise;
    uint32_t n_noise;
    uint32_t first, n, window;
};

/* With nonfinite_dump: keeps the rows as they are. */
void nonfinite_before(const struct nonfinite_block *block);
/* loss: of the block. True: something is found, by this worker or another one. With nonfinite_dump
 * writes the file, once. By any worker. */
bool nonfinite_after(const struct nonfinite_block *block, double loss);

/* DIVERGED with what was found. */
enum status nonfinite_error(const struct trainer *trainer, const struct nonfinite *found,
                            struct error *err);
/* The same as a warning of the training. */
void nonfinite_tell(struct trainer *trainer, const struct nonfinite *found);

#endif
