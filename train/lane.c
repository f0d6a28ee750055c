/* One training thread: packs kept words into chunks and hands the kernel block after block. */
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

#define UNIQUE_BITS 1024
#define PACK_AHEAD 16 /* words whose facts are fetched before they are packed */

static void *aligned_zeros(size_t bytes) {
    size_t size = (bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, size ? size : 64);
    if (memory)
        memset(memory, 0, size);
    return memory;
}

struct lane *lanes_allocate(size_t count) {
    struct lane *lanes = aligned_alloc(_Alignof(struct lane), count * sizeof *lanes);
    if (lanes)
        memset(lanes, 0, count * sizeof *lanes);
    return lanes;
}

static enum status noise_create(struct kernel_noise *noise, uint32_t words, struct error *err) {
    uint32_t *ids = calloc(words + 16, sizeof *ids);
    float **rows = calloc(words + 16, sizeof *rows);
    float *shift = aligned_zeros((words + 16) * sizeof *shift),
          *weight = aligned_zeros((words + 16) * sizeof *weight);
    float *repeat = aligned_zeros((words + 16) * sizeof *repeat);
    noise->ids = ids, noise->rows = rows, noise->shift = shift, noise->weight = weight,
    noise->repeat = repeat;
    if (!ids || !rows || !shift || !weight || !repeat)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate noise buffers of %u words", words);
    return STATUS_OK;
}

static void noise_clear(struct kernel_noise *noise) {
    free((void *)(uintptr_t)noise->ids);
    free((void *)(uintptr_t)noise->rows);
    free((void *)(uintptr_t)noise->shift);
    free((void *)(uintptr_t)noise->weight);
    free((void *)(uintptr_t)noise->repeat);
}

static size_t own_bytes(const struct trainer *trainer) {
    return trainer->private_rows * trainer->step.stride * sizeof(float);
}

/* Where a lane finds output rows: a value of its own, so that loops that write keep it in
 * registers. */
struct output_rows {
    float *own, *table;
    size_t stride;
    uint32_t private;
};

static struct output_rows output_rows(const struct trainer *trainer, const struct lane *lane) {
    return (struct output_rows){lane->own, trainer->output->data, trainer->step.stride,
                                trainer->private_rows};
}

/* place: number of the word's row in the table. */
static inline float *output_row(struct output_rows rows, uint32_t id, uint32_t place) {
    return id < rows.private ? rows.own + id * rows.stride : rows.table + place * rows.stride;
}

