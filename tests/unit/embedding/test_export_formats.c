/* Formats that programs of the field load, the smaller types, limits, and what tells a format. */
#include "tests/support/vectors_sample.h"

#include <math.h>

#include "embedding/half.h"

#define ROWS 6
#define DIM 3

static const char *const words[ROWS] = {"the",      "New York", "a\tb\\c\"",
                                        "\xff\xfe", "\\N",      "\xc3\x89\x01"};
static const float values[ROWS * DIM] = {1,    -0.5f, 0.25f, 2, 4,  -8, 0, 0,     0,
                                         0.1f, 0.2f,  0.3f,  3, -3, 3,  1, 0.01f, 0};

static struct model *sample(void) {
    return sample_model(words, values, ROWS, DIM, 2, PARTITION_MOD, NULL);
}

/* The exported bytes; the caller frees. */
static char *exported(void **state, const struct model *model, const char *format,
                      const struct export_options *options, size_t *length) {
    char *path = temporary_path(state, format), *data;
    struct error err = {0};
    uint64_t altered;
    if (export_write(model, format, options, path, &altered, &err) != STATUS_OK)
        fail_msg("%s: %s", format, err.text);
    assert_int_equal(altered, export_changed_words(model, format, options ? options->limit : 0));
    assert_int_equal(file_read(path, 1 << 24, &data, length, &err), STATUS_OK);
    free(path);
    return data;
}

static void check_text(void **state, const char *format, uint32_t limit, const char *right) {
    const struct export_options options = {.limit = limit};
    struct model *model = sample();
    size_t length;
    char *data = exported(state, model, format, &options, &length);
    assert_string_equal(data, right);
    assert_int_equal(length, strlen(right));
    free(data);
    model_drop(model);
}

static void databases_get_their_lines(void **state) {
    check_text(state, "pgvector.copy", 0,
               "0\tthe\t6\t[1,-0.5,0.25]\n1\tNew York\t5\t[2,4,-8]\n"
               "2\ta\\tb\\\\c\"\t4\t[0,0,0]\n"
               "3\t\xef\xbf\xbd\xef\xbf\xbd\t3\t[0.1,0.2,0.3]\n4\t\\\\N\t2\t[3,-3,3]\n"
               "5\t\xc3\x89\x01\t1\t[1,0.01,0]\n");
    check_text(state, "qdrant.ndjson", 3,
               "{\"id\":0,\"payload\":{\"word\":\"the\",\"count\":6},\"vector\":[1,-0.5,0.25]}\n"
               "{\"id\":1,\"payload\":{\"word\":\"New York\",\"count\":5},\"vector\":[2,4,-8]}\n"
               "{\"id\":2,\"payload\":{\"word\":\"a\\u0009b\\\\c\\\"\",\"count\":4},"
               "\"vector\":[0,0,0]}\n");
    check_text(state, "elasticsearch.ndjson", 1,
               "{\"index\":{\"_id\":\"0\"}}\n"
               "{\"word\":\"the\",\"count\":6,\"vector\":[1,-0.5,0.25]}\n");
    check_text(state, "elasticsearch.int8.ndjson", 1,
               "{\"index\":{\"_id\":\"0\"}}\n"
               "{\"word\":\"the\",\"count\":6,\"vector\":[127,-64,32]}\n");
}

/* Words that become equal to others by U+FFFD get their id. */
static void recoded_words_stay_apart(void **state) {
    static const char *const odd[] = {"\xff", "\xfe", "\xef\xbf\xbd", "x"};
    static const float some[] = {1, 2, 3, 4};
    struct model *model = sample_model(odd, some, 4, 1, 1, PARTITION_MOD, NULL);
    size_t length;
    char *data = exported(state, model, "pgvector.copy", NULL, &length);
    assert_string_equal(data, "0\t\xef\xbf\xbd_0\t4\t[1]\n1\t\xef\xbf\xbd_1\t3\t[2]\n"
                              "2\t\xef\xbf\xbd\t2\t[3]\n3\tx\t1\t[4]\n");
    free(data);
    model_drop(model);
}

/* A file of the first rows is the begin of the file of all, its header left out. */
static void limits_take_the_first_rows(void **state) {
    static const struct {
        const char *format;
        size_t header, row; /* of both files; bytes of a row, 0: as it comes */
    } cases[] = {
        {"vectors.txt", 4, 0},   {"vectors.bin", 4, 0},   {"vectors.npy", 128, 12},
        {"vocab.tsv", 0, 0},     {"tensors.tsv", 0, 0},   {"metadata.tsv", 0, 0},
        {"pgvector.copy", 0, 0}, {"qdrant.ndjson", 0, 0}, {"vectors.int8.npy", 128, 3},
    };
    struct model *model = sample();
    const struct export_options four = {.limit = 4, .subtract_mean = true},
                                all = {.limit = 99, .subtract_mean = true};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length, whole, header = cases[i].header;
        char *some = exported(state, model, cases[i].format, &four, &length),
             *data = exported(state, model, cases[i].format, &all, &whole);
        assert_true(length < whole && length > header);
        assert_memory_equal(some + header, data + header, length - header);
        if (cases[i].row > 0)
            assert_int_equal(length, header + 4 * cases[i].row);
        free(some);
        free(data);
    }
    model_drop(model);
}

