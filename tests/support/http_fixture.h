/* What test_http.c and test_http_counts.c run the HTTP layer with: a route table of its own, a
 * server on a free port, a client on plain sockets. Included once. */
#ifndef VECMILL_TESTS_HTTP_FIXTURE_H
#define VECMILL_TESTS_HTTP_FIXTURE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/machine.h"
#include "server/http/http.h"
#include "server/http/http_json.h"
#include "tests/support/patience.h"
#include "tests/support/temporary.h"

static char file_path[600]; /* set once by main's set-up, before any server runs */

/* ---- handlers -------------------------------------------------------------------------------- */

static void put_pair(void *context, const char *key, const char *value) {
    buffer_print(context, "%s=%s;", key, value);
}

static void echo(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    (void)server;
    struct buffer body = {0};
    buffer_print(&body, "%s %s [%s]", request->method, request->path,
                 request->n_segments > 0 ? request->segments[0] : "");
    request_query_visit(request, put_pair, &body);
    if (request->body) {
        assert_int_equal(request->body[request->body_length], '\0');
        buffer_append_char(&body, ' ');
        buffer_append(&body, request->body, request->body_length);
    }
    const char *second = request_query(request, "a", 1),
               *custom = request_header(request, "x-custom");
    response_bytes(response, 200, "text/plain", &body);
    response_header(response, "X-Second", "%s", second ? second : "none");
    response_header(response, "X-Custom", "%s", custom ? custom : "none");
}

static void inject(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    (void)server;
    struct buffer body = {0};
    response_bytes(response, 200, "text/plain", &body);
    response_header(response, "X-Word", "%s", request_query(request, "w", 0));
}

static void refuse(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    (void)server;
    struct error err = {0};
    (void)error_set_key(&err, STATUS_NOT_FOUND, "/word", "no word \"%s\"", "kin\ng");
    response_error_with(request, response, 0, &err, "\"suggestions\":[\"king\"]");
}

static void send_file(struct server *server, const struct http_request *request,
                      struct http_response *response) {
    (void)server;
    response_file(request, response, file_path, "application/octet-stream", "abc");
}

/* A stream of three events; while they are held, the last two wait. */
static atomic_bool ticks_held;

struct ticks {
    int left, pause_ms;
    atomic_int *freed;
};
static atomic_int streams_freed;

static ssize_t tick(void *context, char *bytes, size_t room) {
    struct ticks *ticks = context;
    if (ticks->left == 0)
        return 0;
    if (ticks->left-- < 3) {
        (void)poll(NULL, 0, ticks->pause_ms);
        WAIT_UNTIL(!atomic_load(&ticks_held));
    }
    return snprintf(bytes, room, "data: %d\n\n", ticks->left);
}

static void ticks_free(void *context) {
    struct ticks *ticks = context;
    atomic_fetch_add(ticks->freed, 1);
    free(ticks);
}

static void events(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    (void)server;
    (void)request;
    struct ticks *ticks = malloc(sizeof *ticks);
    assert_non_null(ticks);
    *ticks = (struct ticks){3, 300, &streams_freed};
    response_stream(response, "text/event-stream", tick, ticks_free, ticks);
}

/* A handler that is in flight until it is released, and a moment longer. */
static atomic_bool slow_entered, slow_released;

static void slow(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    atomic_store(&slow_entered, true);
    WAIT_UNTIL(atomic_load(&slow_released));
    (void)poll(NULL, 0, 300);
    echo(server, request, response);
}

