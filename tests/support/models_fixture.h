/* A registry of models on a folder of its own, and models to publish. */
#ifndef VECMILL_TESTS_MODELS_FIXTURE_H
#define VECMILL_TESTS_MODELS_FIXTURE_H

#include <math.h>

#include "server/models/models_private.h"
#include "tests/support/temporary.h"

struct fixture {
    struct settings settings;
    struct logger logger;
    struct models *models;
    char last_line[1024];
};

static inline void keep_line(void *context, enum log_level level, const char *line) {
    struct fixture *fixture = context;
    (void)level;
    snprintf(fixture->last_line, sizeof fixture->last_line, "%s", line);
}

static inline void fixture_open_within(struct fixture *fixture, const char *folder,
                                       struct budget *budget) {
    struct error err = {0};
    *fixture = (struct fixture){.last_line = ""};
    settings_init(&fixture->settings);
    snprintf(fixture->settings.data, sizeof fixture->settings.data, "%s", folder);
    fixture->settings.reserve_disk = 0;
    fixture->logger = (struct logger){.write = keep_line, .context = fixture, .min = LOG_DEBUG};
    assert_int_equal(models_open(&fixture->models, &fixture->settings, &fixture->logger,
                                 kernel_choose(NULL), budget, &err),
                     STATUS_OK);
}

static inline void fixture_open(struct fixture *fixture, const char *folder) {
    fixture_open_within(fixture, folder, NULL);
}

static inline void fixture_close(struct fixture *fixture) {
    models_close(fixture->models);
    fixture->models = NULL;
}

/* A model of three words in two dimensions whose first value is `mark`, saved at `folder`. */
static inline void save_model_of(const char *folder, const char *name, float mark, double created) {
    static const char text[] = "kingqueenman";
    static const uint64_t offsets[] = {0, 4, 9, 12}, counts[] = {30, 20, 10};
    struct vocabulary *vocabulary = NULL;
    struct table *table = NULL;
    struct model *model = NULL;
    struct model_info info = {.created = created};
    struct error err = {0};
    snprintf(info.name, sizeof info.name, "%s", name);
    assert_int_equal(vocabulary_create(&vocabulary, 3, text, offsets, counts, &err), STATUS_OK);
    assert_int_equal(table_create(&table, 3, 2, 2, PARTITION_MOD, &err), STATUS_OK);
    for (uint32_t id = 0; id < 3; id++) {
        table_row(table, id)[0] = mark + (float)id;
        table_row(table, id)[1] = 1;
    }
    assert_int_equal(
        model_create(&model, vocabulary, table, NULL, &info, kernel_choose(NULL), &err), STATUS_OK);
    assert_int_equal(model_save(model, folder, NULL, &err), STATUS_OK);
    model_drop(model);
}

static inline void save_model(const char *folder, const char *name, float mark) {
    save_model_of(folder, name, mark, 1234.5);
}

static inline void publish(struct fixture *fixture, const char *name, const char *version,
                           float mark) {
    struct error err = {0};
    char *folder = NULL, *inner;
    assert_int_equal(models_workplace(fixture->models, &folder, &err), STATUS_OK);
    inner = path_join(folder, "model");
    save_model(inner, name, mark);
    assert_int_equal(models_publish(fixture->models, name, version, inner, &err), STATUS_OK);
    assert_false(file_exists(inner));
    assert_int_equal(path_remove(folder, &err), STATUS_OK);
    free(inner);
    free(folder);
}

static inline void assert_served(struct fixture *fixture, const char *name, const char *version,
                                 float mark) {
    struct model *model = NULL;
    char served[40];
    struct error err = {0};
    assert_int_equal(models_hold(fixture->models, name, &model, served, &err), STATUS_OK);
    assert_string_equal(served, version);
    assert_true(fabsf(table_row(model->input, 0)[0] - mark) < 1e-6f);
    model_drop(model);
}

static inline size_t count_versions(struct fixture *fixture, const char *name) {
    struct model_version *versions = NULL;
    struct error err = {0};
    size_t n = 0;
    char *home = models_home(fixture->models, name);
    assert_int_equal(store_versions(home, &versions, &n, &err), STATUS_OK);
    for (size_t i = 1; i < n; i++)
        assert_true(versions[i - 1].sequence > versions[i].sequence);
    free(versions);
    free(home);
    return n;
}

/* Flips one byte in the middle of a version's model file. */
static inline void damage(struct fixture *fixture, const char *name, const char *version) {
    char *home = models_home(fixture->models, name), *path = record_path(home, version, MODEL_FILE);
    char *data = NULL;
    size_t length = 0;
    struct error err = {0};
    assert_int_equal(file_read(path, 1 << 20, &data, &length, &err), STATUS_OK);
    data[length / 2] ^= 0x10;
    data[length - 1] ^= 0x10;
    assert_int_equal(file_replace(path, data, length, &err), STATUS_OK);
    free(data);
    free(path);
    free(home);
}

static inline enum status count_entry(void *context, const char *name, struct error *err) {
    (void)name;
    (void)err;
    ++*(size_t *)context;
    return STATUS_OK;
}

static inline size_t count_folder(const char *root, const char *name) {
    size_t n = 0;
    struct error err = {0};
    char *path = path_join(root, name);
    if (file_exists(path))
        assert_int_equal(folder_visit(path, count_entry, &n, &err), STATUS_OK);
    free(path);
    return n;
}

#endif
