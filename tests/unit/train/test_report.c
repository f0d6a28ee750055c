/* Reports of progress: each epoch is told, also when several have passed since the last look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/report.h"
#include "train/trainer_state.h"

#define MAX_SEEN 8

struct seen {
    uint64_t epochs[MAX_SEEN];
    size_t n, others;
};

static void note_report(void *context, const struct train_progress *progress) {
    struct seen *seen = context;
    if (!progress->epoch_ended)
        seen->others++;
    else if (seen->n < MAX_SEEN)
        seen->epochs[seen->n++] = progress->epoch;
}

/* A busy machine: the worker that reports got no time while the others passed two epochs. */
static void every_epoch_is_told(void **state) {
    struct settings settings;
    struct seen seen = {0};
    struct corpus corpus = {.words = 100};
    struct train_options options = {.on_progress = note_report, .context = &seen};
    struct trainer trainer = {0};
    (void)state;
    settings_init(&settings);
    settings.epochs = 5;
    options.settings = &settings;
    trainer.options = &options, trainer.settings = &settings, trainer.corpus = &corpus;
    trainer.words_total = 500;
    trainer.rate_scale = 1;
    atomic_store(&trainer.words_done, 50);
    trainer_report_if_due(&trainer);
    assert_int_equal(seen.n, 0);
    atomic_store(&trainer.words_done, 320);
    trainer_report_if_due(&trainer);
    assert_int_equal(seen.n, 3);
    atomic_store(&trainer.words_done, 400);
    trainer_report_if_due(&trainer);
    atomic_store(&trainer.words_done, 500);
    trainer_report_if_due(&trainer);
    assert_int_equal(seen.n, 5);
    for (size_t i = 0; i < seen.n; i++)
        assert_int_equal(seen.epochs[i], i + 1);
}

static double last_loss;

static void note_loss(void *context, const struct train_progress *progress) {
    (void)context;
    last_loss = progress->loss;
}

/* Reports of ten blocks each, whose means are 2 and 4 in turn: a mean over loss_blocks of them
 * stays where it is, and follows when all of them change. */
static void few_blocks_make_no_swing(void **state) {
    struct settings settings;
    struct corpus corpus = {.words = 1000000};
    struct train_options options = {.on_progress = note_loss};
    struct trainer trainer = {0};
    (void)state;
    settings_init(&settings);
    settings.loss_blocks = 100;
    options.settings = &settings;
    trainer.options = &options, trainer.settings = &settings, trainer.corpus = &corpus;
    trainer.words_total = 1000000, trainer.rate_scale = 1;
    for (int i = 0; i < 120; i++) {
        struct tally tally = {0};
        double mean = i < 60 ? 2 + 2 * (i % 2) : 10;
        for (int block = 0; block < 10; block++)
            tally_block(&tally, &(struct kernel_loss){.sum = mean * 100, .positives = 100});
        trainer_add_tally(&trainer, &tally);
        trainer.last_report = -1e6; /* long ago */
        trainer_report_if_due(&trainer);
        if (i >= 10 && i < 60) /* the newest has a tenth of the weight */
            assert_true(last_loss > 2.85 && last_loss < 3.15);
    }
    assert_true(last_loss > 9.9);
    assert_true(trainer.tallies.window.blocks > 99.9 && trainer.tallies.window.blocks < 100.1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_epoch_is_told),
        cmocka_unit_test(few_blocks_make_no_swing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
