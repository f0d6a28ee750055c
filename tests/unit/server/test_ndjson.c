/* NDJSON to tokens: the same bytes however the stream is cut, and refusals that name the line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "server/json/json.h"
#include "server/json/ndjson.h"

static enum status sink(void *context, const char *bytes, size_t length, struct error *err) {
    struct buffer *out = context;
    buffer_append(out, bytes, length);
    return out->failed ? error_set(err, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
}

static const char *weight_field = "none"; /* of the conversions that follow */

struct counts {
    uint64_t altered, skipped;
};

static enum status convert_field(const char *field, const char *text, size_t length, size_t piece,
                                 struct buffer *out, struct counts *counts, struct error *err) {
    struct ndjson *ndjson;
    const struct ndjson_fields fields = {.text = field, .weight = weight_field, .max_weight = 100};
    enum status status = ndjson_create(&ndjson, &fields, sink, out, err);
    for (size_t at = 0; status == STATUS_OK && at < length; at += piece)
        status = ndjson_push(ndjson, text + at, length - at < piece ? length - at : piece, err);
    if (status == STATUS_OK)
        status = ndjson_finish(ndjson, err);
    *counts = (struct counts){ndjson_altered(ndjson), ndjson_skipped(ndjson)};
    ndjson_free(ndjson);
    return status;
}

static enum status convert(const char *text, size_t length, size_t piece, struct buffer *out,
                           uint64_t *altered, struct error *err) {
    struct counts counts;
    enum status status = convert_field("auto", text, length, piece, out, &counts, err);
    *altered = counts.altered;
    return status;
}

static void assert_skips(const char *field, const char *text, const char *expected,
                         uint64_t expected_skipped) {
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        struct buffer out = {0};
        struct error err = {0};
        struct counts counts;
        assert_int_equal(convert_field(field, text, strlen(text), piece, &out, &counts, &err),
                         STATUS_OK);
        assert_string_equal(out.data ? out.data : "", expected);
        assert_int_equal(counts.skipped, expected_skipped);
        buffer_clear(&out);
    }
}

static void assert_converts(const char *text, const char *expected, uint64_t expected_altered) {
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        struct buffer out = {0};
        struct error err = {0};
        uint64_t altered = 0;
        assert_int_equal(convert(text, strlen(text), piece, &out, &altered, &err), STATUS_OK);
        assert_string_equal(out.data ? out.data : "", expected);
        assert_int_equal(altered, expected_altered);
        buffer_clear(&out);
    }
}

static void test_shapes(void **state) {
    (void)state;
    assert_converts("\"a b\"\n", "a b\n", 0);
    assert_converts("\"a b\"", "a b\n", 0);
    assert_converts("[\"New York\",\"is\"]\n", "\x1fNew York\x1fis\x1f\n", 0);
    assert_converts("{\"text\":\"a b\",\"id\":7}\r\n{\"tokens\":[\"c\"]}\r\n",
                    "a b\n\x1f"
                    "c\x1f\n",
                    0);
    assert_converts("{\"text\":\"a b\",\"tokens\":[\"a b\"]}\n",
                    "\x1f"
                    "a b\x1f\n",
                    0);
    assert_converts("\n \n\"a\"\n\t\n\n\"b\"\n\n", "a\nb\n", 0);
    assert_converts("", "", 0);
    assert_converts("\n\n", "", 0);
    assert_converts("[]\n\"\"\n[\"\",\"a\",\"\"]\n",
                    "\x1f\n\n\x1f"
                    "a\x1f\n",
                    0);
    assert_converts("\xef\xbb\xbf\"a\"\n", "a\n", 0);
    assert_converts("\"\\u00e9\\ud83d\\ude00\"\n", "\xc3\xa9\xf0\x9f\x98\x80\n", 0);
}

static void test_altered(void **state) {
    (void)state;
    assert_converts("[\"a\\u001fb\",\"c\\nd\\re\",\"f\"]\n",
                    "\x1f"
                    "a b\x1f"
                    "c d e\x1f"
                    "f\x1f\n",
                    2);
    assert_converts("\"\\u001fa\"\n", " a\n", 1);
    assert_converts("[\"n\\u0000ul\",\"b\"]\n\"x\\u0000y\"\n",
                    "\x1fn ul\x1f"
                    "b\x1f\nx y\n",
                    2);
    /* a backslash before u0000 */
    assert_converts("[\"\\\\u0000\"]\n", "\x1f\\u0000\x1f\n", 0);
    assert_converts("[\"\xef\xbb\xbf"
                    "a\xef\xbb\xbf\",\"\xef\xbb\xbf\"]\n",
                    "\x1f"
                    "a\x1f\n",
                    2);
    assert_converts("\"two\\nlines\"\n", "two\nlines\n", 0);
}

