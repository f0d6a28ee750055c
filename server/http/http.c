/* The one file that knows libmicrohttpd: what it calls, and how an answer is handed to it. Its
 * time-outs, limits, decoding and form parser are not used; see http_guard.c, http_sweep.c and
 * http_target.c for ours. */
#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/machine.h"
#include "server/http/http_private.h"

#define CONNECTION_POOL_BYTES 65536 /* header and read buffer of one connection */
/* twice what JSON of the deepest max_json_depth takes; pages untouched cost nothing */
#define CONNECTION_STACK_BYTES (1024 * 1024)
#define STREAM_BLOCK_BYTES 16384
/* of the time to stop in: for requests to end by themselves; the rest is for telling those that do
 * not */
#define FINISH_SHARE 0.8

static const char out_of_memory_body[] =
    "{\"type\":\"/problems/no_memory\",\"title\":\"Service "
    "Unavailable\",\"status\":503,\"detail\":\"out of memory\"}";

/* ---- one request ----------------------------------------------------------------------------- */

static struct http_link *connection_link(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* Called with the target as it came, before anything is decoded; what it returns becomes *context
 * of the calls below. */
static void *on_target(void *argument, const char *target, struct MHD_Connection *connection) {
    struct http_link *link = connection_link(connection);
    struct exchange *exchange = link ? exchange_create(link, target) : NULL;
    (void)argument;
    if (!exchange)
        return NULL;
    link->exchange = exchange;
    link_enter(link, LINK_HEADER);
    return exchange;
}

static enum MHD_Result on_header(void *argument, enum MHD_ValueKind kind, const char *name,
                                 const char *value) {
    struct exchange *exchange = argument;
    (void)kind;
    if (exchange->n_headers == HTTP_HEADERS_MAX)
        return MHD_NO;
    exchange->headers[exchange->n_headers++] = (struct header){name, value ? value : ""};
    return MHD_YES;
}

/* ---- answers --------------------------------------------------------------------------------- */

struct stream {
    struct exchange *exchange;
    ssize_t (*produce)(void *context, char *bytes, size_t room);
    void (*release)(void *context);
    void *context;
};

static ssize_t on_stream_read(void *argument, uint64_t position, char *bytes, size_t room) {
    struct stream *stream = argument;
    (void)position;
    ssize_t n = stream->produce(stream->context, bytes, room);
    if (n > 0) {
        stream->exchange->sent += (uint64_t)n;
        tally_sent(stream->exchange, (uint64_t)n);
        return n;
    }
    return n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void on_stream_free(void *argument) {
    struct stream *stream = argument;
    if (stream->release)
        stream->release(stream->context);
    free(stream);
}

static struct MHD_Response *make_stream(struct exchange *exchange) {
    struct http_response *response = &exchange->response;
    struct stream *stream = malloc(sizeof *stream);
    if (!stream)
        return NULL;
    *stream = (struct stream){exchange, response->produce, response->produce_free,
                              response->produce_context};
    struct MHD_Response *made = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, on_stream_read, stream, on_stream_free);
    if (!made) {
        free(stream);
        return NULL;
    }
    response->produce = NULL;
    response->produce_free = NULL;
    return made;
}

/* Body and ownership over to libmicrohttpd. NULL when out of memory. */
static struct MHD_Response *make_response(struct exchange *exchange) {
    struct http_response *response = &exchange->response;
    struct MHD_Response *made;
    bool head = strcmp(exchange->method, "HEAD") == 0, waiting;
    if (response->produce && !head)
        return make_stream(exchange);
    /* Of a stream, HEAD gets no more than that: 0.9.75 would send the last chunk of an empty
     * body. */
    if (response->file >= 0) {
        made = MHD_create_response_from_fd_at_offset64(response->file_size, response->file,
                                                       response->file_offset);
        if (made) {
            response->file = -1;
            exchange->sends_file = !head;
            exchange->sent = head ? 0 : response->file_size;
            exchange->acknowledged = link_acknowledged(exchange->link->fd, &waiting);
        }
        return made;
    }
    if (response->body.length == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    made = MHD_create_response_from_buffer(response->body.length, response->body.data,
                                           MHD_RESPMEM_MUST_FREE);
    if (made) {
        exchange->sent = head ? 0 : response->body.length;
        response->body = (struct buffer){0};
    }
    return made;
}

struct header_adder {
    struct MHD_Response *made;
    bool failed;
};

static void add_header(void *context, const char *name, const char *value) {
    struct header_adder *adder = context;
    if (value[0] != '\0' && MHD_add_response_header(adder->made, name, value) != MHD_YES)
        adder->failed = true;
}

/* Streams of events are counted apart: each holds its connection for as long as its client
 * likes. */
static void limit_streams(struct exchange *exchange) {
    const struct http_response *response = &exchange->response;
    struct error err = {0};
    if (response->produce && strcmp(exchange->method, "HEAD") != 0 &&
        strncmp(response->content_type, "text/event-stream", 17) == 0 &&
        !crowd_stream_begin(exchange->link, &err))
        response_error(&exchange->request, &exchange->response, 429, &err);
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct exchange *exchange) {
    struct http *http = exchange->http;
    struct http_response *response = &exchange->response;
    exchange->must_close = exchange->must_close || atomic_load(&http->draining);
    limit_streams(exchange);
    integrity_answer(exchange);
    work_settle(exchange);
    struct MHD_Response *made =
        response->body.failed || response->headers.failed ? NULL : make_response(exchange);
    struct header_adder adder = {made, !made};
    if (made)
        response_visit_headers(exchange, add_header, &adder);
    exchange->stage = STAGE_ANSWERED;
    link_enter(exchange->link, LINK_SEND);
    enum MHD_Result queued;
    if (adder.failed) {
        response->status = 503;
        exchange->sends_file = false;
        exchange->sent = sizeof out_of_memory_body - 1;
    }
    tally_answer(exchange);
    if (!exchange->sends_file) /* a stream has sent nothing yet */
        tally_sent(exchange, exchange->sent);
    if (adder.failed)
        queued = MHD_queue_response(connection, 503, http->out_of_memory);
    else
        queued = MHD_queue_response(connection, (unsigned)response->status, made);
    if (made)
        MHD_destroy_response(made);
    return queued;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static enum status take_bytes(struct exchange *exchange, const char *bytes, size_t length,
                              struct error *err) {
    const struct route *route = exchange->request.route;
    bool fits = exchange->received <= exchange->limit;
    content_check_add(&exchange->check, bytes, length);
    switch (route->body) {
    case BODY_STREAMED:
        return exchange->stream->push(exchange->upload, bytes, length, err);
    case BODY_BUFFERED:
        if (fits)
            buffer_append(&exchange->body, bytes, length);
        if (fits && exchange->body.failed)
            return buffer_explain(&exchange->body, "the body", err);
        break;
    case BODY_NONE: /* read and thrown away */
        break;
    }
    return fits ? STATUS_OK
                : error_set(err, STATUS_TOO_LARGE, "the body is larger than %s allows: %llu bytes",
                            route->limit ? route->limit : "drain_bytes",
                            (unsigned long long)exchange->limit);
}

static enum MHD_Result on_body(struct exchange *exchange, const char *bytes, size_t length) {
    exchange->received += length;
    tally_received(exchange, length);
    link_moved(exchange->link, length);
    if (exchange->stage == STAGE_DISCARD)
        return MHD_YES;
    struct error err = {0};
    link_enter(exchange->link, LINK_BUSY);
    enum status status = take_bytes(exchange, bytes, length, &err);
    if (status == STATUS_OK) {
        link_enter(exchange->link, LINK_BODY);
        return MHD_YES;
    }
    exchange_abort_upload(exchange);
    buffer_clear(&exchange->body);
    response_error(&exchange->request, &exchange->response, 0, &err);
    if (guard_may_discard(exchange)) {
        exchange->stage = STAGE_DISCARD;
        link_enter(exchange->link, LINK_BODY);
        return MHD_YES;
    }
    exchange_answer_by_hand(exchange); /* in the middle of a body libmicrohttpd takes no answer */
    return MHD_NO;
}

static void dispatch(struct exchange *exchange) {
    struct http_request *request = &exchange->request;
    const struct route *route = request->route;
    struct server *server = exchange->http->server;
    void *upload = exchange->upload;
    struct error err = {0};
    if (content_check_finish(&exchange->check, &err) != STATUS_OK) {
        exchange_abort_upload(exchange);
        response_error(request, &exchange->response, 0, &err);
        return;
    }
    switch (route->body) {
    case BODY_STREAMED:
        exchange->upload = NULL;
        exchange->stream->finish(server, request, upload, &exchange->response);
        return;
    case BODY_BUFFERED:
        request->body = exchange->body.length > 0 ? exchange->body.data : "";
        request->body_length = exchange->body.length;
        break;
    case BODY_NONE:
        break;
    }
    route->handle(server, request, &exchange->response);
}

static enum MHD_Result on_begin(struct MHD_Connection *connection, struct exchange *exchange,
                                const char *method) {
    link_enter(exchange->link, LINK_BUSY);
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, exchange);
    if (guard_admit(exchange, method)) {
        exchange->stage = STAGE_BODY;
    } else if (guard_may_discard(exchange)) {
        exchange->stage = STAGE_DISCARD;
    } else {
        exchange->must_close = true;
        exchange->linger = true;
        return answer(connection, exchange);
    }
    link_enter(exchange->link, LINK_BODY);
    return MHD_YES;
}

static enum MHD_Result on_request(void *argument, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *bytes, size_t *length, void **context) {
    struct http *http = argument;
    struct exchange *exchange = *context;
    (void)url;
    (void)version;
    if (!exchange)
        return MHD_queue_response(connection, 503, http->out_of_memory);
    if (exchange->stage == STAGE_NEW)
        return on_begin(connection, exchange, method);
    if (*length > 0) {
        size_t n = *length;
        *length = 0;
        return on_body(exchange, bytes, n);
    }
    link_enter(exchange->link, LINK_BUSY);
    if (exchange->stage == STAGE_BODY)
        dispatch(exchange);
    return answer(connection, exchange);
}

/* ---- the end of a request -------------------------------------------------------------------- */

static void on_completed(void *argument, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code) {
    struct exchange *exchange = *context;
    (void)argument;
    (void)connection;
    if (!exchange)
        return;
    *context = NULL;
    exchange->link->exchange = NULL;
    exchange_end(exchange, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
}

/* NULL: what comes on this connection gets 503. */
static struct http_link *connection_begin(struct http *http, struct MHD_Connection *connection) {
    struct error err = {0};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_link *link = info ? link_create(http, info->connect_fd) : NULL;
    if (!link)
        return NULL;
    if (http_speaks_tls(http->settings)) {
        const union MHD_ConnectionInfo *session =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        tls_begin(link, session->tls_session);
    }
    if (filter_attach(link, &err) != STATUS_OK) {
        log_line(http->logger, LOG_ERROR, "cannot take a connection: %s", err.text);
        link_free(link);
        return NULL;
    }
    crowd_admit(link);
    return link;
}

static void on_connection(void *argument, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    struct http_link *link = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = connection_begin(argument, connection);
    } else if (link) {
        filter_detach(link);
        link_free(link);
        *context = NULL;
    }
}

__attribute__((format(printf, 2, 0))) static void on_log(void *argument, const char *format,
                                                         va_list arguments) {
    const struct http *http = argument;
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_line(http->logger, LOG_DEBUG, "libmicrohttpd: %s", line);
}

/* ---- start and stop -------------------------------------------------------------------------- */

static void http_free(struct http *http) {
    sweep_stop(http);
    tls_drop(http->tls);
    if (http->out_of_memory)
        MHD_destroy_response(http->out_of_memory);
    if (http->listener >= 0)
        close(http->listener);
    pthread_mutex_destroy(&http->mutex);
    tally_free(http->tally);
    free(http);
}

static struct MHD_Response *make_out_of_memory(void) {
    /* Copied now, so that nothing needs memory when it is sent. */
    struct MHD_Response *made = MHD_create_response_from_buffer(
        sizeof out_of_memory_body - 1, (void *)(uintptr_t)out_of_memory_body,
        MHD_RESPMEM_MUST_COPY);
    if (made &&
        (MHD_add_response_header(made, "Content-Type", "application/problem+json") != MHD_YES ||
         MHD_add_response_header(made, "Retry-After", "5") != MHD_YES ||
         MHD_add_response_header(made, "Connection", "close") != MHD_YES)) {
        MHD_destroy_response(made);
        return NULL;
    }
    return made;
}

/* What libmicrohttpd's own credentials answer a handshake with: tls_begin puts ours in their
 * place. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int n,
                          const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
                          gnutls_pcert_st **chain, unsigned *length, gnutls_privkey_t *key) {
    (void)session;
    (void)authorities;
    (void)n;
    (void)algorithms;
    (void)n_algorithms;
    (void)chain;
    (void)length;
    (void)key;
    return -1;
}

static struct MHD_Daemon *start_daemon(struct http *http) {
    char priorities[sizeof http->settings->tls_priorities + 64];
    tls_priorities(http->settings, priorities, sizeof priorities);
    /* Time-out 0 and generous limits: the sweeper and the guard hold the real ones. */
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                     MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG | (http->tls ? MHD_USE_TLS : 0);
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, http,
        MHD_OPTION_LISTEN_SOCKET, http->listener, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)http->settings->max_connections + HTTP_RESERVE, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_POOL_BYTES,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)CONNECTION_STACK_BYTES, MHD_OPTION_URI_LOG_CALLBACK,
        on_target, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
        http->tls ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END, priorities,
        MHD_OPTION_HTTPS_CERT_CALLBACK, no_certificate, MHD_OPTION_END);
}

