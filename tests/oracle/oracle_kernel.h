/* Sets a kernel's block step against the double-precision oracle on a random case. Needs no cmocka
 * and no other folder, so that it also runs under an emulator for another machine. */
#ifndef VECMILL_TESTS_ORACLE_KERNEL_H
#define VECMILL_TESTS_ORACLE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/kernel.h"
#include "kernel/train_step.h"

struct kernel_case {
    uint32_t dim, noise, window, words; /* words: vocabulary; few make repeats within a block */
    uint32_t longest;                   /* sentence, in words */
    /* the block is one piece of a sentence that goes on on both sides */
    bool inside;
    bool bias, cbow, softmax, clip, hits;
    double rate, pos_weight;
    float cbow_input, cbow_mean; /* 0: each word takes the whole step */
    uint32_t num_true;
    uint64_t seed;
};

/* A case drawn from seed: every size and option within the bounds the kernels are meant for. */
struct kernel_case kernel_case_draw(uint64_t seed);
/* Largest |difference| / (1e-5 + 1e-4 |wanted|) over both tables, the loss included; above 1 is a
 * failure. The oracle rounds where the kernel does. INFINITY when padding or the constant of the
 * bias column was touched. */
double kernel_case_compare(const struct kernel *kernel, const struct kernel_case *test);
/* The same for the `pairs` step against word2vec's sequential rule. */
double kernel_case_compare_pairs(const struct kernel *kernel, const struct kernel_case *test);
/* The score of random rows against a plain double sum, and the finite check with one bad value at
 * every place. */
double kernel_case_compare_search(const struct kernel *kernel, uint64_t seed);

#endif
