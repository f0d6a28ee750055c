/* HTTP without libmicrohttpd in sight: requests, responses, routes. http.c is the one file that
 * includes <microhttpd.h>. A thread per connection: handlers are plain blocking code, a slow one
 * costs nobody else anything. */
#ifndef VECMILL_SERVER_HTTP_H
#define VECMILL_SERVER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

struct server; /* server/http/context.h */

#define REQUEST_SEGMENTS 8

struct http_request {
    /* "GET", ... ; HEAD arrives as GET, the body is left out by http.c */
    const char *method;
    const char *path;                       /* decoded, without query */
    const char *segments[REQUEST_SEGMENTS]; /* values of the pattern's {holes}, decoded, in order */
    size_t n_segments;
    char id[65];      /* X-Request-Id: taken when [A-Za-z0-9._-]{1,64}, else made */
    const char *body; /* BODY_BUFFERED: whole body, NUL behind; else NULL */
    size_t body_length;
    const struct route *route;
    void *connection; /* private to http.c */
};
/* index-th value (from 0) of a query key, decoded; NULL when there are fewer. "" for a key without
 * a value. */
const char *request_query(const struct http_request *request, const char *key, size_t index);
/* Calls visit for each query key and value, in order. */
void request_query_visit(const struct http_request *request,
                         void (*visit)(void *context, const char *key, const char *value),
                         void *context);
/* NULL when absent */
const char *request_header(const struct http_request *request, const char *name);
/* Content-Length, or -1 when chunked. */
int64_t request_content_length(const struct http_request *request);

/* Filled by a handler, sent by http.c. Starts as {status 200}. Exactly one of the bodies below. */
struct http_response {
    int status;
    struct buffer headers; /* private: "Name: value\n" lines */
    struct buffer body;
    char content_type[128];
    int file;                        /* descriptor to send instead of body, or -1 */
    uint64_t file_offset, file_size; /* the part of it to send */
    /* Stream: called again and again on the connection's own thread; may block (at most
     * heartbeat_interval). Returns bytes put, 0 to end the stream. */
    ssize_t (*produce)(void *context, char *bytes, size_t room);
    void (*produce_free)(void *context);
    void *produce_context;
};
void response_header(struct http_response *response, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);
void response_bytes(struct http_response *response, int status, const char *content_type,
                    struct buffer *body); /* takes */
/* Sends a file from disk with a strong ETag, honouring If-None-Match, Range, If-Range; 304, 206,
 * 416. Never re-encoded. */
void response_file(const struct http_request *request, struct http_response *response,
                   const char *path, const char *content_type, const char *etag);
void response_stream(struct http_response *response, const char *content_type,
                     ssize_t (*produce)(void *context, char *bytes, size_t room),
                     void (*release)(void *context), void *context);
/* The error as the route wants it: application/problem+json
 * {type,title,status,detail,instance,errors:[{pointer,detail}]} or OpenAI's
 * {error:{message,type,param,code}}. status 0: by err->status (MALFORMED 400, REFUSED 422,
 * NOT_FOUND 404, CONFLICT 409, TOO_LARGE 413, UNSUPPORTED 415, NO_MEMORY 503, DISK_FULL 507, BUSY
 * 429 + Retry-After, IO 503, CORRUPT/INTERNAL 500, ...). */
void response_error(const struct http_request *request, struct http_response *response, int status,
                    const struct error *err);
/* The same with further members put into the top object (problem) or the error object (OpenAI);
 * `members` is JSON text such as "\"suggestions\":[\"king\"]" or NULL. */
void response_error_with(const struct http_request *request, struct http_response *response,
                         int status, const struct error *err, const char *members);

int status_to_http(enum status status);
const char *reason_phrase(int code); /* "Not Found" */

enum body_kind { BODY_NONE, BODY_BUFFERED, BODY_STREAMED };

/* An upload that is taken piece by piece. */
struct body_stream {
    /* Before any body byte; headers are known. A refusal here (error set) is answered at once,
     * after draining. */
    enum status (*begin)(struct server *server, const struct http_request *request, void **state,
                         struct error *err);
    enum status (*push)(void *state, const char *bytes, size_t length, struct error *err);
    void (*finish)(struct server *server, const struct http_request *request, void *state,
                   struct http_response *response); /* whole body arrived; frees state */
    /* client vanished or push failed; frees state */
    void (*abort)(void *state);
};

/* A call of the service. What stands below `summary` describes it in the OpenAPI document: words
 * separated by single blanks. */
struct route {
    const char *method;  /* "GET" */
    const char *pattern; /* "/v1/jobs/{job}/events" */
    enum body_kind body;
    const char *limit; /* BODY_BUFFERED: the setting that bounds the body, as "max_json_bytes" */
    bool polled;       /* called over and over: logged at debug while it answers below 400 */
    void (*handle)(struct server *server, const struct http_request *request,
                   struct http_response *response); /* NULL for BODY_STREAMED */
    const struct body_stream *stream;               /* for BODY_STREAMED, else NULL */
    const char *summary;                            /* one line */
    /* "name:type"; '*' behind: may stand many times. NULL: no query keys */
    const char *query;
    /* "Schema" for a JSON body, "type/subtype", or "type/subtype=Schema". NULL: BODY_NONE */
    const char *request;
    int status;         /* of success */
    const char *answer; /* as request; NULL: no body, status 204 */
};
#define ROUTE_QUERY_SETTINGS "settings" /* a route's query: a key for each setting of a job */
/* Are errors at this path (or pattern) told in OpenAI's shape? So it is under /v1/models and
 * /v1/embeddings. */
bool path_has_openai_errors(const char *path);

struct http;
/* Listens on settings->listen. Keeps pointers to settings, logger and routes: they must outlive it.
 * `server` is handed to the handlers as it stands. */
enum status http_start(struct http **http, struct server *server, const struct route *routes,
                       const struct settings *settings, const struct logger *logger,
                       struct error *err) MUST_CHECK;
uint16_t http_port(const struct http *http);       /* what was bound */
const char *http_address(const struct http *http); /* "127.0.0.1:8080", "[::]:8080" */
/* stop accepting; streams must have been told to end */
void http_drain(struct http *http);
/* Waits for requests in flight, at most `seconds`, then closes what is left and frees. */
void http_stop(struct http *http, double seconds);
/* Requests answered, by class; open connections: for /metrics. */
struct http_counts {
    uint64_t requests, by_class[6], connections, bytes_in;
};
void http_count(const struct http *http, struct http_counts *counts);

#endif
