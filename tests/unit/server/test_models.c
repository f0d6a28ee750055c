/* The registry of models on disk: publish, activate, restart, quarantine, max_versions, exports. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/support/models_fixture.h"

static void test_publish_and_restart(void **state) {
    struct fixture fixture;
    struct model *model = NULL;
    struct error err = {0};
    fixture_open(&fixture, *state);
    assert_int_equal(models_count(fixture.models), 0);
    assert_int_equal(models_hold(fixture.models, "m", &model, NULL, &err), STATUS_NOT_FOUND);
    assert_string_equal(err.text, "no model 'm'");
    publish(&fixture, "m", "v1", 1);
    publish(&fixture, "b", "v1", 5);
    assert_served(&fixture, "m", "v1", 1);
    err = (struct error){0};
    assert_int_equal(models_hold(fixture.models, "m", &model, NULL, &err), STATUS_OK);
    publish(&fixture, "m", "v2", 2);
    assert_served(&fixture, "m", "v2", 2);
    /* who held the old one keeps it */
    assert_true(fabsf(table_row(model->input, 0)[0] - 1) < 1e-6f);
    model_drop(model);
    assert_int_equal(models_count(fixture.models), 2);
    assert_true(models_has_version(fixture.models, "m", "v1"));
    assert_false(models_has_version(fixture.models, "m", "v3"));
    fixture_close(&fixture);

    fixture_open(&fixture, *state);
    assert_int_equal(models_count(fixture.models), 2);
    assert_served(&fixture, "m", "v2", 2);
    assert_served(&fixture, "b", "v1", 5);
    struct served_model *list = NULL;
    size_t n = 0;
    assert_int_equal(models_snapshot(fixture.models, &list, &n, &err), STATUS_OK);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name, "b");
    assert_string_equal(list[1].name, "m");
    models_snapshot_free(list, n);
    fixture_close(&fixture);
}

static void test_publish_again(void **state) {
    struct fixture fixture;
    struct error err = {0};
    fixture_open(&fixture, *state);
    publish(&fixture, "m", "v1", 1);
    /* The rename was done and the record was not: the folder is gone. */
    assert_int_equal(models_publish(fixture.models, "m", "v1", "/nonexistent/folder", &err),
                     STATUS_OK);
    assert_served(&fixture, "m", "v1", 1);
    /* Or the folder is there once more: what was published stays. */
    publish(&fixture, "m", "v1", 9);
    assert_served(&fixture, "m", "v1", 1);
    /* Unless it is damaged. */
    damage(&fixture, "m", "v1");
    publish(&fixture, "m", "v1", 9);
    assert_served(&fixture, "m", "v1", 9);
    assert_int_equal(count_folder(*state, "quarantine"), 1);
    fixture_close(&fixture);
}

static void test_refusals(void **state) {
    struct fixture fixture;
    struct error err = {0};
    fixture_open(&fixture, *state);
    fixture.settings.max_models = 1;
    publish(&fixture, "m", "v1", 1);
    assert_int_equal(models_publish(fixture.models, "../m", "v1", "x", &err), STATUS_REFUSED);
    err = (struct error){0};
    assert_int_equal(models_publish(fixture.models, "m", "../v", "x", &err), STATUS_REFUSED);
    err = (struct error){0};
    assert_int_equal(
        models_publish(fixture.models, "m", "0123456789012345678901234567890123456789", "x", &err),
        STATUS_REFUSED);
    err = (struct error){0};
    assert_int_equal(models_check_new(fixture.models, "n", &err), STATUS_CONFLICT);
    assert_string_equal(err.key, "max_models");
    err = (struct error){0};
    assert_int_equal(models_check_new(fixture.models, "m", &err), STATUS_OK);
    /* A folder without a model in it publishes nothing and leaves nothing. */
    char *folder = NULL;
    assert_int_equal(models_workplace(fixture.models, &folder, &err), STATUS_OK);
    assert_int_not_equal(models_publish(fixture.models, "m", "v2", folder, &err), STATUS_OK);
    free(folder);
    assert_served(&fixture, "m", "v1", 1);
    assert_int_equal(count_versions(&fixture, "m"), 1);
    fixture_close(&fixture);
}

