/* 128-bit GNU vectors: SSE2 on x86-64, NEON on arm64, plain code elsewhere. */
#define WIDTH 4
#include "kernel/kernel.h"
#include "kernel/train_step.h"
#include "kernel/variants.h"
#include "kernel/vector.h"

#if defined(__aarch64__)
#define ROW_TILE 8
#define SCORE_TILES 4
#define STEP_VECTORS 4
#else
#define ROW_TILE 6
#define SCORE_TILES 2
#define STEP_VECTORS 2
#endif
#include "kernel/block/block_body.h"
#include "kernel/search/search_body.h"

static bool runs(void) {
    return true;
}

static const struct kernel_train train = {block_workspace_size, block_step, block_pairs,
                                          block_merge, block_row_is_finite};

const struct kernel kernel_portable = {
    "portable", WIDTH, false, runs, search_scores, search_norms, search_first_nonfinite, &train};
