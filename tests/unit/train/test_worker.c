/* What one training thread packs, draws and merges. */
#include <math.h>

#include "tests/support/trainer_fixture.h"

/* The worker's segment is the whole corpus. */
static void take_all(struct trainer_fixture *made) {
    made->worker->state.at = 0, made->worker->state.end = made->corpus->length;
}

static void pass(struct trainer_fixture *made) {
    take_all(made);
    while (worker_pack(made->worker, &made->trainer))
        worker_train(made->worker, &made->trainer);
}

/* ---- packing --------------------------------------------------------------------------------- */

/* Window separators around each sentence, whose rows are the row of zeros. */
static void sentences_stand_apart(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture made;
    static const uint32_t expected[] = {WORD_NONE, WORD_NONE, 0, 1,         2,        WORD_NONE,
                                        WORD_NONE, 0,         1, WORD_NONE, WORD_NONE};
    static const uint32_t centres[] = {2, 3, 4, 7, 8};
    write_text(fixture, "a b c\na b\n");
    fixture->settings.window = 2, fixture->settings.sample = 0;
    fixture->settings.shards = 2, fixture->settings.threads = 1; /* no private rows */
    trainer_fixture_open(&made, fixture);
    take_all(&made);
    assert_true(worker_pack(made.worker, &made.trainer));
    const struct kernel_chunk *chunk = &made.worker->chunk;
    /* a sentence ends with the window's separators, and so does the chunk */
    assert_true(chunk->length >= sizeof expected / sizeof *expected);
    assert_memory_equal(chunk->ids, expected, sizeof expected);
    for (uint32_t i = sizeof expected / sizeof *expected; i < chunk->length; i++)
        assert_int_equal(chunk->ids[i], WORD_NONE);
    assert_int_equal(chunk->n_centres, 5);
    assert_memory_equal(chunk->centres, centres, sizeof centres);
    for (uint32_t i = 0; i < chunk->length; i++) {
        uint32_t id = chunk->ids[i];
        bool word = id != WORD_NONE;
        assert_ptr_equal(chunk->input[i],
                         word ? table_row(made.trainer.input, id) : made.worker->zero);
        assert_ptr_equal(chunk->output[i],
                         word ? table_row(made.trainer.output, id) : made.worker->zero);
        assert_true(chunk->shift[i] == (word ? made.trainer.tables.words[id].shift : 0));
        if (word)
            assert_true(chunk->rate[i] == made.trainer.tables.words[id].rate);
    }
    for (size_t j = 0; j < made.trainer.step.stride; j++)
        assert_true(chunk->zero[j] == 0);
    assert_int_equal(made.worker->words, 5);
    assert_false(worker_pack(made.worker, &made.trainer));
    assert_false(worker_pack(made.worker, &made.trainer));
    trainer_fixture_close(&made);
}

/* The word `step` places from `at` in the sentence of the segment [first, end). */
static uint32_t neighbour(const struct corpus *corpus, uint64_t first, uint64_t end, uint64_t at,
                          int step) {
    for (int way = step < 0 ? -1 : 1; step != 0; step -= way) {
        if ((way < 0 && at == first) || (way > 0 && at + 1 == end))
            return WORD_NONE;
        at = way < 0 ? at - 1 : at + 1;
        if (corpus->ids[at] == WORD_NONE)
            return WORD_NONE;
    }
    return corpus->ids[at];
}

/* Every word of the segment is a centre once, in order, between its neighbours of the text,
 * wherever chunks are cut. Returns the number of chunks. */
static int check_segment(struct trainer_fixture *made, uint64_t first, uint64_t end) {
    struct worker *worker = made->worker;
    const struct corpus *corpus = made->corpus;
    int window = (int)made->trainer.step.window, chunks = 0;
    uint64_t at = first;
    worker->state.at = first, worker->state.end = end;
    for (; worker_pack(worker, &made->trainer); chunks++) {
        const struct kernel_chunk *chunk = &worker->chunk;
        assert_true(chunk->length <= worker->room);
        for (uint32_t i = 0; i < chunk->n_centres; i++, at++) {
            uint32_t p = chunk->centres[i];
            while (at < end && corpus->ids[at] == WORD_NONE)
                at++;
            assert_true(at < end);
            assert_true(p >= (uint32_t)window && p + (uint32_t)window < chunk->length);
            for (int step = -window; step <= window; step++)
                assert_int_equal(chunk->ids[(int)p + step],
                                 neighbour(corpus, first, end, at, step));
        }
    }
    while (at < end && corpus->ids[at] == WORD_NONE)
        at++;
    assert_int_equal(at, end);
    return chunks;
}

/* kind 0: one sentence that spans many chunks; 1: sentences of one word; else sentences of up to
 * 2^kind words. */
