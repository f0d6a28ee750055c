/* The depth of a lane, and the products that go with it. An operand of a product of matrices is
 * made of 32-bit lanes. A lane holds one float (DEPTH 1) or, in kernels that define BFLOAT16, two
 * numbers of the inner dimension, rounded to bfloat16 (DEPTH 2): AVX512_BF16 multiplies both and
 * adds the products in float, twice the work of a fused multiply-add. Only copies are rounded,
 * never the tables: the error, 2^-9 of each factor, is far below the noise of a stochastic
 * gradient. */
#ifndef VECMILL_KERNEL_BLOCK_PRODUCT_H
#define VECMILL_KERNEL_BLOCK_PRODUCT_H

#include "kernel/vector.h"

#if defined(BFLOAT16)
#define DEPTH 2

INLINE vec multiply_add(vec sum, vec a, vec b) {
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

INLINE halfvec multiply_add_half(halfvec sum, halfvec a, halfvec b) {
    return (halfvec)_mm256_dpbf16_ps((__m256)sum, (__m256bh)a, (__m256bh)b);
}

/* 2 WIDTH numbers in their order. */
INLINE vec round_row(vec first, vec second) {
    return (vec)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}

/* For gradients that are rounded next: relative error 2^-12, half the instructions. 2^f on [0, 1]
 * by its minimax polynomial of degree 3, error 2^-13.7; VSCALEF takes the floor of the exponent by
 * itself. */
INLINE vec gradient_sigmoid(vec x) {
    vec t = x * vec_set(-1.44269504f);
    vec f = (vec)_mm512_reduce_ps((__m512)t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    vec p = vec_set(7.802452147e-2f) * f + vec_set(2.260671556e-1f);
    p = p * f + vec_set(6.958335638e-1f);
    p = p * f + vec_set(9.999251962e-1f);
    vec e = (vec)_mm512_scalef_ps((__m512)p, (__m512)t);
    return (vec)_mm512_rcp14_ps((__m512)(vec_set(1.0f) + e));
}

/* Of two rounded rows: lane i holds the two numbers i, or the two numbers WIDTH + i. */
INLINE vec interleave_low(vec first, vec second) {
    typedef int16_t half __attribute__((vector_size(64)));
    return (vec)SHUFFLE((half)first, (half)second, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38,
                        7, 39, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47);
}

INLINE vec interleave_high(vec first, vec second) {
    typedef int16_t half __attribute__((vector_size(64)));
    return (vec)SHUFFLE((half)first, (half)second, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53,
                        22, 54, 23, 55, 24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31,
                        63);
}
#else
#define DEPTH 1

INLINE vec multiply_add(vec sum, vec a, vec b) {
    return sum + a * b;
}

INLINE halfvec multiply_add_half(halfvec sum, halfvec a, halfvec b) {
    return sum + a * b;
}

INLINE vec gradient_sigmoid(vec x) {
    return vec_sigmoid(x);
}
#endif

#endif
