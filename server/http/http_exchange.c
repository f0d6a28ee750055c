/* One request and its answer, as far as libmicrohttpd has no part in it: its begin, an answer
 * written by hand, its end. */
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
        exchange->stream->abort(exchange->upload);
        exchange->upload = NULL;
    }
}

void exchange_answer_by_hand(struct exchange *exchange) {
    struct buffer text = {0};
    exchange->must_close = true;
    exchange->linger = true;
    exchange->stage = STAGE_ANSWERED;
    response_serialize(exchange, &text);
    if (strcmp(exchange->method, "HEAD") != 0)
        exchange->sent = exchange->response.body.length;
    tally_answer(exchange);
    tally_sent(exchange, exchange->sent);
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
    buffer_clear(&text);
}

/* Of a file that was cut short only what the peer has, which the kernel knows. */
static void count_file(struct exchange *exchange, bool whole) {
    if (!whole) {
        bool waiting;
        uint64_t moved = link_acknowledged(exchange->link->fd, &waiting) - exchange->acknowledged;
        exchange->sent = moved < exchange->sent ? moved : exchange->sent;
    }
    tally_sent(exchange, exchange->sent);
}

void exchange_end(struct exchange *exchange, bool whole) {
    struct http *http = exchange->http;
    exchange_abort_upload(exchange);
    if (exchange->stage != STAGE_NEW) {
        bool answered = exchange->stage == STAGE_ANSWERED;
        if (exchange->sends_file)
            count_file(exchange, whole);
        if (!answered)
            tally_cut_short(exchange);
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

void request_note(const struct http_request *request, enum request_note which, const char *name) {
    struct exchange *exchange = request->connection;
    if (exchange)
        snprintf(exchange->notes[which], sizeof exchange->notes[which], "%s", name);
}

void exchange_free(struct exchange *exchange) {
    response_clear(&exchange->response);
    buffer_clear(&exchange->body);
    content_check_clear(&exchange->check);
    work_end(exchange);
    free(exchange->target);
    free(exchange);
}
