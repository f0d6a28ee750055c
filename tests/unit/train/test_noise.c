/* What the trainer knows of noise words: importance, shifts, when draws are unique. */
#include <math.h>

#include "kernel/kernel.h"
#include "tests/support/corpus_fixture.h"
#include "train/trainer.h"
#include "train/worker.h"

enum { WORDS = 400 };

static void write_words(struct fixture *fixture, uint32_t words) {
    struct buffer text = {0};
    for (uint32_t id = 0; id < words; id++)
        for (uint32_t i = 0; i < 2000 / (id + 2) + 1; i++)
            buffer_print(&text, "w%u ", id);
    fixture_write(fixture, text.data, text.length);
    buffer_clear(&text);
}

static void write_zipf(struct fixture *fixture) {
    write_words(fixture, WORDS);
}

static void create(struct fixture *fixture, struct train_options *options, struct corpus **corpus,
                   struct trainer *trainer) {
    struct error err = {0};
    *options =
        (struct train_options){.settings = &fixture->settings, .kernel = kernel_choose("auto")};
    if (fixture_read(fixture, 1, corpus, &err) != STATUS_OK ||
        trainer_init(trainer, options, *corpus, &err) != STATUS_OK)
        fail_msg("%s", err.text);
}

static double count(const struct trainer *trainer, uint32_t id) {
    return (double)vocabulary_count(trainer->vocabulary, id);
}

/* The weighted draws of a block stand for `draws` words of counts ^ power, whatever they are drawn
 * from; the shift is the log of how many of them, weighed by `negative`, are expected to be this
 * word. */
static void draws_stand_for_a_power_of_counts(void **state) {
    struct fixture *fixture = *state;
    write_zipf(fixture);
    for (int variant = 0; variant < 4; variant++) {
        struct train_options options;
        struct corpus *corpus;
        struct trainer trainer;
        fixture->settings.unique = variant & 1, fixture->settings.noise_power = 0.6;
        fixture->settings.sampler = variant & 2 ? NOISE_UNIFORM : NOISE_LOG_UNIFORM;
        fixture->settings.sample = 0, fixture->settings.log_normalizer = -0.7;
        create(fixture, &options, &corpus, &trainer);
        double draws = trainer.step.noise, total = 0, all = 0, words = 0,
               negative = (double)fixture->settings.negative;
        assert_int_equal(trainer.tables.unique, variant & 1);
        for (uint32_t id = 0; id < WORDS; id++)
            total += pow(count(&trainer, id), 0.6), words += count(&trainer, id);
        for (uint32_t id = 0; id < WORDS; id++) {
            double p = sampler_probability(trainer.sampler, id),
                   share = pow(count(&trainer, id), 0.6) / total;
            double weight = (double)trainer.tables.noise[id].weight;
            if (!trainer.tables.unique)
                assert_true(fabs(p * weight / share - 1) < 1e-5);
            all += draws * share / weight; /* expected in a draw */
            double shift = log(negative * share) - 0.7 - log(count(&trainer, id) / words);
            assert_true(fabs((double)trainer.tables.noise[id].shift - shift) < 1e-5);
            assert_true(trainer.tables.noise[id].shift == trainer.tables.words[id].shift);
        }
        assert_true(fabs(all / draws - 1) < 1e-3);
        trainer_clear(&trainer);
        corpus_free(corpus);
    }
}

/* Weights are 1 where noise is what it is drawn from. */
static void plain_draws_are_not_weighed(void **state) {
    struct fixture *fixture = *state;
    write_zipf(fixture);
    for (int variant = 0; variant < 3; variant++) {
        struct train_options options;
        struct corpus *corpus;
        struct trainer trainer;
        settings_init(&fixture->settings);
        fixture->settings.min_count = 1;
        if (variant == 0)
            fixture->settings.noise_power = 0;
        if (variant == 1)
            fixture->settings.sampler = NOISE_UNIGRAM;
        if (variant == 2)
            fixture->settings.objective = OBJECTIVE_SAMPLED_SOFTMAX;
        create(fixture, &options, &corpus, &trainer);
        for (uint32_t id = 0; id < WORDS; id++)
            assert_true(trainer.tables.noise[id].weight == 1);
        trainer_clear(&trainer);
        corpus_free(corpus);
    }
}

/* A draw of more than a quarter of the vocabulary has repeats. */
static void small_vocabularies_are_drawn_with_repeats(void **state) {
    struct fixture *fixture = *state;
    write_zipf(fixture);
    for (int64_t noise = 100; noise <= 101; noise++) {
        struct train_options options;
        struct corpus *corpus;
        struct trainer trainer;
        fixture->settings.shared_negatives = noise;
        create(fixture, &options, &corpus, &trainer);
        assert_int_equal(trainer.tables.unique, noise == 100);
        trainer_clear(&trainer);
        corpus_free(corpus);
    }
}

/* A trainer and a worker of it; train.block may be replaced before work_pass. Does not move: the
 * trainer points into it. */
struct work {
    struct train_options options;
    struct corpus *corpus;
    struct trainer trainer;
    struct worker worker;
    struct kernel_train train;
    struct kernel kernel;
};

static void work_open(struct work *work, struct fixture *fixture) {
    struct error err = {0};
    create(fixture, &work->options, &work->corpus, &work->trainer);
    work->train = *work->options.kernel->train, work->kernel = *work->options.kernel;
    work->kernel.train = &work->train, work->options.kernel = &work->kernel;
    assert_int_equal(worker_init(&work->worker, &work->trainer, 0, &err), STATUS_OK);
    work->worker.state.end = work->corpus->length;
}

static void work_pass(struct work *work) {
    while (worker_pack(&work->worker, &work->trainer))
        worker_train(&work->worker, &work->trainer);
}

