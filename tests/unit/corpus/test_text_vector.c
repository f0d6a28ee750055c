/* Vectors of texts beside plain loops: weights, the common component, what is kept of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "corpus/corpus.h"

#define DIM 7
#define WORDS 9000 /* more than two pieces of the sum */

/* Rows with a direction in common; counts fall as 1 / rank, or there are none. */
static struct model *model_make(bool counted, double max_norm) {
    struct buffer text = {0};
    uint64_t *offsets = calloc(WORDS + 1, sizeof *offsets), *counts = calloc(WORDS, sizeof *counts);
    struct vocabulary *vocabulary;
    struct table *table;
    struct model *model;
    struct random random;
    struct model_info info = {.name = "made", .default_max_norm = max_norm};
    random_init(&random, 7, 0);
    for (uint32_t id = 0; id < WORDS; id++) {
        buffer_print(&text, "w%u", id);
        offsets[id + 1] = text.length;
        counts[id] = 1000000 / (id + 1);
    }
    assert_int_equal(
        vocabulary_create(&vocabulary, WORDS, text.data, offsets, counted ? counts : NULL, NULL),
        STATUS_OK);
    assert_int_equal(table_create(&table, WORDS, DIM, 3, PARTITION_MOD, NULL), STATUS_OK);
    for (uint32_t id = 0; id < WORDS; id++)
        for (int c = 0; c < DIM; c++)
            table_row(table, id)[c] =
                (float)random_unit(&random) - 0.5f + (c == 2 ? 0.4f : 0) - (c == 5 ? 0.2f : 0);
    assert_int_equal(
        model_create(&model, vocabulary, table, NULL, &info, kernel_choose("portable"), NULL),
        STATUS_OK);
    buffer_clear(&text);
    free(offsets);
    free(counts);
    return model;
}

/* ---- the oracle: plain loops --------------------------------------------------------------- */

static double share(const struct model *model, uint32_t id, bool zipf) {
    double total = 0, harmonic = 0;
    for (uint32_t i = WORDS; i > 0; i--) {
        total += (double)vocabulary_count(model->vocabulary, i - 1);
        harmonic += 1.0 / i;
    }
    return zipf || total <= 0 ? 1 / ((id + 1.0) * harmonic)
                              : (double)vocabulary_count(model->vocabulary, id) / total;
}

static double weight(const struct model *model, const struct text_weights *how, uint32_t id) {
    if (how->weighting == TEXT_WEIGHTING_NONE)
        return 1;
    return how->sif_a / (how->sif_a + share(model, id, how->weighting == TEXT_WEIGHTING_ZIPF));
}

static double value(const struct model *model, uint32_t id, int c) {
    const float *row = table_row(model->input, id);
    double norm = 0, max = model->info.default_max_norm;
    for (int i = 0; i < DIM; i++)
        norm += (double)row[i] * row[i];
    norm = sqrt(norm);
    return max > 0 && norm > max ? row[c] * max / norm : (double)row[c];
}

static void oracle_component(const struct model *model, const struct text_weights *how,
                             double component[DIM]) {
    double square = 0, total = 0, harmonic = 0;
    for (uint32_t i = WORDS; i > 0; i--) {
        total += (double)vocabulary_count(model->vocabulary, i - 1);
        harmonic += 1.0 / i;
    }
    memset(component, 0, DIM * sizeof *component);
    for (uint32_t id = 0; id < WORDS; id++) {
        bool zipf = how->weighting == TEXT_WEIGHTING_ZIPF || total <= 0;
        double p = zipf ? 1 / ((id + 1.0) * harmonic)
                        : (double)vocabulary_count(model->vocabulary, id) / total;
        double w = how->weighting == TEXT_WEIGHTING_NONE ? 1 : how->sif_a / (how->sif_a + p);
        for (int c = 0; c < DIM; c++)
            component[c] += p * w * value(model, id, c);
    }
    for (int c = 0; c < DIM; c++)
        square += component[c] * component[c];
    for (int c = 0; c < DIM; c++)
        component[c] /= sqrt(square);
}

static void expect_near(const float *found, const double *wanted, const char *what) {
    for (int c = 0; c < DIM; c++)
        if (!(fabs(found[c] - wanted[c]) <= 2e-6))
            fail_msg("%s: column %d is %.9g, not %.9g", what, c, (double)found[c], wanted[c]);
}

