/* The loops of sampler_fill: random words to log-uniform ids, one body compiled once per
 * instruction set. Every variant gives the same ids for the same words, on every machine: additions
 * and multiplications in double in a fixed order, no fused ones, no libm. Private to sampler/. */
#ifndef VECMILL_SAMPLER_DRAW_H
#define VECMILL_SAMPLER_DRAW_H

#include <stddef.h>
#include <stdint.h>

/* Largest range whose ids a signed 32-bit conversion reaches; above it only draw_log_uniform_any
 * will do. */
#define DRAW_RANGE_MAX (INT32_MAX - 1u)

struct draw {
    const char *kernel; /* the kernel whose machines run it */
    /* ids[i] = floor(2^(u log2_range)) - 1, at most range - 1, u the upper 52 bits of words[i] as a
     * fraction. range is at most DRAW_RANGE_MAX. log2_range: of range + 1, by draw_log2. Each
     * border between two ids lies within 2^-44 of where the distribution has it. */
    void (*log_uniform)(const uint64_t *words, double log2_range, uint32_t range, uint32_t *ids,
                        size_t n);
};

#if defined(__x86_64__)
extern const struct draw draw_avx512;
extern const struct draw draw_avx2;
#endif
extern const struct draw draw_portable;

/* The fastest that runs here. */
const struct draw *draw_choose(void);
/* The same for any range, id by id. */
void draw_log_uniform_any(const uint64_t *words, double log2_range, uint32_t range, uint32_t *ids,
                          size_t n);
/* log2(x), x >= 1, the same bits on every machine. */
double draw_log2(double x);

#endif