static void write_sentences(struct fixture *fixture, int kind) {
    struct random random;
    struct buffer text = {0};
    random_init(&random, (uint64_t)kind, 3);
    uint32_t left = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        if (left == 0)
            left = kind == 0 ? UINT32_MAX : (uint32_t)random_below(&random, 1u << kind) + 1;
        left = kind == 1 ? 0 : left - 1;
        buffer_print(&text, "w%u%c", (uint32_t)random_below(&random, 500), left ? ' ' : '\n');
    }
    fixture_write(fixture, text.data, text.length);
    buffer_clear(&text);
}

static void chunks_lose_no_word_and_no_context(void **state) {
    struct fixture *fixture = *state;
    for (int kind = 0; kind < 13; kind += 1 + (kind > 1))
        for (int64_t window = 1; window <= 40; window += 13) {
            struct trainer_fixture made;
            write_sentences(fixture, kind);
            fixture->settings.window = window, fixture->settings.sample = 0;
            trainer_fixture_open(&made, fixture);
            uint64_t length = made.corpus->length, middle = length / 2 + 1;
            assert_true(check_segment(&made, 0, length) > 5);
            assert_int_equal(made.worker->words, made.corpus->words);
            /* a segment's end is a sentence's end, for other workers have what follows */
            check_segment(&made, 0, middle);
            check_segment(&made, middle, length);
            assert_int_equal(made.worker->words, 2 * made.corpus->words);
            trainer_fixture_close(&made);
        }
}

/* Each word is kept as often as its table says, and dropped words are no one's context. */
static void subsampling_keeps_the_share_of_the_table(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture made;
    uint64_t kept[500] = {0}, all = 0;
    double expected = 0;
    write_sentences(fixture, 0);
    fixture->settings.sample = 1e-4;
    trainer_fixture_open(&made, fixture);
    for (int round = 0; round < 20; round++) {
        take_all(&made);
        while (worker_pack(made.worker, &made.trainer))
            for (uint32_t i = 0; i < made.worker->chunk.n_centres; i++, all++)
                kept[made.worker->chunk.ids[made.worker->chunk.centres[i]]]++;
    }
    assert_int_equal(made.worker->words, 20 * made.corpus->words);
    for (uint32_t id = 0; id < made.trainer.rows; id++) {
        double p = (made.trainer.tables.words[id].keep + 1.0) / 4294967296.0;
        double n = 20 * (double)vocabulary_count(made.trainer.vocabulary, id);
        assert_true(p > 0 && p < 0.5);
        assert_true(fabs((double)kept[id] - n * p) < 6 * sqrt(n * p * (1 - p)));
        expected += n * p;
    }
    assert_true(fabs((double)all - expected) < 6 * sqrt(expected));
    assert_true(fabs(expected / 20 / made.trainer.tables.words_kept - 1) < 1e-6);
    trainer_fixture_close(&made);
}

/* ---- noise ----------------------------------------------------------------------------------- */

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
        struct trainer_fixture made;
        fixture->settings.sampler = uniform ? NOISE_UNIFORM : NOISE_LOG_UNIFORM;
        fixture->settings.shared_negatives = 500;
        trainer_fixture_open(&made, fixture);
        assert_true(made.trainer.tables.unique);
        made.train.block = look_for_repeats;
        pass(&made);
        assert_true(*(uint64_t *)(void *)made.worker->workspace > 100);
        trainer_fixture_close(&made);
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
    struct trainer_fixture made;
    fixture->settings.shared_blocks = 3;
    fixture->settings.shared_negatives = 8;
    trainer_fixture_open(&made, fixture);
    made.train.block = look_for_sharing;
    seen = (struct seen){0};
    pass(&made);
    assert_true(seen.blocks > 100);
    assert_true(seen.draws >= seen.blocks / 3);
    assert_int_equal(seen.wrong, 0);
    trainer_fixture_close(&made);
}

/* Calls of a kernel that trains pair by pair. */
static struct calls {
    uint64_t calls, losses, wrong, windows[8];
    uint32_t rows;
} calls;

static void count_pairs(const struct kernel_step *step, struct kernel_workspace *workspace,
                        const struct kernel_chunk *chunk, uint32_t first, uint32_t n,
                        uint32_t window, const struct kernel_noise *noise, uint32_t per_pair,
                        struct kernel_loss *loss) {
    (void)workspace;
    calls.wrong += per_pair != 5 || n > KERNEL_BLOCK || first + n > chunk->n_centres;
    for (uint32_t k = 0; k < 2 * window * n * per_pair; k++)
        calls.wrong += noise->ids[k] >= calls.rows || !noise->rows[k];
    assert_in_range(window, 1, step->window);
    calls.windows[window]++;
    calls.calls++;
    calls.losses += loss != NULL;
    if (loss)
        loss->positives++;
}

/* Every positive has noise words of its own; windows are drawn evenly; the loss is taken on one
 * block in loss_every. */
