/* The whole path: corpus, memory, tables, epochs, model. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/machine.h"
#include "train/checkpoint.h"
#include "train/decide.h"
#include "train/evaluation.h"
#include "train/initial_rows.h"
#include "train/judge.h"
#include "train/pairs.h"
#include "train/publish.h"
#include "train/report.h"
#include "train/schedule.h"
#include "train/train.h"
#include "train/trainer.h"
#include "train/warnings.h"

struct reading {
    const struct train_options *options;
    double last;
};

static void report_reading(void *context, double share, const struct corpus_report *report) {
    struct reading *reading = context;
    double now = machine_monotonic_seconds();
    if (!reading->options->on_progress ||
        now - reading->last < reading->options->settings->progress_interval)
        return;
    reading->last = now;
    struct train_progress progress;
    train_progress_init(&progress);
    progress.phase = PHASE_VOCABULARY;
    progress.progress = REPORT_SHARE_VOCABULARY * share;
    const struct settings *asked = reading->options->settings;
    progress.epochs = asked->epochs == SETTING_AUTO_INT ? 0 : (uint64_t)asked->epochs;
    progress.learning_rate = schedule_first_rate(asked);
    if (report)
        progress.corpus = *report;
    reading->options->on_progress(reading->options->context, &progress);
}

static void say_beforehand(void *context, bool serious, const char *text) {
    if (serious)
        trainer_warn(context, "%s", text);
    else
        trainer_report(context, PHASE_TRAINING, 0, text);
}

static void warn_beforehand(struct trainer *trainer) {
    const struct forecast forecast = {.settings = trainer->settings,
                                      .report = &trainer->progress.corpus,
                                      .rows = trainer->rows,
                                      .noise = trainer->step.noise,
                                      .unique = trainer->tables.unique};
    warnings_visit(&forecast, say_beforehand, trainer);
}

/* What was `auto`, for the log. */
static void tell_choices(struct trainer *trainer) {
    const struct corpus_choices *choices = &trainer->progress.corpus.choices;
    char text[sizeof trainer->progress.note];
    for (uint64_t i = 0; i < choices->n; i++) {
        const struct corpus_choice *choice = &choices->rows[i];
        snprintf(text, sizeof text, "auto: %s %s: %s", choice->setting, choice->value, choice->why);
        trainer_report(trainer, PHASE_TRAINING, 0, text);
    }
}

/* What a list of edges left out, or what may surprise in it. */
static void warn_of_edges(struct trainer *trainer) {
    const struct edge_report *edges = &trainer->corpus->graph->edges;
    if (edges->loops + edges->duplicates + edges->dead_ends > 0)
        trainer_warn(
            trainer,
            "of %" PRIu64 " edges %" PRIu64 " lead from a node to itself and are left out, "
            "%" PRIu64 " were there before and their weights were added up; %" PRIu64
            " of %u nodes have no edge out: walks end there",
            edges->edges, edges->loops, edges->duplicates, edges->dead_ends, trainer->rows);
}

static enum status start_or_resume(struct trainer *trainer, struct error *err) {
    bool found = false;
    if (trainer->options->resume) {
        enum status status = checkpoint_load(trainer, &found, err);
        if (status != STATUS_OK)
            return status;
    }
    if (found)
        evaluation_tell(trainer);
    else
        initial_rows_write(trainer);
    trainer_report(trainer, PHASE_TRAINING, 0, found ? "resumed from a checkpoint" : NULL);
    tell_choices(trainer);
    warn_beforehand(trainer);
    if (trainer->corpus->graph)
        warn_of_edges(trainer);
    return STATUS_OK;
}

static enum status train_corpus(const struct train_options *options, struct corpus *corpus,
                                struct train_result *result, struct error *err) {
    struct trainer trainer;
    enum status status = trainer_init(&trainer, options, corpus, err);
    if (status == STATUS_OK)
        status = start_or_resume(&trainer, err);
    if (status == STATUS_OK)
        status = trainer_run(&trainer, err);
    if (status == STATUS_OK)
        status = pairs_check_trained(&trainer, err);
    if (status == STATUS_OK)
        status = trainer_publish(&trainer, result, err);
    result->last = trainer.progress;
    result->corpus = trainer.progress.corpus;
    trainer_clear(&trainer);
    return status;
}

static void tick_reading(void *context, double share) {
    report_reading(context, share, NULL);
}

static enum status read_graph(struct reading *reading, struct graph **graph, struct corpus **corpus,
                              struct error *err) {
    const struct train_options *options = reading->options;
    const struct graph_options reading_options = {
        .settings = options->settings,
        .path = options->corpus,
        .request = options->request,
        .tick = tick_reading,
        .context = reading,
        .max_bytes = train_memory(options->settings, 1, 0).allowed};
    enum status status = graph_read(graph, &reading_options, err);
    if (status == STATUS_OK)
        *corpus = &(*graph)->corpus;
    return status;
}

enum status train_run(const struct train_options *options, struct train_result *result,
                      struct error *err) {
    const struct settings *settings = options->settings;
    struct reading reading = {.options = options};
    struct corpus *corpus = NULL;
    struct decision decision = {
        .asked = settings, .factor = 1, .work = options->work, .resume = options->resume};
    struct train_options decided = *options;
    struct graph *graph = NULL;
    double started = machine_monotonic_seconds();
    memset(result, 0, sizeof *result);
    decide_begin(&decision);
    decided.settings = &decision.chosen;
    enum status status = settings_check(settings, err);
    if (status == STATUS_OK)
        status = folder_create(options->work, err);
    if (status != STATUS_OK)
        return status;
    struct corpus_options reading_options = {.settings = settings,
                                             .path = options->corpus,
                                             .work = options->work,
                                             .threads = train_threads(settings),
                                             .request = options->request,
                                             .on_progress = report_reading,
                                             .context = &reading,
                                             .choose_min_count = decide_min_count,
                                             .chooser = &decision};
    if (settings->format == FORMAT_EDGES) {
        status = read_graph(&reading, &graph, &corpus, err);
        decision.chosen.min_count = 1; /* every node is kept, whatever was asked */
    } else {
        status = corpus_create(&corpus, &reading_options, err);
    }
    if (status == STATUS_OK) {
        status = decide_rest(&decision, &corpus->report, (double)corpus->report.kept_words,
                             corpus->vocabulary, err);
        result->corpus = corpus->report;
    }
    if (status == STATUS_OK)
        status = settings_check(decided.settings, err);
    if (status == STATUS_OK)
        status = train_judge(decided.settings, corpus, options->work, err);
    if (status == STATUS_OK)
        status = train_corpus(&decided, corpus, result, err);
    if (graph)
        graph_free(graph);
    else
        corpus_free(corpus);
    if (status == STATUS_OK)
        status = path_remove(options->work, err);
    result->seconds = machine_monotonic_seconds() - started;
    return status;
}
