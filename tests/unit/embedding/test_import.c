#include "tests/support/vectors_sample.h"

#include <math.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/support/stop_after.h"

/* Writes bytes to a file and imports it. */
static enum status import_bytes(void **state, const void *bytes, size_t length, uint64_t limit,
                                struct model **model, struct error *err) {
    char *path = temporary_path(state, "input");
    struct error written = {0};
    assert_int_equal(file_replace(path, bytes, length, &written), STATUS_OK);
    struct import_bounds bounds = {.decode.bytes = limit};
    enum status status = import_read(model, path, "imported", &bounds, kernel_choose(NULL), err);
    free(path);
    return status;
}

/* values: [rows, dim] */
static void check_model(struct model *model, const char *const *words, const float *values,
                        uint32_t rows, uint32_t dim) {
    assert_int_equal(vocabulary_size(model->vocabulary), rows);
    assert_int_equal(model->input->columns, dim);
    assert_null(model->output);
    for (uint32_t id = 0; id < rows; id++) {
        assert_int_equal(vocabulary_find(model->vocabulary, words[id], strlen(words[id])), id);
        assert_memory_equal(table_row(model->input, id), values + id * dim, dim * sizeof(float));
    }
    model_drop(model);
}

static const char *const three[] = {"king", "\xff\x80", "12"};
static const float values[] = {1, -0.5f, 0.25f, 1e-3f, 2, 3, 0, -0.0f, 1e38f};

static void text_is_read(void **state) {
    static const char *const texts[] = {
        "3 3\nking 1 -0.5 0.25\n\xff\x80 0.001 2 3\n12 0 -0 1e38\n",
        /* GloVe's: no header */
        "king 1 -0.5 0.25\n\xff\x80 0.001 2 3\n12 0 -0 1e38\n",
        /* line ends and spaces of others */
        "3 3 \r\nking 1 -0.5 .25 \r\n\xff\x80 1e-3 2. 3\r\n12 +0 -0.0 1E+38\r\n",
        "3\t3\nking\t1\t-0.5\t0.25\n\xff\x80\t0.001  2\t3\n12 0 -0 1e38\n\n \n",
        "\xef\xbb\2773 3\nking 1 -0.5 0.25\n\xff\x80 0.001 2 3\n12 0 -0 1e38",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct model *model;
        struct error err = {0};
        assert_int_equal(import_bytes(state, texts[i], strlen(texts[i]), 0, &model, &err),
                         STATUS_OK);
        assert_string_equal(model->info.name, "imported");
        assert_true(model->info.created > 0);
        check_model(model, three, values, 3, 3);
    }
}

/* word2vec ends every vector with a line break, others do not. */
static struct buffer binary_bytes(const char *const *words, const float *numbers, uint32_t rows,
                                  uint32_t dim, bool breaks) {
    struct buffer bytes = {0};
    buffer_print(&bytes, "%u %u\n", rows, dim);
    for (uint32_t i = 0; i < rows; i++) {
        buffer_print(&bytes, "%s ", words[i]);
        buffer_append(&bytes, numbers + i * dim, dim * sizeof(float));
        if (breaks)
            buffer_append_char(&bytes, '\n');
    }
    return bytes;
}

static void binary_is_read(void **state) {
    /* Floats that look like text, byte by byte, where there are few of them. */
    static const char *const two[] = {"a", "b"};
    float letters[2], breaks[2];
    memcpy(letters, "ABC=1 2 ", 8);
    memcpy(breaks, "\n\n\n=\n  \n", 8);
    for (int end = 0; end < 2; end++) {
        struct model *model;
        struct error err = {0};
        struct buffer bytes = binary_bytes(three, values, 3, 3, end);
        assert_int_equal(import_bytes(state, bytes.data, bytes.length, 0, &model, &err), STATUS_OK);
        check_model(model, three, values, 3, 3);
        buffer_clear(&bytes);
        if (end == 1) {
            bytes = binary_bytes(two, letters, 2, 1, true);
            assert_int_equal(import_bytes(state, bytes.data, bytes.length, 0, &model, &err),
                             STATUS_OK);
            check_model(model, two, letters, 2, 1);
            buffer_clear(&bytes);
        }
        bytes = binary_bytes(three, values, 1, 9, end);
        bytes.data[0] = '1';
        assert_int_equal(import_bytes(state, bytes.data, bytes.length, 0, &model, &err), STATUS_OK);
        check_model(model, three, values, 1, 9);
        buffer_clear(&bytes);
        float second[6] = {1, 2, 3, 0, 0, 0}; /* line breaks within later floats */
        memcpy(second + 3, breaks, 8);
        bytes = binary_bytes(two, second, 2, 3, end);
        assert_int_equal(import_bytes(state, bytes.data, bytes.length, 0, &model, &err), STATUS_OK);
        check_model(model, two, second, 2, 3);
        buffer_clear(&bytes);
    }
}

