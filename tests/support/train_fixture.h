/* Training as a user has it: a folder with a corpus, settings for a short training, train_run, and
 * what was reported meanwhile. For the tests of train/. */
#ifndef VECMILL_TESTS_TRAIN_FIXTURE_H
#define VECMILL_TESTS_TRAIN_FIXTURE_H

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
#include "base/random.h"
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
    bool resumed;       /* that it went on from one */
    bool little_kept;   /* that subsampling leaves little */
    bool few_pairs;     /* that few words had one beside them */
    double loss;        /* of the last epoch that ended */
};

static inline void work_on_progress(void *context, const struct train_progress *progress) {
    struct work *work = context;
    work->reports++;
    work->few_words |= strstr(progress->note, "are few for") != NULL;
    work->to_checkpoint |= strstr(progress->note, "went back to the last checkpoint") != NULL;
    work->resumed |= strstr(progress->note, "resumed from a checkpoint") != NULL;
    work->little_kept |= strstr(progress->note, "keeps only") != NULL;
    work->few_pairs |= strstr(progress->note, "most vectors are as they began") != NULL;
    if (progress->epoch_ended)
        work->loss = progress->loss;
    if (work->stop_at && progress->phase == PHASE_TRAINING && progress->words >= work->stop_at)
        atomic_store(&work->request, REQUEST_STOP);
}

static inline void work_init(struct work *work, const char *text, size_t length) {
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
    work->settings.min_count = 1, work->settings.window = 5;
    work->settings.dynamic_window = true, work->settings.learning_rate = 0.05;
    work->settings.progress_interval = 0.01, work->settings.sample = 1e-3;
    work->options = (struct train_options){.settings = &work->settings,
                                           .corpus = work->corpus,
                                           .work = work->scratch,
                                           .output = work->output,
                                           .name = "test",
                                           .kernel = kernel_choose("auto"),
                                           .request = &work->request,
                                           .on_progress = work_on_progress,
                                           .context = work};
}

static inline void work_clear(struct work *work) {
    struct error err = {0};
    assert_int_equal(path_remove(work->folder, &err), STATUS_OK);
}

static inline enum status work_train(struct work *work, struct error *err) {
    struct train_result result;
    memset(err, 0, sizeof *err);
    return train_run(&work->options, &result, err);
}

/* The trained model; the caller drops it. */
static inline struct model *work_model(struct work *work) {
    struct error err = {0};
    struct model *model = NULL;
    if (work_train(work, &err) != STATUS_OK ||
        model_load(&model, work->output, work->options.kernel, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return model;
}

/* The bytes of the trained model's file; the caller frees them. */
static inline char *work_bytes(const struct work *work, size_t *length) {
    struct error err = {0};
    char path[256], *bytes = NULL;
    snprintf(path, sizeof path, "%s/%s", work->output, MODEL_FILE);
    if (file_read(path, (size_t)1 << 30, &bytes, length, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return bytes;
}

/* Words with Zipf's counts and some structure: neighbours in the list like to stand together. */
static inline char *zipf_text(size_t words, uint32_t vocabulary, size_t *length) {
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

#define HOSTILE_KINDS 6

/* Texts that repeat words until steps add up to more than a row can bear. */
static inline char *hostile_text(int kind, uint32_t words, size_t *length) {
    struct buffer text = {0};
    struct random random;
    random_init(&random, (uint64_t)kind, 1);
    for (uint32_t i = 0; i < words; i++)
        switch (kind) {
        case 0:
            buffer_append_text(&text, i % 20 == 19 ? "if\n" : i > 0 ? "if " : "else ");
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

#endif
