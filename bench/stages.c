/* Where the time of one block goes: each stage of the kernel's step alone, over and over on rows
 * that stay in the caches. Best of 30.
 *
 *   cc -O3 -std=c11 -D_GNU_SOURCE -I. -march=native \
 *      -ffp-contract=fast -fno-math-errno -fno-trapping-math \
 *      -DKERNEL='"kernel/kernel_avx512bf16.c"' bench/stages.c -lm -o stages
 *   ./stages [words [dim [noise [window]]]] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include KERNEL

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint32_t draw(uint32_t n) {
    static uint64_t s = 88172645463325252u;
    s ^= s << 13, s ^= s >> 7, s ^= s << 17;
    return (uint32_t)((s >> 32) * n >> 32);
}

static void *zeros(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
    if (!memory)
        exit(1);
    return memset(memory, 0, bytes);
}

static double total;

static void stage(const char *name, void (*run)(struct block *), struct block *b) {
    double best = 1e9;
    for (int round = 0; round < 30; round++) {
        double start = now();
        for (int i = 0; i < 300; i++)
            run(b);
        double took = (now() - start) / 300 / b->n;
        if (took < best)
            best = took;
    }
    total += best;
    printf("%-26s %6.1f ns a centre\n", name, best * 1e9);
}

static void print_stages(struct block *b) {
#define STAGE(name) stage(#name, name, b)
    STAGE(block_open), STAGE(block_weigh), STAGE(block_pack_inputs), STAGE(block_score_positives);
    STAGE(block_score_noise), STAGE(block_clip_noise);
    STAGE(block_clip_inputs), STAGE(block_update_inputs), STAGE(block_update_noise),
        STAGE(block_update_contexts);
    printf("sum of these %.1f ns\n", total * 1e9);
}

static void print_whole(const struct kernel_step *step, struct kernel_workspace *ws,
                        const struct kernel_chunk *chunk, const struct kernel_noise *draws) {
    double best = 1e9;
    for (int round = 0; round < 60; round++) {
        double start = now();
        for (int i = 0; i < 300; i++)
            train.block(step, ws, chunk, 0, KERNEL_BLOCK, step->window, draws, NULL, NULL);
        double took = (now() - start) / 300 / KERNEL_BLOCK;
        if (took < best)
            best = took;
    }
    printf("whole blocks, one after the other %.1f ns\n", best * 1e9);
}

int main(int count, char **arguments) {
    uint32_t words = count > 1 ? (uint32_t)atoi(arguments[1]) : 500,
             dim = count > 2 ? (uint32_t)atoi(arguments[2]) : 100;
    uint32_t noise = count > 3 ? (uint32_t)atoi(arguments[3]) : 16,
             window = count > 4 ? (uint32_t)atoi(arguments[4]) : 3;
    size_t stride = (dim + 15) / 16 * 16, length = KERNEL_BLOCK + 2 * window + 64;
    float *input = zeros(4 * stride * words), *output = zeros(4 * stride * words),
          *zero = zeros(4 * stride);
    for (size_t i = 0; i < words; i++)
        for (size_t j = 0; j < dim; j++) {
            input[i * stride + j] = (float)draw(1000) / 1e4f - 0.05f;
            output[i * stride + j] = (float)draw(1000) / 1e4f - 0.05f;
        }
    uint32_t *ids = zeros(4 * length), *centres = zeros(4 * length), *noise_ids = zeros(4 * noise);
    float **in = zeros(8 * length), **out = zeros(8 * length), **rows = zeros(8 * noise + 128);
    float *shift = zeros(4 * length), *rate = zeros(4 * length), *ones = zeros(4 * noise + 64);
    for (uint32_t i = 0; i < length; i++) {
        ids[i] = draw(words), in[i] = input + ids[i] * stride, out[i] = output + ids[i] * stride,
        rate[i] = 1;
        centres[i] = i + window + 1; /* a chunk never begins with a word */
    }
    for (uint32_t k = 0; k < noise; k++)
        noise_ids[k] = draw(words), rows[k] = output + noise_ids[k] * stride, ones[k] = 1;
    struct kernel_chunk chunk = {ids,         in, out, shift, rate, zero, centres, (uint32_t)length,
                                 KERNEL_BLOCK};
    struct kernel_noise draws = {noise_ids, rows, shift, ones, ones};
    struct kernel_step step = {.stride = stride,
                               .columns = dim,
                               .noise = noise,
                               .window = window,
                               .clip = true,
                               .clip_repeat = 2,
                               .clip_output = 4,
                               .clip_input = 2,
                               .positive_a = 1,
                               .positive_b = 1,
                               .negative_weight = 0.5f,
                               .input_rate = 1,
                               .cbow_input = 1,
                               .rate = 1e-7f};
    struct kernel_workspace *ws = zeros(train.workspace_size(&step));
    workspace_lay_out(&step, (char *)ws, ws);
    struct block b = {.step = &step,
                      .ws = ws,
                      .chunk = &chunk,
                      .noise = &draws,
                      .n = KERNEL_BLOCK,
                      .window = window,
                      .at = centres};
    print_stages(&b);
    print_whole(&step, ws, &chunk, &draws);
}
