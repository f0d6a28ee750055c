/* Values that are not finite: named, or gone back from. */
#include "tests/support/sanitizer.h"
#include "tests/support/train_fixture.h"

static void divergence_is_named(void **state) {
    (void)state;
    size_t length;
    char *text = hostile_text(0, 12000, &length);
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

/* Text that trains without update clipping, then lines that diverge: checkpoints are written before
 * they do. */
static char *late_hostile_text(size_t *length) {
    size_t first, second;
    char *calm = zipf_text(40000, 1000, &first), *wild = hostile_text(0, 12000, &second);
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
    for (int threads = races_only ? 2 : 1; threads <= 2; threads++)
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
    char *text = hostile_text(0, 12000, &length);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divergence_is_named),
        cmocka_unit_test(rollback_halves_the_rate),
        cmocka_unit_test(rollback_goes_to_the_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
