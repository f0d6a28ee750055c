/* Rows as other programs write them: words of any bytes, duplicates, headers that are wrong, the
 * first rows of a file, and what is told of all that. */
#include "tests/support/vectors_sample.h"

#include <math.h>
#include <zlib.h>

#include "tests/support/stop_after.h"

static enum status import_some(void **state, const void *bytes, size_t length, uint64_t max_rows,
                               struct model **model, struct error *err) {
    char *path = temporary_path(state, "input");
    struct error written = {0};
    struct import_bounds bounds = {.max_rows = max_rows};
    assert_int_equal(file_replace(path, bytes, length, &written), STATUS_OK);
    enum status status = import_read(model, path, "x", &bounds, kernel_choose(NULL), err);
    free(path);
    return status;
}

static struct model *imported(void **state, const char *text, uint64_t max_rows) {
    struct model *model;
    struct error err = {0};
    enum status status = import_some(state, text, strlen(text), max_rows, &model, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(status, STATUS_OK);
    return model;
}

/* The model holds these words, [n] of [dim] values that are i, i + 1, ... for word i from 1 on. */
static void check_words(struct model *model, const char *const *words, const size_t *lengths,
                        uint32_t n, uint32_t dim) {
    assert_int_equal(vocabulary_size(model->vocabulary), n);
    assert_int_equal(model->input->columns, dim);
    for (uint32_t id = 0; id < n; id++) {
        size_t length, wanted = lengths ? lengths[id] : strlen(words[id]);
        const char *word = vocabulary_word(model->vocabulary, id, &length);
        assert_int_equal(length, wanted);
        assert_memory_equal(word, words[id], wanted);
        assert_int_equal(vocabulary_count(model->vocabulary, id), 0);
        for (uint32_t i = 0; i < dim; i++)
            assert_true(table_row(model->input, id)[i] == (float)(id + 1 + i));
    }
}

struct odd_rows {
    const char *text;
    uint32_t n, dim;
    const char *words[6]; /* n == 0: the message */
    uint64_t spaced, unnamed;
};

static const struct odd_rows odd[] = {
    /* the last dim fields are the vector, with a header and without */
    {"3 4\nthe 1 2 3 4\n. . . 2 3 4 5\nat name@domain.example 3 4 5 6\n",
     3,
     4,
     {"the", ". . .", "at name@domain.example"},
     2,
     0},
    {"at name@domain.example 1.0 2 3\nthe 2 3.0 4\n. . . 3.0 4 5\n",
     3,
     3,
     {"at name@domain.example", "the", ". . ."},
     2,
     0},
    {"New York\t1\t2\nLos\tAngeles\t2\t3\n", 2, 2, {"New York", "Los\tAngeles"}, 2, 0},
    /* the first row has letters that no ASCII knows behind its first space */
    {"2 1\nan der Stra\xc3\x9f"
     "e 1\nb 2\n",
     2,
     1,
     {"an der Stra\xc3\x9f"
      "e",
      "b"},
     1,
     0},
    {"2 5\na \fb\xc2\xa0\xe6\x9d\xb1 1 2 3 4 5\nc 2 3 4 5 6\n",
     2,
     5,
     {"a \fb\xc2\xa0\xe6\x9d\xb1", "c"},
     1,
     0},
    /* a word that ends in a number: not written as the values are */
    {"2 2\nWindows 95 1.0 2.0\nBlade Runner 2049 2.0 3.0\n",
     2,
     2,
     {"Windows 95", "Blade Runner 2049"},
     2,
     0},
    {"to infinity 1 2\ntea nan 2 3\n", 2, 2, {"to infinity", "tea nan"}, 2, 0},
    /* only space and tab end a word */
    {"2 2\nx\f 1 2\nNew York  2 3\n", 2, 2, {"x\f", "New York"}, 2, 0},
    {"5 2\n\fChapter 1 2\n\v 2 3\nx\fy 3 4\n\xe3\x80\x80 4 5\n\xc2\xa0 5 6\n",
     5,
     2,
     {"\fChapter", "\v", "x\fy", "\xe3\x80\x80", "\xc2\xa0"},
     3,
     0},
    /* spaces around: those before the word are its own, those behind it are not, unless it has
     * nothing else */
    {"5 2\n the 1 2\nthe  2 3\nof\t \t3\t4 \n  4 5\n\t\t\t5 6\n",
     5,
     2,
     {" the", "the", "of", " ", "\t\t"},
     3,
     0},
    {"3 2\na 1 2\n 7 8\nb 2 3\n", 2, 2, {"a", "b"}, 0, 1},
    {"12 1 2\n13 2 3\n0.5 3 4\n", 3, 2, {"12", "13", "0.5"}, 0, 0},
    /* no header, but the first row looks like one */
    {"0 1\n1 2\n2 3\n", 3, 1, {"0", "1", "2"}, 0, 0},
    {"2 1\n0 1\n1 2\n", 2, 1, {"0", "1"}, 0, 0},
    {"2007 1\n12 2\nabc 3\n",
     0,
     0,
     {"the header promises 2007 words, the file holds 2; max_rows 2 "
      "takes the first 2"},
     0,
     0},
    {"2 2\nking 1\nqueen 2\n", 0, 0, {"line 2: 1 values, not 2"}, 0, 0},
    /* with a header, words may be real numbers */
    {"2 2\n0.5 1 2\n1.5 2 3\n", 2, 2, {"0.5", "1.5"}, 0, 0},
    /* line ends, a mark, empty lines, numbers of all makes */
    {"\xef\xbb\xbf"
     "a +1.0 2e0\r\nb 2. 3E+00\r\nc .3e1 400e-2 \r\n\r\n\n",
     3,
     2,
     {"a", "b", "c"},
     0,
     0},
    {"\xef\xbb\xbf"
     "2 2\r\na\t1\t2\t\r\nb c\t2\t3",
     2,
     2,
     {"a", "b c"},
     1,
     0},
    /* the guess is that of most lines */
    {"a 1 2 1 2\nb 2 3\nc 3 4\n",
     0,
     0,
     {"line 1: 4 values, not 2; if 'a 1 2' is a word, vectors.bin can hold it"},
     0,
     0},
};

static void words_are_what_stands_before(void **state) {
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct model *model;
        struct error err = {0};
        enum status status = import_some(state, odd[i].text, strlen(odd[i].text), 0, &model, &err);
        if (odd[i].n == 0) {
            assert_string_equal(err.text, odd[i].words[0]);
            continue;
        }
        assert_string_equal(err.text, "");
        assert_int_equal(status, STATUS_OK);
        check_words(model, odd[i].words, NULL, odd[i].n, odd[i].dim);
        assert_string_equal(model->info.import_format, "text");
        assert_int_equal(model->info.import_rows, odd[i].n + odd[i].unnamed);
        assert_int_equal(model->info.import_spaced, odd[i].spaced);
        assert_int_equal(model->info.import_unnamed, odd[i].unnamed);
        assert_int_equal(model->info.import_duplicates, 0);
        assert_true(model->info.import_skipped == 0);
        model_drop(model);
    }
}

