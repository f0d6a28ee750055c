#include "train/calibrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/machine.h"
#include "train/initial_rows.h"
#include "train/trainer.h"

#define ENTRIES_MAX ((uint64_t)16 << 20) /* of the ids that are passed again and again */
#define WARM_SHARE 0.25                  /* of the seconds, not measured: pages, caches, clocks */
#define REPORTS 200                      /* in the seconds */
#define WORDS_PER_SECOND_MAX 2e9         /* so many could be passed over, if none were kept */

struct calibration {
    const struct train_plan_options *options;
    struct train_options training;
    struct settings settings;
    atomic_int request;
    double begun;
    struct {
        double wall, cpu;
        uint64_t words;
    } from, to;
};

static void calibration_look(void *context, const struct train_progress *progress) {
    struct calibration *calibration = context;
    double now = machine_monotonic_seconds(), passed = now - calibration->begun;
    atomic_int *asked = calibration->options->training.request;
    if (calibration->from.wall <= 0 && passed < WARM_SHARE * calibration->options->seconds)
        return;
    calibration->to.wall = now;
    calibration->to.cpu = machine_cpu_seconds();
    calibration->to.words = progress->words;
    if (calibration->from.wall <= 0)
        calibration->from = calibration->to;
    if (passed >= calibration->options->seconds || (asked && atomic_load(asked) != REQUEST_NONE))
        atomic_store(&calibration->request, REQUEST_CANCEL);
}

/* The most frequent words whose tables fit. */
static uint32_t rows_that_fit(const struct settings *settings, uint32_t words) {
    uint32_t fits = 0, fails = words + 1;
    while (fits + 1 < fails) {
        uint32_t rows = fits + (fails - fits) / 2;
        if (train_memory(settings, rows, 0).fits)
            fits = rows;
        else
            fails = rows;
    }
    return fits;
}

/* A vocabulary of the first `rows` words. */
static enum status vocabulary_cut(const struct vocabulary *from, uint32_t rows,
                                  struct vocabulary **cut, struct error *err) {
    struct buffer text = {0};
    uint64_t *offsets = calloc((size_t)rows + 1, sizeof *offsets);
    for (uint32_t id = 0; id < rows && offsets; id++) {
        size_t length;
        const char *word = vocabulary_word(from, id, &length);
        buffer_append(&text, word, length);
        offsets[id + 1] = text.length;
    }
    enum status status =
        !offsets || text.failed
            ? error_set(err, STATUS_NO_MEMORY, "out of memory to try the training")
            : vocabulary_create(cut, rows, text.data, offsets, vocabulary_counts(from), err);
    free(offsets);
    buffer_clear(&text);
    return status;
}

