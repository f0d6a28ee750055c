/* Candidate samplers: where noise words come from, and how often each is expected in a draw. A
 * sampler knows ids and counts, never words; ids are sorted by falling count.
 * Threads: a sampler never changes after create: any number may draw from one, each with its own
 * struct random.
 * Source: Jean et al. 2015 (sampled softmax), Gutmann and Hyvarinen 2010 (NCE); the log-uniform
 * ("Zipfian") sampler and its expected counts as published with TensorFlow's candidate sampling. */
#ifndef VECMILL_SAMPLER_SAMPLER_H
#define VECMILL_SAMPLER_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

/* A new kind goes here; the switches of sampler.c and of train_sampler_create then ask for the
 * rest. */
enum sampler_kind {
    SAMPLER_LOG_UNIFORM, /* P(k) = log((k+2)/(k+1)) / log(range+1) */
    SAMPLER_UNIGRAM,     /* P(k) = count[k]^power / sum; alias table (Walker 1977, Vose 1991) */
    SAMPLER_UNIFORM      /* P(k) = 1 / range */
};

struct sampler;

/* range: ids are [0, range), range >= 1. counts: [range] and power in [-1, 2], for UNIGRAM only;
 * counts are copied; 0^0 counts as 1, 0 to a power below 0 as 0. Errors: REFUSED for range 0, a
 * power out of bounds, or counts whose powers sum to zero; NO_MEMORY. Owns: sampler_free. Cost:
 * UNIGRAM O(range) time and 16 bytes an id; the others O(1). */
enum status sampler_create(struct sampler **sampler, enum sampler_kind kind, uint32_t range,
                           const uint64_t *counts, double power, struct error *err) MUST_CHECK;
void sampler_free(struct sampler *sampler); /* NULL is fine */
uint32_t sampler_range(const struct sampler *sampler);
/* How many ids have a probability above zero: a unique draw cannot ask for more. */
uint32_t sampler_support(const struct sampler *sampler);

/* P(id) in double; 0 for an id outside the range. */
double sampler_probability(const struct sampler *sampler, uint32_t id);
/* The id that a random number u in [0, 1) stands for. LOG_UNIFORM and UNIFORM: the inverse of the
 * cumulative distribution; UNIGRAM takes bucket and coin of its alias table from u. */
uint32_t sampler_invert(const struct sampler *sampler, double u);

/* n independent draws, the fast path of training; each call advances random by one step. The same
 * state of random and the same n give the same ids on every machine and kernel.
 *   LOG_UNIFORM: the inverse of the cumulative distribution, many ids at a time, by arithmetic that
 *   no libm has a part in; each border between two ids is right to 2^-44 of probability.
 *   UNIGRAM: an alias table; each probability is right to 2^-32 / range, the largest to 2^-32.
 *   UNIFORM: right to 2^-64.
 * Cost: LOG_UNIFORM at 2 GHz 1.4 ns an id with AVX-512, 1.8 with AVX2, 3.2 without, from no memory;
 * UNIGRAM 1.8 while its 8 bytes an id are in L2, twice that in L3. */
void sampler_fill(const struct sampler *sampler, struct random *random, uint32_t *ids, size_t n);

/* One batch as the published op draws it: ids: [n], by sampler_invert on random_unit. unique: each
 * id at most once, in order of acceptance; *tries counts all draws, the last one included;
 * otherwise *tries = n. `draw` may stand for random_unit (tests); NULL takes it from random.
 * Errors: REFUSED when unique and n > support, or when the rest are too rare to turn up in 2^31 - 1
 * draws (or in fewer, where only a broken generator would miss them so long); ids is undefined
 * then. */
enum status sampler_sample(const struct sampler *sampler, struct random *random,
                           double (*draw)(void *context), void *context, bool unique, uint32_t *ids,
                           size_t n, uint64_t *tries, struct error *err) MUST_CHECK;
/* Expected count of id in a batch of n that took `tries` draws: P n when tries == n (unique or
 * not), else 1 - (1 - P)^tries, by expm1 and log1p. */
double sampler_expected_count(const struct sampler *sampler, uint32_t id, size_t n, uint64_t tries);

/* An accidental hit: column `column` of the sampled ids is a true id of row `row`. */
struct accidental_hit {
    uint32_t row, column;
};
/* truth: [rows, per_row]; sampled: [n]. Every column that hits is reported, duplicates too, but
 * each (row, column) once, even if the row names the id twice. hits: room for `room`. Returns how
 * many there are, which may be more than room. */
size_t sampler_accidental_hits(const uint32_t *truth, size_t rows, size_t per_row,
                               const uint32_t *sampled, size_t n, struct accidental_hit *hits,
                               size_t room);

#endif
