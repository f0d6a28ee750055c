/* Start and stop of the whole service. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/machine.h"
#include "server/access/access.h"
#include "server/corpora/corpora.h"
#include "server/http/context.h"
#include "server/http/http.h"
#include "server/jobs/jobs.h"
#include "server/json/json.h"
#include "server/models/models.h"
#include "server/server.h"
#include "server/system.h"
#include "server/uploads/uploads.h"

#define DATA_FORMAT "1"

/* ---- data folder ----------------------------------------------------------------------------- */

static enum status lock_is_held(int fd, const char *data, struct error *err) {
    char holder[32] = "";
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    holder[n > 0 ? n : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    return error_set_key(err, STATUS_CONFLICT, "data", "data folder '%s' is in use by process %s",
                         data, holder[0] != '\0' ? holder : "(unknown)");
}

/* Opening for writing empties the file, so that is left for when the lock is ours: until then it
 * names the holder. */
static enum status lock_take(const char *path, const char *data, int *lock, struct error *err) {
    char text[32];
    int scratch, fd;
    struct error ignored = {0};
    enum status status = STATUS_OK;
    if (!file_exists(path)) {
        status = file_scratch_open(path, &scratch, err);
        if (status != STATUS_OK)
            return status;
        close(scratch);
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK ? lock_is_held(fd, data, err)
                                      : error_set_errno(err, errno, "cannot lock '%s'", path);
        goto fail;
    }
    /* Who holds it is told to a second server only: a disk that is full or read-only must not keep
     * models from being served. */
    *lock = fd;
    if (file_scratch_open(path, &scratch, &ignored) == STATUS_OK) {
        snprintf(text, sizeof text, "%ld\n", (long)getpid());
        status_ignore(file_write_at(scratch, text, strlen(text), 0, &ignored));
        close(scratch);
    }
    return STATUS_OK;
fail:
    close(fd);
    return status;
}

static enum status format_check(const char *path, const char *data, struct error *err) {
    if (!file_exists(path))
        return file_replace(path, DATA_FORMAT "\n", sizeof DATA_FORMAT, err);
    char *text;
    size_t length;
    enum status status = file_read(path, 64, &text, &length, err);
    if (status != STATUS_OK)
        return status;
    text[strcspn(text, "\r\n")] = '\0';
    if (strcmp(text, DATA_FORMAT) != 0) {
        status = error_set_key(
            err, STATUS_REFUSED, "data",
            "data folder '%s' has format '%s'; this program knows format " DATA_FORMAT, data, text);
    }
    free(text);
    return status;
}

static enum status data_open(struct server *server, struct error *err) {
    const char *data = server->settings.data;
    enum status status = folder_create(data, err);
    if (status != STATUS_OK)
        return status;
    char *lock = path_join(data, "LOCK"), *format = path_join(data, "FORMAT");
    size_t removed = 0;
    status = !lock || !format ? error_set(err, STATUS_NO_MEMORY, "out of memory")
                              : lock_take(lock, data, &server->lock, err);
    if (status == STATUS_OK && format)
        status = format_check(format, data, err);
    struct error left = {0};
    if (status == STATUS_OK && folder_sweep(data, &removed, &left) != STATUS_OK)
        log_line(&server->logger, LOG_WARNING, "temporary files are left over: %s", left.text);
    if (removed > 0)
        log_line(&server->logger, LOG_INFO, "removed %zu temporary files that a crash had left",
                 removed);
    free(lock);
    free(format);
    return status;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/* A connection takes its socket and, for a download, a file; the rest is for the store, for jobs
 * and for libraries. */
#define DESCRIPTORS_PER_CONNECTION 2
#define DESCRIPTORS_BESIDE 64

static void descriptors_raise(struct server *server) {
    uint64_t allowed = machine_raise_descriptors();
    int64_t *max = &server->settings.max_connections;
    int64_t beside = DESCRIPTORS_BESIDE + 8 * server->settings.max_jobs_running;
    if (allowed == 0 || allowed >= (uint64_t)(beside + DESCRIPTORS_PER_CONNECTION * *max))
        return;
    int64_t fits = ((int64_t)allowed - beside) / DESCRIPTORS_PER_CONNECTION, before = *max;
    *max = fits > 1 ? fits : 1;
    log_line(&server->logger, LOG_WARNING,
             "max_connections is %lld instead of %lld: this process may open %llu descriptors, a "
             "connection needs %d, all else %lld; raise the hard limit (ulimit -n, LimitNOFILE)",
             (long long)*max, (long long)before, (unsigned long long)allowed,
             DESCRIPTORS_PER_CONNECTION, (long long)beside);
}

/* ---- start and stop -------------------------------------------------------------------------- */

static void server_free(struct server *server) {
    jobs_close(server->jobs);
    uploads_close(server->uploads);
    corpora_close(server->corpora);
    models_close(server->models);
    access_close(server->access);
    free(server->budget);
    if (server->lock >= 0)
        close(server->lock); /* and with it the lock */
    free(server->program);
    routes_free(server->all_routes);
    free(server);
}

/* Of the machine's or container's memory, what is not for stacks, buffers of libraries and the
 * heap's own gaps. */
#define BUDGET_SHARE 0.8

static enum status budget_open(struct server *server, struct error *err) {
    int64_t limit = server->settings.memory_budget;
    server->budget = malloc(sizeof *server->budget);
    if (!server->budget)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    budget_init(server->budget, limit > 0
                                    ? (uint64_t)limit
                                    : (uint64_t)(BUDGET_SHARE * (double)machine_memory_limit()));
    return STATUS_OK;
}

static enum status keys_open(struct server *server, const struct server_options *options,
                             struct error *err) {
    struct access_options access = {.settings = &server->settings,
                                    .logger = &server->logger,
                                    .tell = options->tell_key,
                                    .context = options->context};
    enum status status = http_listens_beyond(server->settings.listen, &access.beyond, err);
    if (status == STATUS_OK)
        status = access_open(&server->access, &access, err);
    if (status != STATUS_OK)
        return status;
    bool keys = access_required(server->access), tls = http_speaks_tls(&server->settings);
    if (keys || tls) /* neither the private key nor a header of a request goes into a core file */
        machine_forbid_dumps();
    if (keys)
        log_line(&server->logger, LOG_INFO, "keys: %zu", access_count(server->access));
    if (access.beyond && !keys)
        log_line(&server->logger, LOG_WARNING,
                 "insecure: whoever reaches %s may do everything, for there are no keys",
                 server->settings.listen);
    if (access.beyond && keys && !tls)
        log_line(&server->logger, LOG_WARNING,
                 "keys and answers travel unencrypted: set tls_cert and tls_key, or let a proxy "
                 "speak TLS");
    return STATUS_OK;
}

/* What a key owns: see access_set_owned. */
static uint64_t owned_bytes(void *context, const char *id, const char *but) {
    struct server *server = context;
    size_t n;
    uint64_t parts = server->uploads ? uploads_owned(server->uploads, id) : 0;
    return parts + corpora_owned(server->corpora, id, but) + models_owned(server->models, id, &n);
}

static uint64_t coming_models(void *context, const char *id, const char *but) {
    struct server *server = context;
    return jobs_coming(server->jobs, id, but);
}

static enum status jobs_start(struct server *server, struct error *err) {
    struct jobs_options options = {
        .settings = &server->settings,
        .logger = &server->logger,
        .kernel = server->kernel->name,
        .program = server->program,
        .environment = server->environment,
        .corpora = server->corpora,
        .models = server->models,
    };
    enum status status = jobs_open(&server->jobs, &options, err);
    if (status == STATUS_OK)
        access_set_coming(server->access, coming_models, server);
    return status;
}

enum status server_start(struct server **server, const struct server_options *options,
                         struct error *err) {
    struct server *made = calloc(1, sizeof *made);
    enum status status = STATUS_OK;
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    json_setup();
    made->lock = -1;
    made->settings = *options->settings;
    made->logger = *options->logger;
    made->kernel = options->kernel;
    made->environment = options->environment;
    made->routes = made->all_routes = routes_with_versions(server_routes);
    made->started = machine_wall_seconds();
    made->program = strdup(options->program);
    if (!made->program || !made->routes) {
        status = error_set(err, STATUS_NO_MEMORY, "out of memory");
        goto fail;
    }
    descriptors_raise(made);
    status = data_open(made, err);
    if (status == STATUS_OK)
        status = keys_open(made, options, err);
    if (status == STATUS_OK)
        status = budget_open(made, err);
    if (status == STATUS_OK)
        status = models_open(&made->models, &made->settings, &made->logger, made->kernel,
                             made->budget, err);
    if (status == STATUS_OK)
        status = corpora_open(&made->corpora, &made->settings, &made->logger, err);
    if (status == STATUS_OK)
        access_set_owned(made->access, owned_bytes, made);
    if (status == STATUS_OK)
        status = uploads_open(&made->uploads, &made->settings, &made->logger, made->models, err);
    if (status == STATUS_OK)
        status = jobs_start(made, err);
    if (status == STATUS_OK)
        status = http_start(&made->http, made, made->routes, &made->settings, &made->logger, err);
    if (status != STATUS_OK)
        goto fail;
    atomic_store(&made->ready, true);
    log_line(&made->logger, LOG_INFO, "listening on %s://%s",
             http_speaks_tls(&made->settings) ? "https" : "http", http_address(made->http));
    *server = made;
    return STATUS_OK;
fail:
    jobs_stop(made->jobs);
    server_free(made);
    return status;
}

uint16_t server_port(const struct server *server) {
    return http_port(server->http);
}

void server_reload(struct server *server) {
    const struct logger *logger = &server->logger;
    struct error keys = {0}, tls = {0};
    if (access_required(server->access))
        machine_forbid_dumps();
    if (access_reload(server->access, &keys) != STATUS_OK)
        log_line(logger, LOG_ERROR, "the keys stay as they were: %s", keys.text);
    else
        log_line(logger, LOG_INFO, "keys: %zu, read again", access_count(server->access));
    if (access_required(server->access)) /* the first ones may have come now */
        machine_forbid_dumps();
    if (http_reload(server->http, &tls) != STATUS_OK)
        log_line(logger, LOG_ERROR, "the certificate stays as it was: %s", tls.text);
    else if (http_speaks_tls(&server->settings))
        log_line(logger, LOG_INFO, "the certificate was read again");
}

/* of shutdown_timeout: for jobs and requests; the rest is for freeing */
#define STOP_SHARE 0.95

void server_stop(struct server *server) {
    if (!server)
        return;
    double until = machine_monotonic_seconds() + STOP_SHARE * server->settings.shutdown_timeout;
    atomic_store(&server->draining, true);
    jobs_stop(server->jobs); /* lookups are answered on while jobs write their checkpoints */
    http_drain(server->http);
    double left = until - machine_monotonic_seconds();
    http_stop(server->http, left > 0.1 ? left : 0.1);
    log_line(&server->logger, LOG_INFO, "stopped");
    server_free(server);
}
