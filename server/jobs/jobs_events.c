/* The log of a job: what streams replay and what the history shows. An event is an id, a kind and
 * one line of JSON, formatted once. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/file.h"
#include "server/jobs/jobs_private.h"

#define STREAM_PIECE ((size_t)32 << 10) /* formatted at a time for one reader */
#define EVENTS_LIMIT ((size_t)1 << 32)  /* largest events file that is read */
#define EVENTS_MAGIC "vecmill-events 1"

struct event {
    uint64_t id;
    enum event_kind kind;
    char *data;
};

struct job_log {
    pthread_mutex_t mutex;
    pthread_cond_t grown; /* monotonic clock */
    unsigned holds;
    struct event *events; /* by id */
    size_t n, capacity, max;
    uint64_t next;
    double heartbeat;
    bool ended, interrupted;
};

static const char kind_letters[] = "sprelv"; /* in the file, by enum event_kind */
static const char *const kind_names[] = {"state", "progress", "progress",
                                         "epoch", "log",      "evaluation"};

enum status job_log_create(struct job_log **created, size_t max, double heartbeat,
                           struct error *err) {
    struct job_log *log = calloc(1, sizeof *log);
    pthread_condattr_t monotonic;
    if (!log)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the events of a job");
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&log->grown, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&log->mutex, NULL);
    log->holds = 1;
    log->max = max < 16 ? 16 : max;
    log->next = 1;
    log->heartbeat = heartbeat;
    *created = log;
    return STATUS_OK;
}

struct job_log *job_log_hold(struct job_log *log) {
    pthread_mutex_lock(&log->mutex);
    log->holds++;
    pthread_mutex_unlock(&log->mutex);
    return log;
}

static void events_clear(struct job_log *log) {
    for (size_t i = 0; i < log->n; i++)
        free(log->events[i].data);
    free(log->events);
    log->events = NULL;
    log->n = log->capacity = 0;
}

void job_log_drop(struct job_log *log) {
    if (!log)
        return;
    pthread_mutex_lock(&log->mutex);
    bool last = --log->holds == 0;
    pthread_mutex_unlock(&log->mutex);
    if (!last)
        return;
    events_clear(log);
    pthread_cond_destroy(&log->grown);
    pthread_mutex_destroy(&log->mutex);
    free(log);
}

/* Removes every other event of a kind among the first `end`. */
static void events_halve(struct job_log *log, enum event_kind kind, size_t end) {
    size_t kept = 0, seen = 0;
    for (size_t i = 0; i < log->n; i++)
        if (i < end && log->events[i].kind == kind && seen++ % 2 == 1)
            free(log->events[i].data);
        else
            log->events[kept++] = log->events[i];
    log->n = kept;
}

/* Makes room when the log is full: what matters least and is oldest goes first. An eighth is freed
 * at a time, so that the cost of a pass over the log is shared by many events. */
static void events_thin(struct job_log *log) {
    static const enum event_kind order[] = {EVENT_PROGRESS, EVENT_ROW, EVENT_EVALUATION,
                                            EVENT_EPOCH,    EVENT_LOG, EVENT_STATE};
    size_t goal = log->max - log->max / 8;
    for (size_t i = 0; i < sizeof order / sizeof *order && log->n > goal; i++)
        events_halve(log, order[i], log->n - log->n / 4);
    while (log->n > goal) {
        free(log->events[0].data);
        log->n--;
        memmove(log->events, log->events + 1, log->n * sizeof *log->events);
    }
}

/* Takes data (malloc'ed), also when there is no room for it. */
static bool event_put(struct job_log *log, uint64_t id, enum event_kind kind, char *data) {
    if (log->n >= log->max)
        events_thin(log);
    struct event *events = array_grow(log->events, &log->capacity, log->n + 1, sizeof *events);
    if (!events) {
        free(data);
        return false;
    }
    log->events = events;
    log->events[log->n++] = (struct event){id, kind, data};
    return true;
}

