/* Per-word tables: importance and shifts of noise words, when draws are unique, subsampling,
 * rates, places. */
#include <math.h>

#include "tests/support/trainer_fixture.h"

enum { WORDS = 400 };

static void write_zipf(struct fixture *fixture) {
    write_words(fixture, WORDS);
}

static double count(const struct trainer *trainer, uint32_t id) {
    return (double)vocabulary_count(trainer->vocabulary, id);
}

/* The weighted draws of a block stand for `draws` words of counts ^ power, whatever they are drawn
 * from; the shift is the log of how many of them, weighed by `negative`, are expected to be this
 * word. CBOW has a normaliser of its own. */
static void draws_stand_for_a_power_of_counts(void **state) {
    struct fixture *fixture = *state;
    write_zipf(fixture);
    for (int variant = 0; variant < 8; variant++) {
        struct trainer_fixture made;
        double power = variant & 4 ? -0.4 : 0.6;
        bool cbow = variant & 4;
        fixture->settings.architecture = cbow ? ARCHITECTURE_CBOW : ARCHITECTURE_SKIPGRAM;
        fixture->settings.cbow_normalizer = 0.5;
        fixture->settings.unique = variant & 1, fixture->settings.noise_power = power;
        fixture->settings.sampler = variant & 2 ? NOISE_UNIFORM : NOISE_LOG_UNIFORM;
        fixture->settings.sample = 0, fixture->settings.log_normalizer = cbow ? -1.2 : -0.7;
        trainer_fixture_open(&made, fixture);
        const struct trainer *trainer = &made.trainer;
        double draws = trainer->step.noise, total = 0, all = 0, words = 0,
               negative = (double)fixture->settings.negative;
        assert_int_equal(trainer->tables.unique, variant & 1);
        for (uint32_t id = 0; id < WORDS; id++)
            total += pow(count(trainer, id), power), words += count(trainer, id);
        for (uint32_t id = 0; id < WORDS; id++) {
            double p = sampler_probability(trainer->sampler, id),
                   share = pow(count(trainer, id), power) / total;
            double weight = (double)trainer->tables.noise[id].weight;
            if (!trainer->tables.unique)
                assert_true(fabs(p * weight / share - 1) < 1e-5);
            all += draws * share / weight; /* expected in a draw */
            double shift = log(negative * share) - 0.7 - log(count(trainer, id) / words);
            assert_true(fabs((double)trainer->tables.noise[id].shift - shift) < 1e-5);
            assert_true(trainer->tables.noise[id].shift == trainer->tables.words[id].shift);
        }
        assert_true(fabs(all / draws - 1) < 1e-3);
        trainer_fixture_close(&made);
    }
}

/* Weights are 1 where noise is what it is drawn from. */
static void plain_draws_are_not_weighed(void **state) {
    struct fixture *fixture = *state;
    write_zipf(fixture);
    for (int variant = 0; variant < 3; variant++) {
        struct trainer_fixture made;
        settings_init(&fixture->settings);
        fixture->settings.min_count = 1;
        if (variant == 0)
            fixture->settings.noise_power = 0;
        if (variant == 1)
            fixture->settings.sampler = NOISE_UNIGRAM;
        if (variant == 2)
            fixture->settings.objective = OBJECTIVE_SAMPLED_SOFTMAX;
        trainer_fixture_open(&made, fixture);
        const struct trainer *trainer = &made.trainer;
        for (uint32_t id = 0; id < WORDS; id++)
            assert_true(trainer->tables.noise[id].weight == 1);
        trainer_fixture_close(&made);
    }
}

/* A draw of more than a quarter of the vocabulary has repeats. */
static void small_vocabularies_are_drawn_with_repeats(void **state) {
    struct fixture *fixture = *state;
    write_zipf(fixture);
    for (int64_t noise = 100; noise <= 101; noise++) {
        struct trainer_fixture made;
        fixture->settings.shared_negatives = noise;
        trainer_fixture_open(&made, fixture);
        const struct trainer *trainer = &made.trainer;
        assert_int_equal(trainer->tables.unique, noise == 100);
        trainer_fixture_close(&made);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(draws_stand_for_a_power_of_counts),
        TEST(plain_draws_are_not_weighed),
        TEST(small_vocabularies_are_drawn_with_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
