/* What is refused before a body byte is read. Where a request begins and ends is sure by now: see
 * framing.h. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/random.h"
#include "server/http/context.h"
#include "server/http/http_private.h"

static bool refuse(struct exchange *exchange, int status, struct error *err) {
    response_error(&exchange->request, &exchange->response, status, err);
    return false;
}

static bool token_char(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool host_is_clean(const char *host) {
    for (const char *c = host; *c != '\0'; c++)
        if (!token_char(*c) && !strchr(":[]()", *c))
            return false;
    return host[0] != '\0';
}

/* Decimal digits: framing.h has seen to that. */
static int64_t length_of(const char *digits) {
    int64_t value = 0;
    for (; *digits >= '0' && *digits <= '9'; digits++)
        value = value * 10 + (*digits - '0');
    return value;
}

/* In the absolute form the target names the host, and Host does not count (RFC 9112, 3.2.2). */
static bool guard_host(struct exchange *exchange) {
    const char *target = exchange->target, *host = request_header(&exchange->request, "Host");
    size_t scheme = strncasecmp(target, "http://", 7) == 0    ? 7
                    : strncasecmp(target, "https://", 8) == 0 ? 8
                                                              : 0;
    struct error err = {0};
    bool fits = !host || strlen(host) < sizeof exchange->host;
    if (fits && host)
        memcpy(exchange->host, host, strlen(host) + 1);
    fits = fits && (!host || host_is_clean(host));
    size_t length = scheme > 0 ? strcspn(target + scheme, "/?") : 0;
    if (fits && scheme > 0 && length < sizeof exchange->host) {
        memcpy(exchange->host, target + scheme, length);
        exchange->host[length] = '\0';
        fits = host_is_clean(exchange->host);
    }
    if (fits && (scheme == 0 || length < sizeof exchange->host))
        return true;
    (void)error_set_key(&err, STATUS_MALFORMED, "Host", "the host is malformed");
    exchange->must_close = true;
    return refuse(exchange, 400, &err);
}

static bool guard_framing(struct exchange *exchange) {
    const struct http_request *request = &exchange->request;
    const char *length = request_header(request, "Content-Length");
    struct error err = {0};
    exchange->content_length = request_header(request, "Transfer-Encoding") ? -1
                               : length                                     ? length_of(length)
                                                                            : 0;
    if (exchange->link->filtered)
        return guard_host(exchange);
    (void)error_set(&err, STATUS_INTERNAL, "the filter of requests is not in place");
    exchange->must_close = true;
    return refuse(exchange, 500, &err);
}

static bool guard_method(struct exchange *exchange, const char *method) {
    static const char *const known[] = {"GET",   "HEAD",  "POST",    "PUT",   "DELETE",
                                        "PATCH", "QUERY", "OPTIONS", "TRACE", "CONNECT"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(method, known[i]) == 0) {
            exchange->request.method = strcmp(method, "HEAD") == 0 ? "GET" : known[i];
            return true;
        }
    }
    struct error err = {0};
    (void)error_set(&err, STATUS_UNSUPPORTED, "the method is not known");
    exchange->must_close = true;
    return refuse(exchange, 501, &err);
}

static bool guard_route(struct exchange *exchange) {
    struct error err = {0};
    if (target_decode(exchange, &err) != STATUS_OK)
        return refuse(exchange, err.status == STATUS_TOO_LARGE ? 414 : 400, &err);
    struct buffer allowed = {0};
    const struct route *route =
        route_find(exchange->http->routes, exchange, exchange->request.method, &allowed);
    exchange->request.route = route;
    if (!route && allowed.length > 0) {
        (void)error_set(&err, STATUS_REFUSED, "%s is not allowed on '%s'", exchange->method,
                        exchange->path);
        (void)refuse(exchange, 405, &err);
        response_header(&exchange->response, "Allow", "%s", allowed.data);
    } else if (!route) {
        (void)error_set(&err, STATUS_NOT_FOUND, "there is nothing at '%s'", exchange->path);
        (void)refuse(exchange, 404, &err);
    }
    buffer_clear(&allowed);
    return route != NULL;
}

