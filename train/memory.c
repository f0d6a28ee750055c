/* The memory rule: what a training needs, and what it may have. */
#include "base/machine.h"
#include "train/step_settings.h"
#include "train/train.h"
#include "train/word_tables.h"
#include "train/worker.h"

/* Strings, offsets, hash index of a word in the vocabulary: mean over natural text, rounded up. */
#define WORD_BYTES 64
#define SAMPLER_BYTES 8 /* of a word in the sampler's alias table */

int train_threads(const struct settings *settings) {
    return settings->threads > 0 ? (int)settings->threads : machine_threads();
}

static uint64_t bytes_needed(const struct settings *settings, uint64_t words, int threads) {
    uint32_t rows = words < UINT32_MAX ? (uint32_t)words : UINT32_MAX;
    uint64_t tables = 2 * table_bytes(rows, (uint32_t)settings->dim + 1);
    uint64_t per_word =
        WORD_BYTES + sizeof(struct word_entry) + sizeof(struct noise_entry) + SAMPLER_BYTES;
    uint64_t noise = step_noise(settings);
    uint64_t stride = ((uint64_t)settings->dim + KERNEL_PAD) * sizeof(float);
    uint64_t worker =
        (64 + noise) * (stride + 256) + 32 * (uint64_t)step_window_most(settings) * 128 + 1048576;
    worker += 2 * (uint64_t)step_private_rows(settings, rows, threads) * stride;
    if (settings->holdout > 0)
        worker *= 2; /* its judge: evaluation.h */
    return tables + words * per_word + (uint64_t)threads * worker;
}

static uint64_t bytes_allowed(const struct settings *settings) {
    uint64_t machine = machine_memory_limit(), bound = (uint64_t)settings->max_memory;
    return settings->max_memory > 0 && bound < machine ? bound : machine;
}

struct train_memory train_memory(const struct settings *settings, uint64_t words, uint64_t beside) {
    int threads = train_threads(settings);
    struct train_memory memory = {.needed = bytes_needed(settings, words, threads) + beside,
                                  .allowed = bytes_allowed(settings)};
    if (memory.needed <= memory.allowed) {
        memory.fits = true;
        memory.max_dim = settings->dim;
        return memory;
    }
    struct settings tried = *settings;
    int64_t fits = 0, fails = settings->dim;
    while (fits + 1 < fails) {
        tried.dim = (fits + fails) / 2;
        if (bytes_needed(&tried, words, threads) + beside <= memory.allowed)
            fits = tried.dim;
        else
            fails = tried.dim;
    }
    memory.max_dim = fits;
    return memory;
}

enum status train_admit(const struct settings *settings, uint64_t words, uint64_t beside,
                        struct error *err) {
    struct train_memory memory = train_memory(settings, words, beside);
    if (memory.fits)
        return STATUS_OK;
    return error_set_key(err, STATUS_NO_MEMORY, "dim",
                         "%llu words x dim %lld need %llu bytes of memory, %llu are allowed; the "
                         "largest dim that fits is %lld",
                         (unsigned long long)words, (long long)settings->dim,
                         (unsigned long long)memory.needed, (unsigned long long)memory.allowed,
                         (long long)memory.max_dim);
}

struct train_disk train_disk(const struct settings *settings, uint64_t words) {
    uint32_t rows = words < UINT32_MAX ? (uint32_t)words : UINT32_MAX;
    uint64_t table = table_bytes(rows, (uint32_t)settings->dim + 1);
    uint64_t worker = sizeof(struct worker_state) +
                      (2 * (uint64_t)step_window_most(settings) + WORKER_DRAWS) * sizeof(uint32_t);
    uint64_t checkpoint = 2 * table + (uint64_t)train_threads(settings) * worker;
    return (struct train_disk){
        /* the best rows of stop_early are two more */
        .checkpoint = settings->stop_early == STOP_EARLY_OFF ? checkpoint : 2 * checkpoint,
        .model = (settings->save_output ? 2 : 1) * table + words * WORD_BYTES,
    };
}
