/* Pseudo-random numbers: xoshiro256++ seeded by splitmix64 (Blackman and Vigna, 2019). Threads:
 * each has a generator of its own. Not for secrets: random_token is. */
#ifndef VECMILL_BASE_RANDOM_H
#define VECMILL_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct random {
    uint64_t s[4];
};

/* Streams with different (seed, stream) are independent for all practical purposes. */
void random_init(struct random *random, uint64_t seed, uint64_t stream);
/* Uniform in [0, 1), 53 bits. */
double random_unit(struct random *random);
/* Uniform in [0, bound), without bias (Lemire 2019). */
uint64_t random_below(struct random *random, uint64_t bound);
/* Standard normal, redrawn until its size is below 2 (TensorFlow's truncated_normal):
 * Box-Muller. */
double random_truncated_normal(struct random *random);
/* The finaliser of splitmix64: a good 64-bit hash. */
uint64_t random_mix(uint64_t x);
/* n lower-case hexadecimal characters from the kernel's generator, and a NUL: text holds n + 1. */
enum status random_token(char *text, size_t n, struct error *err) MUST_CHECK;

/* 64 random bits. Inline, because it stands in loops over all words of a corpus. */
static inline uint64_t random_next(struct random *random) {
    uint64_t *s = random->s, sum = s[0] + s[3], t = s[1] << 17;
    uint64_t result = (sum << 23 | sum >> 41) + s[0];
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

#endif
