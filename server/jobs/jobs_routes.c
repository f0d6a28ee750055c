/* Routes of jobs. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/number.h"
#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/http/parameters.h"
#include "server/jobs/jobs_private.h"
#include "server/json/fields.h"
#include "server/json/settings_json.h"

#define ASK_SECONDS 3.0     /* an answer to cancel or pause waits this long for the deed */
#define PAUSE_SECONDS 120.0 /* a checkpoint must be written by then */
#define MAX_LISTED 1000

/* The job of the first segment, held; NULL when there is none, or none that the key reaches: of
 * those not even that they are there is told. */
static struct job *job_of(struct server *server, const struct http_request *request) {
    struct job *job = job_hold(server->jobs, request->segments[0]);
    if (job && !job_reached(job, request->key)) {
        job_drop(server->jobs, job);
        return NULL;
    }
    return job;
}

static enum status unknown_job(const char *id, struct error *err) {
    return error_set_key(err, STATUS_NOT_FOUND, "job", "no job '%.64s'", id);
}

static json_t *document_of(struct jobs *jobs, const struct job *job) {
    pthread_mutex_lock(&jobs->mutex);
    json_t *document = job_document(job, jobs->kernel);
    pthread_mutex_unlock(&jobs->mutex);
    return document;
}

/* The document (taken), or the error when there is one. */
static void answer(const struct http_request *request, struct http_response *response, int status,
                   json_t *document, const struct error *err) {
    struct error missing = {0};
    if (err->status == STATUS_OK && document) {
        response_json(response, status, document);
        return;
    }
    json_decref(document);
    error_set(&missing, STATUS_NO_MEMORY, "out of memory to answer");
    response_error(request, response, 0, err->status == STATUS_OK ? &missing : err);
}

void jobs_answer(const struct logger *logger, const struct http_request *request,
                 struct http_response *response, json_t *document, bool replayed,
                 const struct error *err) {
    char id[JOB_ID_SIZE] = "";
    const char *value = json_string_value(json_object_get(document, "id"));
    if (value)
        snprintf(id, sizeof id, "%s", value);
    answer(request, response, 202, document, err);
    if (err->status != STATUS_OK || id[0] == '\0')
        return;
    request_note(request, NOTE_JOB, id);
    response_header(response, "Location", "/v1/jobs/%s", id);
    if (replayed)
        response_header(response, "Idempotent-Replayed", "true");
    else
        audit(logger, "job_submitted", key_owner(request->key), request->id, "job=%s", id);
}

enum status job_read_name(const json_t *body, const char *name, char text[NAME_SIZE],
                          struct error *err) {
    const char *value = NULL;
    size_t length = 0;
    char pointer[16];
    struct error wrong = {0};
    enum status status = field_text(body, name, &value, &length, err);
    if (status != STATUS_OK)
        return status;
    snprintf(pointer, sizeof pointer, "/%s", name);
    if (!value)
        return error_set_key(err, STATUS_REFUSED, pointer, "%s is missing", name);
    if (name_check(name, value, &wrong) != STATUS_OK)
        return error_set_key(err, wrong.status, pointer, "%s", wrong.text);
    if (strlen(value) != length)
        return error_set_key(err, STATUS_REFUSED, pointer, "%s holds a NUL", name);
    snprintf(text, NAME_SIZE, "%s", value);
    return STATUS_OK;
}

/* settings_check speaks of settings; here they are members of a body. */
enum status job_read_settings(const json_t *settings, struct settings *values, struct error *err) {
    struct error wrong = {0};
    char pointer[sizeof err->key];
    enum status status = settings_read_json(settings, values, err);
    if (status != STATUS_OK)
        return status;
    if (settings_check(values, &wrong) == STATUS_OK)
        return STATUS_OK;
    snprintf(pointer, sizeof pointer, "/settings/%.50s", wrong.key);
    return error_set_key(err, wrong.status, pointer, "%s", wrong.text);
}