static void test_activate_and_prune(void **state) {
    struct fixture fixture;
    struct error err = {0};
    fixture_open(&fixture, *state);
    fixture.settings.max_versions = 3;
    publish(&fixture, "m", "v1", 1);
    publish(&fixture, "m", "v2", 2);
    publish(&fixture, "m", "v3", 3);
    assert_int_equal(models_switch(fixture.models, "m", "v1", &err), STATUS_OK);
    assert_served(&fixture, "m", "v1", 1);
    fixture_close(&fixture);
    fixture_open(&fixture, *state);
    fixture.settings.max_versions = 3;
    assert_served(&fixture, "m", "v1", 1);
    publish(&fixture, "m", "v4", 4);
    assert_int_equal(count_versions(&fixture, "m"), 3);
    assert_false(models_has_version(fixture.models, "m", "v1"));
    assert_true(models_has_version(fixture.models, "m", "v2"));
    assert_int_equal(models_switch(fixture.models, "m", "v1", &err), STATUS_NOT_FOUND);
    assert_string_equal(err.text, "model 'm' has no version 'v1'");
    err = (struct error){0};
    assert_int_equal(models_switch(fixture.models, "m", "../m/v2", &err), STATUS_NOT_FOUND);
    err = (struct error){0};
    assert_int_equal(models_switch(fixture.models, "none", "v2", &err), STATUS_NOT_FOUND);
    assert_served(&fixture, "m", "v4", 4);
    fixture_close(&fixture);
}

static void test_quarantine(void **state) {
    struct fixture fixture;
    fixture_open(&fixture, *state);
    publish(&fixture, "m", "v1", 1);
    publish(&fixture, "m", "v2", 2);
    publish(&fixture, "m", "v3", 3);
    publish(&fixture, "lost", "v1", 7);
    damage(&fixture, "m", "v3");
    damage(&fixture, "lost", "v1");
    fixture_close(&fixture);

    fixture_open(&fixture, *state);
    assert_served(&fixture, "m", "v2", 2);
    assert_int_equal(models_count(fixture.models), 1);
    assert_int_equal(count_folder(*state, "quarantine"), 2);
    assert_int_equal(count_versions(&fixture, "m"), 2);
    fixture_close(&fixture);

    fixture_open(&fixture, *state); /* CURRENT was mended: nothing to report any more */
    assert_served(&fixture, "m", "v2", 2);
    assert_string_equal(fixture.last_line, "");
    fixture_close(&fixture);
}

static void test_current_lost(void **state) {
    struct fixture fixture;
    struct error err = {0};
    fixture_open(&fixture, *state);
    publish(&fixture, "m", "v1", 1);
    publish(&fixture, "m", "v2", 2);
    char *home = models_home(fixture.models, "m"), *current = path_join(home, "CURRENT");
    fixture_close(&fixture);
    assert_int_equal(path_remove(current, &err), STATUS_OK);
    fixture_open(&fixture, *state);
    assert_served(&fixture, "m", "v2", 2);
    assert_true(file_exists(current));
    fixture_close(&fixture);
    assert_int_equal(file_replace(current, "../../x\n", 8, &err), STATUS_OK);
    fixture_open(&fixture, *state);
    assert_served(&fixture, "m", "v2", 2);
    fixture_close(&fixture);
    assert_int_equal(file_replace(current, "v1\n", 3, &err), STATUS_OK);
    fixture_open(&fixture, *state);
    assert_served(&fixture, "m", "v1", 1);
    fixture_close(&fixture);
    free(current);
    free(home);
}

