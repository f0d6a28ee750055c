/* The OpenAPI document and the rows that it is made of: what each must hold, and that a row which
 * does not is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/http/context.h"
#include "server/http/http_private.h"
#include "tests/support/openapi_rules.h"

static json_t *document_of(const struct route *routes) {
    struct server server = {.routes = routes};
    struct http_request request = {.method = "GET", .path = "/openapi.json"};
    struct http_response response;
    struct error err = {0};
    json_t *document = NULL;
    settings_init(&server.settings);
    response_init(&response);
    system_openapi(&server, &request, &response);
    assert_int_equal(response.status, 200);
    if (json_parse(response.body.data, response.body.length, 64, &document, &err) != STATUS_OK)
        fail_msg("%s: %s", err.text, response.body.data);
    response_clear(&response);
    return document;
}

static void test_rows(void **state) {
    (void)state;
    struct rules rules;
    rules_init(&rules);
    for (const struct route *route = server_routes; route->method != NULL; route++) {
        rules_check_row(&rules, route);
        for (const struct route *other = server_routes; other < route; other++)
            if (strcmp(other->method, route->method) == 0 && other->pattern && route->pattern &&
                strcmp(other->pattern, route->pattern) == 0)
                row_fault(&rules, route, "stands twice");
    }
    if (rules.faults.length > 0)
        fail_msg("server/routes.c:\n%s", rules.faults.data);
    rules_clear(&rules);
}

static void test_document(void **state) {
    (void)state;
    struct rules rules;
    json_t *document = document_of(server_routes);
    rules_init(&rules);
    assert_string_equal(json_string_value(json_object_get(document, "openapi")), "3.1.0");
    rules_check_document(&rules, server_routes, document);
    if (rules.faults.length > 0)
        fail_msg("GET /openapi.json:\n%s", rules.faults.data);
    assert_true(json_object_size(json_object_get(document, "paths")) > 25);
    rules_clear(&rules);
    json_decref(document);
}

/* Every schema of the file is used: by a row, by another schema, or by errors. */
static void test_schemas_are_used(void **state) {
    (void)state;
    json_t *document = document_of(server_routes), *schema;
    const json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
    struct buffer text = {0};
    const char *name;
    json_append(&text, document);
    assert_false(text.failed);
    json_object_foreach((json_t *)(uintptr_t)schemas, name, schema) {
        char wanted[128];
        snprintf(wanted, sizeof wanted, "\"#/components/schemas/%s\"", name);
        if (!strstr(text.data, wanted))
            fail_msg("no row and no schema names '%s' of openapi_schemas.json", name);
    }
    buffer_clear(&text);
    json_decref(document);
}

static void handle_nothing(struct server *server, const struct http_request *request,
                           struct http_response *response) {
    (void)server;
    (void)request;
    (void)response;
}

/* Rows with one fault each, and what must be said of it. None of them may bring the document down:
 * it is made of each, too. */
