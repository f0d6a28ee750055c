/* The state all training threads share, and the loop over epochs. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "train/trainer.h"

/* ---- noise distribution ---------------------------------------------------------------------- */

enum status train_sampler_create(const struct settings *settings,
                                 const struct vocabulary *vocabulary, struct sampler **sampler,
                                 struct error *err) {
    static const enum sampler_kind kinds[] = {[NOISE_LOG_UNIFORM] = SAMPLER_LOG_UNIFORM,
                                              [NOISE_UNIGRAM] = SAMPLER_UNIGRAM,
                                              [NOISE_UNIFORM] = SAMPLER_UNIFORM};
    return sampler_create(sampler, kinds[settings->sampler], vocabulary_size(vocabulary),
                          vocabulary_counts(vocabulary), settings->sampler_power, err);
}

/* The number of tries in which `wanted` different ids are expected: sum of 1 - (1 - P)^tries.
 * Training with unique draws uses this one number for every block, so that the shifts can be a
 * table; single draws differ from it by a few per cent. */
static double expected_tries(const struct trainer *trainer, double wanted) {
    double low = wanted, high = wanted;
    for (int step = 0; step < 200; step++) {
        double tries = step < 60 && low == high ? high * 2 : (low + high) / 2, sum = 0;
        for (uint32_t id = 0; id < trainer->rows; id++)
            sum -=
                expm1(tries * log1p(-fmin(sampler_probability(trainer->sampler, id), 1 - 1e-15)));
        if (sum >= wanted)
            high = tries;
        else if (low == high)
            low = high = tries;
        else
            low = tries;
        if (high > low && high - low < 1e-3)
            break;
    }
    return high;
}

/* word2vec's rule of subsampling. */
static double keep_probability(const struct trainer *trainer, uint32_t id) {
    double sample = trainer->settings->sample,
           count = (double)vocabulary_count(trainer->vocabulary, id);
    double f = count / (sample * (double)trainer->corpus->words);
    return sample > 0 ? fmin((sqrt(f) + 1) / f, 1) : 1;
}

double word_log_probability(const struct trainer *trainer, uint32_t id) {
    double kept = (double)vocabulary_count(trainer->vocabulary, id) * keep_probability(trainer, id);
    return log(kept / trainer->words_kept);
}

/* The share of word `id` in the noise that weighed draws stand for. */
static double noise_share(const struct trainer *trainer, uint32_t id) {
    return pow((double)vocabulary_count(trainer->vocabulary, id), trainer->settings->noise_power) /
           trainer->noise_total;
}

static bool noise_is_weighted(const struct settings *settings) {
    return settings->noise_power > 0 && settings->sampler != NOISE_UNIGRAM &&
           settings->objective != OBJECTIVE_SAMPLED_SOFTMAX;
}

/* Draws come from the sampler; with noise_power each counts by its importance, so that the noise of
 * the loss is that power of the counts (Bengio and Senecal 2003). shift: log expected count in the
 * noise, less the log of what the model's normaliser and bias bring to the score. */
