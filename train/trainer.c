/* The loop over epochs: workers take segments until all are done, or until one of them calls a
 * halt for a checkpoint, a request, or a value that is not finite. */
#include "train/trainer.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/nonfinite.h"
#include "train/pin.h"
#include "train/recovery.h"
#include "train/report.h"
#include "train/subsampling.h"
#include "train/worker.h"

/* Entries of corpus->ids that a worker takes at a time. A sentence is cut where a segment ends, so
 * that short segments would leave a small corpus without pairs. */
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
    size = size < WORKER_SEGMENT ? size : WORKER_SEGMENT;
    trainer->segment_size = size > MIN_SEGMENT ? size : MIN_SEGMENT;
    if (trainer->walks.graph) /* whole walks */
        trainer->segment_size = walk_source_room(&trainer->walks, trainer->segment_size);
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

/* Zeros, aligned as rows are. */
static float *row_create(const struct trainer *trainer) {
    size_t bytes = (trainer->step.stride * sizeof(float) + 63) / 64 * 64;
    float *row = aligned_alloc(64, bytes);
    if (row)
        memset(row, 0, bytes);
    return row;
}

static enum status word_tables_create(struct trainer *trainer, struct error *err) {
    struct word_source from = {.settings = trainer->settings,
                               .vocabulary = trainer->vocabulary,
                               .sampler = trainer->sampler,
                               .table = trainer->input,
                               .corpus_words = trainer->corpus->words + trainer->corpus->held_words,
                               .draws = trainer->step.noise,
                               .fixed_bias = trainer->bias.fixed,
                               .threads = trainer->threads};
    return word_tables_init(&trainer->tables, &from, err);
}

/* One block in loss_every, and of a short epoch more of them, so that loss_blocks are looked at. */
static uint64_t loss_every(const struct trainer *trainer) {
    double blocks = trainer->tables.words_kept / KERNEL_BLOCK;
    uint64_t most = (uint64_t)trainer->settings->loss_every;
    uint64_t every = 1 + (uint64_t)(blocks / (double)trainer->settings->loss_blocks);
    return every < most ? every : most;
}

/* What they take is known only now; the tables are still to come. */
static enum status pairs_create(struct trainer *trainer, struct error *err) {
    const struct train_options *options = trainer->options;
    enum status status = pair_source_init(&trainer->pairs, trainer->settings, options->pairs,
                                          trainer->vocabulary, options->request, err);
    trainer->progress.pairs = trainer->pairs.report;
    return status == STATUS_OK && trainer->pairs.n > 0
               ? train_admit(trainer->settings, trainer->rows,
                             pair_source_bytes(trainer->pairs.n) +
                                 (trainer->corpus->graph ? graph_bytes(trainer->corpus->graph) : 0),
                             err)
               : status;
}

static void set_beginning(struct trainer *trainer) {
    trainer->rate_scale = 1;
    trainer->tallies.epoch_mean = (double)NAN;
    evaluation_reset(trainer);
}

/* The window, and where it is all of a sentence, what it does not reach is told. */
static uint32_t whole_window(struct trainer *trainer) {
    uint64_t longer;
    uint32_t window = step_window(trainer->settings, trainer->corpus, &longer);
    if (longer > 0)
        trainer_warn(
            trainer,
            "window = all: of %llu sentences longer than %u words, a word meets %u on each "
            "side (window_most)",
            (unsigned long long)longer, window + 1, window);
    return window;
}

