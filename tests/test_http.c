/* The HTTP layer alone, over real sockets, with a route table of its own. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/machine.h"
#include "server/http.h"
#include "server/json.h"
#include "temporary.h"

static char file_path[600]; /* set once by main's set-up, before any server runs */

/* ---- handlers ------------------------------------------------------------------------------------------------ */

static void put_pair(void *context, const char *key, const char *value) {
    buffer_print(context, "%s=%s;", key, value);
}

static void echo(struct server *server, const struct http_request *request, struct http_response *response) {
    (void)server;
    struct buffer body = {0};
    buffer_print(&body, "%s %s [%s]", request->method, request->path,
                 request->n_segments > 0 ? request->segments[0] : "");
    request_query_visit(request, put_pair, &body);
    if (request->body != NULL) {
        assert_int_equal(request->body[request->body_length], '\0');
        buffer_append_char(&body, ' ');
        buffer_append(&body, request->body, request->body_length);
    }
    const char *second = request_query(request, "a", 1), *custom = request_header(request, "x-custom");
    response_bytes(response, 200, "text/plain", &body);
    response_header(response, "X-Second", "%s", second != NULL ? second : "none");
    response_header(response, "X-Custom", "%s", custom != NULL ? custom : "none");
}

static void inject(struct server *server, const struct http_request *request, struct http_response *response) {
    (void)server;
    struct buffer body = {0};
    response_bytes(response, 200, "text/plain", &body);
    response_header(response, "X-Word", "%s", request_query(request, "w", 0));
}

static void refuse(struct server *server, const struct http_request *request, struct http_response *response) {
    (void)server;
    struct error err = {0};
    (void)error_set_key(&err, STATUS_NOT_FOUND, "/word", "no word \"%s\"", "kin\ng");
    response_error_with(request, response, 0, &err, "\"suggestions\":[\"king\"]");
}

static void send_file(struct server *server, const struct http_request *request, struct http_response *response) {
    (void)server;
    response_file(request, response, file_path, "application/octet-stream", "abc");
}

struct ticks {
    int left, pause_ms;
    atomic_int *freed;
};
static atomic_int streams_freed;

static ssize_t tick(void *context, char *bytes, size_t room) {
    struct ticks *ticks = context;
    if (ticks->left == 0) {
        return 0;
    }
    if (ticks->left-- < 3) {
        (void)poll(NULL, 0, ticks->pause_ms);
    }
    return snprintf(bytes, room, "data: %d\n\n", ticks->left);
}

static void ticks_free(void *context) {
    struct ticks *ticks = context;
    atomic_fetch_add(ticks->freed, 1);
    free(ticks);
}

static void events(struct server *server, const struct http_request *request, struct http_response *response) {
    (void)server;
    (void)request;
    struct ticks *ticks = malloc(sizeof *ticks);
    assert_non_null(ticks);
    *ticks = (struct ticks){3, 300, &streams_freed};
    response_stream(response, "text/event-stream", tick, ticks_free, ticks);
}

static void slow(struct server *server, const struct http_request *request, struct http_response *response) {
    (void)poll(NULL, 0, 700);
    echo(server, request, response);
}

static void big(struct server *server, const struct http_request *request, struct http_response *response) {
    (void)server;
    (void)request;
    struct buffer body = {0};
    buffer_reserve(&body, 64 << 20);
    for (int i = 0; i < 64; i++) {
        static const char zeros[1 << 20];
        buffer_append(&body, zeros, sizeof zeros);
    }
    response_bytes(response, 200, "application/octet-stream", &body);
}

static atomic_int uploads_open;

struct upload {
    uint64_t bytes;
};

static enum status upload_begin(struct server *server, const struct http_request *request, void **state,
                                struct error *err) {
    (void)server;
    if (strcmp(request->segments[0], "no") == 0) {
        return error_set_key(err, STATUS_CONFLICT, "name", "taken");
    }
    struct upload *upload = calloc(1, sizeof *upload);
    assert_non_null(upload);
    atomic_fetch_add(&uploads_open, 1);
    *state = upload;
    return STATUS_OK;
}

