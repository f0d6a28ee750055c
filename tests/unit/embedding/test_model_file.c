#include "tests/support/model_sample.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/failpoint.h"
#include "embedding/model_file.h"

static void check_tables_equal(const struct table *a, const struct table *b) {
    assert_int_equal(!a, !b);
    if (!a)
        return;
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->columns, b->columns);
    assert_int_equal(a->shards, b->shards);
    assert_int_equal(a->partition, b->partition);
    assert_memory_equal(a->data, b->data, a->rows * a->stride * sizeof(float));
}

static void check_models_equal(const struct model *a, const struct model *b) {
    uint32_t size = vocabulary_size(a->vocabulary);

    assert_int_equal(size, vocabulary_size(b->vocabulary));
    assert_int_equal(vocabulary_total(a->vocabulary), vocabulary_total(b->vocabulary));
    for (uint32_t id = 0; id < size; id++) {
        size_t length, other_length;
        const char *word = vocabulary_word(a->vocabulary, id, &length);

        assert_memory_equal(word, vocabulary_word(b->vocabulary, id, &other_length), length);
        assert_int_equal(length, other_length);
        assert_int_equal(vocabulary_find(b->vocabulary, word, length), id);
        assert_int_equal(vocabulary_count(a->vocabulary, id), vocabulary_count(b->vocabulary, id));
    }
    check_tables_equal(a->input, b->input);
    check_tables_equal(a->output, b->output);
    assert_memory_equal(a->norms, b->norms, size * sizeof(float));
    assert_memory_equal(&a->info, &b->info, sizeof a->info);
}

static void check_digest(const char *path, const char *expected) {
    struct error err = {0};
    struct digest *digest;
    char *data, text[DIGEST_TEXT_SIZE];
    size_t length;

    assert_int_equal(file_read(path, SIZE_MAX, &data, &length, &err), STATUS_OK);
    assert_int_equal(digest_create(&digest, &err), STATUS_OK);
    digest_add(digest, data, length);
    digest_text(digest, text);
    assert_string_equal(text, expected);
    digest_free(digest);
    free(data);
}

static void round_trips(void **state) {
    static const uint32_t all_shards[] = {1, 3, 7, 40}, all_dims[] = {1, 5, 15, 16, 64};
    char *folder = temporary_path(state, "deep/model"),
         *file = temporary_path(state, "deep/model/" MODEL_FILE);

    for (int i = 0; i < 5 * 4 * 2 * 2; i++) {
        struct shape shape = {all_dims[i / 16], all_shards[i / 4 % 4],
                              i / 2 % 2 ? PARTITION_DIV : PARTITION_MOD, i % 2};
        struct model *model = model_make(shape, &info_full), *loaded;
        struct error err = {0};
        char digest[80];

        assert_int_equal(model_save(model, folder, digest, &err), STATUS_OK);
        assert_int_equal(strlen(digest), 71);
        assert_int_equal(model_load(&loaded, i % 3 ? folder : file, model->kernel, &err),
                         STATUS_OK);
        check_models_equal(model, loaded);
        assert_string_equal(loaded->digest, digest);
        check_digest(file, digest);
        model_drop(loaded);
        model_drop(model);
    }
    free(folder);
    free(file);
}

static void edge_values_of_info(void **state) {
    struct model_info info = {0};
    struct model *model, *loaded;
    struct error err = {0};

    /* every field full to the brim, with the byte whose escape is longest */
    memset(info.name, '\\', sizeof info.name - 1);
    memset(info.corpus_digest, '\n', sizeof info.corpus_digest - 1);
    memset(info.kernel, ' ', sizeof info.kernel - 1);
    memset(info.program, '=', sizeof info.program - 1);
    memset(info.settings, '\n', sizeof info.settings - 1);
    info.created = -0.0;
    info.train_seconds = 5e-324;
    model = model_make((struct shape){3, 1, PARTITION_MOD, false}, &info);
    assert_int_equal(model_save(model, *state, NULL, &err), STATUS_OK);
    assert_int_equal(model_load(&loaded, *state, model->kernel, &err), STATUS_OK);
    check_models_equal(model, loaded);
    model_drop(loaded);
    model_drop(model);

    info = (struct model_info){.loss = NAN, .words_per_second = INFINITY};
    model = model_make((struct shape){3, 1, PARTITION_MOD, false}, &info);
    assert_int_equal(model_save(model, *state, NULL, &err), STATUS_OK);
    assert_int_equal(model_load(&loaded, *state, model->kernel, &err), STATUS_OK);
    assert_true(isnan(loaded->info.loss) && isnan(loaded->info.words_per_second)); /* not known */
    model_drop(loaded);
    model_drop(model);
}

static void check_metadata(const char *text, const char *expected) {
    struct model_info info;
    struct error err = {0};

    assert_int_equal(metadata_read(&info, text, strlen(text), &err), STATUS_MALFORMED);
    if (!strstr(err.text, expected))
        fail_msg("'%s' does not say '%s'", err.text, expected);
}

