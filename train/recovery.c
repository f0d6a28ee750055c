/* Checks of tables, and rollback. */
#include "train/recovery.h"

#include <math.h>
#include <stdio.h>

#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/initial_rows.h"
#include "train/nonfinite.h"
#include "train/report.h"
#include "train/schedule.h"
#include "train/worker.h"

/* A checkpoint may be of a training that had diverged and was finite still: no rate would save it.
 * After so many in a row from which training got no further, by a hundredth of its words, it begins
 * again. */
#define RECOVERY_CHECKPOINT_TRIES 2

bool recovery_worker_is_finite(const struct trainer *trainer, const struct worker *worker) {
    const struct kernel *kernel = trainer->options->kernel;
    const struct worker_noise *noise = &worker->noise[0];
    float loss = (float)worker->tally.loss;
    for (uint32_t k = 0; k < trainer->step.noise && noise->rows[k]; k++)
        if (!kernel->train->row_is_finite(noise->rows[k], trainer->step.stride))
            return false;
    return kernel->first_nonfinite(&loss, 1) == 1;
}

static enum status check_table(const struct trainer *trainer, const struct table *table,
                               const char *name, struct error *err) {
    const struct kernel *kernel = trainer->options->kernel;
    size_t floats = (size_t)table->rows * table->stride;
    if (kernel->first_nonfinite(table->data, floats) == floats)
        return STATUS_OK;
    for (uint32_t id = 0; id < table->rows; id++) {
        size_t column = kernel->first_nonfinite(table_row(table, id), table->stride), length;
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
                         schedule_rate(trainer, words, atomic_load(&trainer->steps_done)));
    }
    return STATUS_OK;
}

enum status recovery_check(const struct trainer *trainer, struct error *err) {
    enum status status = check_table(trainer, trainer->input, "input", err);
    if (status == STATUS_OK)
        status = check_table(trainer, trainer->output, "output", err);
    return status;
}

static enum status start_again(struct trainer *trainer, struct error *err) {
    enum status status = workers_create(trainer, trainer->threads, err);
    if (status != STATUS_OK)
        return status;
    trainer->next_segment = 0;
    atomic_store(&trainer->words_done, 0);
    atomic_store(&trainer->steps_done, 0);
    atomic_store(&trainer->examples_done, 0);
    trainer->words_at_report = trainer->epochs_reported = 0;
    trainer->tallies = (struct tallies){.epoch_mean = (double)NAN};
    evaluation_reset(trainer);
    initial_rows_write(trainer);
    return STATUS_OK;
}

enum status recovery_go_back(struct trainer *trainer, struct error *err) {
    bool found = false;
    enum status status = checkpoint_load(trainer, &found, err);
    return status == STATUS_OK && !found ? start_again(trainer, err) : status;
}

static bool checkpoint_is_worth_it(struct trainer *trainer) {
    uint64_t words = atomic_load(&trainer->words_done);
    bool further = words > trainer->diverged_at + trainer->words_total / 100;
    trainer->rollbacks = further ? 1 : trainer->rollbacks + 1;
    trainer->diverged_at = words > trainer->diverged_at ? words : trainer->diverged_at;
    return trainer->rollbacks <= RECOVERY_CHECKPOINT_TRIES;
}

/* May a training that would go on with this scale of the rate go on at all? */
static bool rollback_is_wanted(const struct trainer *trainer, double scale) {
    const struct settings *settings = trainer->settings;
    switch (settings->on_nonfinite) {
    case NONFINITE_FAIL:
        return false;
    case NONFINITE_ROLLBACK:
        return schedule_first_rate(settings) * scale >= settings->min_learning_rate;
    }
    return false;
}

enum status recovery_roll_back(struct trainer *trainer, const struct nonfinite *search,
                               struct error *err) {
    struct error why = {0};
    bool found = false;
    double scale = trainer->rate_scale / 2;
    enum status status =
        search->found ? nonfinite_error(trainer, search, &why) : recovery_check(trainer, &why);
    if (!rollback_is_wanted(trainer, scale))
        return error_set(err, STATUS_DIVERGED, "%s",
                         status != STATUS_OK ? why.text
                                             : "training diverged: the loss is not finite");
    status = STATUS_OK;
    if (checkpoint_is_worth_it(trainer))
        status = checkpoint_load(trainer, &found, err);
    if (status == STATUS_OK && !found) {
        trainer->diverged_at = 0;
        trainer->rollbacks = 0;
        status = start_again(trainer, err);
    }
    if (status != STATUS_OK)
        return status;
    trainer->rate_scale = scale;
    evaluation_tell(trainer);
    char note[256];
    snprintf(note, sizeof note, "a value was not finite: went back to %s with learning rate %g",
             found ? "the last checkpoint" : "the start",
             schedule_first_rate(trainer->settings) * scale);
    trainer_report(trainer, PHASE_TRAINING, 0, note);
    return STATUS_OK;
}