void jobs_post(struct server *server, const struct http_request *request,
               struct http_response *response) {
    static const char *const members[] = {"corpus", "model", "settings", NULL};
    struct job_request job = {.settings = server->settings};
    struct error err = {0};
    json_t *body = NULL, *document = NULL;
    bool replayed = false;
    enum status status = idempotency_key(request, job.key, &err);
    if (status == STATUS_OK)
        status = json_body(server, request, members, &body, &err);
    if (status == STATUS_OK)
        status = job_read_name(body, "corpus", job.corpus, &err);
    if (status == STATUS_OK)
        status = job_read_name(body, "model", job.model, &err);
    if (status == STATUS_OK)
        status = job_request_own(&job, request, &err);
    if (status == STATUS_OK)
        status = job_read_settings(json_object_get(body, "settings"), &job.settings, &err);
    memcpy(job.trace_id, request->trace_id, sizeof job.trace_id);
    request_note(request, NOTE_MODEL, job.model);
    request_note(request, NOTE_CORPUS, job.corpus);
    if (status == STATUS_OK)
        status = fingerprint_text(request->body, request->body_length, job.fingerprint, &err);
    if (status == STATUS_OK)
        status_ignore(jobs_submit_request(server->jobs, &job, &document, &replayed, &err));
    json_decref(body);
    jobs_answer(&server->logger, request, response, document, replayed, &err);
}

static bool state_parse(const char *text, enum job_state *state) {
    for (int i = JOB_QUEUED; i <= JOB_CANCELLED; i++)
        if (strcmp(job_state_name((enum job_state)i), text) == 0) {
            *state = (enum job_state)i;
            return true;
        }
    return false;
}

void jobs_list(struct server *server, const struct http_request *request,
               struct http_response *response) {
    struct jobs *jobs = server->jobs;
    struct error err = {0};
    int64_t limit = 100, offset = 0, total = 0;
    enum job_state state = JOB_QUEUED;
    const char *wanted = request_query(request, "state", 0);
    if (query_check(request, &err) == STATUS_OK &&
        query_int(request, "limit", 0, MAX_LISTED, &limit, &err) == STATUS_OK &&
        query_int(request, "offset", 0, INT64_MAX, &offset, &err) == STATUS_OK && wanted &&
        !state_parse(wanted, &state))
        error_set_key(
            &err, STATUS_REFUSED, "state",
            "state must be queued, running, paused, waiting, succeeded, failed or cancelled, not "
            "'%.40s'",
            wanted);
    json_t *data = json_array();
    bool failed = !data;
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = jobs->n; i > 0 && err.status == STATUS_OK && !failed; i--) {
        const struct job *job = jobs->jobs[i - 1];
        if (job->creating || (wanted && job->state != state) || !job_reached(job, request->key))
            continue;
        if (total >= offset && total - offset < limit)
            failed = json_array_append_new(data, job_document(job, jobs->kernel)) != 0;
        total++;
    }
    pthread_mutex_unlock(&jobs->mutex);
    json_t *document = failed ? NULL
                              : json_pack("{s:s, s:O, s:I, s:I, s:I}", "object", "list", "data",
                                          data, "total", (json_int_t)total, "limit",
                                          (json_int_t)limit, "offset", (json_int_t)offset);
    json_decref(data);
    answer(request, response, 200, document, &err);
}

void jobs_get(struct server *server, const struct http_request *request,
              struct http_response *response) {
    struct error err = {0};
    struct job *job = job_of(server, request);
    json_t *document = !job ? NULL : document_of(server->jobs, job);
    if (!job)
        unknown_job(request->segments[0], &err);
    job_drop(server->jobs, job);
    answer(request, response, 200, document, &err);
}