void job_log_append(struct job_log *log, enum event_kind kind, const char *data) {
    char *copy = strdup(data);
    pthread_mutex_lock(&log->mutex);
    uint64_t id = log->next++;
    if (copy)
        (void)event_put(log, id, kind, copy);
    pthread_cond_broadcast(&log->grown);
    pthread_mutex_unlock(&log->mutex);
}

uint64_t job_log_next(struct job_log *log) {
    pthread_mutex_lock(&log->mutex);
    uint64_t next = log->next;
    pthread_mutex_unlock(&log->mutex);
    return next;
}

void job_log_skip(struct job_log *log, uint64_t next) {
    pthread_mutex_lock(&log->mutex);
    if (next > log->next)
        log->next = next;
    pthread_mutex_unlock(&log->mutex);
}

size_t job_log_count(struct job_log *log) {
    pthread_mutex_lock(&log->mutex);
    size_t n = log->n;
    pthread_mutex_unlock(&log->mutex);
    return n;
}

void job_log_end(struct job_log *log) {
    pthread_mutex_lock(&log->mutex);
    log->ended = true;
    pthread_cond_broadcast(&log->grown);
    pthread_mutex_unlock(&log->mutex);
}

void job_log_interrupt(struct job_log *log) {
    pthread_mutex_lock(&log->mutex);
    log->interrupted = true;
    pthread_cond_broadcast(&log->grown);
    pthread_mutex_unlock(&log->mutex);
}

enum status job_log_store(struct job_log *log, const char *path, struct error *err) {
    struct buffer lines = {0}, file = {0};
    pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->n; i++) {
        const struct event *event = &log->events[i];
        buffer_print(&lines, "%" PRIu64 " %c ", event->id, kind_letters[event->kind]);
        buffer_append_text(&lines, event->data);
        buffer_append_char(&lines, '\n');
    }
    size_t n = log->n;
    uint64_t next = log->next;
    pthread_mutex_unlock(&log->mutex);
    if (!lines.failed) {
        buffer_print(&file, EVENTS_MAGIC " %zu %" PRIu64 " %016" PRIx64 "\n", n, next,
                     checksum(lines.length > 0 ? lines.data : "", lines.length));
        buffer_append(&file, lines.data, lines.length);
    }
    enum status status = lines.failed || file.failed
                             ? error_set(err, STATUS_NO_MEMORY, "out of memory to store events")
                             : file_replace(path, file.data, file.length, err);
    buffer_clear(&lines);
    buffer_clear(&file);
    return status;
}

/* One line without its newline. */
static bool line_load(struct job_log *log, char *line, uint64_t *last) {
    char *end;
    uint64_t id = strtoull(line, &end, 10);
    if (end == line || id <= *last || end[0] != ' ' || end[1] == '\0' || end[2] != ' ')
        return false;
    const char *letter = strchr(kind_letters, end[1]);
    char *data = !letter ? NULL : strdup(end + 3);
    if (!data)
        return false;
    *last = id;
    return event_put(log, id, (enum event_kind)(letter - kind_letters), data);
}

enum status job_log_load(struct job_log *log, const char *path, struct error *err) {
    char *text = NULL, *end;
    size_t length = 0, n = 0, count = 0;
    uint64_t next = 0, last = 0, sum = 0;
    int header = 0;
    enum status status = file_read(path, EVENTS_LIMIT, &text, &length, err);
    if (status != STATUS_OK)
        return status;
    bool good = sscanf(text, EVENTS_MAGIC " %zu %" SCNu64 " %" SCNx64 "%n", &count, &next, &sum,
                       &header) == 3 &&
                header > 0 && text[header] == '\n' &&
                checksum(text + header + 1, length - (size_t)header - 1) == sum;
    pthread_mutex_lock(&log->mutex);
    for (char *line = text + header + 1; good && line < text + length; line = end + 1, n++) {
        end = memchr(line, '\n', (size_t)(text + length - line));
        if (!end)
            break;
        *end = '\0';
        good = line_load(log, line, &last);
    }
    good = good && n == count && last < next;
    if (!good)
        events_clear(log);
    else if (next > log->next)
        log->next = next;
    pthread_mutex_unlock(&log->mutex);
    free(text);
    return good ? STATUS_OK
                : error_set(err, STATUS_CORRUPT, "events in '%s' do not hold together", path);
}

