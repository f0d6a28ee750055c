/* Checkpoints: whole ones come back as they were, damaged and foreign ones are passed over, and a
 * training that was stopped ends as if it had not been. */
#include <math.h>

#include "base/log.h"
#include "tests/support/train_fixture.h"
#include "tests/support/trainer_fixture.h"
#include "train/checkpoint.h"
#include "train/initial_rows.h"

static struct warnings {
    int count;
    char last[512];
} warnings;

static void hear(void *context, enum log_level level, const char *line) {
    (void)context;
    warnings.count += level == LOG_WARNING;
    snprintf(warnings.last, sizeof warnings.last, "%s", line);
}
static const struct logger logger = {.write = hear, .min = LOG_WARNING};

/* A trainer with two workers in the midst of a sentence each. */
static void open_trainer(struct trainer_fixture *made, struct fixture *fixture) {
    trainer_fixture_open(made, fixture);
    made->options.logger = &logger;
    initial_rows_write(&made->trainer);
}

static void train_a_chunk(struct trainer_fixture *made) {
    struct trainer *trainer = &made->trainer;
    for (int i = 0; i < trainer->threads; i++) {
        struct worker *worker = &trainer->workers[i];
        if (worker->state.end == 0)
            worker->state.at = (uint64_t)i * 10, worker->state.end = made->corpus->length;
        worker_take_rows(worker, trainer);
        assert_true(worker_pack(worker, trainer));
        worker_train(worker, trainer);
        worker_merge_rows(worker, trainer);
        atomic_fetch_add(&trainer->words_done, worker->words);
        atomic_fetch_add(&trainer->steps_done, worker->steps);
        worker->words = worker->steps = 0;
        assert_true(worker->state.carried > 0);
    }
    trainer->next_segment++, trainer->epochs_reported++;
    trainer->rate_scale /= 2, trainer->tallies.epoch.loss += 1.5;
    trainer->tallies.epoch.positives += 3, trainer->evaluated.count++;
    trainer->evaluated.waited = 2, trainer->evaluated.best = 0.25;
}

static void save(struct trainer_fixture *made) {
    struct error err = {0};
    if (checkpoint_save(&made->trainer, &err) != STATUS_OK)
        fail_msg("%s", err.text);
}

