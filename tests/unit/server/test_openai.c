/* OpenAI's call: which words of a text are found, what the answer tells of the others, norms. */
#include "tests/support/inquiry_fixture.h"

#include <math.h>

#include "corpus/corpus.h"
#include "server/models/models_private.h"

struct fixture {
    struct server server;
    struct logger logger;
    char *folder;
};

static void no_line(void *context, enum log_level level, const char *line) {
    (void)context;
    (void)level;
    (void)line;
}

/* The model "m" of these words; row i is (i + 1, 1). */
static const char *const words[] = {"the",   "and", "his", "king", "Queen",
                                    "McCoy", "c++", "us",  "US",   "void"};
#define N_WORDS 10

static void publish(struct fixture *fixture, const char *settings) {
    float rows[2 * N_WORDS];
    struct error err = {0};
    char *folder = NULL;
    for (size_t i = 0; i < N_WORDS; i++) {
        rows[2 * i] = i + 1 < N_WORDS ? (float)(i + 1) : 0;
        rows[2 * i + 1] = i + 1 < N_WORDS ? 1 : 0;
    }
    struct model *model = sample_model(words, rows, N_WORDS, 2, 1, PARTITION_MOD, NULL);
    snprintf(model->info.settings, sizeof model->info.settings, "%s", settings);
    assert_int_equal(models_workplace(fixture->server.models, &folder, &err), STATUS_OK);
    assert_int_equal(model_save(model, folder, NULL, &err), STATUS_OK);
    assert_int_equal(models_publish(fixture->server.models, "m", "v1", folder, &err), STATUS_OK);
    model_drop(model);
    free(folder);
}

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error err = {0};
    if (!fixture || temporary_setup((void **)&fixture->folder) != 0)
        return -1;
    settings_init(&fixture->server.settings);
    snprintf(fixture->server.settings.data, sizeof fixture->server.settings.data, "%s",
             fixture->folder);
    fixture->server.settings.reserve_disk = 0;
    fixture->server.settings.max_batch = 4;
    fixture->logger = (struct logger){.write = no_line, .context = NULL, .min = LOG_DEBUG};
    *state = fixture;
    return models_open(&fixture->server.models, &fixture->server.settings, &fixture->logger,
                       kernel_choose(NULL), NULL, &err) == STATUS_OK
               ? 0
               : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    models_close(fixture->server.models);
    int failed = temporary_teardown((void **)&fixture->folder);
    free(fixture);
    return failed;
}

static json_t *ask_raw(struct fixture *fixture, const char *body, int status) {
    struct exchange exchange = {
        .request = {
            .path = "/v1/embeddings", .method = "POST", .body = body, .body_length = strlen(body)}};
    struct buffer *text = &exchange.response.body;
    json_t *answer = NULL;
    struct error err = {0};
    exchange.request.connection = &exchange;
    response_init(&exchange.response);
    vectors_openai(&fixture->server, &exchange.request, &exchange.response);
    if (exchange.response.status != status)
        fail_msg("%s: %d %.*s", body, exchange.response.status, (int)text->length, text->data);
    assert_int_equal(json_parse(text->data, text->length, 16, &answer, &err), STATUS_OK);
    response_clear(&exchange.response);
    return answer;
}

static json_t *ask(struct fixture *fixture, const char *input, const char *more, int status) {
    struct buffer body = {0};
    buffer_print(&body, "{\"model\":\"m\",\"input\":%s%s}", input, more);
    json_t *answer = ask_raw(fixture, body.data, status);
    buffer_clear(&body);
    return answer;
}

static int64_t count_of(const json_t *object, const char *name) {
    assert_true(json_is_integer(json_object_get(object, name)));
    return json_integer_value(json_object_get(object, name));
}

static const json_t *item_of(const json_t *answer, size_t index) {
    return json_array_get(json_object_get(answer, "data"), index);
}

static void assert_vector(const json_t *item, double x, double y) {
    const json_t *vector = json_object_get(item, "embedding");
    assert_true(fabs(json_number_value(json_array_get(vector, 0)) - x) < 1e-6);
    assert_true(fabs(json_number_value(json_array_get(vector, 1)) - y) < 1e-6);
}

