/* Progress reports. */
#include "train/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "train/schedule.h"

/* Words to come, when so much is done. */
static double eta_words(const struct trainer *trainer, double done) {
    double words = (double)atomic_load(&trainer->words_done);
    double left = (double)trainer->words_total - words;
    return done > 0 ? fmin(left, words / done * (1 - done)) : left;
}

static void fill_training(const struct trainer *trainer, struct train_progress *progress) {
    uint64_t words = progress->words, total = trainer->words_total;
    double done = schedule_share(trainer, words, progress->step);
    double of_words = total ? (double)words / (double)total : 0;
    progress->progress = REPORT_SHARE_VOCABULARY + REPORT_SHARE_TRAINING * done;
    progress->epoch =
        of_words >= 1 ? progress->epochs : (uint64_t)(of_words * (double)progress->epochs) + 1;
    if (progress->epoch_ended)
        progress->epoch = trainer->epochs_reported;
    progress->words_per_second = trainer->recent_rate;
    progress->eta_seconds =
        trainer->recent_rate > 0 ? eta_words(trainer, done) / trainer->recent_rate : 0;
}

void trainer_report(struct trainer *trainer, enum train_phase phase, double share,
                    const char *note) {
    struct train_progress *progress = &trainer->progress;
    uint64_t words = atomic_load(&trainer->words_done);
    double before = REPORT_SHARE_VOCABULARY + REPORT_SHARE_TRAINING;
    progress->magic = TRAIN_PROGRESS_MAGIC;
    progress->phase = (uint32_t)phase;
    progress->words = words, progress->words_total = trainer->words_total;
    progress->step = atomic_load(&trainer->steps_done);
    progress->examples = atomic_load(&trainer->examples_done);
    progress->pairs_trained = atomic_load(&trainer->pairs_done);
    progress->epochs = (uint64_t)trainer->settings->epochs;
    progress->seconds = trainer->seconds_before +
                        (trainer->started > 0 ? machine_monotonic_seconds() - trainer->started : 0);
    progress->learning_rate = schedule_rate(trainer, words, progress->step);
    snprintf(progress->note, sizeof progress->note, "%s", note ? note : "");
    switch (phase) {
    case PHASE_VOCABULARY:
        progress->progress = REPORT_SHARE_VOCABULARY * share;
        break;
    case PHASE_TRAINING:
        fill_training(trainer, progress);
        break;
    case PHASE_PUBLISHING:
        progress->progress = before + (1 - REPORT_SHARE_VOCABULARY - REPORT_SHARE_TRAINING) * share;
        progress->eta_seconds = 0;
        break;
    }
    if (trainer->options->on_progress)
        trainer->options->on_progress(trainer->options->context, progress);
    progress->epoch_ended = progress->checkpointed = progress->evaluated = progress->improved = 0;
    progress->note[0] = 0;
}

void trainer_warn(struct trainer *trainer, const char *format, ...) {
    char text[sizeof trainer->progress.note];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_line(trainer->options->logger, LOG_WARNING, "%s", text);
    trainer_report(trainer, PHASE_TRAINING, 0, text);
}

/* ---- losses ---------------------------------------------------------------------------------- */

/* trainer_tally, here and below, guards the tallies: every worker adds to them, the first one takes
 * them. */
void trainer_add_tally(struct trainer *trainer, const struct tally *tally) {
#pragma omp critical(trainer_tally)
    {
        tally_add(&trainer->tallies.all, tally);
        tally_add(&trainer->tallies.epoch, tally);
        tally_add(&trainer->tallies.recent, tally);
    }
}

/* A few blocks make no steady mean: what came before the last report counts on, so that
 * loss_blocks of them are there, the older ones with less weight at each report. */
static void window_move(struct tallies *tallies, double least) {
    double wanted = fmax(least - tallies->recent.blocks, 0), have = tallies->window.blocks;
    if (have > wanted)
        tally_scale(&tallies->window, wanted / have);
    tally_add(&tallies->window, &tallies->recent);
    tallies->recent = (struct tally){0};
}

static void tell_losses(struct train_progress *progress, const struct tallies *tallies,
                        const struct tally *mean, uint64_t steps) {
    if (mean->positives > 0) {
        progress->loss = tally_mean(mean);
        progress->loss_error = tally_error(mean);
        progress->clipped_share = tally_clipped(mean);
    }
    if (mean->gradients > 0)
        progress->gradient_norm = tally_gradient(mean);
    if (tallies->epoch.positives > 0)
        progress->epoch_loss = tally_mean(&tallies->epoch);
    if (tallies->all.positives > 0) {
        progress->avg_loss = tally_mean(&tallies->all);
        progress->total_loss = tallies->all.loss / tallies->all.blocks * (double)steps;
    }
}

