/* What is refused before a body byte is read. libmicrohttpd 0.9.75 takes the first of two
 * Content-Lengths, chunked over a length, waits for ever on an unknown Transfer-Encoding and cuts
 * odd header names: each lets a request hide behind another one. */
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

/* A request whose end cannot be told for sure: nothing that follows on the connection may be
 * believed. */
static bool refuse_framing(struct exchange *exchange, int status, const char *key,
                           const char *why) {
    struct error err = {0};
    (void)error_set_key(&err, STATUS_MALFORMED, key, "%s", why);
    exchange->must_close = true;
    return refuse(exchange, status, &err);
}

static size_t header_count(const struct exchange *exchange, const char *name) {
    size_t n = 0;
    for (size_t i = 0; i < exchange->n_headers; i++)
        n += strcasecmp(exchange->headers[i].name, name) == 0;
    return n;
}

static bool token_char(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool headers_are_clean(const struct exchange *exchange) {
    for (size_t i = 0; i < exchange->n_headers; i++) {
        const char *name = exchange->headers[i].name, *value = exchange->headers[i].value;
        if (name[0] == '\0')
            return false;
        for (; *name != '\0'; name++)
            if (!token_char(*name))
                return false;
        for (; *value != '\0'; value++)
            if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
                return false;
    }
    return true;
}

static bool host_is_clean(const char *host) {
    for (const char *c = host; *c != '\0'; c++)
        if (!token_char(*c) && !strchr(":[]()", *c))
            return false;
    return host[0] != '\0';
}

/* libmicrohttpd 0.9.75 parses the head where it was received: NULs stand for what ended a part.
 * Walks it to find what the parsed headers no longer show: a folded line changes the name before
 * it, a line that begins with a colon ends the head early, a NUL cuts a value, bare line feeds
 * count as line ends. Each would let two readers see two different requests. */
static bool head_is_plain(const struct exchange *exchange, const char *method,
                          const char *version) {
    const char *end = method + exchange->head_size, *at = method + strlen(method) + 1;
    size_t headers = 0;
    if (at + strlen(exchange->target) + 1 != version)
        return false;
    at = version + strlen(version);
    while (end - at > 4 && at[0] == '\0' && at[1] == '\0') {
        at += 2;
        size_t name = strlen(at);
        if (name == 0 || at[0] == ' ' || at[0] == '\t')
            return false;
        at += name + 1;
        at += strspn(at, " \t");
        if (at >= end)
            return false;
        at += strlen(at);
        headers++;
    }
    return end - at == 4 && memcmp(at, "\0\0\0\0", 4) == 0 && headers == exchange->n_headers;
}

/* Digits only, or -1. */
static int64_t parse_length(const char *text) {
    int64_t value = 0;
    if (text[0] == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || value > (INT64_MAX - 9) / 10)
            return -1;
        value = value * 10 + (*text - '0');
    }
    return value;
}

static bool guard_framing(struct exchange *exchange, const char *method, const char *version) {
    const struct http_request *request = &exchange->request;
    bool old = strcmp(version, "HTTP/1.0") == 0;
    if (!old && strcmp(version, "HTTP/1.1") != 0)
        return refuse_framing(exchange, 505, "", "the HTTP version must be 1.0 or 1.1");
    if (exchange->headers_cut)
        return refuse_framing(exchange, 431, "", "the request has too many header fields");
    if (!headers_are_clean(exchange) ||
        (exchange->head_size > 0 && !head_is_plain(exchange, method, version)))
        return refuse_framing(exchange, 400, "", "the request line or a header field is malformed");
    size_t hosts = header_count(exchange, "Host"),
           lengths = header_count(exchange, "Content-Length"),
           encodings = header_count(exchange, "Transfer-Encoding");
    if (hosts > 1 || (hosts == 0 && !old) ||
        (hosts == 1 && !host_is_clean(request_header(request, "Host")))) {
        return refuse_framing(exchange, 400, "Host",
                              "the request must have exactly one well-formed Host field");
    }
    if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0)) {
        return refuse_framing(exchange, 400, lengths > 0 ? "Content-Length" : "Transfer-Encoding",
                              "the length of the body is told more than once");
    }
    if (encodings == 1) {
        if (old) {
            return refuse_framing(exchange, 400, "Transfer-Encoding",
                                  "HTTP/1.0 has no Transfer-Encoding");
        }
        if (strcasecmp(request_header(request, "Transfer-Encoding"), "chunked") != 0) {
            return refuse_framing(exchange, 501, "Transfer-Encoding",
                                  "the only Transfer-Encoding taken is chunked");
        }
        exchange->content_length = -1;
        return true;
    }
    exchange->content_length =
        lengths == 0 ? 0 : parse_length(request_header(request, "Content-Length"));
    if (exchange->content_length < 0) {
        return refuse_framing(exchange, 400, "Content-Length",
                              "Content-Length must be a decimal number");
    }
    return true;
}