static void test_faulty_rows_are_named(void **state) {
    (void)state;
#define ROW .method = "GET", .pattern = "/v1/jobs/x", .scope = SCOPE_READ, .handle = handle_nothing
#define TOLD .summary = "x", .status = 200, .answer = "Job"
    static const struct {
        struct route row;
        const char *says;
    } faulty[] = {
        {{.method = "GET", .pattern = "/v1/jobs/x", .handle = handle_nothing, TOLD},
         "has no .scope"},
        {{ROW, .status = 200, .answer = "Job"}, "GET /v1/jobs/x has no .summary"},
        {{.method = "GET", .handle = handle_nothing, TOLD}, "has no pattern"},
        {{.method = "GET", .pattern = "/v1/jobs/x", TOLD}, "either .handle or .stream"},
        {{ROW, .summary = "x", .answer = "Job"}, "has no .status of success"},
        {{ROW, .summary = "x", .status = 200}, "must have an .answer"},
        {{ROW, .summary = "x", .status = 200, .answer = "Jobs"}, "names 'Jobs' in .answer"},
        {{ROW, .summary = "x", .status = 200, .answer = "text/html"}, "without '=Schema'"},
        {{ROW, .summary = "x", .status = 202, .answer = "Job"}, "has no Location"},
        {{ROW, TOLD, .request = "JobRequest"}, "must have a .request when it takes a body"},
        {{ROW, TOLD, .body = BODY_BUFFERED, .request = "Job"}, "must have .limit"},
        {{ROW, TOLD, .body = BODY_BUFFERED, .limit = "dim", .request = "Job"}, "setting in bytes"},
        {{ROW, TOLD, .query = "k"}, "query key 'k', which is not 'name:Schema'"},
        {{ROW, TOLD, .query = "k:integer"}, "query key 'k' of 'integer', which is no schema"},
        {{ROW, TOLD, .query = "k:K word:Wrod*"}, "query key 'word' of 'Wrod'"},
        {{ROW, TOLD, .takes = "X-Nothing"}, "has 'X-Nothing' in .takes"},
        {{ROW, TOLD, .headers = "Location X-Nothing"}, "has 'X-Nothing' in .headers"},
        {{ROW, TOLD, .also = "204 299"}, "has the status '299' in .also"},
        {{ROW, TOLD, .also = "503=Reediness"}, "names 'Reediness' in .also"},
        {{.method = "GET", .pattern = "/v1/jobs/{jib}", .handle = handle_nothing, TOLD},
         "has the hole '{jib}'"},
        {{.method = "GET", .pattern = "/v1/nothing", .handle = handle_nothing, TOLD},
         "wants the tag 'nothing'"},
    };
#undef ROW
#undef TOLD
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        struct rules rules;
        rules_init(&rules);
        rules_check_row(&rules, &faulty[i].row);
        if (!rules.faults.data || !strstr(rules.faults.data, faulty[i].says))
            fail_msg("wanted '%s', got '%s'", faulty[i].says,
                     !rules.faults.data ? "nothing" : rules.faults.data);
        if (faulty[i].row.pattern) {
            const struct route routes[] = {faulty[i].row, {.method = NULL}};
            json_decref(document_of(routes));
        }
        rules_clear(&rules);
    }
}

/* Schemas with one fault each. */
static void test_faulty_schemas_are_named(void **state) {
    (void)state;
    static const struct {
        const char *schema, *says;
    } faulty[] = {
        {"{\"properties\":{}}", "x has no type"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"description\":\"b\"}}}", "x/a has no type"},
        {"{\"type\":[\"array\",\"null\"]}", "is an array without items"},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}",
         "x/items is an integer without minimum"},
        {"{\"type\":\"object\"}", "is an object of which nothing is told"},
        {"{\"type\":\"object\",\"properties\":{},\"required\":[\"b\"]}", "requires 'b'"},
        {"{\"type\":\"string\",\"enum\":\"$choices:nothing\"}", "which stands for nothing"},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"description\":\"b\"}]}", "x has no type"},
    };
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        struct rules rules;
        struct error err = {0};
        struct spot spot = {"x"};
        json_t *schema = NULL;
        rules_init(&rules);
        assert_int_equal(json_parse(faulty[i].schema, strlen(faulty[i].schema), 8, &schema, &err),
                         STATUS_OK);
        check_schema(&rules, schema, &spot);
        if (!rules.faults.data || !strstr(rules.faults.data, faulty[i].says))
            fail_msg("wanted '%s', got '%s'", faulty[i].says,
                     !rules.faults.data ? "nothing" : rules.faults.data);
        json_decref(schema);
        rules_clear(&rules);
    }
}

static const json_t *at(const json_t *node, const char *const *names) {
    for (; *names; names++)
        node = json_object_get(node, *names);
    return node;
}
#define AT(node, ...) at(node, (const char *const[]){__VA_ARGS__, NULL})

