/* The arithmetic of draw.h, for the compiler to put into vectors: no branch, no call, no conversion
 * that a vector instruction of x86-64's first generation lacks. Private to sampler/. */
#ifndef VECMILL_SAMPLER_DRAW_BODY_H
#define VECMILL_SAMPLER_DRAW_BODY_H

#include <string.h>

#include "sampler/draw.h"

static inline double double_of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t bits_of_double(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* 2^(u log2_range) for u from a random word, in [1, range + 1] as rounding may reach the end. t = j
 * + f with j the nearest integer: it comes out at the low end of a number so large that its last
 * bit counts ones, from where it is moved to the exponent. 2^f on [-1/2, 1/2]: polynomial through
 * the ten Chebyshev nodes, relative error 4e-14. */
static inline double draw_power(uint64_t word, double log2_range) {
    const double large = 0x1.8p52;
    double t = (double_of_bits(word >> 12 | UINT64_C(0x3ff) << 52) - 1) * log2_range;
    double sum = t + large, f = t - (sum - large);
    double p = 0x1.b6571de2f2351p-24;
    p = p * f + 0x1.63ef969a64d3cp-20;
    p = p * f + 0x1.ffcb76789860fp-17;
    p = p * f + 0x1.43088e257f341p-13;
    p = p * f + 0x1.5d87fe908f88ap-10;
    p = p * f + 0x1.3b2ab72b175eep-7;
    p = p * f + 0x1.c6b08d7044119p-5;
    p = p * f + 0x1.ebfbdff8149f2p-3;
    p = p * f + 0x1.62e42fefa39f7p-1;
    p = p * f + 1;
    return double_of_bits(bits_of_double(p) + (bits_of_double(sum) << 52));
}

static inline void draw_log_uniform(const uint64_t *restrict words, double log2_range,
                                    uint32_t range, uint32_t *restrict ids, size_t n) {
    const int32_t last = (int32_t)(range - 1);
    for (size_t i = 0; i < n; i++) {
        int32_t id = (int32_t)draw_power(words[i], log2_range) - 1;
        ids[i] = (uint32_t)(id < last ? id : last);
    }
}

#endif