enum status trainer_init(struct trainer *trainer, const struct train_options *options,
                         struct corpus *corpus, struct error *err) {
    const struct settings *settings = options->settings;
    memset(trainer, 0, sizeof *trainer);
    trainer->options = options, trainer->corpus = corpus;
    trainer->vocabulary = corpus->vocabulary;
    train_progress_init(&trainer->progress);
    trainer->progress.corpus = corpus->report;
    trainer->settings = settings;
    trainer->progress.corpus.sample = settings->sample;
    trainer->progress.corpus.sample_share = subsampling_share(settings->sample, corpus->vocabulary);
    trainer->rows = vocabulary_size(corpus->vocabulary);
    trainer->threads = settings->deterministic ? 1 : train_threads(settings);
    trainer->private_rows = step_private_rows(settings, trainer->rows, trainer->threads);
    trainer->words_total = corpus->words * (uint64_t)settings->epochs;
    trainer->bias = step_bias(settings);
    set_beginning(trainer);
    walk_source_init(&trainer->walks, corpus->graph, settings);
    set_segments(trainer);
    enum status status = trainer_pin(trainer, err);
    if (status == STATUS_OK)
        status = pairs_create(trainer, err);
    if (status == STATUS_OK)
        status = train_sampler_create(settings, trainer->vocabulary, &trainer->sampler, err);
    if (status == STATUS_OK)
        status = tables_create(trainer, err);
    if (status != STATUS_OK)
        return status;
    trainer->step = step_from_settings(settings, trainer->input, whole_window(trainer));
    status = word_tables_create(trainer, err);
    trainer->loss_every = loss_every(trainer);
    if (status == STATUS_OK)
        status = workers_create(trainer, trainer->threads, err);
    if (status == STATUS_OK)
        status = evaluation_prepare(trainer, err);
    if (status == STATUS_OK && !(trainer->row = row_create(trainer)))
        status = error_set(err, STATUS_NO_MEMORY, "cannot allocate a row");
    return status;
}

void trainer_clear(struct trainer *trainer) {
    trainer_unpin(trainer);
    evaluation_clear(trainer);
    workers_free(trainer);
    free(trainer->row);
    word_tables_clear(&trainer->tables);
    pair_source_clear(&trainer->pairs);
    sampler_free(trainer->sampler);
    table_free(trainer->input);
    table_free(trainer->output);
    memset(trainer, 0, sizeof *trainer);
}

/* ---- what each worker does ------------------------------------------------------------------- */

/* With whole sentences as windows none is cut. */
static uint64_t segment_edge(const struct trainer *trainer, uint64_t at) {
    const struct corpus *corpus = trainer->corpus;
    if (at >= corpus->length)
        return corpus->length;
    while (trainer->settings->window == 0 && at > 0 && at < corpus->length &&
           corpus->ids[at - 1] != WORD_NONE)
        at++;
    return at;
}

static bool next_segment(struct trainer *trainer, struct worker *worker) {
    uint64_t all = trainer->segments * (uint64_t)trainer->settings->epochs, segment;
#pragma omp atomic capture
    segment = trainer->next_segment++;
    if (segment >= all)
        return false;
    uint64_t first = segment % trainer->segments * trainer->segment_size,
             end = first + trainer->segment_size;
    worker->state.segment = segment;
    if (trainer->walks.graph) {
        worker_make_walks(worker, trainer);
        return true;
    }
    worker->state.at = segment_edge(trainer, first);
    worker->state.end = segment_edge(trainer, end);
    return true;
}

/* Adds what the worker did in its last chunk to what all have done. */
static void account(struct trainer *trainer, struct worker *worker) {
    /* before the words: when these make an epoch whole, all of its loss is there */
    trainer_add_tally(trainer, &worker->tally);
    atomic_fetch_add(&trainer->examples_done, worker->examples);
    atomic_fetch_add(&trainer->pairs_done, worker->pairs);
    atomic_fetch_add(&trainer->words_done, worker->words);
    atomic_fetch_add(&trainer->steps_done, worker->steps);
    if (!recovery_worker_is_finite(trainer, worker)) {
        atomic_store(&trainer->nonfinite, true);
        atomic_store(&trainer->halt, true);
    }
    if (trainer->search && trainer->search->found)
        atomic_store(&trainer->halt, true);
    worker->words = worker->steps = worker->examples = worker->pairs = 0;
    worker->tally = (struct tally){0};
}

