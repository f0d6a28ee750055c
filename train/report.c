/* Progress reports. */
#include "train/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "train/schedule.h"

static double mean_loss(const struct kernel_loss *loss) {
    return loss->positives ? loss->sum / (double)loss->positives : NAN;
}

static void fill_training(const struct trainer *trainer, struct train_progress *progress) {
    uint64_t words = progress->words, total = trainer->words_total;
    double done = total ? (double)words / (double)total : 0;
    progress->progress = REPORT_SHARE_VOCABULARY + REPORT_SHARE_TRAINING * done;
    progress->epoch =
        done >= 1 ? progress->epochs : (uint64_t)(done * (double)progress->epochs) + 1;
    if (progress->epoch_ended)
        progress->epoch = trainer->epochs_reported;
    progress->words_per_second = trainer->recent_rate;
    progress->eta_seconds =
        trainer->recent_rate > 0 ? (double)(total - words) / trainer->recent_rate : 0;
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
    progress->epochs = (uint64_t)trainer->settings->epochs;
    progress->seconds = trainer->seconds_before +
                        (trainer->started > 0 ? machine_monotonic_seconds() - trainer->started : 0);
    progress->learning_rate = schedule_rate(trainer, words);
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
    progress->epoch_ended = progress->checkpointed = 0;
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

static void loss_add(struct kernel_loss *sum, const struct kernel_loss *loss) {
    sum->sum += loss->sum;
    sum->positives += loss->positives;
}

/* trainer_loss, here and below, guards epoch_loss and recent_loss: every worker adds to them, the
 * first one takes them. */
void trainer_add_loss(struct trainer *trainer, const struct kernel_loss *loss) {
#pragma omp critical(trainer_loss)
    {
        loss_add(&trainer->epoch_loss, loss);
        loss_add(&trainer->recent_loss, loss);
    }
}

/* The loss of the epoch when it has ended, else since the last report; what was told of begins
 * anew. */
static struct kernel_loss take_loss(struct trainer *trainer, bool ended) {
    struct kernel_loss loss;
#pragma omp critical(trainer_loss)
    {
        loss = ended ? trainer->epoch_loss : trainer->recent_loss;
        trainer->recent_loss = (struct kernel_loss){0};
        if (ended)
            trainer->epoch_loss = (struct kernel_loss){0};
    }
    return loss;
}

/* An epoch ends when its words have been passed, give or take the chunks that other threads still
 * hold. */
void trainer_report_if_due(struct trainer *trainer) {
    double now = machine_monotonic_seconds(), passed = now - trainer->last_report;
    uint64_t words = atomic_load(&trainer->words_done), per_epoch = trainer->corpus->words;
    bool ended = per_epoch && words / per_epoch > trainer->epochs_reported;
    if (passed < trainer->settings->progress_interval && !ended)
        return;
    struct kernel_loss loss = take_loss(trainer, ended);
    if (passed > 0) {
        double rate = (double)(words - trainer->words_at_report) / passed;
        trainer->recent_rate =
            trainer->recent_rate > 0 ? 0.7 * trainer->recent_rate + 0.3 * rate : rate;
    }
    trainer->words_at_report = words;
    trainer->last_report = now;
    if (loss.positives)
        trainer->progress.loss = mean_loss(&loss);
    if (!ended)
        trainer_report(trainer, PHASE_TRAINING, 0, NULL);
    /* On a busy machine other workers may have passed several epochs since: each gets its report,
     * with the loss of all of them. */
    while (ended && trainer->epochs_reported < words / per_epoch) {
        trainer->epochs_reported++;
        trainer->progress.epoch_ended = 1;
        trainer_report(trainer, PHASE_TRAINING, 0, NULL);
    }
}
