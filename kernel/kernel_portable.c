/* 128-bit GNU vectors: SSE2 on x86-64, NEON on arm64, plain code elsewhere. Its sizes are those of
 * width.h. */
#include "kernel/block/block_step.h"
#include "kernel/kernel.h"
#include "kernel/search/search_body.h"
#include "kernel/train_step.h"
#include "kernel/variants.h"

static bool runs(void) {
    return true;
}

static const struct kernel_train train = {block_workspace_size, block_step,
                                          block_pairs,          block_merge,
                                          block_row_is_finite,  block_row_copy};

const struct kernel kernel_portable = {
    "portable", WIDTH, false, runs, search_scores, search_norms, search_first_nonfinite, &train};
