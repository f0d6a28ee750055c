#include "tests/support/vectors_sample.h"

#include <math.h>
#include <zlib.h>

#include "tests/support/stop_after.h"

#define ROWS 9
#define DIM 5

/* Words with white space, broken UTF-8, and nothing but a no-break space. */
static const char *const words[ROWS] = {"the",    "a b",   "\xd1\x8f", "\xff\xfe", "\xc2\xa0",
                                        "t\tn\n", "\"q\"", "x\\y",     "last"};

static struct model *awkward_model(bool output, uint32_t shards) {
    float *values = sample_values(ROWS * DIM, 4);
    struct error err = {0};
    values[0] = -0.0f;
    values[1] = 1e-45f;
    values[2] = 3.4028235e38f / 4;
    values[3] = 1e-10f;
    memset(values + 3 * DIM, 0, DIM * sizeof(float));
    struct model *model = sample_model(words, values, ROWS, DIM, shards, PARTITION_MOD, NULL);
    snprintf(model->info.name, sizeof model->info.name, "my \"model\"\\");
    if (output) {
        assert_int_equal(table_create(&model->output, ROWS, DIM + 1, shards, PARTITION_MOD, &err),
                         STATUS_OK);
        for (uint32_t id = 0; id < ROWS; id++)
            for (uint32_t i = 0; i <= DIM; i++)
                table_row(model->output, id)[i] = (float)(100 * id + i);
    }
    free(values);
    return model;
}

/* The exported bytes; the caller frees. */
static char *exported(void **state, const struct model *model, const char *format,
                      const struct export_options *options, size_t *length, uint64_t *altered) {
    char *path = temporary_path(state, format), *data;
    struct error err = {0};
    assert_int_equal(export_write(model, format, options, path, altered, &err), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 24, &data, length, &err), STATUS_OK);
    free(path);
    return data;
}

static void check_imported(void **state, const char *format) {
    struct model *model = awkward_model(false, 3), *again;
    size_t length;
    uint64_t altered;
    struct error err = {0};
    char *data = exported(state, model, format, NULL, &length, &altered),
         *path = temporary_path(state, format);
    assert_int_equal(altered, 2);
    assert_int_equal(import_read(&again, path, "back", NULL, model->kernel, &err), STATUS_OK);
    assert_string_equal(again->info.name, "back");
    assert_int_equal(vocabulary_size(again->vocabulary), ROWS);
    assert_int_equal(again->input->columns, DIM);
    for (uint32_t id = 0; id < ROWS; id++) {
        size_t size;
        const char *word = vocabulary_word(again->vocabulary, id, &size);
        const char *right = id == 1 ? "a_b" : id == 5 ? "t_n_" : words[id];
        assert_int_equal(size, strlen(right));
        assert_memory_equal(word, right, size);
        assert_int_equal(vocabulary_count(again->vocabulary, id), 0);
        assert_memory_equal(table_row(model->input, id), table_row(again->input, id),
                            DIM * sizeof(float));
    }
    free(data);
    free(path);
    model_drop(model);
    model_drop(again);
}

static void vectors_come_back_to_the_bit(void **state) {
    check_imported(state, "vectors.txt");
    check_imported(state, "vectors.bin");
    check_imported(state, "vectors.txt.gz");
    check_imported(state, "vectors.bin.gz");
}

/* White space that becomes '_' must not make two words of a file equal: no reader would take it. */
static void altered_words_stay_apart(void **state) {
    enum { PLAIN = 11, SIDES = 8, ALL = PLAIN + (1 << SIDES) };
    static const char *const plain[PLAIN] = {"a b", "a_b", "a\tb", "a_b_2", "a_b_2_", "x y",
                                             "_",   " ",   "\n",   "x_y_5", "z"};
    static const char *const right[PLAIN] = {"a_b_0", "a_b", "a_b_2__", "a_b_2", "a_b_2_", "x_y",
                                             "_",     "__7", "__8",     "x_y_5", "z"};
    static char made[1 << SIDES][2 * SIDES + 2];
    const char *all[ALL];
    float *values = sample_values(ALL, 3);
    struct error err = {0};
    memcpy(all, plain, sizeof plain);
    /* every mixture of ' ' and '_' between the letters */
    for (unsigned n = 0; n < 1 << SIDES; n++) {
        for (unsigned i = 0; i < SIDES; i++)
            memcpy(made[n] + 2 * i, (n >> i & 1) != 0 ? "w " : "w_", 3);
        all[PLAIN + n] = made[n];
    }
    struct model *model = sample_model(all, values, ALL, 1, 1, PARTITION_MOD, NULL), *again;
    for (int binary = 0; binary < 2; binary++) {
        const char *format = binary ? "vectors.bin" : "vectors.txt";
        size_t length;
        uint64_t altered;
        char *path = temporary_path(state, format);
        free(exported(state, model, format, NULL, &length, &altered));
        assert_int_equal(altered, 5 + (1 << SIDES) - 1);
        assert_int_equal(import_read(&again, path, "back", NULL, model->kernel, &err), STATUS_OK);
        for (uint32_t id = 0; id < PLAIN; id++)
            assert_int_equal(vocabulary_find(again->vocabulary, right[id], strlen(right[id])), id);
        assert_int_equal(vocabulary_size(again->vocabulary), ALL);
        model_drop(again);
        free(path);
    }
    model_drop(model);
    free(values);
}