static void assert_refused(const json_t *answer, const char *param, const char *part) {
    const json_t *error = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    assert_string_equal(json_string_value(json_object_get(error, "param")), param);
    if (!strstr(message, part))
        fail_msg("'%s' is not in '%s'", part, message);
}

static void words_are_found_as_people_write_them(void **state) {
    static const struct {
        const char *input;
        int tokens, unknown, altered;
        double x; /* of the sum of the rows, whose second column is the number of words */
    } asked[] = {
        {"\"the king\"", 2, 0, 0, 1 + 4},
        {"\"The King, and his Queen!\"", 5, 0, 3, 1 + 4 + 2 + 3 + 5},
        {"\"queen QUEEN mccoy\"", 3, 0, 3, 5 + 5 + 6},
        {"\"c++ C++, us US (US) u.s.\"", 6, 1, 2, 7 + 7 + 8 + 9 + 9},
        {"\"\\u201cking\\u201d \\u00abking\\u00bb king\\u0000 \\u200bking \\ud83dking\"", 5, 0, 5,
         20},
        {"\"king ... nobody\"", 3, 2, 0, 4},
    };
    struct fixture *fixture = *state;
    publish(fixture, "");
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        json_t *answer = ask(fixture, asked[i].input, "", 200);
        const json_t *item = item_of(answer, 0);
        int known = asked[i].tokens - asked[i].unknown;
        if (count_of(item, "tokens") != asked[i].tokens ||
            count_of(item, "unknown") != asked[i].unknown ||
            count_of(item, "altered") != asked[i].altered)
            fail_msg("%s: %d tokens, %d unknown, %d altered", asked[i].input,
                     (int)count_of(item, "tokens"), (int)count_of(item, "unknown"),
                     (int)count_of(item, "altered"));
        double length = hypot(asked[i].x, known);
        assert_vector(item, asked[i].x / length, known / length);
        assert_true(fabs(json_number_value(json_object_get(item, "coverage")) -
                         (double)known / asked[i].tokens) < 1e-6);
        assert_int_equal(count_of(json_object_get(answer, "usage"), "prompt_tokens"),
                         asked[i].tokens);
        json_decref(answer);
    }
}

/* A word that was split by the model's own tokenizer in training is split so here. */
static void text_goes_through_the_models_tokenizer(void **state) {
    struct fixture *fixture = *state;
    publish(fixture, "tokenizer = unicode\nlowercase = true\n");
    json_t *answer = ask(fixture, "\"The,king/AND(his)\"", "", 200);
    assert_int_equal(count_of(item_of(answer, 0), "tokens"), 4);
    assert_int_equal(count_of(item_of(answer, 0), "unknown"), 0);
    assert_int_equal(count_of(item_of(answer, 0), "altered"), 0);
    json_decref(answer);
}

static void unknown_texts_are_a_setting(void **state) {
    static const char inputs[] = "[\"king\",\"\",\"nobody here\",\"\\u0000\"]";
    struct fixture *fixture = *state;
    publish(fixture, "");
    json_t *answer = ask(fixture, inputs, "", 400);
    assert_refused(answer, "input/1", "input 1 holds no token that model 'm' knows");
    assert_refused(answer, "input/1", "unknown_text");
    json_decref(answer);
    for (int set = 0; set < 2; set++) {
        fixture->server.settings.unknown_text = set ? UNKNOWN_TEXT_ZERO : UNKNOWN_TEXT_ERROR;
        answer = ask(fixture, inputs, set ? "" : ",\"oov\":\"zero\"", 200);
        assert_int_equal(count_of(answer, "zeros"), 3);
        assert_int_equal(count_of(answer, "tokens"), 4);
        assert_int_equal(count_of(answer, "unknown"), 3);
        assert_null(json_object_get(item_of(answer, 0), "zero"));
        for (size_t i = 1; i < 4; i++) {
            assert_vector(item_of(answer, i), 0, 0);
            assert_true(json_is_true(json_object_get(item_of(answer, i), "zero")));
        }
        assert_true(json_is_null(json_object_get(item_of(answer, 1), "coverage")));
        json_decref(answer);
    }
    /* the request decides over the setting */
    json_decref(ask(fixture, inputs, ",\"oov\":\"error\"", 400));
    json_decref(ask(fixture, inputs, ",\"oov\":null", 200));
}