/* The log of a job, held; read from disk when the job has ended. */
static enum status log_hold(struct jobs *jobs, struct job *job, struct job_log **log,
                            struct error *err) {
    *log = NULL;
    pthread_mutex_lock(&jobs->mutex);
    if (job->log)
        *log = job_log_hold(job->log);
    pthread_mutex_unlock(&jobs->mutex);
    if (*log)
        return STATUS_OK;
    enum status status = job_log_open(jobs, job, log, err);
    if (status != STATUS_OK)
        return status;
    if (job_log_count(*log) == 0) { /* the file is lost: at least the end is told */
        json_t *document = document_of(jobs, job);
        char *text = !document ? NULL : json_dumps(document, JSON_COMPACT);
        if (text)
            job_log_append(*log, EVENT_STATE, text);
        json_decref(document);
        free(text);
    }
    job_log_end(*log);
    return STATUS_OK;
}

static enum status event_id(const char *key, const char *text, uint64_t *seen, struct error *err) {
    int64_t value = 0;
    if (!text || text[0] == '\0')
        return STATUS_OK;
    if (!number_parse_int(text, &value) || value < 0)
        return error_set_key(err, STATUS_REFUSED, key, "%s must be an event id, not '%.40s'", key,
                             text);
    *seen = (uint64_t)value;
    return STATUS_OK;
}

/* The id a client has seen last: a header when it reconnects, which counts, or a query key where
 * headers cannot be set. */
static enum status seen_id(const struct http_request *request, uint64_t *seen, struct error *err) {
    *seen = 0;
    enum status status = query_check(request, err);
    if (status == STATUS_OK)
        status = event_id("last_event_id", request_query(request, "last_event_id", 0), seen, err);
    if (status == STATUS_OK)
        status = event_id("Last-Event-ID", request_header(request, "Last-Event-ID"), seen, err);
    return status;
}

void jobs_events(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    struct error err = {0};
    uint64_t seen = 0;
    struct job_log *log = NULL;
    struct job_stream *stream = NULL;
    struct job *job = job_of(server, request);
    if (!job)
        unknown_job(request->segments[0], &err);
    else if (seen_id(request, &seen, &err) == STATUS_OK &&
             log_hold(server->jobs, job, &log, &err) == STATUS_OK && !job_log_exhausted(log, seen))
        status_ignore(job_stream_create(&stream, log, seen, &err));
    if (err.status != STATUS_OK) {
        response_error(request, response, 0, &err);
    } else {
        response_header(response, "Cache-Control", "no-cache");
        response_header(response, "X-Accel-Buffering", "no");
        if (!stream)
            response->status = 204; /* an EventSource that has seen the end stops coming back */
        else
            response_stream(response, "text/event-stream", job_stream_produce, job_stream_free,
                            stream);
    }
    job_log_drop(log);
    job_drop(server->jobs, job);
}

void jobs_history(struct server *server, const struct http_request *request,
                  struct http_response *response) {
    struct error err = {0};
    struct job_log *log = NULL;
    struct buffer text = {0};
    int64_t points = 0;
    struct job *job = job_of(server, request);
    if (!job)
        unknown_job(request->segments[0], &err);
    else if (query_check(request, &err) == STATUS_OK &&
             query_int(request, "points", 1, 10000000, &points, &err) == STATUS_OK &&
             log_hold(server->jobs, job, &log, &err) == STATUS_OK) {
        buffer_print(&text, "{\"job\":\"%s\",\"data\":[", job->id);
        job_log_rows(log, (size_t)points, &text);
        buffer_append_text(&text, "]}\n");
        if (text.failed)
            error_set(&err, STATUS_NO_MEMORY, "out of memory to answer");
    }
    if (err.status != STATUS_OK)
        response_error(request, response, 0, &err);
    else
        response_bytes(response, 200, "application/json", &text);
    buffer_clear(&text);
    job_log_drop(log);
    job_drop(server->jobs, job);
}

