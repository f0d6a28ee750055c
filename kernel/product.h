/* Products of matrices. An operand is a vector of 32-bit lanes; a lane holds one float (DEPTH 1) or, in kernels that
 * define BFLOAT16, two numbers of the inner dimension rounded to bfloat16 (DEPTH 2): AVX512_BF16 multiplies both and
 * adds the products in float, twice the work of a fused multiply-add. Only copies are rounded, never the tables: the
 * error, 2^-9 of each factor, is far below the noise of a stochastic gradient. */
#ifndef VECMILL_KERNEL_PRODUCT_H
#define VECMILL_KERNEL_PRODUCT_H

#if defined(BFLOAT16)
#define DEPTH 2

INLINE vec multiply_add(vec sum, vec a, vec b) {
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

/* 2 WIDTH numbers in their order. */
INLINE vec round_row(vec first, vec second) {
    return (vec)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}

/* Lane i: first[i] and second[i]. */
INLINE vec round_pairs(vec first, vec second) {
    typedef int16_t half __attribute__((vector_size(64)));
    half both = (half)round_row(first, second);
    return (vec)SHUFFLE(both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11,
                        27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#else
#define DEPTH 1

INLINE vec multiply_add(vec sum, vec a, vec b) {
    return sum + a * b;
}
#endif

#endif
