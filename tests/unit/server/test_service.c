/* Start and stop of the service, its data folder, and what it says about itself. */
#include <math.h>
#include <unistd.h>

#include "server/http/context.h"
#include "server/http/http_private.h"
#include "server/http/name.h"
#include "server/json/json.h"
#include "server/server.h"
#include "server/system.h"
#include "tests/support/temporary.h"

static char *environment[] = {NULL};

static enum status start(void **state, struct server **server, struct error *err) {
    static const struct logger quiet = {0};
    struct settings settings;
    settings_init(&settings);
    snprintf(settings.listen, sizeof settings.listen, "127.0.0.1:0");
    snprintf(settings.data, sizeof settings.data, "%s/data", (const char *)*state);
    struct server_options options = {.settings = &settings,
                                     .logger = &quiet,
                                     .kernel = kernel_choose("portable"),
                                     .program = "/bin/false",
                                     .environment = environment};
    return server_start(server, &options, err);
}

static void test_start_stop(void **state) {
    struct server *server = NULL, *second = NULL;
    struct error err = {0};
    char expected[64];
    assert_int_equal(start(state, &server, &err), STATUS_OK);
    assert_true(server_port(server) > 0);
    assert_int_equal(start(state, &second, &err), STATUS_CONFLICT);
    assert_string_equal(err.key, "data");
    snprintf(expected, sizeof expected, "is in use by process %ld", (long)getpid());
    assert_non_null(strstr(err.text, expected));
    assert_null(second);
    server_stop(server);
    server_stop(NULL);
    error_clear(&err);
    assert_int_equal(start(state, &server, &err), STATUS_OK);
    server_stop(server);
}

static void test_leftovers_are_swept(void **state) {
    struct server *server = NULL;
    struct error err = {0};
    char *data = temporary_path(state, "data"),
         *left = temporary_path(state, "data/corpora/" FILE_TEMPORARY_PREFIX "0123"),
         *folder = temporary_path(state, "data/corpora");
    assert_int_equal(folder_create(folder, &err), STATUS_OK);
    assert_int_equal(file_replace(left, "x", 1, &err), STATUS_OK);
    assert_int_equal(start(state, &server, &err), STATUS_OK);
    assert_false(file_exists(left));
    server_stop(server);
    free(data);
    free(left);
    free(folder);
}

static void test_other_format(void **state) {
    struct server *server = NULL;
    struct error err = {0};
    char *data = temporary_path(state, "data"), *format = temporary_path(state, "data/FORMAT");
    assert_int_equal(folder_create(data, &err), STATUS_OK);
    assert_int_equal(file_replace(format, "2\n", 2, &err), STATUS_OK);
    assert_int_equal(start(state, &server, &err), STATUS_REFUSED);
    assert_non_null(strstr(err.text, "has format '2'; this program knows format 1"));
    error_clear(&err);
    assert_int_equal(file_replace(format, "1\n", 2, &err), STATUS_OK);
    assert_int_equal(start(state, &server, &err), STATUS_OK);
    server_stop(server);
    free(data);
    free(format);
}

static void test_names(void **state) {
    (void)state;
    static const char *const good[] = {"a", "A1", "text8", "a.b", "a-b_c", "0"};
    static const char *const bad[] = {"",   ".",   "..",  "a..b", "-a",      "_a",
                                      ".a", "a/b", "a b", "a\n",  "\xc3\xa9"};
    struct error err = {0};
    char longest[130];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(name_check("corpus", good[i], &err), STATUS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        error_clear(&err);
        assert_int_equal(name_check("corpus", bad[i], &err), STATUS_REFUSED);
        assert_string_equal(err.key, "corpus");
        assert_non_null(strstr(err.text, "corpus must be 1 to 128 letters"));
    }
    memset(longest, 'a', 129);
    longest[128] = '\0';
    error_clear(&err);
    assert_int_equal(name_check("corpus", longest, &err), STATUS_OK);
    longest[128] = 'a';
    longest[129] = '\0';
    assert_int_equal(name_check("corpus", longest, &err), STATUS_REFUSED);
}

