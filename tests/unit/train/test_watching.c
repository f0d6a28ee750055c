/* What a training tells of itself, and what it does on it: steady losses, held-out loss, stopping
 * early, max_steps; and all of it across a stop. */
#include "base/array.h"
#include "tests/support/train_fixture.h"

/* Every report of the training phase. */
struct series {
    struct train_progress *rows;
    size_t n, room;
    atomic_int *request;
    uint64_t stop_at; /* words; 0: never */
};

static void series_add(void *context, const struct train_progress *progress) {
    struct series *series = context;
    struct train_progress *rows =
        array_grow(series->rows, &series->room, series->n + 1, sizeof *rows);
    assert_non_null(rows);
    series->rows = rows;
    rows[series->n++] = *progress;
    if (series->stop_at > 0 && progress->phase == PHASE_TRAINING &&
        progress->words >= series->stop_at)
        atomic_store(series->request, REQUEST_STOP);
}

static void series_begin(struct series *series, struct work *work) {
    *series = (struct series){.request = &work->request};
    work->options.on_progress = series_add, work->options.context = series;
}

static enum status run(struct work *work, struct train_result *result, struct error *err) {
    memset(err, 0, sizeof *err);
    return train_run(&work->options, result, err);
}

/* ---- the loss -------------------------------------------------------------------------------- */

/* At a learning rate of nearly nothing the loss does not move: reported means spread by their error
 * only. With one noise draw for all pairs of a block, a mean over few blocks would not be. */
