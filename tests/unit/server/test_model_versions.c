/* Versions by their name and by labels: what is in memory, what is pruned, what is refused. */
#include "tests/support/models_fixture.h"

static void assert_version(struct fixture *fixture, const char *asked, const char *version,
                           float mark) {
    struct model *model = NULL;
    char found[MODEL_VERSION_SIZE];
    struct error err = {0};
    if (models_hold_version(fixture->models, "m", asked, &model, found, &err) != STATUS_OK)
        fail_msg("%s: %s", asked, err.text);
    assert_string_equal(found, version);
    assert_true(fabsf(table_row(model->input, 0)[0] - mark) < 1e-6f);
    model_drop(model);
}

static void label(struct fixture *fixture, const char *name, const char *asked,
                  enum status expected) {
    struct model_label made;
    struct error err = {0};
    assert_int_equal(models_set_label(fixture->models, "m", name, asked, &made, &err), expected);
}

static void test_versions_in_memory(void **state) {
    struct fixture fixture;
    struct model *held = NULL, *again;
    struct error err = {0};
    fixture_open(&fixture, *state);
    fixture.settings.max_versions_loaded = 1;
    publish(&fixture, "m", "v1", 1);
    publish(&fixture, "m", "v2", 2);
    publish(&fixture, "m", "v3", 3);
    assert_version(&fixture, "v3", "v3", 3);
    assert_int_equal(fixture.models->n_cached, 0); /* it is the one that is served */
    assert_version(&fixture, "v1", "v1", 1);
    assert_int_equal(fixture.models->n_cached, 1);
    assert_int_equal(models_hold_version(fixture.models, "m", "v1", &held, NULL, &err), STATUS_OK);
    again = cache_hold(fixture.models, "m", "v1");
    assert_ptr_equal(again, held); /* one copy */
    model_drop(again);
    assert_version(&fixture, "v2", "v2", 2);
    assert_int_equal(fixture.models->n_cached, 1);
    assert_null(cache_hold(fixture.models, "m", "v1"));
    /* Who holds it keeps it. */
    assert_true(fabsf(table_row(held->input, 0)[0] - 1) < 1e-6f);
    model_drop(held);
    /* What is activated is no copy beside the served one. */
    assert_int_equal(models_switch(fixture.models, "m", "v2", &err), STATUS_OK);
    assert_int_equal(fixture.models->n_cached, 0);
    assert_served(&fixture, "m", "v2", 2);
    fixture.settings.max_versions_loaded = 0;
    assert_version(&fixture, "v1", "v1", 1);
    assert_int_equal(fixture.models->n_cached, 0);
    fixture_close(&fixture);
}

static void test_labels_last(void **state) {
    struct fixture fixture;
    struct error err = {0};
    fixture_open(&fixture, *state);
    publish(&fixture, "m", "v1", 1);
    label(&fixture, "stable", "v1", STATUS_OK);
    label(&fixture, "stable", "v9", STATUS_NOT_FOUND);
    label(&fixture, "v1", "v1", STATUS_CONFLICT);
    label(&fixture, "../x", "v1", STATUS_REFUSED);
    fixture.settings.max_versions = 1;
    publish(&fixture, "m", "v2", 2);
    publish(&fixture, "m", "v3", 3);
    assert_int_equal(count_versions(&fixture, "m"), 2); /* v3, and v1 for its label */
    fixture_close(&fixture);
    fixture_open(&fixture, *state);
    assert_version(&fixture, "stable", "v1", 1);
    label(&fixture, "stable", "v3", STATUS_OK);
    assert_version(&fixture, "stable", "v3", 3);
    fixture.settings.max_labels = 1;
    label(&fixture, "canary", "v1", STATUS_CONFLICT);
    label(&fixture, "stable", "v1", STATUS_OK); /* one that is there may move */
    assert_int_equal(models_remove_version(fixture.models, "m", "v1", &err), STATUS_CONFLICT);
    assert_non_null(strstr(err.text, "has the label 'stable'"));
    err = (struct error){0};
    assert_int_equal(models_remove_version(fixture.models, "m", "v3", &err), STATUS_CONFLICT);
    assert_non_null(strstr(err.text, "is the one that is served"));
    err = (struct error){0};
    assert_int_equal(models_remove_label(fixture.models, "m", "stable", &err), STATUS_OK);
    assert_int_equal(models_remove_label(fixture.models, "m", "stable", &err), STATUS_NOT_FOUND);
    err = (struct error){0};
    assert_int_equal(models_remove_version(fixture.models, "m", "v1", &err), STATUS_OK);
    assert_false(models_has_version(fixture.models, "m", "v1"));
    assert_int_equal(fixture.models->n_cached, 0);
    fixture_close(&fixture);
}

/* One import: a key of access, what it sends, and what comes of it. */
static void test_publish_import(void **state) {
    static const struct {
        const char *owner, *fingerprint;
        enum status status;
        bool replayed;
    } imports[] = {
        {"a", "sha256:0", STATUS_OK, false},      {"a", "sha256:0", STATUS_OK, true},
        {"a", "sha256:1", STATUS_REFUSED, false}, {"b", "sha256:1", STATUS_OK, false},
        {"b", "sha256:1", STATUS_OK, true},
    };
    struct fixture fixture;
    struct publish_key once = {.key = "k"};
    struct publish_terms terms = {.once = &once, .asker = {.max_models = 1}};
    struct error err = {0};
    bool replayed = false;
    fixture_open(&fixture, *state);
    for (size_t i = 0; i < sizeof imports / sizeof *imports; i++) {
        char version[MODEL_VERSION_SIZE], first[MODEL_VERSION_SIZE], *folder = NULL;
        snprintf(version, sizeof version, "import-%zu", i);
        snprintf(first, sizeof first, "import-%d", i < 3 ? 0 : 3);
        snprintf(once.fingerprint, sizeof once.fingerprint, "%s", imports[i].fingerprint);
        snprintf(terms.asker.id, sizeof terms.asker.id, "%s", imports[i].owner);
        assert_int_equal(models_workplace(fixture.models, &folder, &err), STATUS_OK);
        char *inner = path_join(folder, "model");
        save_model(inner, "m", 1);
        assert_int_equal(model_own(inner, imports[i].owner, &err), STATUS_OK);
        enum status status =
            models_publish_import(fixture.models, "m", version, inner, &terms, &replayed, &err);
        assert_int_equal(status, imports[i].status);
        assert_int_equal(replayed, imports[i].replayed);
        if (replayed)
            assert_string_equal(version, first);
        error_clear(&err);
        assert_int_equal(path_remove(folder, &err), STATUS_OK);
        free(inner);
        free(folder);
    }
    assert_int_equal(count_versions(&fixture, "m"), 2);
    assert_int_equal(models_admit(fixture.models, "m", &terms, &err), STATUS_OK);
    assert_int_equal(models_admit(fixture.models, "n", &terms, &err), STATUS_BUSY);
    fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_versions_in_memory, temporary_setup,
                                        temporary_teardown),
        cmocka_unit_test_setup_teardown(test_labels_last, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_publish_import, temporary_setup, temporary_teardown),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