static void word2vec_layouts(void **state) {
    static const char *const two[] = {"b", "a"};
    static const float values[] = {1, -0.5f, 0.1f, 3e-20f};
    struct model *model = sample_model(two, values, 2, 2, 2, PARTITION_DIV, NULL);
    size_t length;
    char *data = exported(state, model, "vectors.txt", NULL, &length, NULL);
    assert_string_equal(data, "2 2\nb 1 -0.5\na 0.1 3e-20\n");
    free(data);
    data = exported(state, model, "vectors.bin", NULL, &length, NULL);
    assert_int_equal(length, 4 + 2 * (2 + 8 + 1));
    assert_memory_equal(data, "2 2\nb \0\0\x80\x3f\0\0\0\xbf\na ", 4 + 11 + 2);
    assert_int_equal(data[length - 1], '\n');
    free(data);
    data = exported(state, model, "vocab.tsv", NULL, &length, NULL);
    assert_string_equal(data, "b\t2\na\t1\n");
    free(data);
    data = exported(state, model, "tensors.tsv", NULL, &length, NULL);
    assert_string_equal(data, "1\t-0.5\n0.1\t3e-20\n");
    free(data);
    model_drop(model);
}

static void npy_has_its_header(void **state) {
    struct model *model = awkward_model(false, 4);
    size_t length;
    char *data = exported(state, model, "vectors.npy", NULL, &length, NULL);
    size_t header = (unsigned char)data[8] + 256 * (size_t)(unsigned char)data[9];
    assert_memory_equal(data, "\x93NUMPY\x01\x00", 8);
    assert_int_equal((10 + header) % 64, 0);
    assert_int_equal(data[10 + header - 1], '\n');
    assert_memory_equal(data + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (9, 5), }",
                        59);
    for (size_t i = 69; i + 1 < 10 + header; i++)
        assert_int_equal(data[i], ' ');
    assert_int_equal(length, 10 + header + ROWS * DIM * sizeof(float));
    for (uint32_t id = 0; id < ROWS; id++)
        assert_memory_equal(data + 10 + header + id * DIM * sizeof(float),
                            table_row(model->input, id), DIM * sizeof(float));
    free(data);
    model_drop(model);
}

static void check_safetensors(void **state, bool output) {
    struct model *model = awkward_model(output, 2);
    size_t length, rows = ROWS * DIM * sizeof(float);
    char *data = exported(state, model, "model.safetensors", NULL, &length, NULL), *header;
    uint64_t header_length;
    memcpy(&header_length, data, 8);
    assert_int_equal((8 + header_length) % 64, 0);
    assert_int_equal(length, 8 + header_length + (output ? 2 * rows + ROWS * sizeof(float) : rows));
    header = calloc(header_length + 1, 1);
    memcpy(header, data + 8, header_length);
    assert_non_null(strstr(
        header, "{\"__metadata__\":{\"format\":\"pt\",\"vecmill\":\"" VECMILL_VERSION "\"},"));
    assert_non_null(strstr(
        header, "\"embeddings\":{\"dtype\":\"F32\",\"shape\":[9,5],\"data_offsets\":[0,180]}"));
    if (output) {
        assert_non_null(strstr(
            header, ",\"output\":{\"dtype\":\"F32\",\"shape\":[9,5],\"data_offsets\":[180,360]}"));
        assert_non_null(strstr(
            header, ",\"bias\":{\"dtype\":\"F32\",\"shape\":[9],\"data_offsets\":[360,396]}}"));
    } else {
        assert_null(strstr(header, "output"));
        assert_null(strstr(header, "bias"));
    }
    for (uint32_t id = 0; id < ROWS; id++) {
        const char *at = data + 8 + header_length + id * DIM * sizeof(float);
        assert_memory_equal(at, table_row(model->input, id), DIM * sizeof(float));
        if (output) {
            assert_memory_equal(at + rows, table_row(model->output, id), DIM * sizeof(float));
            assert_memory_equal(data + 8 + header_length + 2 * rows + id * sizeof(float),
                                table_row(model->output, id) + DIM, sizeof(float));
        }
    }
    free(header);
    free(data);
    model_drop(model);
}