static void put_binary(struct buffer *bytes, const char *word, size_t length, uint32_t id,
                       uint32_t dim, bool breaks) {
    buffer_append(bytes, word, length);
    buffer_append_char(bytes, ' ');
    for (uint32_t i = 0; i < dim; i++) {
        float value = (float)(id + 1 + i);
        buffer_append(bytes, &value, sizeof value);
    }
    if (breaks)
        buffer_append_char(bytes, '\n');
}

/* In binary a word ends at its first space and may hold all else. */
static void binary_words_may_hold_anything(void **state) {
    static const char *const words[] = {
        "a\tb", "\fChapter", "\v", "x\ny", "new\xc2\xa0york", "\xff\xfe\x80", "12", "nul\0", "\n"};
    static const size_t lengths[] = {3, 8, 1, 3, 9, 3, 2, 4, 1};
    enum { N = sizeof words / sizeof words[0] };
    for (uint32_t dim = 1; dim <= 64; dim *= 4)
        for (int breaks = 0; breaks < 2; breaks++) {
            struct buffer bytes = {0};
            struct model *model;
            struct error err = {0};
            buffer_print(&bytes, "%d %u\n", N, dim);
            for (uint32_t id = 0; id < N; id++)
                put_binary(&bytes, words[id], lengths[id], id, dim, breaks);
            enum status status = import_some(state, bytes.data, bytes.length, 0, &model, &err);
            assert_string_equal(err.text, "");
            assert_int_equal(status, STATUS_OK);
            check_words(model, words, lengths, N, dim);
            assert_string_equal(model->info.import_format, "binary");
            assert_int_equal(model->info.import_spaced, 5);
            assert_int_equal(model->info.import_invalid, 1);
            model_drop(model);
            buffer_clear(&bytes);
        }
}

