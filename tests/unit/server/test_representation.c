/* The choice among the forms of an answer, and the bytes of the binary ones. */
#include "tests/support/inquiry_fixture.h"

#include "server/query/representation.h"

static void check_choice(struct inquiry_fixture *fixture, int expected) {
    enum representation as = AS_JSON;
    struct error err = {0};
    enum status status = representation_choose(&fixture->inquiry, &as, &err);
    if (expected >= 0) {
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(as, expected);
        return;
    }
    assert_int_equal(status, STATUS_REFUSED);
    assert_int_equal(fixture->inquiry.refusal, 406);
    assert_non_null(strstr(err.text, "there are application/json, application/x-npy, "
                                     "application/octet-stream and application/vnd.safetensors"));
    assert_string_equal(fixture->inquiry.members.data,
                        "\"available\":[\"application/json\",\"application/x-npy\","
                        "\"application/octet-stream\",\"application/vnd.safetensors\"]");
    buffer_clear(&fixture->inquiry.members);
}

static void test_format_key(void **state) {
    static const struct {
        const char *format;
        int as;
    } rows[] = {{"json", AS_JSON},
                {"npy", AS_NPY},
                {"NPY", AS_NPY},
                {"bytes", AS_BYTES},
                {"safetensors", AS_SAFETENSORS},
                {"application/x-npy", AS_NPY},
                {"Application/Octet-Stream", AS_BYTES},
                {"", -1},
                {"np", -1},
                {"npyx", -1}};
    struct inquiry_fixture *fixture = *state;
    fixture_header(fixture, "Accept", "application/json"); /* the key goes before it */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture_query(fixture, "format", rows[i].format);
        check_choice(fixture, rows[i].as);
    }
}

static void test_accept(void **state) {
    static const struct {
        const char *accept;
        int as;
    } rows[] = {
        {NULL, AS_JSON},
        {"", AS_JSON},
        {" , ", AS_JSON},
        {"*/*", AS_JSON},
        {"application/*", AS_JSON},
        {"application/x-npy", AS_NPY},
        {"APPLICATION/X-NPY", AS_NPY},
        {"text/html, application/vnd.safetensors", AS_SAFETENSORS},
        {"application/json;q=0.5, application/x-npy", AS_NPY},
        {"application/json;q=0.5,application/x-npy;q=0.4", AS_JSON},
        {"*/*, application/octet-stream", AS_BYTES}, /* of equal q the more exact range */
        {"application/*;q=0.9, */*;q=0.1", AS_JSON}, /* a range more exact sets the q */
        {"*/*;q=1, application/json;q=0", AS_NPY},   /* 0 forbids */
        {"application/x-npy;v=1;q=0.5, application/octet-stream;q=0.6", AS_BYTES},
        {"application/x-npy ; Q=1", AS_NPY},
        {"application/x-npy;q=2", -1}, /* a q that is none counts as 0 */
        {"application/x-npy;q=", -1},
        {"application/x-npy;q=0.1234567890123456", -1},
        {"*/*;q=0", -1},
        {"text/html", -1},
        {"text/*", -1},
        {"application/x-np", -1},
        {"application/x-npyz", -1},
    };
    struct inquiry_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture_header(fixture, "Accept", rows[i].accept);
        check_choice(fixture, rows[i].as);
    }
}

static const float values[] = {1, -2.5F, 0, 3, 4, 1e-30F};

static void write(struct inquiry_fixture *fixture, enum representation as, unsigned dims,
                  struct buffer *answer) {
    static const size_t shapes[3][3] = {{6}, {2, 3}, {1, 2, 3}};
    representation_write(&fixture->inquiry, as, values, shapes[dims - 1], dims, answer);
    assert_false(answer->failed);
    assert_true(answer->length >= sizeof values);
    assert_memory_equal(answer->data + answer->length - sizeof values, values, sizeof values);
}

static void check_headers(struct inquiry_fixture *fixture, const char *type, const char *shape) {
    char expected[256];
    snprintf(expected, sizeof expected,
             "X-Shape: %s\nX-Dtype: float32\nX-Model: m\nX-Version: v1\n", shape);
    assert_string_equal(fixture->exchange.response.headers.data, expected);
    assert_string_equal(fixture->inquiry.content_type, type);
    response_clear(&fixture->exchange.response);
}

static void test_bytes(void **state) {
    struct buffer answer = {0};
    write(*state, AS_BYTES, 2, &answer);
    assert_int_equal(answer.length, sizeof values);
    check_headers(*state, "application/octet-stream", "2,3");
    buffer_clear(&answer);
}

/* https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0 */
static void test_npy(void **state) {
    static const char *const shapes[] = {"(6,)", "(2, 3)", "(1, 2, 3)"}, *const commas[] = {
                                                                             "6", "2,3", "1,2,3"};
    for (unsigned dims = 1; dims <= 3; dims++) {
        struct buffer answer = {0};
        char expected[128];
        write(*state, AS_NPY, dims, &answer);
        assert_memory_equal(answer.data, "\x93NUMPY\x01\x00", 8);
        size_t length = (unsigned char)answer.data[8] + 256u * (unsigned char)answer.data[9];
        assert_int_equal((10 + length) % 64, 0);
        assert_int_equal(answer.length, 10 + length + sizeof values);
        assert_int_equal(answer.data[10 + length - 1], '\n');
        snprintf(expected, sizeof expected,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shapes[dims - 1]);
        assert_memory_equal(answer.data + 10, expected, strlen(expected));
        for (size_t i = 10 + strlen(expected); i < 10 + length - 1; i++)
            assert_int_equal(answer.data[i], ' ');
        check_headers(*state, "application/x-npy", commas[dims - 1]);
        buffer_clear(&answer);
    }
}

/* https://huggingface.co/docs/safetensors: 8 bytes of length, JSON, numbers */
static void test_safetensors(void **state) {
    struct buffer answer = {0};
    struct error err = {0};
    json_t *document = NULL;
    uint64_t length = 0;
    write(*state, AS_SAFETENSORS, 2, &answer);
    for (unsigned i = 0; i < 8; i++)
        length |= (uint64_t)(unsigned char)answer.data[i] << (8 * i);
    assert_int_equal(length % 8, 0);
    assert_int_equal(answer.length, 8 + length + sizeof values);
    assert_int_equal(json_parse(answer.data + 8, length, 8, &document, &err), STATUS_OK);
    struct buffer text = {0};
    json_append(&text, document);
    assert_string_equal(text.data, "{\"__metadata__\":{\"model\":\"m\",\"version\":\"v1\"},"
                                   "\"embeddings\":{\"dtype\":\"F32\",\"shape\":[2,3],"
                                   "\"data_offsets\":[0,24]}}");
    check_headers(*state, "application/vnd.safetensors", "2,3");
    json_decref(document);
    buffer_clear(&text);
    buffer_clear(&answer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_INQUIRY(test_format_key), WITH_INQUIRY(test_accept),      WITH_INQUIRY(test_bytes),
        WITH_INQUIRY(test_npy),        WITH_INQUIRY(test_safetensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