static void assert_refused(const char *text, enum status expected, const char *message) {
    struct buffer out = {0};
    struct error err = {0};
    uint64_t altered;
    assert_int_equal(convert(text, strlen(text), 3, &out, &altered, &err), expected);
    assert_non_null(strstr(err.text, message));
    buffer_clear(&out);
}

static void test_numbers_and_nulls(void **state) {
    (void)state;
    assert_skips("auto", "[1,-2,15339,\"New York\"]\n",
                 "\x1f"
                 "1\x1f-2\x1f"
                 "15339\x1fNew York\x1f\n",
                 0);
    assert_skips("auto", "null\n\"a\"\n{\"text\":null}\n{\"tokens\":null}\n[\"b\",null]\n",
                 "a\n\x1f"
                 "b\x1f\n",
                 4);
    assert_skips("auto", "{\"text\":\"a\",\"tokens\":null}\n", "a\n", 0);
    /* of joined files */
    assert_skips("auto", "\"a\"\n\xef\xbb\xbf\"b\"\n", "a\nb\n", 0);
}

static void test_fields(void **state) {
    (void)state;
    assert_skips("body",
                 "{\"id\":1}\n{\"body\":\"a b\",\"text\":\"no\"}\n{\"body\":[\"c\",3]}\n"
                 "{\"body\":null}\n\"d\"\n",
                 "a b\n\x1f"
                 "c\x1f"
                 "3\x1f\nd\n",
                 2);
    struct buffer out = {0};
    struct error err = {0};
    struct counts counts;
    static const char other[] = "{\"id\":1,\"content\":\"a\"}\n{}\n";
    assert_int_equal(convert_field("body", other, strlen(other), 5, &out, &counts, &err),
                     STATUS_REFUSED);
    assert_string_equal(
        err.text, "no line has the field 'body'; the fields of the first are 'id', 'content'");
    assert_string_equal(err.key, "text_field");
    buffer_clear(&out);
}

static void test_refusals(void **state) {
    (void)state;
    assert_refused("\"a\"\n\n{\"a\n", STATUS_MALFORMED, "line 3: ");
    assert_refused("7\n", STATUS_MALFORMED, "line 1: expected a string, an array of tokens");
    assert_refused("{\"words\":[],\"id\":1}\n", STATUS_MALFORMED,
                   "line 1: expected an object with 'text', a string, or 'tokens', an array; its "
                   "fields are 'words', 'id': name another one by text_field");
    assert_refused("{\"tokens\":\"a\"}\n", STATUS_MALFORMED, "line 1: expected");
    assert_refused("{\"text\":[\"a\"]}\n", STATUS_MALFORMED, "line 1: expected");
    assert_refused("{\"text\":5}\n", STATUS_MALFORMED, "line 1: expected");
    assert_refused("\"ok\"\n[\"a\",1.5]\n", STATUS_MALFORMED,
                   "line 2: token 2 is neither a string nor a whole number");
    assert_refused("[true]\n", STATUS_MALFORMED, "line 1: token 1 is neither");
    assert_refused("\"a\" \"b\"\n", STATUS_MALFORMED, "line 1: text behind the end");
    assert_refused("\"\xff\"\n", STATUS_MALFORMED, "line 1: the JSON text is not valid UTF-8");
    assert_refused("[[\"a\"]]\n", STATUS_MALFORMED,
                   "line 1: token 1 is an array: one JSON value a line, not one array of all (jq");
    assert_refused("[{\"text\":\"a\"}]\n", STATUS_MALFORMED, "line 1: token 1 is an object: one");
    assert_refused("[\n {\n", STATUS_MALFORMED,
                   "line 1 holds the begin of a JSON value only: one JSON value a line");
    assert_refused("{\n \"text\": \"a\"\n}\n", STATUS_MALFORMED, "one JSON value a line");
    assert_refused("[{\"text\":\"a\"},\n{\"text\":\"b\"}]\n", STATUS_MALFORMED,
                   "one JSON value a line");
}

static void test_stays_failed(void **state) {
    (void)state;
    struct ndjson *ndjson;
    struct buffer out = {0};
    struct error err = {0};
    assert_int_equal(ndjson_create(&ndjson, &NDJSON_PLAIN, sink, &out, &err), STATUS_OK);
    assert_int_equal(ndjson_push(ndjson, "x\n", 2, &err), STATUS_MALFORMED);
    error_clear(&err);
    assert_int_equal(ndjson_push(ndjson, "\"a\"\n", 4, &err), STATUS_MALFORMED);
    error_clear(&err);
    assert_int_equal(ndjson_finish(ndjson, &err), STATUS_MALFORMED);
    assert_int_equal(out.length, 0);
    ndjson_free(ndjson);
    ndjson_free(NULL);
    buffer_clear(&out);
}