static void safetensors_tell_their_places(void **state) {
    check_safetensors(state, false);
    check_safetensors(state, true);
}

static void projector_files_line_up(void **state) {
    struct model *model = awkward_model(false, 1);
    size_t length;
    uint64_t altered;
    char *data = exported(state, model, "metadata.tsv", NULL, &length, &altered);
    assert_string_equal(
        data, "the\na b\n\xd1\x8f\n\xef\xbf\xbd\xef\xbf\xbd\n_\nt\\tn\\n\n\"q\"\nx\\y\nlast\n");
    assert_int_equal(altered, 3);
    free(data);
    data = exported(state, model, "projector_config.pbtxt", NULL, &length, &altered);
    assert_string_equal(data,
                        "embeddings {\n  tensor_name: \"my \\\"model\\\"\\\\\"\n  tensor_shape: 9\n"
                        "  tensor_shape: 5\n  tensor_path: \"tensors.tsv\"\n  metadata_path: "
                        "\"metadata.tsv\"\n}\n");
    assert_int_equal(altered, 0);
    free(data);
    data = exported(state, model, "tensors.tsv", NULL, &length, NULL);
    size_t lines = 0, tabs = 0;
    for (size_t i = 0; i < length; i++) {
        lines += data[i] == '\n';
        tabs += data[i] == '\t';
    }
    assert_int_equal(lines, ROWS);
    assert_int_equal(tabs, ROWS * (DIM - 1));
    free(data);
    model_drop(model);
}

/* Tab-separated files keep words as they are; what cannot stand in them is escaped and counted. */
static void tab_separated_words_are_kept(void **state) {
    static const char *const odd[] = {"New York",  "New_York", " x ",  "a\tb",     "c\\d",
                                      "e\\f\ng\r", "\xff",     "h\fi", "\xc2\xa0", " "};
    float *values = sample_values(10, 3);
    struct model *model = sample_model(odd, values, 10, 1, 1, PARTITION_MOD, NULL);
    const char *const *names;
    size_t length;
    uint64_t altered;
    char *data = exported(state, model, "vocab.tsv", NULL, &length, &altered);
    assert_string_equal(data, "New York\t10\nNew_York\t9\n x \t8\na\\tb\t7\nc\\d\t6\n"
                              "e\\\\f\\ng\\r\t5\n\xff\t4\nh\fi\t3\n\xc2\xa0\t2\n \t1\n");
    assert_int_equal(altered, 2);
    free(data);
    data = exported(state, model, "metadata.tsv", NULL, &length, &altered);
    assert_string_equal(data, "New York\nNew_York\n x \na\\tb\nc\\d\ne\\\\f\\ng\\r\n"
                              "\xef\xbf\xbd\nh\fi\n_\n_\n");
    assert_int_equal(altered, 5);
    free(data);
    data = exported(state, model, "vectors.txt", NULL, &length, &altered);
    assert_non_null(strstr(data, "\nNew_York_0 "));
    assert_non_null(strstr(data, "\nNew_York "));
    assert_int_equal(altered, 6);
    free(data);
    for (size_t i = 0; i < export_formats(&names); i++) {
        free(exported(state, model, names[i], NULL, &length, &altered));
        assert_int_equal(export_changed_words(model, names[i], 0), altered);
    }
    model_drop(model);
    free(values);
}

static void gzip_is_deterministic(void **state) {
    enum { MANY = 3000, WIDE = 40 }; /* over several of the writer's buffers */
    float *values = sample_values(MANY * WIDE, 8);
    struct model *model = sample_model(NULL, values, MANY, WIDE, 1, PARTITION_MOD, NULL);
    size_t length, length_again, plain_length, read = 0;
    char *data = exported(state, model, "vectors.txt.gz", NULL, &length, NULL);
    char *again = exported(state, model, "vectors.txt.gz", NULL, &length_again, NULL);
    char *plain = exported(state, model, "vectors.txt", NULL, &plain_length, NULL);
    char *path = temporary_path(state, "vectors.txt.gz"), *unpacked = malloc(plain_length + 1);
    assert_int_equal(length, length_again);
    assert_memory_equal(data, again, length);
    assert_memory_equal(data, "\x1f\x8b\x08\0\0\0\0\0", 8); /* no name, no time */
    assert_true(length < plain_length);
    gzFile file = gzopen(path, "rb");
    for (int n = 1; n > 0; read += (size_t)n) {
        n = gzread(file, unpacked + read, (unsigned)(plain_length + 1 - read));
        assert_true(n >= 0);
    }
    assert_int_equal(gzclose(file), Z_OK);
    assert_int_equal(read, plain_length);
    assert_memory_equal(plain, unpacked, read);
    free(data);
    free(again);
    free(plain);
    free(path);
    free(unpacked);
    free(values);
    model_drop(model);
}

