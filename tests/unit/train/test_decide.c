/* What was chosen for a training is kept in its work folder, for this text and these settings; and
 * a min_count that is auto is settled while the corpus is read. */
#include "tests/support/train_fixture.h"
#include "tests/support/vocabulary_made.h"
#include "train/decide.h"

struct scene {
    struct work work;
    struct vocabulary *vocabulary;
    struct corpus_report report;
};

static void scene_open(struct scene *scene) {
    struct error err = {0};
    memset(scene, 0, sizeof *scene);
    work_init(&scene->work, "a b\n", 4);
    settings_init(&scene->work.settings);
    scene->work.settings.text_rare_from = 1; /* items are told by their evenness alone */
    assert_int_equal(folder_create(scene->work.scratch, &err), STATUS_OK);
    scene->vocabulary = vocabulary_zipf(2000, 1e4);
    scene->report = (struct corpus_report){.bytes = 1000000,
                                           .lines = 9000,
                                           .sentences = 9000,
                                           .words = 170000,
                                           .kept_words = 165000,
                                           .vocabulary = 2000,
                                           .evenness = 0.65};
}

static void scene_close(struct scene *scene) {
    vocabulary_free(scene->vocabulary);
    work_clear(&scene->work);
}

/* A spectrum of which min_count is chosen: 1,200 words of each count up to 6. */
static struct corpus_spectrum spectrum_of(const struct corpus_report *report) {
    struct corpus_spectrum spectrum = {.report = *report};
    for (int n = 1; n <= 6; n++)
        spectrum.words[n] = 1200;
    return spectrum;
}

static struct decision decide(struct scene *scene, const struct corpus_report *report,
                              bool resume) {
    struct error err = {0};
    struct decision decision = {
        .asked = &scene->work.settings, .factor = 1, .work = scene->work.scratch, .resume = resume};
    struct corpus_report told = *report;
    struct corpus_spectrum spectrum = spectrum_of(report);
    decide_begin(&decision);
    if (scene->work.settings.min_count == SETTING_AUTO_INT)
        assert_in_range(decide_min_count(&decision, &spectrum), 1, 5);
    if (decide_rest(&decision, &told, (double)told.kept_words, scene->vocabulary, &err) !=
        STATUS_OK)
        fail_msg("%s", err.text);
    assert_memory_equal(&told.choices, &decision.choices, sizeof told.choices);
    return decision;
}

/* What is found the second time differs, as where memory was short and rare words were forgotten:
 * the first choice stays where the training goes on, and only there. */
static void what_was_chosen_stays(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    struct decision first = decide(&scene, &scene.report, true);
    assert_int_equal(first.chosen.epochs, 50);
    assert_int_equal(first.chosen.window, 5);
    assert_int_equal(first.choices.n, 5);
    struct corpus_report other = scene.report;
    other.evenness = 0.95, other.kept_words = 17000000;
    struct decision again = decide(&scene, &other, true);
    assert_memory_equal(&again.chosen, &first.chosen, sizeof first.chosen);
    assert_memory_equal(&again.choices, &first.choices, sizeof first.choices);
    struct decision anew = decide(&scene, &other, false);
    assert_int_equal(anew.chosen.epochs, 5);
    assert_int_equal(anew.chosen.window, 15);
    assert_int_equal(anew.chosen.min_count, first.chosen.min_count); /* not by the evenness */
    again = decide(&scene, &scene.report, true); /* and that is what is kept now */
    assert_int_equal(again.chosen.window, 15);
    scene_close(&scene);
}

/* Another text, another setting of what is chosen by, a value that is set: chosen anew. What makes
 * no difference to what is learned changes nothing. */
static void it_is_of_this_training(void **state) {
    (void)state;
    for (int i = 0; i < 7; i++) {
        struct scene scene;
        scene_open(&scene);
        decide(&scene, &scene.report, true);
        struct corpus_report other = scene.report;
        other.evenness = 0.95;
        struct settings *settings = &scene.work.settings;
        if (i == 0)
            other.bytes++;
        else if (i == 1)
            other.words++;
        else if (i == 2)
            other.lines--;
        else if (i == 3)
            settings->epochs_most = 49;
        else if (i == 4)
            settings->epochs = 3;
        else if (i == 5)
            settings->threads = 3, settings->checkpoint_interval = 7;
        struct decision again = decide(&scene, &other, true);
        assert_int_equal(again.chosen.window, i < 5 ? 15 : 5);
        assert_int_equal(again.chosen.epochs, i == 4 ? 3 : i == 3 ? 49 : 50);
        assert_int_equal(again.choices.n, i == 4 ? 4 : 5);
        scene_close(&scene);
    }
}

/* A file that was damaged is none. */
static void damage_is_seen(void **state) {
    (void)state;
    struct scene scene;
    struct error err = {0};
    char path[256], *bytes = NULL;
    size_t length = 0;
    scene_open(&scene);
    decide(&scene, &scene.report, true);
    struct corpus_report other = scene.report;
    other.evenness = 0.95;
    snprintf(path, sizeof path, "%s/chosen", scene.work.scratch);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &length, &err), STATUS_OK);
    for (size_t at = 0; at < length; at += 97) {
        bytes[at] ^= 0x10;
        assert_int_equal(file_replace(path, bytes, length, &err), STATUS_OK);
        bytes[at] ^= 0x10;
        assert_int_equal(decide(&scene, &other, true).chosen.window, 15);
    }
    assert_int_equal(file_replace(path, bytes, length - 1, &err), STATUS_OK);
    assert_int_equal(decide(&scene, &other, true).chosen.window, 15);
    assert_int_equal(file_replace(path, bytes, length, &err), STATUS_OK);
    assert_int_equal(decide(&scene, &other, true).chosen.window, 5);
    free(bytes);
    scene_close(&scene);
}

/* Where all is set, nothing is chosen and nothing is written. */
static void nothing_to_choose(void **state) {
    (void)state;
    struct scene scene;
    char path[256];
    scene_open(&scene);
    struct settings *settings = &scene.work.settings;
    settings->min_count = 2, settings->sample = 0, settings->epochs = 3, settings->window = 4;
    settings->dynamic_window = true;
    struct decision decision = decide(&scene, &scene.report, true);
    assert_memory_equal(&decision.chosen, settings, sizeof *settings);
    assert_int_equal(decision.choices.n, 0);
    snprintf(path, sizeof path, "%s/chosen", scene.work.scratch);
    assert_false(file_exists(path));
    scene_close(&scene);
}

/* Of a sample, a word of the chosen count has that many times less. */
static void a_sample_is_cut_lower(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene);
    struct corpus_spectrum spectrum = spectrum_of(&scene.report);
    for (double factor = 1; factor < 20; factor += 0.5) {
        struct decision decision = {.asked = &scene.work.settings, .factor = factor};
        decide_begin(&decision);
        uint64_t cut = decide_min_count(&decision, &spectrum);
        double whole = (double)decision.chosen.min_count;
        assert_true(decision.facts.words == factor * 170000);
        assert_true((double)cut >= whole / factor && (double)cut < whole / factor + 1);
    }
    scene_close(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_chosen_stays), cmocka_unit_test(it_is_of_this_training),
        cmocka_unit_test(damage_is_seen),        cmocka_unit_test(nothing_to_choose),
        cmocka_unit_test(a_sample_is_cut_lower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
