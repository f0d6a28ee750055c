/* The service: the only folder that knows HTTP and JSON. */
#ifndef VECMILL_SERVER_SERVER_H
#define VECMILL_SERVER_SERVER_H

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
};
/* Takes the data folder's lock, repairs what a crash left, loads current models, requeues jobs,
 * listens. */
enum status server_start(struct server **server, const struct server_options *options,
                         struct error *err) MUST_CHECK;
uint16_t server_port(const struct server *server); /* the real one when port 0 was asked for */
/* Graceful: readyz 503, finish requests, checkpoint running jobs (they go on at the next start),
 * free. */
void server_stop(struct server *server);

/* Turns NDJSON (a line is a string, an array of tokens, or an object with "text" or "tokens") into
 * the `tokens` format of train/: text of a string stands as it is; an array becomes one line that
 * begins with U+001F and has U+001F after each token. Streaming: push any pieces, then finish.
 * MALFORMED names the line. */
struct ndjson;
enum status ndjson_create(struct ndjson **ndjson,
                          enum status (*sink)(void *context, const char *bytes, size_t length,
                                              struct error *err),
                          void *context, struct error *err) MUST_CHECK;
enum status ndjson_push(struct ndjson *ndjson, const char *bytes, size_t length,
                        struct error *err) MUST_CHECK;
enum status ndjson_finish(struct ndjson *ndjson, struct error *err) MUST_CHECK;
/* tokens in which a U+001F or line break became a space */
uint64_t ndjson_altered(const struct ndjson *ndjson);
void ndjson_free(struct ndjson *ndjson);

#endif
