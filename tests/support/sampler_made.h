/* Samplers and comparisons for the tests of sampler/. */
#ifndef VECMILL_TESTS_SAMPLER_MADE_H
#define VECMILL_TESTS_SAMPLER_MADE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sampler/sampler.h"
#include "train/train.h"

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

/* ---- every choice of the setting `sampler` --------------------------------------------------- */

/* The names that the setting takes, NULL behind the last: a sampler added there is tested. */
static inline const char *const *sampler_names(void) {
    return settings_find("sampler")->choices;
}

/* The sampler that a job with this setting trains with. counts: [range], falling. */
static inline struct sampler *made_by_name(const char *name, uint32_t range,
                                           const uint64_t *counts) {
    enum { WORD_SIZE = 8 }; /* all words are numbers of eight digits */
    struct error err = {0};
    struct settings settings;
    struct vocabulary *vocabulary = NULL;
    struct sampler *sampler = NULL;
    char *text = calloc(range + (size_t)1, WORD_SIZE);
    uint64_t *offsets = calloc(range + (size_t)1, sizeof *offsets);
    assert_true(text && offsets);
    for (uint32_t id = 0; id < range; id++) {
        snprintf(text + (size_t)id * WORD_SIZE, WORD_SIZE + 1, "%08u", id);
        offsets[id + 1] = offsets[id] + WORD_SIZE;
    }
    settings_init(&settings);
    enum status status = settings_set(&settings, "sampler", name, SETTING_OF_JOB, &err);
    if (status == STATUS_OK)
        status = vocabulary_create(&vocabulary, range, text, offsets, counts, &err);
    if (status == STATUS_OK)
        status = train_sampler_create(&settings, vocabulary, &sampler, &err);
    if (status != STATUS_OK)
        fail_msg("%s", err.text);
    vocabulary_free(vocabulary);
    free(offsets);
    free(text);
    return sampler;
}

#endif
