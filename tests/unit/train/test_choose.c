/* What the rules of `auto` come to: by the formulas worked out again here, smooth and within their
 * bounds, and never where a value is set. */
#include "tests/support/train_fixture.h"
#include "tests/support/vocabulary_made.h"
#include "train/choose.h"
#include "train/subsampling.h"

static struct settings fresh(void) {
    struct settings settings;
    settings_init(&settings);
    return settings;
}

/* A text of so many words, all of them kept. */
static struct corpus_facts facts_of(double words, double evenness,
                                    const struct vocabulary *counts) {
    return (struct corpus_facts){
        .words = words, .cut = true, .kept_words = words, .evenness = evenness, .counts = counts};
}

/* ---- facts ----------------------------------------------------------------------------------- */

static int falls(const void *a, const void *b) {
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? 1 : one > other ? -1 : 0;
}

/* As corpus/ makes it of these counts, which fall. */
static struct corpus_spectrum spectrum_of(const uint64_t *counts, uint32_t size) {
    struct corpus_spectrum spectrum = {0};
    for (uint32_t i = 0; i < size; i++) {
        double logs = (double)counts[i] * log2((double)counts[i]) * CORPUS_LOG_UNIT;
        spectrum.report.words += counts[i];
        spectrum.words[counts[i] < CORPUS_SPECTRUM ? counts[i] : 0]++;
        spectrum.log_counts += counts[i] < CORPUS_SPECTRUM ? 0 : (uint64_t)llround(logs);
    }
    return spectrum;
}

/* By the definition, over the counts of 5 and more, or all where those are few. */
static double evenness_by_hand(const uint64_t *counts, uint32_t size) {
    uint32_t n = 0;
    double sum = 0, entropy = 0;
    for (uint32_t i = 0; i < size; i++)
        n += counts[i] >= 5;
    n = n < 100 ? size : n; /* they fall */
    for (uint32_t i = 0; i < n; i++)
        sum += (double)counts[i];
    for (uint32_t i = 0; i < n; i++)
        entropy -= (double)counts[i] / sum * log((double)counts[i] / sum);
    return entropy / log(n);
}

/* Counted by hand over random counts. */
static void facts_are_those_of_the_counts(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 11, 0);
    for (int trial = 0; trial < 40; trial++) {
        struct corpus_facts facts;
        uint64_t counts[600], words = 0;
        uint32_t size = 2 + (uint32_t)random_below(&random, 598);
        for (uint32_t i = 0; i < size; i++) {
            counts[i] = 1 + (uint64_t)exp(random_unit(&random) * (trial % 13));
            words += counts[i];
        }
        qsort(counts, size, sizeof *counts, falls);
        struct corpus_spectrum spectrum = spectrum_of(counts, size);
        double wanted = evenness_by_hand(counts, size);
        spectrum.report.evenness = corpus_evenness(&spectrum);
        assert_true(fabs(spectrum.report.evenness - wanted) < 1e-6);
        facts_count(&facts, &spectrum, 1);
        assert_true(facts.words == (double)words && !facts.cut);
        assert_true(facts.evenness == spectrum.report.evenness);
        for (uint64_t n = 1; n <= FACTS_COUNTS + 1; n++) {
            uint64_t dropped = 0, reached = 0;
            for (uint32_t i = 0; i < size; i++) {
                dropped += counts[i] < n ? counts[i] : 0;
                reached += counts[i] >= n;
            }
            assert_true(fabs(facts.dropped[n] - (double)dropped / (double)words) < 1e-12);
            assert_true(facts.reached[n] == (double)reached);
        }
        facts_cut(&facts, &spectrum.report, 1, (double)words, NULL);
        assert_true(facts.cut && facts.kept_words == (double)words);
    }
}

/* Equal counts are even, whatever they are; one word is, too. */
static void evenness_has_its_ends(void **state) {
    (void)state;
    uint64_t counts[200];
    for (uint64_t count = 1; count < 1000000; count = count * 5 + 2)
        for (uint32_t size = 1; size < 200; size += 13) {
            for (uint32_t i = 0; i < size; i++)
                counts[i] = count;
            struct corpus_spectrum spectrum = spectrum_of(counts, size);
            assert_true(fabs(corpus_evenness(&spectrum) - 1) < 1e-6);
        }
    const uint64_t uneven[] = {1000000000, 1};
    struct corpus_spectrum spectrum = spectrum_of(uneven, 2);
    assert_true(corpus_evenness(&spectrum) >= 0 && corpus_evenness(&spectrum) < 1e-6);
}