static enum status upload_push(void *state, const char *bytes, size_t length, struct error *err) {
    struct upload *upload = state;
    (void)bytes;
    upload->bytes += length;
    return upload->bytes > 100000000 ? error_set(err, STATUS_DISK_FULL, "the disk is full") : STATUS_OK;
}

static void upload_finish(struct server *server, const struct http_request *request, void *state,
                          struct http_response *response) {
    (void)server;
    (void)request;
    struct upload *upload = state;
    struct buffer body = {0};
    buffer_print(&body, "%llu", (unsigned long long)upload->bytes);
    response_bytes(response, 201, "text/plain", &body);
    free(upload);
    atomic_fetch_sub(&uploads_open, 1);
}

static void upload_abort(void *state) {
    free(state);
    atomic_fetch_sub(&uploads_open, 1);
}

static const struct body_stream upload_stream = {upload_begin, upload_push, upload_finish, upload_abort};

static const struct route routes[] = {
    {"GET", "/echo", BODY_NONE, NULL, false, false, echo, NULL, ""},
    {"POST", "/echo", BODY_BUFFERED, "max_json_bytes", false, false, echo, NULL, ""},
    {"GET", "/echo/{name}", BODY_NONE, NULL, false, false, echo, NULL, ""},
    {"GET", "/poll", BODY_NONE, NULL, false, true, echo, NULL, ""},
    {"GET", "/poll/{name}", BODY_NONE, NULL, false, true, refuse, NULL, ""},
    {"GET", "/inject", BODY_NONE, NULL, false, false, inject, NULL, ""},
    {"GET", "/refuse", BODY_NONE, NULL, false, false, refuse, NULL, ""},
    {"GET", "/v1/models/{model}", BODY_NONE, NULL, true, false, refuse, NULL, ""},
    {"GET", "/file", BODY_NONE, NULL, false, false, send_file, NULL, ""},
    {"GET", "/events", BODY_NONE, NULL, false, false, events, NULL, ""},
    {"GET", "/big", BODY_NONE, NULL, false, false, big, NULL, ""},
    {"GET", "/slow", BODY_NONE, NULL, false, false, slow, NULL, ""},
    {"PUT", "/upload/{name}", BODY_STREAMED, NULL, false, false, NULL, &upload_stream, ""},
    {NULL, NULL, BODY_NONE, NULL, false, false, NULL, NULL, NULL},
};

/* ---- a server and a client for each test ----------------------------------------------------------------------- */

struct fixture {
    struct settings settings;
    struct logger logger;
    struct http *http;
    pthread_mutex_t mutex;
    struct buffer log;
};

static void log_write(void *context, enum log_level level, const char *line) {
    struct fixture *fixture = context;
    (void)level;
    pthread_mutex_lock(&fixture->mutex);
    buffer_print(&fixture->log, "%s\n", line);
    pthread_mutex_unlock(&fixture->mutex);
}

static int start(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error err = {0};
    assert_non_null(fixture);
    settings_init(&fixture->settings);
    snprintf(fixture->settings.listen, sizeof fixture->settings.listen, "127.0.0.1:0");
    fixture->settings.max_json_bytes = 4096;
    fixture->settings.drain_bytes = 65536;
    fixture->logger = (struct logger){log_write, fixture, LOG_INFO};
    pthread_mutex_init(&fixture->mutex, NULL);
    *state = fixture;
    if (http_start(&fixture->http, NULL, routes, &fixture->settings, &fixture->logger, &err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
    return 0;
}

static int stop(void **state) {
    struct fixture *fixture = *state;
    http_stop(fixture->http, 1);
    buffer_clear(&fixture->log);
    pthread_mutex_destroy(&fixture->mutex);
    free(fixture);
    return 0;
}

static int client_open(const struct fixture *fixture) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_port(fixture->http))};
    struct timeval most = {.tv_sec = 5};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void client_send(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t n = send(fd, text, length, MSG_NOSIGNAL);
        if (n <= 0) {
            return; /* the server may have had enough */
        }
        text += n;
        length -= (size_t)n;
    }
}

