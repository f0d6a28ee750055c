/* JSON text: what is taken, what is refused and where, and what is written. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/json/json.h"

static enum status parse(const char *text, json_t **document, struct error *err) {
    return json_parse(text, strlen(text), 8, document, err);
}

static void assert_round(const char *text, const char *written) {
    json_t *document = NULL;
    struct error err = {0};
    struct buffer out = {0};
    assert_int_equal(parse(text, &document, &err), STATUS_OK);
    json_append(&out, document);
    assert_false(out.failed);
    assert_string_equal(out.data, written);
    buffer_clear(&out);
    json_decref(document);
}

static void test_round_trips(void **state) {
    (void)state;
    assert_round(" { \"a\" : [ 1 , -2, 0 ] , \"b\" : { } }\r\n", "{\"a\":[1,-2,0],\"b\":{}}");
    assert_round("[true,false,null,[]]", "[true,false,null,[]]");
    assert_round("[0.1,1e3,-0.0,1.5e-7,1e300]", "[0.1,1000.0,-0.0,1.5e-07,1e+300]");
    assert_round("9223372036854775807", "9223372036854775807");
    assert_round("-9223372036854775808", "-9223372036854775808");
    assert_round("\"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\\b\\f\\r\\t\\u001f\"",
                 "\"\xc3\xa9\xf0\x9f\x98\x80\\n\\\"\\\\/\\b\\f\\r\\t\\u001f\"");
    assert_round("\"\"", "\"\"");
    assert_round("[[[[[[[[1]]]]]]]]", "[[[[[[[[1]]]]]]]]");
    assert_round("0.30000000000000004", "0.30000000000000004");
    assert_round("1e-999", "0.0");
}

static const char *const bad[] = {
    "",
    " ",
    "{",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,}",
    "{a:1}",
    "{1:1}",
    "nul",
    "tru",
    "True",
    "NaN",
    "Infinity",
    "-",
    "+1",
    "01",
    "-01",
    "1.",
    ".5",
    "1e",
    "1e+",
    "0x10",
    "1e999",
    "-1e999",
    "99999999999999999999",
    "-9223372036854775809",
    "\"",
    "\"a",
    "\"\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\ud800\"",
    "\"\\ud800x\"",
    "\"\\ud800\\u0041\"",
    "\"\\udc00\"",
    "\"\\u0000\"",
    "\"a\nb\"",
    "\"\x01\"",
    "\"\xff\"",
    "\"\xc0\xaf\"",
    "\"\xed\xa0\x80\"",
    "{} {}",
    "[] x",
    "1 2",
    "{\"a\":1,\"a\":2}",
    "{\"a\":{\"b\":1,\"b\":1}}",
    "[[[[[[[[[1]]]]]]]]]",
    "'a'",
    "/**/1",
    "\xef\xbb\xbf{}",
    "{\"\\u0000\":1}",
    "[1 2]",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
};

static void test_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *document = NULL;
        struct error err = {0};
        enum status status = parse(bad[i], &document, &err);
        if (status != STATUS_MALFORMED || document || err.text[0] == '\0')
            fail_msg("'%s' was not refused: %s", bad[i], err.text);
    }
}

static void assert_refusal(const char *text, const char *message) {
    json_t *document;
    struct error err = {0};
    assert_int_equal(parse(text, &document, &err), STATUS_MALFORMED);
    assert_string_equal(err.text, message);
}

static void test_messages(void **state) {
    (void)state;
    assert_refusal("{\n  \"a\": nul }", "a malformed value at line 2, column 8");
    assert_refusal("{\"\xc3\xa9\": 1,\n \"\xc3\xa9\": 2}",
                   "a name that stands twice at line 2, column 2");
    assert_refusal("[[[[[[[[[", "nested deeper than 8 levels at line 1, column 9");
    assert_refusal("{} x", "text behind the end of the document at line 1, column 4");
    assert_refusal("\"\\ud800\"", "a lone surrogate at line 1, column 4");
    assert_refusal("[1e999]", "a number that is too large at line 1, column 2");
    assert_refusal("", "the text ends where a value should be at line 1, column 1");
    assert_refusal("\"\xff\"", "the JSON text is not valid UTF-8");
}

static void test_raw_nul_and_depth(void **state) {
    (void)state;
    json_t *document;
    struct error err = {0};
    assert_int_equal(json_parse("\"a\0b\"", 5, 8, &document, &err), STATUS_MALFORMED);
    char *deep = malloc(200001);
    assert_non_null(deep);
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    error_clear(&err);
    assert_int_equal(json_parse(deep, 200000, 2000, &document, &err), STATUS_MALFORMED);
    memset(deep + 2000, ']', 2000);
    error_clear(&err);
    assert_int_equal(json_parse(deep, 4000, 2000, &document, &err), STATUS_OK);
    json_decref(document);
    free(deep);
}

/* A failing allocator, set between json_setup() calls: jansson's own hooks are global. */
static size_t allowance;

static void *stingy(size_t size) {
    if (allowance == 0)
        return NULL;
    allowance--;
    return malloc(size);
}

