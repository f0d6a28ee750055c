/* Means of losses and their errors, against the formulas taken literally. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "train/tally.h"

#define BLOCKS 400

static bool near(double a, double b) {
    return fabs(a - b) <= 1e-9 * fabs(b);
}

static void mean_and_error(void **state) {
    struct tally tally = {0}, halves[2];
    struct kernel_loss blocks[BLOCKS];
    struct random random;
    double loss = 0, positives = 0, squares = 0;
    (void)state;
    random_init(&random, 3, 0);
    memset(halves, 0, sizeof halves);
    assert_true(isnan(tally_mean(&tally)) && isnan(tally_error(&tally)));
    assert_true(isnan(tally_clipped(&tally)) && isnan(tally_gradient(&tally)));
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = (struct kernel_loss){.positives = 1 + random_below(&random, 160),
                                         .rows = 64,
                                         .clipped = random_below(&random, 5)};
        blocks[i].sum = (double)blocks[i].positives * (2 + random_unit(&random));
        tally_block(&tally, &blocks[i]);
        tally_block(&halves[i % 2], &blocks[i]);
        loss += blocks[i].sum, positives += (double)blocks[i].positives;
    }
    tally_block(&tally, &(struct kernel_loss){.rows = 64}); /* no positive: no block */
    for (int i = 0; i < BLOCKS; i++)
        squares += pow(blocks[i].sum - loss / positives * (double)blocks[i].positives, 2);
    assert_true(tally.blocks == BLOCKS);
    assert_true(near(tally_mean(&tally), loss / positives));
    assert_true(fabs(tally_error(&tally) / (sqrt(squares) / positives) - 1) < 1e-6);
    assert_true(tally_clipped(&tally) > 0 && tally_clipped(&tally) < 4.0 / 64);
    tally_add(&halves[0], &halves[1]);
    assert_true(near(tally_mean(&halves[0]), tally_mean(&tally)));
}

/* A part with less weight changes the mean less, and its error is that of a weighted mean. */
static void weights(void **state) {
    struct tally old = {0}, sum = {0};
    (void)state;
    for (int i = 0; i < 100; i++)
        tally_block(&old, &(struct kernel_loss){.sum = i % 2 ? 30 : 10, .positives = 10});
    double error = tally_error(&old);
    tally_scale(&old, 0.25);
    assert_true(old.blocks == 25 && near(tally_mean(&old), 2) && near(tally_error(&old), error));
    for (int i = 0; i < 75; i++)
        tally_block(&sum, &(struct kernel_loss){.sum = 60, .positives = 10});
    tally_add(&sum, &old);
    assert_true(near(tally_mean(&sum), 0.75 * 6 + 0.25 * 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_and_error),
        cmocka_unit_test(weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