static void reported_losses_are_steady(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(400000, 3000, &length);
    struct work work;
    struct series series;
    struct error err;
    struct train_result result;
    work_init(&work, text, length);
    series_begin(&series, &work);
    work.settings.learning_rate = 1e-5, work.settings.min_learning_rate = 0;
    work.settings.init = INIT_TENSORFLOW, work.settings.epochs = 3;
    if (run(&work, &result, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    double mean = result.last.avg_loss, squares = 0;
    size_t n = 0, far = 0;
    for (size_t i = 0; i < series.n; i++) {
        const struct train_progress *row = &series.rows[i];
        if (row->phase != PHASE_TRAINING || !isfinite(row->loss_error))
            continue;
        double blocks_share = row->loss_error / mean;
        far += fabs(row->loss - mean) > 4.5 * row->loss_error;
        squares += pow((row->loss - mean) / row->loss_error, 2);
        n++;
        /* one block's mean is off by 0.6 of itself or less, a mean of loss_blocks by 0.6 / 31 */
        if (row->epoch > 1 || row->epoch_ended)
            assert_true(blocks_share < 0.03);
        if (row->epoch_ended)
            assert_true(row->loss == row->epoch_loss);
    }
    /* errors are neither too small nor made up; neighbours share blocks, so that few are free */
    assert_true(n >= 3 && far == 0 && squares / (double)n < 6 && squares > 0);
    assert_true(fabs(result.last.total_loss / result.last.avg_loss) > (double)result.last.examples);
    assert_true(result.last.gradient_norm > 0 && result.last.row_norm_max >= result.last.row_norm);
    assert_true(result.last.row_norm > 0 && result.last.row_norm_word[0] == 'w');
    assert_true(result.last.clipped_share >= 0 && result.last.clipped_share <= 1);
    free(series.rows);
    work_clear(&work);
    free(text);
}

/* ---- stopping early -------------------------------------------------------------------------- */

/* Sentences of random words: what is learned of some is of no use for others. */
static char *overfitting_text(size_t *length) {
    struct buffer text = {0};
    struct random random;
    random_init(&random, 11, 0);
    for (int i = 0; i < 400; i++) {
        for (int j = 0; j < 12; j++)
            buffer_print(&text, "w%u ", (unsigned)random_below(&random, 150));
        buffer_append_char(&text, '\n');
    }
    *length = text.length;
    return buffer_take(&text);
}

static void settings_of_overfitting(struct settings *settings) {
    settings->holdout = 0.2, settings->stop_early = STOP_EARLY_HOLDOUT, settings->patience = 2;
    settings->epochs = 60, settings->sample = 0, settings->learning_rate = 0.2;
    settings->schedule = SCHEDULE_CONSTANT, settings->evaluate_every = 0.5;
}

static struct model *load(const struct work *work) {
    struct error err = {0};
    struct model *model = NULL;
    if (model_load(&model, work->output, work->options.kernel, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return model;
}

/* It ends early, and what is published are the rows of the best evaluation: those that a training
 * has which ends there by max_steps. */
static void the_best_rows_are_published(void **state) {
    (void)state;
    size_t length;
    char *text = overfitting_text(&length);
    struct work work;
    struct series series;
    struct error err;
    struct train_result result;
    work_init(&work, text, length);
    series_begin(&series, &work);
    settings_of_overfitting(&work.settings);
    if (run(&work, &result, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    double best = INFINITY, last = NAN;
    uint64_t best_step = 0;
    for (size_t i = 0; i < series.n; i++) {
        const struct train_progress *row = &series.rows[i];
        if (!row->evaluated)
            continue;
        assert_true((row->improved != 0) == (row->holdout_loss < best));
        last = row->holdout_loss;
        if (row->improved)
            best = row->holdout_loss, best_step = row->step;
    }
    assert_int_equal(result.last.stopped, STOP_EARLY);
    assert_true(result.last.epoch < 60 && result.last.waited == 2 && last > best);
    assert_true(result.last.best == best && result.last.best_step == best_step);
    struct model *stopped = load(&work);
    assert_true(stopped->info.holdout_loss == best && stopped->info.best_step == best_step);
    assert_string_equal(stopped->info.stopped, "stop_early");
    free(series.rows);

    series_begin(&series, &work);
    work.settings.stop_early = STOP_EARLY_OFF, work.settings.max_steps = (int64_t)best_step;
    if (run(&work, &result, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    struct model *cut = load(&work);
    assert_int_equal(result.last.stopped, STOP_MAX_STEPS);
    assert_int_equal(cut->info.steps, best_step);
    assert_memory_equal(stopped->input->data, cut->input->data,
                        cut->input->rows * cut->input->stride * sizeof(float));
    assert_memory_equal(stopped->output->data, cut->output->data,
                        cut->output->rows * cut->output->stride * sizeof(float));
    model_drop(stopped);
    model_drop(cut);
    free(series.rows);
    work_clear(&work);
    free(text);
}

/* Patience counts evaluations in a row; a large min_gain lets none but the first be a gain. */
static void min_gain_and_patience(void **state) {
    (void)state;
    size_t length;
    char *text = overfitting_text(&length);
    struct work work;
    struct error err;
    struct train_result result;
    work_init(&work, text, length);
    settings_of_overfitting(&work.settings);
    work.settings.min_gain = 1000, work.settings.patience = 4;
    if (run(&work, &result, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(result.last.evaluations, 5);
    assert_int_equal(result.last.waited, 4);
    work.settings.holdout = 0;
    assert_int_equal(run(&work, &result, &err), STATUS_REFUSED);
    assert_string_equal(err.key, "holdout");
    work_clear(&work);
    free(text);
}

/* ---- across stops ---------------------------------------------------------------------------- */

/* Stopped after each checkpoint that it writes, and gone on from there, with evaluations between:
 * the same bytes as in one go. */
static void stops_change_nothing(void **state) {
    (void)state;
    size_t length, whole = 0, pieces = 0;
    char *text = overfitting_text(&length), *bytes[2];
    struct work work;
    struct series series;
    struct error err;
    struct train_result result, last;
    work_init(&work, text, length);
    settings_of_overfitting(&work.settings);
    if (run(&work, &result, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    bytes[0] = work_bytes(&work, &whole);
    work.options.resume = true;
    uint64_t step = result.last.words_total / (60 * 3), stops = 0;
    for (uint64_t at = step;; at += step, stops++) {
        series_begin(&series, &work);
        series.stop_at = at;
        atomic_store(&work.request, REQUEST_NONE);
        enum status status = run(&work, &last, &err);
        free(series.rows);
        if (status == STATUS_OK)
            break;
        if (status != STATUS_PAUSED)
            fail_msg("%s", err.text);
    }
    bytes[1] = work_bytes(&work, &pieces);
    assert_true(stops > 5);
    assert_int_equal(last.last.best_step, result.last.best_step);
    assert_int_equal(last.last.evaluations, result.last.evaluations);
    assert_true(last.last.avg_loss == result.last.avg_loss);
    assert_int_equal(whole, pieces);
    assert_memory_equal(bytes[0], bytes[1], whole);
    free(bytes[0]);
    free(bytes[1]);
    work_clear(&work);
    free(text);
}

/* ---- max_steps ------------------------------------------------------------------------------- */

static void max_steps_is_exact(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(120000, 1000, &length);
    for (int threads = 1; threads <= 3; threads++) {
        struct work work;
        struct error err;
        struct train_result result;
        work_init(&work, text, length);
        work.settings.threads = threads, work.settings.max_steps = 1234, work.settings.epochs = 9;
        work.settings.sample = 0;
        if (run(&work, &result, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        assert_int_equal(result.last.step, 1234);
        assert_int_equal(result.last.stopped, STOP_MAX_STEPS);
        assert_true(result.last.words < result.last.words_total);
        /* the schedule ends there, too */
        assert_true(result.last.learning_rate < 0.01 * work.settings.learning_rate);
        work_clear(&work);
    }
    free(text);
}

/* ---- questions ------------------------------------------------------------------------------- */

static void questions_are_scored(void **state) {
    static const char *const sets[] = {": a\nw1 w2 w3 w4\nw5 w6 w7 w8\nx y z q\n",
                                       "w1,w2,5\nw3,w90,1\nw5,w6,4\nnone,w3,2\n"};
    (void)state;
    size_t length;
    char *text = zipf_text(60000, 300, &length), path[256];
    for (int i = 0; i < 2; i++) {
        struct work work;
        struct error err = {0};
        struct train_result result;
        work_init(&work, text, length);
        snprintf(path, sizeof path, "%s/questions", work.folder);
        assert_int_equal(file_replace(path, sets[i], strlen(sets[i]), &err), STATUS_OK);
        snprintf(work.settings.questions, sizeof work.settings.questions, "%s", path);
        work.settings.bias = i ? BIAS_LEARNED : BIAS_AUTO; /* a column that is no part of vectors */
        if (run(&work, &result, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        assert_int_equal(result.last.score_set, i ? SCORE_SIMILARITY : SCORE_ANALOGIES);
        assert_int_equal(result.last.score_asked, i ? 4 : 3);
        assert_int_equal(result.last.score_answered, i ? 3 : 2);
        assert_int_equal(result.last.evaluations, 2);
        struct model *model = load(&work);
        struct similarity_report report;
        if (i == 1) { /* as of the model that was published */
            assert_int_equal(evaluate_similarity(model, sets[1], strlen(sets[1]), WORD_CASE_FOLD,
                                                 NULL, &report, &err),
                             STATUS_OK);
            assert_true(report.spearman == model->info.score);
        }
        assert_non_null(strstr(model->info.settings, "questions = questions\n"));
        model_drop(model);
        assert_int_equal(file_replace(path, "?\n", 2, &err), STATUS_OK);
        assert_true(run(&work, &result, &err) != STATUS_OK);
        assert_string_equal(err.key, "questions");
        work_clear(&work);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reported_losses_are_steady), cmocka_unit_test(the_best_rows_are_published),
        cmocka_unit_test(min_gain_and_patience),      cmocka_unit_test(stops_change_nothing),
        cmocka_unit_test(max_steps_is_exact),         cmocka_unit_test(questions_are_scored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
