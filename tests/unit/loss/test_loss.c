/* Losses against numbers that were computed apart from them: in closed form, and by a script in
 * double precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loss/loss.h"
#include "tests/support/stop_after.h"

static void near(double found, double wanted, double tolerance) {
    if (!(fabs(found - wanted) <= tolerance * fmax(1, fabs(wanted))))
        fail_msg("%.17g, not %.17g", found, wanted);
}

static void softplus_at_the_extremes(void **state) {
    (void)state;
    near(loss_softplus(0), 0.69314718055994531, 1e-15);
    assert_true(loss_softplus(1000) == 1000);
    assert_true(loss_softplus(1e300) == 1e300);
    near(loss_softplus(-30) / 9.3576229688397368e-14, 1, 1e-12);
    near(loss_softplus(-100) / 3.7200759760208356e-44, 1, 1e-12);
    assert_true(loss_softplus(-1e300) == 0);
    near(loss_sigmoid(-100) / 3.7200759760208356e-44, 1, 1e-12);
    assert_true(loss_sigmoid(1e300) == 1 && loss_sigmoid(-1e300) == 0 && loss_sigmoid(0) == 0.5);
}

static void weighted_cross_entropy(void **state) {
    (void)state;
    static const struct {
        double logit, label, pos_weight, loss, gradient;
    } rows[] = {
        {-2, 0, 1, 0.12692801104297252, 0.11920292202211755},
        {-2, 1, 1, 2.1269280110429727, -0.88079707797788243},
        {2, 0.5, 1, 1.1269280110429727, 0.38079707797788243},
        {0, 1, 1, 0.69314718055994531, -0.5},
        {-2, 1, 3, 6.3807840331289176, -2.6423912339336475},
        {2, 0.5, 3, 1.2538560220859454, 0.26159415595576485},
        {-100, 1, 3, 300, -3},
        {100, 0, 3, 100, 1},
        {-15, 0, 3, 3.059022737137205e-07, 3.0590222692562473e-07},
        {1.5, 1, 10, 2.0141327798275246, -1.8242552380635635},
        {1e300, 1, 5, 0, 0},
        {-1e300, 0, 5, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double loss = loss_weighted_cross_entropy(rows[i].logit, rows[i].label, rows[i].pos_weight);
        near(loss, rows[i].loss, 1e-12);
        near(loss_weighted_gradient(rows[i].logit, rows[i].label, rows[i].pos_weight),
             rows[i].gradient, 1e-12);
        if (rows[i].loss > 0) /* small ones keep their digits, too */
            near(loss / rows[i].loss, 1, 1e-12);
    }
}

static void softmax(void **state) {
    (void)state;
    const double logits[] = {1, 2, 3}, one[] = {0, 1, 0}, shares[] = {0.5, 0.25, 0.25},
                 far[] = {1e4, -1e4, 0}, double_shares[] = {1, 0.5, 0.5};
    double gradients[3], total = 0;
    /* log(e^1 + e^2 + e^3) = 3.40760596444438 */
    near(loss_softmax_cross_entropy(logits, one, 3, gradients), 1.4076059644443804, 1e-14);
    near(gradients[0], 0.090030573170380462, 1e-14);
    near(gradients[1], 0.24472847105479767 - 1, 1e-14);
    near(loss_softmax_cross_entropy(logits, shares, 3, NULL), 3.4076059644443804 - 1.75, 1e-14);
    near(loss_softmax_cross_entropy(logits, double_shares, 3, gradients),
         2 * (3.4076059644443804 - 1.75), 1e-14);
    for (size_t i = 0; i < 3; i++)
        total += gradients[i];
    near(total, 0, 1e-14);
    assert_true(loss_softmax_cross_entropy(far, one, 3, NULL) == 20000);
    assert_true(loss_softmax_cross_entropy(far + 2, one + 1, 1, NULL) == 0);
    const double left_out[] = {1, 2, -INFINITY};
    near(loss_softmax_cross_entropy(left_out, one, 3, gradients), log1p(exp(-1)), 1e-14);
    assert_true(gradients[2] == 0);
}

/* Six classes of three numbers, two examples; class 2 is sampled and the label of the second. */
static const float weights[6][3] = {{0.1f, 0.2f, -0.3f},    {-0.4f, 0.5f, 0.6f},
                                    {0.7f, -0.8f, 0.9f},    {-0.15f, 0.25f, -0.35f},
                                    {0.45f, -0.55f, 0.65f}, {-0.05f, 0.95f, -0.85f}};
