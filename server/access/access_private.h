/* Between access.c and quota.c. Private to these and to their tests. */
#ifndef VECMILL_SERVER_ACCESS_PRIVATE_H
#define VECMILL_SERVER_ACCESS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/access/access.h"

/* What a key has used since the start. Kept by id, also over a reload and when the key is gone. */
struct key_use {
    char id[KEY_ID_SIZE];
    double tokens, refilled; /* requests that may still come; monotonic seconds */
    uint64_t held, settled;  /* bytes under way, and bytes of uploads that are over */
};

struct access {
    const struct settings *settings;
    const struct logger *logger;
    char *kept; /* data/keys */
    bool beyond;
    atomic_size_t count;   /* of keys: asked with every request */
    pthread_mutex_t mutex; /* guards what follows */
    struct access_key *keys;
    size_t n;
    uint64_t (*owned)(void *context, const char *id, const char *but);
    void *owned_context;
    uint64_t (*coming)(void *context, const char *id, const char *but);
    void *coming_context;
    struct key_use *uses;
    size_t n_uses, capacity;
};

/* Under the mutex. NULL when out of memory. */
struct key_use *use_find(struct access *access, const char *id);
/* Grants one request, or tells how long to wait: a bucket that holds a minute's requests and fills
 * evenly. */
bool use_request(struct key_use *use, int64_t per_minute, double now, double *wait);

#endif