static void compressed_files_are_read(void **state) {
    enum { ROWS = 5000, DIM = 60 }; /* over a megabyte: many pieces */
    float *numbers = sample_values(ROWS * DIM, 2);
    struct model *sample = sample_model(NULL, numbers, ROWS, DIM, 1, PARTITION_MOD, NULL), *model;
    char *path = temporary_path(state, "vectors"), *data;
    static const char *const formats[] = {"vectors.txt", "vectors.bin", "vectors.txt.gz",
                                          "vectors.bin.gz"};
    for (int zstd = 0; zstd < 2; zstd++)
        for (size_t i = 0; i < 4; i++) {
            size_t length;
            struct error err = {0};
            assert_int_equal(export_write(sample, formats[i], NULL, path, NULL, &err), STATUS_OK);
            if (zstd && i < 2) {
                assert_int_equal(file_read(path, 1 << 26, &data, &length, &err), STATUS_OK);
                size_t room = ZSTD_compressBound(length);
                char *packed = malloc(room);
                size_t packed_length = ZSTD_compress(packed, room, data, length, 1);
                assert_int_equal(file_replace(path, packed, packed_length, &err), STATUS_OK);
                free(packed);
                free(data);
            }
            assert_int_equal(import_read(&model, path, "x", NULL, sample->kernel, &err), STATUS_OK);
            for (uint32_t id = 0; id < ROWS; id++)
                assert_memory_equal(table_row(model->input, id), numbers + id * DIM,
                                    DIM * sizeof(float));
            model_drop(model);
            assert_int_equal(import_read(&model, path, "x",
                                         &(struct import_bounds){.decode.bytes = 100000},
                                         sample->kernel, &err),
                             STATUS_TOO_LARGE);
            assert_null(model);
            assert_string_equal(err.text, "decoded data is larger than 100000 bytes");
            error_clear(&err);
            /* Cut short anywhere: an error, never a model. */
            assert_int_equal(file_read(path, 1 << 26, &data, &length, &err), STATUS_OK);
            for (size_t cut = 0; cut < length - length / 10; cut += length / 5) {
                assert_int_equal(file_replace(path, data, cut, &err), STATUS_OK);
                assert_int_not_equal(import_read(&model, path, "x", NULL, sample->kernel, &err),
                                     STATUS_OK);
                assert_null(model);
                assert_true(err.text[0] != '\0');
                error_clear(&err);
            }
            free(data);
        }
    free(path);
    free(numbers);
    model_drop(sample);
}

