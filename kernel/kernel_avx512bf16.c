/* As kernel_avx512.c, with products of matrices rounded to bfloat16 (AVX512_BF16: AMD Zen 4, Intel
 * Cooper Lake and Sapphire Rapids). */
#if defined(__x86_64__)
#define WIDTH 16
#define BFLOAT16
#define ROW_VECTORS 8
#define SCORE_VECTORS 4
#define STEP_VECTORS 4

#include "kernel/block/block_step.h"
#include "kernel/kernel.h"
#include "kernel/search/search_body.h"
#include "kernel/train_step.h"
#include "kernel/variants.h"

static bool runs(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx512bf16");
}

static const struct kernel_train train = {block_workspace_size, block_step,
                                          block_pairs,          block_merge,
                                          block_row_is_finite,  block_row_copy};

const struct kernel kernel_avx512bf16 = {
    "avx512bf16", WIDTH, true, runs, search_scores, search_norms, search_first_nonfinite, &train};
#else
typedef int kernel_avx512bf16_needs_x86;
#endif
