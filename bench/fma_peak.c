/* Fused multiply-adds a second that the machine reaches on THREADS threads at once, per instruction
 * set: the ceiling against which bench/run holds the training loop. Prints one JSON object, GFLOP/s
 * (2 a multiply-add). */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ITERATIONS = 20000000 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* SUMS independent chains hide the latency of each; they must fit the registers with the two
 * operands. */
#define FMA_LOOP(NAME, TARGET, FLOATS, SUMS)                              \
    typedef float NAME##_vector __attribute__((vector_size(4 * FLOATS))); \
    TARGET __attribute__((noinline)) static float NAME(void) {            \
        NAME##_vector sums[SUMS] = {0}, x = {0}, y = {0};                 \
        x += 0.999999f, y += 1e-7f;                                       \
        for (int i = 0; i < SUMS; i++)                                    \
            sums[i] += (float)i;                                          \
        for (long k = 0; k < ITERATIONS; k++)                             \
            for (int i = 0; i < SUMS; i++)                                \
                sums[i] = sums[i] * x + y;                                \
        for (int i = 1; i < SUMS; i++)                                    \
            sums[0] += sums[i];                                           \
        float sum = 0;                                                    \
        for (int i = 0; i < FLOATS; i++)                                  \
            sum += sums[0][i];                                            \
        return sum;                                                       \
    }

#if defined(__x86_64__)
FMA_LOOP(fma_avx512, __attribute__((target("avx512f,fma"))), 16, 16)
FMA_LOOP(fma_avx2, __attribute__((target("avx2,fma"))), 8, 12)
#else
FMA_LOOP(fma_portable, , 4, 16)
#endif

struct loop {
    const char *name;
    float (*run)(void);
    double flops;
};

static bool loop_runs(const struct loop *loop) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return loop->run == fma_avx512 ? __builtin_cpu_supports("avx512f")
                                   : __builtin_cpu_supports("avx2");
#else
    return loop->run;
#endif
}

static void *thread_run(void *context) {
    const struct loop *loop = context;
    volatile float sum = loop->run();
    (void)sum;
    return NULL;
}

static double loop_rate(struct loop *loop, int threads) {
    pthread_t ids[1024];
    double start = now();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, thread_run, loop))
            exit(1);
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    return loop->flops * ITERATIONS * threads / (now() - start) * 1e-9;
}

int main(int argc, char **argv) {
#if defined(__x86_64__)
    struct loop loops[] = {{"avx512", fma_avx512, 2.0 * 16 * 16}, {"avx2", fma_avx2, 2.0 * 8 * 12}};
#else
    struct loop loops[] = {{"portable", fma_portable, 2.0 * 4 * 16}};
#endif
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (threads < 1 || threads > 1024)
        return 2;
    const char *before = "{";
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        if (!loop_runs(&loops[i]))
            continue;
        double best = 0;
        for (int round = 0; round < 3; round++) {
            double rate = loop_rate(&loops[i], threads);
            best = rate > best ? rate : best;
        }
        printf("%s\"%s\": %.1f", before, loops[i].name, best);
        before = ", ";
    }
    printf("}\n");
    return 0;
}
