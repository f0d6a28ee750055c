#include <math.h>
#include <string.h>

#include "kernel/kernel.h"
#include "sampler/draw_body.h"

static void log_uniform(const uint64_t *words, double log2_range, uint32_t range, uint32_t *ids,
                        size_t n) {
    draw_log_uniform(words, log2_range, range, ids, n);
}

const struct draw draw_portable = {"portable", log_uniform};

const struct draw *draw_choose(void) {
#if defined(__x86_64__)
    /* Not the kernel that a setting may force: the ids are the same whichever draws them. */
    const char *name = kernel_choose(NULL)->name;
    static const struct draw *const draws[] = {&draw_avx512, &draw_avx2};
    for (size_t i = 0; i < sizeof draws / sizeof *draws; i++)
        /* avx512bf16 has all of avx512 */
        if (strncmp(draws[i]->kernel, name, strlen(draws[i]->kernel)) == 0)
            return draws[i];
#endif
    return &draw_portable;
}

void draw_log_uniform_any(const uint64_t *words, double log2_range, uint32_t range, uint32_t *ids,
                          size_t n) {
    for (size_t i = 0; i < n; i++) {
        int64_t id = (int64_t)draw_power(words[i], log2_range) - 1;
        ids[i] = id < range ? (uint32_t)id : range - 1;
    }
}

double draw_log2(double x) {
    const double log2_e = 0x1.71547652b82fep+0;
    int exponent;
    double m = frexp(x, &exponent); /* in [1/2, 1) */
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    /* ln m = 2 artanh((m - 1) / (m + 1)) */
    double z = (m - 1) / (m + 1), square = z * z, power = z, sum = z, before = 2;
    for (double i = 3; sum != before; i += 2) {
        before = sum;
        power *= square;
        sum += power / i;
    }
    return 2 * sum * log2_e + exponent;
}