static void test_long_lines(void **state) {
    (void)state;
    size_t length = 5 << 20;
    char *line = malloc(length);
    struct buffer out = {0};
    struct error err = {0};
    uint64_t altered;
    assert_non_null(line);
    memset(line, 'a', length);
    line[0] = line[length - 2] = '"';
    line[length - 1] = '\n';
    assert_int_equal(convert(line, length, 65536, &out, &altered, &err), STATUS_OK);
    assert_int_equal(out.length, length - 2);
    buffer_clear(&out);
    struct ndjson *ndjson;
    enum status status = ndjson_create(&ndjson, &NDJSON_PLAIN, sink, &out, &err);
    line[length - 2] = line[length - 1] = 'a';
    for (int i = 0; status == STATUS_OK && i < 20; i++)
        status = ndjson_push(ndjson, line, length, &err);
    assert_int_equal(status, STATUS_TOO_LARGE);
    assert_string_equal(err.text, "line 1 is longer than 67108864 bytes");
    ndjson_free(ndjson);
    buffer_clear(&out);
    free(line);
}

static void weights_repeat_lines(void **state) {
    (void)state;
    weight_field = "auto";
    assert_skips(
        "auto",
        "{\"tokens\":[\"a\"],\"weight\":3}\n{\"tokens\":[\"b\"],\"weight\":0}\n"
        "{\"tokens\":[\"c\"],\"weight\":null}\n{\"text\":\"d\",\"weight\":\"2 kg\"}\n[\"e\"]",
        "\x1f"
        "a\x1f\n\x1f"
        "a\x1f\n\x1f"
        "a\x1f\n\x1f"
        "c\x1f\nd\n\x1f"
        "e\x1f\n",
        1);
    weight_field = "n";
    assert_skips("auto", "{\"text\":\"d\",\"n\":2.0,\"weight\":5}", "d\nd\n", 0);
    weight_field = "none";
    assert_skips("auto", "{\"tokens\":[\"a\"],\"weight\":-3}",
                 "\x1f"
                 "a\x1f\n",
                 0);
}

/* Of many lines as many stand as the weights say, whatever the pieces. */
static void parts_of_a_weight_are_drawn(void **state) {
    struct buffer text = {0}, out = {0}, again = {0};
    struct error err = {0};
    struct counts counts;
    size_t lines = 0;
    (void)state;
    for (int i = 0; i < 4000; i++)
        buffer_append_text(&text, i % 2 == 0 ? "{\"tokens\":[1],\"weight\":2.25}\n"
                                             : "{\"tokens\":[2],\"weight\":0.25}\n");
    weight_field = "auto";
    assert_int_equal(convert_field("auto", text.data, text.length, 1000, &out, &counts, &err),
                     STATUS_OK);
    assert_int_equal(convert_field("auto", text.data, text.length, 7, &again, &counts, &err),
                     STATUS_OK);
    weight_field = "none";
    assert_int_equal(out.length, again.length);
    assert_memory_equal(out.data, again.data, out.length);
    for (const char *at = out.data; (at = strchr(at, '\n')); at++)
        lines++;
    assert_true(lines > 4900 && lines < 5100); /* 5000 and four deviations of 19 and more */
    assert_true(counts.skipped > 1400 && counts.skipped < 1600); /* of weight 0.25 */
    buffer_clear(&text);
    buffer_clear(&out);
    buffer_clear(&again);
}

static void bad_weights_are_refused(void **state) {
    static const char *const bad[] = {"-1", "100.5", "\"2\"", "[1]", "true", "1e400"};
    (void)state;
    weight_field = "auto";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buffer text = {0}, out = {0};
        struct error err = {0};
        struct counts counts;
        buffer_print(&text, "[\"a\"]\n{\"tokens\":[\"b\"],\"weight\":%s}\n", bad[i]);
        assert_int_equal(convert_field("auto", text.data, text.length, 100, &out, &counts, &err),
                         STATUS_MALFORMED);
        assert_non_null(strstr(err.text, "line 2"));
        if (i < 5)
            assert_non_null(strstr(err.text, "'weight' must be a number of 0 to 100"));
        buffer_clear(&text);
        buffer_clear(&out);
    }
    weight_field = "none";
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_repeat_lines),
        cmocka_unit_test(parts_of_a_weight_are_drawn),
        cmocka_unit_test(bad_weights_are_refused),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_altered),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_numbers_and_nulls),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_stays_failed),
        cmocka_unit_test(test_long_lines),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
