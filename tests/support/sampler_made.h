/* Samplers and comparisons for the tests of sampler/. */
#ifndef VECMILL_TESTS_SAMPLER_MADE_H
#define VECMILL_TESTS_SAMPLER_MADE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sampler/sampler.h"

#define COUNT(array) (sizeof array / sizeof *(array))

static inline void check_close(double got, double expected, double relative, int line) {
    if (!(fabs(got - expected) <= relative * fmax(fabs(expected), 1e-300)))
        fail_msg("line %d: %.17g, not %.17g", line, got, expected);
}
#define assert_close(got, expected, relative) check_close(got, expected, relative, __LINE__)

static inline struct sampler *made(enum sampler_kind kind, uint32_t range, const uint64_t *counts,
                                   double power) {
    struct error err = {0};
    struct sampler *sampler;
    if (sampler_create(&sampler, kind, range, counts, power, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return sampler;
}

static inline struct sampler *log_uniform(uint32_t range) {
    return made(SAMPLER_LOG_UNIFORM, range, NULL, 0);
}

#endif
