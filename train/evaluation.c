/* Held-out loss, questions, stopping early. */
#include "train/evaluation.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "base/stop.h"
#include "embedding/session.h"
#include "train/checkpoint.h"
#include "train/report.h"
#include "train/worker.h"

#define QUESTIONS_MAX ((size_t)1 << 30)
#define PARSE_AMONG 1                    /* words to ask among where only the parsing counts */
#define PART_IDS 65536                   /* of the held-out ids: a part has one judge */
#define JUDGE_STREAM ((uint64_t)1 << 40) /* of random numbers: beyond workers' and start values' */

static bool has_questions(const struct trainer *trainer) {
    return strcmp(trainer->settings->questions, "none") != 0;
}

static bool is_wanted(const struct trainer *trainer) {
    return trainer->corpus->held_length > 0 || has_questions(trainer);
}

void evaluation_reset(struct trainer *trainer) {
    trainer->evaluated = (struct evaluated){.best = (double)NAN,
                                            .holdout_loss = (double)NAN,
                                            .score = (double)NAN,
                                            .best_holdout_loss = (double)NAN,
                                            .best_score = (double)NAN};
}

/* ---- held-out sentences ---------------------------------------------------------------------- */

static uint64_t parts_of(const struct trainer *trainer) {
    return (trainer->corpus->held_length + PART_IDS - 1) / PART_IDS;
}

static enum status judges_create(struct trainer *trainer, struct error *err) {
    uint64_t parts = parts_of(trainer);
    int count = parts < (uint64_t)trainer->threads ? (int)parts : trainer->threads;
    if (count == 0)
        return STATUS_OK;
    trainer->judges =
        aligned_alloc(_Alignof(struct worker), (size_t)count * sizeof *trainer->judges);
    if (!trainer->judges)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate %d threads for held-out text",
                         count);
    memset(trainer->judges, 0, (size_t)count * sizeof *trainer->judges);
    trainer->judge_threads = count;
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < count; i++) {
        status = worker_init(&trainer->judges[i], trainer, (uint64_t)i, err);
        trainer->judges[i].text = trainer->corpus->held_ids;
        trainer->judges[i].loss_every = 1;
    }
    return status;
}

/* The same words, windows and noise words whenever it is asked. */
static struct tally judge_part(struct worker *judge, const struct trainer *trainer, uint64_t part) {
    uint64_t seed = (uint64_t)trainer->settings->seed, length = trainer->corpus->held_length;
    uint64_t first = part * PART_IDS, end = first + PART_IDS;
    memset(&judge->state, 0, sizeof judge->state);
    random_init(&judge->state.words, seed, JUDGE_STREAM + 2 * part);
    random_init(&judge->state.noise, seed, JUDGE_STREAM + 2 * part + 1);
    judge->state.draw = WORKER_DRAWS;
    judge->state.at = first;
    judge->state.end = end < length ? end : length;
    judge->tally = (struct tally){0};
    while (worker_pack(judge, trainer))
        worker_train_at(judge, trainer, 0.0f);
    return judge->tally;
}

static int request_of(const struct trainer *trainer) {
    return trainer->options->request ? atomic_load(trainer->options->request) : REQUEST_NONE;
}

static enum status check_request(const struct trainer *trainer, struct error *err) {
    int request = request_of(trainer);
    if (request == REQUEST_NONE)
        return STATUS_OK;
    return request == REQUEST_CANCEL
               ? error_set(err, STATUS_CANCELLED, "training was cancelled")
               : error_set(err, STATUS_PAUSED, "training stopped within an evaluation");
}

