/* One training thread. */
#include "train/worker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/schedule.h"

#define UNIQUE_BITS 1024
#define PAIR_POSITIONS 3                /* of a pair in a chunk: two words, a separator */
#define PAIR_STREAM ((uint64_t)1 << 41) /* of random numbers: beyond those of words and noise */
#define PACK_AHEAD 16 /* words whose table entries are fetched before they are packed */

static void *aligned_zeros(size_t bytes) {
    size_t size = (bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, size ? size : 64);
    if (memory)
        memset(memory, 0, size);
    return memory;
}

static enum status noise_init(struct worker_noise *noise, uint32_t words, struct error *err) {
    size_t length = (size_t)words + 16;
    noise->ids = calloc(length, sizeof *noise->ids);
    noise->rows = calloc(length, sizeof *noise->rows);
    noise->shift = aligned_zeros(length * sizeof *noise->shift);
    noise->weight = aligned_zeros(length * sizeof *noise->weight);
    noise->repeat = aligned_zeros(length * sizeof *noise->repeat);
    if (!noise->ids || !noise->rows || !noise->shift || !noise->weight || !noise->repeat)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate noise buffers of %u words", words);
    noise->view = (struct kernel_noise){.ids = noise->ids,
                                        .rows = noise->rows,
                                        .shift = noise->shift,
                                        .weight = noise->weight,
                                        .repeat = noise->repeat};
    return STATUS_OK;
}

static void noise_clear(struct worker_noise *noise) {
    free(noise->ids);
    free(noise->rows);
    free(noise->shift);
    free(noise->weight);
    free(noise->repeat);
}

static size_t own_bytes(const struct trainer *trainer) {
    return trainer->private_rows * trainer->step.stride * sizeof(float);
}

/* The most noise words that one call of the kernel needs. */
static uint32_t max_noise(const struct trainer *trainer) {
    const struct settings *settings = trainer->settings;
    if (!settings->exact_negatives)
        return trainer->step.noise;
    return KERNEL_BLOCK * 2 * trainer->step.window * (uint32_t)settings->negative;
}

enum status worker_init(struct worker *worker, const struct trainer *trainer, uint64_t number,
                        struct error *err) {
    const struct settings *settings = trainer->settings;
    uint32_t window = trainer->step.window;
    memset(worker, 0, sizeof *worker);
    worker->text = trainer->corpus->ids;
    worker->loss_every = trainer->loss_every;
    random_init(&worker->state.words, (uint64_t)settings->seed, 2 * number);
    random_init(&worker->state.noise, (uint64_t)settings->seed, 2 * number + 1);
    random_init(&worker->state.pairs, (uint64_t)settings->seed, PAIR_STREAM + number);
    worker->state.draw = WORKER_DRAWS;
    /* A chunk of one-word sentences needs window separators for every word. */
    worker->room = WORKER_CHUNK_WORDS + 8 * window + 64;
    size_t length = worker->room + 64;
    worker->carry = calloc(2 * (size_t)window + 1, sizeof *worker->carry);
    worker->draws = calloc(WORKER_DRAWS + 16, sizeof *worker->draws);
    worker->ids = calloc(length, sizeof *worker->ids);
    worker->centres = calloc(length, sizeof *worker->centres);
    worker->input = calloc(length, sizeof *worker->input);
    worker->output = calloc(length, sizeof *worker->output);
    worker->shift = aligned_zeros(length * sizeof *worker->shift);
    worker->rate = aligned_zeros(length * sizeof *worker->rate);
    if (trainer->walks.graph) {
        uint64_t room = walk_source_room(&trainer->walks, WORKER_SEGMENT);
        worker->text = worker->walks = calloc(room, sizeof *worker->walks);
        if (!worker->walks)
            return error_set(err, STATUS_NO_MEMORY, "cannot allocate the walks of a thread");
    }
    worker->own = aligned_zeros(own_bytes(trainer));
    worker->base = aligned_zeros(own_bytes(trainer));
    worker->zero = aligned_zeros(trainer->step.stride * sizeof *worker->zero);
    worker->before = aligned_zeros((KERNEL_BLOCK + 1) * trainer->step.stride * sizeof(float));
    worker->workspace =
        aligned_zeros(trainer->options->kernel->train->workspace_size(&trainer->step));
    if (!worker->carry || !worker->draws || !worker->ids || !worker->centres || !worker->input ||
        !worker->output || !worker->shift || !worker->rate || !worker->zero || !worker->workspace ||
        !worker->own || !worker->base || !worker->before)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate the buffers of a training thread");
    enum status status = noise_init(&worker->noise[0], max_noise(trainer), err);
    if (status == STATUS_OK)
        status = noise_init(&worker->noise[1], max_noise(trainer), err);
    return status;
}

