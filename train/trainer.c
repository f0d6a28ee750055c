/* The loop over epochs: workers take segments until all are done, or until one of them calls a
 * halt for a checkpoint, a request, or a value that is not finite. */
#include "train/trainer.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "train/checkpoint.h"
#include "train/pin.h"
#include "train/recovery.h"
#include "train/report.h"
#include "train/worker.h"

/* Entries of corpus->ids that a worker takes at a time. A sentence is cut where a segment ends, so
 * that short segments would leave a small corpus without pairs. */
#define MAX_SEGMENT 65536
#define MIN_SEGMENT 4096

static enum partition partition_of(const struct settings *settings) {
    switch (settings->partition) {
    case PARTITION_BY_MOD:
        return PARTITION_MOD;
    case PARTITION_BY_DIV:
        return PARTITION_DIV;
    }
    return PARTITION_MOD;
}

static void set_segments(struct trainer *trainer) {
    uint64_t length = trainer->corpus->length;
    uint64_t size = length / ((uint64_t)trainer->threads * 16) + 1;
    size = size < MAX_SEGMENT ? size : MAX_SEGMENT;
    trainer->segment_size = size > MIN_SEGMENT ? size : MIN_SEGMENT;
    trainer->segments = (length + trainer->segment_size - 1) / trainer->segment_size;
}

static enum status tables_create(struct trainer *trainer, struct error *err) {
    const struct settings *settings = trainer->settings;
    enum partition partition = partition_of(settings);
    uint32_t columns = (uint32_t)settings->dim + trainer->bias.column;
    uint32_t shards = (uint32_t)settings->shards;
    enum status status =
        table_create(&trainer->input, trainer->rows, columns, shards, partition, err);
    if (status == STATUS_OK)
        status = table_create(&trainer->output, trainer->rows, columns, shards, partition, err);
    return status;
}

static enum status word_tables_create(struct trainer *trainer, struct error *err) {
    struct word_source from = {.settings = trainer->settings,
                               .vocabulary = trainer->vocabulary,
                               .sampler = trainer->sampler,
                               .table = trainer->input,
                               .corpus_words = trainer->corpus->words,
                               .draws = trainer->step.noise,
                               .fixed_bias = trainer->bias.fixed,
                               .threads = trainer->threads};
    return word_tables_init(&trainer->tables, &from, err);
}

/* Settings that were `auto`, and what they come down to in figures. */
static void choose_settings(struct trainer *trainer) {
    trainer->chosen = *trainer->options->settings;
    trainer->settings = &trainer->chosen;
    trainer->chosen.sample = train_sample(trainer->options->settings, trainer->vocabulary);
    trainer->progress.corpus.sample = trainer->chosen.sample;
    trainer->progress.corpus.sample_share =
        train_sample_share(trainer->chosen.sample, trainer->vocabulary);
}

/* One block in WORKER_LOSS_EVERY, and of a corpus of fewer blocks than that squared more of them: a
 * short training tells its loss, too. */
static uint64_t loss_every(const struct trainer *trainer) {
    double blocks = trainer->tables.words_kept / KERNEL_BLOCK;
    uint64_t every = 1 + (uint64_t)(blocks / WORKER_LOSS_EVERY);
    return every < WORKER_LOSS_EVERY ? every : WORKER_LOSS_EVERY;
}

enum status trainer_init(struct trainer *trainer, const struct train_options *options,
                         struct corpus *corpus, struct error *err) {
    const struct settings *settings = options->settings;
    memset(trainer, 0, sizeof *trainer);
    trainer->options = options, trainer->corpus = corpus;
    trainer->vocabulary = corpus->vocabulary;
    trainer->progress.corpus = corpus->report;
    choose_settings(trainer);
    trainer->rows = vocabulary_size(corpus->vocabulary);
    trainer->threads = settings->deterministic ? 1 : train_threads(settings);
    trainer->private_rows = step_private_rows(settings, trainer->rows, trainer->threads);
    trainer->words_total = corpus->words * (uint64_t)settings->epochs;
    trainer->bias = step_bias(settings);
    trainer->rate_scale = 1;
    trainer->progress.loss = NAN;
    set_segments(trainer);
    enum status status = trainer_pin(trainer, err);
    if (status == STATUS_OK)
        status = train_sampler_create(settings, trainer->vocabulary, &trainer->sampler, err);
    if (status == STATUS_OK)
        status = tables_create(trainer, err);
    if (status != STATUS_OK)
        return status;
    trainer->step = step_from_settings(settings, trainer->input);
    status = word_tables_create(trainer, err);
    trainer->loss_every = loss_every(trainer);
    if (status == STATUS_OK)
        status = workers_create(trainer, trainer->threads, err);
    return status;
}

