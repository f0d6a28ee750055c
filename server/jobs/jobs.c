/* Start and stop of jobs: what the disk says, what becomes of a job that a server left behind. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/machine.h"
#include "server/jobs/jobs_private.h"

/* A dying server takes all its jobs along: the guilty one is not known, so more patience. */
#define RESTARTS_PER_CRASH 10

/* ---- start ----------------------------------------------------------------------------------- */

static enum status job_open(void *context, const char *id, const json_t *record,
                            struct error *err) {
    struct jobs *jobs = context;
    unsigned unknown = 0;
    struct job *job = job_create();
    if (!job)
        return error_set(err, STATUS_NO_MEMORY, "out of memory to load job '%s'", id);
    enum status status = job_read(record, job, &unknown, err);
    if (status == STATUS_OK && strcmp(job->id, id) != 0)
        status = error_set(err, STATUS_CORRUPT, "record of job '%s' is that of '%s'", id, job->id);
    if (status == STATUS_OK && unknown > 0 && !job_ended(job->state))
        job_say(jobs, job, LOG_WARNING, "%u of its settings are unknown now, defaults are used",
                unknown);
    job->queued_at = job->started > 0 ? machine_wall_seconds() : job->created;
    job->waiting_at = machine_wall_seconds();
    if (status == STATUS_OK)
        status = job_append(jobs, job, err);
    if (status != STATUS_OK)
        job_free(job);
    return status;
}

static int job_order(const void *a, const void *b) {
    const struct job *const *left = a, *const *right = b;
    if ((*left)->sequence != (*right)->sequence)
        return (*left)->sequence < (*right)->sequence ? -1 : 1;
    return strcmp((*left)->id, (*right)->id);
}

/* The state in which a job goes on that was running when its server ended. */
static enum job_state state_after_restart(struct jobs *jobs, struct job *job) {
    struct error failed = {0};
    char version[JOB_VERSION_SIZE], *folder = NULL;
    enum job_state next = job->ask == JOB_ASK_CANCEL  ? JOB_CANCELLED
                          : job->ask == JOB_ASK_PAUSE ? JOB_PAUSED
                                                      : JOB_QUEUED;
    job->restarts += !job->orderly;
    if (next == JOB_QUEUED &&
        job->restarts >= (unsigned)jobs->settings->max_job_crashes * RESTARTS_PER_CRASH) {
        next = JOB_FAILED;
        error_set(
            &job->error, STATUS_INTERNAL,
            "the server went down %u times while this job ran, without a checkpoint in between",
            job->restarts);
    }
    snprintf(version, sizeof version, "%.16s", job->id);
    if (models_has_version(jobs->models, job->model, version)) {
        /* The server may have ended before CURRENT named it: published once more. */
        folder = job_path(jobs, job->id, "model");
        if (!folder ||
            models_publish(jobs->models, job->model, version, folder, &failed) != STATUS_OK) {
            job->phase = PHASE_PUBLISHING;
            free(folder);
            return JOB_QUEUED;
        }
        free(folder);
        next = JOB_SUCCEEDED;
        error_clear(&job->error);
        memcpy(job->version, version, sizeof version);
        job->progress.progress = 1;
    }
    return next;
}

/* What becomes of a job that a server left behind. */
static enum status job_revive(struct jobs *jobs, struct job *job, struct error *err) {
    if (job_ended(job->state)) {
        job_tidy(jobs, job);
        return STATUS_OK;
    }
    enum status status = job_log_open(jobs, job, &job->log, err);
    if (status != STATUS_OK)
        return status;
    enum job_state next = job->state == JOB_RUNNING ? state_after_restart(jobs, job) : job->state;
    job->orderly = false;
    if (next == job->state)
        return STATUS_OK;
    pthread_mutex_lock(&jobs->mutex);
    job_enter(jobs, job, next);
    pthread_mutex_unlock(&jobs->mutex);
    struct error failed = {0};
    if (job_ended(next)) {
        status_ignore(job_settle(jobs, job, &failed)); /* has told, and is tried at each start */
        return STATUS_OK;
    }
    /* A disk that is full must not keep the service from coming up. */
    if (job_persist(jobs, job, true, &failed) != STATUS_OK)
        job_say(jobs, job, LOG_WARNING, "is not stored: %s", failed.text);
    else
        job_say(jobs, job, LOG_INFO, "%s again after a restart", job_state_name(next));
    return STATUS_OK;
}