enum status lane_create(struct trainer *trainer, struct lane *lane, uint64_t number,
                        struct error *err) {
    const struct settings *settings = trainer->settings;
    uint32_t window = (uint32_t)settings->window;
    uint32_t noise = settings->exact_negatives
                         ? KERNEL_BLOCK * 2 * window * (uint32_t)settings->negative
                         : trainer->step.noise;
    memset(lane, 0, sizeof *lane);
    random_init(&lane->state.words, (uint64_t)settings->seed, 2 * number);
    random_init(&lane->state.noise, (uint64_t)settings->seed, 2 * number + 1);
    lane->state.draw = TRAINER_DRAWS;
    /* A chunk of one-word sentences needs window separators for every word. */
    lane->room = TRAINER_CHUNK_WORDS + 8 * window + 64;
    size_t length = lane->room + 64;
    lane->carry = calloc(2 * (size_t)window + 1, sizeof *lane->carry);
    lane->draws = calloc(TRAINER_DRAWS + 16, sizeof *lane->draws);
    lane->ids = calloc(length, sizeof *lane->ids);
    lane->centres = calloc(length, sizeof *lane->centres);
    lane->input = calloc(length, sizeof *lane->input);
    lane->output = calloc(length, sizeof *lane->output);
    lane->shift = aligned_zeros(length * sizeof *lane->shift);
    lane->rate = aligned_zeros(length * sizeof *lane->rate);
    lane->own = aligned_zeros(own_bytes(trainer));
    lane->base = aligned_zeros(own_bytes(trainer));
    lane->zero = aligned_zeros(trainer->step.stride * sizeof *lane->zero);
    lane->workspace =
        aligned_zeros(trainer->options->kernel->train->workspace_size(&trainer->step));
    if (!lane->carry || !lane->draws || !lane->ids || !lane->centres || !lane->input ||
        !lane->output || !lane->shift || !lane->rate || !lane->zero || !lane->workspace ||
        !lane->own || !lane->base)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate the buffers of a training thread");
    for (int i = 0; i < 2; i++) {
        enum status status = noise_create(&lane->noise[i], noise, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

void lane_clear(struct lane *lane) {
    free(lane->carry);
    free(lane->draws);
    free(lane->ids);
    free(lane->centres);
    free(lane->input);
    free(lane->output);
    free(lane->shift);
    free(lane->rate);
    free(lane->own);
    free(lane->base);
    free(lane->zero);
    free(lane->workspace);
    for (int i = 0; i < 2; i++)
        noise_clear(&lane->noise[i]);
    memset(lane, 0, sizeof *lane);
}

/* ---- packing --------------------------------------------------------------------------------- */

static void pack_separators(struct lane *lane, uint32_t *n, uint32_t window) {
    for (uint32_t i = 0; i < window; i++)
        lane->ids[(*n)++] = WORD_NONE;
}

/* A sentence that is cut by the end of the chunk goes on in the next one: its last words are
 * context here and centres there. */
static void pack_carry(struct lane *lane, uint32_t first, uint32_t n, uint32_t *n_centres,
                       uint32_t window) {
    uint32_t kept = n - first, carried = kept < 2 * window ? kept : 2 * window;
    uint32_t later = kept < window ? kept : window; /* words that are not centres here */
    while (*n_centres > 0 && lane->centres[*n_centres - 1] >= n - later)
        (*n_centres)--;
    memcpy(lane->carry, lane->ids + n - carried, carried * sizeof *lane->carry);
    lane->state.carried = carried;
    lane->state.carried_context = carried - later;
    lane->state.in_sentence = 1;
}

static uint32_t pack_resume(struct lane *lane, uint32_t *n, uint32_t *n_centres) {
    uint32_t first = *n;
    for (uint32_t i = 0; i < lane->state.carried; i++) {
        if (i >= lane->state.carried_context)
            lane->centres[(*n_centres)++] = *n;
        lane->ids[(*n)++] = lane->carry[i];
    }
    lane->state.carried = lane->state.carried_context = 0;
    lane->state.in_sentence = 0;
    return first;
}

/* Row pointers and shifts, computed ahead of the loops that use them. */
static void pack_rows(const struct trainer *trainer, struct lane *lane, uint32_t n) {
    size_t stride = trainer->step.stride;
    const struct word_facts *table = trainer->facts;
    struct output_rows outputs = output_rows(trainer, lane);
    float *inputs = trainer->input->data, *zero = lane->zero;
    float **input = lane->input, **output = lane->output, *shift = lane->shift, *rate = lane->rate;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = lane->ids[i];
        bool word = id != WORD_NONE;
        struct word_facts facts = table[word ? id : 0];
        input[i] = word ? inputs + facts.place * stride : zero;
        output[i] = word ? output_row(outputs, id, facts.place) : zero;
        shift[i] = word ? facts.shift : 0.0f;
        rate[i] = facts.rate;
    }
    lane->chunk = (struct kernel_chunk){.ids = lane->ids,
                                        .input = lane->input,
                                        .output = lane->output,
                                        .shift = lane->shift,
                                        .rate = lane->rate,
                                        .zero = lane->zero,
                                        .centres = lane->centres,
                                        .length = n};
}

bool lane_pack(struct trainer *trainer, struct lane *lane) {
    struct lane_state *state = &lane->state;
    const uint32_t *ids = trainer->corpus->ids;
    uint32_t window = trainer->step.window, n = 0, n_centres = 0;
    if (state->at == state->end && state->carried == 0)
        return false;
    pack_separators(lane, &n, window);
    uint32_t first = pack_resume(lane, &n, &n_centres), limit = lane->room - 2 * window;
    uint64_t at = state->at, end = state->end, words = 0;
    const struct word_facts *table = trainer->facts;
    uint32_t *kept_ids = lane->ids, *centres = lane->centres, rows = trainer->rows;
    /* in registers: a state in memory waits for itself, word after word */
    struct random random = state->words;
    while (at < end && n < limit && n_centres < TRAINER_CHUNK_WORDS) {
        uint32_t id = ids[at++], ahead = ids[at + PACK_AHEAD < end ? at + PACK_AHEAD : at - 1];
        __builtin_prefetch(&table[ahead < rows ? ahead : 0]);
        if (id == WORD_NONE) {
            if (n > first) {
                pack_separators(lane, &n, window);
                first = n;
            }
            continue;
        }
        words++;
        bool kept = (uint32_t)(random_next(&random) >> 32) <= table[id].keep;
        kept_ids[n] = id;
        centres[n_centres] = n;
        n += kept;
        n_centres += kept;
    }
    state->at = at;
    state->words = random;
    lane->words += words;
    if (n > first && at < end)
        pack_carry(lane, first, n, &n_centres, window);
    pack_separators(lane, &n, window);
    pack_rows(trainer, lane, n);
    lane->chunk.n_centres = n_centres;
    return true;
}

/* ---- noise ----------------------------------------------------------------------------------- */

static uint32_t noise_next(const struct trainer *trainer, struct lane *lane) {
    if (lane->state.draw == TRAINER_DRAWS) {
        sampler_fill(trainer->sampler, &lane->state.noise, lane->draws, TRAINER_DRAWS);
        lane->state.draw = 0;
    }
    return lane->draws[lane->state.draw++];
}

static bool noise_drawn(const uint32_t *ids, uint32_t n, uint32_t id) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++)
        found |= ids[i] == id;
    return found != 0;
}