static enum status holdout_loss(struct trainer *trainer, double *loss, struct error *err) {
    uint64_t parts = parts_of(trainer);
    struct tally sum = {0}, *tallies = calloc(parts + 1, sizeof *tallies);
    if (!tallies)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate the losses of held-out text");
#pragma omp parallel num_threads(trainer->judge_threads)
    {
        struct worker *judge = &trainer->judges[omp_get_thread_num()];
        worker_take_rows(judge, trainer);
#pragma omp for schedule(dynamic)
        for (uint64_t part = 0; part < parts; part++)
            if (request_of(trainer) == REQUEST_NONE)
                tallies[part] = judge_part(judge, trainer, part);
    }
    enum status status = check_request(trainer, err);
    for (uint64_t part = 0; part < parts; part++)
        tally_add(&sum, &tallies[part]); /* in this order, whoever computed them */
    *loss = tally_mean(&sum);
    free(tallies);
    return status;
}

/* ---- questions ------------------------------------------------------------------------------- */

/* The input rows as a model: borrowed tables, norms of its own. The constant 1 of a bias column is
 * none of a vector's numbers: it is 0 while the model is there. */
struct view {
    struct model model;
    struct table table;
};

static void view_fill_column(struct trainer *trainer, float value) {
    for (uint32_t id = 0; trainer->bias.column && id < trainer->rows; id++)
        table_row(trainer->input, id)[trainer->settings->dim] = value;
}

static enum status view_open(struct view *view, struct trainer *trainer, struct error *err) {
    const struct kernel *kernel = trainer->options->kernel;
    view->table = *trainer->input;
    view->table.columns = (uint32_t)trainer->settings->dim;
    view->model = (struct model){
        .vocabulary = trainer->corpus->vocabulary, .input = &view->table, .kernel = kernel};
    view->model.norms = calloc(trainer->rows, sizeof *view->model.norms);
    if (!view->model.norms)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate %u norms", trainer->rows);
    view_fill_column(trainer, 0);
    for (uint32_t id = 0; id < trainer->rows; id++)
        kernel->norms(table_row(trainer->input, id), 1, trainer->step.stride,
                      &view->model.norms[id]);
    return STATUS_OK;
}

static void view_close(struct view *view, struct trainer *trainer) {
    view_fill_column(trainer, 1);
    free(view->model.norms);
}

static bool stop_wanted(void *context) {
    return request_of(context) != REQUEST_NONE;
}

static enum status ask_analogies(struct view *view, struct trainer *trainer, uint32_t among,
                                 struct evaluated *told, struct error *err) {
    struct stop stop = {stop_wanted, trainer};
    struct analogy_report report = {0};
    enum status status =
        evaluate_analogies(&view->model, trainer->questions, trainer->questions_length, among,
                           ANALOGY_ADD, WORD_CASE_FOLD, trainer->threads, &stop, &report, err);
    told->score_set = SCORE_ANALOGIES;
    told->score_answered = report.answered;
    told->score_asked = report.answered + report.skipped;
    told->score =
        report.answered > 0 ? (double)report.correct / (double)report.answered : (double)NAN;
    analogy_report_clear(&report);
    return status;
}

static enum status ask_similarity(struct view *view, struct trainer *trainer,
                                  struct evaluated *told, struct error *err) {
    struct stop stop = {stop_wanted, trainer};
    struct similarity_report report = {0};
    enum status status =
        evaluate_similarity(&view->model, trainer->questions, trainer->questions_length,
                            WORD_CASE_FOLD, &stop, &report, err);
    told->score_set = SCORE_SIMILARITY;
    told->score_answered = report.found;
    told->score_asked = report.pairs;
    told->score = report.spearman;
    return status;
}

/* Of all items, by the defaults of an evaluation; all: not only one of them, to parse the set. */
static enum status ask_sessions(struct view *view, struct trainer *trainer, bool all,
                                struct evaluated *told, struct error *err) {
    struct stop stop = {stop_wanted, trainer};
    const struct session_options options = SESSION_OPTIONS;
    const struct candidates candidates = {.among = all ? 0 : 1};
    struct next_item_report report = {0};
    enum status status = evaluate_next_item(
        &view->model, trainer->questions, trainer->questions_length, &options, &candidates,
        SESSION_HITS, WORD_CASE_FOLD, trainer->threads, &stop, &report, err);
    told->score_set = SCORE_NEXT_ITEM;
    told->score_answered = report.asked;
    told->score_asked = report.sessions;
    told->score = report.asked > 0 ? (double)report.hits / (double)report.asked : (double)NAN;
    return status;
}

