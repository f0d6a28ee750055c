/* A job's history as a file that TensorBoard reads. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/event_file.h"
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

static void row_put(struct buffer *file, const json_t *row, double *last) {
    struct event_scalar scalars[SCALARS];
    size_t n = 0;
    const char *name;
    json_t *value;
    if (!time_read(json_string_value(json_object_get(row, "time")), last) && file->length == 0)
        *last = 0;
    json_object_foreach((json_t *)(uintptr_t)row, name,
                        value) if (json_is_number(value) && is_series(name) && n < SCALARS)
        scalars[n++] = (struct event_scalar){name, (float)json_number_value(value)};
    if (file->length == 0)
        event_file_begin(file, *last);
    event_file_scalars(file, *last, json_integer_value(json_object_get(row, "step")), scalars, n);
}

enum status job_event_file(struct job_log *log, size_t points, const struct http_request *request,
                           struct buffer *file, struct error *err) {
    struct buffer text = {0};
    json_t *rows = NULL;
    double last = 0;
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
