/* What is counted of requests and connections, and what the log and the answer say of a trace. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "server/json/json.h"
#include "tests/support/http_fixture.h"

/* ---- what is counted ---- */

#define COUNTING_CLIENTS 8
#define COUNTING_ROUNDS 50

struct seen {
    uint64_t found, refused, posted, unmatched, heads, bytes_in, bytes_out, series;
    double seconds;
};

static void see(void *context, const struct http_series *series) {
    struct seen *seen = context;
    uint64_t answered = series->classes[2].below[HTTP_BUCKETS],
             refused = series->classes[4].below[HTTP_BUCKETS];
    for (size_t class = 0; class < HTTP_CLASSES; class ++)
        for (size_t i = 0; i < HTTP_BUCKETS; i++)
            assert_true(series->classes[class].below[i] <= series->classes[class].below[i + 1]);
    seen->series++;
    seen->bytes_in += series->bytes_in;
    seen->bytes_out += series->bytes_out;
    seen->seconds += series->classes[2].seconds;
    if (strcmp(series->route, "/echo/{name}") == 0 && strcmp(series->method, "GET") == 0)
        seen->found += answered;
    else if (strcmp(series->route, "/echo/{name}") == 0 && strcmp(series->method, "HEAD") == 0)
        seen->heads += answered;
    else if (strcmp(series->route, "/echo") == 0 && strcmp(series->method, "POST") == 0)
        seen->posted += answered;
    else if (strcmp(series->route, "/poll/{name}") == 0)
        seen->refused += refused;
    else if (series->route[0] == '\0')
        seen->unmatched += refused + series->classes[5].below[HTTP_BUCKETS];
    else
        fail_msg("%s %s", series->method, series->route);
}

#define KEEP " HTTP/1.1\r\nHost: x\r\n\r\n"

/* Six requests on one connection, which the last one ends: its method is none. */
static void *count_run(void *argument) {
    struct buffer out = {0}, text = {0};
    for (int i = 0; i < COUNTING_ROUNDS; i++) {
        text.length = 0;
        buffer_print(&text,
                     "GET /echo/%d" KEEP "HEAD /echo/%d" KEEP "GET /poll/%d" KEEP
                     "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
                     "GET /%d/%d" KEEP "BREW /echo" KEEP,
                     i, i, i, i, i);
        talk(argument, text.data, &out);
    }
    buffer_clear(&out);
    buffer_clear(&text);
    return NULL;
}

/* Every request is in one bucket of one series as soon as it is answered, however many clients
 * there are; paths make no series. */
static void test_counts_are_exact(void **state) {
    struct fixture *fixture = *state;
    pthread_t clients[COUNTING_CLIENTS];
    struct http_counts counts;
    struct seen seen = {0};
    const uint64_t all = COUNTING_CLIENTS * COUNTING_ROUNDS;
    for (int i = 0; i < COUNTING_CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, count_run, fixture), 0);
    for (int i = 0; i < COUNTING_CLIENTS; i++)
        pthread_join(clients[i], NULL);
    http_visit_series(fixture->http, see, &seen); /* without waiting for anything */
    http_count(fixture->http, &counts);
    assert_int_equal(seen.found, all);
    assert_int_equal(seen.heads, all);
    assert_int_equal(seen.refused, all);
    assert_int_equal(seen.posted, all);
    assert_int_equal(seen.unmatched, 2 * all);
    assert_int_equal(seen.bytes_in, 4 * all);
    assert_int_equal(counts.requests, 6 * all);
    assert_int_equal(counts.by_class[2], 3 * all);
    assert_int_equal(counts.by_class[4] + counts.by_class[5], 3 * all);
    assert_int_equal(counts.bytes_in, seen.bytes_in);
    assert_int_equal(counts.bytes_out, seen.bytes_out);
    assert_true(seen.seconds > 0 && seen.bytes_out > 0);
    assert_int_equal(seen.series, 6); /* of unmatched ones: GET, and what is no method */
}

/* A file that is fetched whole counts with its size, HEAD with nothing. */
static void test_bytes_of_files(void **state) {
    struct fixture *fixture = *state;
    struct http_counts counts;
    struct buffer out = {0};
    talk(fixture, "GET /file" HEAD "\r\n", &out);
    talk(fixture, "HEAD /file" HEAD "\r\n", &out);
    talk(fixture, "GET /file" HEAD "Range: bytes=2-4\r\n\r\n", &out);
    WAIT_UNTIL((http_count(fixture->http, &counts), counts.connections == 0));
    assert_int_equal(counts.bytes_out, 10 + 3);
    buffer_clear(&out);
}