typedef void (*handler)(struct server *server, const struct http_request *request,
                        struct http_response *response);

/* What a handler answers, read as JSON. */
static json_t *ask(struct server *server, handler handle, const char *segment, int status) {
    struct http_request request = {
        .method = "GET", .path = "/", .segments = {segment}, .n_segments = 1};
    struct http_response response;
    struct error err = {0};
    json_t *document = NULL;
    response_init(&response);
    handle(server, &request, &response);
    assert_int_equal(response.status, status);
    assert_false(response.body.failed);
    if (json_parse(response.body.data, response.body.length, 32, &document, &err) != STATUS_OK)
        fail_msg("%s: %s", err.text, response.body.data);
    response_clear(&response);
    return document;
}

static void test_settings(void **state) {
    struct server *server = NULL;
    struct error err = {0};
    assert_int_equal(start(state, &server, &err), STATUS_OK);
    json_t *document = ask(server, system_settings, NULL, 200), *row;
    const json_t *list = json_object_get(document, "settings");
    size_t i, seen = 0, shown = 0;
    for (size_t at = 0; at < settings_count(); at++)
        shown += (settings_row(at)->scope & (SETTING_OF_JOB | SETTING_OF_SERVER)) != 0;
    assert_int_equal(json_array_size(list), shown);
    json_array_foreach(list, i, row) {
        const char *name = json_string_value(json_object_get(row, "name"));
        const json_t *initial = json_object_get(row, "default");
        assert_non_null(settings_find(name));
        assert_non_null(initial);
        assert_true(strlen(json_string_value(json_object_get(row, "description"))) > 0);
        if (strcmp(name, "dim") == 0) {
            assert_int_equal(json_integer_value(initial), 100);
            assert_int_equal(json_integer_value(json_object_get(row, "minimum")), 1);
            assert_int_equal(json_integer_value(json_object_get(row, "maximum")), 4096);
            assert_string_equal(json_string_value(json_object_get(row, "scope")), "job");
            assert_null(json_object_get(row, "value"));
            seen++;
        } else if (strcmp(name, "objective") == 0) {
            assert_string_equal(json_string_value(initial), "nce");
            assert_int_equal(json_array_size(json_object_get(row, "enum")), 3);
            seen++;
        } else if (strcmp(name, "listen") == 0) {
            assert_string_equal(json_string_value(json_object_get(row, "value")), "127.0.0.1:0");
            assert_string_equal(json_string_value(initial), "127.0.0.1:8080");
            seen++;
        } else if (strcmp(name, "max_corpus_bytes") == 0) {
            assert_true(json_integer_value(json_object_get(row, "maximum")) == INT64_MAX);
            seen++;
        } else if (strcmp(name, "guard") == 0) {
            assert_true(json_is_true(initial));
            seen++;
        }
    }
    assert_int_equal(seen, 5);
    json_decref(document);
    server_stop(server);
}

static void test_health_and_problems(void **state) {
    struct server *server = NULL;
    struct error err = {0};
    assert_int_equal(start(state, &server, &err), STATUS_OK);
    json_t *document = ask(server, system_healthz, NULL, 200);
    assert_string_equal(json_string_value(json_object_get(document, "status")), "ok");
    json_decref(document);
    document = ask(server, system_readyz, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(document, "reasons")), 0);
    json_decref(document);
    atomic_store(&server->draining, true);
    document = ask(server, system_readyz, NULL, 503);
    assert_string_equal(json_string_value(json_array_get(json_object_get(document, "reasons"), 0)),
                        "the service is shutting down");
    json_decref(document);
    atomic_store(&server->draining, false);
    for (int status = STATUS_OK + 1; status < STATUS_COUNT; status++) {
        document = ask(server, system_problem, status_name((enum status)status), 200);
        assert_int_equal(json_integer_value(json_object_get(document, "status")),
                         status_to_http((enum status)status));
        assert_string_not_equal(json_string_value(json_object_get(document, "title")), "Unknown");
        json_decref(document);
    }
    document = ask(server, system_problem, "nothing", 404);
    json_decref(document);
    server_stop(server);
}