enum status http_start(struct http **http, struct server *server, const struct route *routes,
                       const struct settings *settings, const struct logger *logger,
                       struct error *err) {
    struct http *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    pthread_mutex_init(&made->mutex, NULL);
    made->server = server;
    made->routes = routes;
    made->settings = settings;
    made->logger = logger;
    made->listener = -1;
    enum status status = listen_open(settings->listen, &made->listener, made->address,
                                     sizeof made->address, &made->port, err);
    if (status != STATUS_OK)
        goto fail;
    status = tls_load(settings, &made->tls, err);
    if (status != STATUS_OK)
        goto fail;
    tls_warn(made->tls, logger);
    made->out_of_memory = make_out_of_memory();
    made->tally = tally_create(routes);
    if (!made->out_of_memory || !made->tally) {
        status = error_set(err, STATUS_NO_MEMORY, "out of memory");
        goto fail;
    }
    status = sweep_start(made, err);
    if (status != STATUS_OK)
        goto fail;
    *http = made; /* before the first request can come */
    made->daemon = start_daemon(made);
    if (!made->daemon) {
        *http = NULL;
        status = error_set(err, STATUS_IO, "cannot start the HTTP service on '%s'", made->address);
        goto fail;
    }
    return STATUS_OK;
fail:
    http_free(made);
    return status;
}

