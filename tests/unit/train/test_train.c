/* Training as a whole: repeatable, the same under any sharding, exact across a stop, finite on
 * hostile corpora, honest about failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/machine.h"
#include "train/train.h"

struct work {
    char folder[64];
    struct settings settings;
    struct train_options options;
    char corpus[128], scratch[128], output[128];
    atomic_int request;
    uint64_t reports, stop_at;
    bool few_words;     /* a note said that noise words may repeat */
    bool to_checkpoint; /* a note said that training went back to one */
    double loss;
};

static void on_progress(void *context, const struct train_progress *progress) {
    struct work *work = context;
    work->reports++;
    work->few_words |= strstr(progress->note, "are few for") != NULL;
    work->to_checkpoint |= strstr(progress->note, "went back to the last checkpoint") != NULL;
    if (progress->epoch_ended)
        work->loss = progress->loss;
    if (work->stop_at && progress->phase == PHASE_TRAINING && progress->words >= work->stop_at)
        atomic_store(&work->request, REQUEST_STOP);
}

static void work_init(struct work *work, const char *text, size_t length) {
    struct error err = {0};
    memset(work, 0, sizeof *work);
    snprintf(work->folder, sizeof work->folder, "/tmp/test_train-XXXXXX");
    assert_non_null(mkdtemp(work->folder));
    snprintf(work->corpus, sizeof work->corpus, "%s/corpus", work->folder);
    snprintf(work->scratch, sizeof work->scratch, "%s/work", work->folder);
    snprintf(work->output, sizeof work->output, "%s/model", work->folder);
    assert_int_equal(file_replace(work->corpus, text, length, &err), STATUS_OK);
    settings_init(&work->settings);
    work->settings.dim = 20, work->settings.threads = 1, work->settings.epochs = 2,
    work->settings.min_count = 1;
    work->settings.progress_interval = 0.01, work->settings.sample = 1e-3;
    work->options = (struct train_options){.settings = &work->settings,
                                           .corpus = work->corpus,
                                           .work = work->scratch,
                                           .output = work->output,
                                           .name = "test",
                                           .kernel = kernel_choose("auto"),
                                           .request = &work->request,
                                           .on_progress = on_progress,
                                           .context = work};
}

static void work_clear(struct work *work) {
    struct error err = {0};
    assert_int_equal(path_remove(work->folder, &err), STATUS_OK);
}

static enum status work_train(struct work *work, struct error *err) {
    struct train_result result;
    memset(err, 0, sizeof *err);
    return train_run(&work->options, &result, err);
}