/* The beginning of the ids, those of words without a row left out. */
static enum status ids_cut(const struct corpus *from, uint32_t rows, uint32_t **cut,
                           uint64_t *length, struct error *err) {
    uint64_t all = from->length < ENTRIES_MAX ? from->length : ENTRIES_MAX, n = 0;
    uint32_t *ids = malloc(all * sizeof *ids + 1);
    if (!ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory to try the training");
    for (uint64_t i = 0; i < all; i++)
        if (from->ids[i] < rows || from->ids[i] == WORD_NONE)
            ids[n++] = from->ids[i];
    *cut = ids;
    *length = n;
    return STATUS_OK;
}

static enum status calibration_run(struct calibration *calibration, struct corpus *corpus,
                                   struct plan_speed *speed, struct error *err) {
    struct trainer trainer;
    struct error ended = {0};
    enum status status = trainer_init(&trainer, &calibration->training, corpus, err);
    if (status == STATUS_OK) {
        initial_rows_write(&trainer);
        calibration->begun = machine_monotonic_seconds();
        status = trainer_run(&trainer, &ended);
        speed->threads = trainer.threads;
        speed->rows = trainer.rows;
        speed->share = trainer.progress.corpus.sample_share;
    }
    trainer_clear(&trainer);
    /* It was stopped by us, had nothing more to do, or diverged: what was measured counts. */
    if (status == STATUS_CANCELLED || status == STATUS_DIVERGED)
        return STATUS_OK;
    return status == STATUS_OK ? status : error_set_key(err, status, ended.key, "%s", ended.text);
}

static void speed_fill(const struct calibration *calibration, struct plan_speed *speed) {
    speed->words = calibration->to.words - calibration->from.words;
    speed->seconds = calibration->to.wall - calibration->from.wall;
    if (speed->words == 0 || speed->seconds <= 0)
        return;
    speed->known = true;
    speed->words_per_second = (double)speed->words / speed->seconds;
    speed->cpu_share =
        (calibration->to.cpu - calibration->from.cpu) / (speed->seconds * speed->threads);
}

static void calibration_init(struct calibration *calibration,
                             const struct train_plan_options *options,
                             const struct settings *settings, uint64_t words) {
    int threads = train_threads(settings), machine = machine_threads();
    *calibration = (struct calibration){.options = options, .settings = *settings};
    struct settings *tried = &calibration->settings;
    double epochs = options->seconds * WORDS_PER_SECOND_MAX / (double)words;
    tried->epochs = epochs < 100000 ? (int64_t)epochs + 1 : 100000;
    tried->checkpoint_interval = 0;
    tried->progress_interval = options->seconds / REPORTS;
    tried->on_nonfinite = NONFINITE_FAIL;
    tried->nonfinite_search = false;
    tried->holdout = 0;
    tried->max_steps = 0;
    tried->stop_early = STOP_EARLY_OFF;
    snprintf(tried->questions, sizeof tried->questions, "none");
    snprintf(tried->pairs, sizeof tried->pairs, "none"); /* their steps cost the same */
    tried->threads = threads < machine ? threads : machine;
    if (options->memory > 0 &&
        (tried->max_memory == 0 || (uint64_t)tried->max_memory > options->memory))
        tried->max_memory = (int64_t)options->memory;
    calibration->training = options->training;
    calibration->training.settings = tried;
    calibration->training.request = &calibration->request;
    calibration->training.on_progress = calibration_look;
    calibration->training.context = calibration;
    calibration->training.logger = NULL;
    calibration->training.resume = false;
}

enum status train_calibrate(const struct train_plan_options *options,
                            const struct settings *settings, const struct corpus *corpus,
                            struct plan_speed *speed, struct error *err) {
    struct calibration calibration;
    struct vocabulary *vocabulary = NULL;
    uint32_t *ids = NULL, words = vocabulary_size(corpus->vocabulary);
    *speed = (struct plan_speed){0};
    calibration_init(&calibration, options, settings, corpus->words);
    uint32_t rows = rows_that_fit(&calibration.settings, words);
    if (rows == 0 || options->seconds <= 0)
        return STATUS_OK;
    struct corpus part = *corpus;
    enum status status = STATUS_OK;
    if (part.length > ENTRIES_MAX)
        part.length = ENTRIES_MAX;
    if (rows < words) {
        status = vocabulary_cut(corpus->vocabulary, rows, &vocabulary, err);
        if (status == STATUS_OK)
            status = ids_cut(corpus, rows, &ids, &part.length, err);
        part.vocabulary = vocabulary;
        part.ids = ids;
        /* subsampling goes by the share of a word in these */
        part.words = status == STATUS_OK ? vocabulary_total(vocabulary) : 0;
    }
    if (status == STATUS_OK)
        status = calibration_run(&calibration, &part, speed, err);
    if (status == STATUS_OK)
        speed_fill(&calibration, speed);
    int asked = options->training.request ? atomic_load(options->training.request) : REQUEST_NONE;
    if (status == STATUS_OK && asked != REQUEST_NONE)
        status = error_set(err, asked == REQUEST_CANCEL ? STATUS_CANCELLED : STATUS_PAUSED,
                           "planning was stopped");
    vocabulary_free(vocabulary);
    free(ids);
    return status;
}