/* CANCELLED means that the questions were stopped: which request did it is asked anew. */
static enum status ask(struct trainer *trainer, uint32_t among, struct evaluated *told,
                       struct error *err) {
    struct view view;
    struct error why = {0};
    enum status status = view_open(&view, trainer, err);
    if (status != STATUS_OK)
        return status;
    if (evaluate_is_sessions(trainer->questions, trainer->questions_length))
        status = ask_sessions(&view, trainer, among != PARSE_AMONG, told, &why);
    else
        status = evaluate_is_analogies(trainer->questions, trainer->questions_length)
                     ? ask_analogies(&view, trainer, among, told, &why)
                     : ask_similarity(&view, trainer, told, &why);
    view_close(&view, trainer);
    if (status == STATUS_CANCELLED)
        return check_request(trainer, err);
    return status == STATUS_OK ? status
                               : error_set_key(err, status, "questions", "questions: %s", why.text);
}

/* Read once, and parsed once before the training: with one word to ask among, that costs
 * nothing. */
static enum status questions_read(struct trainer *trainer, struct error *err) {
    struct error why = {0};
    struct evaluated ignored = {0};
    const char *path =
        trainer->options->questions ? trainer->options->questions : trainer->settings->questions;
    enum status status =
        file_read(path, QUESTIONS_MAX, &trainer->questions, &trainer->questions_length, &why);
    if (status != STATUS_OK)
        return error_set_key(err, status, "questions", "questions: %s", why.text);
    return ask(trainer, PARSE_AMONG, &ignored, err);
}

enum status evaluation_prepare(struct trainer *trainer, struct error *err) {
    enum status status = judges_create(trainer, err);
    if (status == STATUS_OK && has_questions(trainer))
        status = questions_read(trainer, err);
    return status;
}

void evaluation_clear(struct trainer *trainer) {
    for (int i = 0; i < trainer->judge_threads; i++)
        worker_clear(&trainer->judges[i]);
    free(trainer->judges);
    free(trainer->questions);
}

/* ---- when ------------------------------------------------------------------------------------ */

static uint64_t index_now(const struct trainer *trainer) {
    double words = trainer->settings->evaluate_every * (double)trainer->corpus->words;
    return (uint64_t)((double)atomic_load(&trainer->words_done) / fmax(words, 1));
}

bool evaluation_is_due(const struct trainer *trainer) {
    return is_wanted(trainer) && index_now(trainer) > trainer->evaluated.index;
}

bool evaluation_is_last(const struct trainer *trainer) {
    return is_wanted(trainer) && atomic_load(&trainer->words_done) > trainer->evaluated.words;
}

/* ---- stopping early -------------------------------------------------------------------------- */

/* What is watched is a loss, else a score. Without stop_early it is watched all the same, to be
 * told. */
static bool watches_loss(const struct trainer *trainer) {
    switch (trainer->settings->stop_early) {
    case STOP_EARLY_OFF:
        return trainer->corpus->held_length > 0;
    case STOP_EARLY_HOLDOUT:
        return true;
    case STOP_EARLY_SCORE:
        return false;
    }
    return false;
}

/* Counts it; true when it is the best so far. What is not a number is no gain. */
static bool judge(const struct trainer *trainer, struct evaluated *told) {
    double gain = trainer->settings->min_gain;
    bool loss = watches_loss(trainer);
    double now = loss ? told->holdout_loss : told->score;
    bool better = isfinite(now) && (!isfinite(told->best) ||
                                    (loss ? now < told->best - gain : now > told->best + gain));
    told->count++;
    told->waited = better ? 0 : told->waited + 1;
    if (better) {
        told->best = now;
        told->best_holdout_loss = told->holdout_loss, told->best_score = told->score;
        told->best_epoch = told->words / trainer->corpus->words;
        told->best_step = atomic_load(&trainer->steps_done);
    }
    return better;
}