static void options_change_the_rows(void **state) {
    static const float values[] = {1, 2, 3, 6, 5, -2};
    const struct export_options centre = {.subtract_mean = true}, unit = {.normalize = true},
                                both = {.subtract_mean = true, .normalize = true};
    struct model *model = sample_model(NULL, values, 3, 2, 1, PARTITION_MOD, NULL);
    size_t length;
    char *data = exported(state, model, "tensors.tsv", &centre, &length, NULL);
    assert_string_equal(data, "-2\t0\n0\t4\n2\t-4\n");
    free(data);
    data = exported(state, model, "tensors.tsv", &both, &length, NULL);
    assert_string_equal(data, "-1\t0\n0\t1\n0.4472136\t-0.8944272\n");
    free(data);
    data = exported(state, model, "vectors.npy", &unit, &length, NULL);
    const char *rows = data + length - sizeof values;
    for (int i = 0; i < 3; i++) {
        float row[2];
        memcpy(row, rows + i * 8, 8);
        assert_true(fabs(hypot(row[0], row[1]) - 1) < 1e-6);
        assert_true(fabs(row[0] * values[2 * i + 1] - row[1] * values[2 * i]) < 1e-6);
    }
    free(data);
    model_drop(model);
    struct model *zero = awkward_model(false, 1);
    data = exported(state, zero, "tensors.tsv", &unit, &length, NULL);
    assert_non_null(strstr(data, "\n0\t0\t0\t0\t0\n"));
    free(data);
    model_drop(zero);
}

static void failures_leave_nothing(void **state) {
    struct model *model = awkward_model(false, 1);
    char *path = temporary_path(state, "no/such/folder"),
         *target = temporary_path(state, "vectors.txt");
    const char *const *names;
    struct error err = {0};
    size_t n = export_formats(&names);
    assert_true(n > 20);
    assert_string_equal(names[0], "vectors.txt");
    assert_string_equal(names[n - 1], "projector_config.pbtxt");
    assert_int_equal(export_write(model, "vectors.doc", NULL, target, NULL, &err),
                     STATUS_NOT_FOUND);
    assert_string_equal(err.text,
                        "no format 'vectors.doc'; there are vectors.txt, vectors.bin, vectors.npy, "
                        "vectors.kv, model.safetensors, static-embedding.tar, pgvector.copy, "
                        "qdrant.ndjson, elasticsearch.ndjson, vocab.tsv, tensors.tsv, "
                        "metadata.tsv, projector_config.pbtxt");
    assert_false(file_exists(target));
    error_clear(&err);
    for (size_t i = 0; i < n; i++) {
        assert_int_not_equal(export_write(model, names[i], NULL, path, NULL, &err), STATUS_OK);
        assert_true(err.text[0] != '\0');
        error_clear(&err);
    }
    free(path);
    free(target);
    model_drop(model);
}

static void exports_stop_when_told(void **state) {
    struct model *model = awkward_model(true, 1);
    struct stop_after after;
    struct stop stop = stop_after(&after, 1);
    struct export_options options = {.normalize = true, .stop = &stop};
    const char *const *names;
    size_t n = export_formats(&names);
    for (size_t i = 0; i < n; i++) {
        char *path = temporary_path(state, names[i]);
        struct error err = {0};
        assert_int_equal(export_write(model, names[i], &options, path, NULL, &err),
                         STATUS_CANCELLED);
        assert_false(file_exists(path));
        free(path);
    }
    model_drop(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)
        TEST(vectors_come_back_to_the_bit), TEST(word2vec_layouts),
        TEST(npy_has_its_header),           TEST(safetensors_tell_their_places),
        TEST(projector_files_line_up),      TEST(gzip_is_deterministic),
        TEST(options_change_the_rows),      TEST(failures_leave_nothing),
        TEST(altered_words_stay_apart),     TEST(tab_separated_words_are_kept),
        TEST(exports_stop_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