/* Between the chunks of the first thread: is there a reason to halt, or something to report? */
static void watch(struct trainer *trainer) {
    double now = machine_monotonic_seconds(), interval = trainer->settings->checkpoint_interval;
    if (trainer->options->request && atomic_load(trainer->options->request) != REQUEST_NONE)
        atomic_store(&trainer->halt, true);
    if (trainer->search) {
        if (atomic_load(&trainer->words_done) >= trainer->search->words)
            atomic_store(&trainer->halt, true); /* further than where it was seen */
        return;
    }
    if (interval > 0 && now - trainer->last_checkpoint > interval)
        atomic_store(&trainer->halt, true);
    if (evaluation_is_due(trainer)) /* which reports the end of an epoch, too */
        atomic_store(&trainer->halt, true);
    else
        trainer_report_if_due(trainer);
}

/* With max_steps: takes the chunk's blocks, or as many as are left, whoever else takes some. False
 * when none are. */
static bool take_steps(struct trainer *trainer, struct worker *worker) {
    uint64_t max = (uint64_t)trainer->settings->max_steps;
    uint64_t blocks = (worker->chunk.n_centres + KERNEL_BLOCK - 1) / KERNEL_BLOCK;
    if (max == 0)
        return true;
    uint64_t before = atomic_fetch_add(&trainer->steps_taken, blocks);
    uint64_t left = before < max ? max - before : 0;
    if (blocks > left) {
        worker->chunk.n_centres = (uint32_t)left * KERNEL_BLOCK;
        if (worker->examples > worker->chunk.n_centres)
            worker->examples = worker->chunk.n_centres;
        if (worker->pairs > worker->chunk.n_centres / 2)
            worker->pairs = worker->chunk.n_centres / 2;
        atomic_store(&trainer->halt, true);
    }
    return left > 0 || blocks == 0;
}

/* The next chunk: of pairs that are due, else of text. False when none is left. */
static bool next_chunk(struct trainer *trainer, struct worker *worker) {
    while (!worker_pack_pairs(worker, trainer) && !worker_pack(worker, trainer))
        if (!next_segment(trainer, worker))
            return false;
    return true;
}