/* ended: an epoch has, and the next one's sums begin; loss is the epoch's mean then. */
static void take_losses(struct trainer *trainer, bool ended) {
    struct tallies *tallies = &trainer->tallies;
#pragma omp critical(trainer_tally)
    {
        window_move(tallies, (double)trainer->settings->loss_blocks);
        tell_losses(&trainer->progress, tallies, ended ? &tallies->epoch : &tallies->window,
                    atomic_load(&trainer->steps_done));
        if (ended && tallies->epoch.positives > 0)
            tallies->epoch_mean = tally_mean(&tallies->epoch);
        if (ended)
            tallies->epoch = (struct tally){0};
    }
}

double trainer_final_loss(const struct trainer *trainer) {
    const struct tallies *tallies = &trainer->tallies;
    return tallies->epoch.positives > 0 ? tally_mean(&tallies->epoch) : tallies->epoch_mean;
}

void trainer_report_restore(struct trainer *trainer) {
    take_losses(trainer, false);
}

/* ---- norms ----------------------------------------------------------------------------------- */

static void tell_norm_word(struct trainer *trainer, uint32_t id) {
    char *to = trainer->progress.row_norm_word;
    size_t length, room = sizeof trainer->progress.row_norm_word - 1;
    const char *word = vocabulary_word(trainer->vocabulary, id, &length);
    if (length > room)
        for (length = room; length > 0 && ((unsigned char)word[length] & 0xc0) == 0x80; length--)
            continue; /* not within a letter */
    memcpy(to, word, length);
    to[length] = '\0';
}

/* Mean and largest norm of the input rows. One pass over the table an epoch, which reads every row
 * hundreds of times: nothing beside that. Other threads may be writing. */
static void tell_norms(struct trainer *trainer) {
    const struct kernel *kernel = trainer->options->kernel;
    size_t stride = trainer->step.stride;
    uint32_t largest = 0;
    double sum = 0, most = -1;
    if (!trainer->row) /* there are no tables */
        return;
    for (uint32_t id = 0; id < trainer->rows; id++) {
        float norm;
        kernel->train->row_copy(table_row(trainer->input, id), trainer->row, stride);
        if (trainer->bias.column)
            trainer->row[trainer->settings->dim] = 0; /* its constant 1 is none of the vector's */
        kernel->norms(trainer->row, 1, stride, &norm);
        sum += (double)norm;
        if ((double)norm > most)
            most = (double)norm, largest = id;
    }
    trainer->progress.row_norm = sum / trainer->rows;
    trainer->progress.row_norm_max = most;
    tell_norm_word(trainer, largest);
}

/* ---- when ------------------------------------------------------------------------------------ */

/* An epoch ends when its words have been passed, give or take the chunks that other threads still
 * hold. On a busy machine other workers may have passed several epochs since: each gets its report,
 * with the loss of all of them. */
static void report_epochs(struct trainer *trainer, bool evaluated, bool improved) {
    uint64_t ended = atomic_load(&trainer->words_done) / trainer->corpus->words;
    tell_norms(trainer);
    while (trainer->epochs_reported < ended) {
        bool last = ++trainer->epochs_reported == ended;
        trainer->progress.epoch_ended = 1;
        /* an evaluation's figures stand in one row */
        trainer->progress.evaluated = last && evaluated;
        trainer->progress.improved = last && improved;
        trainer_report(trainer, PHASE_TRAINING, 0, NULL);
    }
}

static bool epoch_has_ended(const struct trainer *trainer) {
    uint64_t words = atomic_load(&trainer->words_done), per_epoch = trainer->corpus->words;
    return per_epoch > 0 && words / per_epoch > trainer->epochs_reported;
}

static void measure_speed(struct trainer *trainer) {
    double now = machine_monotonic_seconds(), passed = now - trainer->last_report;
    uint64_t words = atomic_load(&trainer->words_done);
    if (passed > 0) {
        double rate = (double)(words - trainer->words_at_report) / passed;
        trainer->recent_rate =
            trainer->recent_rate > 0 ? 0.7 * trainer->recent_rate + 0.3 * rate : rate;
    }
    trainer->words_at_report = words;
    trainer->last_report = now;
}

void trainer_report_if_due(struct trainer *trainer) {
    double passed = machine_monotonic_seconds() - trainer->last_report;
    bool ended = epoch_has_ended(trainer);
    if (passed < trainer->settings->progress_interval && !ended)
        return;
    take_losses(trainer, ended);
    measure_speed(trainer);
    if (ended)
        report_epochs(trainer, false, false);
    else
        trainer_report(trainer, PHASE_TRAINING, 0, NULL);
}

void trainer_report_evaluation(struct trainer *trainer, bool improved) {
    bool ended = epoch_has_ended(trainer);
    take_losses(trainer, ended);
    measure_speed(trainer);
    if (ended) {
        report_epochs(trainer, true, improved);
    } else {
        trainer->progress.evaluated = 1, trainer->progress.improved = improved;
        trainer_report(trainer, PHASE_TRAINING, 0, NULL);
    }
}