static void work_close(struct work *work) {
    worker_clear(&work->worker);
    trainer_clear(&work->trainer);
    corpus_free(work->corpus);
}

/* A kernel that only looks at its noise words; its workspace counts the blocks. */
static void look_for_repeats(const struct kernel_step *step, struct kernel_workspace *workspace,
                             const struct kernel_chunk *chunk, uint32_t first, uint32_t n,
                             uint32_t window, const struct kernel_noise *noise,
                             const struct kernel_noise *next, struct kernel_loss *loss) {
    (void)chunk, (void)first, (void)n, (void)window, (void)next, (void)loss;
    for (uint32_t k = 0; k < step->noise; k++)
        for (uint32_t i = 0; i < k; i++)
            assert_int_not_equal(noise->ids[i], noise->ids[k]);
    ++*(uint64_t *)(void *)workspace;
}

/* Log-uniform draws repeat frequent ids, uniform ones those that share a bit (see worker.c). */
static void unique_draws_differ(void **state) {
    struct fixture *fixture = *state;
    write_words(fixture, 4000);
    for (int uniform = 0; uniform < 2; uniform++) {
        struct work work;
        fixture->settings.sampler = uniform ? NOISE_UNIFORM : NOISE_LOG_UNIFORM;
        fixture->settings.shared_negatives = 500;
        work_open(&work, fixture);
        assert_true(work.trainer.tables.unique);
        work.train.block = look_for_repeats;
        work_pass(&work);
        assert_true(*(uint64_t *)(void *)work.worker.workspace > 100);
        work_close(&work);
    }
}

/* What a kernel was given, block after block. */
struct seen {
    uint64_t blocks, draws, wrong;
    uint32_t window;
    uint32_t ids[8];
};
static struct seen seen;

/* A draw and a window serve `settings->shared_blocks` blocks, 3 here, of one chunk; the last of
 * them is told the next draw. */
static void look_for_sharing(const struct kernel_step *step, struct kernel_workspace *workspace,
                             const struct kernel_chunk *chunk, uint32_t first, uint32_t n,
                             uint32_t window, const struct kernel_noise *noise,
                             const struct kernel_noise *next, struct kernel_loss *loss) {
    (void)workspace, (void)loss;
    uint32_t block = first / KERNEL_BLOCK;
    bool same = memcmp(seen.ids, noise->ids, sizeof seen.ids) == 0,
         end = first + n == chunk->n_centres;
    assert_int_equal(step->noise, sizeof seen.ids / sizeof *seen.ids);
    if (block % 3 == 0)
        seen.draws++, seen.wrong += same;
    else
        seen.wrong += !same || window != seen.window;
    seen.wrong += (next != NULL) != (block % 3 == 2 && !end);
    seen.window = window, seen.blocks++;
    memcpy(seen.ids, noise->ids, sizeof seen.ids);
}

static void draws_are_shared_by_blocks(void **state) {
    struct fixture *fixture = *state;
    write_words(fixture, 4000);
    struct work work;
    fixture->settings.shared_blocks = 3;
    fixture->settings.shared_negatives = 8;
    work_open(&work, fixture);
    work.train.block = look_for_sharing;
    seen = (struct seen){0};
    work_pass(&work);
    assert_true(seen.blocks > 100);
    assert_true(seen.draws >= seen.blocks / 3);
    assert_int_equal(seen.wrong, 0);
    work_close(&work);
}

/* Of two threads each adds half of what it did to the table; rows past the private ones are
 * everybody's. */
static void private_rows_are_merged(void **state) {
    struct fixture *fixture = *state;
    write_words(fixture, 4000);
    struct work work;
    fixture->settings.threads = 2, fixture->settings.private_rows = 3;
    work_open(&work, fixture);
    assert_int_equal(work.trainer.private_rows, 3);
    size_t stride = work.trainer.step.stride;
    float *row = table_row(work.trainer.output, 2), *own = work.worker.own + 2 * stride;
    float *base = work.worker.base + 2 * stride;
    row[0] = 5, row[1] = 7;
    own[0] = NAN, base[0] = INFINITY; /* of a training that was rolled back */
    worker_take_rows(&work.worker, &work.trainer);
    assert_true(own[0] == 5 && own[1] == 7 && row[0] == 5);
    own[0] = 9;
    row[1] = 8; /* the other thread */
    worker_merge_rows(&work.worker, &work.trainer);
    assert_true(row[0] == 7 && own[0] == 7 && base[0] == 7);
    assert_true(row[1] == 8 && own[1] == 8 && base[1] == 8);
    assert_true(worker_pack(&work.worker, &work.trainer));
    uint64_t private = 0, shared = 0;
    for (uint32_t i = 0; i < work.worker.chunk.length; i++) {
        uint32_t id = work.worker.ids[i];
        if (id == WORD_NONE)
            continue;
        *(id < 3 ? &private : &shared) += 1;
        assert_ptr_equal(work.worker.output[i], id < 3 ? work.worker.own + id * stride
                                                       : table_row(work.trainer.output, id));
        assert_ptr_equal(work.worker.input[i], table_row(work.trainer.input, id));
    }
    assert_true(private > 0 && shared > 0);
    work_close(&work);
    assert_int_equal(step_private_rows(&fixture->settings, 2, 2), 2);
    assert_int_equal(step_private_rows(&fixture->settings, 100, 1), 0);
    fixture->settings.exact_negatives = true;
    assert_int_equal(step_private_rows(&fixture->settings, 100, 2), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(draws_stand_for_a_power_of_counts),
        TEST(plain_draws_are_not_weighed),
        TEST(small_vocabularies_are_drawn_with_repeats),
        TEST(unique_draws_differ),
        TEST(draws_are_shared_by_blocks),
        TEST(private_rows_are_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
