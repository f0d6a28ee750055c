/* Imports of fastText's models, gensim's pickles, .npy and safetensors: round trips, and files that
 * are damaged or mean harm. */
#include "tests/support/vectors_sample.h"

#include <math.h>

#define DIM 3

static void append_int(struct buffer *file, int64_t value, size_t n) {
    buffer_append(file, &value, n);
}

static enum status import_bytes(void **state, const char *name, const char *bytes, size_t length,
                                uint64_t max_rows, struct model **model, struct error *err) {
    char *path = temporary_path(state, name);
    struct error ignored = {0};
    struct budget budget;
    budget_init(&budget, (uint64_t)64 << 20);
    const struct import_bounds bounds = {.max_rows = max_rows, .budget = &budget};
    assert_int_equal(file_replace(path, bytes, length, &ignored), STATUS_OK);
    enum status status = import_read(model, path, "made", &bounds, kernel_choose(NULL), err);
    if (status == STATUS_OK)
        (*model)->memory = (struct grant){0}; /* the budget ends here */
    else
        assert_int_equal(budget.used, 0);
    free(path);
    return status;
}

static void expect_word(const struct model *model, uint32_t id, const char *word, uint64_t count) {
    size_t length;
    const char *found = vocabulary_word(model->vocabulary, id, &length);
    assert_int_equal(length, strlen(word));
    assert_memory_equal(found, word, length);
    assert_int_equal(vocabulary_count(model->vocabulary, id), count);
}

/* ---- fastText -------------------------------------------------------------------------------- */

struct fasttext_made {
    int version, dim, bucket, minn, maxn, model;
    bool quantized;
};

static void fasttext_entry(struct buffer *file, const char *word, int64_t count, char type) {
    buffer_append(file, word, strlen(word) + 1);
    append_int(file, count, 8);
    buffer_append_char(file, type);
}

/* Three words and a label; the value of row r, column c is 10 r + c. */
static void fasttext_make(struct buffer *file, const struct fasttext_made *made) {
    int args[12] = {made->dim,    5,          5,          1,  5, 1, 2, made->model,
                    made->bucket, made->minn, made->maxn, 100};
    append_int(file, 793712314, 4);
    append_int(file, made->version, 4);
    buffer_append(file, args, sizeof args);
    append_int(file, 0, 8);
    append_int(file, 4, 4);
    append_int(file, 3, 4);
    append_int(file, 1, 4);
    append_int(file, 100, 8);
    append_int(file, -1, 8);
    fasttext_entry(file, "</s>", 9, 0);
    fasttext_entry(file, "\xc3\xa9t", 8, 0);
    fasttext_entry(file, "__label__x", 7, 1);
    fasttext_entry(file, "a", 2, 0);
    buffer_append_char(file, made->quantized);
    append_int(file, 3 + made->bucket, 8);
    append_int(file, made->dim, 8);
    for (int row = 0; row < 3 + made->bucket; row++)
        for (int column = 0; column < made->dim; column++) {
            float value = (float)(10 * row + column);
            buffer_append(file, &value, sizeof value);
        }
    assert_false(file->failed);
}

/* FNV-1a as fastText has it: each byte as a signed number. */
static uint32_t fasttext_hash(const char *ngram) {
    uint32_t hash = 2166136261u;
    for (; *ngram != '\0'; ngram++)
        hash = (hash ^ (uint32_t)(int8_t)*ngram) * 16777619u;
    return hash;
}

