#include "cli/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/event_log.h"
#include "base/file.h"
#include "base/machine.h"

#define NOTE_FILE "tensorboard" /* in the work folder: the name of the event file */
#define NOTE_MAX 8192
#define SAME_SECOND 1000 /* trainings of one name that may begin in one second */

/* A new folder's name: two trainings never share a file. */
static enum status folder_choose(const struct board *board, const char *name, time_t now,
                                 char **folder, struct error *err) {
    struct tm tm;
    char stamp[32];
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
    for (int i = 1; i <= SAME_SECOND; i++) {
        struct buffer path = {0};
        buffer_print(&path, "%s/%s-%s", board->top, name, stamp);
        if (i > 1)
            buffer_print(&path, "-%d", i);
        if (path.failed) {
            buffer_clear(&path);
            return error_set(err, STATUS_NO_MEMORY, "out of memory for a path");
        }
        if (!file_exists(path.data)) {
            *folder = buffer_take(&path);
            return STATUS_OK;
        }
        buffer_clear(&path);
    }
    return error_set_key(err, STATUS_CONFLICT, "tensorboard", "'%s' has too many folders '%s-%s'",
                         board->top, name, stamp);
}

/* The event file that the training wrote before it was stopped; NULL when it noted none, or that
 * is in another folder than the one that is asked for. */
static char *path_noted(const struct board *board, const char *note) {
    char *path = NULL;
    size_t length = 0, top = strlen(board->top);
    if (file_read(note, NOTE_MAX, &path, &length, NULL) != STATUS_OK)
        return NULL;
    if (strncmp(path, board->top, top) == 0 && path[top] == '/')
        return path;
    free(path);
    return NULL;
}

static enum status path_choose(const struct board *board, const char *note, const char *name,
                               char **path, struct error *err) {
    time_t now = time(NULL);
    char *folder = NULL, file[64];
    enum status status = folder_choose(board, name, now, &folder, err);
    if (status != STATUS_OK)
        return status;
    snprintf(file, sizeof file, "events.out.tfevents.%010lld.vecmill", (long long)now);
    *path = path_join(folder, file);
    free(folder);
    if (!*path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a path");
    return file_replace(note, *path, strlen(*path), err);
}

enum status board_open(struct board *board, const char *work, const char *name, bool resume,
                       struct error *err) {
    char *path = NULL, *note;
    if (!board->top)
        return STATUS_OK;
    enum status status = folder_create(work, err);
    if (status != STATUS_OK)
        return status;
    note = path_join(work, NOTE_FILE);
    if (!note)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a path");
    if (resume)
        path = path_noted(board, note);
    if (!path)
        status = path_choose(board, note, name, &path, err);
    if (status == STATUS_OK)
        status = event_log_open(&board->log, path, err);
    if (status == STATUS_OK)
        status = event_log_begin(board->log, machine_wall_seconds(), err);
    free(note);
    free(path);
    return status;
}

void board_show(struct board *board, const struct train_progress *progress) {
    struct event_scalar scalars[TRAIN_SCALARS];
    struct error err = {0};
    if (!board->log || progress->phase != PHASE_TRAINING)
        return;
    enum status status =
        event_log_append(board->log, machine_wall_seconds(), (int64_t)progress->step, scalars,
                         train_scalars(progress, scalars), &err);
    if (status != STATUS_OK && !board->failed)
        log_line(board->logger, LOG_WARNING, "not shown to TensorBoard: %s", err.text);
    board->failed = status != STATUS_OK;
}

void board_close(struct board *board) {
    event_log_close(board->log);
    board->log = NULL;
}
