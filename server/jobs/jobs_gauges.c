/* What /metrics tells of jobs. */
#include <string.h>

#include "base/machine.h"
#include "server/jobs/jobs_private.h"

static void keep_age(double *age, double since, double now) {
    if (now - since > *age)
        *age = now - since;
}

void jobs_count(struct jobs *jobs, struct job_counts *counts) {
    *counts = (struct job_counts){0};
    uint64_t *const by_state[] = {&counts->queued,   &counts->running,   &counts->paused,
                                  &counts->waiting,  &counts->succeeded, &counts->failed,
                                  &counts->cancelled};
    double now = machine_wall_seconds();
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = 0; i < jobs->n; i++) {
        const struct job *job = jobs->jobs[i];
        if (job->creating)
            continue;
        ++*by_state[job->state];
        counts->stalled += job->stalled;
        if (job->state == JOB_RUNNING && job->phase == PHASE_TRAINING)
            counts->words_per_second += job->progress.words_per_second;
        if (job->state == JOB_QUEUED)
            keep_age(&counts->queue_age, job->queued_at, now);
        if (job->state == JOB_WAITING)
            keep_age(&counts->waiting_age, job->waiting_at, now);
    }
    counts->words = jobs->words;
    counts->ended_succeeded = jobs->ended[JOB_SUCCEEDED];
    counts->ended_failed = jobs->ended[JOB_FAILED];
    counts->ended_cancelled = jobs->ended[JOB_CANCELLED];
    counts->crashes = jobs->crashes;
    pthread_mutex_unlock(&jobs->mutex);
}

/* Under the mutex. */
static void describe(const struct job *job, struct job_gauge *gauge) {
    memcpy(gauge->id, job->id, sizeof gauge->id);
    memcpy(gauge->model, job->model, sizeof gauge->model);
    memcpy(gauge->corpus, job->corpus, sizeof gauge->corpus);
    gauge->phase = job->phase;
    gauge->progress = job->progress;
    gauge->epochs = job_epochs(job);
    gauge->report_age = job->moved_at > 0 ? machine_monotonic_seconds() - job->moved_at : 0;
    gauge->pid = job->pid;
}

size_t jobs_running(struct jobs *jobs, struct job_gauge *gauges, size_t max) {
    size_t n = 0;
    pthread_mutex_lock(&jobs->mutex);
    for (size_t i = 0; i < jobs->n && n < max; i++)
        if (jobs->jobs[i]->state == JOB_RUNNING)
            describe(jobs->jobs[i], &gauges[n++]);
    pthread_mutex_unlock(&jobs->mutex);
    return n;
}

uint64_t jobs_disk_needed(struct jobs *jobs) {
    return jobs_reserved(jobs);
}