/* What reading finds is that of the counts, the same at any number of threads. */
static void reading_tells_it(void **state) {
    (void)state;
    size_t length;
    char *text = zipf_text(60000, 3000, &length);
    struct train_result results[2];
    for (int i = 0; i < 2; i++) {
        struct work work;
        struct error err = {0};
        work_init(&work, text, length);
        work.settings.threads = 1 + 2 * i, work.settings.max_steps = 10;
        assert_int_equal(train_run(&work.options, &results[i], &err), STATUS_OK);
        work_clear(&work);
    }
    uint64_t counts[3001] = {0};
    for (const char *at = text; (at = strchr(at, 'w')); at++)
        counts[atoll(at + 1)]++;
    qsort(counts, 3001, sizeof *counts, falls);
    uint32_t size = 0;
    while (size < 3001 && counts[size] > 0)
        size++;
    assert_true(results[0].corpus.evenness == results[1].corpus.evenness);
    assert_true(fabs(results[0].corpus.evenness - evenness_by_hand(counts, size)) < 1e-6);
    free(text);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Everything is settled, in the bounds of its row, and each choice has its value and its reason. */
static void all_is_settled(void **state) {
    (void)state;
    for (double words = 1; words < 1e13; words *= 7)
        for (double even = 0; even <= 1; even += 0.125) {
            struct settings settings = fresh(), again = fresh();
            struct corpus_choices choices = {0};
            struct vocabulary *vocabulary = vocabulary_zipf(500, fmax(words / 7, 2));
            struct corpus_facts facts = facts_of(words, even, vocabulary);
            choose_settings(&facts, &settings, &choices);
            size_t chosen = 0;
            for (size_t i = 0; i < settings_count(); i++) {
                const struct setting *row = settings_row(i);
                const struct corpus_choice *choice = corpus_choice_of(&choices, row->name);
                assert_false(settings_is_auto(&settings, row));
                assert_true((choice != NULL) == row->may_be_auto);
                if (!choice)
                    continue;
                chosen++;
                assert_true(strlen(choice->why) > 10 && !strpbrk(choice->why, "\t\n"));
                assert_true(strlen(choice->why) + 1 < sizeof choice->why);
                assert_int_equal(
                    settings_set(&again, row->name, choice->value, SETTING_OF_JOB, NULL),
                    STATUS_OK);
            }
            assert_int_equal(chosen, choices.n);
            assert_memory_equal(&again, &settings, sizeof settings); /* what is told is what is */
            assert_int_equal(settings_check(&settings, NULL), STATUS_OK);
            vocabulary_free(vocabulary);
        }
}

/* A value that is set stays, whatever the others are. */
static void what_is_set_is_respected(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
    } sets[] = {{"min_count", "3"}, {"sample", "0"},   {"epochs", "77"},
                {"window", "2"},    {"sample", "0.5"}, {"dynamic_window", "true"}};
    struct vocabulary *vocabulary = vocabulary_zipf(500, 1e5);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct settings settings = fresh(), wanted = fresh();
        struct corpus_choices choices = {0};
        struct corpus_facts facts = facts_of(1e5, 0.95, vocabulary);
        const struct setting *row = settings_find(sets[i].name);
        assert_int_equal(settings_set(&settings, row->name, sets[i].value, SETTING_OF_JOB, NULL),
                         STATUS_OK);
        assert_int_equal(settings_set(&wanted, row->name, sets[i].value, SETTING_OF_JOB, NULL),
                         STATUS_OK);
        choose_settings(&facts, &settings, &choices);
        assert_null(corpus_choice_of(&choices, row->name));
        assert_int_equal(choices.n, 4);
        assert_memory_equal((const char *)&settings + row->offset,
                            (const char *)&wanted + row->offset,
                            row->type == SETTING_IS_FLAG ? sizeof(int8_t) : sizeof(int64_t));
    }
    vocabulary_free(vocabulary);
}

/* What is chosen agrees with what is set, as settings_check wants it. */
static void choices_agree_with_what_is_set(void **state) {
    (void)state;
    struct vocabulary *vocabulary = vocabulary_zipf(500, 1e5);
    struct settings settings = fresh();
    struct corpus_choices choices = {0};
    struct corpus_facts facts = facts_of(1e8, 0.5, vocabulary);
    settings.num_true = 13;
    assert_int_equal(settings_check(&settings, NULL), STATUS_OK);
    choose_settings(&facts, &settings, &choices);
    assert_int_equal(settings.window, 7);
    assert_int_equal(settings_check(&settings, NULL), STATUS_OK);
    vocabulary_free(vocabulary);
}

