/* Between the http*.c files, of which only http.c sees libmicrohttpd. Private to them and to their
 * tests. Only its connection's thread touches an exchange; a link also the sweeper. */
#ifndef VECMILL_SERVER_HTTP_PRIVATE_H
#define VECMILL_SERVER_HTTP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/budget.h"
#include "base/content_check.h"
#include "server/http/framing.h"
#include "server/http/http.h"
#include "server/http/name.h"

/* What the head of a request may take, so that it fits into libmicrohttpd's pool beside an answer's
 * head: see CONNECTION_POOL_BYTES */
#define HTTP_TARGET_MAX 8192 /* bytes of a request target */
#define HTTP_HEAD_MAX 32768
#define HTTP_HOST_SIZE 256
#define HTTP_TRAILERS_MAX 4096
#define HTTP_HEADERS_MAX 100
#define HTTP_COOKIE_MAX 8192 /* bytes of all cookies, of which none is used */
/* Connections beyond max_connections that are taken all the same, to be told 503 or to be asked
 * after our health. */
#define HTTP_RESERVE 64
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

/* One open connection. http->mutex guards all but http and fd, which never change, and what only
 * the connection's own thread touches. */
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
    bool streams, uploads; /* events are sent on it; a streamed body comes in */
    /* of the connection's own thread */
    struct framing framing;
    bool filtered;   /* its bytes came through filter_read */
    struct tls *tls; /* held: its certificate; NULL: plain */
    void *session;   /* gnutls_session_t, libmicrohttpd's; NULL: plain */
    bool greeted;    /* TLS: a first byte came */
    /* bytes that passed the filter and found no room */
    unsigned char spare[FRAMING_MAX_SPACE + 2];
    size_t n_spare;
    struct exchange *exchange; /* the request under way, NULL: none that libmicrohttpd has begun */
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
    char host[HTTP_HOST_SIZE];      /* of Host or of an absolute target, with its port */
    struct header headers[HTTP_HEADERS_MAX];
    size_t n_headers;
    enum exchange_stage stage;
    char method[16];         /* as it came: HEAD stays HEAD */
    bool must_close;         /* the connection ends with this answer */
    bool linger;             /* body bytes may still arrive that nobody will read */
    uint64_t limit;          /* of a buffered body */
    int64_t content_length;  /* -1: chunked */
    uint64_t received, sent; /* bytes of bodies */
    bool sends_file;
    uint64_t acknowledged; /* sends_file: by the peer, before the answer */
    struct buffer body;
    /* of memory_budget: the body, what answering takes, the answer until it is sent */
    struct grant body_memory, work_memory, answer_memory;
    uint64_t work; /* bytes said to request_reserve, the free ones included */
    struct stop stop, stop_of_service;
    atomic_int_fast64_t looked; /* milliseconds at which the client was looked after */
    atomic_bool gone, stopped;
    void *upload;                     /* state of a streamed body, NULL when none is open */
    const struct body_stream *stream; /* whose state that is */
    struct content_check check;       /* digests that the body must have */
    double began, answered;           /* monotonic; seconds from there to the answer, 0: none yet */
    char notes[REQUEST_NOTES][NAME_SIZE];
    bool token_given, token_good;             /* a key came with it; in one field of good form */
    unsigned char token_hash[KEY_HASH_BYTES]; /* its SHA-256; the key itself is overwritten */
    struct access_key key;                    /* whose it is; see request.key */
    bool rate_refused;                        /* it asks too often */
};

