/* A small model with awkward words, for the tests of the model file. */
#ifndef VECMILL_TESTS_MODEL_SAMPLE_H
#define VECMILL_TESTS_MODEL_SAMPLE_H

#include "tests/support/temporary.h"

#include <stdbool.h>

#include "base/random.h"
#include "embedding/embedding.h"

/* Words of any bytes: NUL, line ends, broken UTF-8, a long one. */
#define N_WORDS 23
static const struct {
    const char *bytes;
    size_t length;
} words[N_WORDS] = {
    {"the", 3},
    {"a\nb", 3},
    {"\0", 1},
    {"\xff\xfe", 2},
    {"\\n", 2},
    {"= ", 2},
    {"\xc3\xa9", 2},
    {"w8", 2},
    {"w9", 2},
    {"w10", 3},
    {" ", 1},
    {"\t\r\n", 3},
    {"\x80", 1},
    {"w14", 3},
    {"w15", 3},
    {"w16", 3},
    {"w17", 3},
    {"w18", 3},
    {"a\0b", 3},
    {"w20", 3},
    {"w21", 3},
    {"w22", 3},
    {"a word that is longer than the sixty-four bytes between one aligned section and the next",
     88},
};

struct shape {
    uint32_t dim, shards;
    enum partition partition;
    bool output;
};

static inline struct vocabulary *vocabulary_make(void) {
    struct buffer text = {0};
    uint64_t offsets[N_WORDS + 1] = {0}, counts[N_WORDS];
    struct vocabulary *vocabulary;
    struct error err = {0};

    for (uint32_t i = 0; i < N_WORDS; i++) {
        buffer_append(&text, words[i].bytes, words[i].length);
        offsets[i + 1] = text.length;
        counts[i] = (uint64_t)1 << (40 - i);
    }
    assert_int_equal(vocabulary_create(&vocabulary, N_WORDS, text.data, offsets, counts, &err),
                     STATUS_OK);
    buffer_clear(&text);
    return vocabulary;
}

static inline struct table *table_make(uint32_t columns, uint32_t shards, enum partition partition,
                                       uint64_t seed) {
    struct table *table;
    struct error err = {0};
    struct random random;

    random_init(&random, seed, 0);
    assert_int_equal(table_create(&table, N_WORDS, columns, shards, partition, &err), STATUS_OK);
    for (uint32_t id = 0; id < N_WORDS; id++)
        for (uint32_t i = 0; i < columns; i++)
            table_row(table, id)[i] = (float)random_truncated_normal(&random);
    return table;
}

static const struct model_info info_full = {
    .name = "a name with \\ and\na second line",
    .settings = "dim = 5\nname = \"x\"\n# \xc3\xa9 and \xff\n",
    .corpus_digest = "sha256:0123456789abcdef",
    .kernel = "avx2",
    .program = "vecmill 0.1.0",
    .created = 1763932800.1234567,
    .train_seconds = 0.1,
    .words_per_second = 1e300,
    .loss = -3.0000000000000004,
    .words_trained = UINT64_MAX,
    .steps = 1,
    .corpus_words = 17005207,
    .corpus_bytes = 0,
    .default_max_norm = 2.5,
    .sample_share = 0.25,
    .examples = 12,
    .chosen = "sample epochs",
    .import_format = "binary",
    .import_named = "a b\tc",
    .import_rows = UINT64_MAX,
    .import_duplicates = 4,
    .import_unnamed = 3,
    .import_spaced = 2,
    .import_invalid = 1,
    .import_skipped = 5,
    .pairs_used = 7,
    .pairs_left_out = 8,
    .pairs_trained = UINT64_MAX,
    .avg_loss = 2.75,
    .total_loss = 1e12,
    .holdout_loss = 2.5,
    .score = 0.125,
    .score_set = "analogies",
    .stopped = "stop_early",
    .best_epoch = 3,
    .best_step = 40,
    .import_labels = 6,
    .import_buckets = 7,
    .choices = "sample\t0.0001\twhy\nepochs\t5\tfor a reason",
};

static inline struct model *model_make(struct shape shape, const struct model_info *info) {
    struct model *model;
    struct error err = {0};
    struct table *output =
        shape.output ? table_make(shape.dim + 1, shape.shards, shape.partition, 2) : NULL;

    assert_int_equal(model_create(&model, vocabulary_make(),
                                  table_make(shape.dim, shape.shards, shape.partition, 1), output,
                                  info, kernel_choose("portable"), &err),
                     STATUS_OK);
    return model;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

#endif