static void first_of_equal_words_wins(void **state) {
    struct model *model = imported(state, "3 2\nthe 1 2\na 2 3\nthe 9 9\n", 0);
    check_words(model, (const char *const[]){"the", "a"}, NULL, 2, 2);
    assert_int_equal(model->info.import_rows, 3);
    assert_int_equal(model->info.import_duplicates, 1);
    assert_string_equal(model->info.import_named, "the");
    model_drop(model);
    /* the first five different ones are named, each once; what is no letter is replaced */
    struct buffer text = {0};
    static const char *const names[] = {"a", "b", "a\x01", "c", "d", "e", "f"};
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 7; i++)
            buffer_print(&text, "%s %d %d\n", names[i], i + 1 + 100 * round, i + 2);
    model = imported(state, text.data, 0);
    check_words(model, names, NULL, 7, 2);
    assert_int_equal(model->info.import_rows, 21);
    assert_int_equal(model->info.import_duplicates, 14);
    assert_string_equal(model->info.import_named, "a\tb\ta\xef\xbf\xbd\tc\td");
    model_drop(model);
    buffer_clear(&text);
    /* by bytes: no case, no form of Unicode is the same */
    model = imported(state, "The 1\nthe 2\n\xc3\xa9 3\ne\xcc\x81 4\n", 0);
    assert_int_equal(model->info.import_duplicates, 0);
    assert_int_equal(vocabulary_size(model->vocabulary), 4);
    model_drop(model);
}

/* Many, over several blocks of rows, in text and in binary. */
static void duplicates_close_ranks(void **state) {
    enum { WORDS = 9000, DIM = 200, EVERY = 3 };
    struct buffer bytes = {0};
    struct model *model;
    struct error err = {0};
    buffer_print(&bytes, "%d %d\n", WORDS + WORDS / EVERY, DIM);
    for (uint32_t id = 0; id < WORDS; id++) {
        char word[32];
        int length = snprintf(word, sizeof word, "w%u", id);
        put_binary(&bytes, word, (size_t)length, id, DIM, true);
        if (id % EVERY == 0) /* one that came long before, with other values */
            length = snprintf(word, sizeof word, "w%u", id / 2);
        if (id % EVERY == 0)
            put_binary(&bytes, word, (size_t)length, id + 7, DIM, true);
    }
    assert_int_equal(import_some(state, bytes.data, bytes.length, 0, &model, &err), STATUS_OK);
    assert_int_equal(vocabulary_size(model->vocabulary), WORDS);
    assert_int_equal(model->info.import_duplicates, WORDS / EVERY);
    assert_string_equal(model->info.import_named, "w0\tw1\tw3\tw4\tw6");
    for (uint32_t id = 0; id < WORDS; id++) {
        char word[32];
        int length = snprintf(word, sizeof word, "w%u", id);
        assert_int_equal(vocabulary_find(model->vocabulary, word, (size_t)length), id);
        for (uint32_t i = 0; i < DIM; i++)
            assert_true(table_row(model->input, id)[i] == (float)(id + 1 + i));
    }
    model_drop(model);
    buffer_clear(&bytes);
}

