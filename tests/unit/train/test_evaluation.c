/* The held-out loss against plain loops, and what an evaluation leaves as it was. */
#include <math.h>

#include "tests/support/trainer_fixture.h"
#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/initial_rows.h"

#define NOISE 24
#define JUDGE_STREAM ((uint64_t)1 << 40) /* as evaluation.c has it */

static void write_sentences(struct fixture *fixture) {
    struct buffer text = {0};
    struct random random;
    random_init(&random, 5, 0);
    for (int i = 0; i < 1500; i++) {
        for (int j = 0; j < 2 + i % 9; j++)
            buffer_print(&text, "w%u ", (unsigned)exp(random_unit(&random) * log(300)));
        buffer_append_char(&text, '\n');
    }
    fixture_write(fixture, text.data, text.length);
    buffer_clear(&text);
}

static void open_held_out(struct trainer_fixture *made, struct fixture *fixture) {
    trainer_fixture_open(made, fixture);
    initial_rows_write(&made->trainer);
}

/* Some chunks of training, so that rows are none of the start's. */
static void train_some(struct trainer_fixture *made) {
    made->worker->state.end = made->corpus->length;
    while (worker_pack(made->worker, &made->trainer)) {
        worker_train(made->worker, &made->trainer);
        made->worker->words = made->worker->steps = 0;
    }
    atomic_store(&made->trainer.words_done, made->corpus->words);
}

/* ---- plain loops ----------------------------------------------------------------------------- */

