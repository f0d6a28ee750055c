/* The oracle of one block step: without conflicts it is a gradient step on all pairs of the block
 * (the objective's oracle says which); with conflicts, by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "tests/oracle/oracle_block.h"

#define COUNT(array) (sizeof array / sizeof *(array))

static void check_near(double got, double expected, int line) {
    if (!(fabs(got - expected) <= 1e-12 * fmax(1, fabs(expected))))
        fail_msg("line %d: %.15g, not %.15g", line, got, expected);
}
#define assert_near(got, expected) check_near(got, expected, __LINE__)

enum { DIM = 4, WIDTH = DIM + 1, CENTRES = 5, PAIRS = 11, NOISE = 6, INPUTS = 7, OUTPUTS = 30 };

/* Every output row is a positive once at most, so that no update sees another one. Two centres are
 * the same word; noise words repeat, and some are positives. */
static const uint32_t centres[CENTRES] = {3, 0, 6, 3, 1};
static const size_t starts[CENTRES + 1] = {0, 3, 3, 5, 7, PAIRS};
static const uint32_t positives[PAIRS] = {4, 9, 2, 0, 17, 21, 29, 11, 12, 13, 14};
static const uint32_t noise[NOISE] = {9, 25, 25, 13, 3, 29};

static void randoms(struct random *random, double *values, size_t n) {
    for (size_t i = 0; i < n; i++)
        values[i] = 2 * random_unit(random) - 1;
}

struct tables {
    double input[INPUTS * DIM], output[OUTPUTS * WIDTH], shift[OUTPUTS], noise_shift[NOISE];
};

static struct tables random_tables(uint64_t seed) {
    struct random random;
    random_init(&random, seed, 0);
    struct tables tables;
    randoms(&random, tables.input, COUNT(tables.input));
    randoms(&random, tables.output, COUNT(tables.output));
    randoms(&random, tables.shift, COUNT(tables.shift));
    for (size_t k = 0; k < NOISE; k++)
        tables.noise_shift[k] = tables.shift[noise[k]];
    return tables;
}

static struct oracle_block plain_block(struct tables *tables, enum oracle_objective objective,
                                       double pos_weight) {
    bool shifted = objective != ORACLE_NEGATIVE_SAMPLING;
    return (struct oracle_block){.objective = objective,
                                 .dim = DIM,
                                 .bias = true,
                                 .input = tables->input,
                                 .output = tables->output,
                                 .n = CENTRES,
                                 .k = NOISE,
                                 .centres = centres,
                                 .starts = starts,
                                 .positives = positives,
                                 .noise = noise,
                                 .true_shift = shifted ? tables->shift : NULL,
                                 .noise_shift = shifted ? tables->noise_shift : NULL,
                                 .rate = 0.3,
                                 .input_rate = 1.4,
                                 .positive_a = pos_weight,
                                 .positive_b = pos_weight,
                                 .noise_weight = 1,
                                 .clip_repeat = 2,
                                 .clip_output = 4,
                                 .clip_input = 2};
}

/* The gradient of the pairs as a batch: row i of the batch is pair i. */
struct gradient {
    double inputs[PAIRS * DIM], weights[OUTPUTS * DIM], biases[OUTPUTS], counts[PAIRS],
        noise_counts[NOISE];
    double logits[PAIRS * (1 + NOISE)], slopes[PAIRS * (1 + NOISE)], losses[PAIRS];
    double d_inputs[PAIRS * DIM], d_weights[OUTPUTS * DIM], d_biases[OUTPUTS];
};

static void pairs_gradient(const struct tables *tables, enum oracle_objective objective,
                           double pos_weight, bool remove_hits, struct gradient *g) {
    for (size_t t = 0; t < CENTRES; t++)
        for (size_t p = starts[t]; p < starts[t + 1]; p++)
            memcpy(g->inputs + p * DIM, tables->input + centres[t] * DIM, DIM * sizeof *g->inputs);
    for (size_t o = 0; o < OUTPUTS; o++) {
        memcpy(g->weights + o * DIM, tables->output + o * WIDTH, DIM * sizeof *g->weights);
        g->biases[o] = tables->output[o * WIDTH + DIM];
    }
    for (size_t p = 0; p < PAIRS; p++)
        g->counts[p] = exp(tables->shift[positives[p]]);
    for (size_t k = 0; k < NOISE; k++)
        g->noise_counts[k] = exp(tables->noise_shift[k]);
    const struct oracle_problem problem = {
        objective, PAIRS,     1,     NOISE,     OUTPUTS,         DIM,         g->inputs, g->weights,
        g->biases, positives, noise, g->counts, g->noise_counts, remove_hits, pos_weight};
    oracle_solve(&problem, &(struct oracle_result){g->logits, g->slopes, g->losses, g->d_inputs,
                                                   g->d_weights, g->d_biases});
}

