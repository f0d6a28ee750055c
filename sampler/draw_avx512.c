#if defined(__x86_64__)
#include "sampler/draw_body.h"

static void log_uniform(const uint64_t *words, double log2_range, uint32_t range, uint32_t *ids,
                        size_t n) {
    draw_log_uniform(words, log2_range, range, ids, n);
}

const struct draw draw_avx512 = {"avx512", log_uniform};
#else
typedef int draw_avx512_needs_x86;
#endif
