/* Building answers, and writing one out by hand where libmicrohttpd will not. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/machine.h"
#include "server/http/http_private.h"

#define REASON_ROWS(ROW)                        \
    ROW(200, "OK")                              \
    ROW(201, "Created")                         \
    ROW(202, "Accepted")                        \
    ROW(204, "No Content")                      \
    ROW(206, "Partial Content")                 \
    ROW(304, "Not Modified")                    \
    ROW(400, "Bad Request")                     \
    ROW(401, "Unauthorized")                    \
    ROW(403, "Forbidden")                       \
    ROW(404, "Not Found")                       \
    ROW(405, "Method Not Allowed")              \
    ROW(406, "Not Acceptable")                  \
    ROW(408, "Request Timeout")                 \
    ROW(409, "Conflict")                        \
    ROW(411, "Length Required")                 \
    ROW(413, "Content Too Large")               \
    ROW(414, "URI Too Long")                    \
    ROW(415, "Unsupported Media Type")          \
    ROW(416, "Range Not Satisfiable")           \
    ROW(417, "Expectation Failed")              \
    ROW(421, "Misdirected Request")             \
    ROW(422, "Unprocessable Content")           \
    ROW(429, "Too Many Requests")               \
    ROW(431, "Request Header Fields Too Large") \
    ROW(500, "Internal Server Error")           \
    ROW(501, "Not Implemented")                 \
    ROW(503, "Service Unavailable")             \
    ROW(505, "HTTP Version Not Supported")      \
    ROW(507, "Insufficient Storage")

const char *reason_phrase(int code) {
    switch (code) {
#define REASON_CASE(known, text) \
    case known:                  \
        return text;
        REASON_ROWS(REASON_CASE)
#undef REASON_CASE
    default:
        return "Unknown";
    }
}

void response_init(struct http_response *response) {
    *response = (struct http_response){.status = 200, .file = -1};
}

void response_clear(struct http_response *response) {
    buffer_clear(&response->headers);
    buffer_clear(&response->body);
    if (response->file >= 0)
        close(response->file);
    if (response->produce_free)
        response->produce_free(response->produce_context);
    response_init(response);
}

/* Forgets the body, so that another can take its place. */
static void response_reset_body(struct http_response *response) {
    struct buffer headers = response->headers;
    int retry_after = response->retry_after;
    response->headers = (struct buffer){0};
    response_clear(response);
    response->headers = headers;
    response->retry_after = retry_after;
}

void response_header(struct http_response *response, const char *name, const char *format, ...) {
    char value[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    /* nothing that comes from a client may begin a line of its own */
    for (char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    buffer_print(&response->headers, "%s: %s\n", name, value);
}

void response_bytes(struct http_response *response, int status, const char *content_type,
                    struct buffer *body) {
    response_reset_body(response);
    response->status = status;
    snprintf(response->content_type, sizeof response->content_type, "%s", content_type);
    response->body = *body;
    *body = (struct buffer){0};
}

void response_stream(struct http_response *response, const char *content_type,
                     ssize_t (*produce)(void *context, char *bytes, size_t room),
                     void (*release)(void *context), void *context) {
    response_reset_body(response);
    response->status = 200;
    snprintf(response->content_type, sizeof response->content_type, "%s", content_type);
    response->produce = produce;
    response->produce_free = release;
    response->produce_context = context;
}

/* True when the headers hold a line of this name. */
static bool has_header(const struct http_response *response, const char *name) {
    size_t length = strlen(name);
    for (const char *line = response->headers.data; line && *line != '\0';) {
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            return true;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

void response_visit_headers(const struct exchange *exchange,
                            void (*visit)(void *context, const char *name, const char *value),
                            void *context) {
    const struct http_response *response = &exchange->response;
    if (response->content_type[0] != '\0')
        visit(context, "Content-Type", response->content_type);
    if (!has_header(response, "Cache-Control"))
        visit(context, "Cache-Control", "no-store");
    visit(context, "X-Request-Id", exchange->request.id);
    if (exchange->request.traceparent[0] != '\0')
        visit(context, "traceparent", exchange->request.traceparent);
    visit(context, "X-Content-Type-Options", "nosniff");
    if (exchange->must_close)
        visit(context, "Connection", "close");
    for (const char *line = response->headers.data; line && *line != '\0';) {
        const char *colon = strchr(line, ':'), *end = strchr(line, '\n');
        char name[64], value[1024];
        snprintf(name, sizeof name, "%.*s", (int)(colon - line), line);
        snprintf(value, sizeof value, "%.*s", (int)(end - colon - 2), colon + 2);
        visit(context, name, value);
        line = end + 1;
    }
}

static void put_header(void *context, const char *name, const char *value) {
    buffer_print(context, "%s: %s\r\n", name, value);
}

void response_serialize(const struct exchange *exchange, struct buffer *text) {
    const struct http_response *response = &exchange->response;
    time_t now = (time_t)machine_wall_seconds();
    struct tm parts;
    char date[64] = "";
    if (gmtime_r(&now, &parts))
        (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    buffer_print(text, "HTTP/1.1 %d %s\r\nDate: %s\r\n", response->status,
                 reason_phrase(response->status), date);
    response_visit_headers(exchange, put_header, text);
    buffer_print(text, "Content-Length: %zu\r\n\r\n", response->body.length);
    if (response->body.length > 0 && strcmp(exchange->method, "HEAD") != 0)
        buffer_append(text, response->body.data, response->body.length);
}