static void check_gradient_step(enum oracle_objective objective, double pos_weight,
                                bool remove_hits, uint64_t seed) {
    struct tables tables = random_tables(seed), expected = tables;
    struct gradient *g = calloc(1, sizeof *g);
    assert_non_null(g);
    pairs_gradient(&tables, objective, pos_weight, remove_hits, g);
    double loss = 0;
    for (size_t t = 0; t < CENTRES; t++)
        for (size_t p = starts[t]; p < starts[t + 1]; p++) {
            loss += g->losses[p];
            for (size_t d = 0; d < DIM; d++)
                expected.input[centres[t] * DIM + d] -= 0.3 * 1.4 * g->d_inputs[p * DIM + d];
        }
    for (size_t o = 0; o < OUTPUTS; o++) {
        for (size_t d = 0; d < DIM; d++)
            expected.output[o * WIDTH + d] -= 0.3 * g->d_weights[o * DIM + d];
        expected.output[o * WIDTH + DIM] -= 0.3 * g->d_biases[o];
    }
    struct oracle_block block = plain_block(&tables, objective, pos_weight);
    block.remove_hits = remove_hits;
    double scales[CENTRES + NOISE];
    assert_near(oracle_block_step(&block, scales), loss);
    for (size_t i = 0; i < COUNT(scales); i++)
        assert_near(scales[i], 1);
    for (size_t i = 0; i < COUNT(tables.input); i++)
        assert_near(tables.input[i], expected.input[i]);
    for (size_t i = 0; i < COUNT(tables.output); i++)
        assert_near(tables.output[i], expected.output[i]);
    free(g);
}

static void block_is_a_gradient_step(void **state) {
    (void)state;
    for (int objective = ORACLE_NCE; objective <= ORACLE_SAMPLED_SOFTMAX; objective++)
        for (int hits = 0; hits < 2; hits++) {
            double q = objective == ORACLE_SAMPLED_SOFTMAX ? 1 : 2.5;
            check_gradient_step((enum oracle_objective)objective, 1, hits, 1);
            check_gradient_step((enum oracle_objective)objective, q, hits, 2);
        }
}

/* Positives of target z < 1 and weighted noise, against the derivative of the cross entropy. */
static void fractional_targets(void **state) {
    (void)state;
    double input[] = {0.5}, output[] = {-0.4, 0.7};
    static const uint32_t centre[] = {0}, positive[] = {0}, negative[] = {1};
    static const size_t start[] = {0, 1};
    double q = 3, z = 0.25, a = 0.1, w = 0.6;
    const struct oracle_block block = {.objective = ORACLE_NEGATIVE_SAMPLING,
                                       .dim = 1,
                                       .input = input,
                                       .output = output,
                                       .n = 1,
                                       .k = 1,
                                       .centres = centre,
                                       .starts = start,
                                       .positives = positive,
                                       .noise = negative,
                                       .rate = a,
                                       .input_rate = 1,
                                       .positive_a = q * z,
                                       .positive_b = 1 + (q - 1) * z,
                                       .noise_weight = w};
    double x = -0.2, y = 0.35;
    double loss = oracle_block_step(&block, NULL);
    assert_near(loss, oracle_cross_entropy(x, z, q) + w * oracle_cross_entropy(y, 0, q));
    double g = oracle_cross_entropy_slope(x, z, q), h = w * oracle_cross_entropy_slope(y, 0, q);
    assert_near(output[0], -0.4 - a * g * 0.5);
    assert_near(output[1], 0.7 - a * h * 0.5);
    assert_near(input[0], 0.5 - a * (g * -0.4 + h * 0.7));
}

/* Two centres share a positive that is a noise word too: all gradients see the row as it stood, its
 * steps add up. */