uint16_t http_port(const struct http *http) {
    return http->port;
}

const char *http_address(const struct http *http) {
    return http->address;
}

void http_drain(struct http *http) {
    if (!atomic_exchange(&http->draining, true)) {
        MHD_socket listener = MHD_quiesce_daemon(http->daemon);
        if (listener != MHD_INVALID_SOCKET) {
            /* at once, even while libmicrohttpd still waits on it */
            (void)shutdown(listener, SHUT_RDWR);
            close(listener);
            http->listener = -1;
        }
    }
}

static void await_requests(const struct http *http, double seconds) {
    double until = machine_monotonic_seconds() + seconds;
    while (atomic_load(&http->in_flight) > 0 && machine_monotonic_seconds() < until)
        (void)poll(NULL, 0, 10);
}

void http_stop(struct http *http, double seconds) {
    if (!http)
        return;
    http_drain(http);
    await_requests(http, seconds * FINISH_SHARE);
    atomic_store(&http->ending, true); /* what still works gives up, and says so */
    await_requests(http, seconds * (1 - FINISH_SHARE));
    sweep_stop(http);
    MHD_stop_daemon(http->daemon);
    http->listener = -1; /* closed by the daemon if it had it still */
    http_free(http);
}

void http_count(const struct http *http, struct http_counts *counts) {
    struct http *mutable = (struct http *)(uintptr_t)http; /* a mutex has to be taken to read */
    *counts = (struct http_counts){.stopped = atomic_load(&http->stopped),
                                   .in_flight = atomic_load(&http->in_flight)};
    tally_count(http->tally, counts);
    pthread_mutex_lock(&mutable->mutex);
    counts->connections = http->n_links;
    for (const struct http_link *link = http->links; link; link = link->next)
        counts->by_kind[link_kind(link)]++;
    counts->streams = counts->by_kind[CONNECTION_EVENT_STREAM];
    pthread_mutex_unlock(&mutable->mutex);
}