/* The next id; what is known of the word n draws on is on its way to the caches. */
static inline uint32_t noise_take(const struct trainer *trainer, struct lane *lane, uint32_t n) {
    uint32_t id = noise_next(trainer, lane), ahead = lane->state.draw + n;
    __builtin_prefetch(
        &trainer->noise[lane->draws[ahead < TRAINER_DRAWS ? ahead : TRAINER_DRAWS - 1]]);
    return id;
}

/* Different ids. Words drawn before are known by a bit each: below UNIQUE_BITS by one of their own,
 * for they come again so often that no branch could be foreseen; the others share bits, and are
 * looked up when theirs is set. */
static void noise_unique_ids(const struct trainer *trainer, struct lane *lane, uint32_t *ids,
                             uint32_t n) {
    uint64_t seen[2 * UNIQUE_BITS / 64] = {0};
    for (uint32_t k = 0; k < n;) {
        uint32_t id = noise_take(trainer, lane, n);
        uint32_t place = id < UNIQUE_BITS ? id : UNIQUE_BITS + id % UNIQUE_BITS;
        uint64_t bit = (uint64_t)1 << place % 64;
        bool again = (seen[place / 64] & bit) != 0;
        if (__builtin_expect(again && id >= UNIQUE_BITS, 0))
            again = noise_drawn(ids, k, id);
        seen[place / 64] |= bit;
        ids[k] = id;
        k += !again;
    }
}

static void noise_ids(const struct trainer *trainer, struct lane *lane, uint32_t *ids, uint32_t n) {
    if (trainer->unique)
        noise_unique_ids(trainer, lane, ids, n);
    else
        for (uint32_t k = 0; k < n; k++)
            ids[k] = noise_take(trainer, lane, n);
}

static void noise_draw(const struct trainer *trainer, struct lane *lane, struct kernel_noise *noise,
                       uint32_t n) {
    uint32_t *ids = (uint32_t *)(uintptr_t)noise->ids;
    float **rows = (float **)(uintptr_t)noise->rows;
    float *shift = (float *)(uintptr_t)noise->shift, *weight = (float *)(uintptr_t)noise->weight;
    float *repeat = (float *)(uintptr_t)noise->repeat;
    const struct noise_facts *table = trainer->noise;
    struct output_rows outputs = output_rows(trainer, lane);
    noise_ids(trainer, lane, ids, n);
    for (uint32_t k = 0; k < n; k++) {
        struct noise_facts facts = table[ids[k]];
        rows[k] = output_row(outputs, ids[k], facts.place);
        shift[k] = facts.shift;
        weight[k] = facts.weight;
        repeat[k] = facts.repeat;
    }
}

/* ---- training -------------------------------------------------------------------------------- */

/* One window for the centres of several blocks: over all of them each size comes as often as if
 * each centre drew its own. */
static uint32_t draw_window(const struct trainer *trainer, struct lane *lane) {
    uint64_t window = trainer->step.window;
    return trainer->settings->dynamic_window
               ? 1 + (uint32_t)((random_next(&lane->state.words) >> 32) * window >> 32)
               : (uint32_t)window;
}

