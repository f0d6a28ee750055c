/* The threads that run jobs: which job is next. */
#include <math.h>
#include <time.h>

#include "base/machine.h"
#include "server/jobs/jobs_private.h"

/* Under the mutex: the oldest job that is queued, or that has waited long enough. *wake: when the
 * next one has, 0: none waits. */
static struct job *slot_choose(const struct jobs *jobs, double *wake) {
    double now = machine_monotonic_seconds();
    *wake = 0;
    for (size_t i = 0; i < jobs->n; i++) {
        struct job *job = jobs->jobs[i];
        if (job->state == JOB_WAITING && job->retry_at > now &&
            (*wake <= 0 || job->retry_at < *wake))
            *wake = job->retry_at;
        if ((job->state == JOB_QUEUED && !job->creating) ||
            (job->state == JOB_WAITING && job->retry_at <= now))
            return job;
    }
    return NULL;
}

/* Under the mutex, which is given back meanwhile: is there room for a job that waits for the disk?
 * Nobody else tries it for a while. The job is held by the caller. */
static bool slot_has_room(struct jobs *jobs, struct job *job) {
    if (job->state != JOB_WAITING || job->error.status != STATUS_DISK_FULL)
        return true;
    job->retry_at = machine_monotonic_seconds() + jobs->settings->retry_interval;
    pthread_mutex_unlock(&jobs->mutex);
    bool room = job_has_room(jobs, job);
    pthread_mutex_lock(&jobs->mutex);
    return room && job->state == JOB_WAITING && !jobs->stopping;
}

static void slot_sleep(struct jobs *jobs, double wake) {
    struct timespec until = {.tv_sec = (time_t)wake, .tv_nsec = (long)((wake - floor(wake)) * 1e9)};
    if (wake > 0)
        pthread_cond_timedwait(&jobs->changed, &jobs->mutex, &until);
    else
        pthread_cond_wait(&jobs->changed, &jobs->mutex);
}

/* Waits for the oldest job that can run and makes it running; held for the caller. NULL when the
 * server stops. */
static struct job *slot_take(struct jobs *jobs) {
    struct job *job = NULL;
    double wake;
    pthread_mutex_lock(&jobs->mutex);
    while (!jobs->stopping && !job) {
        job = slot_choose(jobs, &wake);
        if (!job) {
            slot_sleep(jobs, wake);
            continue;
        }
        job->holds++;
        if (slot_has_room(jobs, job))
            break;
        pthread_mutex_unlock(&jobs->mutex);
        job_drop(jobs, job);
        job = NULL;
        pthread_mutex_lock(&jobs->mutex);
    }
    if (job) {
        job->orderly = false;
        job->deadline = 0;
        if (job->phase == PHASE_NONE)
            job->phase = PHASE_VOCABULARY;
        job_enter(jobs, job, JOB_RUNNING);
    }
    pthread_mutex_unlock(&jobs->mutex);
    return job;
}

void *slot_run(void *context) {
    const struct slot *slot = context;
    for (struct job *job; (job = slot_take(slot->jobs)) != NULL; job_drop(slot->jobs, job))
        job_perform(slot->jobs, job);
    return NULL;
}