/* Every half there is, and numbers between each and the next. */
static void halves_are_the_nearest(void **state) {
    (void)state;
    for (uint32_t half = 0; half < 0x7c00; half++) {
        float at = half_to_float((uint16_t)half), next = half_to_float((uint16_t)(half + 1));
        assert_int_equal(half_from_float(at), half);
        assert_int_equal(half_from_float(-at), half | 0x8000);
        if (half + 1 == 0x7c00)
            break;
        float middle = at + (next - at) / 2;
        assert_int_equal(half_from_float(middle), half + (half & 1)); /* to even */
        assert_int_equal(half_from_float(nextafterf(middle, at)), half);
        assert_int_equal(half_from_float(nextafterf(middle, next)), half + 1);
    }
    assert_int_equal(half_from_float(65504), 0x7bff);
    assert_int_equal(half_from_float(65519.9f), 0x7bff);
    assert_int_equal(half_from_float(65520), 0x7c00);
    assert_int_equal(half_from_float(INFINITY), 0x7c00);
    assert_true(isnan(half_to_float(half_from_float(NAN))));
    assert_true(half_to_float(0x0001) == 0x1p-24f);
    assert_true(half_to_float(0xc000) == -2);
}

static void small_types_have_their_numbers(void **state) {
    struct model *model = sample();
    size_t length;
    char *data = exported(state, model, "vectors.float16.npy", NULL, &length);
    assert_non_null(strstr(data + 10, "'<f2'"));
    assert_int_equal(length, 128 + ROWS * DIM * 2);
    assert_memory_equal(data + 128, "\0\x3c\0\xb8\0\x34\0\x40\0\x44\0\xc8", 12);
    free(data);
    data = exported(state, model, "vectors.int8.npy", NULL, &length);
    assert_non_null(strstr(data + 10, "'|i1'"));
    assert_memory_equal(data + 128, "\x7f\xc0\x20\x20\x40\x81\0\0\0", 9);
    free(data);
    data = exported(state, model, "model.int8.safetensors", NULL, &length);
    assert_non_null(strstr(data + 8, "\"embeddings\":{\"dtype\":\"I8\",\"shape\":[6,3],"
                                     "\"data_offsets\":[0,18]},\"scales\":{\"dtype\":\"F32\","
                                     "\"shape\":[6,1],\"data_offsets\":[18,42]}}"));
    float scale;
    memcpy(&scale, data + length - 5 * sizeof scale, sizeof scale);
    assert_true(scale == 8.0f / 127);
    free(data);
    model_drop(model);
}

static void values_beyond_float16_are_refused(void **state) {
    static const char *const two[] = {"small", "large"};
    static const float far[] = {1, 2, 70000, 1};
    struct model *model = sample_model(two, far, 2, 2, 1, PARTITION_MOD, NULL);
    char *path = temporary_path(state, "x");
    const struct export_options unit = {.normalize = true}, first = {.limit = 1};
    struct export_loss loss;
    struct error err = {0};
    assert_int_equal(export_write(model, "vectors.float16.npy", NULL, path, NULL, &err),
                     STATUS_REFUSED);
    assert_string_equal(err.text, "word 'large' has a value beyond 65504, which float16 cannot "
                                  "hold: normalize brings the rows to length 1");
    assert_false(file_exists(path));
    error_clear(&err);
    assert_int_equal(export_measure(model, "vectors.float16.npy", NULL, &loss, &err),
                     STATUS_REFUSED);
    error_clear(&err);
    assert_int_equal(export_write(model, "vectors.float16.npy", &unit, path, NULL, &err),
                     STATUS_OK);
    assert_int_equal(export_write(model, "vectors.float16.npy", &first, path, NULL, &err),
                     STATUS_OK);
    free(path);
    model_drop(model);
}