/* job_settle may forget jobs, and with that move the rows: walks a copy. */
static enum status jobs_revive(struct jobs *jobs, struct error *err) {
    size_t n = jobs->n;
    struct job **rows = malloc(n * sizeof *rows);
    enum status status = STATUS_OK;
    if (!rows)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu jobs", n);
    memcpy(rows, jobs->jobs, n * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        rows[i]->holds++;
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        status = job_revive(jobs, rows[i], err);
    for (size_t i = 0; i < n; i++)
        job_drop(jobs, rows[i]);
    free(rows);
    jobs_forget(jobs);
    return status;
}

static enum status jobs_load(struct jobs *jobs, struct error *err) {
    static const struct record_kind kind = {"job", JOB_FILE, record_id_valid, job_open};
    size_t swept = 0;
    enum status status =
        records_load(&kind, jobs->folder, jobs->settings->data, jobs->logger, jobs, &swept, err);
    if (status != STATUS_OK || jobs->n == 0)
        return status;
    qsort(jobs->jobs, jobs->n, sizeof *jobs->jobs, job_order);
    jobs->sequence = jobs->jobs[jobs->n - 1]->sequence + 1;
    return jobs_revive(jobs, err);
}

/* A queued, running or paused job uses it, as its text or as its pairs. */
static bool corpus_is_needed(void *context, const char *corpus) {
    struct jobs *jobs = context;
    bool needed = false;
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = 0; i < jobs->n && !needed; i++)
        needed = !job_ended(jobs->jobs[i]->state) &&
                 (strcmp(jobs->jobs[i]->corpus, corpus) == 0 ||
                  strcmp(jobs->jobs[i]->settings.pairs, corpus) == 0);
    pthread_mutex_unlock(&jobs->mutex);
    return needed;
}

/* A job that has not ended would make it anew. */
static bool model_is_needed(void *context, const char *model, char job[RECORD_ID_SIZE]) {
    struct jobs *jobs = context;
    bool needed = false;
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = 0; i < jobs->n && !needed; i++) {
        needed = !job_ended(jobs->jobs[i]->state) && strcmp(jobs->jobs[i]->model, model) == 0;
        if (needed)
            memcpy(job, jobs->jobs[i]->id, RECORD_ID_SIZE);
    }
    pthread_mutex_unlock(&jobs->mutex);
    return needed;
}

/* The threads take no signals: those are for whoever runs the server. */
static enum status slots_start(struct jobs *jobs, struct error *err) {
    size_t max = (size_t)jobs->settings->max_jobs_running;
    enum status status = STATUS_OK;
    sigset_t all, before;
    jobs->slots = calloc(max, sizeof *jobs->slots);
    if (!jobs->slots)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu job slots", max);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (jobs->n_slots < max && status == STATUS_OK) {
        struct slot *slot = &jobs->slots[jobs->n_slots];
        slot->jobs = jobs;
        int failed = pthread_create(&slot->thread, NULL, slot_run, slot);
        if (failed)
            status = error_set_errno(err, failed, "cannot start a thread for jobs");
        else
            jobs->n_slots++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

enum status jobs_open(struct jobs **opened, const struct jobs_options *options, struct error *err) {
    struct jobs *jobs = calloc(1, sizeof *jobs);
    pthread_condattr_t monotonic;
    if (!jobs || !(jobs->folder = path_join(options->settings->data, "jobs"))) {
        free(jobs);
        return error_set(err, STATUS_NO_MEMORY, "out of memory to load jobs");
    }
    jobs->settings = options->settings;
    jobs->logger = options->logger;
    jobs->kernel = options->kernel;
    jobs->program = options->program;
    jobs->environment = options->environment;
    jobs->corpora = options->corpora;
    jobs->models = options->models;
    pthread_mutex_init(&jobs->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&jobs->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    corpora_set_needed(jobs->corpora, corpus_is_needed, jobs);
    corpora_set_reserved(jobs->corpora, jobs_reserved, jobs);
    models_set_needed(jobs->models, model_is_needed, jobs);
    models_set_reserved(jobs->models, jobs_reserved, jobs);
    enum status status = jobs_load(jobs, err);
    if (status == STATUS_OK)
        status = slots_start(jobs, err);
    if (status == STATUS_OK) {
        *opened = jobs;
    } else {
        jobs_stop(jobs);
        jobs_close(jobs);
    }
    return status;
}

/* ---- stop ------------------------------------------------------------------------------------ */

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
            job_say(jobs, rows[i], LOG_ERROR, "is not stored: %s", err.text);
        job_drop(jobs, rows[i]);
    }
    free(rows);
}

void jobs_stop(struct jobs *jobs) {
    if (!jobs)
        return;
    /* Some of the time is left to requests. */
    double deadline = machine_monotonic_seconds() + 0.9 * jobs->settings->shutdown_timeout;
    pthread_mutex_lock(&jobs->mutex);
    jobs->stopping = true;
    for (size_t i = 0; i < jobs->n; i++) {
        struct job *job = jobs->jobs[i];
        if (job->log)
            job_log_interrupt(job->log);
        if (job->pid > 0) {
            if (job->deadline <= 0 || job->deadline > deadline)
                job->deadline = deadline;
            process_ask(job->pid);
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
    corpora_set_needed(jobs->corpora, NULL, NULL);
    corpora_set_reserved(jobs->corpora, NULL, NULL);
    models_set_needed(jobs->models, NULL, NULL);
    models_set_reserved(jobs->models, NULL, NULL);
    for (size_t i = 0; i < jobs->n; i++)
        job_free(jobs->jobs[i]);
    pthread_cond_destroy(&jobs->changed);
    pthread_mutex_destroy(&jobs->mutex);
    free(jobs->slots);
    free(jobs->jobs);
    free(jobs->folder);
    free(jobs);
}