static double softplus(double x) {
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* log of the expected count of a word in the noise, less its log share: by the definitions. */
static double shift_of(const struct trainer *trainer, uint32_t id) {
    if (trainer->settings->objective == OBJECTIVE_NEGATIVE_SAMPLING)
        return 0;
    double share = (double)vocabulary_count(trainer->vocabulary, id) /
                   (double)vocabulary_total(trainer->vocabulary);
    return log((double)trainer->settings->negative * sampler_probability(trainer->sampler, id)) +
           trainer->settings->log_normalizer - log(share);
}

static double score(const struct trainer *trainer, uint32_t input, uint32_t output) {
    const float *x = table_row(trainer->input, input), *o = table_row(trainer->output, output);
    double sum = 0;
    for (int64_t j = 0; j < trainer->settings->dim; j++)
        sum += (double)x[j] * (double)o[j];
    return sum - shift_of(trainer, output);
}

/* Noise words of block after block: NOISE each for shared_blocks of them. */
struct draws {
    struct random random;
    uint32_t ids[WORKER_DRAWS], used;
};

static uint32_t draw(struct draws *draws, const struct trainer *trainer) {
    if (draws->used == WORKER_DRAWS) {
        sampler_fill(trainer->sampler, &draws->random, draws->ids, WORKER_DRAWS);
        draws->used = 0;
    }
    return draws->ids[draws->used++];
}

static double oracle(const struct trainer *trainer) {
    const uint32_t *ids = trainer->corpus->held_ids;
    uint64_t length = trainer->corpus->held_length, centres = 0, pairs = 0;
    int64_t window = trainer->settings->window, shared = trainer->settings->shared_blocks;
    uint32_t noise[NOISE];
    double sum = 0;
    struct draws draws = {.used = WORKER_DRAWS};
    random_init(&draws.random, (uint64_t)trainer->settings->seed, JUDGE_STREAM + 1);
    for (uint64_t at = 0; at < length; at++) {
        if (ids[at] == WORD_NONE)
            continue;
        if (centres++ % (uint64_t)(KERNEL_BLOCK * shared) == 0)
            for (int k = 0; k < NOISE; k++)
                noise[k] = draw(&draws, trainer);
        for (int side = -1; side <= 1; side += 2)
            for (int64_t p = (int64_t)at + side;
                 p >= 0 && p < (int64_t)length && ids[p] != WORD_NONE &&
                 (p - (int64_t)at) * side <= window;
                 p += side) {
                pairs++;
                sum += softplus(-score(trainer, ids[at], ids[p]));
                for (int k = 0; k < NOISE; k++)
                    sum += (double)trainer->settings->negative / NOISE *
                           softplus(score(trainer, ids[at], noise[k]));
            }
    }
    assert_true(centres < WORKER_CHUNK_WORDS); /* one chunk: draws begin anew with each */
    return sum / (double)pairs;
}

static void held_out_loss_is_the_objective(void **state) {
    struct fixture *fixture = *state;
    write_sentences(fixture);
    struct settings *settings = &fixture->settings;
    settings->holdout = 0.2, settings->sample = 0, settings->dynamic_window = false;
    settings->unique = false, settings->noise_power = 0, settings->shared_negatives = NOISE;
    settings->window = 3, settings->dim = 24, settings->threads = 1, settings->seed = 1;
    for (int i = 0; i < 2; i++) {
        struct trainer_fixture made;
        struct error err = {0};
        settings->objective = i == 0 ? OBJECTIVE_NCE : OBJECTIVE_NEGATIVE_SAMPLING;
        settings->shared_blocks = 1 + 3 * i;
        open_held_out(&made, fixture);
        train_some(&made);
        if (evaluation_run(&made.trainer, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        double want = oracle(&made.trainer), got = made.trainer.evaluated.holdout_loss;
        if (!(fabs(got - want) < (made.kernel.bfloat16 ? 2e-3 : 2e-6) * want))
            fail_msg("objective %d: %.9g, by plain loops %.9g", i, got, want);
        trainer_fixture_close(&made);
    }
}

/* The same figure again, at any number of threads, and no row has moved. */
static void evaluations_change_nothing(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture made;
    write_sentences(fixture);
    struct settings *settings = &fixture->settings;
    double losses[4] = {0};
    settings->holdout = 0.3, settings->dim = 20, settings->threads = 1;
    for (int architecture = 0; architecture < 2; architecture++)
        for (int exact = 0; exact < 2; exact++) {
            struct error err = {0};
            settings->architecture = architecture, settings->exact_negatives = exact;
            open_held_out(&made, fixture);
            train_some(&made);
            size_t bytes = made.trainer.rows * made.trainer.step.stride * sizeof(float);
            char *input = malloc(bytes), *output = malloc(bytes);
            memcpy(input, made.trainer.input->data, bytes);
            memcpy(output, made.trainer.output->data, bytes);
            for (int i = 0; i < 3; i++) {
                assert_int_equal(evaluation_run(&made.trainer, &err), STATUS_OK);
                losses[i] = made.trainer.evaluated.holdout_loss;
            }
            assert_true(isfinite(losses[0]) && losses[0] == losses[1] && losses[1] == losses[2]);
            assert_memory_equal(input, made.trainer.input->data, bytes);
            assert_memory_equal(output, made.trainer.output->data, bytes);
            free(input);
            free(output);
            trainer_fixture_close(&made);
        }
}

/* 1.5 epochs: once at 1, once at 2 for 1.5, not again. */
static void due_by_words(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture made;
    struct error err = {0};
    write_sentences(fixture);
    fixture->settings.holdout = 0.3, fixture->settings.evaluate_every = 1.5;
    fixture->settings.threads = 1;
    open_held_out(&made, fixture);
    uint64_t words = made.corpus->words;
    assert_false(evaluation_is_due(&made.trainer));
    atomic_store(&made.trainer.words_done, words);
    assert_false(evaluation_is_due(&made.trainer));
    assert_true(evaluation_is_last(&made.trainer));
    atomic_store(&made.trainer.words_done, words + (words + 1) / 2);
    assert_true(evaluation_is_due(&made.trainer));
    assert_int_equal(evaluation_run(&made.trainer, &err), STATUS_OK);
    assert_false(evaluation_is_due(&made.trainer));
    assert_false(evaluation_is_last(&made.trainer));
    atomic_store(&made.trainer.words_done, 3 * words);
    assert_true(evaluation_is_due(&made.trainer));
    atomic_store(&fixture->request, REQUEST_STOP); /* nothing is counted then */
    uint64_t count = made.trainer.evaluated.count;
    assert_int_equal(evaluation_run(&made.trainer, &err), STATUS_PAUSED);
    assert_int_equal(made.trainer.evaluated.count, count);
    assert_true(evaluation_is_due(&made.trainer));
    trainer_fixture_close(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(held_out_loss_is_the_objective, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(evaluations_change_nothing, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(due_by_words, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