/* Everything until the server ends the connection. */
static void client_read_all(int fd, struct buffer *out) {
    char bytes[8192];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        buffer_append(out, bytes, (size_t)n);
    }
    close(fd);
}

static void talk(const struct fixture *fixture, const char *text, struct buffer *out) {
    int fd = client_open(fixture);
    out->length = 0;
    client_send(fd, text, strlen(text));
    client_read_all(fd, out);
    assert_non_null(out->data);
}

#define HEAD " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

static int status_of(const struct buffer *out) {
    return out->data != NULL && strncmp(out->data, "HTTP/1.1 ", 9) == 0 ? (int)strtol(out->data + 9, NULL, 10) : 0;
}

static const char *body_of(const struct buffer *out) {
    const char *end = strstr(out->data, "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}

static void assert_has(const struct buffer *out, const char *text) {
    if (strstr(out->data, text) == NULL) {
        fail_msg("no '%s' in: %s", text, out->data);
    }
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void test_requests(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0};
    talk(fixture, "GET /echo?a=1&a=2+3&b&=x&c=%26%3d" HEAD "X-Custom: yes\r\nX-Request-Id: my-id.1\r\n\r\n", &out);
    assert_int_equal(status_of(&out), 200);
    assert_string_equal(body_of(&out), "GET /echo []a=1;a=2 3;b=;=x;c=&=;");
    assert_has(&out, "X-Second: 2 3\r\n");
    assert_has(&out, "X-Custom: yes\r\n");
    assert_has(&out, "X-Request-Id: my-id.1\r\n");
    assert_has(&out, "Cache-Control: no-store\r\n");
    assert_has(&out, "X-Content-Type-Options: nosniff\r\n");
    talk(fixture, "GET /echo/k%C3%B6nig" HEAD "X-Request-Id: a b\r\n\r\n", &out);
    assert_string_equal(body_of(&out), "GET /echo/k\xc3\xb6nig [k\xc3\xb6nig]");
    assert_null(strstr(out.data, "X-Request-Id: a b"));
    talk(fixture, "POST /echo" HEAD "Content-Length: 4\r\n\r\nbody", &out);
    assert_string_equal(body_of(&out), "POST /echo [] body");
    talk(fixture, "POST /echo" HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n", &out);
    assert_string_equal(body_of(&out), "POST /echo [] body");
    talk(fixture, "POST /echo" HEAD "Content-Length: 0\r\n\r\n", &out);
    assert_string_equal(body_of(&out), "POST /echo [] ");
    talk(fixture, "HEAD /echo" HEAD "\r\n", &out);
    assert_int_equal(status_of(&out), 200);
    assert_has(&out, "Content-Length: 12\r\n");
    assert_string_equal(body_of(&out), "");
    talk(fixture, "DELETE /echo" HEAD "\r\n", &out);
    assert_int_equal(status_of(&out), 405);
    assert_has(&out, "Allow: GET, HEAD, POST\r\n");
    buffer_clear(&out);
}

static void test_headers_cannot_be_injected(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0};
    talk(fixture, "GET /inject?w=a%0d%0aSet-Cookie:%20x" HEAD "\r\n", &out);
    assert_int_equal(status_of(&out), 200);
    assert_has(&out, "X-Word: a  Set-Cookie: x\r\n");
    buffer_clear(&out);
}

static void test_errors(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0};
    struct error err = {0};
    json_t *document = NULL;
    talk(fixture, "GET /refuse" HEAD "\r\n", &out);
    assert_int_equal(status_of(&out), 404);
    assert_has(&out, "Content-Type: application/problem+json\r\n");
    assert_int_equal(json_parse(body_of(&out), strlen(body_of(&out)), 8, &document, &err), STATUS_OK);
    assert_string_equal(json_string_value(json_object_get(document, "type")), "/problems/not_found");
    assert_string_equal(json_string_value(json_object_get(document, "detail")), "no word \"kin\ng\"");
    assert_int_equal(json_integer_value(json_object_get(document, "status")), 404);
    assert_string_equal(json_string_value(json_object_get(document, "instance")), "/refuse");
    const json_t *first = json_array_get(json_object_get(document, "errors"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "pointer")), "#/word");
    assert_string_equal(json_string_value(json_array_get(json_object_get(document, "suggestions"), 0)), "king");
    json_decref(document);
    talk(fixture, "GET /v1/models/m" HEAD "\r\n", &out);
    assert_int_equal(json_parse(body_of(&out), strlen(body_of(&out)), 8, &document, &err), STATUS_OK);
    const json_t *error = json_object_get(document, "error");
    assert_string_equal(json_string_value(json_object_get(error, "type")), "invalid_request_error");
    assert_string_equal(json_string_value(json_object_get(error, "param")), "word");
    assert_string_equal(json_string_value(json_array_get(json_object_get(error, "suggestions"), 0)), "king");
    json_decref(document);
    talk(fixture, "GET /v1/models/m/nothing" HEAD "\r\n", &out);
    assert_int_equal(status_of(&out), 404);
    assert_has(&out, "{\"error\":{");
    buffer_clear(&out);
}