void evaluation_tell(struct trainer *trainer) {
    const struct evaluated *told = &trainer->evaluated;
    struct train_progress *progress = &trainer->progress;
    progress->holdout_loss = told->holdout_loss;
    progress->score = told->score;
    progress->best = told->best;
    progress->score_answered = told->score_answered;
    progress->score_asked = told->score_asked;
    progress->score_set = told->score_set;
    progress->evaluations = told->count;
    progress->waited = told->waited;
    progress->best_epoch = told->best_epoch;
    progress->best_step = told->best_step;
}

static enum status measure(struct trainer *trainer, struct evaluated *told, struct error *err) {
    const struct settings *settings = trainer->settings;
    enum status status = STATUS_OK;
    if (trainer->corpus->held_length > 0)
        status = holdout_loss(trainer, &told->holdout_loss, err);
    if (status == STATUS_OK && trainer->questions)
        status = ask(trainer, (uint32_t)settings->evaluate_among, told, err);
    if (status == STATUS_OK && settings->stop_early == STOP_EARLY_SCORE && !isfinite(told->score))
        status = error_set_key(err, STATUS_REFUSED, "questions",
                               "stop_early = score, but of %llu questions none has all its words "
                               "in the vocabulary",
                               (unsigned long long)told->score_asked);
    return status;
}

/* Once: what will not be known. */
static void warn_of_nothing(struct trainer *trainer) {
    const struct evaluated *told = &trainer->evaluated;
    if (told->count != 1)
        return;
    if (trainer->questions && !isfinite(told->score))
        trainer_warn(trainer,
                     "questions: of %llu none has all its words in the vocabulary, or they "
                     "are too few for a score",
                     (unsigned long long)told->score_asked);
    if (trainer->corpus->held_length > 0 && !isfinite(told->holdout_loss))
        trainer_warn(trainer, "holdout: the held-out sentences have no pair of words: a larger "
                              "holdout has more");
}

enum status evaluation_run(struct trainer *trainer, struct error *err) {
    const struct settings *settings = trainer->settings;
    struct evaluated told = trainer->evaluated;
    enum status status = measure(trainer, &told, err);
    if (status != STATUS_OK)
        return status;
    told.index = index_now(trainer);
    told.words = atomic_load(&trainer->words_done);
    bool better = judge(trainer, &told), keep = better && settings->stop_early != STOP_EARLY_OFF;
    if (settings->stop_early != STOP_EARLY_OFF && told.waited >= (uint64_t)settings->patience)
        told.stopped = STOP_EARLY;
    if (keep)
        status = checkpoint_keep_best(trainer, ++told.best_number, err);
    if (status != STATUS_OK)
        return status;
    trainer->evaluated = told;
    evaluation_tell(trainer);
    trainer_report_evaluation(trainer, better);
    warn_of_nothing(trainer);
    /* The next best rows take the place of those before these: no checkpoint may speak of them. */
    return keep ? checkpoint_save(trainer, err) : STATUS_OK;
}

enum status evaluation_take_best(struct trainer *trainer, struct error *err) {
    struct error why = {0};
    const struct evaluated *told = &trainer->evaluated;
    if (told->count > 0)
        evaluation_tell(trainer);
    if (told->best_number == 0 || told->waited == 0)
        return STATUS_OK;
    enum status status = checkpoint_take_best(trainer, told->best_number, &why);
    if (status == STATUS_NO_MEMORY)
        return error_set(err, status, "%s", why.text);
    if (status != STATUS_OK)
        trainer_warn(trainer,
                     "the rows of the best evaluation cannot be read, the last ones are "
                     "published: %s",
                     why.text);
    return STATUS_OK;
}