static void test_metrics(void **state) {
    struct server *server = NULL;
    struct error err = {0};
    assert_int_equal(start(state, &server, &err), STATUS_OK);
    struct http_request request = {.method = "GET", .path = "/metrics"};
    struct http_response response;
    response_init(&response);
    system_metrics(server, &request, &response);
    static const char *const names[] = {
        "vecmill_build_info{version=\"",       "vecmill_ready 1\n",
        "vecmill_jobs{state=\"running\"} 0\n", "vecmill_models 0\n",
        "process_resident_memory_bytes ",      "vecmill_http_requests_total{class=\"2xx\"} 0\n",
        "vecmill_training_words_total 0\n",    "vecmill_memory_bytes{kind=\"models\"} 0\n",
        "vecmill_memory_budget_bytes ",        "vecmill_models_unloaded 0\n",
        "vecmill_requests_stopped_total 0\n"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strstr(response.body.data, names[i]))
            fail_msg("no '%s' in %s", names[i], response.body.data);
    response_clear(&response);
    server_stop(server);
}

/* A path that fits the pattern: holes become "x". */
static void path_of(const char *pattern, char *path) {
    for (bool inside = false; *pattern != '\0'; pattern++) {
        if (*pattern == '{')
            *path++ = 'x';
        inside = *pattern == '{' || (inside && *pattern != '}');
        if (!inside && *pattern != '}')
            *path++ = *pattern;
    }
    *path = '\0';
}

static void add_field(struct exchange *exchange, const char *name, const char *value) {
    exchange->headers[exchange->n_headers++] = (struct header){name, value};
}

/* Whatever changes anything is refused while the service stops; whatever asks is answered. */
static void test_stopping_refuses_every_change(void **state) {
    struct server *server = NULL;
    struct error err = {0};
    size_t changes = 0, questions = 0;
    assert_int_equal(start(state, &server, &err), STATUS_OK);
    atomic_store(&server->draining, true);
    struct http http = {
        .server = server, .routes = server_routes, .settings = &server->settings, .listener = -1};
    for (const struct route *route = server_routes; route->method; route++) {
        struct http_link link = {.http = &http, .fd = -1, .filtered = true};
        struct exchange exchange = {.http = &http, .link = &link, .target = calloc(6, 512)};
        assert_non_null(exchange.target);
        path_of(route->pattern, exchange.target);
        exchange.path = exchange.query = exchange.query_end = exchange.target + 512;
        exchange.request =
            (struct http_request){.method = "GET", .path = exchange.path, .connection = &exchange};
        response_init(&exchange.response);
        add_field(&exchange, "Host", "127.0.0.1");
        if (strcmp(route->method, "GET") != 0)
            add_field(&exchange, "Content-Length", "0");
        bool admitted = guard_admit(&exchange, route->method);
        bool asks = strcmp(route->method, "GET") == 0 || route->asks;
        assert_true(!route->asks || route->body == BODY_BUFFERED);
        if (asks && !admitted)
            fail_msg("%s %s is refused", route->method, route->pattern);
        if (!asks && (admitted || exchange.response.status != 503 ||
                      !strstr(exchange.response.body.data, "the service is shutting down")))
            fail_msg("%s %s: %d", route->method, route->pattern, exchange.response.status);
        changes += !asks;
        questions += asks;
        if (exchange.upload)
            route->stream->abort(exchange.upload);
        response_clear(&exchange.response);
        free(exchange.target);
    }
    assert_true(changes >= 11);
    assert_true(questions >= 20);
    server_stop(server);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_start_stop),   WITH_FOLDER(test_leftovers_are_swept),
        WITH_FOLDER(test_other_format), cmocka_unit_test(test_names),
        WITH_FOLDER(test_settings),     WITH_FOLDER(test_health_and_problems),
        WITH_FOLDER(test_metrics),      WITH_FOLDER(test_stopping_refuses_every_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
