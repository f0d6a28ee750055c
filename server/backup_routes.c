/* GET /v1/backup: the data folder as a tar file, while the service goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/machine.h"
#include "server/access/access.h"
#include "server/http/context.h"
#include "server/http/parameters.h"
#include "server/records/backup.h"
#include "server/system.h"

struct sending {
    struct server *server;
    struct backup *backup;
};

static ssize_t produce(void *context, char *bytes, size_t room) {
    struct sending *sending = context;
    struct error err = {0};
    size_t n = 0;
    if (backup_read(sending->backup, bytes, room, &n, &err) == STATUS_OK)
        return (ssize_t)n;
    log_line(&sending->server->logger, LOG_ERROR, "the backup breaks off: %s", err.text);
    return -1;
}

static void release(void *context) {
    struct sending *sending = context;
    backup_close(sending->backup);
    atomic_store(&sending->server->backing_up, false);
    free(sending);
}

static enum status begin(struct server *server, struct sending **made, struct error *err) {
    bool free_now = false;
    if (!atomic_compare_exchange_strong(&server->backing_up, &free_now, true))
        return error_set(err, STATUS_BUSY, "another backup is being sent: wait for its end");
    struct sending *sending = calloc(1, sizeof *sending);
    enum status status = sending ? backup_open(&sending->backup, server->settings.data, err)
                                 : error_set(err, STATUS_NO_MEMORY, "out of memory to back up");
    if (status == STATUS_OK) {
        sending->server = server;
        *made = sending;
        return STATUS_OK;
    }
    free(sending);
    atomic_store(&server->backing_up, false);
    return status;
}

void system_backup(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    struct sending *sending = NULL;
    struct error err = {0};
    time_t now = (time_t)machine_wall_seconds();
    struct tm parts;
    char date[32] = "";
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status = begin(server, &sending, &err);
    if (status != STATUS_OK) {
        response_error(request, response, 0, &err);
        return;
    }
    audit(&server->logger, "backup", key_owner(request->key), request->id, "files=%zu bytes=%llu",
          backup_files(sending->backup), (unsigned long long)backup_bytes(sending->backup));
    if (gmtime_r(&now, &parts))
        (void)strftime(date, sizeof date, "-%Y%m%dT%H%M%SZ", &parts);
    response_header(response, "Content-Disposition", "attachment; filename=\"vecmill%s.tar\"",
                    date);
    response_stream(response, "application/x-tar", produce, release, sending);
}