void trainer_clear(struct trainer *trainer) {
    trainer_unpin(trainer);
    workers_free(trainer);
    word_tables_clear(&trainer->tables);
    sampler_free(trainer->sampler);
    table_free(trainer->input);
    table_free(trainer->output);
    memset(trainer, 0, sizeof *trainer);
}

/* ---- what each worker does ------------------------------------------------------------------- */

static bool next_segment(struct trainer *trainer, struct worker *worker) {
    uint64_t all = trainer->segments * (uint64_t)trainer->settings->epochs, segment;
#pragma omp atomic capture
    segment = trainer->next_segment++;
    if (segment >= all)
        return false;
    uint64_t first = segment % trainer->segments * trainer->segment_size,
             end = first + trainer->segment_size;
    worker->state.segment = segment;
    worker->state.at = first;
    worker->state.end = end < trainer->corpus->length ? end : trainer->corpus->length;
    return true;
}

/* Adds what the worker did in its last chunk to what all have done. */
static void account(struct trainer *trainer, struct worker *worker) {
    /* before the words: when these make an epoch whole, all of its loss is there */
    trainer_add_loss(trainer, &worker->loss);
    atomic_fetch_add(&trainer->examples_done, worker->examples);
    atomic_fetch_add(&trainer->words_done, worker->words);
    atomic_fetch_add(&trainer->steps_done, worker->steps);
    if (!recovery_worker_is_finite(trainer, worker)) {
        atomic_store(&trainer->nonfinite, true);
        atomic_store(&trainer->halt, true);
    }
    worker->words = worker->steps = worker->examples = 0;
    worker->loss = (struct kernel_loss){0};
}

/* Between the chunks of the first thread: is there a reason to halt, or something to report? */
static void watch(struct trainer *trainer) {
    double now = machine_monotonic_seconds(), interval = trainer->settings->checkpoint_interval;
    if (trainer->options->request && atomic_load(trainer->options->request) != REQUEST_NONE)
        atomic_store(&trainer->halt, true);
    if (interval > 0 && now - trainer->last_checkpoint > interval)
        atomic_store(&trainer->halt, true);
    trainer_report_if_due(trainer);
}

static void run_worker(struct trainer *trainer, struct worker *worker, bool watching) {
    int64_t chunks = 0;
    worker_take_rows(worker, trainer);
    while (!atomic_load_explicit(&trainer->halt, memory_order_relaxed)) {
        if (!worker_pack(worker, trainer)) {
            if (!next_segment(trainer, worker))
                break;
            continue;
        }
        worker_train(worker, trainer);
        if (++chunks % trainer->settings->private_chunks == 0)
            worker_merge_rows(worker, trainer);
        account(trainer, worker);
        if (watching)
            watch(trainer);
    }
    worker_merge_rows(worker, trainer);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static bool all_done(const struct trainer *trainer) {
    if (trainer->next_segment < trainer->segments * (uint64_t)trainer->settings->epochs)
        return false;
    for (int i = 0; i < trainer->threads; i++) {
        const struct worker_state *state = &trainer->workers[i].state;
        if (state->at < state->end || state->carried)
            return false;
    }
    return true;
}

static enum status run_until_halt(struct trainer *trainer, struct error *err) {
    atomic_store(&trainer->halt, false);
    atomic_store(&trainer->nonfinite, false);
#pragma omp parallel num_threads(trainer->threads)
    run_worker(trainer, &trainer->workers[omp_get_thread_num()], omp_get_thread_num() == 0);
    int request = trainer->options->request ? atomic_load(trainer->options->request) : REQUEST_NONE;
    if (request == REQUEST_CANCEL)
        return error_set(err, STATUS_CANCELLED, "training was cancelled");
    struct error found = {0};
    if (atomic_load(&trainer->nonfinite) || recovery_check(trainer, &found) != STATUS_OK)
        return recovery_roll_back(trainer, err);
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