static const float biases[6] = {0.05f, -0.10f, 0.15f, -0.20f, 0.25f, -0.30f};
static const float inputs[2][3] = {{0.5f, -1.0f, 0.25f}, {-0.75f, 0.5f, 1.0f}};
static const int64_t sampled[] = {0, 2, 5};

/* Expected counts of a log-uniform sampler of six, three draws: 3 P. */
static double expected(int64_t id) {
    return 3 * log((double)(id + 2) / (double)(id + 1)) / log(7);
}

static void check_sample(enum sampled_loss loss, const int64_t *truth, size_t n_true, bool log_q,
                         bool remove, double first, double second) {
    const float *rows[2] = {inputs[0], inputs[1]}, *true_rows[4], *sampled_rows[3];
    float true_biases[4], sampled_biases[3];
    double true_expected[4], sampled_expected[3], losses[2], logits[10], gradients[10];
    struct error err = {0};
    for (size_t i = 0; i < 2 * n_true; i++) {
        true_rows[i] = weights[truth[i]];
        true_biases[i] = biases[truth[i]];
        true_expected[i] = expected(truth[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        sampled_rows[i] = weights[sampled[i]];
        sampled_biases[i] = biases[sampled[i]];
        sampled_expected[i] = expected(sampled[i]);
    }
    const struct loss_sample sample = {.batch = 2,
                                       .dim = 3,
                                       .n_true = n_true,
                                       .n_sampled = 3,
                                       .inputs = rows,
                                       .true_rows = true_rows,
                                       .sampled_rows = sampled_rows,
                                       .true_biases = true_biases,
                                       .sampled_biases = sampled_biases,
                                       .truth = truth,
                                       .sampled = sampled,
                                       .true_expected = log_q ? true_expected : NULL,
                                       .sampled_expected = log_q ? sampled_expected : NULL,
                                       .remove_accidental_hits = remove};
    assert_int_equal(loss_of_sample(loss, &sample, NULL, losses, logits, gradients, &err),
                     STATUS_OK);
    near(losses[0], first, 2e-6);
    near(losses[1], second, 2e-6);
    if (remove) /* column 1 of the second example */
        assert_true(isinf(logits[2 * n_true + 3 + 1]) && gradients[2 * n_true + 3 + 1] == 0);
    assert_int_equal(loss_of_sample(loss, &sample, NULL, losses, NULL, NULL, &err), STATUS_OK);
    near(losses[0], first, 2e-6);
    struct stop_after after;
    const struct stop stop = stop_after(&after, 1);
    assert_int_equal(loss_of_sample(loss, &sample, &stop, losses, NULL, NULL, &err),
                     STATUS_CANCELLED);
}

static void losses_of_samples(void **state) {
    (void)state;
    const int64_t one[] = {1, 2}, two[] = {1, 3, 2, 2};
    check_sample(LOSS_NCE, one, 1, true, false, 4.465352, 3.327395);
    check_sample(LOSS_NCE, one, 1, true, true, 4.465352, 2.059066);
    check_sample(LOSS_NCE, one, 1, false, false, 3.605130, 2.401520);
    check_sample(LOSS_NCE, two, 2, true, false, 5.094027, 4.595725);
    check_sample(LOSS_SAMPLED_SOFTMAX, one, 1, true, false, 2.739871, 1.151543);
    check_sample(LOSS_SAMPLED_SOFTMAX, one, 1, true, true, 2.739871, 0.771529);
}

/* Of an id that was drawn twice, TensorFlow leaves out the last. */
static void the_last_of_equal_hits_is_left_out(void **state) {
    (void)state;
    const float *rows[] = {inputs[0]}, *truth_rows[] = {weights[2]},
                *drawn[] = {weights[2], weights[0], weights[2], weights[1]};
    const int64_t truth[] = {2}, ids[] = {2, 0, 2, 1};
    const struct loss_sample sample = {.batch = 1,
                                       .dim = 3,
                                       .n_true = 1,
                                       .n_sampled = 4,
                                       .inputs = rows,
                                       .true_rows = truth_rows,
                                       .sampled_rows = drawn,
                                       .truth = truth,
                                       .sampled = ids,
                                       .remove_accidental_hits = true};
    double loss, logits[5];
    struct error err = {0};
    assert_int_equal(loss_of_sample(LOSS_NCE, &sample, NULL, &loss, logits, NULL, &err), STATUS_OK);
    assert_true(isfinite(logits[1]) && isinf(logits[3]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softplus_at_the_extremes),
        cmocka_unit_test(weighted_cross_entropy),
        cmocka_unit_test(softmax),
        cmocka_unit_test(losses_of_samples),
        cmocka_unit_test(the_last_of_equal_hits_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
