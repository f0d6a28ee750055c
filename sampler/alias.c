#include "sampler/alias.h"

#include <stdlib.h>

/* Weights in units of 2^-32 bucket, so that a full bucket is FULL units and all together are
 * exactly n buckets. Then the build below ends with full buckets only: no rounding can leave a
 * bucket, of an id of weight zero for one, half empty with nobody to fill it. */
#define FULL ((uint64_t)1 << 32)

static void units_scale(const double *weights, uint32_t n, uint64_t *units) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += weights[i];
    double scale = (double)n * (double)FULL / sum;
    uint64_t total = 0;
    uint32_t largest = 0;
    for (uint32_t i = 0; i < n; i++) {
        units[i] = (uint64_t)(weights[i] * scale + 0.5);
        if (units[i] == 0 && weights[i] > 0)
            units[i] = 1;
        total += units[i];
        if (units[i] > units[largest])
            largest = i;
    }
    /* the remainder may be negative: modulo 2^64 that is right too */
    units[largest] += (uint64_t)n * FULL - total;
}

enum status alias_build(const double *weights, uint32_t n, struct alias_cell *cells,
                        struct error *err) {
    uint64_t *units = calloc(n, sizeof *units);
    /* low buckets grow from the front, high ones from the back */
    uint32_t *stack = calloc(n, sizeof *stack);
    if (!units || !stack) {
        free(units);
        free(stack);
        return error_set(err, STATUS_NO_MEMORY, "no memory for an alias table of %u ids", n);
    }
    units_scale(weights, n, units);
    uint32_t low = 0, high = n;
    for (uint32_t i = 0; i < n; i++)
        if (units[i] < FULL)
            stack[low++] = i;
    for (uint32_t i = 0; i < n; i++)
        if (units[i] >= FULL)
            stack[--high] = i;
    while (low > 0) {
        uint32_t poor = stack[--low], rich = stack[high];
        cells[poor] = (struct alias_cell){(uint32_t)units[poor], rich};
        units[rich] -= FULL - units[poor];
        if (units[rich] < FULL) {
            high++;
            stack[low++] = rich;
        }
    }
    for (; high < n; high++)
        cells[stack[high]] = (struct alias_cell){0, stack[high]};
    free(units);
    free(stack);
    return STATUS_OK;
}