static void test_remove(void **state) {
    struct fixture fixture;
    struct error err = {0};
    struct model *model = NULL;
    fixture_open(&fixture, *state);
    publish(&fixture, "m", "v1", 1);
    assert_int_equal(models_hold(fixture.models, "m", &model, NULL, &err), STATUS_OK);
    assert_int_equal(models_remove(fixture.models, "m", &err), STATUS_OK);
    assert_int_equal(models_count(fixture.models), 0);
    assert_int_equal(count_folder(*state, "models"), 0);
    assert_true(fabsf(table_row(model->input, 0)[0] - 1) < 1e-6f);
    model_drop(model);
    assert_int_equal(models_remove(fixture.models, "m", &err), STATUS_NOT_FOUND);
    err = (struct error){0};
    assert_int_equal(models_remove(fixture.models, "..", &err), STATUS_NOT_FOUND);
    publish(&fixture, "m", "v1", 4);
    assert_served(&fixture, "m", "v1", 4);
    fixture_close(&fixture);
}

static void test_suggest(void **state) {
    struct fixture fixture;
    struct buffer members = {0};
    fixture_open(&fixture, *state);
    models_suggest(fixture.models, NULL, "wiki", &members);
    assert_int_equal(members.length, 0);
    publish(&fixture, "wiki", "v1", 1);
    publish(&fixture, "news", "v1", 1);
    models_suggest(fixture.models, NULL, "wikii", &members);
    assert_string_equal(members.data, "\"suggestions\":[\"wiki\"]");
    buffer_clear(&members);
    fixture_close(&fixture);
}

static double served_time(struct fixture *fixture, const char *name) {
    struct model *model = NULL;
    struct error err = {0};
    assert_int_equal(models_hold(fixture->models, name, &model, NULL, &err), STATUS_OK);
    double created = model->info.created;
    model_drop(model);
    return created;
}

/* A model of one thread holds no time, so that it repeats bit for bit: the service keeps one. */
static void test_every_model_has_a_time(void **state) {
    static const double unknown[] = {0, -1, NAN, 1e300};
    struct fixture fixture;
    struct error err = {0};
    fixture_open(&fixture, *state);
    publish(&fixture, "known", "v1", 1);
    for (int i = 0; i < 4; i++) {
        char name[8], *folder = NULL;
        snprintf(name, sizeof name, "m%d", i);
        assert_int_equal(models_workplace(fixture.models, &folder, &err), STATUS_OK);
        save_model_of(folder, name, 1, unknown[i]);
        assert_int_equal(models_publish(fixture.models, name, "v1", folder, &err), STATUS_OK);
        free(folder);
    }
    assert_true(fabs(served_time(&fixture, "known") - 1234.5) < 1e-6);
    double first[4];
    for (int i = 0; i < 4; i++) {
        char name[8], *home;
        struct model_version *versions = NULL;
        size_t n = 0;
        snprintf(name, sizeof name, "m%d", i);
        first[i] = served_time(&fixture, name);
        assert_true(first[i] > 1e9 && first[i] < 1e11);
        home = models_home(fixture.models, name);
        assert_int_equal(store_versions(home, &versions, &n, &err), STATUS_OK);
        assert_true(fabs(versions[0].created - first[i]) < 1e-3);
        free(versions);
        if (i == 0) { /* found at the start without a record */
            char *path = record_path(home, "v1", "version.json");
            assert_int_equal(path_remove(path, &err), STATUS_OK);
            free(path);
        }
        free(home);
    }
    fixture_close(&fixture);
    fixture_open(&fixture, *state);
    assert_true(served_time(&fixture, "m0") > 1e9);
    for (int i = 1; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "m%d", i);
        assert_true(fabs(served_time(&fixture, name) - first[i]) < 1e-3);
    }
    assert_true(fabs(served_time(&fixture, "known") - 1234.5) < 1e-6);
    fixture_close(&fixture);
}