static bool can_load(struct trainer_fixture *made) {
    struct error err = {0};
    bool found = false;
    warnings = (struct warnings){0};
    if (checkpoint_load(&made->trainer, &found, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return found;
}

static size_t table_bytes_of(const struct trainer *trainer) {
    return trainer->rows * trainer->step.stride * sizeof(float);
}

static void assert_same_state(const struct trainer *a, const struct trainer *b) {
    assert_int_equal(a->threads, b->threads);
    for (int i = 0; i < a->threads; i++) {
        const struct worker *x = &a->workers[i], *y = &b->workers[i];
        assert_memory_equal(&x->state, &y->state, sizeof x->state);
        assert_memory_equal(x->carry, y->carry, 2 * a->step.window * sizeof *x->carry);
        assert_memory_equal(x->draws, y->draws, WORKER_DRAWS * sizeof *x->draws);
    }
    assert_memory_equal(a->input->data, b->input->data, table_bytes_of(a));
    assert_memory_equal(a->output->data, b->output->data, table_bytes_of(a));
    assert_int_equal(a->next_segment, b->next_segment);
    assert_int_equal(a->segment_size, b->segment_size);
    assert_int_equal(a->segments, b->segments);
    assert_int_equal(a->words_done, b->words_done);
    assert_int_equal(a->steps_done, b->steps_done);
    assert_int_equal(a->epochs_reported, b->epochs_reported);
    assert_true(a->rate_scale == b->rate_scale);
    assert_memory_equal(&a->tallies.all, &b->tallies.all, sizeof a->tallies.all);
    assert_memory_equal(&a->tallies.epoch, &b->tallies.epoch, sizeof a->tallies.epoch);
    assert_memory_equal(&a->evaluated, &b->evaluated, sizeof a->evaluated);
}

static char *file_path(const struct fixture *fixture, int index) {
    return path_join(fixture->work, index ? "checkpoint-1" : "checkpoint-0");
}

static char *read_file(const struct fixture *fixture, int index, size_t *length) {
    struct error err = {0};
    char *bytes = NULL, *path = file_path(fixture, index);
    if (file_read(path, (size_t)1 << 30, &bytes, length, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    free(path);
    return bytes;
}

static void write_file(const struct fixture *fixture, int index, const char *bytes, size_t length) {
    char *path = file_path(fixture, index);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    free(path);
}

static int setup(void **state) {
    fixture_setup(state);
    struct fixture *fixture = *state;
    struct buffer text = {0};
    for (uint32_t i = 0; i < 40000; i++)
        buffer_print(&text, "w%u ", i * i % 97 % 40);
    fixture_write(fixture, text.data, text.length);
    buffer_clear(&text);
    fixture->settings.dim = 20, fixture->settings.threads = 2, fixture->settings.window = 3;
    fixture->settings.sample = 0;
    return 0;
}

/* Saved, loaded and saved again: the same bytes but for the clock and the checksum over it. */
static void what_was_saved_comes_back(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture first, second;
    size_t lengths[2], differences = 0;
    open_trainer(&first, fixture);
    train_a_chunk(&first);
    save(&first);
    assert_int_equal(first.trainer.checkpoints, 1);
    open_trainer(&second, fixture);
    assert_true(can_load(&second));
    assert_int_equal(warnings.count, 0);
    assert_same_state(&first.trainer, &second.trainer);
    assert_int_equal(second.trainer.checkpoints, 1);
    char *before = read_file(fixture, 0, &lengths[0]);
    second.trainer.checkpoints = 0;
    save(&second);
    char *after = read_file(fixture, 0, &lengths[1]);
    assert_int_equal(lengths[0], lengths[1]);
    assert_int_equal(lengths[0] % 8, 0);
    for (size_t at = 0; at < lengths[0]; at += 8)
        differences += memcmp(before + at, after + at, 8) != 0;
    assert_in_range(differences, 1, 2);
    free(before);
    free(after);
    trainer_fixture_close(&first);
    trainer_fixture_close(&second);
}

/* Both go on alike: random numbers, noise words that were drawn ahead, words carried over. */
static void both_go_on_alike(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture first, second;
    open_trainer(&first, fixture);
    train_a_chunk(&first);
    save(&first);
    open_trainer(&second, fixture);
    assert_true(can_load(&second));
    train_a_chunk(&first);
    train_a_chunk(&second);
    assert_same_state(&first.trainer, &second.trainer);
    trainer_fixture_close(&first);
    trainer_fixture_close(&second);
}

static void the_newest_of_two_is_taken(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture first, second;
    open_trainer(&first, fixture);
    for (int i = 0; i < 3; i++) {
        train_a_chunk(&first);
        save(&first);
        open_trainer(&second, fixture);
        assert_true(can_load(&second));
        assert_same_state(&first.trainer, &second.trainer);
        trainer_fixture_close(&second);
    }
    trainer_fixture_close(&first);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* Two checkpoints; `older` is what stands in the first. */
struct pair {
    struct trainer_fixture made;
    uint64_t older, newer; /* words done */
    char *bytes;           /* of the newer */
    size_t length, header; /* header: its bytes */
};

static void pair_open(struct pair *pair, struct fixture *fixture) {
    open_trainer(&pair->made, fixture);
    const struct trainer *trainer = &pair->made.trainer;
    train_a_chunk(&pair->made);
    save(&pair->made);
    pair->older = trainer->words_done;
    train_a_chunk(&pair->made);
    save(&pair->made);
    pair->newer = trainer->words_done;
    pair->bytes = read_file(fixture, 1, &pair->length);
    pair->header = pair->length - 3 * sizeof(uint64_t) - 2 * table_bytes_of(trainer) -
                   2 * (sizeof(struct worker_state) +
                        (2 * trainer->step.window + WORKER_DRAWS) * sizeof(uint32_t));
    assert_in_range(pair->header, 64, 1024);
    assert_true(can_load(&pair->made));
    assert_int_equal(trainer->words_done, pair->newer);
}

static void pair_close(struct pair *pair) {
    free(pair->bytes);
    trainer_fixture_close(&pair->made);
}

/* With one bit of the newer one changed, the older one is loaded. */
static void assert_older(struct pair *pair, struct fixture *fixture, size_t at) {
    pair->bytes[at] ^= 16;
    write_file(fixture, 1, pair->bytes, pair->length);
    if (!can_load(&pair->made) || pair->made.trainer.words_done != pair->older)
        fail_msg("byte %zu of %zu was changed, and the checkpoint taken", at, pair->length);
    pair->bytes[at] ^= 16;
}

static void a_damaged_one_is_passed_over(void **state) {
    struct fixture *fixture = *state;
    struct pair pair;
    pair_open(&pair, fixture);
    size_t table = table_bytes_of(&pair.made.trainer), sums = pair.length - 24;
    const struct {
        size_t first, end;
    } sections[] = {{pair.header, sums - 2 * table}, /* workers */
                    {sums - 2 * table, sums - table},
                    {sums - table, sums},
                    {sums, pair.length}};
    for (size_t at = 0; at < pair.header; at++)
        assert_older(&pair, fixture, at);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        size_t length = sections[i].end - sections[i].first;
        for (size_t at = 0; at < length; at += 1 + length / 10) {
            assert_older(&pair, fixture, sections[i].first + at);
            assert_int_equal(warnings.count, 1);
            assert_non_null(strstr(warnings.last, "fails its checksum"));
        }
        assert_older(&pair, fixture, sections[i].end - 1);
    }
    pair_close(&pair);
}

static void one_of_another_length_is_passed_over(void **state) {
    struct fixture *fixture = *state;
    struct pair pair;
    pair_open(&pair, fixture);
    char *longer = calloc(1, pair.length + 8);
    assert_non_null(longer);
    memcpy(longer, pair.bytes, pair.length);
    const size_t lengths[] = {
        0, 7, 100, pair.header, pair.length / 2, pair.length - 1, pair.length + 1, pair.length + 8};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        write_file(fixture, 1, longer, lengths[i]);
        assert_true(can_load(&pair.made));
        assert_int_equal(pair.made.trainer.words_done, pair.older);
        assert_int_equal(warnings.count, 1);
    }
    free(longer);
    pair_close(&pair);
}

/* Nothing usable: said so, and the trainer is as it was. */
static void without_a_usable_one_nothing_changes(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture made, fresh;
    size_t length;
    open_trainer(&made, fixture);
    assert_false(can_load(&made));
    assert_int_equal(warnings.count, 0);
    train_a_chunk(&made);
    save(&made);
    char *bytes = read_file(fixture, 0, &length);
    bytes[length / 2] ^= 1;
    write_file(fixture, 0, bytes, length);
    trainer_fixture_close(&made);
    open_trainer(&made, fixture);
    open_trainer(&fresh, fixture);
    assert_false(can_load(&made));
    assert_int_equal(warnings.count, 1);
    assert_same_state(&made.trainer, &fresh.trainer);
    free(bytes);
    trainer_fixture_close(&made);
    trainer_fixture_close(&fresh);
}

static void a_failed_write_is_told(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture made;
    struct error err = {0};
    open_trainer(&made, fixture);
    made.options.work = "/nowhere/at/all";
    assert_int_not_equal(checkpoint_save(&made.trainer, &err), STATUS_OK);
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
    assert_int_equal(made.trainer.checkpoints, 0);
    trainer_fixture_close(&made);
}

/* ---- other trainings ------------------------------------------------------------------------- */

/* Of another training: passed over without a word, for the user may have changed his mind. */
static void other_settings_begin_anew(void **state) {
    struct fixture *fixture = *state;
    static const char *const changed[][2] = {
        {"learning_rate", "0.04"}, {"dim", "21"},   {"window", "4"}, {"shards", "2"}, {"seed", "2"},
        {"negative", "7"},         {"bias", "zero"}};
    struct trainer_fixture made;
    open_trainer(&made, fixture);
    train_a_chunk(&made);
    save(&made);
    trainer_fixture_close(&made);
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        struct settings settings = fixture->settings;
        struct error err = {0};
        assert_int_equal(
            settings_set(&fixture->settings, changed[i][0], changed[i][1], SETTING_OF_JOB, &err),
            STATUS_OK);
        open_trainer(&made, fixture);
        if (can_load(&made) || warnings.count > 0)
            fail_msg("%s was changed, and the checkpoint taken", changed[i][0]);
        trainer_fixture_close(&made);
        fixture->settings = settings;
    }
    open_trainer(&made, fixture);
    assert_true(can_load(&made));
    trainer_fixture_close(&made);
    fixture_write(fixture, "another corpus", 14);
    open_trainer(&made, fixture);
    assert_false(can_load(&made));
    trainer_fixture_close(&made);
}

/* Settings that change nothing of what is learned; as many workers go on as there were. */
static void threads_and_the_like_may_change(void **state) {
    struct fixture *fixture = *state;
    static const char *const changed[][2] = {{"threads", "1"},       {"threads", "5"},
                                             {"kernel", "portable"}, {"max_norm", "3"},
                                             {"save_output", "no"},  {"checkpoint_interval", "77"},
                                             {"max_memory", "3G"},   {"on_nonfinite", "rollback"}};
    struct trainer_fixture made, other;
    open_trainer(&made, fixture);
    train_a_chunk(&made);
    save(&made);
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        struct settings settings = fixture->settings;
        struct error err = {0};
        if (settings_set(&fixture->settings, changed[i][0], changed[i][1], SETTING_OF_JOB, &err) !=
            STATUS_OK)
            fail_msg("%s", err.text);
        open_trainer(&other, fixture);
        if (!can_load(&other))
            fail_msg("%s was changed, and the checkpoint not taken", changed[i][0]);
        assert_same_state(&made.trainer, &other.trainer);
        trainer_fixture_close(&other);
        fixture->settings = settings;
    }
    trainer_fixture_close(&made);
}

/* Stopped and resumed again and again, a training ends with the bytes it would have had without. */
static void a_stop_does_not_change_a_bit(void **state) {
    (void)state;
    size_t length, sizes[2];
    char *text = zipf_text(200000, 3000, &length), *bytes[2];
    for (int i = 0; i < 2; i++) {
        struct work work;
        struct error err;
        enum status status = STATUS_PAUSED;
        int stops = 0;
        work_init(&work, text, length);
        work.options.resume = true;
        while (status == STATUS_PAUSED) {
            atomic_store(&work.request, REQUEST_NONE);
            work.stop_at = i ? (uint64_t)(stops + 1) * 60000 : 0;
            status = work_train(&work, &err);
            stops += status == STATUS_PAUSED;
        }
        if (status != STATUS_OK)
            fail_msg("%s", err.text);
        if (i)
            assert_true(stops >= 3);
        bytes[i] = work_bytes(&work, &sizes[i]);
        work_clear(&work);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_saved_comes_back),
        TEST(both_go_on_alike),
        TEST(the_newest_of_two_is_taken),
        TEST(a_damaged_one_is_passed_over),
        TEST(one_of_another_length_is_passed_over),
        TEST(without_a_usable_one_nothing_changes),
        TEST(a_failed_write_is_told),
        TEST(other_settings_begin_anew),
        TEST(threads_and_the_like_may_change),
        cmocka_unit_test(a_stop_does_not_change_a_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