static bool media_type_is(const char *value, const char *type) {
    size_t length = strcspn(value, "; \t");
    return length == strlen(type) && strncasecmp(value, type, length) == 0;
}

static bool is_json_type(const char *value) {
    size_t length = strcspn(value, "; \t");
    /* The form type is what curl -d sends unasked: people try things that way. */
    return value[0] == '\0' || media_type_is(value, "application/json") ||
           media_type_is(value, "text/json") ||
           media_type_is(value, "application/x-www-form-urlencoded") ||
           (length > 5 && strncasecmp(value + length - 5, "+json", 5) == 0);
}

/* The limit of a buffered body is the value of a settings row, so that it is told where every other
 * limit is. */
static uint64_t setting_bytes(const struct settings *settings, const char *name) {
    const struct setting *row = settings_find(name);
    int64_t value = 0;
    if (row && row->type == SETTING_IS_BYTES)
        memcpy(&value, (const char *)settings + row->offset, sizeof value);
    return (uint64_t)value;
}

/* A body that was meant but not framed would be taken for an empty one. An upload in parts may
 * begin and end without a byte. */
static bool guard_length(struct exchange *exchange) {
    const struct http_request *request = &exchange->request;
    struct error err = {0};
    if (request->route->body == BODY_NONE || request_header(request, "Content-Length") ||
        request_header(request, "Transfer-Encoding") || request_header(request, "Upload-Complete"))
        return true;
    (void)error_set_key(
        &err, STATUS_REFUSED, "Content-Length",
        "a body is needed here: send Content-Length, or Transfer-Encoding: chunked");
    return refuse(exchange, 411, &err);
}

static bool guard_body(struct exchange *exchange) {
    const struct http *http = exchange->http;
    const struct http_request *request = &exchange->request;
    const struct route *route = request->route;
    struct error err = {0};
    if (route->body == BODY_STREAMED)
        return true; /* what is allowed is for its begin() to say */
    const char *limit = route->body == BODY_BUFFERED ? route->limit : "drain_bytes";
    exchange->limit = setting_bytes(http->settings, limit);
    uint64_t bound = budget_bound(exchange->body_memory.budget, BUDGET_REQUESTS),
             length = exchange->content_length > 0 ? (uint64_t)exchange->content_length : 0;
    if (route->body == BODY_BUFFERED && length > bound &&
        grant_resize(&exchange->body_memory, length, "the body", &err) != STATUS_OK)
        return refuse(exchange, 0, &err);
    if (exchange->content_length > 0 && (uint64_t)exchange->content_length > exchange->limit) {
        (void)error_set_key(
            &err, STATUS_TOO_LARGE, "Content-Length", "the body has %lld bytes; %s allows %llu",
            (long long)exchange->content_length, limit, (unsigned long long)exchange->limit);
        return refuse(exchange, 413, &err);
    }
    if (route->body == BODY_NONE)
        return true;
    const char *encoding = request_header(request, "Content-Encoding"),
               *type = request_header(request, "Content-Type");
    if (encoding && strcasecmp(encoding, "identity") != 0) {
        (void)error_set_key(&err, STATUS_UNSUPPORTED, "Content-Encoding",
                            "this body cannot be taken compressed");
        return refuse(exchange, 415, &err);
    }
    bool json = strcmp(route->limit, "max_json_bytes") == 0 ||
                (route->request && !strchr(route->request, '/'));
    if (json && type && !is_json_type(type)) {
        (void)error_set_key(&err, STATUS_UNSUPPORTED, "Content-Type",
                            "Content-Type must be application/json");
        return refuse(exchange, 415, &err);
    }
    return true;
}

