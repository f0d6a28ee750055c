/* The service: the only folder that knows HTTP and JSON. */
#ifndef VECMILL_SERVER_SERVER_H
#define VECMILL_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "kernel/kernel.h"

struct server;

struct server_options {
    const struct settings *settings; /* copied */
    const struct logger *logger;
    const struct kernel *kernel;
    const char *program;      /* path of this executable, for training children */
    char *const *environment; /* passed on to them */
    /* Tells whoever starts the service the first key: see access_open. NULL: none is made. */
    bool (*tell_key)(void *context, const char *key, const char *row);
    void *context;
};
/* Takes the data folder's lock, repairs what a crash left, loads current models, requeues jobs,
 * listens. */
enum status server_start(struct server **server, const struct server_options *options,
                         struct error *err) MUST_CHECK;
uint16_t server_port(const struct server *server); /* the real one when port 0 was asked for */
/* Reads keys and certificates again. What cannot be read stays as it was, which is logged; so is
 * success. Connections and requests go on. */
void server_reload(struct server *server);
/* Graceful: readyz 503, finish requests, checkpoint running jobs (they go on at the next start),
 * free. */
void server_stop(struct server *server);

#endif