void worker_clear(struct worker *worker) {
    free(worker->walks);
    free(worker->carry);
    free(worker->draws);
    free(worker->ids);
    free(worker->centres);
    free(worker->input);
    free(worker->output);
    free(worker->shift);
    free(worker->rate);
    free(worker->own);
    free(worker->base);
    free(worker->zero);
    free(worker->before);
    free(worker->seen.rows);
    free(worker->workspace);
    for (int i = 0; i < 2; i++)
        noise_clear(&worker->noise[i]);
    memset(worker, 0, sizeof *worker);
}

void workers_free(struct trainer *trainer) {
    for (int i = 0; trainer->workers && i < trainer->threads; i++)
        worker_clear(&trainer->workers[i]);
    free(trainer->workers);
    trainer->workers = NULL;
}

enum status workers_create(struct trainer *trainer, int count, struct error *err) {
    size_t bytes = (size_t)count * sizeof(struct worker);
    workers_free(trainer);
    trainer->workers = aligned_alloc(_Alignof(struct worker), bytes);
    if (!trainer->workers)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate %d training threads", count);
    memset(trainer->workers, 0, bytes);
    trainer->threads = count;
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < count; i++)
        status = worker_init(&trainer->workers[i], trainer, (uint64_t)i, err);
    return status;
}

/* Where a worker finds output rows: a value of its own, so that loops that write keep it in
 * registers. */
struct output_rows {
    float *own, *table;
    size_t stride;
    uint32_t private;
};

static struct output_rows output_rows(const struct worker *worker, const struct trainer *trainer) {
    return (struct output_rows){worker->own, trainer->output->data, trainer->step.stride,
                                trainer->private_rows};
}

/* place: number of the word's row in the table. */
static inline float *output_row(struct output_rows rows, uint32_t id, uint32_t place) {
    return id < rows.private ? rows.own + id * rows.stride : rows.table + place * rows.stride;
}

/* ---- walks ----------------------------------------------------------------------------------- */

void worker_make_walks(struct worker *worker, const struct trainer *trainer) {
    const struct walk_source *source = &trainer->walks;
    uint64_t each = trainer->segment_size / ((uint64_t)source->rule.length + 1);
    uint64_t epoch = worker->state.segment / trainer->segments;
    uint64_t first = worker->state.segment % trainer->segments * each, end = first + each;
    worker->state.at = 0;
    worker->state.end =
        walk_source_fill(source, epoch, first, end < source->walks ? end : source->walks,
                         worker->walks, &worker->missing);
}

/* ---- packing --------------------------------------------------------------------------------- */

static void pack_separators(struct worker *worker, uint32_t *n, uint32_t window) {
    for (uint32_t i = 0; i < window; i++)
        worker->ids[(*n)++] = WORD_NONE;
}

/* A sentence that is cut by the end of the chunk goes on in the next one: its last words are
 * context here and centres there. */
static void pack_carry(struct worker *worker, uint32_t first, uint32_t n, uint32_t *n_centres,
                       uint32_t window) {
    uint32_t kept = n - first, carried = kept < 2 * window ? kept : 2 * window;
    uint32_t later = kept < window ? kept : window; /* words that are not centres here */
    while (*n_centres > 0 && worker->centres[*n_centres - 1] >= n - later)
        (*n_centres)--;
    memcpy(worker->carry, worker->ids + n - carried, carried * sizeof *worker->carry);
    worker->state.carried = carried;
    worker->state.carried_context = carried - later;
}

