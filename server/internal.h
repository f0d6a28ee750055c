/* What the parts of the server know of each other. Private to server/. */
#ifndef VECMILL_SERVER_INTERNAL_H
#define VECMILL_SERVER_INTERNAL_H

#include <stdatomic.h>

#include "server/corpora/corpora.h"
#include "server/http/http.h"
#include "server/jobs/jobs.h"
#include "server/models/models.h"

struct server {
    struct settings settings;
    struct logger logger;
    const struct kernel *kernel;
    char *program;
    char *const *environment;
    struct corpora *corpora;
    struct models *models;
    struct jobs *jobs;
    struct http *http;
    int lock;       /* descriptor of data/LOCK */
    double started; /* wall seconds */
    atomic_bool ready, draining;
};

/* Names of corpora and models: ^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$ without ".."; REFUSED with key
 * and the rule. */
enum status name_check(const char *key, const char *name, struct error *err) MUST_CHECK;

#endif