static void test_out_of_memory(void **state) {
    (void)state;
    static const char text[] = "{\"model\":\"prod-0001\",\"n\":[1234567890123456,0.5,\"a long "
                               "enough string\",{\"b\":null}]}";
    json_set_alloc_funcs(stingy, free);
    for (size_t max = 0;; max++) {
        json_t *document = NULL;
        struct error err = {0};
        allowance = max;
        enum status status = parse(text, &document, &err);
        if (status == STATUS_OK) {
            allowance = SIZE_MAX;
            assert_true(json_is_integer(json_array_get(json_object_get(document, "n"), 0)));
            assert_int_equal(json_integer_value(json_array_get(json_object_get(document, "n"), 0)),
                             1234567890123456);
            assert_string_equal(json_string_value(json_object_get(document, "model")), "prod-0001");
            json_decref(document);
            assert_true(max > 5);
            break;
        }
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_null(document);
    }
    json_setup();
}

static void test_body(void **state) {
    (void)state;
    static const char *const allowed[] = {"words", "k", NULL};
    struct server *server = calloc(1, sizeof *server);
    assert_non_null(server);
    settings_init(&server->settings);
    struct http_request request = {.body = "{\"words\":[],\"q\":1}", .body_length = 18};
    struct error err = {0};
    json_t *object = NULL;
    assert_int_equal(json_body(server, &request, allowed, &object, &err), STATUS_REFUSED);
    assert_string_equal(err.key, "/q");
    assert_string_equal(err.text, "unknown member 'q'");
    error_clear(&err);
    request.body = "[]";
    request.body_length = 2;
    assert_int_equal(json_body(server, &request, allowed, &object, &err), STATUS_MALFORMED);
    error_clear(&err);
    request.body = "{\"k\":3}";
    request.body_length = 7;
    assert_int_equal(json_body(server, &request, allowed, &object, &err), STATUS_OK);
    assert_int_equal(json_integer_value(json_object_get(object, "k")), 3);
    json_decref(object);
    free(server);
}

static void test_strings_and_floats(void **state) {
    (void)state;
    struct buffer out = {0};
    json_append_string(&out, "a\"\\\x01\x7f\xff\xc3\xa9\xe2\x82", 10);
    assert_string_equal(out.data, "\"a\\\"\\\\\\u0001\\u007f\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\"");
    buffer_clear(&out);
    json_append_string(&out, "a\0b", 3);
    assert_string_equal(out.data, "\"a\\u0000b\"");
    buffer_clear(&out);
    const float values[] = {0.1f, -1.5f, 0.0f, NAN, INFINITY, 16777216.0f};
    json_append_floats(&out, values, 6);
    json_t *list = NULL;
    struct error err = {0};
    assert_int_equal(parse(out.data, &list, &err), STATUS_OK);
    assert_int_equal(json_array_size(list), 6);
    assert_true((float)json_number_value(json_array_get(list, 0)) == 0.1f);
    assert_true(json_is_null(json_array_get(list, 3)) && json_is_null(json_array_get(list, 4)));
    assert_true(json_number_value(json_array_get(list, 5)) == 16777216.0);
    json_decref(list);
    buffer_clear(&out);
    json_append_floats(&out, values, 0);
    assert_string_equal(out.data, "[]");
    buffer_clear(&out);
    json_append_floats(&out, values + 3, 1);
    assert_string_equal(out.data, "[null]");
    buffer_clear(&out);
    json_append_floats(&out, (const float[]){-0.0f, 0.0f, -1e-45f}, 3);
    assert_string_equal(out.data, "[-0.0,0,-1e-45]");
    buffer_clear(&out);
    json_append_float(&out, -0.0f);
    json_append_float(&out, -INFINITY);
    json_append_float(&out, 0.5f);
    assert_string_equal(out.data, "-0.0null0.5");
    buffer_clear(&out);
    json_t *word = json_words("x\xff", 2);
    assert_string_equal(json_string_value(word), "x\xef\xbf\xbd");
    json_decref(word);
}

/* Texts as people write them: what no string of ours may hold must not fail a batch. */
static void test_texts_of_any_characters(void **state) {
    static const struct {
        const char *text, *value;
        size_t length;
    } texts[] = {{"\"a\\u0000b\"", "a\0b", 3},
                 {"\"\\ud83d\"", "\xef\xbf\xbd", 3},
                 {"\"\\udc00x\"", "\xef\xbf\xbdx", 4},
                 {"\"\\ud83d\\u0041\"",
                  "\xef\xbf\xbd"
                  "A",
                  4},
                 {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4}};
    struct error err = {0};
    json_t *node = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = texts[i].text;
        assert_int_equal(json_parse_texts(text, strlen(text), 4, 1, &node, &err), STATUS_OK);
        assert_int_equal(json_string_length(node), texts[i].length);
        assert_memory_equal(json_string_value(node), texts[i].value, texts[i].length);
        json_decref(node);
        error_clear(&err);
        bool plain = i + 1 == sizeof texts / sizeof texts[0];
        assert_int_equal(json_parse(text, strlen(text), 4, &node, &err),
                         plain ? STATUS_OK : STATUS_MALFORMED);
        json_decref(node);
        error_clear(&err);
    }
    assert_int_equal(json_parse_texts("[1,[2],{\"a\":3}]", 15, 4, 6, &node, &err), STATUS_OK);
    json_decref(node);
    assert_int_equal(json_parse_texts("[1,[2],{\"a\":3}]", 15, 4, 5, &node, &err),
                     STATUS_TOO_LARGE);
    assert_null(node);
    error_clear(&err);
    assert_int_equal(json_parse_texts("{\"a\\u0000\":1}", 14, 4, 5, &node, &err), STATUS_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_of_any_characters),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_raw_nul_and_depth),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_strings_and_floats),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
