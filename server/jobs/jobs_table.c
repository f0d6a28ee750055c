/* The table of jobs: who holds one, its transitions, what is written of it, what is forgotten. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/event_log.h"
#include "base/file.h"
#include "base/machine.h"
#include "server/jobs/jobs_private.h"

#define RESERVED_IDS 10000 /* event ids a crash may cost */

char *job_path(const struct jobs *jobs, const char *id, const char *file) {
    return record_path(jobs->folder, id, file);
}

struct job *job_create(void) {
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    pthread_mutex_init(&job->store, NULL);
    job->holds = 1;
    job->phase = PHASE_NONE;
    train_progress_init(&job->progress);
    return job;
}

void job_free(struct job *job) {
    if (!job)
        return;
    job_log_drop(job->log);
    pthread_mutex_destroy(&job->store);
    free(job);
}

struct job *job_hold(struct jobs *jobs, const char *id) {
    struct job *found = NULL;
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = jobs->n; i > 0 && !found; i--)
        if (!jobs->jobs[i - 1]->creating && strcmp(jobs->jobs[i - 1]->id, id) == 0)
            found = jobs->jobs[i - 1];
    if (found)
        found->holds++;
    pthread_mutex_unlock(&jobs->mutex);
    return found;
}

struct job *job_hold_version(struct jobs *jobs, const char *model, const char *version) {
    struct job *found = NULL;
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = jobs->n; i > 0 && !found; i--)
        if (strcmp(jobs->jobs[i - 1]->version, version) == 0 &&
            strcmp(jobs->jobs[i - 1]->model, model) == 0)
            found = jobs->jobs[i - 1];
    if (found)
        found->holds++;
    pthread_mutex_unlock(&jobs->mutex);
    return found;
}

void job_drop(struct jobs *jobs, struct job *job) {
    if (!job)
        return;
    pthread_mutex_lock(&jobs->mutex);
    bool last = --job->holds == 0;
    pthread_mutex_unlock(&jobs->mutex);
    if (last)
        job_free(job);
}

static enum status events_write(const struct jobs *jobs, const struct job *job, struct job_log *log,
                                struct error *err) {
    char *path = job_path(jobs, job->id, "events");
    enum status status =
        !path ? error_set(err, STATUS_NO_MEMORY, "out of memory to record job '%s'", job->id)
              : job_log_store(log, path, err);
    free(path);
    return status;
}

enum status job_persist(struct jobs *jobs, struct job *job, bool with_events, struct error *err) {
    enum status status = STATUS_OK;
    pthread_mutex_lock(&job->store);
    pthread_mutex_lock(&jobs->mutex);
    struct job_log *log = !job->log ? NULL : job_log_hold(job->log);
    pthread_mutex_unlock(&jobs->mutex);
    if (with_events && log)
        status = events_write(jobs, job, log, err);
    pthread_mutex_lock(&jobs->mutex);
    if (log)
        job->reserved =
            job_log_next(log) + (job_ended(job->state) || job->orderly ? 0 : RESERVED_IDS);
    json_t *record = status == STATUS_OK ? job_record(job) : NULL;
    pthread_mutex_unlock(&jobs->mutex);
    if (status == STATUS_OK)
        status = record_write(job_path(jobs, job->id, JOB_FILE), record, "job", job->id, err);
    job_log_drop(log);
    pthread_mutex_unlock(&job->store);
    return status;
}

void job_enter(struct jobs *jobs, struct job *job, enum job_state state) {
    job->state = state;
    job->stalled = false;
    if (state == JOB_QUEUED || state == JOB_RUNNING)
        error_clear(&job->error);
    if (state == JOB_RUNNING && job->started <= 0)
        job->started = machine_wall_seconds();
    if (state != JOB_RUNNING)
        job->ask = JOB_ASK_NONE;
    if (job_ended(state)) {
        job->finished = machine_wall_seconds();
        jobs->ended[state]++;
    }
    if (state == JOB_QUEUED)
        job->queued_at = machine_wall_seconds();
    job_state_event(job);
    pthread_cond_broadcast(&jobs->changed);
}

static void job_remove_file(const struct jobs *jobs, const struct job *job, const char *file) {
    struct error err = {0};
    char *path = job_path(jobs, job->id, file);
    if (path && path_remove(path, &err) != STATUS_OK)
        job_say(jobs, job, LOG_WARNING, "%s", err.text);
    free(path);
}

