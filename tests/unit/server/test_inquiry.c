/* Words and ids of a question, and how an answer or an error goes out. */
#include "tests/support/inquiry_fixture.h"

#include "server/http/parameters.h"

static void test_words(void **state) {
    struct inquiry_fixture *fixture = *state;
    struct inquiry *inquiry = &fixture->inquiry;
    struct error err = {0};
    uint32_t id = WORD_NONE;
    assert_int_equal(inquiry_word(inquiry, "queen", 5, "word", &id, &err), STATUS_OK);
    assert_int_equal(id, 1);
    assert_int_equal(inquiry_word(inquiry, "a\"b", 3, "word", &id, &err), STATUS_OK);
    assert_int_equal(id, 5);
    assert_null(inquiry->members.data);
    assert_int_equal(inquiry_word(inquiry, "quee", 4, "word", &id, &err), STATUS_NOT_FOUND);
    assert_string_equal(err.key, "word");
    assert_string_equal(err.text, "no word 'quee' in model 'm'; did you mean 'queen'?");
    assert_non_null(strstr(inquiry->members.data, "\"word\":\"quee\",\"suggestions\":[\"queen\""));
}

/* A long word is cut for the message, not inside a character; the member has it whole. */
static void test_long_word_is_cut(void **state) {
    struct inquiry_fixture *fixture = *state;
    struct inquiry *inquiry = &fixture->inquiry;
    struct error err = {0};
    char word[200] = "z", expected[200];
    uint32_t id;
    for (size_t i = 1; i < 161; i += 2)
        memcpy(word + i, "\xc3\xa9", 2);
    assert_int_equal(inquiry_word(inquiry, word, strlen(word), "/words/0", &id, &err),
                     STATUS_NOT_FOUND);
    snprintf(expected, sizeof expected, "no word '%.79s' in model 'm'", word);
    assert_string_equal(err.text, expected);
    snprintf(expected, sizeof expected, "\"word\":\"%s\",\"suggestions\":[]", word);
    assert_string_equal(inquiry->members.data, expected);
}

static void test_ids(void **state) {
    struct inquiry_fixture *fixture = *state;
    uint32_t id = 99;
    for (int64_t number = 0; number < FIXTURE_WORDS; number++) {
        struct error err = {0};
        assert_int_equal(inquiry_id(&fixture->inquiry, number, "id", &id, &err), STATUS_OK);
        assert_int_equal(id, number);
    }
    static const int64_t wrong[] = {-1, FIXTURE_WORDS, INT64_MIN, INT64_MAX, 4294967296};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct error err = {0};
        assert_int_equal(inquiry_id(&fixture->inquiry, wrong[i], "id", &id, &err), STATUS_REFUSED);
        assert_string_equal(err.key, "id");
        assert_non_null(strstr(err.text, "is out of range: model 'm' has ids 0 to 11"));
    }
}

static void check_items(struct inquiry_fixture *fixture, const char *text, size_t min,
                        const char *key, const char *message) {
    json_t *object = fixture_json(text);
    struct error err = {0};
    uint32_t *ids = NULL;
    size_t n = 7;
    enum status status =
        inquiry_items(&fixture->inquiry, object, "/queries/2", "positive", min, &ids, &n, &err);
    if (message) {
        assert_int_not_equal(status, STATUS_OK);
        assert_string_equal(err.key, key);
        assert_string_equal(err.text, message);
        assert_null(ids);
    } else {
        const json_t *list = json_object_get(object, "positive");
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(n, json_array_size(list));
        for (size_t i = 0; i < n; i++) {
            const json_t *item = json_array_get(list, i);
            uint32_t expected =
                json_is_integer(item)
                    ? (uint32_t)json_integer_value(item)
                    : vocabulary_find(fixture->inquiry.model->vocabulary, json_string_value(item),
                                      json_string_length(item));
            assert_int_equal(ids[i], expected);
        }
        free(ids);
    }
    json_decref(object);
}

static void test_items(void **state) {
    check_items(*state, "{\"positive\":[\"king\",11,\"x\",\"king\"]}", 1, NULL, NULL);
    check_items(*state, "{\"positive\":[]}", 0, NULL, NULL);
    check_items(*state, "{}", 0, NULL, NULL);
    check_items(*state, "{}", 1, "/queries/2/positive", "positive is missing");
    check_items(*state, "{\"positive\":[1]}", 2, "/positive",
                "positive must hold between 2 and 40 entries, not 1");
    check_items(*state, "{\"positive\":\"king\"}", 1, "/positive",
                "positive must be a list, not a string");
    check_items(*state, "{\"positive\":[1,null]}", 1, "/queries/2/positive/1",
                "/queries/2/positive/1 must be a word or an id, not null");
    check_items(*state, "{\"positive\":[1,12]}", 1, "/queries/2/positive/1",
                "id 12 is out of range: model 'm' has ids 0 to 11");
    check_items(*state, "{\"positive\":[\"kings\"]}", 1, "/queries/2/positive/0",
                "no word 'kings' in model 'm'; did you mean 'king'?");
}

