/* What a handler is given beside request and response: the parts of the service, each known here by
 * name only. A wing includes the headers of those it uses. */
#ifndef VECMILL_SERVER_CONTEXT_H
#define VECMILL_SERVER_CONTEXT_H

#include <stdatomic.h>

#include "base/budget.h"
#include "base/log.h"
#include "config/config.h"

struct access;
struct corpora;
struct http;
struct jobs;
struct kernel;
struct models;
struct route;
struct uploads;

struct server {
    struct settings settings;
    struct logger logger;
    struct budget *budget; /* memory_budget; NULL: none, as in tests */
    const struct kernel *kernel;
    char *program; /* of training processes */
    char *const *environment;
    const struct route *routes;
    struct route *all_routes; /* owns `routes`; NULL: of somebody else, as in tests */
    struct access *access;    /* keys; NULL: none, as in tests */
    struct corpora *corpora;
    struct models *models;
    struct jobs *jobs;
    struct uploads *uploads;
    atomic_bool backing_up; /* one backup at a time: each keeps what is deleted meanwhile */
    struct http *http;
    int lock;       /* descriptor of data/LOCK */
    double started; /* wall seconds */
    atomic_bool ready, draining;
};

#endif
