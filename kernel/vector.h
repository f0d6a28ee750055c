/* A vector of WIDTH floats and the few operations the loops need, on GNU vectors. A lane is one of
 * its floats; a four is four neighbouring lanes. */
#ifndef VECMILL_KERNEL_VECTOR_H
#define VECMILL_KERNEL_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernel/width.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
/* Loops with an order for the compiler: unroll it whole, unroll it by eight, leave it rolled. */
#if defined(__clang__)
#define UNROLL_FOR(...) _Pragma("clang loop unroll(full)") for (__VA_ARGS__)
#define UNROLL_SOME_FOR(...) _Pragma("clang loop unroll_count(8)") for (__VA_ARGS__)
#define ROLL_FOR(...) _Pragma("clang loop unroll(disable)") for (__VA_ARGS__)
#else
#define UNROLL_FOR(...) _Pragma("GCC unroll 16") for (__VA_ARGS__)
#define UNROLL_SOME_FOR(...) _Pragma("GCC unroll 8") for (__VA_ARGS__)
#define ROLL_FOR(...) _Pragma("GCC unroll 1") for (__VA_ARGS__)
#endif

typedef float vec __attribute__((vector_size(4 * WIDTH), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * WIDTH), may_alias));
typedef float halfvec __attribute__((vector_size(2 * WIDTH), may_alias));
typedef float four __attribute__((vector_size(16), may_alias));
typedef int32_t half_ivec __attribute__((vector_size(2 * WIDTH), may_alias));

INLINE vec vec_set(float x) {
    return x - (vec){0};
}

INLINE vec vec_load(const float *p) {
    return *(const vec *)p;
}

INLINE void vec_store(float *p, vec v) {
    *(vec *)p = v;
}

