/* An inquiry without a socket: a model of twelve words, a request whose header fields and
 * query keys the test sets, and the response. */
#ifndef VECMILL_TESTS_INQUIRY_FIXTURE_H
#define VECMILL_TESTS_INQUIRY_FIXTURE_H

#include "tests/support/vectors_sample.h"

#include "server/http/http_private.h"
#include "server/query/inquiry.h"

#define FIXTURE_WORDS 12
#define FIXTURE_DIM 3
#define FIXTURE_BATCH 40

struct inquiry_fixture {
    struct server server;
    struct exchange exchange;
    struct inquiry inquiry;
    char query[256];
};

static inline int inquiry_setup(void **state) {
    static const char *const words[FIXTURE_WORDS] = {"king",   "queen", "man",          "woman",
                                                     "prince", "a\"b",  "k\xc3\xb6nig", "seven",
                                                     "eight",  "nine",  "ten",          "x"};
    struct inquiry_fixture *fixture = calloc(1, sizeof *fixture);
    float *values = sample_values(FIXTURE_WORDS * FIXTURE_DIM, 1);
    assert_non_null(fixture);
    settings_init(&fixture->server.settings);
    fixture->server.settings.max_batch = FIXTURE_BATCH;
    fixture->exchange.request.connection = &fixture->exchange;
    fixture->exchange.request.path = "/v1/models/m";
    fixture->exchange.query = fixture->exchange.query_end = fixture->query;
    response_init(&fixture->exchange.response);
    fixture->inquiry = (struct inquiry){
        .server = &fixture->server,
        .request = &fixture->exchange.request,
        .response = &fixture->exchange.response,
        .name = "m",
        .model = sample_model(words, values, FIXTURE_WORDS, FIXTURE_DIM, 1, PARTITION_MOD, NULL),
        .version = "v1",
        .content_type = INQUIRY_JSON};
    free(values);
    *state = fixture;
    return 0;
}

static inline int inquiry_teardown(void **state) {
    struct inquiry_fixture *fixture = *state;
    model_drop(fixture->inquiry.model);
    buffer_clear(&fixture->inquiry.members);
    response_clear(&fixture->exchange.response);
    free(fixture);
    return 0;
}

/* The one query key. */
static inline void fixture_query(struct inquiry_fixture *fixture, const char *key,
                                 const char *value) {
    size_t at = strlen(key) + 1, end = at + strlen(value) + 1;
    memcpy(fixture->query, key, at);
    memcpy(fixture->query + at, value, end - at);
    fixture->exchange.query_end = fixture->query + end;
}

/* The one header field, or none for a NULL value. */
static inline void fixture_header(struct inquiry_fixture *fixture, const char *name,
                                  const char *value) {
    fixture->exchange.headers[0] = (struct header){name, value};
    fixture->exchange.n_headers = value ? 1 : 0;
}

static inline json_t *fixture_json(const char *text) {
    json_t *document = NULL;
    struct error err = {0};
    if (json_parse(text, strlen(text), 64, &document, &err) != STATUS_OK)
        fail_msg("%s: %s", err.text, text);
    return document;
}

#define WITH_INQUIRY(test) cmocka_unit_test_setup_teardown(test, inquiry_setup, inquiry_teardown)

#endif