static void fasttext_vectors_are_means(void **state) {
    /* of 2 to 3 letters: "<é", "<ét", "ét", "ét>", "t>" and "<a", "<a>", "a>" */
    static const char *const first[] = {"<\xc3\xa9", "<\xc3\xa9t", "\xc3\xa9t", "\xc3\xa9t>", "t>"};
    static const char *const second[] = {"<a", "<a>", "a>"};
    const struct fasttext_made made = {12, DIM, 7, 2, 3, 2, false};
    struct buffer file = {0};
    struct model *model;
    struct error err = {0};
    fasttext_make(&file, &made);
    assert_int_equal(import_bytes(state, "x.bin", file.data, file.length, 0, &model, &err),
                     STATUS_OK);
    assert_int_equal(vocabulary_size(model->vocabulary), 3);
    expect_word(model, 0, "</s>", 9);
    expect_word(model, 1, "\xc3\xa9t", 8);
    expect_word(model, 2, "a", 2);
    assert_string_equal(model->info.import_format, "fasttext");
    assert_int_equal(model->info.import_labels, 1);
    assert_int_equal(model->info.import_buckets, 7);
    float sums[3] = {0, 10, 20};
    for (size_t i = 0; i < 5; i++)
        sums[1] += 10 * (3 + (float)(fasttext_hash(first[i]) % 7));
    for (size_t i = 0; i < 3; i++)
        sums[2] += 10 * (3 + (float)(fasttext_hash(second[i]) % 7));
    assert_true(table_row(model->input, 0)[0] == 0 && table_row(model->input, 0)[2] == 2);
    assert_true(fabsf(table_row(model->input, 1)[0] - sums[1] / 6) < 1e-4f);
    assert_true(fabsf(table_row(model->input, 2)[0] - sums[2] / 4) < 1e-4f);
    model_drop(model);
    assert_int_equal(import_bytes(state, "x.bin", file.data, file.length, 2, &model, &err),
                     STATUS_OK);
    assert_int_equal(vocabulary_size(model->vocabulary), 2);
    assert_true(model->info.import_skipped == 1);
    model_drop(model);
    buffer_clear(&file);
}

