/* A job's history as a file that TensorBoard reads, and the file that it watches. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/event_file.h"
#include "base/event_log.h"
#include "base/file.h"
#include "base/machine.h"
#include "server/jobs/jobs_private.h"

#define SCALARS 64 /* of a row, at most */

/* "2026-01-31T12:00:05.25Z" as seconds since 1970; false when it is none. */
static bool time_read(const char *text, double *seconds) {
    struct tm tm = {0};
    double second;
    if (!text || sscanf(text, "%d-%d-%dT%d:%d:%lf", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                        &tm.tm_hour, &tm.tm_min, &second) != 6)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *seconds = (double)timegm(&tm) + second;
    return isfinite(*seconds);
}

/* Every number of a row is a series, but for the step, which they stand over, and constants. */
static bool is_series(const char *name) {
    static const char *const others[] = {"step", "epochs", "words_total", "eta_seconds"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name, others[i]) == 0)
            return false;
    return true;
}

/* The last row that was put. */
struct last_row {
    double time;
    json_int_t step;
};

static void row_put(struct buffer *file, const json_t *row, struct last_row *last) {
    struct event_scalar scalars[SCALARS];
    size_t n = 0;
    const char *name;
    json_t *value;
    json_int_t step = json_integer_value(json_object_get(row, "step"));
    if (!time_read(json_string_value(json_object_get(row, "time")), &last->time) &&
        file->length == 0)
        last->time = 0;
    json_object_foreach((json_t *)(uintptr_t)row, name,
                        value) if (json_is_number(value) && is_series(name) && n < SCALARS)
        scalars[n++] = (struct event_scalar){name, (float)json_number_value(value)};
    if (file->length == 0)
        event_file_begin(file, last->time);
    else if (step < last->step) /* a crash, and the training went on from a checkpoint */
        event_file_restart(file, last->time, step);
    event_file_scalars(file, last->time, step, scalars, n);
    last->step = step;
}

enum status job_event_file(struct job_log *log, size_t points, const struct http_request *request,
                           struct buffer *file, struct error *err) {
    struct buffer text = {0};
    json_t *rows = NULL;
    struct last_row last = {0};
    buffer_append_char(&text, '[');
    job_log_rows(log, points, &text);
    buffer_append_char(&text, ']');
    enum status status =
        text.failed ? error_set(err, STATUS_NO_MEMORY, "out of memory for the history") : STATUS_OK;
    if (status == STATUS_OK)
        status = request_reserve(request, json_memory(text.data, text.length) + text.length,
                                 "the history", err);
    if (status == STATUS_OK)
        status = json_parse(text.data, text.length, 8, &rows, err);
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(rows); i++)
        row_put(file, json_array_get(rows, i), &last);
    if (status == STATUS_OK && file->length == 0)
        event_file_begin(file, (double)time(NULL)); /* nothing was told so far */
    if (status == STATUS_OK && file->failed)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to answer");
    json_decref(rows);
    buffer_clear(&text);
    return status;
}

/* ---- the file that grows --------------------------------------------------------------------- */

char *job_board_folder(const struct jobs *jobs, const struct job *job) {
    const char *top = jobs->settings->tensorboard_dir;
    struct buffer path = {0};
    if (strcmp(top, "none") == 0 || *top == '\0')
        return NULL;
    buffer_print(&path, "%s/%s/%s", top, job->model, job->id);
    if (path.failed)
        buffer_clear(&path);
    return buffer_take(&path);
}

/* The name of the file that a job's numbers are kept in: it says when the job was made, since those
 * of one folder are read in the order of their names. */
void job_event_file_name(const struct job *job, char name[JOB_EVENT_FILE_SIZE]) {
    snprintf(name, JOB_EVENT_FILE_SIZE, "events.out.tfevents.%010.0f.%s", job->created, job->id);
}

static enum status board_open(struct job_board *board, const struct job *job, const char *folder,
                              struct error *err) {
    char name[JOB_EVENT_FILE_SIZE];
    job_event_file_name(job, name);
    char *path = path_join(folder, name);
    enum status status = path ? event_log_open(&board->log, path, err)
                              : error_set(err, STATUS_NO_MEMORY, "out of memory for a path");
    free(path);
    return status;
}

void job_board_put(struct job_board *board, const struct jobs *jobs, const struct job *job,
                   const struct train_progress *report) {
    struct event_scalar scalars[TRAIN_SCALARS];
    struct error err = {0};
    char *folder = report->phase == PHASE_TRAINING ? job_board_folder(jobs, job) : NULL;
    if (!folder)
        return;
    enum status status = board->log ? STATUS_OK : board_open(board, job, folder, &err);
    if (status == STATUS_OK)
        status = event_log_append(board->log, machine_wall_seconds(), (int64_t)report->step,
                                  scalars, train_scalars(report, scalars), &err);
    if (status != STATUS_OK && !board->failed)
        job_say(jobs, job, LOG_WARNING,
                "is not shown to TensorBoard in '%s', and what it tells until then is left out "
                "there; its history has it: %s",
                folder, err.text);
    else if (status == STATUS_OK && board->failed)
        job_say(jobs, job, LOG_INFO, "is shown to TensorBoard again, in '%s'", folder);
    board->failed = status != STATUS_OK;
    free(folder);
}

void job_board_close(struct job_board *board) {
    event_log_close(board->log);
    *board = (struct job_board){0};
}
