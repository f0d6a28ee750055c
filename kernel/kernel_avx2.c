/* 256-bit vectors: 16 registers hold a register tile of 12 sums, 3 operands and one more. */
#if defined(__x86_64__)
#define WIDTH 8
#define ROW_VECTORS 6
#define SCORE_VECTORS 3
#define STEP_VECTORS 3

#include "kernel/block/block_step.h"
#include "kernel/kernel.h"
#include "kernel/search/search_body.h"
#include "kernel/train_step.h"
#include "kernel/variants.h"

static bool runs(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static const struct kernel_train train = {block_workspace_size, block_step,
                                          block_pairs,          block_merge,
                                          block_row_is_finite,  block_row_copy};

const struct kernel kernel_avx2 = {
    "avx2", WIDTH, false, runs, search_scores, search_norms, search_first_nonfinite, &train};
#else
typedef int kernel_avx2_needs_x86;
#endif
