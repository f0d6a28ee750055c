/* Between uploads.c (the table, records, expiry), uploads_append.c (bytes on their way in),
 * uploads_commit.c (the end of an upload), uploads_document.c (what is told) and uploads_routes.c.
 * Private to these. */
#ifndef VECMILL_SERVER_UPLOADS_PRIVATE_H
#define VECMILL_SERVER_UPLOADS_PRIVATE_H

#include <pthread.h>

#include "server/access/access.h"
#include "server/json/json.h"
#include "server/records/record.h"
#include "server/uploads/uploads.h"

#define UPLOAD_ANSWER_MAX ((size_t)262144) /* of the answer that is kept for who asks again */

/* One upload. Its mutex guards all below it, and the file; the table's mutex is never taken while
 * it is held. */
struct partial {
    char id[RECORD_ID_SIZE];
    unsigned holds;          /* by threads that use it, beside the table; by the table's mutex */
    char *method, *target;   /* of the request that it will be */
    json_t *fields;          /* its header fields: {"Content-Type": "text/plain", ...} */
    uint64_t limit;          /* bytes it may have */
    double created;          /* wall seconds */
    char owner[KEY_ID_SIZE]; /* the key that began it, "" for nobody */

    pthread_mutex_t mutex;
    int64_t length;     /* what was promised, -1: nothing yet */
    uint64_t offset;    /* bytes that are in the file and count */
    uint64_t durable;   /* of them: on the disk, and recorded */
    uint64_t turn;      /* of the append that may write; 0: none */
    int fd;             /* of that append */
    uint64_t last_turn; /* given out */
    bool committing;    /* the route takes the whole at this moment */
    bool done;          /* it has: what was answered follows */
    bool gone;          /* deleted, or expired; who holds it lets it go */
    double updated;
    int status;
    char type[128], location[256];
    char *answer; /* NULL: none */
};

struct uploads {
    const struct settings *settings;
    const struct logger *logger;
    struct models *models;
    char *folder;           /* data/uploads */
    pthread_mutex_t mutex;  /* guards the table */
    pthread_cond_t changed; /* monotonic clock; the thread that lets uploads expire waits for it */
    struct partial **list;
    size_t n, capacity;
    bool closing, expiring; /* expiring: the thread was started */
    pthread_t expirer;
};

/* ---- uploads.c ---- */
/* Held for the caller. NOT_FOUND, also where the key may not see it: a key sees the uploads that it
 * began, one of scope admin that reaches everything sees all. */
enum status partial_hold(struct uploads *uploads, const char *id, const struct access_key *key,
                         struct partial **partial, struct error *err) MUST_CHECK;
bool partial_is_seen(const struct partial *partial, const struct access_key *key);
void partial_drop(struct uploads *uploads, struct partial *partial); /* NULL is fine */
/* A new one, recorded and held. Takes fields. BUSY when there are max_uploads. */
enum status partial_create(struct uploads *uploads, const struct http_request *request,
                           json_t *fields, int64_t length, uint64_t limit, struct partial **made,
                           struct error *err) MUST_CHECK;
/* data/uploads/<id>/<file>; NULL when out of memory. Owns: caller frees. */
char *partial_path(const struct uploads *uploads, const struct partial *partial, const char *file);
/* Under its mutex: makes what is in the file durable, and records it. fd: of the file, -1: that of
 * the append under way, or opened for this. */
enum status partial_settle(struct uploads *uploads, struct partial *partial, int fd,
                           struct error *err) MUST_CHECK;
/* Under its mutex: writes upload.json as it is now. */
enum status partial_record(struct uploads *uploads, struct partial *partial,
                           struct error *err) MUST_CHECK;
/* Off the disk and out of the table, for whoever holds it not yet. CONFLICT while it is committed.
 * Without its mutex. */
enum status partial_discard(struct uploads *uploads, struct partial *partial,
                            struct error *err) MUST_CHECK;
bool partial_expires(const struct uploads *uploads, double *seconds); /* see upload_expiry */

/* ---- uploads_commit.c ---- */
/* The upload is whole: its route takes it, and answers. digest: Repr-Digest of this request, or
 * NULL. */
void partial_commit(struct server *server, const struct http_request *request,
                    struct partial *partial, const char *digest, struct http_response *response);
/* Answers as the route answered. Under its mutex. */
void partial_answer(const struct partial *partial, struct http_response *response);

/* ---- uploads_document.c ---- */
/* Upload-Offset, Upload-Complete, Upload-Length and Upload-Limit. Under its mutex. */
void partial_headers(const struct uploads *uploads, const struct partial *partial,
                     struct http_response *response);
/* The upload as clients see it; NULL when out of memory. Under its mutex. */
json_t *partial_document(const struct uploads *uploads, const struct partial *partial);

#endif