static void assert_file(const struct fixture *fixture, const char *headers, int status, const char *body,
                        const char *expected) {
    struct buffer out = {0};
    char text[512];
    snprintf(text, sizeof text, "GET /file" HEAD "%s\r\n", headers);
    talk(fixture, text, &out);
    assert_int_equal(status_of(&out), status);
    if (body != NULL) {
        assert_string_equal(body_of(&out), body);
    }
    assert_has(&out, expected);
    assert_has(&out, "ETag: \"abc\"\r\n");
    buffer_clear(&out);
}

static void test_files(void **state) {
    struct fixture *fixture = *state;
    assert_file(fixture, "", 200, "0123456789", "Content-Length: 10\r\n");
    assert_file(fixture, "Range: bytes=2-4\r\n", 206, "234", "Content-Range: bytes 2-4/10\r\n");
    assert_file(fixture, "Range: bytes=7-\r\n", 206, "789", "Content-Range: bytes 7-9/10\r\n");
    assert_file(fixture, "Range: bytes=-3\r\n", 206, "789", "Content-Range: bytes 7-9/10\r\n");
    assert_file(fixture, "Range: bytes=-30\r\n", 206, "0123456789", "Content-Range: bytes 0-9/10\r\n");
    assert_file(fixture, "Range: bytes=5-999\r\n", 206, "56789", "Content-Range: bytes 5-9/10\r\n");
    assert_file(fixture, "Range: bytes=10-\r\n", 416, NULL, "Content-Range: bytes */10\r\n");
    assert_file(fixture, "Range: bytes=-0\r\n", 416, NULL, "Content-Range: bytes */10\r\n");
    static const char *const ignored[] = {
        "bytes=4-2", "bytes=1-2,4-5", "bytes=a-", "lines=1-2", "bytes=", "bytes=99999999999999999999-", "bytes=--1"};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        char range[64];
        snprintf(range, sizeof range, "Range: %s\r\n", ignored[i]);
        assert_file(fixture, range, 200, "0123456789", "Accept-Ranges: bytes\r\n");
    }
    assert_file(fixture, "If-None-Match: \"abc\"\r\n", 304, "", "HTTP/1.1 304");
    assert_file(fixture, "If-None-Match: \"x\", W/\"abc\"\r\n", 304, "", "HTTP/1.1 304");
    assert_file(fixture, "If-None-Match: *\r\n", 304, "", "HTTP/1.1 304");
    assert_file(fixture, "If-None-Match: \"abcd\", x\r\n", 200, "0123456789", "Cache-Control: no-cache\r\n");
    assert_file(fixture, "Range: bytes=0-0\r\nIf-Range: \"abc\"\r\n", 206, "0", "Content-Range: bytes 0-0/10\r\n");
    assert_file(fixture, "Range: bytes=0-0\r\nIf-Range: \"old\"\r\n", 200, "0123456789", "HTTP/1.1 200");
}