static void expect_texts(const struct model *model, const struct text_weights *how) {
    static const uint32_t ids[] = {0, 0, 17, 3, 8999, 4096, 4095, 1};
    static const size_t starts[] = {0, 4, 4, 7, 8};
    float vectors[4][DIM], component[DIM];
    double common[DIM], wanted[DIM];
    oracle_component(model, how, common);
    assert_int_equal(text_component(how, model, component, NULL), STATUS_OK);
    expect_near(component, common, "component");
    assert_int_equal(text_vectors(model, how, ids, starts, 4, vectors[0], NULL), STATUS_OK);
    for (int t = 0; t < 4; t++) {
        double sum = 0, along = 0;
        memset(wanted, 0, sizeof wanted);
        for (size_t i = starts[t]; i < starts[t + 1]; i++) {
            double w = weight(model, how, ids[i]);
            sum += w;
            for (int c = 0; c < DIM; c++)
                wanted[c] += w * value(model, ids[i], c);
        }
        for (int c = 0; c < DIM; c++) {
            wanted[c] = sum > 0 ? wanted[c] / sum : 0;
            along += wanted[c] * common[c];
        }
        for (int c = 0; c < DIM; c++)
            wanted[c] -= how->remove_component ? along * common[c] : 0;
        expect_near(vectors[t], wanted, "vector");
    }
}

static void beside_plain_loops(void **state) {
    (void)state;
    for (int counted = 0; counted < 2; counted++)
        for (int clipped = 0; clipped < 2; clipped++) {
            struct model *model = model_make(counted, clipped ? 0.6 : 0);
            for (int w = TEXT_WEIGHTING_NONE; w <= TEXT_WEIGHTING_ZIPF; w++)
                for (int removed = 0; removed < 2; removed++)
                    for (double a = 1e-4; a < 1; a *= 30) {
                        const struct text_weights how = {(enum setting_text_weighting)w, a,
                                                         removed};
                        if (counted || w != TEXT_WEIGHTING_SIF)
                            expect_texts(model, &how);
                    }
            model_drop(model);
        }
}

static void no_counts_no_sif(void **state) {
    struct model *model = model_make(false, 0);
    struct error err = {0};
    (void)state;
    for (int w = TEXT_WEIGHTING_NONE; w <= TEXT_WEIGHTING_ZIPF; w++) {
        const struct text_weights how = {(enum setting_text_weighting)w, 1e-3, true};
        error_clear(&err);
        assert_int_equal(text_weights_check(&how, model, "/weighting", &err),
                         w == TEXT_WEIGHTING_SIF ? STATUS_REFUSED : STATUS_OK);
        assert_true(w != TEXT_WEIGHTING_SIF || strstr(err.text, "weighting 'zipf'"));
    }
    model_drop(model);
}

/* A text along the common component has nothing left: zeros, not the rounding. */
static void nothing_left_is_zeros(void **state) {
    struct model *model = model_make(true, 0);
    const struct text_weights how = {TEXT_WEIGHTING_SIF, 1e-3, true};
    const size_t starts[] = {0, 1};
    const uint32_t id = WORDS - 1; /* its own share of the component is nothing */
    float component[DIM], vector[DIM];
    (void)state;
    assert_int_equal(text_component(&how, model, component, NULL), STATUS_OK);
    for (int c = 0; c < DIM; c++)
        table_row(model->input, id)[c] = 3 * component[c];
    assert_int_equal(text_vectors(model, &how, &id, starts, 1, vector, NULL), STATUS_OK);
    for (int c = 0; c < DIM; c++)
        assert_true(vector[c] == 0);
    model_drop(model);
}

/* Without weights the vectors are the means that they always were, bit for bit. */
static void none_is_the_mean(void **state) {
    struct model *model = model_make(true, 0.6);
    const struct text_weights how = {TEXT_WEIGHTING_NONE, 1e-3, false};
    static const uint32_t ids[] = {5, 6, 7, 8000, 5};
    static const size_t starts[] = {0, 3, 5};
    float found[2 * DIM], mean[2 * DIM];
    (void)state;
    assert_int_equal(text_vectors(model, &how, ids, starts, 2, found, NULL), STATUS_OK);
    assert_int_equal(
        lookup_combined(model->input, DIM, ids, NULL, starts, 2, COMBINER_MEAN, 0.6, mean, NULL),
        STATUS_OK);
    assert_memory_equal(found, mean, sizeof mean);
    model_drop(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beside_plain_loops), cmocka_unit_test(no_counts_no_sif),
        cmocka_unit_test(nothing_left_is_zeros), cmocka_unit_test(none_is_the_mean)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
