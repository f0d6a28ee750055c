/* Models and the memory budget: what does not fit is named, and served when there is room. */
#include "tests/support/models_fixture.h"

/* The bytes that a model of save_model takes. */
static uint64_t model_bytes(void **state) {
    char *folder = temporary_path(state, "measured");
    uint64_t bytes = 0;
    struct error err = {0};
    save_model(folder, "a", 1);
    assert_int_equal(model_measure(folder, &bytes, &err), STATUS_OK);
    assert_true(bytes > 3 * 16 * sizeof(float)); /* its rows, padded */
    assert_int_equal(path_remove(folder, &err), STATUS_OK);
    assert_int_equal(model_measure(folder, &bytes, &err), STATUS_NOT_FOUND);
    free(folder);
    return bytes;
}

static struct budget room_for(uint64_t bytes) {
    struct budget budget;
    budget_init(&budget, bytes * 8 / 7 + 8); /* an eighth is for requests alone */
    return budget;
}

static void assert_unloaded(struct fixture *fixture, const char *name, const char *why) {
    struct model *model = NULL;
    char version[40];
    struct error err = {0};
    assert_int_equal(models_hold(fixture->models, name, &model, version, &err), STATUS_NO_MEMORY);
    assert_null(model);
    assert_string_equal(err.key, "memory_budget");
    if (!strstr(err.text, why))
        fail_msg("%s", err.text);
}

static void test_a_model_that_does_not_fit_is_named(void **state) {
    struct fixture fixture;
    json_t *why = json_array();
    uint64_t bytes = model_bytes(state);
    fixture_open(&fixture, *state);
    publish(&fixture, "a", "v1", 1);
    publish(&fixture, "b", "v1", 2);
    publish(&fixture, "b", "v2", 3);
    fixture_close(&fixture);
    struct budget budget = room_for(bytes);
    fixture_open_within(&fixture, *state, &budget);
    assert_int_equal(models_count(fixture.models), 2);
    assert_int_equal(models_count_unloaded(fixture.models, why), 1);
    assert_int_equal(atomic_load(&budget.by_kind[BUDGET_MODELS]), bytes);
    /* which one comes first is for the file system to say */
    struct model *held = NULL;
    struct error err = {0};
    bool first = models_hold(fixture.models, "a", &held, NULL, &err) == STATUS_OK;
    model_drop(held);
    const char *in = first ? "a" : "b", *out = first ? "b" : "a";
    char text[64];
    snprintf(text, sizeof text, "model '%s' is not loaded: model '%s' needs %u bytes", out, out,
             (unsigned)bytes);
    const char *sentence = json_string_value(json_array_get(why, 0));
    if (!sentence || !strstr(sentence, text))
        fail_msg("%s", sentence ? sentence : "nothing");
    assert_unloaded(&fixture, out, "are in use");
    /* it is served from CURRENT, never from an older version that would fit */
    struct served_model *list = NULL;
    size_t n = 0;
    assert_int_equal(models_snapshot(fixture.models, &list, &n, &err), STATUS_OK);
    assert_int_equal(n, 2);
    assert_string_equal(list[1].version, "v2");
    models_snapshot_free(list, n);
    /* once there is room it is loaded by whoever asks */
    error_clear(&err);
    assert_int_equal(models_remove(fixture.models, in, &err), STATUS_OK);
    assert_served(&fixture, out, first ? "v2" : "v1", first ? 3 : 1);
    assert_int_equal(models_count_unloaded(fixture.models, NULL), 0);
    assert_int_equal(models_remove(fixture.models, out, &err), STATUS_OK);
    assert_int_equal(atomic_load(&budget.used), 0);
    fixture_close(&fixture);
    json_decref(why);
}

static void test_a_model_that_never_fits(void **state) {
    struct fixture fixture;
    struct error err = {0};
    uint64_t bytes = model_bytes(state);
    fixture_open(&fixture, *state);
    publish(&fixture, "a", "v1", 1);
    fixture_close(&fixture);
    struct budget budget = room_for(bytes / 2);
    fixture_open_within(&fixture, *state, &budget);
    assert_unloaded(&fixture, "a", "memory_budget leaves");
    assert_int_equal(models_remove(fixture.models, "a", &err), STATUS_OK); /* can go all the same */
    fixture_close(&fixture);
}

/* While a version takes the place of another both are in memory. */
static void test_a_swap_needs_room_for_both(void **state) {
    struct fixture fixture;
    struct error err = {0};
    uint64_t bytes = model_bytes(state);
    struct budget budget = room_for(2 * bytes);
    fixture_open_within(&fixture, *state, &budget);
    publish(&fixture, "a", "v1", 1);
    publish(&fixture, "a", "v2", 2);
    assert_int_equal(atomic_load(&budget.used), bytes); /* the old one is gone */
    publish(&fixture, "b", "v1", 3);
    assert_int_equal(models_switch(fixture.models, "a", "v1", &err), STATUS_NO_MEMORY);
    assert_string_equal(err.key, "memory_budget");
    assert_served(&fixture, "a", "v2", 2); /* as it was */
    error_clear(&err);
    char *folder = temporary_path(state, "made");
    save_model(folder, "c", 4);
    assert_int_equal(models_publish(fixture.models, "c", "v1", folder, &err), STATUS_NO_MEMORY);
    assert_true(file_exists(folder)); /* stays with whoever made it */
    assert_int_equal(models_count(fixture.models), 2);
    assert_int_equal(atomic_load(&budget.used), 2 * bytes);
    free(folder);
    fixture_close(&fixture);
    assert_int_equal(atomic_load(&budget.used), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_model_that_does_not_fit_is_named),
        TEST(test_a_model_that_never_fits),
        TEST(test_a_swap_needs_room_for_both),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
