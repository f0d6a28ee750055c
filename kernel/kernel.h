/* The arithmetic: floats in, floats out. One body of loops compiled once per instruction set, a
 * table of variants, chosen once at start and passed in. Knows no words, files or threads. Depends
 * on nothing, not even base/. */
#ifndef VECMILL_KERNEL_KERNEL_H
#define VECMILL_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows are 64-byte aligned and padded with zeros to a multiple of this many floats: loops have no
 * tails. */
#define KERNEL_PAD 16

/* No word: the id of a word that is not in the vocabulary, and of a position between sentences.
 * The one name for it; it is no valid id, for a table has fewer rows. */
#define WORD_NONE UINT32_MAX

struct kernel_train; /* kernel/train_step.h: the training entry points */

struct kernel {
    const char *name; /* "avx512bf16", "avx512", "avx2", "portable" */
    unsigned width;   /* floats in a vector */
    /* training rounds copies of rows and gradients for its matrix products; tables and sums are
     * floats */
    bool bfloat16;
    bool (*runs)(void); /* can this machine run it? */
    /* scores[q * n_rows + r] = <queries + q * stride, rows + r * stride>, both padded and aligned.
     * Summation order is fixed for a kernel, so that the same pair gives the same bits wherever it
     * stands in a batch. Cost: n_queries n_rows stride FMAs. */
    void (*scores)(const float *queries, size_t n_queries, const float *rows, size_t n_rows,
                   size_t stride, float *scores);
    /* norms[r] = Euclidean norm of row r over its stride floats (accumulated in double). */
    void (*norms)(const float *rows, size_t n_rows, size_t stride, float *norms);
    /* Index of the first float that is NaN or Inf, n when there is none; works on the bits, so that
     * no compiler flag can remove it. */
    size_t (*first_nonfinite)(const float *values, size_t n);
    const struct kernel_train *train;
};

/* Fastest first; NULL-terminated. */
const struct kernel *const *kernel_list(void);
/* "auto" or NULL: the fastest that runs here. A name: that one, or NULL when unknown or not
 * runnable here. */
const struct kernel *kernel_choose(const char *name);

#endif