static void exact_negatives_draw_for_every_pair(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture made;
    write_sentences(fixture, 0);
    fixture->settings.exact_negatives = true, fixture->settings.sample = 0;
    fixture->settings.objective = OBJECTIVE_NEGATIVE_SAMPLING;
    fixture->settings.negative = 5, fixture->settings.window = 4;
    fixture->settings.dynamic_window = true;
    trainer_fixture_open(&made, fixture);
    made.train.pairs = count_pairs;
    calls = (struct calls){.rows = made.trainer.rows};
    pass(&made);
    assert_int_equal(calls.wrong, 0);
    assert_int_equal(calls.calls, made.worker->steps);
    assert_true(calls.calls >= made.corpus->words / KERNEL_BLOCK);
    uint64_t every = made.trainer.loss_every;
    assert_true(every >= 1 && every <= (uint64_t)fixture->settings.loss_every);
    assert_int_equal(calls.losses, (calls.calls + every - 1) / every);
    for (uint32_t window = 1; window <= 4; window++)
        assert_true(fabs((double)calls.windows[window] - (double)calls.calls / 4) <
                    6 * sqrt((double)calls.calls * 3 / 16));
    trainer_fixture_close(&made);
}

/* ---- private rows ---------------------------------------------------------------------------- */

/* Of two threads each adds half of what it did to the table; rows past the private ones are
 * everybody's. */
static void private_rows_are_merged(void **state) {
    struct fixture *fixture = *state;
    write_words(fixture, 4000);
    struct trainer_fixture made;
    fixture->settings.threads = 2, fixture->settings.private_rows = 3;
    trainer_fixture_open(&made, fixture);
    assert_int_equal(made.trainer.private_rows, 3);
    size_t stride = made.trainer.step.stride;
    float *row = table_row(made.trainer.output, 2), *own = made.worker->own + 2 * stride;
    float *base = made.worker->base + 2 * stride;
    row[0] = 5, row[1] = 7;
    own[0] = NAN, base[0] = INFINITY; /* of a training that was rolled back */
    worker_take_rows(made.worker, &made.trainer);
    assert_true(own[0] == 5 && own[1] == 7 && row[0] == 5);
    own[0] = 9;
    row[1] = 8; /* the other thread */
    worker_merge_rows(made.worker, &made.trainer);
    assert_true(row[0] == 7 && own[0] == 7 && base[0] == 7);
    assert_true(row[1] == 8 && own[1] == 8 && base[1] == 8);
    take_all(&made);
    assert_true(worker_pack(made.worker, &made.trainer));
    uint64_t private = 0, shared = 0;
    for (uint32_t i = 0; i < made.worker->chunk.length; i++) {
        uint32_t id = made.worker->ids[i];
        if (id == WORD_NONE)
            continue;
        *(id < 3 ? &private : &shared) += 1;
        assert_ptr_equal(made.worker->output[i], id < 3 ? made.worker->own + id * stride
                                                        : table_row(made.trainer.output, id));
        assert_ptr_equal(made.worker->input[i], table_row(made.trainer.input, id));
    }
    assert_true(private > 0 && shared > 0);
    trainer_fixture_close(&made);
    assert_int_equal(step_private_rows(&fixture->settings, 2, 2), 2);
    assert_int_equal(step_private_rows(&fixture->settings, 100, 1), 0);
    fixture->settings.exact_negatives = true;
    assert_int_equal(step_private_rows(&fixture->settings, 100, 2), 0);
}

/* ---- the step -------------------------------------------------------------------------------- */

/* What a word of CBOW's context takes of the step: settings.md, cbow_gradient. */
static void settings_of_cbow_reach_the_step(void **state) {
    struct fixture *fixture = *state;
    struct table table = {.columns = 100, .stride = 112};
    struct settings *settings = &fixture->settings;
    settings->architecture = ARCHITECTURE_CBOW, settings->window = 4;
    settings->cbow_gradient = CBOW_GRADIENT_MEAN, settings->cbow_input_rate = 1.5;
    struct kernel_step step = step_from_settings(settings, &table, 4);
    assert_true(step.cbow && step.cbow_mean == 5 && step.cbow_input == 1.5f);
    settings->dynamic_window = false;
    step = step_from_settings(settings, &table, 4);
    assert_true(step.cbow_mean == 8);
    settings->window = 0;
    step = step_from_settings(settings, &table, 4);
    assert_true(step.cbow_mean == 0);
    settings->window = 4, settings->cbow_gradient = CBOW_GRADIENT_WHOLE;
    step = step_from_settings(settings, &table, 4);
    assert_true(step.cbow_mean == 0 && step.cbow_input == 1.5f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sentences_stand_apart),
        TEST(chunks_lose_no_word_and_no_context),
        TEST(subsampling_keeps_the_share_of_the_table),
        TEST(unique_draws_differ),
        TEST(draws_are_shared_by_blocks),
        TEST(exact_negatives_draw_for_every_pair),
        TEST(private_rows_are_merged),
        TEST(settings_of_cbow_reach_the_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
