/* Members of a JSON body: defaults, bounds, kinds, and the place that a refusal names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/parameters.h"
#include "server/json/fields.h"

static json_t *parse(const char *text) {
    json_t *object = NULL;
    struct error err = {0};
    assert_int_equal(json_parse(text, strlen(text), 8, &object, &err), STATUS_OK);
    return object;
}

static void refused(const struct error *err, const char *key, const char *text) {
    assert_int_equal(err->status, STATUS_REFUSED);
    assert_string_equal(err->key, key);
    assert_string_equal(err->text, text);
}

static void check_default_is_kept(const char *body) {
    json_t *object = parse(body);
    struct error err = {0};
    int64_t k = 10;
    double norm = 2.5;
    bool unique = true;
    int choice = 1;
    const char *text = "kept";
    size_t length = 4;
    const json_t *list = object;
    assert_int_equal(field_int(object, "k", 1, 5, &k, &err), STATUS_OK);
    assert_int_equal(field_real(object, "norm", 0, 1, &norm, &err), STATUS_OK);
    assert_int_equal(field_flag(object, "unique", &unique, &err), STATUS_OK);
    assert_int_equal(field_choice(object, "method", "a|b", &choice, &err), STATUS_OK);
    assert_int_equal(field_text(object, "text", &text, &length, &err), STATUS_OK);
    assert_int_equal(field_list(object, "list", 1, 2, &list, &err), STATUS_OK);
    assert_int_equal(k, 10);
    assert_true(norm >= 2.5 && norm <= 2.5);
    assert_true(unique);
    assert_int_equal(choice, 1);
    assert_string_equal(text, "kept");
    assert_ptr_equal(list, object);
    json_decref(object);
}

static void test_absent_keeps_default(void **state) {
    (void)state;
    check_default_is_kept("{}");
}

/* Clients send null for what they do not set. */
static void test_null_is_absent(void **state) {
    (void)state;
    check_default_is_kept("{\"k\":null,\"norm\":null,\"unique\":null,\"method\":null,"
                          "\"text\":null,\"list\":null}");
    json_t *object = parse("{\"none\":null,\"zero\":0}");
    assert_null(field_find(object, "none"));
    assert_null(field_find(object, "absent"));
    assert_true(json_is_integer(field_find(object, "zero")));
    json_decref(object);
}

static void test_int(void **state) {
    (void)state;
    json_t *object = parse("{\"low\":0,\"one\":1,\"five\":5,\"six\":6,\"real\":1.0,\"text\":\"3\","
                           "\"none\":null,\"big\":"
                           "9223372036854775807}");
    int64_t k = -1;
    struct error err = {0};
    assert_int_equal(field_int(object, "one", 1, 5, &k, &err), STATUS_OK);
    assert_int_equal(k, 1);
    assert_int_equal(field_int(object, "five", 1, 5, &k, &err), STATUS_OK);
    assert_int_equal(k, 5);
    assert_int_equal(field_int(object, "low", 1, 5, &k, &err), STATUS_REFUSED);
    refused(&err, "/low", "low must be between 1 and 5, not 0");
    err = (struct error){0};
    assert_int_equal(field_int(object, "six", 1, 5, &k, &err), STATUS_REFUSED);
    refused(&err, "/six", "six must be between 1 and 5, not 6");
    err = (struct error){0};
    assert_int_equal(field_int(object, "real", 1, 5, &k, &err), STATUS_REFUSED);
    refused(&err, "/real", "real must be a whole number, not a fraction");
    err = (struct error){0};
    assert_int_equal(field_int(object, "text", 1, 5, &k, &err), STATUS_REFUSED);
    refused(&err, "/text", "text must be a whole number, not a string");
    err = (struct error){0};
    assert_int_equal(field_int(object, "none", 1, 5, &k, &err), STATUS_OK);
    assert_int_equal(k, 5);
    assert_int_equal(field_int(object, "low", 1, INT64_MAX, &k, &err), STATUS_REFUSED);
    refused(&err, "/low", "low must be at least 1, not 0");
    assert_int_equal(k, 5);
    err = (struct error){0};
    assert_int_equal(field_int(object, "big", 0, INT64_MAX, &k, &err), STATUS_OK);
    assert_true(k == INT64_MAX);
    json_decref(object);
}