static void noise_tables(struct trainer *trainer) {
    const struct settings *settings = trainer->settings;
    bool unique = trainer->unique, weighted = noise_is_weighted(settings);
    double draws = (double)trainer->step.noise, scale = (double)settings->negative / draws;
    double tries = unique ? expected_tries(trainer, draws) : draws;
    bool shifted = settings->objective != OBJECTIVE_NEGATIVE_SAMPLING;
    trainer->noise_total = 0;
    for (uint32_t id = 0; weighted && id < trainer->rows; id++)
        trainer->noise_total +=
            pow((double)vocabulary_count(trainer->vocabulary, id), settings->noise_power);
#pragma omp parallel for num_threads(trainer->threads) schedule(static)
    for (uint32_t id = 0; id < trainer->rows; id++) {
        double p = sampler_probability(trainer->sampler, id);
        /* A word the sampler never draws (possible with power 0 counts only) keeps the shift of the
         * rarest. */
        double expected =
            fmax(unique ? -expm1(tries * log1p(-fmin(p, 1 - 1e-15))) : draws * p, 1e-12);
        double wanted = weighted ? draws * noise_share(trainer, id) : expected;
        double shift = shifted ? log(fmax(wanted * scale, 1e-12)) : 0;
        if (settings->objective == OBJECTIVE_NCE)
            shift += settings->log_normalizer;
        if (trainer->bias == BIAS_FIXED)
            shift -= word_log_probability(trainer, id);
        trainer->facts[id].shift = (float)shift;
        trainer->noise[id] = (struct noise_facts){.place = trainer->facts[id].place,
                                                  .shift = (float)shift,
                                                  .weight = (float)(wanted / expected),
                                                  .repeat = (float)(unique ? 1 : 1 + draws * p)};
    }
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void keep_table(struct trainer *trainer) {
    trainer->words_kept = 0;
    for (uint32_t id = 0; id < trainer->rows; id++) {
        double keep = keep_probability(trainer, id);
        trainer->words_kept += keep * (double)vocabulary_count(trainer->vocabulary, id);
        trainer->facts[id].keep = keep >= 1 ? UINT32_MAX : (uint32_t)(keep * 4294967296.0);
    }
}

/* A word seen five times takes few steps at the rate that suits one seen a million times: its row
 * may move further. */
static void rate_table(struct trainer *trainer) {
    const struct settings *s = trainer->settings;
    for (uint32_t id = 0; id < trainer->rows; id++) {
        double factor =
            pow((double)vocabulary_count(trainer->vocabulary, id) / s->rate_count, -s->rate_power);
        trainer->facts[id].rate = (float)fmin(fmax(factor, s->rate_least), s->rate_most);
    }
}

static void place_table(struct trainer *trainer) {
    const struct table *table = trainer->input;
    for (uint32_t id = 0; id < trainer->rows; id++)
        trainer->facts[id].place =
            (uint32_t)((size_t)(table_row(table, id) - table->data) / table->stride);
}

/* Each row has its own stream of random numbers, so that start values do not depend on shards or
 * threads. */
void trainer_init_tables(struct trainer *trainer) {
    const struct settings *settings = trainer->settings;
    uint32_t dim = (uint32_t)settings->dim;
#pragma omp parallel for num_threads(trainer->threads) schedule(static)
    for (uint32_t id = 0; id < trainer->rows; id++) {
        struct random random;
        random_init(&random, (uint64_t)settings->seed, (uint64_t)1 << 32 | id);
        float *input = table_row(trainer->input, id), *output = table_row(trainer->output, id);
        memset(input, 0, trainer->step.stride * sizeof *input);
        memset(output, 0, trainer->step.stride * sizeof *output);
        for (uint32_t j = 0; j < dim; j++) {
            double u = random_unit(&random);
            input[j] = (float)(settings->init == INIT_WORD2VEC ? (u - 0.5) / dim : 2 * u - 1);
        }
        for (uint32_t j = 0; settings->init == INIT_TENSORFLOW && j < dim; j++)
            output[j] = (float)(random_truncated_normal(&random) / sqrt((double)dim));
        if (!trainer->step.has_bias)
            continue;
        input[dim] = 1;
        if (trainer->bias == BIAS_LEARNED)
            output[dim] = (float)word_log_probability(trainer, id);
    }
}

uint32_t shared_noise(const struct settings *settings) {
    int64_t initial = settings->negative > 48 ? settings->negative : 48;
    return (uint32_t)(settings->shared_negatives ? settings->shared_negatives : initial);
}

uint32_t private_rows(const struct settings *settings, uint32_t rows, int threads) {
    if (threads == 1 || settings->exact_negatives)
        return 0;
    return settings->private_rows < rows ? (uint32_t)settings->private_rows : rows;
}

static void step_from_settings(struct trainer *trainer) {
    const struct settings *s = trainer->settings;
    double z = 1.0 / (double)s->num_true;
    uint32_t noise = s->exact_negatives ? (uint32_t)s->negative : shared_noise(s);
    bool softmax = s->objective == OBJECTIVE_SAMPLED_SOFTMAX;
    trainer->step = (struct kernel_step){
        .stride = trainer->input->stride,
        .columns = trainer->input->columns,
        .has_bias = trainer->input->columns > (uint32_t)s->dim,
        .cbow = s->architecture == ARCHITECTURE_CBOW,
        .loss_kind = softmax ? KERNEL_SOFTMAX : KERNEL_LOGISTIC,
        .noise = noise,
        .window = (uint32_t)s->window,
        .remove_hits = s->remove_accidental_hits == HITS_YES ||
                       (s->remove_accidental_hits == HITS_AUTO && softmax),
        .clip = s->guard && !s->exact_negatives,
        .clip_repeat = (float)s->guard_repeat,
        .clip_output = (float)s->guard_output,
        .clip_input = (float)s->guard_input,
        .positive_a = (float)(s->pos_weight * z),
        .positive_b = (float)(1 + (s->pos_weight - 1) * z),
        .negative_weight = (float)((double)s->negative / noise * z),
        .input_rate = (float)s->input_rate,
    };
}

static enum status allocate(struct trainer *trainer, struct error *err) {
    trainer->facts = calloc(trainer->rows, sizeof *trainer->facts);
    trainer->noise = calloc(trainer->rows, sizeof *trainer->noise);
    trainer->lanes = lanes_allocate((size_t)trainer->threads);
    if (!trainer->facts || !trainer->noise || !trainer->lanes)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate the tables of %u words",
                         trainer->rows);
    return STATUS_OK;
}