/* A draw of noise words, and a window, serve shared_blocks blocks. The next draw is made while its
 * rows can still be fetched during the last of them. */
static void train_blocks(struct trainer *trainer, struct lane *lane,
                         const struct kernel_step *step) {
    const struct kernel_train *train = trainer->options->kernel->train;
    const struct kernel_chunk *chunk = &lane->chunk;
    uint32_t shared = (uint32_t)trainer->settings->shared_blocks, window = 0;
    noise_draw(trainer, lane, &lane->noise[0], step->noise);
    for (uint32_t first = 0; first < chunk->n_centres; first += KERNEL_BLOCK) {
        uint32_t n =
            chunk->n_centres - first < KERNEL_BLOCK ? chunk->n_centres - first : KERNEL_BLOCK;
        uint32_t block = first / KERNEL_BLOCK, draw = block / shared;
        struct kernel_noise *now = &lane->noise[draw % 2], *next = &lane->noise[1 - draw % 2];
        bool renew = (block + 1) % shared == 0 && first + KERNEL_BLOCK < chunk->n_centres;
        if (block % shared == 0)
            window = draw_window(trainer, lane);
        if (renew)
            noise_draw(trainer, lane, next, step->noise);
        bool want_loss = lane->state.blocks++ % TRAINER_LOSS_EVERY == 0;
        train->block(step, lane->workspace, chunk, first, n, window, now, renew ? next : NULL,
                     want_loss ? &lane->loss : NULL);
        lane->steps++;
    }
}

static void train_pairs(struct trainer *trainer, struct lane *lane,
                        const struct kernel_step *step) {
    const struct kernel_chunk *chunk = &lane->chunk;
    uint32_t per_pair = (uint32_t)trainer->settings->negative;
    for (uint32_t first = 0; first < chunk->n_centres; first += KERNEL_BLOCK) {
        uint32_t n =
            chunk->n_centres - first < KERNEL_BLOCK ? chunk->n_centres - first : KERNEL_BLOCK;
        uint32_t window = draw_window(trainer, lane), pairs = step->cbow ? n : 2 * window * n;
        noise_draw(trainer, lane, &lane->noise[0], pairs * per_pair);
        bool want_loss = lane->state.blocks++ % TRAINER_LOSS_EVERY == 0;
        trainer->options->kernel->train->pairs(step, lane->workspace, chunk, first, n, window,
                                               &lane->noise[0], per_pair,
                                               want_loss ? &lane->loss : NULL);
        lane->steps++;
    }
}

void lane_train(struct trainer *trainer, struct lane *lane) {
    struct kernel_step step = trainer->step;
    step.rate = (float)trainer_rate(
        trainer, atomic_load_explicit(&trainer->words_done, memory_order_relaxed));
    if (trainer->settings->exact_negatives)
        train_pairs(trainer, lane, &step);
    else
        train_blocks(trainer, lane, &step);
}

/* Output rows of frequent words are noise in every other block, and positives often: threads that
 * write the same rows wait for each other's caches. So each trains copies of its own. A row moves
 * by the mean of what the threads did since, not by the sum: a hot row has found its balance within
 * a few chunks, all threads alike, and the sum would carry it as many times too far (McDonald, Hall
 * and Mann 2010: iterative parameter mixing). */
static void merge_rows(struct trainer *trainer, struct lane *lane, float share) {
    size_t stride = trainer->step.stride;
    for (uint32_t id = 0; id < trainer->private_rows; id++) {
        float *row = trainer->output->data + trainer->facts[id].place * stride;
        trainer->options->kernel->train->merge(row, lane->own + id * stride,
                                               lane->base + id * stride, share, stride);
    }
}

/* What the lane had may be of a training that diverged and was rolled back: no part of it, not even
 * times zero. */
void lane_take_rows(struct trainer *trainer, struct lane *lane) {
    memset(lane->own, 0, own_bytes(trainer));
    memset(lane->base, 0, own_bytes(trainer));
    merge_rows(trainer, lane, 0.0f);
}

void lane_merge_rows(struct trainer *trainer, struct lane *lane) {
    merge_rows(trainer, lane, 1.0f / (float)trainer->threads);
}