struct exporter {
    struct fixture *fixture;
    struct model *model;
    char *path;
    enum status status;
};

static void *export_one(void *context) {
    struct exporter *exporter = context;
    struct export_options options = {0};
    struct error err = {0};
    struct export_about about;
    exporter->status = models_export(exporter->fixture->models, "m", "v1", exporter->model,
                                     "vectors.txt", &options, &exporter->path, &about, &err);
    return NULL;
}

static void test_export_once(void **state) {
    struct fixture fixture;
    struct exporter exporters[4];
    pthread_t threads[4];
    struct error err = {0};
    struct model *model = NULL;
    fixture_open(&fixture, *state);
    publish(&fixture, "m", "v1", 1);
    assert_int_equal(models_hold(fixture.models, "m", &model, NULL, &err), STATUS_OK);
    for (size_t i = 0; i < 4; i++) {
        exporters[i] = (struct exporter){.fixture = &fixture, .model = model};
        assert_int_equal(pthread_create(&threads[i], NULL, export_one, &exporters[i]), 0);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 4; i++) {
        char *text = NULL;
        size_t length = 0;
        assert_int_equal(exporters[i].status, STATUS_OK);
        assert_string_equal(exporters[i].path, exporters[0].path);
        assert_int_equal(file_read(exporters[i].path, 4096, &text, &length, &err), STATUS_OK);
        assert_string_equal(text, "3 2\nking 1 1\nqueen 2 1\nman 3 1\n");
        free(text);
    }
    for (size_t i = 0; i < 4; i++)
        free(exporters[i].path);
    /* A version that is gone is not grown anew. */
    assert_int_equal(models_remove(fixture.models, "m", &err), STATUS_OK);
    struct exporter late = {.fixture = &fixture, .model = model};
    export_one(&late);
    assert_int_equal(late.status, STATUS_NOT_FOUND);
    assert_int_equal(count_folder(*state, "models"), 0);
    model_drop(model);
    fixture_close(&fixture);
}

struct reader {
    struct models *models;
    atomic_bool *stop;
    uint64_t held;
    bool torn;
};

/* Holds the model again and again: version and first value must belong together. */
static void *hold_model(void *context) {
    struct reader *reader = context;
    while (!atomic_load(reader->stop)) {
        struct model *model = NULL;
        struct error err = {0};
        char version[40];
        if (models_hold(reader->models, "m", &model, version, &err) != STATUS_OK)
            continue;
        char wanted[40];
        snprintf(wanted, sizeof wanted, "v%.0f", (double)table_row(model->input, 0)[0]);
        reader->torn = reader->torn || strcmp(version, wanted) != 0;
        reader->held++;
        model_drop(model);
    }
    return NULL;
}

static void test_hold_while_publishing(void **state) {
    struct fixture fixture;
    struct reader readers[3];
    pthread_t threads[3];
    atomic_bool stop = false;
    struct error err = {0};
    fixture_open(&fixture, *state);
    fixture.settings.max_versions = 2;
    publish(&fixture, "m", "v1", 1);
    for (size_t i = 0; i < 3; i++) {
        readers[i] = (struct reader){.models = fixture.models, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, hold_model, &readers[i]), 0);
    }
    for (int n = 2; n < 22; n++) {
        char version[16];
        snprintf(version, sizeof version, "v%d", n);
        publish(&fixture, "m", version, (float)n);
        if (n % 7 == 0)
            assert_int_equal(models_remove(fixture.models, "m", &err), STATUS_OK);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_false(readers[i].torn);
    }
    fixture_close(&fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_publish_and_restart),
        TEST(test_publish_again),
        TEST(test_refusals),
        TEST(test_activate_and_prune),
        TEST(test_quarantine),
        TEST(test_current_lost),
        TEST(test_remove),
        TEST(test_suggest),
        TEST(test_export_once),
        TEST(test_every_model_has_a_time),
        TEST(test_hold_while_publishing),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