static uint32_t pack_resume(struct worker *worker, uint32_t *n, uint32_t *n_centres) {
    uint32_t first = *n;
    for (uint32_t i = 0; i < worker->state.carried; i++) {
        if (i >= worker->state.carried_context)
            worker->centres[(*n_centres)++] = *n;
        worker->ids[(*n)++] = worker->carry[i];
    }
    worker->state.carried = worker->state.carried_context = 0;
    return first;
}

/* Row pointers and shifts, computed ahead of the loops that use them. */
static void pack_rows(struct worker *worker, const struct trainer *trainer, uint32_t n) {
    size_t stride = trainer->step.stride;
    const struct word_entry *table = trainer->tables.words;
    struct output_rows outputs = output_rows(worker, trainer);
    float *inputs = trainer->input->data, *zero = worker->zero;
    float **input = worker->input, **output = worker->output, *shift = worker->shift,
          *rate = worker->rate;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = worker->ids[i];
        bool word = id != WORD_NONE;
        struct word_entry entry = table[word ? id : 0];
        input[i] = word ? inputs + entry.place * stride : zero;
        output[i] = word ? output_row(outputs, id, entry.place) : zero;
        shift[i] = word ? entry.shift : 0.0f;
        rate[i] = entry.rate;
    }
    worker->chunk = (struct kernel_chunk){.ids = worker->ids,
                                          .input = worker->input,
                                          .output = worker->output,
                                          .shift = worker->shift,
                                          .rate = worker->rate,
                                          .zero = worker->zero,
                                          .centres = worker->centres,
                                          .length = n};
}