enum status trainer_create(struct trainer *trainer, const struct train_options *options,
                           struct corpus *corpus, struct error *err) {
    const struct settings *settings = options->settings;
    enum partition partition =
        settings->partition == PARTITION_BY_DIV ? PARTITION_DIV : PARTITION_MOD;
    memset(trainer, 0, sizeof *trainer);
    trainer->options = options, trainer->settings = settings, trainer->corpus = corpus;
    trainer->vocabulary = corpus->vocabulary;
    trainer->rows = vocabulary_size(corpus->vocabulary);
    trainer->threads = settings->deterministic ? 1 : train_threads(settings);
    trainer->private_rows = private_rows(settings, trainer->rows, trainer->threads);
    trainer->words_total = corpus->words * (uint64_t)settings->epochs;
    trainer->bias = settings->bias;
    if (trainer->bias == BIAS_AUTO)
        trainer->bias = settings->objective == OBJECTIVE_NEGATIVE_SAMPLING ? BIAS_NONE : BIAS_FIXED;
    uint32_t columns =
        (uint32_t)settings->dim + (trainer->bias == BIAS_LEARNED || trainer->bias == BIAS_ZERO);
    trainer->rate_scale = 1;
    trainer->progress.loss = NAN;
    trainer->progress.corpus = corpus->report;
    trainer->segment_size = corpus->length / ((uint64_t)trainer->threads * 16) + 1;
    if (trainer->segment_size > 65536)
        trainer->segment_size = 65536;
    trainer->segments = (corpus->length + trainer->segment_size - 1) / trainer->segment_size;
    enum status status;
    if ((status = trainer_pin(trainer, err)) || (status = allocate(trainer, err)) ||
        (status = train_sampler_create(settings, trainer->vocabulary, &trainer->sampler, err)) ||
        (status = table_create(&trainer->input, trainer->rows, columns, (uint32_t)settings->shards,
                               partition, err)) ||
        (status = table_create(&trainer->output, trainer->rows, columns, (uint32_t)settings->shards,
                               partition, err)))
        return status;
    step_from_settings(trainer);
    trainer->unique =
        settings->unique && !settings->exact_negatives &&
        (uint64_t)trainer->step.noise * TRAINER_UNIQUE_SHARE <= sampler_support(trainer->sampler);
    keep_table(trainer);
    rate_table(trainer);
    place_table(trainer);
    noise_tables(trainer);
    for (int i = 0; i < trainer->threads; i++)
        if ((status = lane_create(trainer, &trainer->lanes[i], (uint64_t)i, err)))
            return status;
    return STATUS_OK;
}

void trainer_clear(struct trainer *trainer) {
    trainer_unpin(trainer);
    for (int i = 0; trainer->lanes && i < trainer->threads; i++)
        lane_clear(&trainer->lanes[i]);
    free(trainer->lanes);
    free(trainer->facts);
    free(trainer->noise);
    sampler_free(trainer->sampler);
    table_free(trainer->input);
    table_free(trainer->output);
    memset(trainer, 0, sizeof *trainer);
}

double trainer_first_rate(const struct settings *settings) {
    return settings->learning_rate *
           (settings->architecture == ARCHITECTURE_CBOW ? settings->cbow_rate : 1);
}

double trainer_rate(const struct trainer *trainer, uint64_t words_done) {
    const struct settings *settings = trainer->settings;
    double left = settings->schedule == SCHEDULE_LINEAR
                      ? 1 - (double)words_done / ((double)trainer->words_total + 1)
                      : 1;
    return fmax(trainer_first_rate(settings) * left, settings->min_learning_rate) *
           trainer->rate_scale;
}

