/* Nanoseconds a draw of each sampler: RANGE ids, fills of 4096 as the trainer asks for them, the
 * best of 9 rounds. Prints one JSON object. bench/run builds and runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sampler/sampler.h"

enum { FILL = 4096, FILLS = 500, ROUNDS = 9 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double fill_seconds(const struct sampler *sampler, struct random *random, uint32_t *ids) {
    double start = now();
    for (int k = 0; k < FILLS; k++)
        sampler_fill(sampler, random, ids, FILL);
    return now() - start;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        enum sampler_kind kind;
    } rows[] = {{"log_uniform", SAMPLER_LOG_UNIFORM},
                {"unigram", SAMPLER_UNIGRAM},
                {"uniform", SAMPLER_UNIFORM}};
    uint32_t range = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 71000, ids[FILL];
    uint64_t *counts = calloc(range, sizeof *counts);
    if (!counts)
        return 1;
    for (uint32_t k = 0; k < range; k++)
        counts[k] = 1000000000 / ((uint64_t)k + 3) + 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sampler *sampler;
        struct error err = {0};
        struct random random;
        random_init(&random, 1, i);
        if (sampler_create(&sampler, rows[i].kind, range, counts, 0.75, &err) != STATUS_OK)
            return 1;
        double best = fill_seconds(sampler, &random, ids);
        for (int round = 1; round < ROUNDS; round++) {
            double seconds = fill_seconds(sampler, &random, ids);
            best = seconds < best ? seconds : best;
        }
        printf("%s\"%s\": %.3f", i ? ", " : "{", rows[i].name, best / FILLS / FILL * 1e9);
        sampler_free(sampler);
    }
    printf("}\n");
    free(counts);
    return 0;
}
