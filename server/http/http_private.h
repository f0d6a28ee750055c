/* Between the http*.c files, of which only http.c sees libmicrohttpd. Private to them and to their
 * tests. Only its connection's thread touches an exchange; a link also the sweeper. */
#ifndef VECMILL_SERVER_HTTP_PRIVATE_H
#define VECMILL_SERVER_HTTP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/http/http.h"

#define HTTP_HEADERS_MAX 100
#define HTTP_TARGET_MAX 8192 /* bytes of a request target */
#define HTTP_RATE_SECONDS 20 /* min_body_rate is measured over windows of this length */

struct header {
    const char *name, *value; /* in libmicrohttpd's memory, good for the whole request */
};

/* What an open connection is doing. Its deadline depends on it. */
enum link_state {
    LINK_HEADER, /* waiting for the end of a request header */
    LINK_BODY,   /* waiting for body bytes */
    LINK_BUSY,   /* in our code: the client owes nothing */
    LINK_SEND,   /* an answer is on its way */
    LINK_IDLE    /* between two requests */
};

/* One open connection. http->mutex guards all but http and fd, which never change. */
struct http_link {
    struct http_link *next, *previous;
    struct http *http;
    int fd;
    enum link_state state;
    double since;          /* when state began; in BODY and SEND: when bytes last moved */
    double window, paused; /* start of the rate window; when BUSY interrupted a body */
    /* body bytes in, or bytes acknowledged; the same at the window's start */
    uint64_t moved, window_moved;
    unsigned char address[16];
    int refusal; /* 503, 429: one connection too many, to be told so; 0 otherwise */
    bool shut;
};

enum exchange_stage { STAGE_NEW, STAGE_BODY, STAGE_DISCARD, STAGE_ANSWERED };

/* One request and its answer. */
struct exchange {
    struct http *http;
    struct http_link *link;
    struct http_request request; /* request.connection points back here */
    struct http_response response;
    /* as it came; the buffer also holds the decoded path and query behind it */
    char *target;
    char *path, *query, *query_end; /* query: key NUL value NUL ..., decoded */
    struct header headers[HTTP_HEADERS_MAX];
    size_t n_headers;
    bool headers_cut; /* there were more than HTTP_HEADERS_MAX */
    /* bytes of the request head where libmicrohttpd parsed it; 0: not to be checked */
    size_t head_size;
    enum exchange_stage stage;
    char method[16];        /* as it came: HEAD stays HEAD */
    bool must_close;        /* the connection ends with this answer */
    bool linger;            /* body bytes may still arrive that nobody will read */
    uint64_t limit;         /* of a buffered body */
    int64_t content_length; /* -1: chunked */
    uint64_t received, sent;
    struct buffer body;
    void *upload; /* state of a streamed body, NULL when none is open */
    double began;
};

struct http {
    struct server *server;
    const struct route *routes;
    const struct settings *settings;
    const struct logger *logger;
    void *daemon, *out_of_memory; /* struct MHD_Daemon, struct MHD_Response */
    int listener;                 /* -1 once closed */
    uint16_t port;
    char address[300];
    pthread_mutex_t mutex; /* guards links */
    struct http_link *links;
    size_t n_links;
    pthread_t sweeper;
    bool sweeping; /* sweeper was started */
    atomic_bool stopping, draining;
    atomic_uint_fast64_t requests, by_class[6], bytes_in, in_flight;
};

/* http_listen.c */
/* A listening socket for "HOST:PORT", closed by the caller. address gets the numeric form, port the
 * real one. Errors: REFUSED with key "listen", IO. */
enum status listen_open(const char *listen, int *fd, char *address, size_t address_size,
                        uint16_t *port, struct error *err) MUST_CHECK;

/* http_target.c */
/* Splits and decodes exchange->target into path and query. MALFORMED or TOO_LARGE says what is
 * wrong with it. */
enum status target_decode(struct exchange *exchange, struct error *err) MUST_CHECK;
/* Finds the route for method and path, and fills segments. NULL: the methods of the path were
 * appended to *allowed (nothing when no pattern fits). */
const struct route *route_find(const struct route *routes, struct exchange *exchange,
                               const char *method, struct buffer *allowed);

/* http_guard.c */
/* Everything that is decided before a body byte is read. False: the response is the refusal. */
bool guard_admit(struct exchange *exchange, const char *method, const char *version);
/* May what is left of the body be read and thrown away, so that the connection can go on? */
bool guard_may_discard(const struct exchange *exchange);

/* http_response.c */
void response_init(struct http_response *response);
void response_clear(struct http_response *response);
/* The whole answer as bytes, for when libmicrohttpd will not take one any more. */
void response_serialize(const struct exchange *exchange, struct buffer *text);
/* Calls visit for each header a handler or the service itself puts into the answer. */
void response_visit_headers(const struct exchange *exchange,
                            void (*visit)(void *context, const char *name, const char *value),
                            void *context);

/* http_sweep.c: the sweeper polls every link each 100 ms and shuts those that are overdue */
enum status sweep_start(struct http *http, struct error *err) MUST_CHECK;
void sweep_stop(struct http *http);
struct http_link *link_create(struct http *http, int fd); /* NULL when out of memory */
void link_free(struct http_link *link);
void link_enter(struct http_link *link, enum link_state state); /* deadlines begin anew */
void link_moved(struct http_link *link, uint64_t bytes);        /* of a body came in */
/* Shuts the writing side and reads on for a bounded while, so that closing does not reset an answer
 * out of the client's hands. */
void link_linger(struct http_link *link);

#endif