static bool event_is_row(const struct event *event) {
    return event->kind == EVENT_ROW || event->kind == EVENT_EPOCH ||
           event->kind == EVENT_EVALUATION;
}

void job_log_rows(struct job_log *log, size_t points, struct buffer *text) {
    size_t rows = 0, row = 0, put = 0;
    pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->n; i++)
        rows += event_is_row(&log->events[i]);
    for (size_t i = 0; i < log->n; i++) {
        if (!event_is_row(&log->events[i]))
            continue;
        row++;
        /* Row r of R is the ceil(r points / R)-th point when that count steps there; the last row
         * always steps. */
        if (points > 0 && rows > points && row * points / rows == (row - 1) * points / rows)
            continue;
        if (put++ > 0)
            buffer_append_char(text, ',');
        buffer_append_text(text, log->events[i].data);
    }
    pthread_mutex_unlock(&log->mutex);
}

bool job_log_exhausted(struct job_log *log, uint64_t seen) {
    pthread_mutex_lock(&log->mutex);
    bool exhausted = log->ended && (log->n == 0 || log->events[log->n - 1].id <= seen);
    pthread_mutex_unlock(&log->mutex);
    return exhausted;
}

struct job_stream {
    struct job_log *log;
    uint64_t seen;
    struct buffer piece; /* formatted */
    size_t sent;         /* of piece */
};

enum status job_stream_create(struct job_stream **created, struct job_log *log, uint64_t seen,
                              struct error *err) {
    struct job_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for an event stream");
    stream->log = job_log_hold(log);
    stream->seen = seen;
    buffer_append_text(&stream->piece, "retry: 2000\n\n");
    *created = stream;
    return STATUS_OK;
}

void job_stream_free(void *context) {
    struct job_stream *stream = context;
    if (!stream)
        return;
    job_log_drop(stream->log);
    buffer_clear(&stream->piece);
    free(stream);
}

/* Formats what came after stream->seen, a piece at most. */
static void stream_collect(struct job_stream *stream) {
    struct job_log *log = stream->log;
    size_t low = 0, high = log->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->events[middle].id <= stream->seen)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < log->n && stream->piece.length < STREAM_PIECE; low++) {
        const struct event *event = &log->events[low];
        buffer_print(&stream->piece, "id: %" PRIu64 "\nevent: %s\ndata: ", event->id,
                     kind_names[event->kind]);
        buffer_append_text(&stream->piece, event->data);
        buffer_append_text(&stream->piece, "\n\n");
        stream->seen = event->id;
    }
}

/* Waits for events, or for the time of a heartbeat. False: the stream is over. */
static bool stream_wait(struct job_stream *stream) {
    struct job_log *log = stream->log;
    struct timespec until;
    bool over = false;
    int waited = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double seconds = (double)until.tv_nsec * 1e-9 + log->heartbeat;
    until.tv_sec += (time_t)seconds;
    until.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9);
    pthread_mutex_lock(&log->mutex);
    while (waited == 0 && !over) {
        stream_collect(stream);
        if (stream->piece.length > 0)
            break;
        over = log->ended || log->interrupted;
        if (!over)
            waited = pthread_cond_timedwait(&log->grown, &log->mutex, &until);
    }
    pthread_mutex_unlock(&log->mutex);
    if (waited != 0 && stream->piece.length == 0)
        buffer_append_text(&stream->piece, ": heartbeat\n\n");
    return !over;
}

ssize_t job_stream_produce(void *context, char *bytes, size_t room) {
    struct job_stream *stream = context;
    if (stream->sent == stream->piece.length) {
        buffer_clear(&stream->piece);
        buffer_init(&stream->piece);
        stream->sent = 0;
        if (!stream_wait(stream))
            return 0;
    }
    if (stream->piece.failed)
        return 0; /* the client comes back with Last-Event-ID */
    size_t length = stream->piece.length - stream->sent;
    if (length > room)
        length = room;
    memcpy(bytes, stream->piece.data + stream->sent, length);
    stream->sent += length;
    return (ssize_t)length;
}
