/* The table of jobs: start, stop, transitions, what is forgotten. */
#include "server/jobs/jobs_private.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/random.h"

#define RECORD_LIMIT ((size_t)1 << 20)
#define RESERVED_IDS 10000 /* event ids a crash may cost */
#define RESTARTS_PER_CRASH \
    10 /* a dying server takes all its jobs along: the guilty one is not known, so more patience */

char *job_path(const struct jobs *jobs, const char *id, const char *file) {
    struct buffer path = {0};
    buffer_print(&path, "%s/%s", jobs->folder, id);
    if (file)
        buffer_print(&path, "/%s", file);
    return buffer_take(&path);
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

void job_drop(struct jobs *jobs, struct job *job) {
    if (!job)
        return;
    pthread_mutex_lock(&jobs->mutex);
    bool last = --job->holds == 0;
    pthread_mutex_unlock(&jobs->mutex);
    if (last)
        job_free(job);
}

static enum status record_write(const struct jobs *jobs, const struct job *job, json_t *record,
                                struct error *err) {
    char *text = !record ? NULL : json_dumps(record, JSON_INDENT(1));
    char *path = job_path(jobs, job->id, "job.json");
    if (!text || !path)
        error_set(err, STATUS_NO_MEMORY, "out of memory to record job '%s'", job->id);
    else
        status_ignore(file_replace(path, text, strlen(text), err));
    free(path);
    free(text);
    return err->status;
}

enum status job_persist(struct jobs *jobs, struct job *job, bool with_events, struct error *err) {
    pthread_mutex_lock(&job->store);
    pthread_mutex_lock(&jobs->mutex);
    struct job_log *log = !job->log ? NULL : job_log_hold(job->log);
    pthread_mutex_unlock(&jobs->mutex);
    if (with_events && log) {
        char *path = job_path(jobs, job->id, "events");
        if (!path)
            error_set(err, STATUS_NO_MEMORY, "out of memory to record job '%s'", job->id);
        else
            status_ignore(job_log_store(log, path, err));
        free(path);
    }
    pthread_mutex_lock(&jobs->mutex);
    if (log)
        job->reserved =
            job_log_next(log) + (job_ended(job->state) || job->orderly ? 0 : RESERVED_IDS);
    json_t *record = job_record(job);
    pthread_mutex_unlock(&jobs->mutex);
    if (err->status == STATUS_OK)
        status_ignore(record_write(jobs, job, record, err));
    json_decref(record);
    job_log_drop(log);
    pthread_mutex_unlock(&job->store);
    return err->status;
}

void job_enter(struct jobs *jobs, struct job *job, enum job_state state) {
    job->state = state;
    if (state == JOB_RUNNING && job->started <= 0)
        job->started = machine_wall_seconds();
    if (state != JOB_RUNNING)
        job->ask = JOB_ASK_NONE;
    if (job_ended(state))
        job->finished = machine_wall_seconds();
    job_state_event(job);
    pthread_cond_broadcast(&jobs->changed);
}

static void job_remove_file(const struct jobs *jobs, const struct job *job, const char *file) {
    struct error err = {0};
    char *path = job_path(jobs, job->id, file);
    if (path && path_remove(path, &err) != STATUS_OK)
        log_line(&jobs->server->logger, LOG_WARNING, "job %s: %s", job->id, err.text);
    free(path);
}

/* What an ended job no longer needs. */
static void job_tidy(const struct jobs *jobs, const struct job *job) {
    static const char *const files[] = {"work", "corpus", "model", "settings.conf",
                                        "name", "digest", "error"};
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
    if (ended <= (size_t)jobs->server->settings.max_jobs_kept)
        return NULL;
    struct job *job = jobs->jobs[oldest];
    jobs->n--;
    memmove(jobs->jobs + oldest, jobs->jobs + oldest + 1, (jobs->n - oldest) * sizeof *jobs->jobs);
    return job;
}

static void jobs_forget(struct jobs *jobs) {
    for (;;) {
        pthread_mutex_lock(&jobs->mutex);
        struct job *job = job_forget(jobs);
        pthread_mutex_unlock(&jobs->mutex);
        if (!job)
            return;
        job_remove_file(jobs, job, "job.json"); /* first: a folder without it is an orphan */
        job_remove_file(jobs, job, NULL);
        job_drop(jobs, job);
    }
}

enum status job_settle(struct jobs *jobs, struct job *job, struct error *err) {
    struct job_log *log = NULL;
    if (job_persist(jobs, job, true, err) != STATUS_OK)
        log_line(&jobs->server->logger, LOG_ERROR, "end of job %s is not stored: %s", job->id,
                 err->text);
    else
        job_tidy(jobs, job);
    pthread_mutex_lock(&jobs->mutex);
    if (job->log) {
        log = job_log_hold(job->log);
        if (err->status == STATUS_OK) {
            job_log_drop(job->log);
            job->log = NULL;
        }
    }
    log_line(&jobs->server->logger, job->state == JOB_FAILED ? LOG_WARNING : LOG_INFO,
             "job %s: %s%s%s", job->id, job_state_name(job->state),
             job->error.status != STATUS_OK ? ": " : "", job->error.text);
    pthread_mutex_unlock(&jobs->mutex);
    if (log)
        job_log_end(log);
    job_log_drop(log);
    jobs_forget(jobs);
    return err->status;
}

enum status job_log_open(struct jobs *jobs, struct job *job, struct job_log **opened,
                         struct error *err) {
    const struct settings *settings = &jobs->server->settings;
    struct error damage = {0};
    struct job_log *log = NULL;
    char *path = job_path(jobs, job->id, "events");
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the events of a job");
    if (job_log_create(&log, (size_t)settings->max_events, settings->heartbeat_interval, err) ==
        STATUS_OK) {
        if (file_exists(path) && job_log_load(log, path, &damage) != STATUS_OK)
            log_line(&jobs->server->logger, LOG_WARNING, "events of job %s are lost: %s", job->id,
                     damage.text);
        job_log_skip(log, job->reserved);
        *opened = log;
    }
    free(path);
    return err->status;
}

/* ---- start ---- */

static void job_quarantine(const struct jobs *jobs, const char *id, const struct error *reason) {
    struct error err = {0};
    struct buffer to = {0};
    char *from = job_path(jobs, id, NULL),
         *folder = path_join(jobs->server->settings.data, "quarantine");
    if (folder)
        buffer_print(&to, "%s/job-%s-%" PRIu64, folder, id, (uint64_t)machine_wall_seconds());
    if (!from || !folder || to.failed)
        error_set(&err, STATUS_NO_MEMORY, "out of memory");
    else if (folder_create(folder, &err) == STATUS_OK)
        status_ignore(path_rename(from, to.data, true, &err));
    log_line(&jobs->server->logger, LOG_ERROR, "job '%s' is damaged (%s): %s %s", id, reason->text,
             err.status == STATUS_OK ? "moved to" : "cannot be moved away:",
             err.status == STATUS_OK ? to.data : err.text);
    free(from);
    free(folder);
    buffer_clear(&to);
}

static enum status job_load(struct jobs *jobs, const char *id, const char *path,
                            struct job **loaded, struct error *err) {
    char *text = NULL;
    size_t length = 0;
    unsigned unknown = 0;
    json_t *record = NULL;
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return error_set(err, STATUS_NO_MEMORY, "out of memory to load job '%s'", id);
    pthread_mutex_init(&job->store, NULL);
    job->holds = 1;
    if (file_read(path, RECORD_LIMIT, &text, &length, err) == STATUS_OK &&
        json_parse(text, length, 8, &record, err) == STATUS_OK &&
        job_read(record, job, &unknown, err) == STATUS_OK && strcmp(job->id, id) != 0)
        error_set(err, STATUS_CORRUPT, "record of job '%s' is that of '%s'", id, job->id);
    if (err->status == STATUS_OK && unknown > 0 && !job_ended(job->state))
        log_line(&jobs->server->logger, LOG_WARNING,
                 "job %s: %u of its settings are unknown now, defaults are used", id, unknown);
    json_decref(record);
    free(text);
    if (err->status == STATUS_OK)
        *loaded = job;
    else
        job_free(job);
    return err->status;
}

static enum status jobs_append(struct jobs *jobs, struct job *job, struct error *err) {
    if (jobs->n == jobs->capacity) {
        size_t capacity = jobs->capacity == 0 ? 16 : 2 * jobs->capacity;
        struct job **rows = realloc(jobs->jobs, capacity * sizeof *rows);
        if (!rows)
            return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu jobs", capacity);
        jobs->jobs = rows;
        jobs->capacity = capacity;
    }
    jobs->jobs[jobs->n++] = job;
    return STATUS_OK;
}

enum status job_insert(struct jobs *jobs, struct job *job, struct error *err) {
    if (jobs_append(jobs, job, err) == STATUS_OK)
        job->sequence = jobs->sequence++;
    return err->status;
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

static enum status job_open(void *context, const char *id, struct error *err) {
    struct jobs *jobs = context;
    struct error reason = {0};
    struct job *job = NULL;
    char *path = job_path(jobs, id, "job.json"), *folder = job_path(jobs, id, NULL);
    if (!path || !folder) {
        error_set(err, STATUS_NO_MEMORY, "out of memory to load jobs");
    } else if (strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32) {
        log_line(&jobs->server->logger, LOG_WARNING, "'%s' is not a job: left alone", folder);
    } else if (!file_exists(path)) { /* never acknowledged */
        status_ignore(path_remove(folder, err));
    } else if (job_load(jobs, id, path, &job, &reason) == STATUS_OK) {
        if (jobs_append(jobs, job, err) == STATUS_OK)
            job = NULL;
    } else if (reason.status == STATUS_NO_MEMORY || reason.status == STATUS_IO) {
        error_set(err, reason.status, "%s", reason.text);
    } else {
        job_quarantine(jobs, id, &reason);
    }
    job_free(job);
    free(path);
    free(folder);
    return err->status;
}

static int job_order(const void *a, const void *b) {
    const struct job *const *left = a, *const *right = b;
    if ((*left)->sequence != (*right)->sequence)
        return (*left)->sequence < (*right)->sequence ? -1 : 1;
    return strcmp((*left)->id, (*right)->id);
}

/* What becomes of a job that a server left behind. */
static enum status job_revive(struct jobs *jobs, struct job *job, struct error *err) {
    const struct settings *settings = &jobs->server->settings;
    char version[JOB_VERSION_SIZE];
    enum job_state next = job->state;
    if (job_ended(job->state)) {
        job_tidy(jobs, job);
        return STATUS_OK;
    }
    if (job_log_open(jobs, job, &job->log, err) != STATUS_OK)
        return err->status;
    snprintf(version, sizeof version, "%.16s", job->id);
    if (job->state == JOB_RUNNING) {
        job->restarts += !job->orderly;
        next = job->ask == JOB_ASK_CANCEL  ? JOB_CANCELLED
               : job->ask == JOB_ASK_PAUSE ? JOB_PAUSED
                                           : JOB_QUEUED;
        if (next == JOB_QUEUED &&
            job->restarts >= (unsigned)settings->max_job_crashes * RESTARTS_PER_CRASH) {
            next = JOB_FAILED;
            error_set(
                &job->error, STATUS_INTERNAL,
                "the server went down %u times while this job ran, without a checkpoint in between",
                job->restarts);
        }
        if (models_has_version(jobs->server->models, job->model, version)) {
            next = JOB_SUCCEEDED;
            error_clear(&job->error);
            memcpy(job->version, version, sizeof version);
            job->progress.progress = 1;
        }
    }
    job->orderly = false;
    if (next == job->state)
        return STATUS_OK;
    pthread_mutex_lock(&jobs->mutex);
    job_enter(jobs, job, next);
    pthread_mutex_unlock(&jobs->mutex);
    if (job_ended(next))
        status_ignore(job_settle(jobs, job, err));
    else if (job_persist(jobs, job, true, err) == STATUS_OK)
        log_line(&jobs->server->logger, LOG_INFO, "job %s: %s again after a restart", job->id,
                 job_state_name(next));
    return err->status;
}

static enum status jobs_load(struct jobs *jobs, struct error *err) {
    size_t swept = 0;
    if (folder_create(jobs->folder, err) != STATUS_OK ||
        folder_sweep(jobs->folder, &swept, err) != STATUS_OK ||
        folder_visit(jobs->folder, job_open, jobs, err) != STATUS_OK)
        return err->status;
    if (jobs->n == 0)
        return STATUS_OK;
    qsort(jobs->jobs, jobs->n, sizeof *jobs->jobs, job_order);
    jobs->sequence = jobs->jobs[jobs->n - 1]->sequence + 1;
    /* job_settle may forget jobs, and with that move the rows: walk a copy. */
    size_t n = jobs->n;
    struct job **rows = malloc(n * sizeof *rows);
    if (!rows)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu jobs", n);
    memcpy(rows, jobs->jobs, n * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        rows[i]->holds++;
    for (size_t i = 0; i < n && err->status == STATUS_OK; i++)
        status_ignore(job_revive(jobs, rows[i], err));
    for (size_t i = 0; i < n; i++)
        job_drop(jobs, rows[i]);
    free(rows);
    jobs_forget(jobs);
    return err->status;
}

/* A queued, running or paused job uses it. */
static bool corpus_is_needed(void *context, const char *corpus) {
    struct jobs *jobs = context;
    bool needed = false;
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = 0; i < jobs->n && !needed; i++)
        needed = !job_ended(jobs->jobs[i]->state) && strcmp(jobs->jobs[i]->corpus, corpus) == 0;
    pthread_mutex_unlock(&jobs->mutex);
    return needed;
}

/* The threads take no signals: those are for whoever runs the server. */
static enum status slots_start(struct jobs *jobs, struct error *err) {
    size_t max = (size_t)jobs->server->settings.max_jobs_running;
    sigset_t all, before;
    jobs->slots = calloc(max, sizeof *jobs->slots);
    if (!jobs->slots)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu job slots", max);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (jobs->n_slots < max && err->status == STATUS_OK) {
        struct slot *slot = &jobs->slots[jobs->n_slots];
        slot->jobs = jobs;
        int failed = pthread_create(&slot->thread, NULL, slot_run, slot);
        if (failed)
            error_set_errno(err, failed, "cannot start a thread for jobs");
        else
            jobs->n_slots++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err->status;
}

enum status jobs_open(struct jobs **opened, struct server *server, struct error *err) {
    struct jobs *jobs = calloc(1, sizeof *jobs);
    pthread_condattr_t monotonic;
    if (!jobs || !(jobs->folder = path_join(server->settings.data, "jobs"))) {
        free(jobs);
        return error_set(err, STATUS_NO_MEMORY, "out of memory to load jobs");
    }
    jobs->server = server;
    pthread_mutex_init(&jobs->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&jobs->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (jobs_load(jobs, err) != STATUS_OK || slots_start(jobs, err) != STATUS_OK) {
        jobs_stop(jobs);
        jobs_close(jobs);
        return err->status;
    }
    corpora_set_needed(server->corpora, corpus_is_needed, jobs);
    *opened = jobs;
    return STATUS_OK;
}

/* ---- stop ---- */

/* Records what goes on at the next start. Requests may still come in meanwhile. */
static void jobs_leave(struct jobs *jobs) {
    size_t left = 0;
    pthread_mutex_lock(&jobs->mutex);
    struct job **rows = malloc((jobs->n + 1) * sizeof *rows);
    for (size_t i = 0; i < jobs->n && rows; i++) {
        struct job *job = jobs->jobs[i];
        if (job_ended(job->state) || job->creating)
            continue;
        job->orderly = true;
        job->holds++;
        rows[left++] = job;
    }
    pthread_mutex_unlock(&jobs->mutex);
    for (size_t i = 0; i < left; i++) {
        struct error err = {0};
        if (job_persist(jobs, rows[i], true, &err) != STATUS_OK)
            log_line(&jobs->server->logger, LOG_ERROR, "job %s is not stored: %s", rows[i]->id,
                     err.text);
        job_drop(jobs, rows[i]);
    }
    free(rows);
}

void jobs_stop(struct jobs *jobs) {
    if (!jobs)
        return;
    /* Some of the time is left to requests. */
    double deadline = machine_monotonic_seconds() + 0.9 * jobs->server->settings.shutdown_timeout;
    pthread_mutex_lock(&jobs->mutex);
    jobs->stopping = true;
    for (size_t i = 0; i < jobs->n; i++) {
        struct job *job = jobs->jobs[i];
        if (job->log)
            job_log_interrupt(job->log);
        if (job->pid > 0) {
            if (job->deadline <= 0 || job->deadline > deadline)
                job->deadline = deadline;
            kill(job->pid, SIGTERM);
        }
    }
    pthread_cond_broadcast(&jobs->changed);
    pthread_mutex_unlock(&jobs->mutex);
    for (; jobs->n_slots > 0; jobs->n_slots--)
        pthread_join(jobs->slots[jobs->n_slots - 1].thread, NULL);
    jobs_leave(jobs);
}

void jobs_close(struct jobs *jobs) {
    if (!jobs)
        return;
    corpora_set_needed(jobs->server->corpora, NULL, NULL);
    for (size_t i = 0; i < jobs->n; i++)
        job_free(jobs->jobs[i]);
    pthread_cond_destroy(&jobs->changed);
    pthread_mutex_destroy(&jobs->mutex);
    free(jobs->slots);
    free(jobs->jobs);
    free(jobs->folder);
    free(jobs);
}

void jobs_count(struct jobs *jobs, struct job_counts *counts) {
    *counts = (struct job_counts){0};
    uint64_t *const by_state[] = {&counts->queued,    &counts->running, &counts->paused,
                                  &counts->succeeded, &counts->failed,  &counts->cancelled};
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = 0; i < jobs->n; i++) {
        const struct job *job = jobs->jobs[i];
        if (job->creating)
            continue;
        ++*by_state[job->state];
        if (job->state == JOB_RUNNING && job->phase == PHASE_TRAINING)
            counts->words_per_second += job->progress.words_per_second;
    }
    counts->words = jobs->words;
    pthread_mutex_unlock(&jobs->mutex);
}