static void steps_add_up(void **state) {
    (void)state;
    static const uint32_t two[] = {0, 1}, positive[] = {0, 0}, negative[] = {0};
    static const size_t start[] = {0, 1, 2};
    static const double weight[] = {0.75};
    double input[] = {2, -3}, output[] = {0.5};
    const struct oracle_block block = {.objective = ORACLE_NCE,
                                       .dim = 1,
                                       .input = input,
                                       .output = output,
                                       .n = 2,
                                       .k = 1,
                                       .centres = two,
                                       .starts = start,
                                       .positives = positive,
                                       .noise = negative,
                                       .rate = 0.1,
                                       .input_rate = 1,
                                       .positive_a = 1,
                                       .positive_b = 1,
                                       .noise_weight = 2,
                                       .weight = weight};
    oracle_block_step(&block, NULL);
    double g0 = 0.1 * oracle_sigmoid(-1), g1 = 0.1 * oracle_sigmoid(1.5);
    double n0 = -0.15 * oracle_sigmoid(1), n1 = -0.15 * oracle_sigmoid(-1.5);
    assert_near(output[0], 0.5 + 2 * g0 - 3 * g1 + 2 * n0 - 3 * n1);
    assert_near(input[0], 2 + g0 * 0.5 + n0 * 0.5);
    assert_near(input[1], -3 + g1 * 0.5 + n1 * 0.5);
}

/* One word drawn twice, the positive at that: its steps add up, all of them of the row as it
 * stood. */
static void draws_of_one_word_add_up(void **state) {
    (void)state;
    static const uint32_t centre[] = {0}, positive[] = {0}, negative[] = {0, 0};
    static const size_t start[] = {0, 1};
    double input[] = {2}, output[] = {0.5};
    const struct oracle_block block = {.objective = ORACLE_NCE,
                                       .dim = 1,
                                       .input = input,
                                       .output = output,
                                       .n = 1,
                                       .k = 2,
                                       .centres = centre,
                                       .starts = start,
                                       .positives = positive,
                                       .noise = negative,
                                       .rate = 0.1,
                                       .input_rate = 1,
                                       .positive_a = 1,
                                       .positive_b = 1,
                                       .noise_weight = 1};
    oracle_block_step(&block, NULL);
    double g = 0.1 * oracle_sigmoid(-1), drawn = -0.1 * oracle_sigmoid(1);
    assert_near(output[0], 0.5 + 2 * (g + 2 * drawn));
    assert_near(input[0], 2 + (g + 2 * drawn) * 0.5);
}

/* 1 + 2^-8 is halfway between 1 and its neighbour in bfloat16, and goes to the even one. */
static void operands_are_rounded(void **state) {
    (void)state;
    static const uint32_t centre[] = {0}, positive[] = {1}, negative[] = {0};
    static const size_t start[] = {0, 1};
    double input[] = {1 + 0x1p-8}, output[] = {1 + 0x1.8p-8, 1 + 0x1.8p-8};
    double input_mass[1] = {0}, output_mass[2] = {0};
    const struct oracle_block block = {.objective = ORACLE_NCE,
                                       .dim = 1,
                                       .input = input,
                                       .output = output,
                                       .n = 1,
                                       .k = 1,
                                       .centres = centre,
                                       .starts = start,
                                       .positives = positive,
                                       .noise = negative,
                                       .rate = 1,
                                       .input_rate = 1,
                                       .positive_a = 1,
                                       .positive_b = 1,
                                       .noise_weight = 1,
                                       .bfloat16 = true,
                                       .input_mass = input_mass,
                                       .output_mass = output_mass};
    oracle_block_step(&block, NULL);
    /* g in [1/2, 1) */
    double x = 1, o = 1 + 0x1p-7, g = oracle_sigmoid(x * o), rounded = round(g * 256) / 256;
    /* in [1/4, 1/2) */
    double raise = round((1 - g) * 512) / 512;
    assert_near(input_mass[0], 1 + 0x1.8p-8);
    assert_near(output_mass[0], g * (1 + 0x1p-8));
    assert_near(output_mass[1], (1 - g) * (1 + 0x1p-8));
    assert_near(output[0], 1 + 0x1.8p-8 - rounded * x);
    assert_near(input[0], 1 + 0x1p-8 - rounded * o + raise * o);
    assert_near(output[1], 1 + 0x1.8p-8 + raise * x);
}

/* One word is the centre three times, with one positive each; the bias counts in |x|^2 and not in
 * |o|^2. */
