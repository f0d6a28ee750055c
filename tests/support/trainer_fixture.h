/* A trainer over a small corpus, for tests of the trainer's own parts. Does not move: the trainer
 * points into it. */
#ifndef VECMILL_TESTS_TRAINER_FIXTURE_H
#define VECMILL_TESTS_TRAINER_FIXTURE_H

#include "kernel/kernel.h"
#include "tests/support/corpus_fixture.h"
#include "train/decide.h"
#include "train/trainer.h"
#include "train/worker.h"

struct trainer_fixture {
    struct train_options options;
    struct decision decision;
    struct corpus *corpus;
    struct trainer trainer;
    struct worker *worker;     /* trainer's first */
    struct kernel_train train; /* its functions may be replaced before worker_train */
    struct kernel kernel;
};

/* With the fixture's settings, over the fixture's text; `holdout` holds sentences out. */
static inline void trainer_fixture_open(struct trainer_fixture *made, struct fixture *fixture) {
    struct error err = {0};
    memset(made, 0, sizeof *made);
    made->kernel = *kernel_choose("auto"), made->train = *made->kernel.train;
    made->kernel.train = &made->train;
    made->decision = (struct decision){.asked = &fixture->settings, .factor = 1};
    decide_begin(&made->decision);
    made->options = (struct train_options){.settings = &made->decision.chosen,
                                           .work = fixture->work,
                                           .kernel = &made->kernel,
                                           .request = &fixture->request};
    double share = fixture->settings.holdout;
    if (fixture_read(fixture, 1, &made->corpus, &err) != STATUS_OK ||
        decide_rest(&made->decision, &made->corpus->report, made->corpus->report.kept_words,
                    made->corpus->vocabulary, &err) != STATUS_OK ||
        (share > 0 &&
         corpus_hold_out(made->corpus, share, 1, 1000, fixture->work, &err) != STATUS_OK) ||
        trainer_init(&made->trainer, &made->options, made->corpus, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    made->worker = made->trainer.workers;
}

static inline void trainer_fixture_close(struct trainer_fixture *made) {
    trainer_clear(&made->trainer);
    corpus_free(made->corpus);
}

/* w0 the most frequent, and so on; one sentence. */
static inline void write_words(struct fixture *fixture, uint32_t words) {
    struct buffer text = {0};
    for (uint32_t id = 0; id < words; id++)
        for (uint32_t i = 0; i < 2000 / (id + 2) + 1; i++)
            buffer_print(&text, "w%u ", id);
    fixture_write(fixture, text.data, text.length);
    buffer_clear(&text);
}

static inline void write_text(struct fixture *fixture, const char *text) {
    fixture_write(fixture, text, strlen(text));
}

#endif