/* The answer of the event files: of a job, which is held, or the error. */
static void answer_event_file(struct server *server, const struct http_request *request,
                              struct http_response *response, struct job *job, struct error *err) {
    struct job_log *log = NULL;
    struct buffer file = request_answer(request);
    char name[JOB_EVENT_FILE_SIZE];
    int64_t points = 0;
    if (err->status == STATUS_OK && query_check(request, err) == STATUS_OK &&
        query_int(request, "points", 1, 10000000, &points, err) == STATUS_OK &&
        log_hold(server->jobs, job, &log, err) == STATUS_OK)
        status_ignore(job_event_file(log, (size_t)points, request, &file, err));
    if (err->status != STATUS_OK) {
        response_error(request, response, 0, err);
    } else {
        job_event_file_name(job, name);
        response_header(response, "Content-Disposition", "attachment; filename=\"%s\"", name);
        response_bytes(response, 200, "application/octet-stream", &file);
    }
    buffer_clear(&file);
    job_log_drop(log);
}

void jobs_event_file(struct server *server, const struct http_request *request,
                     struct http_response *response) {
    struct error err = {0};
    struct job *job = job_of(server, request);
    if (!job)
        unknown_job(request->segments[0], &err);
    answer_event_file(server, request, response, job, &err);
    job_drop(server->jobs, job);
}

void model_event_file(struct server *server, const struct http_request *request,
                      struct http_response *response) {
    struct error err = {0};
    struct buffer members = {0};
    struct model *model = NULL;
    struct job *job = NULL;
    char version[MODEL_VERSION_SIZE];
    const char *name = request->segments[0];
    if (models_hold_or_suggest(server->models, request->key, name, request->version, &model,
                               version, &members, &err) == STATUS_OK) {
        job = job_hold_version(server->jobs, name, version);
        if (!job)
            error_set_key(&err, STATUS_NOT_FOUND, "version",
                          "no job trained version '%s' of model '%s': it was imported, or its job "
                          "is forgotten (max_jobs_kept)",
                          version, name);
        else if (!job_reached(job, request->key))
            error_set_key(&err, STATUS_FORBIDDEN, "corpus",
                          "the key does not reach the corpus of the job that trained version '%s' "
                          "of model '%s'",
                          version, name);
    }
    if (!job || err.status != STATUS_OK)
        response_error_with(request, response, 0, &err, members.failed ? NULL : members.data);
    else
        answer_event_file(server, request, response, job, &err);
    buffer_clear(&members);
    model_drop(model);
    job_drop(server->jobs, job);
}

void jobs_nonfinite(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    struct error err = {0};
    struct job *job = job_of(server, request);
    char *path = job ? job_path(server->jobs, job->id, "nonfinite.tsv") : NULL;
    char etag[32] = "";
    uint64_t sum = 0;
    if (!job)
        unknown_job(request->segments[0], &err);
    else if (!path)
        error_set(&err, STATUS_NO_MEMORY, "out of memory to answer");
    else if (!file_exists(path))
        error_set_key(&err, STATUS_NOT_FOUND, "nonfinite_dump",
                      "job '%s' has written no block: it met no value that is not finite, or its "
                      "setting nonfinite_dump is false",
                      job->id);
    else if (file_checksum(path, &sum, &err) == STATUS_OK)
        snprintf(etag, sizeof etag, "%016" PRIx64, sum);
    if (err.status == STATUS_OK)
        response_file(request, response, path, "text/tab-separated-values; charset=utf-8", etag);
    else
        response_error(request, response, 0, &err);
    free(path);
    job_drop(server->jobs, job);
}

static enum status state_conflict(const struct job *job, const char *deed, struct error *err) {
    const char *what = job->publishing ? "being published" : job_state_name(job->state);
    if (job->state == JOB_RUNNING && job->ask == JOB_ASK_PAUSE)
        what = "being paused";
    if (job->state == JOB_RUNNING && job->ask == JOB_ASK_CANCEL)
        what = "being cancelled";
    return error_set_key(err, STATUS_CONFLICT, "job", "job '%s' is %s: it cannot be %s", job->id,
                         what, deed);
}

/* Under the mutex: waits until a running job has done what was asked, some seconds at most. */
static void ask_wait(struct jobs *jobs, const struct job *job) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)ASK_SECONDS;
    while (job->state == JOB_RUNNING && job->ask != JOB_ASK_NONE && !jobs->stopping)
        if (pthread_cond_timedwait(&jobs->changed, &jobs->mutex, &until) != 0)
            return;
}