static void fasttext_refuses(void **state) {
    static const struct {
        struct fasttext_made made;
        enum status status;
        const char *text;
    } cases[] = {
        {{13, DIM, 7, 2, 3, 2, false}, STATUS_UNSUPPORTED, "version 13, 11 and 12 are read"},
        {{12, 0, 7, 2, 3, 2, false}, STATUS_REFUSED, "dim must be between 1 and 65536, not 0"},
        {{12, -4, 7, 2, 3, 2, false}, STATUS_REFUSED, "not -4"},
        {{12, DIM, -1, 2, 3, 2, false}, STATUS_REFUSED, "bucket must be between 0"},
        {{12, DIM, 7, 2, 300, 2, false}, STATUS_REFUSED, "maxn must be between 0 and 255, not 300"},
        {{12, DIM, 7, 2, 3, 2, true}, STATUS_UNSUPPORTED, "quantized (.ftz)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file = {0};
        struct model *model;
        struct error err = {0};
        fasttext_make(&file, &cases[i].made);
        assert_int_equal(import_bytes(state, "x.bin", file.data, file.length, 0, &model, &err),
                         cases[i].status);
        if (!strstr(err.text, cases[i].text))
            fail_msg("case %zu: %s", i, err.text);
        buffer_clear(&file);
    }
}

/* ---- round trips ----------------------------------------------------------------------------- */

static struct model *awkward(void) {
    static const char *const odd[] = {"the", "New York", "\xe6\x97\xa5\xe6\x9c\xac", "a\"b\\c\n",
                                      "\xf0\x9f\x98\x80"};
    float *values = sample_values(5 * DIM, 2);
    struct model *model = sample_model(odd, values, 5, DIM, 1, PARTITION_MOD, NULL);
    free(values);
    return model;
}

static void expect_same(const struct model *model, const struct model *again, bool counts) {
    assert_int_equal(vocabulary_size(again->vocabulary), vocabulary_size(model->vocabulary));
    for (uint32_t id = 0; id < vocabulary_size(model->vocabulary); id++) {
        size_t length, other;
        const char *word = vocabulary_word(model->vocabulary, id, &length),
                   *found = vocabulary_word(again->vocabulary, id, &other);
        assert_int_equal(length, other);
        assert_memory_equal(word, found, length);
        assert_int_equal(vocabulary_count(again->vocabulary, id),
                         counts ? vocabulary_count(model->vocabulary, id) : 0);
        assert_memory_equal(table_row(model->input, id), table_row(again->input, id),
                            DIM * sizeof(float));
    }
}

static void written(void **state, const struct model *model, const char *format, const char *name) {
    char *path = temporary_path(state, name);
    struct error err = {0};
    assert_int_equal(export_write(model, format, NULL, path, NULL, &err), STATUS_OK);
    free(path);
}

static struct model *read_again(void **state, const char *name, const char *vocabulary) {
    char *path = temporary_path(state, name),
         *words = vocabulary ? temporary_path(state, vocabulary) : NULL;
    const struct import_bounds bounds = {.vocabulary = words};
    struct model *model;
    struct error err = {0};
    if (import_read(&model, path, "back", &bounds, kernel_choose(NULL), &err) != STATUS_OK)
        fail_msg("%s: %s", name, err.text);
    free(path);
    free(words);
    return model;
}

static void exports_come_back(void **state) {
    struct model *model = awkward(), *again;
    written(state, model, "vectors.kv", "x.kv");
    written(state, model, "vectors.npy", "x.kv.vectors.npy");
    again = read_again(state, "x.kv", NULL);
    expect_same(model, again, true);
    assert_string_equal(again->info.import_format, "gensim");
    model_drop(again);
    written(state, model, "static-embedding.tar", "x.tar");
    again = read_again(state, "x.tar", NULL);
    expect_same(model, again, false);
    assert_int_equal(again->info.import_unnamed, 1); /* the row of unknown words */
    model_drop(again);
    char *folder = temporary_path(state, "folder");
    struct error err = {0};
    assert_int_equal(export_write_folder(model, "static-embedding.tar", NULL, folder, NULL, &err),
                     STATUS_OK);
    again = read_again(state, "folder", NULL);
    expect_same(model, again, false);
    model_drop(again);
    again = read_again(state, "folder/model.safetensors", NULL);
    expect_same(model, again, false);
    model_drop(again);
    free(folder);
    model_drop(model);
}

static void vocabularies_name_the_rows(void **state) {
    static const float values[] = {1, 2, 3, 4, 5, 6};
    static const char *const two[] = {"a", "b c"};
    struct model *model = sample_model(two, values, 2, DIM, 1, PARTITION_MOD, NULL), *again;
    char *path = temporary_path(state, "plain.txt");
    struct error err = {0};
    written(state, model, "vectors.npy", "x.npy");
    written(state, model, "model.safetensors", "x.safetensors");
    written(state, model, "vocab.tsv", "vocab.tsv");
    assert_int_equal(file_replace(path, "a\r\nb c", 6, &err), STATUS_OK);
    again = read_again(state, "x.npy", "vocab.tsv");
    expect_same(model, again, true);
    model_drop(again);
    again = read_again(state, "x.npy", "plain.txt");
    expect_same(model, again, false);
    model_drop(again);
    again = read_again(state, "x.safetensors", "vocab.tsv");
    expect_same(model, again, true);
    model_drop(again);
    free(path);
    model_drop(model);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void expect_refusal(void **state, const char *name, const char *bytes, size_t length,
                           const char *text) {
    struct model *model;
    struct error err = {0};
    assert_int_not_equal(import_bytes(state, name, bytes, length, 0, &model, &err), STATUS_OK);
    if (!strstr(err.text, text))
        fail_msg("%s: %s", name, err.text);
}

#define EXPECT_REFUSAL(name, bytes, text) expect_refusal(state, name, bytes, sizeof bytes - 1, text)

static void names_must_fit(void **state) {
    struct model *model;
    struct error err = {0};
    EXPECT_REFUSAL("x.npy", "1 2\na 1 2\n", "'x.npy' ends in .npy, but the file is text");
    EXPECT_REFUSAL("x.kv", "1 2\na 1 2\n", "ends in .kv");
    EXPECT_REFUSAL("x.txt", "\200\004N.", "but the file is a Python pickle");
    EXPECT_REFUSAL("x.npy", "\x93NUMPY\1\0\0\0\0\0\0\0\0\0", "lacks descr");
    assert_int_equal(import_bytes(state, "x.dat", "1 2\na 1 2\n", 10, 0, &model, &err), STATUS_OK);
    model_drop(model);
    assert_int_equal(import_name_check("vectors.bin.gz", &err), STATUS_OK);
    assert_int_equal(import_name_check("king.kv", &err), STATUS_OK);
    assert_int_equal(import_name_check("model.vecmill", &err), STATUS_REFUSED);
    assert_non_null(strstr(err.text, ".safetensors"));
}

static void pickles_are_not_run(void **state) {
    EXPECT_REFUSAL("x.kv", "\200\004cos\nsystem\nX\4\0\0\0true\x85R.", "no KeyedVectors");
    EXPECT_REFUSAL("x.kv", "\200\004N", "cut short");
    EXPECT_REFUSAL("x.kv", "\200\004.", "it is empty");
    EXPECT_REFUSAL("x.kv", "\200\004](a.", "value is missing");
    EXPECT_REFUSAL("x.kv", "\200\004h\5.", "recalls what was not");
    EXPECT_REFUSAL("x.kv", "\200\004Nr\xff\xff\xff\x7f.", "remembers what is not");
    EXPECT_REFUSAL("x.kv", "\200\004N\x85u.", "a mark is missing");
    EXPECT_REFUSAL("x.kv", "\200\004X\xff\xff\xff\xff.", "cut short");
    EXPECT_REFUSAL("x.kv", "\200\004P1\n.", "instruction 80");
    EXPECT_REFUSAL("x.kv", "\200\004}(N u.", "instruction 32");
    EXPECT_REFUSAL("x.kv", "\200\0041.", "mark is missing");
    EXPECT_REFUSAL("x.kv", "\200\0040.", "takes what is not");
}

static void arrays_are_checked(void **state) {
#define NPY(text) "\x93NUMPY\1\0\x60\0" text
    static const struct {
        const char *header, *text;
    } cases[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1, 1), }", "type '>f4'"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", "column by column"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", "no matrix"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }", "no matrix"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999999), }",
         "cut short"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 1), }",
         "no matrix"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", "cut short"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", "no words"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[10 + 0x60 + 8] = NPY("");
        memset(file + 10, ' ', 0x60);
        memcpy(file + 10, cases[i].header, strlen(cases[i].header));
        memset(file + 10 + 0x60, 0, 8);
        expect_refusal(state, "x.npy", file, sizeof file, cases[i].text);
    }
    EXPECT_REFUSAL("x.safetensors", "\xff\xff\xff\0\0\0\0\0{\"a\":1}  ", "cut short");
    EXPECT_REFUSAL("x.safetensors", "\x08\0\0\0\0\0\0\0{\"a\":1} ", "no JSON");
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* Whatever is cut off or changed: a model, or a reason and nothing held. */
static void damage(void **state, const char *name, const char *bytes, size_t length,
                   uint64_t seed) {
    struct random random;
    char *copy = malloc(length + 1);
    size_t step = length / 150 + 1;
    random_init(&random, seed, 0);
    for (size_t i = 0; i < 300 + length / step; i++) {
        struct model *model;
        struct error err = {0};
        size_t n = i < length / step ? i * step : length;
        memcpy(copy, bytes, length);
        for (size_t k = 0; n == length && k < 1 + i % 3; k++)
            copy[random_below(&random, (uint32_t)(i % 2 && length > 300 ? 300 : length))] =
                (char)random_below(&random, 256);
        enum status status = import_bytes(state, name, copy, n, 0, &model, &err);
        if (status == STATUS_OK)
            model_drop(model);
        else
            assert_true(err.text[0] != '\0');
    }
    free(copy);
}