/* What stands in rows elsewhere is the same in the document. */
static void test_rows_elsewhere(void **state) {
    (void)state;
    json_t *document = document_of(server_routes);
    const json_t *schemas = AT(document, "components", "schemas");
    const json_t *dim = AT(schemas, "JobSettings", "properties", "dim");
    assert_int_equal(json_integer_value(AT(dim, "maximum")), 4096);
    assert_string_equal(json_string_value(json_array_get(AT(dim, "type"), 1)), "null");
    assert_string_equal(json_string_value(AT(schemas, "UsedSettings", "properties", "dim", "type")),
                        "integer");
    assert_int_equal(json_integer_value(AT(schemas, "K", "maximum")), 1000);
    assert_int_equal(json_array_size(AT(schemas, "Job", "properties", "phase", "enum")), 4);
    assert_int_equal(json_array_size(AT(schemas, "JobState", "enum")), 7);
    assert_string_equal(json_string_value(json_array_get(AT(schemas, "ExportFile", "enum"), 0)),
                        "vectors.txt");
    assert_string_equal(json_string_value(AT(schemas, "BodyFormat", "default")), "auto");
    assert_int_equal(json_array_size(AT(schemas, "ProblemName", "enum")), STATUS_COUNT - 1);
    json_decref(document);
}

static bool has_parameter(const json_t *operation, const char *name, const char *in) {
    json_t *parameter;
    size_t i;
    json_array_foreach(AT(operation, "parameters"), i, parameter) {
        if (strcmp(json_string_value(AT(parameter, "name")), name) == 0 &&
            strcmp(json_string_value(AT(parameter, "in")), in) == 0)
            return true;
    }
    return false;
}

/* Errors, header fields, forms and links of a few operations. */
static void test_operations(void **state) {
    (void)state;
    json_t *document = document_of(server_routes);
    const json_t *paths = AT(document, "paths"), *post = AT(paths, "/v1/jobs", "post"),
                 *file = AT(paths, "/v1/models/{model}/files/{file}", "get"),
                 *events = AT(paths, "/v1/jobs/{job}/events", "get"),
                 *rows = AT(paths, "/v1/models/{model}/embeddings", "post");
    assert_non_null(AT(post, "responses", "202", "headers", "Location"));
    assert_string_equal(json_string_value(AT(post, "responses", "202", "links",
                                             "get_v1_jobs_job_events", "parameters", "job")),
                        "$response.body#/id");
    assert_string_equal(json_string_value(AT(post, "responses", "422", "$ref")),
                        "#/components/responses/UnprocessableContent");
    assert_string_equal(json_string_value(AT(rows, "responses", "429", "$ref")),
                        "#/components/responses/OpenAITooManyRequests");
    assert_non_null(
        AT(document, "components", "responses", "OpenAITooManyRequests", "headers", "Retry-After"));
    assert_non_null(AT(rows, "responses", "406"));
    assert_non_null(AT(rows, "responses", "200", "content", "application/x-npy", "schema"));
    assert_null(AT(post, "responses", "default")); /* each status stands for itself */
    assert_non_null(AT(file, "responses", "206", "headers", "Content-Range"));
    assert_null(AT(file, "responses", "304", "content"));
    assert_non_null(AT(file, "responses", "200", "headers", "ETag"));
    assert_true(has_parameter(file, "Range", "header"));
    assert_true(has_parameter(events, "Last-Event-ID", "header"));
    assert_true(has_parameter(events, "job", "path"));
    assert_null(AT(events, "responses", "204", "content"));
    assert_string_equal(json_string_value(AT(paths, "/readyz", "get", "responses", "503", "content",
                                             "application/json", "schema", "$ref")),
                        "#/components/schemas/Readiness");
    json_decref(document);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_schemas_are_used),
        cmocka_unit_test(test_faulty_rows_are_named),
        cmocka_unit_test(test_faulty_schemas_are_named),
        cmocka_unit_test(test_rows_elsewhere),
        cmocka_unit_test(test_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
