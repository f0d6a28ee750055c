/* HTTP without libmicrohttpd in sight: requests, responses, routes. http.c is the one file that
 * includes <microhttpd.h>. Each connection has a thread of its own (with a stack of 1 MiB):
 * handlers are plain blocking code, run on many threads at a time, and a slow one costs nobody else
 * anything. */
#ifndef VECMILL_SERVER_HTTP_H
#define VECMILL_SERVER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "config/config.h"
#include "server/access/access.h"

struct server; /* server/http/context.h */

#define REQUEST_SEGMENTS 8
#define REQUEST_ID_SIZE 65
#define TRACEPARENT_LENGTH 55
#define TRACE_ID_LENGTH 32
#define PARENT_ID_LENGTH 16

/* A request as a handler sees it. Everything in it belongs to the exchange and lives until the
 * handler returns; only the connection's own thread touches it. */
struct http_request {
    /* "GET", ...; HEAD arrives as GET, http.c leaves the body out */
    const char *method;
    const char *path;                       /* decoded, without query */
    const char *segments[REQUEST_SEGMENTS]; /* values of the pattern's {holes}, decoded, in order */
    size_t n_segments;
    const char *version; /* of the model, or a label, where the route is of one: of_version */
    /* X-Request-Id: the client's when it matches [A-Za-z0-9._-]{1,64}, else made */
    char id[REQUEST_ID_SIZE];
    /* of W3C Trace Context, when the client sent a valid one: the header in version 00, which is
     * answered, and the trace's id, which is logged; "" otherwise */
    char traceparent[TRACEPARENT_LENGTH + 1], trace_id[TRACE_ID_LENGTH + 1];
    const char *body; /* BODY_BUFFERED: the whole body, NUL behind; else NULL */
    size_t body_length;
    const struct route *route; /* NULL while none is found */
    /* The key that came with it and was granted; NULL where there are no keys, and for the probes.
     * key_owner gives its id or "". */
    const struct access_key *key;
    struct access *access; /* the keys in force; NULL for a request that came from nowhere */
    void *connection;      /* private to the http*.c files */
};
/* The index-th value (from 0) of a query key, decoded, owned by the request; NULL when there are
 * fewer. "" for a key without a value. */
const char *request_query(const struct http_request *request, const char *key, size_t index);
/* Calls visit for each query key and value, in order. */
void request_query_visit(const struct http_request *request,
                         void (*visit)(void *context, const char *key, const char *value),
                         void *context);
/* The value of a header field, owned by the request; the first when there are several, NULL when
 * there is none. Letter case of the name does not matter. */
const char *request_header(const struct http_request *request, const char *name);
/* Content-Length; 0 when there is no body, -1 when it is chunked. */
int64_t request_content_length(const struct http_request *request);

/* What the request turned out to be about, for its line in the log: names that do not stand in its
 * path. Copied. The values of the holes {model}, {corpus} and {job} need not be noted. */
enum request_note { NOTE_MODEL, NOTE_CORPUS, NOTE_JOB, REQUEST_NOTES };
void request_note(const struct http_request *request, enum request_note which, const char *name);

/* Counts `bytes` more of memory_budget for what answering takes, until the answer is sent. The
 * first REQUEST_FREE_BYTES are free. Errors: grant_resize's. */
enum status request_reserve(const struct http_request *request, uint64_t bytes, const char *what,
                            struct error *err) MUST_CHECK;
#define REQUEST_FREE_BYTES ((uint64_t)262144)
/* Says beforehand that the answer's body will take at least `bytes`, so that one that does not fit
 * is refused before it is made. Errors: grant_resize's. */
enum status request_expect_answer(const struct http_request *request, uint64_t bytes,
                                  struct error *err) MUST_CHECK;
/* A buffer for the answer's body whose bytes count as they come; what does not fit has failed, see
 * buffer_explain. There is one for a request. */
struct buffer request_answer(const struct http_request *request);
/* Ends questions: true once the client has gone (looked at every few milliseconds, from a tenth of
 * a second on) or the time to finish requests is over. A client that shuts its writing side counts
 * as gone. NULL for a request that came from nowhere, as in tests. */