static void loss_is_measured(void **state) {
    enum { MANY = 700, WIDE = 20 };
    (void)state;
    float *some = sample_values(MANY * WIDE, 6);
    struct model *model = sample_model(NULL, some, MANY, WIDE, 1, PARTITION_MOD, NULL);
    const struct export_options few = {.limit = 30}, one = {.limit = 1};
    struct export_loss half, byte, none;
    struct error err = {0};
    assert_int_equal(export_measure(model, "vectors.float16.npy", NULL, &half, &err), STATUS_OK);
    assert_int_equal(export_measure(model, "vectors.int8.npy", NULL, &byte, &err), STATUS_OK);
    assert_int_equal(export_measure(model, "vectors.npy", &few, &none, &err), STATUS_OK);
    assert_true(none.cosine_max < 1e-12 && none.overlap == 1 && none.among == 30);
    assert_true(half.cosine_mean > 0 && half.cosine_mean < byte.cosine_mean);
    assert_true(byte.cosine_mean < 1e-4 && byte.cosine_max >= byte.cosine_mean);
    assert_true(half.overlap > 0.99 && byte.overlap > 0.9 && byte.overlap < 1);
    assert_int_equal(byte.words, LOSS_WORDS);
    assert_int_equal(byte.among, MANY);
    assert_int_equal(export_measure(model, "vectors.int8.npy", &one, &none, &err), STATUS_OK);
    assert_true(isnan(none.overlap));
    free(some);
    model_drop(model);
}

/* What a file's name, a format and a type mean together. */
static const struct naming {
    const char *file, *format, *type, *right;
    enum status status;
} namings[] = {
    {"king.npy", NULL, NULL, "vectors.npy", STATUS_OK},
    {"a.dir/king.vec", NULL, NULL, "vectors.txt", STATUS_OK},
    {"king-vocab.tsv", NULL, NULL, "vocab.tsv", STATUS_OK},
    {"vectors.txt.gz", NULL, NULL, "vectors.txt.gz", STATUS_OK},
    {"k.float16.npy", NULL, NULL, "vectors.float16.npy", STATUS_OK},
    {"k.npy", NULL, "int8", "vectors.int8.npy", STATUS_OK},
    {"k.float16.npy", NULL, "float16", "vectors.float16.npy", STATUS_OK},
    {"k.float16.npy", NULL, "int8", NULL, STATUS_REFUSED},
    {"k.float16.npy", "npy", NULL, "vectors.float16.npy", STATUS_OK},
    {"k.npy", "float16.npy", NULL, "vectors.float16.npy", STATUS_OK},
    {"k.int8.npy", "float16.npy", NULL, NULL, STATUS_REFUSED},
    {"vectors.kv.vectors.npy", NULL, NULL, "vectors.npy", STATUS_OK},
    {"x.float16.kv.vectors.npy", NULL, NULL, "vectors.float16.npy", STATUS_OK},
    {"x.kv", NULL, "float16", "vectors.float16.kv", STATUS_OK},
    {"x.tar", NULL, NULL, "static-embedding.tar", STATUS_OK},
    {"folder", "static-embedding", NULL, "static-embedding.tar", STATUS_OK},
    {"folder", "static-embedding", "float16", "static-embedding.float16.tar", STATUS_OK},
    {"x.ndjson", NULL, NULL, NULL, STATUS_REFUSED},
    {"x.ndjson", "qdrant", NULL, "qdrant.ndjson", STATUS_OK},
    {"x.ndjson", "elasticsearch", "int8", "elasticsearch.int8.ndjson", STATUS_OK},
    {"x.int8.ndjson", "ndjson", NULL, "elasticsearch.int8.ndjson", STATUS_OK},
    {"x.tsv", NULL, NULL, NULL, STATUS_REFUSED},
    {"x.tsv", "metadata.tsv", NULL, "metadata.tsv", STATUS_OK},
    {"x.tsv", "vectors.npy", NULL, NULL, STATUS_REFUSED},
    {"x.npy", "vectors.txt", NULL, NULL, STATUS_REFUSED},
    {"x.txt.gz", "vectors.txt", NULL, NULL, STATUS_REFUSED},
    {"x.dat", "vectors.txt", NULL, "vectors.txt", STATUS_OK},
    {"x.dat", NULL, NULL, NULL, STATUS_NOT_FOUND},
    {"npy", NULL, NULL, NULL, STATUS_NOT_FOUND},
    {"", NULL, NULL, NULL, STATUS_NOT_FOUND},
    {"x.txt", NULL, "float16", NULL, STATUS_REFUSED},
    {"x.txt", NULL, "float32", "vectors.txt", STATUS_OK},
    {"x.npy", NULL, "float8", NULL, STATUS_REFUSED},
    {"x.npy", "vectors", NULL, NULL, STATUS_NOT_FOUND},
    {"x.npy", "", NULL, NULL, STATUS_NOT_FOUND},
    {NULL, "safetensors", "int8", "model.int8.safetensors", STATUS_OK},
};