static bool guard_method(struct exchange *exchange, const char *method) {
    static const char *const known[] = {"GET",   "HEAD",    "POST",  "PUT",    "DELETE",
                                        "PATCH", "OPTIONS", "TRACE", "CONNECT"};
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

static bool guard_body(struct exchange *exchange) {
    const struct http *http = exchange->http;
    const struct http_request *request = &exchange->request;
    const struct route *route = request->route;
    struct error err = {0};
    if (route->body == BODY_STREAMED)
        return true; /* what is allowed is for its begin() to say */
    const char *limit = route->body == BODY_BUFFERED ? route->limit : "drain_bytes";
    exchange->limit = setting_bytes(http->settings, limit);
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
    if (strcmp(route->limit, "max_json_bytes") == 0 && type && !is_json_type(type)) {
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
    const char *expect = request_header(request, "Expect"),
               *site = request_header(request, "Sec-Fetch-Site");
    if (expect && strcasecmp(expect, "100-continue") != 0) {
        (void)error_set_key(&err, STATUS_UNSUPPORTED, "Expect",
                            "the only expectation met is 100-continue");
        exchange->must_close = true;
        return refuse(exchange, 417, &err);
    }
    bool changes = strcmp(request->method, "GET") != 0;
    /* A page of another site, open in the browser of someone who can reach us, must not start
     * jobs. */
    if (changes && site && strcasecmp(site, "cross-site") == 0) {
        (void)error_set_key(&err, STATUS_REFUSED, "Sec-Fetch-Site",
                            "a page of another site may not change anything");
        return refuse(exchange, 403, &err);
    }
    if (server && atomic_load(&server->draining) && changes &&
        (route->body == BODY_STREAMED || !path_has_openai_errors(request->path))) {
        (void)error_set(&err, STATUS_BUSY, "the service is shutting down");
        (void)refuse(exchange, 503, &err);
        response_header(&exchange->response, "Retry-After", "5");
        return false;
    }
    return true;
}

static void take_request_id(struct exchange *exchange) {
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    struct http_request *request = &exchange->request;
    const char *given = request_header(request, "X-Request-Id");
    size_t length = given ? strlen(given) : 0;
    struct error err = {0};
    if (length > 0 && length < sizeof request->id && strspn(given, safe) == length)
        memcpy(request->id, given, length + 1);
    else if (random_token(request->id, 24, &err) != STATUS_OK)
        snprintf(request->id, sizeof request->id, "unknown");
}

static bool guard_crowd(struct exchange *exchange) {
    const struct settings *settings = exchange->http->settings;
    struct error err = {0};
    int refusal = exchange->link->refusal;
    if (refusal == 0)
        return true;
    if (refusal == 429) {
        (void)error_set_key(&err, STATUS_BUSY, "max_connections_per_address",
                            "more than %lld connections are open from this address",
                            (long long)settings->max_connections_per_address);
    } else {
        (void)error_set_key(&err, STATUS_BUSY, "max_connections",
                            "more than %lld connections are open",
                            (long long)settings->max_connections);
    }
    exchange->must_close = true;
    (void)refuse(exchange, refusal, &err);
    if (refusal != 429)
        response_header(&exchange->response, "Retry-After", "1");
    return false;
}

bool guard_admit(struct exchange *exchange, const char *method, const char *version) {
    snprintf(exchange->method, sizeof exchange->method, "%s", method);
    take_request_id(exchange);
    if (!guard_crowd(exchange) || !guard_framing(exchange, method, version) ||
        !guard_method(exchange, method) || !guard_route(exchange) || !guard_policy(exchange) ||
        !guard_body(exchange))
        return false;
    const struct route *route = exchange->request.route;
    struct error err = {0};
    if (route->body == BODY_STREAMED &&
        route->stream->begin(exchange->http->server, &exchange->request, &exchange->upload, &err) !=
            STATUS_OK) {
        exchange->upload = NULL;
        return refuse(exchange, 0, &err);
    }
    return true;
}

bool guard_may_discard(const struct exchange *exchange) {
    if (exchange->must_close || exchange->content_length < 0)
        return false;
    uint64_t left = (uint64_t)exchange->content_length - exchange->received;
    bool expects =
        exchange->received == 0 && left > 0 && request_header(&exchange->request, "Expect");
    return !expects && left <= (uint64_t)exchange->http->settings->drain_bytes;
}
