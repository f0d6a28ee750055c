#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <sys/random.h>

__extension__ typedef unsigned __int128 wide;

#define GOLDEN 0x9e3779b97f4a7c15u

uint64_t random_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void random_init(struct random *random, uint64_t seed, uint64_t stream) {
    /* mix(0) is 0: stream 0 is the seeding by splitmix64 that the generator's authors give. */
    uint64_t x = seed ^ random_mix(stream);
    for (int i = 0; i < 4; i++) {
        x += GOLDEN;
        random->s[i] = random_mix(x);
    }
}

double random_unit(struct random *random) {
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

uint64_t random_below(struct random *random, uint64_t bound) {
    assert(bound > 0);
    wide product = (wide)random_next(random) * bound;
    if ((uint64_t)product < bound) {
        uint64_t min = (0 - bound) % bound;
        while ((uint64_t)product < min)
            product = (wide)random_next(random) * bound;
    }
    return (uint64_t)(product >> 64);
}

double random_truncated_normal(struct random *random) {
    const double tau = 6.283185307179586;
    for (;;) {
        double radius = sqrt(-2 * log(1 - random_unit(random))); /* 1 - u is in (0, 1] */
        double angle = tau * random_unit(random);
        double t = radius * cos(angle);
        if (fabs(t) < 2)
            return t;
        t = radius * sin(angle);
        if (fabs(t) < 2)
            return t;
    }
}

enum status random_token(char *text, size_t n, struct error *err) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[128];
    for (size_t done = 0; done < n;) {
        size_t want = n - done < sizeof bytes ? n - done : sizeof bytes;
        ssize_t got = getrandom(bytes, want, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return error_set_errno(err, errno, "cannot get random bytes");
        }
        for (ssize_t i = 0; i < got; i++)
            text[done++] = digits[bytes[i] & 15];
    }
    text[n] = '\0';
    return STATUS_OK;
}