static const struct {
    const char *text;
    enum status status;
    const char *message;
} hostile_texts[] = {
    {"", STATUS_MALFORMED, "the file is empty"},
    {"\xef\xbb\xbf", STATUS_MALFORMED, "the file is empty"},
    {"\n", STATUS_MALFORMED, "line 1 is neither 'rows dim' nor a word and its values"},
    {"hello\n", STATUS_MALFORMED, "line 1 is neither 'rows dim' nor a word and its values"},
    {"0 5\n", STATUS_REFUSED,
     "line 1: the number of words must be between 1 and 4294967294, not 0"},
    {"4294967295 5\nx 1 2 3 4 5\n", STATUS_REFUSED,
     "line 1: the number of words must be between 1 and 4294967294, not 4294967295"},
    {"5 0\n", STATUS_REFUSED,
     "line 1: the length of the vectors must be between 1 and 65536, not 0"},
    {"5 65537\n", STATUS_REFUSED,
     "line 1: the length of the vectors must be between 1 and 65536, not 65537"},
    /* no header: a word of digits with one value */
    {"99999999999999999999 5\n", STATUS_OK, NULL},
    {"4000000000 65536\n", STATUS_MALFORMED,
     "the header promises 4000000000 words, the file holds 0"},
    {"3 2\na 1 2\nb 3 4\n", STATUS_MALFORMED,
     "the header promises 3 words, the file holds 2; max_rows 2 takes the first 2"},
    {"1 2\na 1 2\nb 3 4\n", STATUS_MALFORMED,
     "line 3: the header promises 1 words, the file holds more; max_rows 1 takes the first 1"},
    {"2 2\na 1 2\nb 3\n", STATUS_MALFORMED, "line 3: 1 values, not 2"},
    {"2 2\na 1 2\nb 3 4 5\n", STATUS_MALFORMED,
     "line 3: 3 values, not 2; if 'b 3' is a word, vectors.bin can hold it"},
    {"2 6\na 1 2 3 4 5 6\n\nb 1 2 3 4 5 6\n", STATUS_MALFORMED, "line 3 is empty"},
    {"a 1 2\nb 3 x4\n", STATUS_MALFORMED, "line 2: value 2, 'x4', is not a number"},
    {"a 1 2\nb 3 4,5\n", STATUS_MALFORMED,
     "line 2: value 2, '4,5', is not a number: decimals have a point, not a comma"},
    {"a 1,5 2,25\nb 3,0 4,5\n", STATUS_MALFORMED,
     "line 1: value 2, '2,25', is not a number: decimals have a point, not a comma"},
    {"a,1.5,2.5\nb,3,4\n", STATUS_MALFORMED,
     "line 1 is neither 'rows dim' nor a word and its values: spaces or tabs stand between "
     "these"},
    {"a 1 2\nb 3 \v4\n", STATUS_MALFORMED,
     "line 2: value 2, '\xef\xbf\xbd"
     "4', is not a number"},
    {"2 2\na 1 0x10\nb 3 4\n", STATUS_MALFORMED, "line 2: value 2, '0x10', is not a number"},
    {"a 1 2\nb nan 4\n", STATUS_REFUSED, "line 2: value 1 of word 'b' is not finite"},
    {"a 1 -inf\nb 3 4\n", STATUS_REFUSED, "line 1: value 2 of word 'a' is not finite"},
    {"1 1\na 1e999\n", STATUS_REFUSED, "line 2: value 1 of word 'a' is not finite"},
    {"1 3\n 1 2 3\n", STATUS_REFUSED, "none of the 1 rows has a word"},
    /* a row that is too long, glued to the next, or cut short */
    {"2 2\na 1.5 2\nb 0.5 3 4\n", STATUS_MALFORMED,
     "line 3: 3 values, not 2; if 'b 0.5' is a word, vectors.bin can hold it"},
    {"2 2\na 1.5 2.5b 3.5 4.5\n", STATUS_MALFORMED,
     "the header promises 2 words, the file holds 1; max_rows 1 takes the first 1"},
    {"a 1.5 2.5\nb 1.5 2.5 3.5c 1.5 2.5\nd 1.5 2.5\n", STATUS_MALFORMED,
     "line 2: 5 values, not 2; if 'b 1.5 2.5 3.5c' is a word, vectors.bin can hold it"},
    {"a 1\nb 1 2\nc 1 2\n", STATUS_MALFORMED, "line 1: 1 values, not 2"},
    {"3 4\na 1 2 3\nb 1 2 3\nc 1 2 3\n", STATUS_MALFORMED, "line 2: 3 values, not 4"},
    {"0.5 0.25 1\n1.5 1 2\n", STATUS_MALFORMED,
     "every word is a number with a point, as if the words were left out; a first line 'rows "
     "dim' makes them words"},
};

static void hostile_text_is_named(void **state) {
    for (size_t i = 0; i < sizeof hostile_texts / sizeof hostile_texts[0]; i++) {
        struct model *model;
        struct error err = {0};
        enum status status = import_bytes(state, hostile_texts[i].text,
                                          strlen(hostile_texts[i].text), 0, &model, &err);
        if (hostile_texts[i].message)
            assert_string_equal(err.text, hostile_texts[i].message);
        assert_int_equal(status, hostile_texts[i].status);
        model_drop(model);
    }
}

