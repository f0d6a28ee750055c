/* Small models made of given words and numbers. */
#ifndef VECMILL_TESTS_VECTORS_SAMPLE_H
#define VECMILL_TESTS_VECTORS_SAMPLE_H

#include "tests/support/temporary.h"

#include <stdbool.h>

#include "base/random.h"
#include "embedding/embedding.h"

/* values: [rows, dim]; words: NUL-terminated, NULL for w0, w1, ...; counts fall by one. */
static inline struct model *sample_model(const char *const *words, const float *values,
                                         uint32_t rows, uint32_t dim, uint32_t shards,
                                         enum partition partition, const char *kernel) {
    struct buffer text = {0};
    uint64_t *offsets = calloc((size_t)rows + 1, sizeof *offsets);
    uint64_t *counts = calloc((size_t)rows + 1, sizeof *counts);
    struct vocabulary *vocabulary;
    struct table *table;
    struct model *model;
    struct model_info info = {.name = "sample"};
    struct error err = {0};

    assert_non_null(offsets);
    assert_non_null(counts);
    for (uint32_t id = 0; id < rows; id++) {
        if (!words)
            buffer_print(&text, "w%u", id);
        else
            buffer_append_text(&text, words[id]);
        offsets[id + 1] = text.length;
        counts[id] = rows - id;
    }
    assert_int_equal(vocabulary_create(&vocabulary, rows, text.data, offsets, counts, &err),
                     STATUS_OK);
    assert_int_equal(table_create(&table, rows, dim, shards, partition, &err), STATUS_OK);
    for (uint32_t id = 0; id < rows; id++)
        memcpy(table_row(table, id), values + (size_t)id * dim, dim * sizeof(float));
    assert_int_equal(
        model_create(&model, vocabulary, table, NULL, &info, kernel_choose(kernel), &err),
        STATUS_OK);
    buffer_clear(&text);
    free(offsets);
    free(counts);
    return model;
}

static inline float *sample_values(size_t n, uint64_t seed) {
    float *values = calloc(n, sizeof *values);
    struct random random;
    assert_non_null(values);
    random_init(&random, seed, 0);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)random_truncated_normal(&random);
    return values;
}

#endif