static void vectors_have_length_one(void **state) {
    struct fixture *fixture = *state;
    publish(fixture, "");
    json_t *answer = ask(fixture, "[\"Queen\",\"void\"]", "", 200);
    assert_vector(item_of(answer, 0), 5 / sqrt(26), 1 / sqrt(26));
    assert_vector(item_of(answer, 1), 0, 0); /* known, and all zeros */
    assert_int_equal(count_of(answer, "zeros"), 1);
    json_decref(answer);
    answer = ask(fixture, "\"Queen\"", ",\"dimensions\":2", 200);
    assert_vector(item_of(answer, 0), 5 / sqrt(26), 1 / sqrt(26));
    json_decref(answer);
    answer = ask(fixture, "\"Queen\"", ",\"dimensions\":1", 200);
    assert_int_equal(json_array_size(json_object_get(item_of(answer, 0), "embedding")), 1);
    assert_vector(item_of(answer, 0), 1, 0);
    json_decref(answer);
}

static void refusals(void **state) {
    static const struct {
        const char *input, *param, *part;
    } asked[] = {
        {"[0]", "input", "check_embedding_ctx_length=False"},
        {"[0,1]", "input", "POST /v1/models/m/embeddings"},
        {"[[0],[1,2]]", "input/0", "check_embedding_ctx_length=False"},
        {"[\"king\",[1]]", "input/1", "POST /v1/models/m/embeddings"},
        {"[\"king\",1]", "input/1", "POST /v1/models/m/embeddings"},
        {"1", "input", "POST /v1/models/m/embeddings"},
        {"[]", "input", "between 1 and 4 texts (max_batch), not 0"},
        {"[\"a\",\"b\",\"c\",\"d\",\"e\"]", "input", "not 5"},
        {"[[\"king\"]]", "input/0", "must hold strings, not a list"},
        {"[[]]", "input/0", "must hold strings, not a list"},
        {"[1.5]", "input/0", "must hold strings, not a fraction"},
        {"[null]", "input/0", "must hold strings, not null"},
        {"{}", "input", "must hold strings, not an object"},
        {"null", "input", "input is missing"},
    };
    struct fixture *fixture = *state;
    struct buffer many = {0};
    publish(fixture, "");
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        json_t *answer = ask(fixture, asked[i].input, ",\"oov\":\"zero\"", 400);
        assert_refused(answer, asked[i].param, asked[i].part);
        json_decref(answer);
    }
    for (int i = 0; i < 100; i++)
        buffer_print(&many, "%s[%d]", i == 0 ? "[" : ",", i);
    buffer_append_char(&many, ']');
    json_t *answer = ask(fixture, many.data, "", 400);
    assert_refused(answer, "input", "max_batch");
    assert_refused(answer, "input", "check_embedding_ctx_length=False");
    json_decref(answer);
    buffer_clear(&many);
    answer = ask_raw(fixture, "{\"model\":\"m\\u0000x\",\"input\":\"king\"}", 400);
    assert_refused(answer, "model", "holds a NUL");
    json_decref(answer);
    answer = ask_raw(fixture, "{\"model\":\"m\",\"in\\u0000put\":\"king\"}", 400);
    json_decref(answer);
}

static void ends_are_stripped(void **state) {
    static const struct {
        const char *token, *rest;
    } asked[] = {{"king", "king"},
                 {"\"king,\"", "king"},
                 {"--", ""},
                 {"", ""},
                 {"it's", "it's"},
                 {"\xe2\x80\x9cwar\xe2\x80\x9d", "war"},
                 {"\xff"
                  "a\xff",
                  "a"},
                 {"3.5%", "3.5"},
                 {"\xe3\x80\x8c\xe5\xad\x97\xe3\x80\x8d", "\xe5\xad\x97"}};
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        size_t length = strlen(asked[i].token);
        const char *rest = corpus_strip(asked[i].token, &length);
        assert_int_equal(length, strlen(asked[i].rest));
        assert_memory_equal(rest, asked[i].rest, length);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(words_are_found_as_people_write_them),
        TEST(text_goes_through_the_models_tokenizer),
        TEST(unknown_texts_are_a_setting),
        TEST(vectors_have_length_one),
        TEST(refusals),
        cmocka_unit_test(ends_are_stripped),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