static void hostile_binary_is_named(void **state) {
    static const char *const two[] = {"a", "b"}, *const none[] = {"", ""};
    static const float numbers[] = {1, 2, 3, 4}, bad[] = {1, 2, 3, INFINITY};
    const struct {
        const char *const *words;
        const float *numbers;
        size_t cut;
        const char *promised, *message;
    } cases[] = {
        {two, numbers, 1, "2", "word 2 of 2 is cut short; max_rows takes the first ones"},
        {two, numbers, 10, "2",
         "the header promises 2 words, the file holds 1; max_rows 1 takes the first 1"},
        {two, numbers, 0, "3",
         "the header promises 3 words, the file holds 2; max_rows 2 takes the first 2"},
        {two, numbers, 0, "1",
         "the header promises 1 words, the file holds more; max_rows 1 takes the first 1"},
        {none, numbers, 0, "2", "none of the 2 rows has a word"},
        {two, bad, 0, "2", "word 2: value 2 of word 'b' is not finite"},
    };
    struct model *model;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct buffer bytes = binary_bytes(cases[i].words, cases[i].numbers, 2, 2, false);
        bytes.data[0] = cases[i].promised[0];
        assert_int_not_equal(
            import_bytes(state, bytes.data, bytes.length - cases[i].cut, 0, &model, &err),
            STATUS_OK);
        assert_string_equal(err.text, cases[i].message);
        assert_null(model);
        buffer_clear(&bytes);
    }
    /* A word without end. */
    struct error err = {0};
    struct buffer bytes = binary_bytes(two, numbers, 2, 2, false);
    bytes.length -= 10;
    for (int i = 0; i < 200000; i++)
        buffer_append_char(&bytes, 'x');
    assert_int_equal(import_bytes(state, bytes.data, bytes.length, 0, &model, &err),
                     STATUS_MALFORMED);
    assert_string_equal(err.text, "word 2 is longer than 65536 bytes");
    buffer_clear(&bytes);
}

static void endless_lines_are_refused(void **state) {
    static const char *const starts[] = {"", "1 2\n", "1 2\na "};
    for (size_t i = 0; i < 3; i++) {
        struct buffer bytes = {0};
        struct model *model;
        struct error err = {0};
        buffer_append_text(&bytes, starts[i]);
        for (int j = 0; j < 5 << 20; j++)
            buffer_append_char(&bytes, '1');
        assert_int_equal(import_bytes(state, bytes.data, bytes.length, 0, &model, &err),
                         STATUS_MALFORMED);
        assert_string_equal(err.text, i == 0 ? "line 1 is longer than 4194304 bytes"
                                             : "line 2 is longer than 4194304 bytes");
        buffer_clear(&bytes);
    }
}

/* Random damage to good files: a model or an error, never a crash. */
static void damage_is_survived(void **state) {
    enum { ROUNDS = 600 };
    struct random random;
    static const char text[] = "3 3\nking 1 -0.5 0.25\nqueen 0.001 2 3\n12 0 -0 1e38\n";
    random_init(&random, 7, 7);
    for (int round = 0; round < ROUNDS; round++) {
        struct buffer bytes = {0};
        struct model *model;
        struct error err = {0};
        if (round % 2)
            bytes = binary_bytes(three, values, 3, 3, round % 4 == 1);
        else
            buffer_append(&bytes, text, sizeof text - 1);
        for (uint64_t n = random_below(&random, 4) + 1; n > 0; n--)
            bytes.data[random_below(&random, bytes.length)] = (char)random_below(&random, 256);
        size_t length =
            random_below(&random, 3) ? bytes.length : random_below(&random, bytes.length);
        enum status status = import_bytes(state, bytes.data, length, 1 << 20, &model, &err);
        assert_true((status == STATUS_OK) == (model != NULL));
        assert_true((status == STATUS_OK) == (err.text[0] == '\0'));
        model_drop(model);
        buffer_clear(&bytes);
    }
}

static void missing_files_are_not_found(void **state) {
    char *path = temporary_path(state, "absent");
    struct model *model;
    struct error err = {0};
    assert_int_equal(import_read(&model, path, "x", NULL, kernel_choose(NULL), &err),
                     STATUS_NOT_FOUND);
    assert_null(model);
    free(path);
}

/* A text of n words of 16 values; headed: with a header that promises `promised` words. */
static void put_rows(struct buffer *text, uint32_t n, uint64_t promised) {
    text->length = 0;
    if (promised > 0)
        buffer_print(text, "%llu 16\n", (unsigned long long)promised);
    for (uint32_t i = 0; i < n; i++)
        buffer_print(text, "w%u 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", i);
}

