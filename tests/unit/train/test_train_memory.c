/* The memory rule: what fits, what is allowed, the largest dim that would fit. And the sampler that
 * a setting stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/machine.h"
#include "tests/support/trainer_fixture.h"

static void the_largest_dim_is_the_largest(void **state) {
    (void)state;
    struct settings settings;
    settings_init(&settings);
    settings.dim = 4096, settings.threads = 2, settings.max_memory = 64 << 20;
    for (uint64_t words = 3000; words < 100000; words *= 3) {
        struct train_memory memory = train_memory(&settings, words, 0);
        assert_int_equal(memory.allowed, 64 << 20);
        assert_false(memory.fits);
        assert_true(memory.needed > memory.allowed);
        assert_in_range(memory.max_dim, 1, 4095);
        struct settings tried = settings;
        tried.dim = memory.max_dim;
        assert_true(train_memory(&tried, words, 0).fits);
        assert_int_equal(train_memory(&tried, words, 0).max_dim, tried.dim);
        tried.dim++;
        assert_false(train_memory(&tried, words, 0).fits);
    }
    assert_int_equal(train_memory(&settings, 100000000, 0).max_dim, 0);
    settings.dim = 1;
    assert_int_equal(train_memory(&settings, 100000000, 0).max_dim, 0);
}

static void the_machine_bounds_what_a_setting_allows(void **state) {
    (void)state;
    struct settings settings;
    settings_init(&settings);
    settings.max_memory = 0;
    assert_int_equal(train_memory(&settings, 10, 0).allowed, machine_memory_limit());
    assert_true(train_memory(&settings, 10, 0).fits);
    settings.max_memory = INT64_MAX;
    assert_int_equal(train_memory(&settings, 10, 0).allowed, machine_memory_limit());
    settings.threads = 0;
    assert_int_equal(train_threads(&settings), machine_threads());
    settings.threads = 7;
    assert_int_equal(train_threads(&settings), 7);
}

/* Each choice of the setting is the sampler of that name. */
static void a_setting_is_its_sampler(void **state) {
    struct fixture *fixture = *state;
    struct trainer_fixture made;
    write_words(fixture, 50);
    fixture->settings.sampler_power = 1;
    for (int choice = 0; choice < 3; choice++) {
        fixture->settings.sampler = choice;
        trainer_fixture_open(&made, fixture);
        double count = (double)vocabulary_count(made.trainer.vocabulary, 3), expected = 0;
        if (choice == NOISE_LOG_UNIFORM)
            expected = log(5.0 / 4) / log(51);
        if (choice == NOISE_UNIGRAM)
            expected = count / (double)made.corpus->words;
        if (choice == NOISE_UNIFORM)
            expected = 1.0 / 50;
        assert_true(fabs(sampler_probability(made.trainer.sampler, 3) / expected - 1) < 1e-9);
        trainer_fixture_close(&made);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_dim_is_the_largest),
        cmocka_unit_test(the_machine_bounds_what_a_setting_allows),
        cmocka_unit_test_setup_teardown(a_setting_is_its_sampler, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