static void endings_tell_the_format(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof namings / sizeof *namings; i++) {
        const char *name = NULL;
        struct error err = {0};
        enum status status =
            export_choose(namings[i].file, namings[i].format, namings[i].type, &name, &err);
        if (status != namings[i].status)
            fail_msg("case %zu, '%s': %s", i, namings[i].file, err.text);
        if (status == STATUS_OK)
            assert_string_equal(name, namings[i].right);
        else
            assert_true(err.text[0] != '\0' && err.key[0] != '\0');
    }
    struct error err = {0};
    const char *name;
    assert_int_equal(export_choose("x.dat", NULL, NULL, &name, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.text, ".safetensors"));
    error_clear(&err);
    assert_int_equal(export_choose("x.npy", "vectors.txt", NULL, &name, &err), STATUS_REFUSED);
    assert_string_equal(err.text, "the name 'x.npy' says vectors.npy, the format says "
                                  "vectors.txt: change one of them");
}

/* Every name of the list is understood as itself. */
static void names_mean_themselves(void **state) {
    const char *const *names;
    (void)state;
    for (size_t i = 0, n = export_formats(&names); i < n; i++) {
        struct error err = {0};
        const char *name;
        assert_int_equal(export_choose(names[i], NULL, NULL, &name, &err), STATUS_OK);
        assert_string_equal(name, names[i]);
        assert_int_equal(export_choose(NULL, names[i], NULL, &name, &err), STATUS_OK);
        assert_string_equal(name, names[i]);
    }
}

/* A tar's members are the files of the folder. */
static void bundles_are_the_same(void **state) {
    static const char *const files[] = {"modules.json", "config.json", "tokenizer.json",
                                        "model.safetensors"};
    struct model *model = sample();
    size_t length, at = 0;
    struct error err = {0};
    char *tar = exported(state, model, "static-embedding.tar", NULL, &length),
         *folder = temporary_path(state, "st");
    assert_int_equal(length % 512, 0);
    assert_int_equal(export_write_folder(model, "static-embedding.tar", NULL, folder, NULL, &err),
                     STATUS_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = path_join(folder, files[i]), *data;
        size_t size;
        assert_int_equal(file_read(path, 1 << 20, &data, &size, &err), STATUS_OK);
        assert_string_equal(tar + at, files[i]);
        assert_int_equal(strtoull(tar + at + 124, NULL, 8), size);
        assert_memory_equal(tar + at + 512, data, size);
        at += 512 + (size + 511) / 512 * 512;
        free(data);
        free(path);
    }
    assert_int_equal(at + 1024, length);
    assert_int_equal(export_write_folder(model, "static-embedding.tar", NULL, folder, NULL, &err),
                     STATUS_CONFLICT);
    size_t removed = 0;
    error_clear(&err);
    assert_int_equal(folder_sweep(*state, &removed, &err), STATUS_OK);
    assert_int_equal(removed, 0); /* nothing was left of the attempt */
    free(tar);
    free(folder);
    model_drop(model);
}

static void tokenizers_find_all_words(void **state) {
    static const char *const lower[] = {"a", "b c", "[UNK]", "\xff"};
    static const float some[] = {1, 2, 3, 4};
    struct model *model = sample_model(lower, some, 4, 1, 1, PARTITION_MOD, NULL);
    size_t length;
    char *data = exported(state, model, "static-embedding.tar", NULL, &length);
    const char *tokenizer = data + 4 * 512 + 512; /* behind two files and its header */
    assert_string_equal(
        tokenizer,
        "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{\"id\":1,"
        "\"content\":\"b c\",\"single_word\":true,\"lstrip\":false,\"rstrip\":false,\"normalized\":"
        "false,\"special\":false}],\"normalizer\":null,\"pre_tokenizer\":{\"type\":"
        "\"WhitespaceSplit\"},\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":"
        "\"WordLevel\",\"vocab\":{\"a\":0,\"b c\":1,\"[UNK]\":2,\"\xef\xbf\xbd\":3,\"[UNK]_\":4},"
        "\"unk_token\":\"[UNK]_\"}}\n");
    free(data);
    const struct export_options two = {.limit = 2};
    data = exported(state, model, "static-embedding.tar", &two, &length);
    assert_non_null(strstr(data + 5 * 512, "\"normalizer\":{\"type\":\"Lowercase\"}"));
    free(data);
    model_drop(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)
        TEST(databases_get_their_lines),
        TEST(recoded_words_stay_apart),
        TEST(limits_take_the_first_rows),
        TEST(halves_are_the_nearest),
        TEST(small_types_have_their_numbers),
        TEST(values_beyond_float16_are_refused),
        TEST(loss_is_measured),
        TEST(endings_tell_the_format),
        TEST(names_mean_themselves),
        TEST(bundles_are_the_same),
        TEST(tokenizers_find_all_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