static struct model *work_model(struct work *work) {
    struct error err = {0};
    struct model *model = NULL;
    if (work_train(work, &err) != STATUS_OK ||
        model_load(&model, work->output, work->options.kernel, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return model;
}

/* Words with Zipf's counts and some structure: neighbours in the list like to stand together. */
static char *zipf_text(size_t words, uint32_t vocabulary, size_t *length) {
    struct random random;
    struct buffer text = {0};
    random_init(&random, 7, 0);
    uint32_t last = 0;
    for (size_t i = 0; i < words; i++) {
        uint32_t word = (uint32_t)exp(random_unit(&random) * log(vocabulary));
        if (random_unit(&random) < 0.3)
            word = last + 1 < vocabulary ? last + 1 : last;
        last = word;
        buffer_print(&text, "w%u%c", word, i % 23 == 22 ? '\n' : ' ');
    }
    *length = text.length;
    return buffer_take(&text);
}

static char *read_model(struct work *work, size_t *length) {
    struct error err = {0};
    char path[256], *bytes = NULL;
    snprintf(path, sizeof path, "%s/%s", work->output, MODEL_FILE);
    if (file_read(path, (size_t)1 << 30, &bytes, length, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return bytes;
}

static void one_thread_repeats_byte_for_byte(void **state) {
    (void)state;
    size_t length, sizes[2];
    char *text = zipf_text(60000, 3000, &length), *bytes[2];
    for (int i = 0; i < 2; i++) {
        struct work work;
        struct error err;
        work_init(&work, text, length);
        if (work_train(&work, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        bytes[i] = read_model(&work, &sizes[i]);
        assert_false(file_exists(work.scratch));
        work_clear(&work);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    free(text);
}

static void deterministic_is_the_same_at_any_thread_count(void **state) {
    (void)state;
    size_t length, sizes[2];
    char *text = zipf_text(60000, 3000, &length), *bytes[2];
    for (int i = 0; i < 2; i++) {
        struct work work;
        struct error err;
        work_init(&work, text, length);
        work.settings.deterministic = true, work.settings.threads = 1 + 2 * i;
        if (work_train(&work, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        bytes[i] = read_model(&work, &sizes[i]);
        work_clear(&work);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    free(text);
}

/* Two threads with each kernel this machine runs: under ThreadSanitizer, that none reads or writes
 * rows but by the functions that may race. */
static void every_kernel_trains(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(20000, 500, &length);
    for (const struct kernel *const *kernel = kernel_list(); *kernel; kernel++) {
        bool runs = (*kernel)->runs();
        if (!runs)
            print_message("this machine cannot run kernel %s\n", (*kernel)->name);
        for (int architecture = 0; runs && architecture < 2; architecture++) {
            struct work work;
            struct error err;
            work_init(&work, text, length);
            work.options.kernel = *kernel, work.settings.threads = 2,
            work.settings.architecture = architecture;
            work.settings.private_rows = 8, work.settings.epochs = 1;
            if (work_train(&work, &err) != STATUS_OK)
                fail_msg("kernel %s, architecture %d: %s", (*kernel)->name, architecture, err.text);
            assert_true(work.loss > 0);
            work_clear(&work);
        }
    }
    free(text);
}

/* Bound threads learn the same, and are given their CPUs back. */
static void pinned_threads_learn(void **state) {
    (void)state;
    struct machine_cpus *before, *after;
    struct error err = {0};
    size_t length;
    char *text = zipf_text(60000, 3000, &length);
    struct work work;
    work_init(&work, text, length);
    work.settings.pin_threads = true, work.settings.threads = 3;
    assert_int_equal(machine_cpus_create(&before, &err), STATUS_OK);
    if (work_train(&work, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(machine_cpus_create(&after, &err), STATUS_OK);
    assert_int_equal(machine_cpus_count(before), machine_cpus_count(after));
    machine_cpus_free(before);
    machine_cpus_free(after);
    work_clear(&work);
    free(text);
}

static void assert_same_rows(const struct model *a, const struct model *b) {
    assert_int_equal(a->input->rows, b->input->rows);
    for (uint32_t id = 0; id < a->input->rows; id++) {
        assert_memory_equal(table_row(a->input, id), table_row(b->input, id),
                            a->input->stride * sizeof(float));
        assert_memory_equal(table_row(a->output, id), table_row(b->output, id),
                            a->output->stride * sizeof(float));
    }
}

static void shards_do_not_change_a_bit(void **state) {
    (void)state;
    static const struct {
        int64_t shards;
        int partition;
    } cases[] = {{1, PARTITION_BY_MOD},
                 {4, PARTITION_BY_MOD},
                 {3, PARTITION_BY_DIV},
                 {64, PARTITION_BY_DIV}};
    size_t length;
    char *text = zipf_text(40000, 2000, &length);
    struct model *first = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct work work;
        work_init(&work, text, length);
        work.settings.shards = cases[i].shards, work.settings.partition = cases[i].partition;
        struct model *model = work_model(&work);
        assert_int_equal(model->input->shards, cases[i].shards);
        if (first) {
            assert_same_rows(first, model);
            model_drop(model);
        } else {
            first = model;
        }
        work_clear(&work);
    }
    model_drop(first);
    free(text);
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
        bytes[i] = read_model(&work, &sizes[i]);
        work_clear(&work);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    free(text);
}

/* How much closer words that stand together came than words that do not. */
static double neighbour_contrast(const struct model *model) {
    double sum = 0;
    char near[2][16], far[16];
    for (uint32_t i = 10; i < 60; i++) {
        uint32_t ids[3];
        snprintf(near[0], sizeof near[0], "w%u", i);
        snprintf(near[1], sizeof near[1], "w%u", i + 1);
        snprintf(far, sizeof far, "w%u", i + 20);
        const char *words[3] = {near[0], near[1], far};
        for (int j = 0; j < 3; j++)
            assert_int_not_equal(
                ids[j] = vocabulary_find(model->vocabulary, words[j], strlen(words[j])), WORD_NONE);
        sum += search_similarity(model, ids[0], ids[1]) - search_similarity(model, ids[0], ids[2]);
    }
    return sum / 50;
}

static void every_combination_learns(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(60000, 400, &length);
    for (int variant = 0; variant < 2 * 3 * 3 * 2; variant++) {
        struct work work;
        work_init(&work, text, length);
        work.settings.architecture = variant % 2;
        work.settings.objective = variant / 2 % 3;
        work.settings.sampler = variant / 6 % 3;
        work.settings.exact_negatives =
            variant / 18 && work.settings.objective != OBJECTIVE_SAMPLED_SOFTMAX;
        work.settings.unique = variant / 18 && !work.settings.exact_negatives;
        work.settings.negative = 8, work.settings.epochs = 6, work.settings.learning_rate = 0.1;
        struct model *model = work_model(&work);
        double contrast = neighbour_contrast(model);
        if (!(contrast > 0.05) || !isfinite(work.loss))
            fail_msg("variant %d: neighbours are only %g closer than others, loss %g", variant,
                     contrast, work.loss);
        model_drop(model);
        work_clear(&work);
    }
    free(text);
}

/* ---- hostile corpora ------------------------------------------------------------------------- */

static char *hostile_text(int kind, size_t *length) {
    struct buffer text = {0};
    struct random random;
    random_init(&random, (uint64_t)kind, 1);
    for (uint32_t i = 0; i < 12000; i++)
        switch (kind) {
        case 0:
            buffer_append_text(&text, i % 20 == 19 ? "if\n" : "if ");
            break;
        case 1:
            buffer_append_text(&text, i % 2 ? "a " : "b ");
            break;
        case 2:
            buffer_print(&text, "w%u ", (uint32_t)random_below(&random, 10));
            break;
        case 3:
            buffer_append_text(&text, i % 8 ? "the same line again " : "and once more\n");
            break;
        case 4:
            buffer_print(&text, "w%u ", i / 40);
            break;
        default: /* template residue: runs of one word inside ordinary text */
            if (i % 500 < 40)
                buffer_append_text(&text, "if ");
            else
                buffer_print(&text, "w%u%c", (uint32_t)exp(random_unit(&random) * 7),
                             i % 15 ? ' ' : '\n');
        }
    *length = text.length;
    return buffer_take(&text);
}

static void hostile_case(int kind, int64_t negative, double rate, int64_t threads, int architecture,
                         int objective, int64_t shared) {
    size_t length;
    char *text = hostile_text(kind, &length);
    struct work work;
    struct error err = {0};
    struct model *model = NULL;
    work_init(&work, text, length);
    work.settings.negative = negative, work.settings.learning_rate = rate,
    work.settings.threads = threads;
    work.settings.architecture = architecture, work.settings.objective = objective,
    work.settings.sample = 0;
    work.settings.shared_blocks = shared;
    if (work_train(&work, &err) != STATUS_OK ||
        model_load(&model, work.output, work.options.kernel, &err) != STATUS_OK)
        fail_msg(
            "kind %d negative %d rate %g threads %d architecture %d objective %d shared %d: %s",
            kind, (int)negative, rate, (int)threads, architecture, objective, (int)shared,
            err.text);
    for (uint32_t id = 0; id < model->input->rows; id++)
        if (!(model->norms[id] < 60))
            fail_msg("kind %d negative %d rate %g threads %d architecture %d objective %d shared "
                     "%d: norm %g",
                     kind, (int)negative, rate, (int)threads, architecture, objective, (int)shared,
                     (double)model->norms[id]);
    model_drop(model);
    work_clear(&work);
    free(text);
}

static void hostile_corpora_stay_finite(void **state) {
    (void)state;
    static const int64_t negatives[] = {16, 64, 256};
    static const double rates[] = {0.025, 0.1};
    static const int64_t shared[] = {4, 64}; /* the default, and the most */
    for (int kind = 0; kind < 6; kind++)
        for (int n = 0; n < 3; n++)
            for (int r = 0; r < 2; r++)
                for (int architecture = 0; architecture < 2; architecture++)
                    for (int objective = 0; objective < 3; objective++)
                        for (int s = 0; s < (n == 1 && r == 1 ? 2 : 1); s++)
                            hostile_case(kind, negatives[n], rates[r], 1 + (kind + n + r) % 2,
                                         architecture, objective, shared[s]);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void divergence_is_named(void **state) {
    (void)state;
    size_t length;
    char *text = hostile_text(0, &length);
    struct work work;
    struct error err;
    work_init(&work, text, length);
    work.settings.guard = false, work.settings.learning_rate = 50, work.settings.negative = 64,
    work.settings.epochs = 20;
    work.settings.init = INIT_TENSORFLOW, work.settings.bias = BIAS_LEARNED,
    work.settings.sample = 0;
    assert_int_equal(work_train(&work, &err), STATUS_DIVERGED);
    assert_non_null(strstr(err.text, "diverged"));
    assert_non_null(strstr(err.text, "learning rate"));
    assert_non_null(strstr(err.text, "'if'"));
    assert_false(file_exists(work.output));
    work_clear(&work);
    free(text);
}

/* Text that trains without a guard, then lines that diverge: checkpoints are written before they
 * do. */
static char *late_hostile_text(size_t *length) {
    size_t first, second;
    char *calm = zipf_text(150000, 3000, &first), *wild = hostile_text(0, &second);
    char *text = malloc(first + 1 + second);
    assert_non_null(text);
    memcpy(text, calm, first);
    text[first] = '\n';
    memcpy(text + first + 1, wild, second);
    *length = first + 1 + second;
    free(calm);
    free(wild);
    return text;
}

/* From a checkpoint, or from the start when that one was past hope already, every training gets to
 * its end. */
static void rollback_goes_to_the_checkpoint(void **state) {
    (void)state;
    size_t length;
    char *text = late_hostile_text(&length);
    for (int threads = 1; threads <= 2; threads++)
        for (int architecture = 0; architecture < 2; architecture++) {
            struct work work;
            struct error err;
            work_init(&work, text, length);
            work.settings.guard = false, work.settings.learning_rate = .8,
            work.settings.negative = 64;
            work.settings.schedule = SCHEDULE_CONSTANT, work.settings.sample = 0;
            work.settings.on_nonfinite = NONFINITE_ROLLBACK,
            work.settings.checkpoint_interval = 1e-3;
            work.settings.threads = threads, work.settings.architecture = architecture;
            if (work_train(&work, &err) != STATUS_OK)
                fail_msg("%d threads, architecture %d: %s", threads, architecture, err.text);
            assert_true(work.to_checkpoint);
            work_clear(&work);
        }
    free(text);
}

static void rollback_halves_the_rate(void **state) {
    (void)state;
    size_t length;
    char *text = hostile_text(0, &length);
    struct work work;
    struct error err;
    work_init(&work, text, length);
    work.settings.guard = false, work.settings.learning_rate = 50, work.settings.negative = 64,
    work.settings.sample = 0;
    work.settings.init = INIT_TENSORFLOW, work.settings.bias = BIAS_LEARNED,
    work.settings.on_nonfinite = NONFINITE_ROLLBACK;
    work.settings.epochs = 4;
    if (work_train(&work, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    work_clear(&work);
    free(text);
}

static void refusals_name_the_bound(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(30000, 3000, &length);
    struct work work;
    struct error err;
    work_init(&work, text, length);
    work.settings.max_memory = 1 << 20, work.settings.dim = 4096;
    enum status status = work_train(&work, &err);
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_non_null(strstr(err.text, "largest dim"));
    work_clear(&work);
    work_init(&work, " \n\n ", 4);
    assert_int_equal(work_train(&work, &err), STATUS_REFUSED);
    assert_non_null(strstr(err.text, "empty"));
    work_clear(&work);
    work_init(&work, "a b c d", 7);
    work.settings.min_count = 5;
    assert_int_equal(work_train(&work, &err), STATUS_REFUSED);
    assert_non_null(strstr(err.text, "min_count"));
    work_clear(&work);
    free(text);
}

static void cancel_leaves_no_model(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(30000, 3000, &length);
    struct work work;
    struct error err;
    work_init(&work, text, length);
    atomic_store(&work.request, REQUEST_CANCEL);
    assert_int_equal(work_train(&work, &err), STATUS_CANCELLED);
    assert_false(file_exists(work.output));
    work_clear(&work);
    free(text);
}

static void one_word_is_a_model(void **state) {
    (void)state;
    struct work work;
    work_init(&work, "word", 4);
    struct model *model = work_model(&work);
    assert_int_equal(vocabulary_size(model->vocabulary), 1);
    assert_true(work.few_words);
    model_drop(model);
    work_clear(&work);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_word_is_a_model),
        cmocka_unit_test(one_thread_repeats_byte_for_byte),
        cmocka_unit_test(deterministic_is_the_same_at_any_thread_count),
        cmocka_unit_test(every_kernel_trains),
        cmocka_unit_test(pinned_threads_learn),
        cmocka_unit_test(shards_do_not_change_a_bit),
        cmocka_unit_test(a_stop_does_not_change_a_bit),
        cmocka_unit_test(every_combination_learns),
        cmocka_unit_test(hostile_corpora_stay_finite),
        cmocka_unit_test(divergence_is_named),
        cmocka_unit_test(rollback_halves_the_rate),
        cmocka_unit_test(rollback_goes_to_the_checkpoint),
        cmocka_unit_test(refusals_name_the_bound),
        cmocka_unit_test(cancel_leaves_no_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