static void max_rows_takes_the_first(void **state) {
    static const char *const words[] = {"a", "b", "c"};
    static const struct {
        const char *text;
        uint64_t max_rows;
        uint32_t n;
        double skipped; /* NaN: not known */
        const char *message;
    } cases[] = {
        /* a header that says one too many, or one too few */
        {"4 2\na 1 2\nb 2 3\nc 3 4\n", 3, 3, 1, NULL},
        {"4 2\na 1 2\nb 2 3\nc 3 4\n", 2, 2, 2, NULL},
        {"4 2\na 1 2\nb 2 3\nc 3 4\n", 4, 0, 0,
         "the header promises 4 words, the file holds 3; max_rows 3 takes the first 3"},
        {"2 2\na 1 2\nb 2 3\nc 3 4\n", 3, 3, NAN, NULL},
        {"2 2\na 1 2\nb 2 3\nc 3 4\n", 2, 2, 0, NULL},
        {"2 2\na 1 2\nb 2 3\nc 3 4\n", 4, 0, 0,
         "the header promises 2 words, the file holds 3; max_rows 3 takes the first 3"},
        {"3 2\na 1 2\nb 2 3\nc 3 4\n", 100, 3, 0, NULL},
        {"3 2\na 1 2\nb 2 3\nc 3 4\n", 3, 3, 0, NULL},
        /* without a header; and whatever stands behind */
        {"a 1 2\nb 2 3\nc 3 4\n", 2, 2, NAN, NULL},
        {"a 1 2\nb 2 3\nc 3 4\n", 9, 3, 0, NULL},
        {"a 1 2\nb 2 3\nc 3 4\nd 3 x\n", 3, 3, NAN, NULL},
        {"9 2\na 1 2\nb 2 3\nc 3 4", 9, 0, 0,
         "the header promises 9 words, the file holds 3; the last line has no end, max_rows 2 "
         "takes "
         "the first 2"},
        {"9 2\na 1 2\nb 2 3\nc 3 4\nd 5", 3, 3, 6, NULL},
        {"9 2\na 1 2\nb 2 3\nc 3 4\n\n\nd nan nan", 3, 3, 6, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct model *model;
        struct error err = {0};
        enum status status = import_some(state, cases[i].text, strlen(cases[i].text),
                                         cases[i].max_rows, &model, &err);
        assert_string_equal(err.text, cases[i].message ? cases[i].message : "");
        assert_string_equal(err.key, cases[i].message ? "max_rows" : "");
        if (status != STATUS_OK)
            continue;
        check_words(model, words, NULL, cases[i].n, 2);
        assert_int_equal(model->info.import_rows, cases[i].n);
        assert_true(isnan(cases[i].skipped) ? isnan(model->info.import_skipped)
                                            : model->info.import_skipped == cases[i].skipped);
        model_drop(model);
    }
}

/* A download that broke off: plain, binary and compressed. */
static void cut_files_give(void **state, uint32_t rows) {
    enum { DIM = 20 };
    float *numbers = sample_values((size_t)rows * DIM, 3);
    struct model *sample = sample_model(NULL, numbers, rows, DIM, 1, PARTITION_MOD, NULL), *model;
    static const char *const formats[] = {"vectors.txt", "vectors.bin", "vectors.txt.gz",
                                          "vectors.bin.gz"};
    for (size_t i = 0; i < 4; i++) {
        char *path = temporary_path(state, formats[i]), *data;
        size_t length;
        struct error err = {0};
        assert_int_equal(export_write(sample, formats[i], NULL, path, NULL, &err), STATUS_OK);
        assert_int_equal(file_read(path, 1 << 26, &data, &length, &err), STATUS_OK);
        assert_int_equal(import_some(state, data, length / 2, 0, &model, &err), STATUS_MALFORMED);
        error_clear(&err);
        assert_int_equal(import_some(state, data, length / 2, rows / 4, &model, &err), STATUS_OK);
        assert_int_equal(vocabulary_size(model->vocabulary), rows / 4);
        assert_true(model->info.import_skipped == rows - rows / 4);
        for (uint32_t id = 0; id < rows / 4; id++)
            assert_memory_equal(table_row(model->input, id), numbers + (size_t)id * DIM,
                                DIM * sizeof(float));
        model_drop(model);
        free(data);
        free(path);
    }
    free(numbers);
    model_drop(sample);
}

/* Also where less was decoded than is looked at to tell what a file is. */
static void cut_files_give_their_first_rows(void **state) {
    cut_files_give(state, 3000);
    cut_files_give(state, 100);
}

static void bytes_that_are_no_text_are_counted(void **state) {
    struct model *model = imported(state, "\xff\x80 1 2\nb 2 3\n\xed\xa0\x80 3 4\n", 0);
    check_words(model, (const char *const[]){"\xff\x80", "b", "\xed\xa0\x80"}, NULL, 3, 2);
    assert_int_equal(model->info.import_invalid, 2);
    model_drop(model);
}

static void long_words_have_a_bound(void **state) {
    for (int over = 0; over < 2; over++)
        for (int spaces = 0; spaces < 2; spaces++) {
            struct buffer text = {0};
            struct model *model;
            struct error err = {0};
            buffer_append_text(&text, "2 2\na 1 2\n");
            for (int i = 0; i < 65536 + over; i++)
                buffer_append_char(&text, spaces && i == 9 ? ' ' : 'x');
            buffer_append_text(&text, " 2 3\n");
            enum status status = import_some(state, text.data, text.length, 0, &model, &err);
            assert_int_equal(status, over ? STATUS_MALFORMED : STATUS_OK);
            assert_string_equal(err.text, over ? "line 3: a word of more than 65536 bytes" : "");
            model_drop(model);
            buffer_clear(&text);
        }
}

/* Files made of pieces by chance: a model in which every row is accounted for, or an error with a
 * text; never a crash. */
static void any_rows_are_accounted_for(void **state) {
    static const char *const pieces[] = {
        "a",    "b",   " ",   " ",  "\t", "\n", "\n", "\r\n", "1",    "2",        "0.5",   "-3",
        "1e-5", "nan", "1,5", "\f", "\v", ".",  "+.", "e",    "\xff", "\xc2\xa0", "2 2\n", "3 1\n"};
    enum { ROUNDS = 3000, PIECES = sizeof pieces / sizeof pieces[0] };
    struct random random;
    unsigned models = 0;
    random_init(&random, 11, 3);
    for (int round = 0; round < ROUNDS; round++) {
        struct buffer bytes = {0};
        struct model *model;
        struct error err = {0};
        bool headed = random_below(&random, 2);
        buffer_append_text(&bytes, headed ? "3 2\n" : "");
        for (uint64_t n = random_below(&random, 6) + 1; n > 0; n--) {
            for (uint64_t i = random_below(&random, 4); i > 0; i--)
                buffer_append_text(&bytes, pieces[random_below(&random, PIECES)]);
            buffer_append_text(&bytes, random_below(&random, 4) ? "w 1 0.5\n" : " 0.5 2\n");
        }
        uint64_t max_rows = random_below(&random, 4);
        enum status status = import_some(state, bytes.data, bytes.length, max_rows, &model, &err);
        assert_true((status == STATUS_OK) == (model != NULL));
        assert_true((status == STATUS_OK) == (err.text[0] == '\0'));
        if (model) {
            const struct model_info *info = &model->info;
            assert_int_equal(info->import_rows, vocabulary_size(model->vocabulary) +
                                                    info->import_duplicates + info->import_unnamed);
            assert_true(max_rows == 0 || info->import_rows <= max_rows);
            assert_true((info->import_duplicates == 0) == (info->import_named[0] == '\0'));
            models++;
        }
        model_drop(model);
        buffer_clear(&bytes);
    }
    assert_true(models > ROUNDS / 20 && models < ROUNDS);
}

/* What binary holds comes back: words of any bytes but spaces. */
static void binary_round_trips(void **state) {
    static const char *const words[] = {"plain", "12", "0.5", "\xe3\x80\x80", "\xc2\xa0", "\xff"};
    float *numbers = sample_values(6 * 3, 5);
    struct model *sample = sample_model(words, numbers, 6, 3, 1, PARTITION_MOD, NULL), *again;
    static const char *const formats[] = {"vectors.bin", "vectors.bin.gz", "vectors.txt"};
    for (size_t i = 0; i < 3; i++) {
        char *path = temporary_path(state, formats[i]);
        struct error err = {0};
        assert_int_equal(export_write(sample, formats[i], NULL, path, NULL, &err), STATUS_OK);
        assert_int_equal(import_read(&again, path, "x", NULL, sample->kernel, &err), STATUS_OK);
        assert_int_equal(again->info.import_rows, 6);
        for (uint32_t id = 0; id < 6; id++) {
            assert_int_equal(vocabulary_find(again->vocabulary, words[id], strlen(words[id])), id);
            assert_memory_equal(table_row(again->input, id), numbers + (size_t)id * 3, 12);
        }
        model_drop(again);
        free(path);
    }
    free(numbers);
    model_drop(sample);
}

/* A row that is refused ends the import: the rows before it are not taken once more in search of
 * max_rows. */
static void refused_rows_are_final(void **state) {
    static const char text[] = "a 1 2\nb 2 3\nc 3 x\n", cut[] = "3 1\na 1234b 1234c 12";
    static const uint64_t bounds[] = {3, 4, 5, 9};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct model *model;
        struct error err = {0};
        assert_int_equal(import_some(state, text, strlen(text), bounds[i], &model, &err),
                         STATUS_MALFORMED);
        assert_null(model);
        error_clear(&err);
        assert_int_equal(import_some(state, cut, strlen(cut), bounds[i], &model, &err),
                         STATUS_MALFORMED);
        assert_null(model);
    }
}