static enum status import_within(void **state, const struct buffer *text, struct budget *budget,
                                 const struct stop *stop, struct model **model, struct error *err) {
    char *path = temporary_path(state, "input");
    struct error written = {0};
    struct import_bounds bounds = {.budget = budget, .stop = stop};
    assert_int_equal(file_replace(path, text->data, text->length, &written), STATUS_OK);
    error_clear(err);
    enum status status = import_read(model, path, "x", &bounds, kernel_choose(NULL), err);
    free(path);
    return status;
}

static void imports_are_counted_while_they_grow(void **state) {
    enum { ROWS = 20000, BYTES = ROWS * 64 };
    struct budget budget;
    struct buffer text = {0};
    struct model *model = NULL, *other = NULL;
    struct error err = {0};
    /* without a header a block of 4 MiB comes at a time */
    budget_init(&budget, 16 << 20);
    put_rows(&text, ROWS, 0);
    assert_int_equal(import_within(state, &text, &budget, NULL, &model, &err), STATUS_OK);
    assert_true(model->memory.bytes >= BYTES);
    assert_int_equal(atomic_load(&budget.used), model->memory.bytes);
    assert_int_equal(atomic_load(&budget.by_kind[BUDGET_IMPORTS]), model->memory.bytes);
    model_drop(model);
    assert_int_equal(atomic_load(&budget.used), 0);
    /* with one, what it promises */
    budget_init(&budget, 10 << 20);
    put_rows(&text, ROWS, ROWS);
    assert_int_equal(import_within(state, &text, &budget, NULL, &model, &err), STATUS_OK);
    assert_true(model->memory.bytes >= BYTES);
    assert_true(model->memory.bytes < 5 * BYTES);
    /* another one does not fit beside it, and leaves nothing counted */
    uint64_t held = model->memory.bytes;
    put_rows(&text, 2 * ROWS, 2 * ROWS);
    assert_int_equal(import_within(state, &text, &budget, NULL, &other, &err), STATUS_NO_MEMORY);
    assert_string_equal(err.key, "memory_budget");
    assert_non_null(strstr(err.text, "the import needs "));
    assert_null(other);
    assert_int_equal(atomic_load(&budget.used), held);
    model_drop(model);
    assert_int_equal(import_within(state, &text, &budget, NULL, &model, &err), STATUS_OK);
    model_drop(model);
    /* a header that promises too much is refused before any row is read */
    put_rows(&text, 1, 1000000);
    assert_int_equal(import_within(state, &text, &budget, NULL, &model, &err), STATUS_TOO_LARGE);
    assert_string_equal(err.key, "memory_budget");
    assert_non_null(strstr(err.text, "160000000 bytes"));
    /* words count, too: long ones with hardly a value */
    text.length = 0;
    for (int i = 0; i < 200; i++) {
        for (int j = 0; j < 60000; j++)
            buffer_append_char(&text, (char)('a' + i % 26));
        buffer_print(&text, "%d 1\n", i);
    }
    assert_int_equal(import_within(state, &text, &budget, NULL, &model, &err), STATUS_TOO_LARGE);
    assert_int_equal(atomic_load(&budget.used), 0);
    buffer_clear(&text);
}

static void imports_stop_when_told(void **state) {
    struct budget budget;
    struct buffer text = {0};
    struct model *model = NULL;
    struct stop_after after;
    struct stop stop = stop_after(&after, 2);
    struct error err = {0};
    budget_init(&budget, 64 << 20);
    put_rows(&text, 100000, 100000); /* several MiB: a part at a time */
    assert_true(text.length > (size_t)2 << 20);
    assert_int_equal(import_within(state, &text, &budget, &stop, &model, &err), STATUS_CANCELLED);
    assert_string_equal(err.text,
                        "the import was stopped: its client is gone, or the service stops");
    assert_int_equal(atomic_load(&after.calls), 2);
    assert_null(model);
    assert_int_equal(atomic_load(&budget.used), 0);
    buffer_clear(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)
        TEST(text_is_read),
        TEST(binary_is_read),
        TEST(compressed_files_are_read),
        TEST(hostile_text_is_named),
        TEST(hostile_binary_is_named),
        TEST(endless_lines_are_refused),
        TEST(damage_is_survived),
        TEST(missing_files_are_not_found),
        TEST(imports_are_counted_while_they_grow),
        TEST(imports_stop_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
