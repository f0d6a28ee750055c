/* What a job waits for, and the disk that jobs need. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/machine.h"
#include "server/jobs/jobs_private.h"

#define DOUBLINGS_MAX 5 /* of retry_interval */

/* The record of a job is there as long as its data folder is. */
static bool data_is_away(const struct jobs *jobs, const struct job *job) {
    struct error ignored = {0};
    struct file_state state;
    char *path = job_path(jobs, job->id, JOB_FILE);
    bool away = path && file_state(path, &state, &ignored) != STATUS_OK;
    free(path);
    return away;
}

bool job_may_wait(const struct jobs *jobs, const struct job *job, const struct error *reason,
                  bool publishing) {
    switch (reason->status) {
    case STATUS_DISK_FULL:
    case STATUS_IO:
    case STATUS_BUSY:
        return true;
    case STATUS_NO_MEMORY: /* with a key: it can never fit, and the text says what would */
        return publishing || reason->key[0] == '\0';
    case STATUS_REFUSED:
    case STATUS_CONFLICT:
    case STATUS_TOO_LARGE:
        return publishing;
    case STATUS_NOT_FOUND:
    case STATUS_CORRUPT:
        return data_is_away(jobs, job);
    case STATUS_OK:
    case STATUS_MALFORMED:
    case STATUS_UNSUPPORTED:
    case STATUS_UNAUTHORIZED:
    case STATUS_FORBIDDEN:
    case STATUS_CANCELLED:
    case STATUS_PAUSED:
    case STATUS_DIVERGED:
    case STATUS_INTERNAL:
    case STATUS_COUNT: /* is none */
        break;
    }
    return false;
}

void job_wait(struct jobs *jobs, struct job *job, const struct error *reason) {
    unsigned doublings = job->tries < DOUBLINGS_MAX ? job->tries : DOUBLINGS_MAX;
    job->error = *reason;
    if (job->tries++ == 0)
        job->waiting_at = machine_wall_seconds();
    job->retry_at =
        machine_monotonic_seconds() + jobs->settings->retry_interval * (double)(1u << doublings);
    job_enter(jobs, job, JOB_WAITING);
}

/* ---- the disk -------------------------------------------------------------------------------- */

static uint64_t size_of(const struct jobs *jobs, const char *id, const char *file) {
    struct error ignored = {0};
    uint64_t size = 0;
    char *path = job_path(jobs, id, file);
    if (path && file_size(path, &size, &ignored) != STATUS_OK)
        size = 0;
    free(path);
    return size;
}

static uint64_t vocabulary_of(const struct job *job) {
    uint64_t counted = job->progress.corpus.vocabulary;
    return job->phase >= PHASE_TRAINING && counted > 0 ? counted : job->plan_words;
}

/* What a job has still to write, of which we were told before: a checkpoint is replaced by a copy
 * of it, so that there may be three for a moment; but two will do. */
struct disk_need {
    char id[JOB_ID_SIZE];
    struct train_disk disk;
    int phase;
};

static struct disk_need need_of(const struct job *job) {
    struct disk_need need = {.disk = train_disk(&job->settings, vocabulary_of(job)),
                             .phase = job->phase};
    snprintf(need.id, sizeof need.id, "%s", job->id);
    return need;
}

static uint64_t less(uint64_t from, uint64_t taken) {
    return from > taken ? from - taken : 0;
}

/* Before the words are counted, their numbers have to be written too: about as much as the text. */
static uint64_t bytes_to_come(const struct jobs *jobs, const struct disk_need *need) {
    uint64_t written =
        size_of(jobs, need->id, "work/checkpoint-0") + size_of(jobs, need->id, "work/checkpoint-1");
    uint64_t numbers = need->phase < PHASE_TRAINING ? size_of(jobs, need->id, "corpus") : 0;
    uint64_t model = less(need->disk.model, size_of(jobs, need->id, "model/model.vecmill"));
    uint64_t checkpoints = less(2 * need->disk.checkpoint, written);
    return need->phase == PHASE_PUBLISHING ? model : checkpoints + model + numbers;
}

uint64_t jobs_reserved(void *context) {
    struct jobs *jobs = context;
    size_t n = 0;
    uint64_t bytes = 0;
    pthread_mutex_lock(&jobs->mutex);
    struct disk_need *needs = malloc((jobs->n + 1) * sizeof *needs);
    for (size_t i = 0; needs && i < jobs->n; i++)
        if (jobs->jobs[i]->state == JOB_RUNNING || jobs->jobs[i]->state == JOB_WAITING)
            needs[n++] = need_of(jobs->jobs[i]);
    pthread_mutex_unlock(&jobs->mutex);
    for (size_t i = 0; i < n; i++)
        bytes += bytes_to_come(jobs, &needs[i]);
    free(needs);
    return bytes;
}

bool job_has_room(const struct jobs *jobs, const struct job *job) {
    struct error ignored = {0};
    uint64_t available = 0;
    struct disk_need need = need_of(job);
    uint64_t largest =
        need.disk.checkpoint > need.disk.model ? need.disk.checkpoint : need.disk.model;
    if (disk_available(jobs->folder, &available, &ignored) != STATUS_OK)
        return false;
    return available >= (need.phase == PHASE_PUBLISHING ? 1 : largest);
}