const struct stop *request_stop(const struct http_request *request);
/* Ends what others may still want, as a file that is made once for all: true once the time to
 * finish requests is over. */
const struct stop *request_stop_of_service(const struct http_request *request);

/* A request that came before, in parts, and is whole now. */
struct request_field {
    const char *name, *value;
};
struct earlier_request {
    const char *method, *target; /* as it came, with its query */
    const struct request_field *fields;
    size_t n_fields;
    int64_t length; /* of its body */
};
/* Calls perform while the request of this connection is `earlier`, with its route, which takes a
 * streamed body: path, segments, query, header fields and length are those of `earlier`, the answer
 * and what is counted for it are this request's. Errors: NOT_FOUND where there is no such route
 * (any more); those of a target that is malformed. */
enum status request_resume(const struct http_request *request,
                           const struct earlier_request *earlier,
                           void (*perform)(void *context, const struct http_request *request),
                           void *context, struct error *err) MUST_CHECK;
/* The target as it came, with its query. */
const char *request_target(const struct http_request *request);
/* The answer that is being made, for header fields of a refusal by begin() or push() of a stream.
 * */
struct http_response *request_response(const struct http_request *request);

/* Filled by a handler, sent and cleared by http.c. It starts as {status 200} and an empty body. The
 * functions below set one of three bodies (bytes, a file, a stream); the last one set counts, what
 * was there before is freed. None of them can fail for the caller: where memory ran out, 503 is
 * sent. */