static void damage_of(void **state, const char *name) {
    char *path = temporary_path(state, name), *data;
    size_t length;
    struct error err = {0};
    assert_int_equal(file_read(path, 1 << 20, &data, &length, &err), STATUS_OK);
    damage(state, name, data, length, length);
    free(data);
    free(path);
}

static void damage_does_no_harm(void **state) {
    struct model *model = awkward();
    const struct fasttext_made made = {12, DIM, 7, 2, 3, 2, false};
    struct buffer file = {0};
    written(state, model, "vectors.npy", "x.kv.vectors.npy");
    written(state, model, "vectors.kv", "x.kv");
    damage_of(state, "x.kv");
    written(state, model, "static-embedding.tar", "x.tar");
    damage_of(state, "x.tar");
    fasttext_make(&file, &made);
    damage(state, "x.bin", file.data, file.length, 1);
    buffer_clear(&file);
    char *folder = temporary_path(state, "folder");
    struct error err = {0};
    assert_int_equal(export_write_folder(model, "static-embedding.tar", NULL, folder, NULL, &err),
                     STATUS_OK);
    damage_of(state, "folder/model.safetensors");
    free(folder);
    model_drop(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)
        TEST(fasttext_vectors_are_means), TEST(fasttext_refuses),    TEST(exports_come_back),
        TEST(vocabularies_name_the_rows), TEST(names_must_fit),      TEST(pickles_are_not_run),
        TEST(arrays_are_checked),         TEST(damage_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