static void test_real(void **state) {
    (void)state;
    json_t *object = parse("{\"a\":2,\"b\":0.5,\"c\":-1,\"d\":[1]}");
    double value = 7;
    struct error err = {0};
    assert_int_equal(field_real(object, "a", 0, 10, &value, &err), STATUS_OK);
    assert_true(value >= 2 && value <= 2);
    assert_int_equal(field_real(object, "b", 0, 10, &value, &err), STATUS_OK);
    assert_true(value >= 0.5 && value <= 0.5);
    assert_int_equal(field_real(object, "c", 0, 10, &value, &err), STATUS_REFUSED);
    refused(&err, "/c", "c must be between 0 and 10, not -1");
    err = (struct error){0};
    assert_int_equal(field_real(object, "d", 0, 10, &value, &err), STATUS_REFUSED);
    refused(&err, "/d", "d must be a number, not a list");
    json_decref(object);
}

static void test_flag_choice_text_list(void **state) {
    (void)state;
    json_t *object = parse("{\"yes\":true,\"no\":false,\"one\":1,\"mul\":\"mul\",\"mu\":\"mu\","
                           "\"empty\":\"\",\"list\":"
                           "[1,2,3],\"object\":{}}");
    bool flag = false;
    int choice = -1;
    const char *text = NULL;
    size_t length = 9;
    const json_t *list = NULL;
    struct error err = {0};
    assert_int_equal(field_flag(object, "yes", &flag, &err), STATUS_OK);
    assert_true(flag);
    assert_int_equal(field_flag(object, "no", &flag, &err), STATUS_OK);
    assert_false(flag);
    assert_int_equal(field_flag(object, "one", &flag, &err), STATUS_REFUSED);
    refused(&err, "/one", "one must be true or false, not a whole number");
    err = (struct error){0};
    assert_int_equal(field_choice(object, "mul", "add|mul", &choice, &err), STATUS_OK);
    assert_int_equal(choice, 1);
    assert_int_equal(field_choice(object, "mu", "add|mul", &choice, &err), STATUS_REFUSED);
    refused(&err, "/mu", "mu must be one of add|mul, not 'mu'");
    err = (struct error){0};
    assert_int_equal(field_choice(object, "empty", "add|mul", &choice, &err), STATUS_REFUSED);
    err = (struct error){0};
    assert_int_equal(field_text(object, "empty", &text, &length, &err), STATUS_OK);
    assert_string_equal(text, "");
    assert_int_equal(length, 0);
    assert_int_equal(field_text(object, "object", &text, &length, &err), STATUS_REFUSED);
    refused(&err, "/object", "object must be a string, not an object");
    err = (struct error){0};
    assert_int_equal(field_list(object, "list", 3, 3, &list, &err), STATUS_OK);
    assert_int_equal(json_array_size(list), 3);
    assert_int_equal(field_list(object, "list", 4, 9, &list, &err), STATUS_REFUSED);
    refused(&err, "/list", "list must hold between 4 and 9 entries, not 3");
    err = (struct error){0};
    assert_int_equal(field_list(object, "yes", 0, 9, &list, &err), STATUS_REFUSED);
    refused(&err, "/yes", "yes must be a list, not true or false");
    json_decref(object);
}

static void test_kinds(void **state) {
    (void)state;
    assert_string_equal(field_kind(NULL), "nothing");
    json_t *object = parse("{}");
    assert_string_equal(field_kind(object), "an object");
    json_decref(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent_keeps_default),
        cmocka_unit_test(test_null_is_absent),
        cmocka_unit_test(test_int),
        cmocka_unit_test(test_real),
        cmocka_unit_test(test_flag_choice_text_list),
        cmocka_unit_test(test_kinds),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
