/* 128-bit GNU vectors: SSE2 on x86-64, NEON on arm64, plain code elsewhere. */
#define WIDTH 4
#include "kernel/kernel.h"
#include "kernel/train_step.h"
#include "kernel/variants.h"
#include "kernel/vector.h"

#define ROW_TILE 6
#if defined(__aarch64__)
#define SCORE_TILE 4
#define GRADIENT_ROWS 4
#define GRADIENT_VECTORS 4
#else
#define SCORE_TILE 2
#define GRADIENT_ROWS 4
#define GRADIENT_VECTORS 2
#endif
#include "kernel/block_body.h"
#include "kernel/search_body.h"

static bool runs(void) {
    return true;
}

static const struct kernel_train train = {block_workspace_size, block_step, block_pairs, block_row_is_finite};

const struct kernel kernel_portable = {"portable", WIDTH, runs, search_scores, search_norms, search_first_nonfinite,
                                       &train};