static void run_worker(struct trainer *trainer, struct worker *worker, bool watching) {
    int64_t chunks = 0;
    worker_take_rows(worker, trainer);
    while (!atomic_load_explicit(&trainer->halt, memory_order_relaxed)) {
        if (!next_chunk(trainer, worker) || !take_steps(trainer, worker))
            break;
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

static bool epochs_are_over(const struct trainer *trainer) {
    if (trainer->next_segment < trainer->segments * (uint64_t)trainer->settings->epochs)
        return false;
    for (int i = 0; i < trainer->threads; i++) {
        const struct worker_state *state = &trainer->workers[i].state;
        if (state->at < state->end || state->carried ||
            worker_has_pairs_due(&trainer->workers[i], trainer))
            return false;
    }
    return true;
}

/* STOP_NOT_YET: it goes on. */
static enum train_stop why_over(const struct trainer *trainer) {
    uint64_t max = (uint64_t)trainer->settings->max_steps;
    if (trainer->evaluated.stopped != STOP_NOT_YET)
        return (enum train_stop)trainer->evaluated.stopped;
    if (max > 0 && atomic_load(&trainer->steps_done) >= max)
        return STOP_MAX_STEPS;
    return epochs_are_over(trainer) ? STOP_EPOCHS : STOP_NOT_YET;
}

static void run_workers(struct trainer *trainer) {
    atomic_store(&trainer->halt, false);
    atomic_store(&trainer->nonfinite, false);
    atomic_store(&trainer->steps_taken, atomic_load(&trainer->steps_done));
#pragma omp parallel num_threads(trainer->threads)
    run_worker(trainer, &trainer->workers[omp_get_thread_num()], omp_get_thread_num() == 0);
}

static int request_of(const struct trainer *trainer) {
    return trainer->options->request ? atomic_load(trainer->options->request) : REQUEST_NONE;
}

/* ---- values that are not finite -------------------------------------------------------------- */

/* Trains again from the last checkpoint, block by block, up to where the value was seen. A request
 * ends the search, and the training: what it would go on from is the checkpoint. */
static enum status search_first(struct trainer *trainer, struct nonfinite *search,
                                struct error *err) {
    *search = (struct nonfinite){.words = atomic_load(&trainer->words_done)};
    trainer_warn(trainer, "a value is not finite: training again from the last checkpoint, to find "
                          "where the first one arose");
    enum status status = recovery_go_back(trainer, err);
    if (status != STATUS_OK)
        return status;
    trainer->search = search;
    run_workers(trainer);
    trainer->search = NULL;
    if (request_of(trainer) != REQUEST_NONE && !search->found)
        return error_set(err,
                         request_of(trainer) == REQUEST_CANCEL ? STATUS_CANCELLED : STATUS_PAUSED,
                         "training stopped while it looked for the first value that is not finite");
    return STATUS_OK;
}

static enum status meet_nonfinite(struct trainer *trainer, struct error *err) {
    struct nonfinite search = {0};
    enum status status = STATUS_OK;
    if (trainer->settings->nonfinite_search)
        status = search_first(trainer, &search, err);
    if (status == STATUS_OK && search.found)
        nonfinite_tell(trainer, &search);
    return status == STATUS_OK ? recovery_roll_back(trainer, &search, err) : status;
}

/* ---- the loop over halts --------------------------------------------------------------------- */

static enum status run_until_halt(struct trainer *trainer, struct error *err) {
    run_workers(trainer);
    int request = request_of(trainer);
    if (request == REQUEST_CANCEL)
        return error_set(err, STATUS_CANCELLED, "training was cancelled");
    struct error found = {0};
    if (atomic_load(&trainer->nonfinite) || recovery_check(trainer, &found) != STATUS_OK)
        return meet_nonfinite(trainer, err);
    if (why_over(trainer) != STOP_NOT_YET ||
        (request == REQUEST_NONE && evaluation_is_due(trainer)))
        return STATUS_OK;
    enum status status = checkpoint_save(trainer, err);
    if (status != STATUS_OK)
        return status;
    return request == REQUEST_STOP
               ? error_set(err, STATUS_PAUSED, "training stopped at a checkpoint")
               : STATUS_OK;
}

/* An evaluation that a request cuts short is made when the training goes on. */
static enum status evaluate(struct trainer *trainer, struct error *err) {
    struct error why = {0};
    enum status status = evaluation_run(trainer, &why);
    if (status != STATUS_PAUSED)
        return status == STATUS_OK ? status : error_set_key(err, status, why.key, "%s", why.text);
    status = checkpoint_save(trainer, err);
    return status == STATUS_OK ? error_set(err, STATUS_PAUSED, "training stopped at a checkpoint")
                               : status;
}

enum status trainer_run(struct trainer *trainer, struct error *err) {
    trainer->started = trainer->last_report = trainer->last_checkpoint =
        machine_monotonic_seconds();
    trainer->words_at_report = atomic_load(&trainer->words_done);
    enum status status = STATUS_OK;
    enum train_stop stop = STOP_NOT_YET;
    for (;;) {
        stop = why_over(trainer);
        if (evaluation_is_due(trainer) || (stop != STOP_NOT_YET && evaluation_is_last(trainer)))
            status = evaluate(trainer, err);
        stop = why_over(trainer);
        if (status != STATUS_OK || stop != STOP_NOT_YET)
            break;
        status = run_until_halt(trainer, err);
        if (status != STATUS_OK)
            break;
    }
    if (status != STATUS_OK)
        return status;
    trainer_report_if_due(trainer); /* the last epoch may have ended on another thread */
    trainer->progress.stopped = stop;
    return evaluation_take_best(trainer, err);
}
