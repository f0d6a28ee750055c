/* Tables shaped as a model has them, its card, and the files. */
#include "train/publish.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "train/report.h"

/* Gives *table exactly `columns` columns, in place when its rows keep their length, else as a copy.
 * A column that goes must be cleared, for padding is zero. */
static enum status set_columns(struct table **table, uint32_t columns, struct error *err) {
    struct table *old = *table, *copy = NULL;
    uint32_t kept = old->columns < columns ? old->columns : columns;
    if (((size_t)columns + KERNEL_PAD - 1) / KERNEL_PAD * KERNEL_PAD == old->stride) {
        for (uint32_t id = 0; id < old->rows; id++)
            for (uint32_t j = kept; j < old->columns; j++)
                table_row(old, id)[j] = 0;
        old->columns = columns;
        return STATUS_OK;
    }
    enum status status = table_create(&copy, old->rows, columns, old->shards, old->partition, err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t id = 0; id < old->rows; id++)
        memcpy(table_row(copy, id), table_row(old, id), kept * sizeof(float));
    table_free(old);
    *table = copy;
    return STATUS_OK;
}

/* Tables as a model has them: input rows without the constant of the bias column, output rows with
 * their bias behind. */
static enum status shape_tables(struct trainer *trainer, struct error *err) {
    uint32_t dim = (uint32_t)trainer->settings->dim;
    enum status status = set_columns(&trainer->input, dim, err);
    if (status == STATUS_OK)
        status = set_columns(&trainer->output, dim + 1, err);
    if (status != STATUS_OK || !trainer->bias.fixed)
        return status;
    for (uint32_t id = 0; id < trainer->rows; id++)
        table_row(trainer->output, id)[dim] =
            (float)word_tables_log_probability(&trainer->tables, id);
    return STATUS_OK;
}

/* What was `auto`, and why it became what it is. */
static enum status list_choices(const struct corpus_choices *choices, struct model_info *info,
                                struct error *err) {
    struct buffer names = {0}, rows = {0};
    for (uint64_t i = 0; i < choices->n; i++) {
        const struct corpus_choice *choice = &choices->rows[i];
        buffer_print(&names, "%s%s", i > 0 ? " " : "", choice->setting);
        buffer_print(&rows, "%s%s\t%s\t%s", i > 0 ? "\n" : "", choice->setting, choice->value,
                     choice->why);
    }
    bool fits = !names.failed && !rows.failed && names.length < sizeof info->chosen &&
                rows.length < sizeof info->choices;
    if (fits && choices->n > 0) {
        memcpy(info->chosen, names.data, names.length + 1);
        memcpy(info->choices, rows.data, rows.length + 1);
    }
    buffer_clear(&names);
    buffer_clear(&rows);
    return fits ? STATUS_OK
                : error_set(err, STATUS_INTERNAL, "what was chosen does not fit the model's card");
}

/* Of the rows that are published: with stop_early those of the best evaluation. */
static void fill_figures(const struct trainer *trainer, struct model_info *info) {
    const struct train_progress *last = &trainer->progress;
    const struct evaluated *told = &trainer->evaluated;
    const char *set = train_score_name(told->score_set), *stopped = train_stop_name(last->stopped);
    const struct tally *all = &trainer->tallies.all;
    bool best = told->best_number > 0;
    info->avg_loss = tally_mean(all);
    info->total_loss = all->blocks > 0 ? all->loss / all->blocks * (double)last->step : (double)NAN;
    info->holdout_loss = best ? told->best_holdout_loss : told->holdout_loss;
    info->score = best ? told->best_score : told->score;
    snprintf(info->score_set, sizeof info->score_set, "%s", set ? set : "");
    snprintf(info->stopped, sizeof info->stopped, "%s", stopped ? stopped : "");
    info->best_epoch = best ? told->best_epoch : 0;
    info->best_step = best ? told->best_step : 0;
}

static enum status fill_info(const struct trainer *trainer, struct model_info *info,
                             struct error *err) {
    const struct train_options *options = trainer->options;
    const struct train_progress *last = &trainer->progress;
    struct buffer text = {0};
    memset(info, 0, sizeof *info);
    struct settings settings = *trainer->settings;
    /* a path is nobody's business but the trainer's: the name of the file is kept */
    path_shorten(settings.questions);
    path_shorten(settings.pairs);
    if (settings.deterministic)
        settings.threads = 0; /* it made no difference, so it makes none in the file */
    settings_write_text(&settings, SETTING_OF_JOB, false, &text);
    if (text.failed || text.length >= sizeof info->settings) {
        buffer_clear(&text);
        return error_set(err, STATUS_INTERNAL, "the settings do not fit the model's card");
    }
    snprintf(info->settings, sizeof info->settings, "%s", text.data);
    buffer_clear(&text);
    snprintf(info->name, sizeof info->name, "%s", options->name ? options->name : "model");
    snprintf(info->corpus_digest, sizeof info->corpus_digest, "%s",
             options->corpus_digest ? options->corpus_digest : "");
    snprintf(info->kernel, sizeof info->kernel, "%s", options->kernel->name);
    snprintf(info->program, sizeof info->program, "vecmill %s", VECMILL_VERSION);
    info->default_max_norm = trainer->settings->max_norm;
    info->loss = trainer_final_loss(trainer);
    fill_figures(trainer, info);
    info->words_trained = atomic_load(&trainer->words_done);
    info->steps = atomic_load(&trainer->steps_done);
    info->corpus_words = trainer->corpus->report.words;
    info->corpus_bytes = trainer->corpus->report.bytes;
    info->sample_share = last->corpus.sample_share;
    info->examples = atomic_load(&trainer->examples_done);
    info->pairs_used = last->pairs.used;
    info->pairs_left_out = last->pairs.pairs - last->pairs.used;
    info->pairs_trained = atomic_load(&trainer->pairs_done);
    /* With one thread the same seed gives the same file: nothing of the clock goes into it then. */
    bool repeatable = trainer->threads == 1;
    info->created = repeatable ? 0 : machine_wall_seconds();
    info->train_seconds = repeatable ? 0 : last->seconds;
    info->words_per_second =
        repeatable || last->seconds <= 0 ? 0 : (double)info->words_trained / last->seconds;
    return list_choices(&last->corpus.choices, info, err);
}

enum status trainer_publish(struct trainer *trainer, struct train_result *result,
                            struct error *err) {
    struct model_info info;
    struct model *model = NULL;
    trainer_report(trainer, PHASE_PUBLISHING, 0, NULL);
    enum status status = shape_tables(trainer, err);
    if (status == STATUS_OK)
        status = fill_info(trainer, &info, err);
    if (status != STATUS_OK)
        return status;
    struct table *output = NULL;
    if (trainer->settings->save_output) {
        output = trainer->output;
        trainer->output = NULL;
    }
    struct vocabulary *vocabulary = trainer->corpus->vocabulary;
    struct table *input = trainer->input;
    trainer->corpus->vocabulary = NULL, trainer->input = NULL, trainer->vocabulary = NULL;
    status = model_create(&model, vocabulary, input, output, &info, trainer->options->kernel, err);
    if (status == STATUS_OK)
        status = model_save(model, trainer->options->output, result->model_digest, err);
    model_drop(model);
    if (status == STATUS_OK)
        trainer_report(trainer, PHASE_PUBLISHING, 1, NULL);
    return status;
}