/* max_rows does not hide that the import was stopped, nor what a budget leaves to it; and a header
 * is taken at its word only as far as rows are wanted. */
static void max_rows_keeps_bounds(void **state) {
    static const char text[] = "1000000 2\na 1 2\nb 2 3\nc 3 4\n";
    char *path = temporary_path(state, "input");
    struct stop_after after;
    struct stop stop = stop_after(&after, 1);
    struct budget budget;
    struct import_bounds bounds = {.max_rows = 2, .stop = &stop};
    struct model *model;
    struct error err = {0};
    budget_init(&budget, 4 << 20);
    assert_int_equal(file_replace(path, text, strlen(text), &err), STATUS_OK);
    assert_int_equal(import_read(&model, path, "x", &bounds, kernel_choose(NULL), &err),
                     STATUS_CANCELLED);
    error_clear(&err);
    bounds = (struct import_bounds){.budget = &budget};
    assert_int_equal(import_read(&model, path, "x", &bounds, kernel_choose(NULL), &err),
                     STATUS_TOO_LARGE);
    error_clear(&err);
    bounds.max_rows = 2;
    assert_int_equal(import_read(&model, path, "x", &bounds, kernel_choose(NULL), &err), STATUS_OK);
    assert_int_equal(vocabulary_size(model->vocabulary), 2);
    assert_true(atomic_load(&budget.used) > 0);
    model_drop(model);
    assert_int_equal(atomic_load(&budget.used), 0);
    free(path);
}

