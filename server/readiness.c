/* GET /readyz: may requests be sent here? Looked at anew each time, so that trouble that is over is
 * forgotten. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "server/access/access.h"
#include "server/http/context.h"
#include "server/jobs/jobs.h"
#include "server/json/json.h"
#include "server/models/models.h"
#include "server/records/record.h"
#include "server/system.h"

#define QUARANTINE_NAMED 10 /* of what was set aside */

struct readiness {
    json_t *reasons, *warnings;
};

static void say(json_t *list, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(json_t *list, const char *format, ...) {
    char line[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    json_array_append_new(list, json_words(line, strlen(line)));
}

/* The lock that we hold is the one that stands there, as long as the folder is ours. */
static bool data_is_ours(const struct server *server) {
    struct stat held, there;
    char *path = path_join(server->settings.data, "LOCK");
    bool ours =
        path && (server->lock < 0 || (fstat(server->lock, &held) == 0 && stat(path, &there) == 0 &&
                                      held.st_dev == there.st_dev && held.st_ino == there.st_ino));
    free(path);
    return ours;
}

static void look_at_disk(const struct server *server, struct readiness *readiness) {
    static const char *const folders[] = {"", "corpora", "jobs", "models"};
    const char *data = server->settings.data;
    struct statvfs disk;
    if (statvfs(data, &disk) != 0) {
        say(readiness->reasons, "data folder '%.200s' cannot be read: %s", data, strerror(errno));
        return;
    }
    uint64_t bytes = (uint64_t)disk.f_bavail * (uint64_t)disk.f_frsize;
    uint64_t reserve = (uint64_t)server->settings.reserve_disk;
    if ((disk.f_flag & ST_RDONLY) != 0) {
        say(readiness->reasons, "the disk of data folder '%.200s' is read-only", data);
        return;
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = path_join(data, folders[i]);
        if (path && access(path, W_OK) != 0)
            say(readiness->reasons, "'%.200s' cannot be written: %s", path, strerror(errno));
        free(path);
    }
    if (bytes < reserve || bytes == 0)
        say(readiness->reasons,
            "the disk is full: %llu bytes are free, reserve_disk is %llu; uploads are refused",
            (unsigned long long)bytes, (unsigned long long)reserve);
    if (disk.f_files > 0 && disk.f_favail == 0)
        say(readiness->reasons, "the disk is full: it has no room for another file (inode)");
}

static void look_at_quarantine(const struct server *server, struct readiness *readiness) {
    struct error err = {0};
    json_t *names = json_array();
    size_t n = 0;
    if (!names ||
        quarantine_list(server->settings.data, QUARANTINE_NAMED, names, &n, &err) != STATUS_OK)
        n = 0;
    for (size_t i = 0; i < json_array_size(names); i++)
        say(readiness->warnings, "damaged and set aside: '%.300s' in quarantine",
            json_string_value(json_array_get(names, i)));
    if (n > json_array_size(names))
        say(readiness->warnings, "%zu more are set aside in quarantine",
            n - json_array_size(names));
    json_decref(names);
}

static void look_at_jobs(const struct server *server, struct readiness *readiness) {
    struct job_counts counts = {0};
    if (server->jobs)
        jobs_count(server->jobs, &counts);
    if (counts.waiting > 0)
        say(readiness->warnings, "jobs that wait: %llu; GET /v1/jobs?state=waiting says what for",
            (unsigned long long)counts.waiting);
    if (counts.stalled > 0)
        say(readiness->warnings, "jobs without progress: %llu", (unsigned long long)counts.stalled);
}

/* Probes come without a key, and names of models and folders are nobody else's business. */
static void withhold(struct readiness *readiness) {
    bool ready = json_array_size(readiness->reasons) == 0;
    json_array_clear(readiness->reasons);
    json_array_clear(readiness->warnings);
    if (!ready)
        say(readiness->reasons, "ask with a key that reaches everything, and the reasons are told");
}

void system_readyz(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    struct readiness readiness = {json_array(), json_array()};
    struct buffer body = {0};
    bool draining = atomic_load(&server->draining), started = atomic_load(&server->ready);
    if (draining)
        say(readiness.reasons, "the service is shutting down");
    else if (!started)
        say(readiness.reasons, "the service is starting");
    if (!data_is_ours(server))
        say(readiness.reasons, "data folder '%.200s' is gone, or is another one now",
            server->settings.data);
    else
        look_at_disk(server, &readiness);
    look_at_quarantine(server, &readiness);
    look_at_jobs(server, &readiness);
    if (server->models)
        (void)models_count_unloaded(server->models, readiness.warnings);
    bool ready = json_array_size(readiness.reasons) == 0;
    if (access_required(server->access) && !(request->key && key_reaches_all(request->key)))
        withhold(&readiness);
    buffer_print(&body, "{\"status\":\"%s\",\"reasons\":", ready ? "ready" : "unavailable");
    json_append(&body, readiness.reasons);
    buffer_append_text(&body, ",\"warnings\":");
    json_append(&body, readiness.warnings);
    buffer_append_char(&body, '}');
    json_decref(readiness.reasons);
    json_decref(readiness.warnings);
    response_bytes(response, ready ? 200 : 503, "application/json", &body);
}