static void metadata_is_strict(void **state) {
    struct buffer text = {0};
    struct model_info info = info_full, again = {0};
    struct error err = {0};
    char *broken;

    (void)state;
    metadata_write(&info, &text);
    assert_non_null(strstr(text.data, "name = a name with \\\\ and\\na second line\n"));
    assert_non_null(strstr(text.data, "words_trained = 18446744073709551615\n"));
    assert_int_equal(metadata_read(&again, text.data, text.length, &err), STATUS_OK);
    memcpy(again.settings, info.settings, sizeof again.settings);
    assert_memory_equal(&info, &again, sizeof info);
    /* every prefix is refused, but for those of earlier programs, whose last lines were these */
    const char *last = "default_max_norm = 2.5\n", *later = "import_skipped = 5\n";
    size_t first = (size_t)(strstr(text.data, last) - text.data) + strlen(last);
    size_t second = (size_t)(strstr(text.data, later) - text.data) + strlen(later);
    size_t third = (size_t)(strstr(text.data, "import_labels = ") - text.data);
    size_t fourth = (size_t)(strstr(text.data, "pairs_used = ") - text.data);
    for (size_t length = 0; length < text.length; length++) {
        assert_int_equal(metadata_read(&again, text.data, length, &err),
                         length == first || length == second || length == third || length == fourth
                             ? STATUS_OK
                             : STATUS_MALFORMED);
        error_clear(&err);
    }
    assert_int_equal(metadata_read(&again, text.data, first, &err), STATUS_OK);
    assert_true(isnan(again.sample_share) && again.examples == 0 && again.chosen[0] == '\0');
    assert_true(again.import_rows == 0 && again.import_format[0] == '\0');
    assert_int_equal(metadata_read(&again, text.data, second, &err), STATUS_OK);
    assert_true(again.import_skipped == 5 && isnan(again.avg_loss) && isnan(again.holdout_loss));
    assert_true(again.best_step == 0 && again.stopped[0] == '\0');
    assert_int_equal(metadata_read(&again, text.data, fourth, &err), STATUS_OK);
    assert_true(again.import_buckets == 7 && again.choices[0] == '\0');
    buffer_append_text(&text, "more = 1\n");
    check_metadata(text.data, "9 bytes stand behind the last line");
    broken = strstr(text.data, "18446744073709551615");
    broken[19] = '6';
    check_metadata(text.data, "the value of 'words_trained' cannot be read");
    broken[19] = '-';
    check_metadata(text.data, "the value of 'words_trained' cannot be read");
    buffer_clear(&text);
    check_metadata("name = x\\q\n", "the value of 'name' cannot be read");
    check_metadata("name = x\\\n", "the value of 'name' cannot be read");
    check_metadata("name= x\n", "line 1 is not 'name = ...'");
    check_metadata("", "line 1 ('name') is missing");
}

/* ---- paths and disks
 * ---------------------------------------------------------------------------- */

static void paths_that_are_no_models(void **state) {
    const struct kernel *kernel = kernel_choose("portable");
    struct error err = {0};
    struct model *model;
    char *path = temporary_path(state, "pipe");

    assert_int_equal(model_load(&model, "/nowhere/at/all", kernel, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.text, "'/nowhere/at/all'"));
    error_clear(&err);
    assert_int_equal(model_load(&model, *state, kernel, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.text, MODEL_FILE));
    error_clear(&err);
    assert_int_equal(mkfifo(path, 0600), 0);
    /* and does not hang */
    assert_int_equal(model_load(&model, path, kernel, &err), STATUS_REFUSED);
    assert_non_null(strstr(err.text, "is not a regular file"));
    error_clear(&err);
    assert_int_equal(model_load(&model, "/dev/zero", kernel, &err), STATUS_REFUSED);
    error_clear(&err);
    free(path);
    path = temporary_path(state, "empty");
    assert_int_equal(file_replace(path, "", 0, &err), STATUS_OK);
    assert_int_equal(model_load(&model, path, kernel, &err), STATUS_CORRUPT);
    assert_non_null(strstr(err.text, "the file has only 0 bytes"));
    free(path);
}

static enum status count_entry(void *context, const char *name, struct error *err) {
    (void)name;
    (void)err;
    ++*(size_t *)context;
    return STATUS_OK;
}

static size_t entries(const char *folder) {
    struct error err = {0};
    size_t n = 0;

    assert_int_equal(folder_visit(folder, count_entry, &n, &err), STATUS_OK);
    return n;
}

static void check_failed_save(void **state, const struct model *model) {
    char *fresh = temporary_path(state, "fresh"), *old = temporary_path(state, "old");
    struct error err = {0};

    assert_int_not_equal(model_save(model, fresh, NULL, &err), STATUS_OK);
    assert_true(err.text[0] != '\0');
    assert_false(file_exists(fresh));
    error_clear(&err);
    assert_int_not_equal(model_save(model, old, NULL, &err), STATUS_OK);
    assert_int_equal(entries(old), 1); /* the model that was there */
    assert_int_equal(entries(*state), 1);
    free(fresh);
    free(old);
}

static void a_full_disk_leaves_nothing_behind(void **state) {
    struct model *model = model_make((struct shape){4000, 3, PARTITION_MOD, true}, &info_full),
                 *loaded;
    char *old = temporary_path(state, "old");
    struct rlimit before, small;
    struct error err = {0};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    static const rlim_t limits[] = {0, 1, 127, 4096, 300000, 735000};

    assert_int_equal(model_save(model, old, NULL, &err), STATUS_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        small = before;
        small.rlim_cur = limits[i];
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        check_failed_save(state, model);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    }
    signal(SIGXFSZ, handler);
#ifdef VECMILL_FAILPOINTS
    static const char *const specs[] = {"file.write:enospc@1+", "file.write:enospc@2+",
                                        "file.fsync:eio@1+", "file.rename:eio@1+"};

    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        failpoint_configure(specs[i]);
        check_failed_save(state, model);
        failpoint_configure(NULL);
    }
#endif
    assert_int_equal(model_load(&loaded, old, model->kernel, &err), STATUS_OK);
    check_models_equal(model, loaded);
    model_drop(loaded);
    model_drop(model);
    free(old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(round_trips),
        TEST(edge_values_of_info),
        cmocka_unit_test(metadata_is_strict),
        TEST(paths_that_are_no_models),
        TEST(a_full_disk_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