/* Two grants, of rows and of text that waits, are one import: what fills the budget alone is told
 * that it never fits, even where either would. */
static void an_import_is_not_in_its_own_way(void **state) {
    char *path = temporary_path(state, "input");
    struct buffer text = {0};
    struct error err = {0};
    for (int i = 0; i < 60000; i++)
        buffer_print(&text, "w%d 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9\n", i);
    assert_int_equal(file_replace(path, text.data, text.length, &err), STATUS_OK);
    for (uint64_t limit = (uint64_t)9 << 20; limit < (uint64_t)13 << 20; limit += 1 << 19) {
        struct model *model;
        struct budget budget;
        struct import_bounds bounds = {.budget = &budget};
        budget_init(&budget, limit);
        error_clear(&err);
        assert_int_equal(import_read(&model, path, "x", &bounds, kernel_choose(NULL), &err),
                         STATUS_TOO_LARGE);
        assert_int_equal(err.status, STATUS_TOO_LARGE);
        assert_int_equal(atomic_load(&budget.used), 0);
    }
    buffer_clear(&text);
    free(path);
}

/* What is told of an import is kept in the model file. */
static void report_is_saved(void **state) {
    struct model *model = imported(state, "9 1\na b 1\n\xff 2\na b 7\n 8\nz 3\n", 4), *again;
    char *folder = temporary_path(state, "model");
    struct error err = {0};
    assert_int_equal(model_save(model, folder, NULL, &err), STATUS_OK);
    assert_int_equal(model_load(&again, folder, model->kernel, &err), STATUS_OK);
    assert_string_equal(again->info.import_format, "text");
    assert_string_equal(again->info.import_named, "a b");
    assert_int_equal(again->info.import_rows, 4);
    assert_int_equal(again->info.import_duplicates, 1);
    assert_int_equal(again->info.import_unnamed, 1);
    assert_int_equal(again->info.import_spaced, 1);
    assert_int_equal(again->info.import_invalid, 1);
    assert_true(again->info.import_skipped == 5);
    model_drop(again);
    model_drop(model);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)
        TEST(words_are_what_stands_before),
        TEST(binary_words_may_hold_anything),
        TEST(first_of_equal_words_wins),
        TEST(duplicates_close_ranks),
        TEST(max_rows_takes_the_first),
        TEST(cut_files_give_their_first_rows),
        TEST(bytes_that_are_no_text_are_counted),
        TEST(long_words_have_a_bound),
        TEST(any_rows_are_accounted_for),
        TEST(binary_round_trips),
        TEST(report_is_saved),
        TEST(refused_rows_are_final),
        TEST(max_rows_keeps_bounds),
        TEST(an_import_is_not_in_its_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
