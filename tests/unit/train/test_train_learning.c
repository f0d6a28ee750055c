/* Every architecture, objective and sampler learns what the text holds. */
#include "tests/support/train_fixture.h"

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
    char *text = zipf_text(20000, 150, &length);
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
        if (work.settings.architecture == ARCHITECTURE_CBOW) /* its input rows take twice that */
            work.settings.learning_rate /= work.settings.cbow_input_rate;
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_learns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