/* ---- finite ---------------------------------------------------------------------------------- */

static enum status check_table(struct trainer *trainer, const struct table *table, const char *name,
                               struct error *err) {
    size_t floats = (size_t)table->rows * table->stride;
    if (trainer->options->kernel->first_nonfinite(table->data, floats) == floats)
        return STATUS_OK;
    for (uint32_t id = 0; id < table->rows; id++) {
        size_t column =
                   trainer->options->kernel->first_nonfinite(table_row(table, id), table->stride),
               length;
        if (column == table->stride)
            continue;
        const char *word = vocabulary_word(trainer->vocabulary, id, &length);
        uint64_t words = atomic_load(&trainer->words_done);
        return error_set(err, STATUS_DIVERGED,
                         "training diverged: the %s row of '%.*s' (id %u) holds a non-finite value "
                         "in column %zu at step %llu, "
                         "learning rate %g; try a smaller learning_rate or keep guard = true",
                         name, (int)(length < 80 ? length : 80), word, id, column,
                         (unsigned long long)atomic_load(&trainer->steps_done),
                         trainer_rate(trainer, words));
    }
    return STATUS_OK;
}

enum status trainer_check(struct trainer *trainer, struct error *err) {
    enum status status = check_table(trainer, trainer->input, "input", err);
    return status ? status : check_table(trainer, trainer->output, "output", err);
}

/* Between full checks: the noise rows of the last block and the loss. A NaN reaches them within a
 * few blocks. */
