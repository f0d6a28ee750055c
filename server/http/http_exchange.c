/* One request and its answer, as far as libmicrohttpd has no part in it: its begin, an answer
 * written by hand, its line in the log, its end. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "server/http/http_private.h"

struct exchange *exchange_create(struct http_link *link, const char *target) {
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    size_t length = strlen(target);
    /* raw, decoded path, decoded query, segments: see http_target.c */
    exchange->target = calloc(length + 1, 6);
    if (!exchange->target) {
        free(exchange);
        return NULL;
    }
    for (size_t i = 0; i < length; i++)
        exchange->target[i] = target[i] == FRAMING_QUERY_MARK ? '?' : target[i];
    exchange->path = exchange->target + length + 1;
    exchange->query = exchange->query_end = exchange->path;
    exchange->http = link->http;
    exchange->link = link;
    exchange->began = machine_monotonic_seconds();
    exchange->request.connection = exchange;
    exchange->request.method = "GET";
    exchange->request.path = exchange->path;
    memcpy(exchange->method, "-", 2);
    response_init(&exchange->response);
    work_begin(exchange);
    atomic_fetch_add(&link->http->in_flight, 1);
    return exchange;
}

void exchange_abort_upload(struct exchange *exchange) {
    if (exchange->upload) {
        exchange->request.route->stream->abort(exchange->upload);
        exchange->upload = NULL;
    }
}

void exchange_answer_by_hand(struct exchange *exchange) {
    struct buffer text = {0};
    exchange->must_close = true;
    exchange->linger = true;
    exchange->stage = STAGE_ANSWERED;
    response_serialize(exchange, &text);
    link_enter(exchange->link, LINK_SEND);
    for (size_t at = 0; !text.failed && at < text.length;) {
        ssize_t n = link_send(exchange->link, text.data + at, text.length - at);
        if (n > 0) {
            at += (size_t)n;
            continue;
        }
        struct pollfd wait = {.fd = exchange->link->fd, .events = POLLOUT};
        if (n == 0 || (errno != EAGAIN && errno != EINTR) || poll(&wait, 1, 1000) <= 0)
            break;
    }
    exchange->sent = exchange->response.body.length;
    buffer_clear(&text);
}

/* The target is quoted: what could end the quotes is escaped here, the rest by log_line. */
static void log_request(const struct exchange *exchange, bool whole) {
    char path[256];
    size_t n = 0;
    for (const char *c = exchange->target; *c != '\0' && n + 5 < sizeof path; c++)
        if (*c == '"' || *c == '\\')
            n += (size_t)snprintf(path + n, sizeof path - n, "\\x%02x", (unsigned char)*c);
        else
            path[n++] = *c;
    path[n] = '\0';
    const struct route *route = exchange->request.route;
    bool poll = route && route->polled && exchange->stage == STAGE_ANSWERED &&
                exchange->response.status < 400;
    log_line(exchange->http->logger, poll ? LOG_DEBUG : LOG_INFO,
             "request method=%s path=\"%s\" status=%d bytes=%llu ms=%.1f id=%s%s", exchange->method,
             path, exchange->stage == STAGE_ANSWERED ? exchange->response.status : 0,
             (unsigned long long)exchange->sent,
             (machine_monotonic_seconds() - exchange->began) * 1e3, exchange->request.id,
             whole ? "" : " cut short");
}

void exchange_end(struct exchange *exchange, bool whole) {
    struct http *http = exchange->http;
    exchange_abort_upload(exchange);
    if (exchange->stage != STAGE_NEW) {
        bool answered = exchange->stage == STAGE_ANSWERED;
        atomic_fetch_add(&http->requests, 1);
        atomic_fetch_add(&http->by_class[answered ? exchange->response.status / 100 % 6 : 0], 1);
        log_request(exchange, answered && (whole || exchange->linger));
        access_note(exchange);
    }
    if (exchange->linger)
        link_linger(exchange->link);
    crowd_stream_end(exchange->link);
    link_enter(exchange->link, LINK_IDLE);
    atomic_fetch_sub(&http->in_flight, 1);
    exchange_free(exchange);
}

void exchange_free(struct exchange *exchange) {
    response_clear(&exchange->response);
    buffer_clear(&exchange->body);
    work_end(exchange);
    free(exchange->target);
    free(exchange);
}