INLINE vec vec_load_unaligned(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* a where the mask's lanes are -1, b where they are 0. */
INLINE vec vec_select(ivec mask, vec a, vec b) {
    return (vec)(((ivec)a & mask) | ((ivec)b & ~mask));
}

/* Of the second when the first is NaN. */
INLINE vec vec_min(vec a, vec b) {
#if WIDTH == 16
    return (vec)_mm512_min_ps((__m512)a, (__m512)b);
#elif WIDTH == 8
    return (vec)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return vec_select(a < b, a, b);
#endif
}

INLINE vec vec_max(vec a, vec b) {
#if WIDTH == 16
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif WIDTH == 8
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return vec_select(a > b, a, b);
#endif
}

/* Rows of the tables are written by other threads while we read them (Hogwild, Recht et al. 2011):
 * the one deliberate race. The compiler never sees these accesses as C objects, so there is no
 * undefined behaviour for it to exploit; a float is read or written whole. Under ThreadSanitizer
 * they are relaxed atomics instead: correct C11, several times slower. */
#if defined(VECMILL_ATOMIC_ROWS)
INLINE vec row_load(const float *p) {
    vec v;
    for (int i = 0; i < WIDTH; i++) {
        uint32_t bits = __atomic_load_n((const uint32_t *)(const void *)p + i, __ATOMIC_RELAXED);
        memcpy((char *)&v + 4 * i, &bits, 4);
    }
    return v;
}

INLINE void row_store(float *p, vec v) {
    for (int i = 0; i < WIDTH; i++) {
        uint32_t bits;
        memcpy(&bits, (const char *)&v + 4 * i, 4);
        __atomic_store_n((uint32_t *)(void *)p + i, bits, __ATOMIC_RELAXED);
    }
}

INLINE halfvec row_load_half(const float *p) {
    halfvec v;
    for (int i = 0; i < WIDTH / 2; i++) {
        uint32_t bits = __atomic_load_n((const uint32_t *)(const void *)p + i, __ATOMIC_RELAXED);
        memcpy((char *)&v + 4 * i, &bits, 4);
    }
    return v;
}

INLINE void row_store_half(float *p, halfvec v) {
    for (int i = 0; i < WIDTH / 2; i++) {
        uint32_t bits;
        memcpy(&bits, (const char *)&v + 4 * i, 4);
        __atomic_store_n((uint32_t *)(void *)p + i, bits, __ATOMIC_RELAXED);
    }
}
#elif defined(__x86_64__) && defined(__AVX__)
INLINE vec row_load(const float *p) {
    vec v;
    __asm__("vmovaps %1, %0" : "=v"(v) : "m"(*(const vec *)p));
    return v;
}

INLINE void row_store(float *p, vec v) {
    __asm__("vmovaps %1, %0" : "=m"(*(vec *)p) : "v"(v));
}

INLINE halfvec row_load_half(const float *p) {
    halfvec v;
    __asm__("vmovaps %1, %0" : "=v"(v) : "m"(*(const halfvec *)p));
    return v;
}

INLINE void row_store_half(float *p, halfvec v) {
    __asm__("vmovaps %1, %0" : "=m"(*(halfvec *)p) : "v"(v));
}
#elif defined(__x86_64__)
INLINE vec row_load(const float *p) {
    vec v;
    __asm__("movaps %1, %0" : "=x"(v) : "m"(*(const vec *)p));
    return v;
}

INLINE void row_store(float *p, vec v) {
    __asm__("movaps %1, %0" : "=m"(*(vec *)p) : "x"(v));
}
#elif defined(__aarch64__)
INLINE vec row_load(const float *p) {
    vec v;
    __asm__("ldr %q0, %1" : "=w"(v) : "m"(*(const vec *)p));
    return v;
}

INLINE void row_store(float *p, vec v) {
    __asm__("str %q1, %0" : "=m"(*(vec *)p) : "w"(v));
}
#else
INLINE vec row_load(const float *p) {
    return *(const volatile vec *)p;
}

INLINE void row_store(float *p, vec v) {
    *(volatile vec *)p = v;
}
#endif

#if WIDTH == 4 && !defined(VECMILL_ATOMIC_ROWS) /* compiled, never used: HALVES is 0 */
INLINE halfvec row_load_half(const float *p) {
    return *(const volatile halfvec *)p;
}

INLINE void row_store_half(float *p, halfvec v) {
    *(volatile halfvec *)p = v;
}
#endif

#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

/* Four floats of a row, the same in every four of a vector. */
INLINE vec row_spread_four(const float *p) {
#if WIDTH == 4
    return row_load(p);
#elif defined(VECMILL_ATOMIC_ROWS)
    vec v;
    for (int i = 0; i < WIDTH; i++) {
        uint32_t bits =
            __atomic_load_n((const uint32_t *)(const void *)p + i % 4, __ATOMIC_RELAXED);
        memcpy((char *)&v + 4 * i, &bits, 4);
    }
    return v;
#else
    vec v;
#if WIDTH == 16
    __asm__("vbroadcastf32x4 %1, %0" : "=v"(v) : "m"(*(const four *)p));
#else
    __asm__("vbroadcastf128 %1, %0" : "=x"(v) : "m"(*(const four *)p));
#endif
    return v;
#endif
}

INLINE halfvec vec_lower(vec v) {
#if WIDTH == 16
    return SHUFFLE(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
#elif WIDTH == 8
    return SHUFFLE(v, v, 0, 1, 2, 3);
#else
    return SHUFFLE(v, v, 0, 1);
#endif
}

/* Sums of WIDTH vectors at once, lane i of the result the sum of v[i]: WIDTH - 1 additions in place
 * of WIDTH log2 WIDTH. The order of additions inside a lane does not depend on which vectors stand
 * beside it. */
#if WIDTH == 16
INLINE vec vec_sum_each(const vec v[16]) {
    vec a[8], b[4];
    UNROLL_FOR(int i = 0; i < 8; i++)
        a[i] = SHUFFLE(v[2 * i], v[2 * i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13,
                       29) +
               SHUFFLE(v[2 * i], v[2 * i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30,
                       15, 31);
    UNROLL_FOR(int i = 0; i < 4; i++)
        b[i] = SHUFFLE(a[2 * i], a[2 * i + 1], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28,
                       29) +
               SHUFFLE(a[2 * i], a[2 * i + 1], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15,
                       30, 31);
#define FOLD_EIGHTS(x, y)                                                      \
    (SHUFFLE(x, y, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) + \
     SHUFFLE(x, y, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31))
    return FOLD_EIGHTS(FOLD_EIGHTS(b[0], b[1]), FOLD_EIGHTS(b[2], b[3]));
#undef FOLD_EIGHTS
}
#elif WIDTH == 8
INLINE vec vec_sum_each(const vec v[8]) {
    vec a[4], b[2];
    UNROLL_FOR(int i = 0; i < 4; i++)
        a[i] = SHUFFLE(v[2 * i], v[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13) +
               SHUFFLE(v[2 * i], v[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    UNROLL_FOR(int i = 0; i < 2; i++)
        b[i] = SHUFFLE(a[2 * i], a[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
               SHUFFLE(a[2 * i], a[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
    return SHUFFLE(b[0], b[1], 0, 1, 2, 3, 8, 9, 10, 11) +
           SHUFFLE(b[0], b[1], 4, 5, 6, 7, 12, 13, 14, 15);
}
#else
INLINE vec vec_sum_each(const vec v[4]) {
    vec a = SHUFFLE(v[0], v[1], 0, 4, 1, 5) + SHUFFLE(v[0], v[1], 2, 6, 3, 7);
    vec b = SHUFFLE(v[2], v[3], 0, 4, 1, 5) + SHUFFLE(v[2], v[3], 2, 6, 3, 7);
    return SHUFFLE(a, b, 0, 1, 4, 5) + SHUFFLE(a, b, 2, 3, 6, 7);
}
#endif

/* Sum of the lanes, in a fixed order. */
INLINE float vec_sum(vec v) {
    float lane[WIDTH], sum[WIDTH / 2];
    memcpy(lane, &v, sizeof v);
    for (int i = 0; i < WIDTH / 2; i++)
        sum[i] = lane[i] + lane[i + WIDTH / 2];
    for (int n = WIDTH / 4; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            sum[i] += sum[i + n];
    return sum[0];
}

/* 2^r for |r| <= 1/2 by its minimax polynomial of degree 5, error 1e-7 relative. */
INLINE vec vec_exp2_fraction(vec r) {
    vec p = vec_set(1.326472814e-3f) * r + vec_set(9.671512833e-3f);
    p = p * r + vec_set(5.550733740e-2f);
    p = p * r + vec_set(2.402224208e-1f);
    p = p * r + vec_set(6.931469776e-1f);
    return p * r + vec_set(1.0f);
}

/* e^x for |x| <= 80 (clamped). */
INLINE vec vec_exp(vec x) {
    vec t = vec_min(vec_max(x, vec_set(-80.0f)), vec_set(80.0f)) * vec_set(1.44269504f);
#if WIDTH == 16
    vec n = (vec)_mm512_roundscale_ps((__m512)t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return (vec)_mm512_scalef_ps((__m512)vec_exp2_fraction(t - n), (__m512)n);
#else
    /* 1.5 x 2^23: rounds to an integer that stands in the low bits */
    vec n = t + vec_set(12582912.0f);
    vec p = vec_exp2_fraction(t - (n - vec_set(12582912.0f)));
    return (vec)((ivec)p + (((ivec)n - 0x4b400000) << 23));
#endif
}

/* 1 / x. AVX-512's estimate, 2^-14, is the same on all processors; one step of Newton's brings it
 * to 2^-23 in a third of the time of a division. */
INLINE vec vec_reciprocal(vec x) {
#if WIDTH == 16
    vec r = (vec)_mm512_rcp14_ps((__m512)x);
    return r + r * (vec_set(1.0f) - x * r);
#else
    return vec_set(1.0f) / x;
#endif
}

INLINE vec vec_sigmoid(vec x) {
    return vec_reciprocal(vec_set(1.0f) + vec_exp(-x));
}

#define PREFETCH_ROW(row, floats)                                               \
    do {                                                                        \
        for (size_t prefetch_at = 0; prefetch_at < (floats); prefetch_at += 16) \
            __builtin_prefetch((const float *)(row) + prefetch_at, 0, 2);       \
    } while (0)

#endif
