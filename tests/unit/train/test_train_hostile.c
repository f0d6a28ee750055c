/* Corpora that repeat words until the steps of one block add up to more than a row can bear: update
 * clipping keeps every row finite and of a sane length. */
#include "tests/support/corpus_fixture.h"
#include "tests/support/sanitizer.h"
#include "tests/support/train_fixture.h"
#include "train/initial_rows.h"
#include "train/trainer.h"

/* With update clipping off, or any of its three bounds far too wide, 4,000 words blow up in as many
 * cases as 12,000 do. */
/* With two threads a worker that loses its processor writes steps from rows that are old by a whole
 * time slice: rows grow further before clipping catches up, as a busy machine shows now and then.
 * What diverges passes MAX_NORM_SHARED within a few blocks, too. */
enum { WORDS = 4000, MAX_NORM = 60, MAX_NORM_SHARED = 1000 };

struct variant {
    int kind; /* of the text */
    int architecture, objective;
    int64_t negative, shared_blocks, threads;
    double rate;
};

static void describe(const struct variant *variant, char text[256]) {
    snprintf(text, 256,
             "kind %d architecture %d objective %d negative %d shared %d threads %d rate %g",
             variant->kind, variant->architecture, variant->objective, (int)variant->negative,
             (int)variant->shared_blocks, (int)variant->threads, variant->rate);
}

static void set_settings(struct settings *settings, const struct variant *variant) {
    settings_init(settings);
    settings->dim = 20, settings->epochs = 2, settings->min_count = 1, settings->sample = 0;
    settings->architecture = variant->architecture, settings->objective = variant->objective;
    settings->negative = variant->negative, settings->shared_blocks = variant->shared_blocks;
    settings->threads = variant->threads, settings->learning_rate = variant->rate;
    settings->window = 5;
}

static double row_norm(const struct table *table, uint32_t id) {
    const float *row = table_row(table, id);
    double sum = 0;
    for (uint32_t j = 0; j < table->columns; j++)
        sum += (double)row[j] * (double)row[j];
    return sqrt(sum);
}

/* Trains over a corpus that was read already: nothing of it is changed. */
static void train_variant(struct fixture *fixture, struct corpus *corpus,
                          const struct variant *variant) {
    struct error err = {0};
    struct trainer trainer;
    char text[256];
    describe(variant, text);
    set_settings(&fixture->settings, variant);
    struct train_options options = {
        .settings = &fixture->settings, .work = fixture->work, .kernel = kernel_choose("auto")};
    enum status status = trainer_init(&trainer, &options, corpus, &err);
    if (status == STATUS_OK) {
        initial_rows_write(&trainer);
        status = trainer_run(&trainer, &err);
    }
    if (status != STATUS_OK)
        fail_msg("%s: %s", text, err.text);
    double bound = variant->threads > 1 ? MAX_NORM_SHARED : MAX_NORM;
    for (uint32_t id = 0; id < trainer.rows; id++)
        if (!(row_norm(trainer.input, id) < bound))
            fail_msg("%s: norm %g", text, row_norm(trainer.input, id));
    trainer_clear(&trainer);
}

static void train_variants(struct fixture *fixture, struct corpus *corpus, int kind) {
    static const int64_t negatives[] = {16, 64, 256};
    static const double rates[] = {0.025, 0.1};
    static const int64_t shared[] = {4, 64}; /* the default, and the most */
    for (int n = 0; n < 3; n++)
        for (int r = 0; r < 2; r++)
            for (int architecture = 0; architecture < 2; architecture++)
                for (int objective = 0; objective < 3; objective++)
                    for (int s = 0; s < (n == 1 && r == 1 ? 2 : 1); s++) {
                        struct variant variant = {.kind = kind,
                                                  .architecture = architecture,
                                                  .objective = objective,
                                                  .negative = negatives[n],
                                                  .shared_blocks = shared[s],
                                                  .threads = 1 + (kind + n + r) % 2,
                                                  .rate = rates[r]};
                        if (races_only && (variant.threads < 2 || (r == 1 && s == 0)))
                            continue;
                        train_variant(fixture, corpus, &variant);
                    }
}

static void hostile_corpora_stay_finite(void **state) {
    struct fixture *fixture = *state;
    for (int kind = 0; kind < HOSTILE_KINDS; kind++) {
        struct error err = {0};
        struct corpus *corpus = NULL;
        size_t length;
        char *text = hostile_text(kind, WORDS, &length);
        fixture_write(fixture, text, length);
        fixture->settings.min_count = 1;
        if (fixture_read(fixture, 1, &corpus, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        train_variants(fixture, corpus, kind);
        corpus_free(corpus);
        free(text);
    }
}

/* The whole path, from the text to a model that is read back. */
static void hostile_corpora_become_models(void **state) {
    (void)state;
    for (int kind = 0; kind < HOSTILE_KINDS; kind++)
        for (int objective = 0; objective < 3; objective++) {
            if (races_only && kind % 2 == 0)
                continue; /* one thread */
            size_t length;
            char *text = hostile_text(kind, WORDS, &length);
            struct work work;
            work_init(&work, text, length);
            work.settings.sample = 0, work.settings.objective = objective;
            work.settings.threads = 1 + kind % 2, work.settings.architecture = kind / 2 % 2;
            struct model *model = work_model(&work);
            double bound = work.settings.threads > 1 ? MAX_NORM_SHARED : MAX_NORM;
            for (uint32_t id = 0; id < model->input->rows; id++)
                if (!(model->norms[id] < bound))
                    fail_msg("kind %d objective %d: norm %g", kind, objective,
                             (double)model->norms[id]);
            model_drop(model);
            work_clear(&work);
            free(text);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hostile_corpora_stay_finite, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(hostile_corpora_become_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