static void big(struct server *server, const struct http_request *request,
                struct http_response *response) {
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

static enum status upload_begin(struct server *server, const struct http_request *request,
                                void **state, struct error *err) {
    (void)server;
    if (strcmp(request->segments[0], "no") == 0)
        return error_set_key(err, STATUS_CONFLICT, "name", "taken");
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
    return upload->bytes > 100000000 ? error_set(err, STATUS_DISK_FULL, "the disk is full")
                                     : STATUS_OK;
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

static const struct body_stream upload_stream = {upload_begin, upload_push, upload_finish,
                                                 upload_abort};

static const struct route routes[] = {
    {.method = "GET", .pattern = "/echo", .handle = echo},
    {.method = "POST",
     .pattern = "/echo",
     .body = BODY_BUFFERED,
     .limit = "max_json_bytes",
     .handle = echo},
    {.method = "GET", .pattern = "/echo/{name}", .handle = echo},
    {.method = "GET", .pattern = "/poll", .polled = true, .handle = echo},
    {.method = "GET", .pattern = "/poll/{name}", .polled = true, .handle = refuse},
    {.method = "GET", .pattern = "/inject", .handle = inject},
    {.method = "GET", .pattern = "/refuse", .handle = refuse},
    {.method = "GET", .pattern = "/v1/models/{model}", .handle = refuse},
    {.method = "GET", .pattern = "/file", .handle = send_file},
    {.method = "GET", .pattern = "/events", .handle = events},
    {.method = "GET", .pattern = "/big", .handle = big},
    {.method = "GET", .pattern = "/slow", .handle = slow},
    {.method = "PUT", .pattern = "/upload/{name}", .body = BODY_STREAMED, .stream = &upload_stream},
    {.method = NULL},
};

/* ---- a server and a client for each test ----------------------------------------------------- */

struct fixture {
    struct settings settings;
    struct logger logger;
    struct http *http;
    pthread_mutex_t mutex;
    struct buffer log;
};

static inline void log_write(void *context, enum log_level level, const char *line) {
    struct fixture *fixture = context;
    (void)level;
    pthread_mutex_lock(&fixture->mutex);
    buffer_print(&fixture->log, "%s\n", line);
    pthread_mutex_unlock(&fixture->mutex);
}

static inline int start(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error err = {0};
    assert_non_null(fixture);
    settings_init(&fixture->settings);
    snprintf(fixture->settings.listen, sizeof fixture->settings.listen, "127.0.0.1:0");
    fixture->settings.max_json_bytes = 4096;
    snprintf(fixture->settings.allowed_hosts, sizeof fixture->settings.allowed_hosts, "x");
    fixture->settings.drain_bytes = 65536;
    fixture->logger = (struct logger){.write = log_write, .context = fixture, .min = LOG_INFO};
    pthread_mutex_init(&fixture->mutex, NULL);
    *state = fixture;
    if (http_start(&fixture->http, NULL, routes, &fixture->settings, &fixture->logger, &err) !=
        STATUS_OK)
        fail_msg("%s", err.text);
    return 0;
}

static inline int stop(void **state) {
    struct fixture *fixture = *state;
    http_stop(fixture->http, 1);
    buffer_clear(&fixture->log);
    pthread_mutex_destroy(&fixture->mutex);
    free(fixture);
    return 0;
}

static inline int client_open(const struct fixture *fixture) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_port(fixture->http))};
    struct timeval max = {.tv_sec = TEST_PATIENCE};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &max, sizeof max);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline void client_send(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t n = send(fd, text, length, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server may have had enough */
        text += n;
        length -= (size_t)n;
    }
}

/* Everything until the server ends the connection. */
static inline void client_read_all(int fd, struct buffer *out) {
    char bytes[8192];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        buffer_append(out, bytes, (size_t)n);
    close(fd);
}

static inline void talk(const struct fixture *fixture, const char *text, struct buffer *out) {
    int fd = client_open(fixture);
    out->length = 0;
    client_send(fd, text, strlen(text));
    client_read_all(fd, out);
    assert_non_null(out->data);
}

#define HEAD " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

static inline int status_of(const struct buffer *out) {
    return out->data && strncmp(out->data, "HTTP/1.1 ", 9) == 0
               ? (int)strtol(out->data + 9, NULL, 10)
               : 0;
}

static inline const char *body_of(const struct buffer *out) {
    const char *end = strstr(out->data, "\r\n\r\n");
    return end ? end + 4 : "";
}

static inline void assert_has(const struct buffer *out, const char *text) {
    if (!strstr(out->data, text))
        fail_msg("no '%s' in: %s", text, out->data);
}

/* The file that /file sends; for the whole group of tests. */
static inline int make_file(void **state) {
    struct error err = {0};
    if (temporary_setup(state) != 0)
        return -1;
    snprintf(file_path, sizeof file_path, "%s/file", (const char *)*state);
    return file_replace(file_path, "0123456789", 10, &err) == STATUS_OK ? 0 : -1;
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start, stop)

#endif