static void test_uploads_and_connections(void **state) {
    struct fixture *fixture = *state;
    static const char half[] = "PUT /upload/a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc";
    struct http_counts counts;
    struct buffer out = {0};
    int upload = client_open(fixture), idle = client_open(fixture), request = client_open(fixture);
    atomic_store(&slow_entered, false);
    atomic_store(&slow_released, false);
    client_send(upload, half, sizeof half - 1);
    client_send(request, "GET /slow" HEAD "\r\n", strlen("GET /slow" HEAD "\r\n"));
    WAIT_UNTIL((http_count(fixture->http, &counts), counts.bytes_in == 3));
    WAIT_UNTIL(atomic_load(&slow_entered));
    WAIT_UNTIL((http_count(fixture->http, &counts), counts.connections == 3));
    assert_int_equal(counts.by_kind[CONNECTION_UPLOAD], 1);
    assert_int_equal(counts.by_kind[CONNECTION_IDLE], 1);
    assert_int_equal(counts.by_kind[CONNECTION_REQUEST], 1);
    assert_int_equal(counts.by_kind[CONNECTION_EVENT_STREAM], 0);
    assert_int_equal(counts.in_flight, 2);
    atomic_store(&slow_released, true);
    close(upload);
    close(idle);
    client_read_all(request, &out);
    close(request);
    talk(fixture, "PUT /upload/a" HEAD "Content-Length: 2\r\n\r\nab", &out);
    talk(fixture, "PUT /upload/no" HEAD "Content-Length: 2\r\n\r\nab", &out);
    WAIT_UNTIL((http_count(fixture->http, &counts), counts.connections == 0));
    assert_int_equal(counts.uploads[UPLOAD_COMPLETED], 1);
    assert_int_equal(counts.uploads[UPLOAD_REFUSED], 1);
    assert_int_equal(counts.uploads[UPLOAD_ABORTED], 1);
    assert_int_equal(counts.by_class[0], 1);
    assert_int_equal(counts.in_flight, 0);
    buffer_clear(&out);
}

static bool logged(struct fixture *fixture, const char *text) {
    pthread_mutex_lock(&fixture->mutex);
    bool found = fixture->log.data && strstr(fixture->log.data, text);
    pthread_mutex_unlock(&fixture->mutex);
    return found;
}

static const char *header_of(const struct buffer *out, const char *name) {
    const char *at = strstr(out->data, name);
    return at ? at + strlen(name) : NULL;
}

/* A valid header is answered and logged; any other is as if it were not there. */
static void test_traceparent(void **state) {
#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
    static const struct {
        const char *sent, *answered;
    } rows[] = {
        {"00-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-01"},
        {"00-" TRACE "-" PARENT "-00", "00-" TRACE "-" PARENT "-00"},
        {"00-" TRACE "-" PARENT "-ff", "00-" TRACE "-" PARENT "-ff"},
        /* of a later version what we know of it */
        {"01-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-01"},
        {"cc-" TRACE "-" PARENT "-fe-what-comes-later", "00-" TRACE "-" PARENT "-00"},
        {"cc-" TRACE "-" PARENT "-0b-", "00-" TRACE "-" PARENT "-01"},
        {"cc-" TRACE "-" PARENT "-01.", NULL},
        {"00-" TRACE "-" PARENT "-01-", NULL},
        {"00-" TRACE "-" PARENT "-01-x", NULL},
        {"ff-" TRACE "-" PARENT "-01", NULL},
        {"0-" TRACE "-" PARENT "-01", NULL},
        {"00-" TRACE "-" PARENT "-1", NULL},
        {"00-" TRACE "-" PARENT, NULL},
        {"00-" TRACE "0-" PARENT "-01", NULL},
        {"00-00000000000000000000000000000000-" PARENT "-01", NULL},
        {"00-" TRACE "-0000000000000000-01", NULL},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", NULL},
        {"00_" TRACE "_" PARENT "_01", NULL},
        {"0g-" TRACE "-" PARENT "-01", NULL},
        {"00-" TRACE "-" PARENT "-0g", NULL},
        {"", NULL},
        {"00-" TRACE "-" PARENT "-01\r\ntraceparent: 00-" TRACE "-" PARENT "-01", NULL},
    };
    struct fixture *fixture = *state;
    struct buffer out = {0}, text = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text.length = 0;
        buffer_print(&text, "GET /echo" HEAD "TraceParent: %s\r\n\r\n", rows[i].sent);
        talk(fixture, text.data, &out);
        assert_int_equal(status_of(&out), 200);
        const char *answered = header_of(&out, "traceparent: ");
        if (!rows[i].answered && answered)
            fail_msg("'%s' is answered", rows[i].sent);
        if (rows[i].answered && (!answered || strncmp(answered, rows[i].answered, 55) != 0))
            fail_msg("'%s' is not answered in %s", rows[i].sent, out.data);
    }
    text.length = 0;
    buffer_print(&text, "GET /nothing" HEAD "traceparent: 00-%032x-" PARENT "-01\r\n\r\n", 10);
    talk(fixture, text.data, &out);
    assert_int_equal(status_of(&out), 404);
    assert_non_null(header_of(&out, "traceparent: "));
    WAIT_UNTIL(logged(fixture, " trace=0000000000000000000000000000000a\n"));
    buffer_clear(&out);
    buffer_clear(&text);
}

static void test_slow_requests(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0};
    talk(fixture, "GET /echo" HEAD "X-Request-Id: quick\r\n\r\n", &out);
    WAIT_UNTIL(logged(fixture, "id=quick\n"));
    fixture->settings.slow_request = 0.2;
    atomic_store(&slow_released, true); /* the handler goes on for 0.3 s then */
    talk(fixture, "GET /slow" HEAD "X-Request-Id: late\r\n\r\n", &out);
    WAIT_UNTIL(logged(fixture, "id=late\n"));
    pthread_mutex_lock(&fixture->mutex);
    assert_non_null(strstr(fixture->log.data, "slow request method=GET path=\"/slow\""));
    assert_null(strstr(fixture->log.data, "slow request method=GET path=\"/echo\""));
    pthread_mutex_unlock(&fixture->mutex);
    buffer_clear(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SERVER(test_counts_are_exact),        WITH_SERVER(test_bytes_of_files),
        WITH_SERVER(test_uploads_and_connections), WITH_SERVER(test_traceparent),
        WITH_SERVER(test_slow_requests),
    };
    json_setup();
    return cmocka_run_group_tests(tests, make_file, temporary_teardown);
}