/* What is no fault of the request's form. */
static bool guard_policy(struct exchange *exchange) {
    const struct http_request *request = &exchange->request;
    const struct server *server = exchange->http->server;
    const struct route *route = request->route;
    struct error err = {0};
    const char *expect = request_header(request, "Expect");
    if (expect && strcasecmp(expect, "100-continue") != 0) {
        (void)error_set_key(&err, STATUS_UNSUPPORTED, "Expect",
                            "the only expectation met is 100-continue");
        exchange->must_close = true;
        return refuse(exchange, 417, &err);
    }
    bool changes = strcmp(request->method, "GET") != 0;
    if (server && atomic_load(&server->draining) && changes && !route->asks) {
        (void)error_set(&err, STATUS_BUSY, "the service is shutting down");
        (void)refuse(exchange, 503, &err);
        response_header(&exchange->response, "Retry-After", "5");
        return false;
    }
    return true;
}

void guard_identify(struct exchange *exchange) {
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    struct http_request *request = &exchange->request;
    const char *given = request_header(request, "X-Request-Id");
    size_t length = given ? strlen(given) : 0;
    struct error err = {0};
    if (request->id[0] != '\0')
        return;
    if (length > 0 && length < sizeof request->id && strspn(given, safe) == length)
        memcpy(request->id, given, length + 1);
    else if (random_token(request->id, 24, &err) != STATUS_OK)
        snprintf(request->id, sizeof request->id, "unknown");
}

static bool guard_crowd(struct exchange *exchange) {
    const struct settings *settings = exchange->http->settings;
    struct error err = {0};
    int refusal = exchange->link->refusal;
    if (refusal == 0 || exchange->request.route->vital)
        return true;
    if (refusal == 429) {
        (void)error_set_key(&err, STATUS_BUSY, "max_connections_per_address",
                            "more than %lld connections are open from this address",
                            (long long)crowd_address_bound(settings));
    } else {
        (void)error_set_key(&err, STATUS_BUSY, "max_connections",
                            "more than %lld connections are open",
                            (long long)settings->max_connections);
    }
    (void)refuse(exchange, refusal, &err);
    if (refusal != 429)
        response_header(&exchange->response, "Retry-After", "1");
    return false;
}

/* Who takes a streamed body: the route's own stream, or the one for uploads in parts. */
static enum status guard_stream(struct exchange *exchange, struct error *err) {
    const struct route *route = exchange->request.route;
    const char *complete = request_header(&exchange->request, "Upload-Complete");
    exchange->stream = route->stream;
    if (!complete || !route->in_parts || strcmp(complete, "?1") == 0)
        return STATUS_OK;
    if (strcmp(complete, "?0") != 0)
        return error_set_key(err, STATUS_MALFORMED, "Upload-Complete",
                             "Upload-Complete must be ?0 or ?1, not '%.40s'", complete);
    exchange->stream = route->in_parts;
    return STATUS_OK;
}

bool guard_admit(struct exchange *exchange, const char *method) {
    snprintf(exchange->method, sizeof exchange->method, "%s", method);
    access_take(exchange);
    guard_identify(exchange);
    trace_take(exchange);
    exchange->must_close = exchange->link->refusal != 0;
    if (!guard_framing(exchange) || !guard_method(exchange, method) || !trust_admit(exchange) ||
        !guard_route(exchange) || !access_guard(exchange) || !guard_crowd(exchange) ||
        !guard_policy(exchange) || !guard_length(exchange) || !guard_body(exchange))
        return false;
    const struct route *route = exchange->request.route;
    struct error err = {0};
    enum status status = guard_stream(exchange, &err);
    if (status == STATUS_OK)
        status = integrity_begin(exchange, &err);
    if (status == STATUS_OK && route->body == BODY_STREAMED)
        status = exchange->stream->begin(exchange->http->server, &exchange->request,
                                         &exchange->upload, &err);
    if (status == STATUS_OK && route->body == BODY_STREAMED)
        link_upload_begin(exchange->link);
    if (status == STATUS_OK)
        return true;
    exchange->upload = NULL;
    return refuse(exchange, 0, &err);
}

bool guard_may_discard(const struct exchange *exchange) {
    if (exchange->must_close || exchange->content_length < 0)
        return false;
    uint64_t left = (uint64_t)exchange->content_length - exchange->received;
    bool expects =
        exchange->received == 0 && left > 0 && request_header(&exchange->request, "Expect");
    return !expects && left <= (uint64_t)exchange->http->settings->drain_bytes;
}