/* Before the cut only min_count can be chosen; sample needs words. */
static void choices_wait_for_what_they_need(void **state) {
    (void)state;
    struct settings settings = fresh();
    struct corpus_choices choices = {0};
    struct corpus_facts facts = {.words = 1e6};
    facts.reached[1] = 9000;
    for (int n = 2; n <= FACTS_COUNTS + 1; n++)
        facts.reached[n] = 1000;
    choose_settings(&facts, &settings, &choices);
    assert_int_equal(choices.n, 1);
    assert_int_equal(settings.min_count, 5);
    assert_int_equal(settings.epochs, SETTING_AUTO_INT);
    facts.cut = true;
    choose_settings(&facts, &settings, &choices);
    assert_int_equal(choices.n, 4);
    assert_true(settings.sample == SETTING_AUTO_REAL);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static int64_t min_count_of(const double reached[6], double evenness) {
    struct settings settings = fresh();
    struct corpus_choices choices = {0};
    struct corpus_facts facts = {.words = 1e6, .evenness = evenness};
    for (int n = 1; n <= 6; n++)
        facts.reached[n] = reached[n - 1];
    choose_settings(&facts, &settings, &choices);
    return settings.min_count;
}

/* The largest that keeps 1,000 words, whatever the evenness; where few words are rare, all are
 * kept, and in between it rises by one at a time. */
static void min_count_is_the_largest(void **state) {
    (void)state;
    static const struct {
        double reached[6];
        int64_t wanted;
    } cases[] = {{{9000, 5000, 1000, 999, 900, 800}, 3},
                 {{9000, 999, 900, 800, 700, 600}, 1},
                 {{10, 5, 2, 1, 0, 0}, 1},
                 {{9000, 5000, 4000, 3000, 1000, 1}, 5},
                 {{9000, 5000, 4000, 3000, 999, 1}, 4},
                 {{0, 0, 0, 0, 0, 0}, 1},
                 {{9000, 8900, 8800, 8700, 8600, 8500}, 1},
                 {{9000, 9000, 9000, 9000, 9000, 0}, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (double even = 0; even <= 1; even += 0.5)
            assert_int_equal(min_count_of(cases[i].reached, even), cases[i].wanted);
    int64_t before = 1;
    for (double rare = 0; rare <= 1; rare += 1e-3) {
        double all = 1e6, kept = all * (1 - rare);
        double x = fmin(fmax((rare - 0.25) / 0.15, 0), 1), exact = 1 + 4 * x * x * (3 - 2 * x);
        const double reached[] = {all, all, all, all, kept, kept};
        int64_t min_count = min_count_of(reached, 0.6);
        assert_true(fabs((double)min_count - exact) <= 0.5 + 1e-6 || kept < 1000);
        assert_true(kept < 1000 || (min_count >= before && min_count <= before + 1));
        before = min_count;
    }
}

static struct settings chosen_for(double words, double evenness) {
    struct settings settings = fresh();
    struct corpus_choices choices = {0};
    struct corpus_facts facts = facts_of(words, evenness, NULL);
    choose_settings(&facts, &settings, &choices);
    return settings;
}

/* Never more for a longer text, and no step beyond rounding: a text longer by a hundredth has at
 * most one epoch less in a hundred, and the rounding. */
static void epochs_are_smooth(void **state) {
    (void)state;
    struct settings initial = fresh();
    double before = (double)initial.epochs_most;
    for (double words = 1; words < 1e12; words *= 1.01) {
        double epochs = (double)chosen_for(words, 0.6).epochs;
        double wanted = (double)initial.epochs_least * sqrt(initial.epochs_words / words);
        wanted = fmin(fmax(wanted, (double)initial.epochs_least), (double)initial.epochs_most);
        assert_true(fabs(epochs - wanted) <= 0.5 + 1e-9);
        assert_true(epochs <= before && before - epochs <= 1 + 0.01 * before);
        before = epochs;
    }
    assert_int_equal(chosen_for(1, 0.6).epochs, initial.epochs_most);
    assert_int_equal(chosen_for(1e6, 0.6).epochs, 21);
    assert_int_equal(chosen_for(3e6, 0.6).epochs, 12);
    assert_int_equal(chosen_for(1.3e7, 0.6).epochs, 6);
    assert_int_equal(chosen_for(1.67e7, 0.6).epochs, 5); /* as long a training as ever */
    assert_int_equal(chosen_for(1e12, 0.6).epochs, 5);
}

/* What all epochs pass never falls with the length of the text, and stays sensible for any. */
static void the_work_is_bounded(void **state) {
    (void)state;
    double before = 0;
    for (double words = 10; words < 1e9; words *= 1.5) {
        double passed = words * (double)chosen_for(words, 0.6).epochs;
        assert_true(passed >= 0.95 * before && passed <= 85e6 + 5 * words);
        before = passed;
    }
}

static void window_is_smooth(void **state) {
    (void)state;
    int64_t before = 5;
    for (double even = 0; even <= 1; even += 1e-3) {
        int64_t window = chosen_for(1e6, even).window;
        assert_true(window >= before && window <= before + 1);
        assert_true(even > 0.75 || window == 5);
        assert_true(even < 0.82 || window == 15);
        before = window;
    }
    assert_int_equal(before, 15);
    assert_int_equal(chosen_for(1e6, 0.785).window, 10);
    assert_int_equal(chosen_for(1e6, 0.7675).window, 7); /* 5 + 10 x 0.15625 */
}

/* Even counts of words of which most are rare are those of a short text, of any language. */
static void rare_words_make_a_text(void **state) {
    (void)state;
    int64_t before = 15;
    for (double rare = 0; rare <= 1; rare += 1e-3) {
        struct settings settings = fresh();
        struct corpus_choices choices = {0};
        struct corpus_facts facts = facts_of(1e5, 0.95, NULL);
        facts.reached[1] = 1e5, facts.reached[settings.min_count_most] = 1e5 * (1 - rare);
        choose_settings(&facts, &settings, &choices);
        assert_true(settings.window <= before && settings.window >= before - 1);
        assert_true(rare >= 0.5 || settings.window == 15);
        assert_true(rare <= 0.6 || (settings.window == 5 && settings.dynamic_window));
        before = settings.window;
    }
    assert_int_equal(before, 5);
}

/* One step, at half an item share: a flag has no more. */
static void windows_of_items_are_whole(void **state) {
    (void)state;
    for (double even = 0; even <= 1; even += 1e-3)
        if (fabs(even - 0.785) > 1e-6)
            assert_int_equal(chosen_for(1e6, even).dynamic_window, even < 0.785);
}

/* The threshold falls with the length of the text down to the least, to three digits. */
static void sample_is_smooth(void **state) {
    (void)state;
    struct vocabulary *vocabulary = vocabulary_zipf(30000, 1e6);
    double before = 1, first = 0, sample = 0;
    for (double words = 1e6; words < 1e8; words *= 1.1) {
        struct settings settings = fresh();
        struct corpus_choices choices = {0};
        struct corpus_facts facts = facts_of(words, 0.6, vocabulary);
        choose_settings(&facts, &settings, &choices);
        sample = settings.sample;
        first = first > 0 ? first : sample;
        double wanted = fmax(1.5e-4 * pow(1.7e7 / words, 0.4), 1e-4);
        assert_true(fabs(sample / wanted - 1) < 0.006);
        assert_true(sample <= before);
        before = sample;
    }
    assert_true(first == 4.66e-4 && sample == 1e-4);
    vocabulary_free(vocabulary);
}

/* A short text is not thinned out, and a small vocabulary keeps its share. */
static void sample_keeps_enough(void **state) {
    (void)state;
    double before = 1;
    for (uint64_t count = 1; count < 1000000; count *= 3) {
        struct vocabulary *vocabulary = vocabulary_equal(10, count);
        struct settings settings = fresh();
        struct corpus_choices choices = {0};
        double words = 10 * (double)count;
        struct corpus_facts facts = facts_of(words, 1, vocabulary);
        choose_settings(&facts, &settings, &choices);
        double share = subsampling_share(settings.sample, vocabulary);
        assert_true(share * words >= fmin(words, (double)settings.sample_words) * (1 - 1e-9));
        assert_true(share <= before + 0.002 && share >= 0.4);
        before = share;
        vocabulary_free(vocabulary);
    }
    assert_true(before < 0.41);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_those_of_the_counts),
        cmocka_unit_test(evenness_has_its_ends),
        cmocka_unit_test(reading_tells_it),
        cmocka_unit_test(all_is_settled),
        cmocka_unit_test(what_is_set_is_respected),
        cmocka_unit_test(choices_agree_with_what_is_set),
        cmocka_unit_test(choices_wait_for_what_they_need),
        cmocka_unit_test(min_count_is_the_largest),
        cmocka_unit_test(epochs_are_smooth),
        cmocka_unit_test(the_work_is_bounded),
        cmocka_unit_test(window_is_smooth),
        cmocka_unit_test(rare_words_make_a_text),
        cmocka_unit_test(windows_of_items_are_whole),
        cmocka_unit_test(sample_is_smooth),
        cmocka_unit_test(sample_keeps_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