static void test_stream(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0};
    char first[2048];
    int fd = client_open(fixture);
    double began = machine_monotonic_seconds();
    client_send(fd, "GET /events" HEAD "\r\n", strlen("GET /events" HEAD "\r\n"));
    while (out.data == NULL || strstr(out.data, "data: 2") == NULL) {
        ssize_t n = recv(fd, first, sizeof first, 0);
        assert_true(n > 0);
        buffer_append(&out, first, (size_t)n);
    }
    assert_true(machine_monotonic_seconds() - began < 0.28); /* the first event does not wait for the second */
    client_read_all(fd, &out);
    assert_has(&out, "Transfer-Encoding: chunked\r\n");
    assert_has(&out, "data: 0\n\n");
    talk(fixture, "HEAD /events" HEAD "\r\n", &out);
    assert_int_equal(status_of(&out), 200);
    assert_string_equal(body_of(&out), "");
    fd = client_open(fixture); /* a client that leaves */
    client_send(fd, "GET /events" HEAD "\r\n", strlen("GET /events" HEAD "\r\n"));
    close(fd);
    for (int i = 0; i < 300 && atomic_load(&streams_freed) < 3; i++) {
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(atomic_load(&streams_freed), 3);
    buffer_clear(&out);
}

static void test_uploads(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0};
    talk(fixture, "PUT /upload/a" HEAD "Content-Length: 6\r\n\r\nabcdef", &out);
    assert_int_equal(status_of(&out), 201);
    assert_string_equal(body_of(&out), "6");
    talk(fixture, "PUT /upload/a" HEAD "Content-Length: 0\r\n\r\n", &out);
    assert_string_equal(body_of(&out), "0");
    talk(fixture, "PUT /upload/no" HEAD "Content-Length: 6\r\n\r\nabcdef", &out);
    assert_int_equal(status_of(&out), 409);
    talk(fixture, "PUT /upload/no" HEAD "Content-Length: 600000000000\r\nExpect: 100-continue\r\n\r\n", &out);
    assert_int_equal(status_of(&out), 409);
    assert_null(strstr(out.data, "100 Continue"));
    int fd = client_open(fixture); /* given up half-way */
    client_send(fd, "PUT /upload/a" HEAD "Content-Length: 60\r\n\r\nabc",
                strlen("PUT /upload/a" HEAD "Content-Length: 60\r\n\r\nabc"));
    (void)poll(NULL, 0, 50);
    close(fd);
    for (int i = 0; i < 300 && atomic_load(&uploads_open) > 0; i++) {
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(atomic_load(&uploads_open), 0);
    buffer_clear(&out);
}

/* A push that fails 100 MB into an upload: the status must still reach a client that reads while it sends. */
static void test_upload_fails_midway(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0};
    size_t piece = 1 << 20;
    char *bytes = calloc(1, piece);
    assert_non_null(bytes);
    int fd = client_open(fixture);
    client_send(fd, "PUT /upload/big" HEAD "Content-Length: 900000000\r\n\r\n",
                strlen("PUT /upload/big" HEAD "Content-Length: 900000000\r\n\r\n"));
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    for (int i = 0; i < 900 && poll(&readable, 1, 0) == 0; i++) {
        client_send(fd, bytes, piece);
    }
    client_read_all(fd, &out);
    assert_int_equal(status_of(&out), 507);
    assert_has(&out, "the disk is full");
    assert_has(&out, "Connection: close\r\n");
    assert_has(&out, "Date: ");
    assert_int_equal(atomic_load(&uploads_open), 0);
    free(bytes);
    buffer_clear(&out);
}