struct http {
    struct server *server;
    const struct route *routes;
    const struct settings *settings;
    const struct logger *logger;
    void *daemon, *out_of_memory; /* struct MHD_Daemon, struct MHD_Response */
    int listener;                 /* -1 once closed */
    struct tls *tls;              /* of connections to come, guarded by mutex; NULL: plain */
    uint16_t port;
    char address[300];
    pthread_mutex_t mutex; /* guards links */
    struct http_link *links;
    size_t n_links;
    pthread_t sweeper;
    bool sweeping;                          /* sweeper was started */
    atomic_bool stopping, draining, ending; /* ending: work under way is to be given up */
    struct tally *tally;
    atomic_uint_fast64_t stopped, in_flight;
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
/* Everything that is decided before a body byte is read. False: the response is the answer, nearly
 * always a refusal. */
bool guard_admit(struct exchange *exchange, const char *method);
/* Gives the request its id, unless it has one. */
void guard_identify(struct exchange *exchange);
/* May what is left of the body be read and thrown away, so that the connection can go on? */
bool guard_may_discard(const struct exchange *exchange);

/* http_integrity.c: Content-Digest, Repr-Digest, Want-Repr-Digest (RFC 9530) */
/* Notes what the request promises of its body. */
enum status integrity_begin(struct exchange *exchange, struct error *err) MUST_CHECK;
/* Gives an answer that is in memory its Repr-Digest, where the request wants one. */
void integrity_answer(struct exchange *exchange);

/* http_trust.c */
/* May whoever sends this ask at all: is the host one of ours, and is a change or a preflight from a
 * page of ours? False: the response is the refusal, or the answer of a preflight. */
bool trust_admit(struct exchange *exchange);

/* http_access.c */
/* Takes the key out of the header fields: its hash is kept, its bytes are overwritten. */
void access_take(struct exchange *exchange);
/* Are the names that stand in the path within the key's reach? */
enum status access_check_path(const struct http_request *request, struct error *err) MUST_CHECK;
/* May the key do what the route needs, and does it reach the names in the path? Sets request.key.
 * False: the response is the refusal, 401, 403 or 429. */
bool access_guard(struct exchange *exchange);
/* The answer is sent: an audit line when a key was refused. */
void access_note(const struct exchange *exchange);

/* http_exchange.c: only the connection's thread calls these */
struct exchange *exchange_create(struct http_link *link, const char *target); /* NULL: no memory */
/* Counts, logs, lingers where that is due, frees. whole: the answer reached the kernel. */
void exchange_end(struct exchange *exchange, bool whole);
void exchange_free(struct exchange *exchange);
void exchange_abort_upload(struct exchange *exchange);
/* Writes the response to the socket and makes it the last one of the connection. For when
 * libmicrohttpd takes no answer any more: nothing of one has been sent yet. */
void exchange_answer_by_hand(struct exchange *exchange);

/* http_trace.c */
void trace_take(struct exchange *exchange); /* fills request.traceparent where a valid one came */

/* http_log.c */
/* The request's line. whole: the answer reached the kernel. */
void log_request(const struct exchange *exchange, bool whole);

/* http_tally.c: the exchange's connection's thread counts, any thread reads */
struct tally *tally_create(const struct route *routes); /* zeros; NULL: no memory */
void tally_free(struct tally *tally);                   /* NULL is fine */
void tally_received(struct exchange *exchange, size_t bytes);
void tally_sent(struct exchange *exchange, uint64_t bytes);
void tally_answer(struct exchange *exchange); /* the answer is made */
void tally_cut_short(struct exchange *exchange);
/* Adds what the tally knows. */
void tally_count(const struct tally *tally, struct http_counts *counts);

/* http_filter.c */
/* From now on libmicrohttpd sees of the link's descriptor what framing.h lets through. */
enum status filter_attach(struct http_link *link, struct error *err) MUST_CHECK;
void filter_detach(const struct http_link *link); /* before the descriptor is closed */
/* Where bytes come from. */
struct filter_source {
    /* As recv(2) does, never waiting. */
    ssize_t (*read)(void *context, char *bytes, size_t size);
    /* Has the source bytes that no poll(2) of the descriptor tells of? NULL: never. */
    bool (*pending)(void *context);
    void *context;
};
/* What recv(2) is to answer for this connection: bytes that passed, 0 at its end or after a
 * refusal, which has been told to the client then. While the source has bytes pending, the buffer
 * is filled to the last byte: that is how libmicrohttpd knows that there are more. */
ssize_t filter_read(struct http_link *link, const struct filter_source *source, char *buffer,
                    size_t size);

/* http_tls.c: certificates and sessions, which http_filter.c reads from */
struct tls;
/* Reads what the settings name. *tls is NULL where they name nothing. REFUSED with the setting as
 * key. Owns: tls_drop. */
enum status tls_load(const struct settings *settings, struct tls **tls,
                     struct error *err) MUST_CHECK;
void tls_drop(struct tls *tls); /* NULL is fine */
/* A line in the log when the certificate has ended, or ends within a week. NULL is fine. */
void tls_warn(const struct tls *tls, const struct logger *logger);
/* The priority string for the settings. */
void tls_priorities(const struct settings *settings, char *text, size_t size);
/* Gives a session that begins the certificate of this moment. */
void tls_begin(struct http_link *link, void *session);
/* Has the client no certificate, though the service asks for one? One that is not good has ended
 * the handshake. */
bool tls_lacks_client(const struct http_link *link);
/* As send(2) without waiting, plain or through the session. */
ssize_t link_send(struct http_link *link, const char *bytes, size_t length);
/* Tells the client that nothing follows. */
void link_close_writing(struct http_link *link);

/* http_crowd.c */
int64_t crowd_address_bound(const struct settings *settings); /* connections of one address */
/* Decides link->refusal for a new link; may shut another one. */
void crowd_admit(struct http_link *link);
/* Counts the connection as an event stream. False: there are too many. */
bool crowd_stream_begin(struct http_link *link, struct error *err);
void crowd_stream_end(struct http_link *link); /* also where none began */

/* http_work.c */
void work_begin(struct exchange *exchange); /* sets grants and stops of a fresh exchange */
void work_end(struct exchange *exchange);   /* gives back what is counted for it, and counts it */
/* The answer is made: counts it, or replaces it by a refusal, and lets go what was only needed to
 * make it. */
void work_settle(struct exchange *exchange);

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

/* http_link.c */
struct http_link *link_create(struct http *http, int fd); /* NULL when out of memory */
void link_free(struct http_link *link);
void link_enter(struct http_link *link, enum link_state state); /* deadlines begin anew */
void link_moved(struct http_link *link, uint64_t bytes);        /* of a body came in */
void link_upload_begin(struct http_link *link);                 /* its request streams a body */
/* What it is doing; mutex is held. */
enum connection_kind link_kind(const struct http_link *link);
/* Bytes the peer acknowledged so far, and whether the kernel still holds some that it has not. */
uint64_t link_acknowledged(int fd, bool *waiting);
void link_shut(struct http_link *link); /* ends the connection; mutex is held */
/* Shuts the writing side and reads on for a bounded while, so that closing does not reset an answer
 * out of the client's hands. */
void link_linger(struct http_link *link);

#endif