/* What is asked is on disk before the child hears of it, so that a crash in between does not lose
 * it. */
static enum status ask_running(struct jobs *jobs, struct job *job, enum job_ask ask,
                               struct error *err) {
    struct error failed = {0};
    enum status status = job_persist(jobs, job, false, &failed);
    if (status != STATUS_OK && ask == JOB_ASK_CANCEL) { /* its end makes room for its record */
        job_say(jobs, job, LOG_WARNING, "%s", failed.text);
    } else if (status != STATUS_OK) {
        error_set_key(err, status, failed.key, "%s", failed.text);
        pthread_mutex_lock(&jobs->mutex);
        if (job->ask == ask)
            job->ask = JOB_ASK_NONE;
        pthread_mutex_unlock(&jobs->mutex);
        return status;
    }
    pthread_mutex_lock(&jobs->mutex);
    if (job->ask == ask && job->pid > 0) {
        if (ask == JOB_ASK_CANCEL) {
            kill(job->pid, SIGKILL);
        } else {
            process_ask(job->pid);
            job->deadline = machine_monotonic_seconds() + PAUSE_SECONDS;
        }
    }
    ask_wait(jobs, job);
    pthread_mutex_unlock(&jobs->mutex);
    return STATUS_OK;
}

/* One transition that a client asks for. */
static enum status job_ask(struct jobs *jobs, struct job *job, enum job_ask ask,
                           struct error *err) {
    bool cancel = ask == JOB_ASK_CANCEL, running;
    enum status status = STATUS_OK;
    pthread_mutex_lock(&jobs->mutex);
    running = job->state == JOB_RUNNING;
    if (running && (job->publishing || job->ask >= ask))
        status = state_conflict(job, cancel ? "cancelled" : "paused", err);
    else if (running)
        job->ask = ask;
    else if (job->state == JOB_QUEUED || job->state == JOB_WAITING ||
             (cancel && job->state == JOB_PAUSED))
        job_enter(jobs, job, cancel ? JOB_CANCELLED : JOB_PAUSED);
    else
        status = state_conflict(job, cancel ? "cancelled" : "paused", err);
    pthread_mutex_unlock(&jobs->mutex);
    if (status != STATUS_OK)
        return status;
    if (running)
        return ask_running(jobs, job, ask, err);
    return cancel ? job_settle(jobs, job, err) : job_persist(jobs, job, true, err);
}

static void ask_handle(struct server *server, const struct http_request *request,
                       struct http_response *response, enum job_ask ask) {
    struct error err = {0};
    json_t *document = NULL;
    struct job *job = job_of(server, request);
    if (!job)
        unknown_job(request->segments[0], &err);
    else if (job_ask(server->jobs, job, ask, &err) == STATUS_OK)
        document = document_of(server->jobs, job);
    job_drop(server->jobs, job);
    answer(request, response, 200, document, &err);
}

void jobs_cancel(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    ask_handle(server, request, response, JOB_ASK_CANCEL);
}

void jobs_pause(struct server *server, const struct http_request *request,
                struct http_response *response) {
    ask_handle(server, request, response, JOB_ASK_PAUSE);
}

void jobs_resume(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    struct jobs *jobs = server->jobs;
    struct error err = {0};
    json_t *document = NULL;
    struct job *job = job_of(server, request);
    if (!job) {
        unknown_job(request->segments[0], &err);
    } else {
        pthread_mutex_lock(&jobs->mutex);
        if (job->state == JOB_PAUSED || job->state == JOB_WAITING) {
            job->crashes = job->tries = 0;
            job_enter(jobs, job, JOB_QUEUED);
        } else {
            state_conflict(job, "resumed", &err);
        }
        pthread_mutex_unlock(&jobs->mutex);
        if (err.status == STATUS_OK && job_persist(jobs, job, true, &err) == STATUS_OK)
            document = document_of(jobs, job);
    }
    job_drop(jobs, job);
    answer(request, response, 200, document, &err);
}