bool worker_pack(struct worker *worker, const struct trainer *trainer) {
    struct worker_state *state = &worker->state;
    const uint32_t *ids = worker->text;
    uint32_t window = trainer->step.window, n = 0, n_centres = 0;
    if (state->at == state->end && state->carried == 0)
        return false;
    pack_separators(worker, &n, window);
    uint32_t first = pack_resume(worker, &n, &n_centres), limit = worker->room - 2 * window;
    uint64_t at = state->at, end = state->end, words = 0, examples = 0;
    uint32_t first_centre = 0; /* of the sentence */
    /* The kernel ends a window at one separator. Windows of a fixed size have as many as always, so
     * that the same seed goes on giving the same vectors. */
    uint32_t between = trainer->settings->window > 0 ? window : 1;
    const struct word_entry *table = trainer->tables.words;
    uint32_t *kept_ids = worker->ids, *centres = worker->centres, rows = trainer->rows;
    /* in registers: a state in memory waits for itself, word after word */
    struct random random = state->words;
    while (at < end && n < limit && n_centres < WORKER_CHUNK_WORDS) {
        uint32_t id = ids[at++], ahead = ids[at + PACK_AHEAD < end ? at + PACK_AHEAD : at - 1];
        __builtin_prefetch(&table[ahead < rows ? ahead : 0]);
        if (id == WORD_NONE) {
            if (n > first) {
                examples += n - first > 1 ? n_centres - first_centre : 0;
                pack_separators(worker, &n, between);
                first = n, first_centre = n_centres;
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
    worker->words += words;
    if (at == end) /* walks that ended early count in full: epochs are as long as they were to be */
        worker->words += worker->missing, worker->missing = 0;
    if (n > first && at < end)
        pack_carry(worker, first, n, &n_centres, window);
    worker->examples += examples + (n > first + 1 ? n_centres - first_centre : 0);
    pack_separators(worker, &n, window);
    pack_rows(worker, trainer, n);
    worker->chunk.n_centres = n_centres;
    worker->of_pairs = false;
    if (trainer->pairs.n > 0)
        state->pairs_due += trainer->pairs.per_centre * n_centres;
    return true;
}

bool worker_has_pairs_due(const struct worker *worker, const struct trainer *trainer) {
    return trainer->pairs.n > 0 && worker->state.pairs_due >= 2;
}

/* Windows of one word need one separator between sentences. */
bool worker_pack_pairs(struct worker *worker, const struct trainer *trainer) {
    struct worker_state *state = &worker->state;
    uint32_t window = trainer->step.window, n = 0, n_centres = 0;
    if (!worker_has_pairs_due(worker, trainer))
        return false;
    double due = state->pairs_due / 2;
    uint32_t most = WORKER_CHUNK_WORDS / PAIR_POSITIONS, pairs = due < most ? (uint32_t)due : most;
    pack_separators(worker, &n, window);
    for (uint32_t i = 0; i < pairs; i++) {
        const uint32_t *pair = pair_source_draw(&trainer->pairs, &state->pairs);
        for (int side = 0; side < 2; side++) {
            worker->centres[n_centres++] = n;
            worker->ids[n++] = pair[side];
        }
        worker->ids[n++] = WORD_NONE;
    }
    pack_separators(worker, &n, window);
    pack_rows(worker, trainer, n);
    worker->chunk.n_centres = n_centres;
    worker->of_pairs = true;
    worker->pairs += pairs;
    state->pairs_due -= 2.0 * pairs;
    return true;
}

/* ---- noise ----------------------------------------------------------------------------------- */

static uint32_t noise_next(struct worker *worker, const struct trainer *trainer) {
    if (worker->state.draw == WORKER_DRAWS) {
        sampler_fill(trainer->sampler, &worker->state.noise, worker->draws, WORKER_DRAWS);
        worker->state.draw = 0;
    }
    return worker->draws[worker->state.draw++];
}

static bool noise_drawn(const uint32_t *ids, uint32_t n, uint32_t id) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++)
        found |= ids[i] == id;
    return found != 0;
}

/* The next id; what is known of the word n draws on is on its way to the caches. */
static inline uint32_t noise_take(struct worker *worker, const struct trainer *trainer,
                                  uint32_t n) {
    uint32_t id = noise_next(worker, trainer), ahead = worker->state.draw + n;
    __builtin_prefetch(
        &trainer->tables.noise[worker->draws[ahead < WORKER_DRAWS ? ahead : WORKER_DRAWS - 1]]);
    return id;
}

/* Different ids. Words drawn before are known by a bit each: below UNIQUE_BITS by one of their own,
 * for they come again so often that no branch could be foreseen; the others share bits, and are
 * looked up when theirs is set. */
static void noise_unique_ids(struct worker *worker, const struct trainer *trainer, uint32_t *ids,
                             uint32_t n) {
    uint64_t seen[2 * UNIQUE_BITS / 64] = {0};
    for (uint32_t k = 0; k < n;) {
        uint32_t id = noise_take(worker, trainer, n);
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

static void noise_ids(struct worker *worker, const struct trainer *trainer, uint32_t *ids,
                      uint32_t n) {
    if (trainer->tables.unique)
        noise_unique_ids(worker, trainer, ids, n);
    else
        for (uint32_t k = 0; k < n; k++)
            ids[k] = noise_take(worker, trainer, n);
}

static void noise_draw(struct worker *worker, const struct trainer *trainer,
                       struct worker_noise *noise, uint32_t n) {
    uint32_t *ids = noise->ids;
    float **rows = noise->rows, *shift = noise->shift, *weight = noise->weight;
    float *repeat = noise->repeat;
    const struct noise_entry *table = trainer->tables.noise;
    struct output_rows outputs = output_rows(worker, trainer);
    noise_ids(worker, trainer, ids, n);
    for (uint32_t k = 0; k < n; k++) {
        struct noise_entry entry = table[ids[k]];
        rows[k] = output_row(outputs, ids[k], entry.place);
        shift[k] = entry.shift;
        weight[k] = entry.weight;
        repeat[k] = entry.repeat;
    }
}

/* ---- training -------------------------------------------------------------------------------- */

/* One window for the centres of several blocks: over all of them each size comes as often as if
 * each centre drew its own. */
static uint32_t draw_window(struct worker *worker, const struct trainer *trainer) {
    uint64_t window = trainer->step.window;
    if (worker->of_pairs)
        return 1;
    return trainer->settings->dynamic_window && trainer->settings->window > 0
               ? 1 + (uint32_t)((random_next(&worker->state.words) >> 32) * window >> 32)
               : (uint32_t)window;
}

/* A block, between what is measured of it. */
struct measure {
    struct kernel_loss loss;
    bool wanted;                    /* the loss is taken */
    uint32_t rows;                  /* whose gradient is measured; 0: it is not */
    const float *row[KERNEL_BLOCK]; /* of the table, each once */
};

/* The rows of the centres: input rows, or with CBOW their output rows, which are its positives. */
static void measure_rows(const struct worker *worker, const struct trainer *trainer, uint32_t first,
                         uint32_t n, struct measure *measure) {
    float *const *rows = trainer->step.cbow ? worker->chunk.output : worker->chunk.input;
    const struct kernel_train *train = trainer->options->kernel->train;
    size_t stride = trainer->step.stride;
    for (uint32_t t = 0; t < n; t++) {
        const float *row = rows[worker->chunk.centres[first + t]];
        uint32_t i = 0;
        while (i < measure->rows && measure->row[i] != row)
            i++;
        if (i < measure->rows)
            continue;
        train->row_copy(row, worker->before + i * stride, stride);
        measure->row[measure->rows++] = row;
    }
}

static void measure_begin(struct worker *worker, const struct trainer *trainer, uint32_t first,
                          uint32_t n, float rate, struct measure *measure) {
    if (worker->state.blocks++ % worker->loss_every == 0)
        worker->state.loss_due = 1;
    measure->wanted = worker->state.loss_due != 0 || trainer->search;
    measure->rows = 0;
    if (!measure->wanted)
        return;
    measure->loss = (struct kernel_loss){0};
    if (rate > 0 && worker->state.losses % WORKER_GRADIENT_EVERY == 0)
        measure_rows(worker, trainer, first, n, measure);
}

/* The step that the rows took, over the rate: the gradient as it was taken, clipped. */
static double measure_gradient(const struct worker *worker, const struct trainer *trainer,
                               const struct measure *measure) {
    size_t stride = trainer->step.stride;
    float *after = worker->before + KERNEL_BLOCK * stride;
    double squares = 0;
    for (uint32_t i = 0; i < measure->rows; i++) {
        const float *before = worker->before + i * stride;
        trainer->options->kernel->train->row_copy(measure->row[i], after, stride);
        for (size_t j = 0; j < stride; j++) {
            double step = (double)after[j] - (double)before[j];
            squares += step * step;
        }
    }
    return sqrt(squares);
}

static void measure_end(struct worker *worker, const struct trainer *trainer, float rate,
                        const struct measure *measure) {
    if (!measure->wanted || measure->loss.positives == 0)
        return;
    worker->state.loss_due = 0;
    worker->state.losses++;
    tally_block(&worker->tally, &measure->loss);
    if (measure->rows > 0) {
        worker->tally.gradient += measure_gradient(worker, trainer, measure) / (double)rate;
        worker->tally.gradients += 1;
    }
}

/* A draw of noise words, and a window, serve shared_blocks blocks. The next draw is made while its
 * rows can still be fetched during the last of them. */
static void train_blocks(struct worker *worker, const struct trainer *trainer,
                         const struct kernel_step *step) {
    const struct kernel_train *train = trainer->options->kernel->train;
    const struct kernel_chunk *chunk = &worker->chunk;
    uint32_t shared = (uint32_t)trainer->settings->shared_blocks, window = 0;
    struct measure measure;
    noise_draw(worker, trainer, &worker->noise[0], step->noise);
    for (uint32_t first = 0; first < chunk->n_centres; first += KERNEL_BLOCK) {
        uint32_t n =
            chunk->n_centres - first < KERNEL_BLOCK ? chunk->n_centres - first : KERNEL_BLOCK;
        uint32_t block = first / KERNEL_BLOCK, draw = block / shared;
        struct worker_noise *now = &worker->noise[draw % 2], *next = &worker->noise[1 - draw % 2];
        bool renew = (block + 1) % shared == 0 && first + KERNEL_BLOCK < chunk->n_centres;
        if (block % shared == 0)
            window = draw_window(worker, trainer);
        if (renew)
            noise_draw(worker, trainer, next, step->noise);
        measure_begin(worker, trainer, first, n, step->rate, &measure);
        struct nonfinite_block looked = {worker,      trainer, step, &now->view,
                                         step->noise, first,   n,    window};
        if (trainer->search)
            nonfinite_before(&looked);
        train->block(step, worker->workspace, chunk, first, n, window, &now->view,
                     renew ? &next->view : NULL, measure.wanted ? &measure.loss : NULL);
        measure_end(worker, trainer, step->rate, &measure);
        worker->steps++;
        if (trainer->search && nonfinite_after(&looked, measure.loss.sum))
            return;
    }
}

static void train_pairs(struct worker *worker, const struct trainer *trainer,
                        const struct kernel_step *step) {
    const struct kernel_chunk *chunk = &worker->chunk;
    uint32_t per_pair = (uint32_t)trainer->settings->negative;
    struct measure measure;
    for (uint32_t first = 0; first < chunk->n_centres; first += KERNEL_BLOCK) {
        uint32_t n =
            chunk->n_centres - first < KERNEL_BLOCK ? chunk->n_centres - first : KERNEL_BLOCK;
        uint32_t window = draw_window(worker, trainer), pairs = step->cbow ? n : 2 * window * n;
        noise_draw(worker, trainer, &worker->noise[0], pairs * per_pair);
        measure_begin(worker, trainer, first, n, step->rate, &measure);
        struct nonfinite_block looked = {worker,           trainer, step, &worker->noise[0].view,
                                         pairs * per_pair, first,   n,    window};
        if (trainer->search)
            nonfinite_before(&looked);
        trainer->options->kernel->train->pairs(step, worker->workspace, chunk, first, n, window,
                                               &worker->noise[0].view, per_pair,
                                               measure.wanted ? &measure.loss : NULL);
        measure_end(worker, trainer, step->rate, &measure);
        worker->steps++;
        if (trainer->search && nonfinite_after(&looked, measure.loss.sum))
            return;
    }
}

void worker_train(struct worker *worker, const struct trainer *trainer) {
    struct worker_state *state = &worker->state;
    if (!worker->of_pairs) { /* pairs go with the text before them */
        state->words_at = atomic_load_explicit(&trainer->words_done, memory_order_relaxed);
        state->steps_at = atomic_load_explicit(&trainer->steps_done, memory_order_relaxed);
    }
    worker_train_at(worker, trainer,
                    (float)schedule_rate(trainer, state->words_at, state->steps_at));
}

void worker_train_at(struct worker *worker, const struct trainer *trainer, float rate) {
    struct kernel_step step = trainer->step;
    step.rate = rate;
    if (trainer->settings->exact_negatives)
        train_pairs(worker, trainer, &step);
    else
        train_blocks(worker, trainer, &step);
}

/* Output rows of frequent words are noise in every other block, and positives often: threads that
 * write the same rows wait for each other's caches. So each trains copies of its own. A row moves
 * by the mean of what the threads did since, not by the sum: a hot row has found its balance within
 * a few chunks, all threads alike, and the sum would carry it as many times too far (McDonald, Hall
 * and Mann 2010: iterative parameter mixing). */
static void merge_rows(struct worker *worker, const struct trainer *trainer, float share) {
    size_t stride = trainer->step.stride;
    for (uint32_t id = 0; id < trainer->private_rows; id++) {
        float *row = trainer->output->data + trainer->tables.words[id].place * stride;
        trainer->options->kernel->train->merge(row, worker->own + id * stride,
                                               worker->base + id * stride, share, stride);
    }
}

/* What the worker had may be of a training that diverged and was rolled back: no part of it, not
 * even times zero. */
void worker_take_rows(struct worker *worker, const struct trainer *trainer) {
    memset(worker->own, 0, own_bytes(trainer));
    memset(worker->base, 0, own_bytes(trainer));
    merge_rows(worker, trainer, 0.0f);
}

void worker_merge_rows(struct worker *worker, const struct trainer *trainer) {
    merge_rows(worker, trainer, 1.0f / (float)trainer->threads);
}