struct http_response {
    int status;
    int retry_after;       /* seconds, for an error that gets the field; 0: some that fit */
    struct buffer headers; /* private: "Name: value\n" lines */
    struct buffer body;
    char content_type[128];
    int file;                        /* descriptor to send instead of body, or -1 */
    uint64_t file_offset, file_size; /* the part of it to send */
    ssize_t (*produce)(void *context, char *bytes, size_t room); /* see response_stream */
    void (*produce_free)(void *context);
    void *produce_context;
};
/* Adds a header field, cut at 1023 bytes; control characters in it become spaces. */
void response_header(struct http_response *response, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Takes body and leaves it empty; a body that failed is answered with 503. */
void response_bytes(struct http_response *response, int status, const char *content_type,
                    struct buffer *body);
/* Sends a file from disk with a strong ETag (quotes are added when missing); honours If-None-Match,
 * Range and If-Range with 304, 206 and 416 (RFC 9110). The bytes are those of the file. A file that
 * cannot be opened becomes an error answer. */
void response_file(const struct http_request *request, struct http_response *response,
                   const char *path, const char *content_type, const char *etag);
/* Answers 200 with what produce gives. It is called again and again on the connection's thread and
 * may block, for heartbeat_interval at most; it returns the number of bytes put, 0 to end the
 * stream, a negative number to break it off. release (or NULL) is called once with context at the
 * end, also when nothing was sent. */
void response_stream(struct http_response *response, const char *content_type,
                     ssize_t (*produce)(void *context, char *bytes, size_t room),
                     void (*release)(void *context), void *context);
/* The error in the shape that the path wants: application/problem+json (RFC 9457) with
 * {type,title,status,detail,instance,request_id,errors:[{pointer,detail}]}, or OpenAI's
 * {error:{message,type,param,code}}. status: of HTTP; 0: what problem.c gives for err->status
 * (MALFORMED 400, REFUSED 422, NOT_FOUND 404, ...). 429 and 503 get Retry-After. */
void response_error(const struct http_request *request, struct http_response *response, int status,
                    const struct error *err);
/* The same with further members put into the top object (problem) or the error object (OpenAI);
 * `members` is JSON text such as "\"suggestions\":[\"king\"]", or NULL. */
void response_error_with(const struct http_request *request, struct http_response *response,
                         int status, const struct error *err, const char *members);

/* The HTTP status that tells a failure; 500 for OK. */
int status_to_http(enum status status);
const char *reason_phrase(int code); /* "Not Found"; "Unknown" for a code that is not used here */

/* What a route takes: no body, one that is kept in memory up to a limit, or one taken piece by
 * piece. */
enum body_kind { BODY_NONE, BODY_BUFFERED, BODY_STREAMED };

/* An upload that is taken piece by piece, all calls on the connection's thread. begin makes *state;
 * exactly one of finish and abort frees it. */
struct body_stream {
    /* Before any body byte; headers are known. A failure is answered at once and leaves none. */
    enum status (*begin)(struct server *server, const struct http_request *request, void **state,
                         struct error *err);
    /* A failure is answered, and abort is called. */
    enum status (*push)(void *state, const char *bytes, size_t length, struct error *err);
    /* The whole body has arrived. */
    void (*finish)(struct server *server, const struct http_request *request, void *state,
                   struct http_response *response);
    /* The client vanished, or push failed. */
    void (*abort)(void *state);
};

/* A call of the service. What stands below `summary` describes it in the OpenAPI document: words
 * separated by single blanks. */
struct route {
    const char *method;  /* "GET" */
    const char *pattern; /* "/v1/jobs/{job}/events" */
    /* What a key must allow, where there are keys. The names in {corpus} and {model} must be within
     * its reach, too; see http_access.c. */
    enum scope scope;
    enum body_kind body;
    /* BODY_BUFFERED: the setting that bounds the body, as "max_json_bytes"; with in_parts: the one
     * that bounds all parts together */
    const char *limit;
    bool vital; /* answered also when all connections are taken: an operator's, and quick */
    /* asks and changes nothing, though it is no GET: answered also while the service stops */
    bool asks;
    bool of_all;           /* speaks of all names: a key that reaches only some gets 403 */
    const char *opened_by; /* a flag setting that lets everybody in, as "open_metrics"; or NULL */
    bool polled;           /* called over and over: logged at debug while it answers below 400 */
    /* the second hole is no segment but request->version: made by routes_with_versions */
    bool of_version;
    void (*handle)(struct server *server, const struct http_request *request,
                   struct http_response *response); /* NULL for BODY_STREAMED */
    const struct body_stream *stream;               /* for BODY_STREAMED, else NULL */
    /* in place of stream for a request with "Upload-Complete: ?0": it begins an upload in parts.
     * NULL: there is none */
    const struct body_stream *in_parts;
    bool part;           /* the body is a part of something: Repr-Digest speaks of the whole */
    const char *summary; /* one line */
    /* Query keys, "name:Schema"; '*' behind: may stand many times; '!' behind: must stand. The word
     * ROUTE_QUERY_SETTINGS: a key for each setting of a job. NULL: none. See query_check. */
    const char *query;
    const char *takes; /* names of request header fields that it reads; NULL: none */
    /* "Schema" for a JSON body, or "type/subtype=Schema". NULL: BODY_NONE */
    const char *request;
    int status;          /* of success */
    const char *answer;  /* as request; NULL: no body, status 204 */
    const char *headers; /* names of header fields of the answer; NULL: none but those of all */
    /* Statuses beside `status` and those of every such route (openapi.c derives them from the
     * members above): "204 206", or "503=Schema". NULL: none */
    const char *also;
};
#define ROUTE_QUERY_SETTINGS "settings"
/* Are errors at this path (or pattern) told in OpenAI's shape? So it is under /v1/models and
 * /v1/embeddings. */
bool path_has_openai_errors(const char *path);

/* May `listen` ("HOST:PORT") be reached from other machines: is any address of it not loopback?
 * Errors: REFUSED with key "listen". */
enum status http_listens_beyond(const char *listen, bool *beyond, struct error *err) MUST_CHECK;

/* The listening service. */
struct http;
/* Listens on settings->listen and answers until http_stop. Keeps pointers to settings, logger and
 * routes (ended by a row whose method is NULL): they must outlive it. `server` is handed to the
 * handlers as it is. *http is set before the first request can come. Errors: REFUSED with key
 * "listen", IO, NO_MEMORY. */
enum status http_start(struct http **http, struct server *server, const struct route *routes,
                       const struct settings *settings, const struct logger *logger,
                       struct error *err) MUST_CHECK;
/* Do the settings name a certificate, so that the service speaks TLS? */
bool http_speaks_tls(const struct settings *settings);
/* Reads certificate, key and authorities again, for connections that begin from now on. After a
 * failure they are those of before. Nothing to do without TLS. */
enum status http_reload(struct http *http, struct error *err) MUST_CHECK;
uint16_t http_port(const struct http *http);       /* what was bound */
const char *http_address(const struct http *http); /* "127.0.0.1:8080", "[::]:8080" */
/* Stops accepting; streams must have been told to end. May be called again. */
void http_drain(struct http *http);
/* Drains, waits for requests in flight (polled, for `seconds` at most), closes what is left, and
 * frees. NULL is fine. */
void http_stop(struct http *http, double seconds);

/* ---- for /metrics; any thread may ask ---- */

/* Classes of status: its first digit; 0: cut short before an answer. */
#define HTTP_CLASSES 6
/* What an open connection is doing: nothing yet or between two requests; a request; events are sent
 * on it; a streamed body comes in. */
#define CONNECTION_ROWS(ROW)          \
    ROW(IDLE, "idle")                 \
    ROW(REQUEST, "request")           \
    ROW(EVENT_STREAM, "event_stream") \
    ROW(UPLOAD, "upload")
#define CONNECTION_ENUM(name, text) CONNECTION_##name,
enum connection_kind { CONNECTION_ROWS(CONNECTION_ENUM) CONNECTION_KINDS };
#undef CONNECTION_ENUM
/* What became of a streamed body: kept; refused by an error answer; its client vanished. */
#define UPLOAD_ROWS(ROW)        \
    ROW(COMPLETED, "completed") \
    ROW(REFUSED, "refused")     \
    ROW(ABORTED, "aborted")
#define UPLOAD_ENUM(name, text) UPLOAD_##name,
enum upload_outcome { UPLOAD_ROWS(UPLOAD_ENUM) UPLOAD_OUTCOMES };
#undef UPLOAD_ENUM

/* Why a key did not open the door: none came; it is none of ours; its scope or its reach ends
 * before what was asked; it has asked too often. */
#define KEY_REFUSAL_ROWS(ROW)   \
    ROW(MISSING, "missing")     \
    ROW(UNKNOWN, "unknown")     \
    ROW(FORBIDDEN, "forbidden") \
    ROW(RATE, "rate")
#define KEY_REFUSAL_ENUM(name, text) KEY_REFUSAL_##name,
enum key_refusal { KEY_REFUSAL_ROWS(KEY_REFUSAL_ENUM) KEY_REFUSALS };
#undef KEY_REFUSAL_ENUM

/* A request counts from the moment its answer is made: whoever has an answer finds it counted. */
struct http_counts {
    uint64_t stopped; /* of them: ended early, for their client was gone or the service stopped */
    uint64_t requests, by_class[HTTP_CLASSES], in_flight;
    uint64_t connections, streams, by_kind[CONNECTION_KINDS];
    uint64_t bytes_in, bytes_out; /* of bodies */
    uint64_t uploads[UPLOAD_OUTCOMES], keys_refused[KEY_REFUSALS];
};
void http_count(const struct http *http, struct http_counts *counts);

/* Upper bounds, in seconds, of the buckets of the histograms. */
#define HTTP_BUCKETS 17
#define HTTP_BUCKET_SECONDS                                                                       \
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, \
        60, 600
/* From the request's target to its answer's first byte: bodies that come in count, what a client
 * takes to fetch an answer or an event stream does not. */
struct http_timing {
    /* requests that took at most so long; [HTTP_BUCKETS]: all */
    uint64_t below[HTTP_BUCKETS + 1];
    double seconds; /* of all together */
};
/* One route and method. route: its pattern; "": requests that none took, and then method may also
 * be "other". */
struct http_series {
    const char *route, *method;
    struct http_timing classes[HTTP_CLASSES];
    uint64_t bytes_in, bytes_out; /* of bodies, as they move; of a file when it is sent */
};
/* Calls visit for each that has been asked, in order of the table of routes. */
void http_visit_series(const struct http *http,
                       void (*visit)(void *context, const struct http_series *series),
                       void *context);
const double *http_bucket_seconds(void); /* [HTTP_BUCKETS] */

#endif