static void test_limits(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0}, text = {0};
    buffer_print(&text, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n%04097d", 0);
    buffer_append_text(&text, "GET /echo" HEAD "\r\n");
    talk(fixture, text.data, &out);
    assert_int_equal(status_of(&out), 413);
    assert_has(&out, "GET /echo []"); /* the connection went on */
    text.length = 0;
    buffer_print(&text, "POST /echo" HEAD "Transfer-Encoding: chunked\r\n\r\n1001\r\n%04097d\r\n0\r\n\r\n", 0);
    talk(fixture, text.data, &out);
    assert_int_equal(status_of(&out), 413);
    text.length = 0;
    buffer_print(&text, "POST /echo" HEAD "Content-Length: 4096\r\n\r\n%04096d", 0);
    talk(fixture, text.data, &out);
    assert_int_equal(status_of(&out), 200);
    buffer_clear(&text);
    buffer_clear(&out);
}

static void test_log_and_counts(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0};
    struct http_counts counts;
    talk(fixture, "GET /echo?a=\"\x7f" HEAD "X-Request-Id: i1\r\n\r\n", &out);
    talk(fixture, "POST /echo" HEAD "X-Request-Id: i2\r\nContent-Length: 4\r\n\r\nbody", &out);
    talk(fixture, "GET /poll" HEAD "X-Request-Id: polled\r\n\r\n", &out);
    talk(fixture, "GET /poll/x" HEAD "X-Request-Id: refused\r\n\r\n", &out);
    talk(fixture, "GET /nothing" HEAD "X-Request-Id: i3\r\n\r\n", &out);
    for (int i = 0; i < 200; i++) {
        http_count(fixture->http, &counts);
        if (counts.requests == 5 && counts.connections == 0) {
            break;
        }
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(counts.requests, 5);
    assert_int_equal(counts.by_class[2], 2);
    assert_int_equal(counts.by_class[4], 3);
    assert_int_equal(counts.bytes_in, 4);
    assert_int_equal(counts.connections, 0);
    pthread_mutex_lock(&fixture->mutex);
    assert_has(&fixture->log, "request method=GET path=\"/echo?a=\\x22\\x7f\" status=400 ");
    assert_has(&fixture->log, "request method=POST path=\"/echo\" status=200 bytes=18 ");
    assert_has(&fixture->log, "status=404 ");
    assert_has(&fixture->log, "id=i3\n");
    assert_has(&fixture->log, "id=refused\n");
    assert_null(strstr(fixture->log.data, "id=polled")); /* below the log's level while all is well */
    pthread_mutex_unlock(&fixture->mutex);
    buffer_clear(&out);
}

struct slow_client {
    const struct fixture *fixture;
    struct buffer out;
};

static void *slow_run(void *argument) {
    struct slow_client *client = argument;
    int fd = client_open(client->fixture);
    client_send(fd, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", strlen("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
    client_read_all(fd, &client->out);
    return NULL;
}

/* A request in flight is finished while new connections are refused, and idle ones do not hold the stop up. */
static void test_graceful_stop(void **state) {
    struct fixture *fixture = *state;
    struct slow_client client = {fixture, {0}};
    pthread_t thread;
    int idle = client_open(fixture);
    assert_int_equal(pthread_create(&thread, NULL, slow_run, &client), 0);
    (void)poll(NULL, 0, 200);
    http_drain(fixture->http);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_port(fixture->http))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    close(fd);
    double began = machine_monotonic_seconds();
    http_stop(fixture->http, 5);
    assert_true(machine_monotonic_seconds() - began < 3);
    pthread_join(thread, NULL);
    assert_int_equal(status_of(&client.out), 200);
    assert_has(&client.out, "Connection: close\r\n");
    buffer_clear(&client.out);
    close(idle);
    struct error err = {0};
    assert_int_equal(http_start(&fixture->http, NULL, routes, &fixture->settings, &fixture->logger, &err), STATUS_OK);
}

static void test_header_timeout(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0};
    fixture->settings.header_timeout = 0.3;
    int fd = client_open(fixture);
    double began = machine_monotonic_seconds();
    client_send(fd, "GET /echo HT", 12);
    client_read_all(fd, &out);
    assert_true(machine_monotonic_seconds() - began < 1.5);
    assert_has(&out, "HTTP/1.1 408 ");
    buffer_clear(&out);
}