static bool lane_looks_finite(const struct trainer *trainer, const struct lane *lane) {
    const struct kernel_noise *noise = &lane->noise[0];
    float loss = (float)lane->loss.sum;
    for (uint32_t k = 0; k < trainer->step.noise && noise->rows[k]; k++)
        if (!trainer->options->kernel->train->row_is_finite(noise->rows[k], trainer->step.stride))
            return false;
    return trainer->options->kernel->first_nonfinite(&loss, 1) == 1;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static bool lane_next_segment(struct trainer *trainer, struct lane *lane) {
    uint64_t all = trainer->segments * (uint64_t)trainer->settings->epochs, segment;
#pragma omp atomic capture
    segment = trainer->next_segment++;
    if (segment >= all)
        return false;
    uint64_t first = segment % trainer->segments * trainer->segment_size,
             end = first + trainer->segment_size;
    lane->state.segment = segment;
    lane->state.at = first;
    lane->state.end = end < trainer->corpus->length ? end : trainer->corpus->length;
    return true;
}

static void lane_account(struct trainer *trainer, struct lane *lane) {
    atomic_fetch_add(&trainer->words_done, lane->words);
    atomic_fetch_add(&trainer->steps_done, lane->steps);
    if (!lane_looks_finite(trainer, lane)) {
        atomic_store(&trainer->nonfinite, true);
        atomic_store(&trainer->halt, true);
    }
#pragma omp critical(trainer_loss)
    {
        trainer->epoch_loss.sum += lane->loss.sum,
            trainer->epoch_loss.positives += lane->loss.positives;
        trainer->recent_loss.sum += lane->loss.sum,
            trainer->recent_loss.positives += lane->loss.positives;
    }
    lane->words = lane->steps = 0;
    lane->loss = (struct kernel_loss){0};
}

static void watch(struct trainer *trainer) {
    double now = machine_monotonic_seconds(), interval = trainer->settings->checkpoint_interval;
    if (trainer->options->request && atomic_load(trainer->options->request) != REQUEST_NONE)
        atomic_store(&trainer->halt, true);
    if (interval > 0 && now - trainer->last_checkpoint > interval)
        atomic_store(&trainer->halt, true);
    trainer_report_if_due(trainer);
}

static void lane_run(struct trainer *trainer, struct lane *lane, bool watching) {
    int64_t chunks = 0;
    lane_take_rows(trainer, lane);
    while (!atomic_load_explicit(&trainer->halt, memory_order_relaxed)) {
        if (!lane_pack(trainer, lane)) {
            if (!lane_next_segment(trainer, lane))
                break;
            continue;
        }
        lane_train(trainer, lane);
        if (++chunks % trainer->settings->private_chunks == 0)
            lane_merge_rows(trainer, lane);
        lane_account(trainer, lane);
        if (watching)
            watch(trainer);
    }
    lane_merge_rows(trainer, lane);
}

static bool all_done(const struct trainer *trainer) {
    if (trainer->next_segment < trainer->segments * (uint64_t)trainer->settings->epochs)
        return false;
    for (int i = 0; i < trainer->threads; i++)
        if (trainer->lanes[i].state.at < trainer->lanes[i].state.end ||
            trainer->lanes[i].state.carried)
            return false;
    return true;
}

static enum status start_again(struct trainer *trainer, struct error *err) {
    for (int i = 0; i < trainer->threads; i++) {
        lane_clear(&trainer->lanes[i]);
        enum status status = lane_create(trainer, &trainer->lanes[i], (uint64_t)i, err);
        if (status != STATUS_OK)
            return status;
    }
    trainer->next_segment = 0;
    atomic_store(&trainer->words_done, 0);
    atomic_store(&trainer->steps_done, 0);
    trainer->words_at_report = trainer->epochs_reported = 0;
    trainer->diverged_at = 0;
    trainer->rollbacks = 0;
    trainer_init_tables(trainer);
    return STATUS_OK;
}

/* A checkpoint may be of a training that had diverged and was finite still: no rate would save it.
 * After CHECKPOINT_TRIES in a row from which training got no further, by a hundredth of its words,
 * it begins again. */
#define CHECKPOINT_TRIES 2

static bool checkpoint_is_worth_it(struct trainer *trainer) {
    uint64_t words = atomic_load(&trainer->words_done);
    bool further = words > trainer->diverged_at + trainer->words_total / 100;
    trainer->rollbacks = further ? 1 : trainer->rollbacks + 1;
    trainer->diverged_at = words > trainer->diverged_at ? words : trainer->diverged_at;
    return trainer->rollbacks <= CHECKPOINT_TRIES;
}

/* Back to the last checkpoint, or to the start, with half the learning rate. */
static enum status roll_back(struct trainer *trainer, struct error *err) {
    struct error why = {0};
    bool found = false;
    enum status status = trainer_check(trainer, &why);
    double scale = trainer->rate_scale / 2;
    if (trainer->settings->on_nonfinite == NONFINITE_FAIL ||
        trainer_first_rate(trainer->settings) * scale < trainer->settings->min_learning_rate)
        return error_set(err, STATUS_DIVERGED, "%s",
                         status ? why.text : "training diverged: the loss is not finite");
    status = checkpoint_is_worth_it(trainer) ? checkpoint_load(trainer, &found, err) : STATUS_OK;
    if (status == STATUS_OK && !found)
        status = start_again(trainer, err);
    if (status != STATUS_OK)
        return status;
    trainer->rate_scale = scale;
    trainer->epoch_loss = trainer->recent_loss = (struct kernel_loss){0};
    char note[256];
    snprintf(note, sizeof note, "a value was not finite: went back to %s with learning rate %g",
             found ? "the last checkpoint" : "the start",
             trainer_first_rate(trainer->settings) * scale);
    trainer_report(trainer, PHASE_TRAINING, 0, note);
    return STATUS_OK;
}

static enum status run_until_halt(struct trainer *trainer, struct error *err) {
    atomic_store(&trainer->halt, false);
    atomic_store(&trainer->nonfinite, false);
#pragma omp parallel num_threads(trainer->threads)
    lane_run(trainer, &trainer->lanes[omp_get_thread_num()], omp_get_thread_num() == 0);
    int request = trainer->options->request ? atomic_load(trainer->options->request) : REQUEST_NONE;
    if (request == REQUEST_CANCEL)
        return error_set(err, STATUS_CANCELLED, "training was cancelled");
    struct error found = {0};
    if (atomic_load(&trainer->nonfinite) || trainer_check(trainer, &found) != STATUS_OK)
        return roll_back(trainer, err);
    if (all_done(trainer))
        return STATUS_OK;
    enum status status = checkpoint_save(trainer, err);
    if (status != STATUS_OK)
        return status;
    return request == REQUEST_STOP
               ? error_set(err, STATUS_PAUSED, "training stopped at a checkpoint")
               : STATUS_OK;
}

enum status trainer_run(struct trainer *trainer, struct error *err) {
    trainer->started = trainer->last_report = trainer->last_checkpoint =
        machine_monotonic_seconds();
    trainer->words_at_report = atomic_load(&trainer->words_done);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !all_done(trainer))
        status = run_until_halt(trainer, err);
    if (status == STATUS_OK)
        trainer_report_if_due(trainer); /* the last epoch may have ended on another thread */
    return status;
}