static void clipping_by_hand(void **state) {
    (void)state;
    static const uint32_t same[] = {0, 0, 0}, positive[] = {1, 2, 3}, negative[] = {0};
    static const size_t start[] = {0, 1, 2, 3};
    static const double repeat[] = {1.5};
    double input[] = {2}, output[] = {3, 0.1, 0, 0, 0, 0, 0, 0}, scales[4];
    const struct oracle_block block = {.objective = ORACLE_NCE,
                                       .dim = 1,
                                       .bias = true,
                                       .input = input,
                                       .output = output,
                                       .n = 3,
                                       .k = 1,
                                       .centres = same,
                                       .starts = start,
                                       .positives = positive,
                                       .noise = negative,
                                       .rate = 1,
                                       .input_rate = 1.4,
                                       .positive_a = 1,
                                       .positive_b = 1,
                                       .noise_weight = 1,
                                       .clip = true,
                                       .clip_repeat = 2,
                                       .clip_output = 4,
                                       .clip_input = 2,
                                       .repeat = repeat};
    oracle_block_step(&block, scales);
    double g = 2.0 / 3 * 0.5, n = 2.0 / 3 * oracle_sigmoid(6.1);
    double output_scale = 4 / (1.5 * 3 * n * (4 + 1)), input_scale = 2 / (3 * n * 9);
    assert_true(output_scale < 1 && input_scale < 1);
    for (size_t t = 0; t < 3; t++)
        assert_near(scales[t], input_scale);
    assert_near(scales[3], output_scale);
    assert_near(output[0], 3 - output_scale * 3 * n * 2);
    assert_near(output[1], 0.1 - output_scale * 3 * n);
    for (size_t p = 1; p < 4; p++) {
        assert_near(output[2 * p], g * 2);
        assert_near(output[2 * p + 1], g);
    }
    assert_near(input[0], 2 - 1.4 * input_scale * 3 * n * 3);
}

/* Clipping whose bounds are not reached changes no bit. */
static void clipping_at_rest(void **state) {
    (void)state;
    for (int objective = ORACLE_NCE; objective <= ORACLE_SAMPLED_SOFTMAX; objective++) {
        struct tables plain = random_tables(9), clipped = plain;
        struct oracle_block block = plain_block(&plain, (enum oracle_objective)objective, 1);
        block.rate = 0.01;
        double loss = oracle_block_step(&block, NULL);
        block.input = clipped.input;
        block.output = clipped.output;
        block.clip = true;
        double scales[CENTRES + NOISE];
        assert_true(oracle_block_step(&block, scales) == loss);
        assert_memory_equal(&plain, &clipped, sizeof plain);
        block.rate = 5; /* and now they are */
        oracle_block_step(&block, scales);
        double min = 1;
        for (size_t i = 0; i < COUNT(scales); i++)
            min = fmin(min, scales[i]);
        assert_true(min < 1);
    }
}

/* All noise is the centre's own positive: with hits removed nothing is left to push away. */
static void hits_removed(void **state) {
    (void)state;
    static const uint32_t centre[] = {0}, positive[] = {0, 1}, negative[] = {1, 1};
    static const size_t start[] = {0, 2};
    for (int objective = ORACLE_NCE; objective <= ORACLE_SAMPLED_SOFTMAX; objective++) {
        double input[] = {0.5}, output[] = {0.25, -0.75};
        struct oracle_block block = {.objective = (enum oracle_objective)objective,
                                     .dim = 1,
                                     .input = input,
                                     .output = output,
                                     .n = 1,
                                     .k = 2,
                                     .centres = centre,
                                     .starts = start,
                                     .positives = positive,
                                     .noise = negative,
                                     .rate = 1,
                                     .input_rate = 1,
                                     .positive_a = 1,
                                     .positive_b = 1,
                                     .noise_weight = 1,
                                     .remove_hits = true};
        oracle_block_step(&block, NULL);
        double x = 0.125, y = -0.375;
        if (objective == ORACLE_SAMPLED_SOFTMAX) {
            /* of each noise word against the first positive */
            double share = exp(y) / (exp(x) + 2 * exp(y));
            assert_near(output[0], 0.25 + 2 * share * 0.5);
            assert_near(output[1], -0.75 - 2 * share * 0.5);
        } else { /* one of two positives is the noise word: C_t = 1 */
            assert_near(output[0], 0.25 + oracle_sigmoid(-x) * 0.5);
            assert_near(output[1], -0.75 + oracle_sigmoid(-y) * 0.5 - 2 * oracle_sigmoid(y) * 0.5);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_is_a_gradient_step),
        cmocka_unit_test(fractional_targets),
        cmocka_unit_test(steps_add_up),
        cmocka_unit_test(draws_of_one_word_add_up),
        cmocka_unit_test(operands_are_rounded),
        cmocka_unit_test(clipping_by_hand),
        cmocka_unit_test(clipping_at_rest),
        cmocka_unit_test(hits_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