/* What a route takes stands in its row, and nowhere else. */
static void test_query_keys(void **state) {
    static const struct route none = {.method = "GET"},
                              some = {.method = "GET", .query = "word:string* k:integer"};
    static const char *const known[] = {"word", "k"}, *const unknown[] = {"wor", "words", "kk", "",
                                                                          "word:string*"};
    struct inquiry_fixture *fixture = *state;
    struct http_request *request = &fixture->exchange.request;
    char expected[128];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct error err = {0};
        fixture_query(fixture, known[i], "1");
        request->route = &some;
        assert_int_equal(query_check(request, &err), STATUS_OK);
        request->route = &none;
        assert_int_equal(query_check(request, &err), STATUS_REFUSED);
        snprintf(expected, sizeof expected, "unknown query key '%s': this route takes none",
                 known[i]);
        assert_string_equal(err.text, expected);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        struct error err = {0};
        fixture_query(fixture, unknown[i], "1");
        request->route = &some;
        assert_int_equal(query_check(request, &err), STATUS_REFUSED);
        assert_string_equal(err.key, unknown[i]);
        snprintf(expected, sizeof expected, "unknown query key '%s': this route takes word, k",
                 unknown[i]);
        assert_string_equal(err.text, expected);
    }
}

static void test_answer_text(void **state) {
    struct inquiry_fixture *fixture = *state;
    struct buffer answer = {0};
    fixture->inquiry.name = "m.1";
    inquiry_head(&fixture->inquiry, &answer);
    buffer_append_char(&answer, ',');
    inquiry_append_word(&fixture->inquiry, &answer, 5);
    assert_string_equal(answer.data,
                        "{\"model\":\"m.1\",\"version\":\"v1\",\"word\":\"a\\\"b\",\"id\":5");
    buffer_clear(&answer);
    assert_string_equal(analogy_method_name(ANALOGY_ADD), "add");
    assert_string_equal(analogy_method_name(ANALOGY_MUL), "mul");
}

/* Ends an inquiry like the fixture's, which holds the model once more; the status answered. */
static int end(struct inquiry_fixture *fixture, enum status status, int refusal, bool failed) {
    struct inquiry inquiry = fixture->inquiry;
    struct error err = {0};
    struct buffer answer = {0};
    inquiry.model = model_hold(inquiry.model);
    inquiry.body = json_object();
    inquiry.refusal = refusal;
    inquiry.members = (struct buffer){0};
    buffer_append_text(&inquiry.members, "\"more\":1");
    buffer_append_text(&answer, "{}");
    answer.failed = failed;
    if (status != STATUS_OK)
        error_set(&err, status, "a reason");
    inquiry_end(&inquiry, status, &answer, &err);
    assert_null(answer.data);
    return fixture->exchange.response.status;
}

static void test_end(void **state) {
    struct inquiry_fixture *fixture = *state;
    const struct http_response *response = &fixture->exchange.response;
    assert_int_equal(end(fixture, STATUS_OK, 0, false), 200);
    assert_string_equal(response->body.data, "{}");
    assert_string_equal(response->content_type, "application/json");
    assert_int_equal(end(fixture, STATUS_NOT_FOUND, 406, false), 404);
    assert_string_equal(response->body.data,
                        "{\"error\":{\"message\":\"a reason\",\"type\":\"invalid_request_error\","
                        "\"param\":null,\"code\":\"not_found\",\"more\":1}}");
    assert_int_equal(end(fixture, STATUS_REFUSED, 0, false), 422);
    assert_int_equal(end(fixture, STATUS_REFUSED, 406, false), 406);
    assert_int_equal(end(fixture, STATUS_OK, 0, true), 503);
    assert_non_null(strstr(response->body.data, "out of memory for the answer"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_INQUIRY(test_query_keys),
        WITH_INQUIRY(test_words),
        WITH_INQUIRY(test_long_word_is_cut),
        WITH_INQUIRY(test_ids),
        WITH_INQUIRY(test_items),
        WITH_INQUIRY(test_answer_text),
        WITH_INQUIRY(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