/* A client that reads nothing is let go; a stream that has nothing to say for longer is not. */
static void test_readers(void **state) {
    struct fixture *fixture = *state;
    struct buffer out = {0};
    struct http_counts counts = {0};
    fixture->settings.idle_timeout = 0.2;
    talk(fixture, "GET /events" HEAD "\r\n", &out);
    assert_has(&out, "data: 0\n\n");
    fixture->settings.idle_timeout = 0.6;
    int fd = client_open(fixture);
    client_send(fd, "GET /big" HEAD "\r\n", strlen("GET /big" HEAD "\r\n"));
    (void)poll(NULL, 0, 300);
    http_count(fixture->http, &counts);
    assert_int_equal(counts.connections, 1);
    for (int i = 0; i < 300 && counts.connections > 0; i++) {
        (void)poll(NULL, 0, 10);
        http_count(fixture->http, &counts);
    }
    assert_int_equal(counts.connections, 0);
    close(fd);
    fixture->settings.idle_timeout = 60;
    out.length = 0;
    talk(fixture, "GET /big" HEAD "\r\n", &out);
    assert_true(out.length > 64u << 20);
    buffer_clear(&out);
}

static void assert_listen(const char *listen, enum status expected, const char *message) {
    struct settings settings;
    struct http *http = NULL;
    struct error err = {0};
    struct logger quiet = {0};
    settings_init(&settings);
    snprintf(settings.listen, sizeof settings.listen, "%s", listen);
    assert_int_equal(http_start(&http, NULL, routes, &settings, &quiet, &err), expected);
    if (expected == STATUS_OK) {
        assert_true(http_port(http) > 0);
        assert_non_null(strstr(http_address(http), message));
        http_stop(http, 0.1);
    } else {
        assert_non_null(strstr(err.text, message));
    }
}

static void test_listen(void **state) {
    struct fixture *fixture = *state;
    char taken[64];
    assert_listen("127.0.0.1:0", STATUS_OK, "127.0.0.1:");
    assert_listen("localhost:0", STATUS_OK, ":");
    assert_listen(":0", STATUS_OK, ":");
    assert_listen("127.0.0.1", STATUS_REFUSED, "listen must be HOST:PORT");
    assert_listen("127.0.0.1:", STATUS_REFUSED, "not '127.0.0.1:'");
    assert_listen("127.0.0.1:65536", STATUS_REFUSED, "listen must be");
    assert_listen("127.0.0.1:-1", STATUS_REFUSED, "listen must be");
    assert_listen("::1:80", STATUS_REFUSED, "listen must be");
    assert_listen("[::1:80", STATUS_REFUSED, "listen must be");
    assert_listen("[:80", STATUS_REFUSED, "listen must be");
    assert_listen("no such host:80", STATUS_REFUSED, "cannot listen on 'no such host:80'");
    snprintf(taken, sizeof taken, "127.0.0.1:%u", http_port(fixture->http));
    assert_listen(taken, STATUS_IO, "already in use");
}

static int make_file(void **state) {
    struct error err = {0};
    if (temporary_setup(state) != 0) {
        return -1;
    }
    snprintf(file_path, sizeof file_path, "%s/file", (const char *)*state);
    return file_replace(file_path, "0123456789", 10, &err) == STATUS_OK ? 0 : -1;
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SERVER(test_requests),
        WITH_SERVER(test_headers_cannot_be_injected),
        WITH_SERVER(test_errors),
        WITH_SERVER(test_files),
        WITH_SERVER(test_stream),
        WITH_SERVER(test_uploads),
        WITH_SERVER(test_upload_fails_midway),
        WITH_SERVER(test_limits),
        WITH_SERVER(test_log_and_counts),
        WITH_SERVER(test_graceful_stop),
        WITH_SERVER(test_header_timeout),
        WITH_SERVER(test_listen),
        WITH_SERVER(test_readers),
    };
    json_setup();
    return cmocka_run_group_tests(tests, make_file, temporary_teardown);
}