void job_tidy(const struct jobs *jobs, const struct job *job) {
    static const char *const files[] = {"work",   "corpus",   "model", "settings.conf", "name",
                                        "digest", "checksum", "error", "questions",     "pairs"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        job_remove_file(jobs, job, files[i]);
}

/* Under the mutex: takes the oldest ended job out of the table when too many are kept; the caller
 * drops it. */
static struct job *job_forget(struct jobs *jobs) {
    size_t ended = 0, oldest = jobs->n;
    for (size_t i = 0; i < jobs->n; i++) {
        /* One with a log still has its end to record. */
        if (!job_ended(jobs->jobs[i]->state) || jobs->jobs[i]->log)
            continue;
        ended++;
        if (oldest == jobs->n || jobs->jobs[i]->finished < jobs->jobs[oldest]->finished)
            oldest = i;
    }
    if (ended <= (size_t)jobs->settings->max_jobs_kept)
        return NULL;
    struct job *job = jobs->jobs[oldest];
    jobs->n--;
    memmove(jobs->jobs + oldest, jobs->jobs + oldest + 1, (jobs->n - oldest) * sizeof *jobs->jobs);
    return job;
}

/* Nothing grows without a limit: what TensorBoard shows of a job goes with it. */
static void job_board_remove(const struct jobs *jobs, const struct job *job) {
    struct error err = {0};
    char *folder = job_board_folder(jobs, job);
    if (folder && event_log_remove(folder, &err) != STATUS_OK)
        job_say(jobs, job, LOG_WARNING, "%s", err.text);
    free(folder);
}

void jobs_forget(struct jobs *jobs) {
    for (;;) {
        pthread_mutex_lock(&jobs->mutex);
        struct job *job = job_forget(jobs);
        pthread_mutex_unlock(&jobs->mutex);
        if (!job)
            return;
        job_remove_file(jobs, job, JOB_FILE); /* first: a folder without it is an orphan */
        job_remove_file(jobs, job, NULL);
        job_board_remove(jobs, job);
        job_drop(jobs, job);
    }
}

enum status job_settle(struct jobs *jobs, struct job *job, struct error *err) {
    struct job_log *log = NULL;
    struct error full = {0};
    enum status status = job_persist(jobs, job, true, &full);
    if (status == STATUS_DISK_FULL) { /* what it holds on the disk makes room for its end */
        job_remove_file(jobs, job, "work");
        job_remove_file(jobs, job, "model");
        status = job_persist(jobs, job, true, err);
    } else if (status != STATUS_OK) {
        error_set(err, status, "%s", full.text);
    }
    if (status != STATUS_OK)
        job_say(jobs, job, LOG_ERROR, "its end is not stored: %s", err->text);
    else
        job_tidy(jobs, job);
    pthread_mutex_lock(&jobs->mutex);
    if (job->log) {
        log = job_log_hold(job->log);
        if (status == STATUS_OK) {
            job_log_drop(job->log);
            job->log = NULL;
        }
    }
    job_say(jobs, job, job->state == JOB_FAILED ? LOG_WARNING : LOG_INFO, "%s%s%s",
            job_state_name(job->state), job->error.status != STATUS_OK ? ": " : "",
            job->error.text);
    pthread_mutex_unlock(&jobs->mutex);
    if (log)
        job_log_end(log);
    job_log_drop(log);
    jobs_forget(jobs);
    return status;
}

enum status job_log_open(struct jobs *jobs, struct job *job, struct job_log **opened,
                         struct error *err) {
    struct error damage = {0};
    struct job_log *log = NULL;
    char *path = job_path(jobs, job->id, "events");
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the events of a job");
    enum status status = job_log_create(&log, (size_t)jobs->settings->max_events,
                                        jobs->settings->heartbeat_interval, err);
    if (status == STATUS_OK) {
        if (file_exists(path) && job_log_load(log, path, &damage) != STATUS_OK)
            job_say(jobs, job, LOG_WARNING, "its events are lost: %s", damage.text);
        job_log_skip(log, job->reserved);
        *opened = log;
    }
    free(path);
    return status;
}

enum status job_append(struct jobs *jobs, struct job *job, struct error *err) {
    struct job **rows = array_grow(jobs->jobs, &jobs->capacity, jobs->n + 1, sizeof *rows);
    if (!rows)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu jobs", jobs->n + 1);
    jobs->jobs = rows;
    jobs->jobs[jobs->n++] = job;
    return STATUS_OK;
}

enum status job_insert(struct jobs *jobs, struct job *job, struct error *err) {
    enum status status = job_append(jobs, job, err);
    if (status == STATUS_OK)
        job->sequence = jobs->sequence++;
    return status;
}

void job_withdraw(struct jobs *jobs, struct job *job) {
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = 0; i < jobs->n; i++)
        if (jobs->jobs[i] == job) {
            jobs->n--;
            memmove(jobs->jobs + i, jobs->jobs + i + 1, (jobs->n - i) * sizeof *jobs->jobs);
            break;
        }
    pthread_mutex_unlock(&jobs->mutex);
    job_remove_file(jobs, job, NULL);
    job_drop(jobs, job);
}
