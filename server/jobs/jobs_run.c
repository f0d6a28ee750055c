/* A running job: its training process, what that process tells, what becomes of the job when it
 * ends. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/file.h"
#include "base/machine.h"
#include "server/jobs/jobs_private.h"

#define LINES_PER_RUN 1000 /* of the child's stderr that reach the log */
#define LINE_SIZE 1024
#define STORE_SECONDS 2.0 /* between records of the progress, at least */
#define STORE_SHARE 20.0  /* and this many times what the last one took */
#define ERROR_LIMIT 4096
#define KILL_SECONDS 1.0 /* until a process that was killed is gone, usually */

/* Exit codes of `vecmill train --job`. */
enum {
    EXIT_OF_SUCCESS,
    EXIT_OF_FAILURE,
    EXIT_OF_USAGE,
    EXIT_OF_CANCEL,
    EXIT_OF_PAUSE,
    EXIT_OF_DIVERGENCE,
    EXIT_OF_MEMORY
};

struct run {
    struct jobs *jobs;
    struct job *job;
    int progress, lines; /* descriptors, -1 once ended */
    union {
        struct train_progress report;
        char bytes[sizeof(struct train_progress)];
    } incoming;
    size_t received;
    char line[LINE_SIZE]; /* of stderr, unfinished */
    size_t line_length;
    char last_line[LINE_SIZE];
    uint64_t n_lines;
    uint64_t words;        /* at the last report */
    double moved_at;       /* monotonic: the last report that told of progress */
    const char *activity;  /* while stalled: what was told of the process, a fixed text */
    struct error failure;  /* what the process said it failed of */
    uint64_t memory_kills; /* on this machine when it began */
    double killed_at;      /* monotonic; 0: it was not */
    double stored_at, store_cost;
    struct job_board board;
    int status; /* as waitpid gives it */
};

/* ---- the process ---- */

/* Starts the process, and tells it what was asked before there was one to hear it. */
static enum status run_start(struct run *run, struct error *err) {
    struct jobs *jobs = run->jobs;
    char *folder = job_path(jobs, run->job->id, NULL);
    char *stale = job_path(jobs, run->job->id, "error");
    pid_t pid = 0;
    enum status status = !folder || !stale ? error_set(err, STATUS_NO_MEMORY,
                                                       "out of memory to start a training process")
                                           : path_remove(stale, err);
    if (status == STATUS_OK)
        status = job_inputs_write(jobs, run->job, err);
    if (status == STATUS_OK)
        status = process_start(jobs->program, folder, jobs->environment, &pid, &run->progress,
                               &run->lines, err);
    if (status == STATUS_OK) {
        pthread_mutex_lock(&jobs->mutex);
        run->job->pid = pid;
        run->job->deadline = 0;
        run->job->moved_at = machine_monotonic_seconds();
        if (run->job->ask == JOB_ASK_CANCEL)
            kill(pid, SIGKILL);
        else if (run->job->ask == JOB_ASK_PAUSE || jobs->stopping)
            process_ask(pid);
        if (jobs->stopping)
            run->job->deadline = machine_monotonic_seconds() + jobs->settings->shutdown_timeout;
        pthread_mutex_unlock(&jobs->mutex);
    }
    free(stale);
    free(folder);
    return status;
}

/* ---- what it tells ---- */

static void run_store(struct run *run) {
    struct error err = {0};
    double begun = machine_monotonic_seconds();
    if (job_persist(run->jobs, run->job, true, &err) != STATUS_OK)
        job_say(run->jobs, run->job, LOG_WARNING, "progress is not stored: %s", err.text);
    run->stored_at = machine_monotonic_seconds();
    run->store_cost = run->stored_at - begun;
}

static bool report_sane(const struct train_progress *report) {
    return report->magic == TRAIN_PROGRESS_MAGIC && report->phase <= PHASE_PUBLISHING &&
           report->failed < STATUS_COUNT && memchr(report->key, '\0', sizeof report->key) &&
           memchr(report->note, '\0', sizeof report->note) &&
           memchr(report->row_norm_word, '\0', sizeof report->row_norm_word);
}

/* Under the mutex. */
static void run_moved(struct run *run) {
    static const char line[] = "the training process goes on";
    run->moved_at = run->job->moved_at = machine_monotonic_seconds();
    if (!run->job->stalled)
        return;
    run->job->stalled = false;
    job_line_event(run->job, line, sizeof line - 1);
    job_say(run->jobs, run->job, LOG_INFO, "%s", line);
}

/* Told by the job, its events, the log and the metrics: once, and again when the process is held,
 * as when one that had waited for a processor is stopped. */
static void stall_check(struct run *run) {
    struct job *job = run->job;
    double limit = run->jobs->settings->stall_timeout;
    bool held;
    const char *activity;
    char line[200];
    if (limit <= 0 ||
        machine_monotonic_seconds() - run->moved_at < limit + 2 * job->settings.progress_interval)
        return;
    activity = process_activity(job->pid, &held);
    pthread_mutex_lock(&run->jobs->mutex);
    if (!job->stalled || (held && run->activity != activity)) {
        job->stalled = true;
        run->activity = activity;
        snprintf(line, sizeof line, "no progress for stall_timeout, %g s: training process %ld %s",
                 limit, (long)job->pid, activity);
        job_line_event(job, line, strlen(line));
        job_say(run->jobs, job, LOG_WARNING, "%s", line);
    }
    pthread_mutex_unlock(&run->jobs->mutex);
}

/* Under the mutex. */
static void report_apply(struct run *run, const struct train_progress *report) {
    struct job *job = run->job;
    bool entered = job->phase != (int)report->phase, advanced = report->words > run->words;
    if (advanced)
        run->jobs->words += report->words - run->words;
    if (entered || advanced || report->progress > job->progress.progress || report->checkpointed)
        run_moved(run);
    run->words = report->words;
    job->progress = *report;
    job->phase = (int)report->phase;
    if (entered)
        job_state_event(job);
    if (report->note[0] != '\0')
        job_line_event(job, report->note, strlen(report->note));
    job_progress_event(job, report->epoch_ended != 0);
    if (report->checkpointed) /* it got further than the last crash */
        job->crashes = job->restarts = job->tries = 0;
}

static void report_take(struct run *run) {
    const struct train_progress *report = &run->incoming.report;
    struct job *job = run->job;
    if (!report_sane(report)) {
        job_say(run->jobs, job, LOG_WARNING, "sent a report that makes no sense");
        return;
    }
    if (report->failed != STATUS_OK) {
        error_set_key(&run->failure, (enum status)report->failed, report->key, "%s", report->note);
        return;
    }
    pthread_mutex_lock(&run->jobs->mutex);
    bool scanned = job->phase < PHASE_TRAINING && report->phase >= PHASE_TRAINING;
    report_apply(run, report);
    bool urgent = job_log_next(job->log) + 100 > job->reserved;
    pthread_mutex_unlock(&run->jobs->mutex);
    job_board_put(&run->board, run->jobs, job, report);
    if (scanned)
        corpora_note_report(run->jobs->corpora, job->corpus, job->digest, &report->corpus);
    double wait = run->store_cost * STORE_SHARE > STORE_SECONDS ? run->store_cost * STORE_SHARE
                                                                : STORE_SECONDS;
    bool due = machine_monotonic_seconds() - run->stored_at >= wait;
    if (urgent || (due && (report->checkpointed || report->epoch_ended)))
        run_store(run);
}

static void line_take(struct run *run) {
    if (run->line_length == 0)
        return;
    run->line[run->line_length] = '\0';
    memcpy(run->last_line, run->line, run->line_length + 1);
    run->line_length = 0;
    if (run->n_lines++ < LINES_PER_RUN)
        job_relay(run->jobs, run->job, run->last_line);
}

/* Reads what is there; false at the end of the pipe. */
static bool progress_read(struct run *run) {
    for (;;) {
        ssize_t n = read(run->progress, run->incoming.bytes + run->received,
                         sizeof run->incoming - run->received);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        run->received += (size_t)n;
        if (run->received == sizeof run->incoming) {
            run->received = 0;
            report_take(run);
        }
    }
}

static bool lines_read(struct run *run) {
    char bytes[LINE_SIZE];
    for (;;) {
        ssize_t n = read(run->lines, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] == '\n' || run->line_length == LINE_SIZE - 1)
                line_take(run);
            if (bytes[i] != '\n')
                run->line[run->line_length++] = bytes[i];
        }
    }
}

static void run_read(struct run *run) {
    if (run->progress >= 0 && !progress_read(run))
        descriptor_close(&run->progress);
    if (run->lines >= 0 && !lines_read(run))
        descriptor_close(&run->lines);
}

static void deadline_check(struct run *run) {
    struct job *job = run->job;
    pthread_mutex_lock(&run->jobs->mutex);
    if (job->deadline > 0 && machine_monotonic_seconds() > job->deadline) {
        job_say(run->jobs, job, LOG_WARNING, "was asked to stop and did not in time: killed");
        job->deadline = 0;
        run->killed_at = machine_monotonic_seconds();
        kill(job->pid, SIGKILL);
    }
    pthread_mutex_unlock(&run->jobs->mutex);
}

/* One that waits for a disk does not even die: a server that stops must not wait for it. It dies
 * with us. */
static bool run_is_beyond(const struct run *run) {
    pthread_mutex_lock(&run->jobs->mutex);
    bool stopping = run->jobs->stopping;
    pthread_mutex_unlock(&run->jobs->mutex);
    return stopping && run->killed_at > 0 &&
           machine_monotonic_seconds() - run->killed_at > KILL_SECONDS;
}

/* Until the child has ended and everything it said is read. It is reaped only after its pid is out
 * of reach of others. */
static void run_watch(struct run *run) {
    siginfo_t ended = {0};
    pid_t pid = run->job->pid;
    bool beyond = false;
    run->moved_at = machine_monotonic_seconds();
    while (ended.si_pid == 0 && !(beyond = run_is_beyond(run))) {
        struct pollfd polled[2] = {{run->progress, POLLIN, 0}, {run->lines, POLLIN, 0}};
        bool open = run->progress >= 0 || run->lines >= 0;
        status_ignore(poll(polled, 2, open ? 100 : 10));
        if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 && errno != EINTR)
            break;
        run_read(run);
        deadline_check(run);
        stall_check(run);
    }
    line_take(run);
    if (run->n_lines > LINES_PER_RUN)
        job_say(run->jobs, run->job, LOG_WARNING, "%llu more lines are left out",
                (unsigned long long)(run->n_lines - LINES_PER_RUN));
    descriptor_close(&run->progress);
    descriptor_close(&run->lines);
    pthread_mutex_lock(&run->jobs->mutex);
    run->job->pid = 0;
    run->job->deadline = 0;
    run->job->stalled = false;
    pthread_mutex_unlock(&run->jobs->mutex);
    run->status = SIGKILL;
    while (!beyond && waitpid(pid, &run->status, 0) < 0 && errno == EINTR)
        continue;
}

/* ---- what becomes of it ---- */

static void run_end(struct run *run, enum job_state state) {
    struct error err = {0};
    pthread_mutex_lock(&run->jobs->mutex);
    run->job->publishing = false;
    job_enter(run->jobs, run->job, state);
    pthread_mutex_unlock(&run->jobs->mutex);
    if (job_ended(state))
        status_ignore(job_settle(run->jobs, run->job, &err));
    else
        run_store(run);
}

static void run_fail(struct run *run, const struct error *reason) {
    pthread_mutex_lock(&run->jobs->mutex);
    run->job->error = *reason;
    pthread_mutex_unlock(&run->jobs->mutex);
    run_end(run, JOB_FAILED);
}

/* The server stops: on disk the job stays running, and goes on at the next start. */
static void run_leave(struct run *run) {
    job_say(run->jobs, run->job, LOG_INFO, "goes on at the next start");
    pthread_mutex_lock(&run->jobs->mutex);
    run->job->orderly = true;
    pthread_mutex_unlock(&run->jobs->mutex);
    run_store(run);
}

/* `reason` says what happened, without a count. */
static void run_crash(struct run *run, const char *reason) {
    struct error err = {0};
    char line[600];
    struct job *job = run->job;
    pthread_mutex_lock(&run->jobs->mutex);
    run->jobs->crashes++;
    unsigned crashes = ++job->crashes, max = (unsigned)run->jobs->settings->max_job_crashes;
    snprintf(line, sizeof line, "%s; crash %u of %u", reason, crashes, max);
    job_line_event(job, line, strlen(line));
    pthread_mutex_unlock(&run->jobs->mutex);
    job_say(run->jobs, job, LOG_WARNING, "%s", line);
    if (crashes < max) {
        run_end(run, JOB_QUEUED);
        return;
    }
    error_set_key(&err, STATUS_INTERNAL, "max_job_crashes",
                  "%s; after %u crashes it is not started again", reason, crashes);
    run_fail(run, &err);
}

/* A failure that may pass. False: it is none, and nothing was done. */
static bool run_wait(struct run *run, const struct error *reason, bool publishing) {
    struct job *job = run->job;
    if (!job_may_wait(run->jobs, job, reason, publishing))
        return false;
    pthread_mutex_lock(&run->jobs->mutex);
    job->publishing = false;
    if (job->ask == JOB_ASK_PAUSE) {
        job->error = *reason;
        job_enter(run->jobs, job, JOB_PAUSED);
    } else {
        job_wait(run->jobs, job, reason);
    }
    job_say(run->jobs, job, LOG_WARNING, "%s: %s", job_state_name(job->state), reason->text);
    pthread_mutex_unlock(&run->jobs->mutex);
    run_store(run);
    return true;
}

/* The kernel ended it because memory ran out: it waits, and after max_job_crashes such ends without
 * a checkpoint between somebody must look at it. Nothing is lost. */
static void run_out_of_memory(struct run *run) {
    struct error reason = {0};
    struct job *job = run->job;
    pthread_mutex_lock(&run->jobs->mutex);
    run->jobs->crashes++;
    bool enough = ++job->crashes >= (unsigned)run->jobs->settings->max_job_crashes;
    if (enough)
        job->ask = JOB_ASK_PAUSE;
    pthread_mutex_unlock(&run->jobs->mutex);
    error_set(&reason, STATUS_NO_MEMORY,
              "the kernel killed the training process because memory ran out%s",
              enough ? "; it was killed max_job_crashes times: resume it when there is more" : "");
    (void)run_wait(run, &reason, false);
}

/* FOLDER/error: "STATUS key", newline, text. False when the child left none. */
static bool error_read(const struct run *run, struct error *reason) {
    struct error err = {0};
    char *text = NULL, *path = job_path(run->jobs, run->job->id, "error");
    size_t length = 0;
    bool found = path && file_exists(path) &&
                 file_read(path, ERROR_LIMIT, &text, &length, &err) == STATUS_OK;
    char *newline = found ? strchr(text, '\n') : NULL;
    if (newline) {
        *newline = '\0';
        char *key = strchr(text, ' ');
        if (key)
            *key++ = '\0';
        enum status status = STATUS_INTERNAL;
        for (int i = 1; i < STATUS_COUNT; i++)
            if (strcasecmp(status_name((enum status)i), text) == 0)
                status = (enum status)i;
        char *end = newline + 1 + strcspn(newline + 1, "\n");
        *end = '\0';
        error_set_key(reason, status, !key || strcmp(key, "-") == 0 ? "" : key, "%s", newline + 1);
    }
    free(text);
    free(path);
    return newline != NULL;
}

/* The model is whole on disk: into the catalogue with it. False: it is not there after all, and
 * must be trained again. */
static bool run_publish(struct run *run, struct error *err) {
    struct job *job = run->job;
    struct jobs *jobs = run->jobs;
    char version[JOB_VERSION_SIZE], *folder = job_path(run->jobs, job->id, "model");
    snprintf(version, sizeof version, "%.16s", job->id);
    run_store(run); /* phase publishing is on disk: after a crash nothing is trained twice */
    if (!folder)
        error_set(err, STATUS_NO_MEMORY, "out of memory to publish model '%s'", job->model);
    else if (failpoint_hit("job.before_publish", err) == STATUS_OK &&
             model_own(folder, job->owner, err) == STATUS_OK &&
             models_publish(jobs->models, job->model, version, folder, err) == STATUS_OK) {
        audit(jobs->logger, "model_published", job->owner, "", "model=%s version=%s job=%s",
              job->model, version, job->id);
        status_ignore(failpoint_hit("job.published", err));
    }
    if ((err->status == STATUS_CORRUPT || err->status == STATUS_NOT_FOUND) &&
        !job_may_wait(jobs, job, err, true)) {
        struct error ignored = {0};
        job_say(jobs, job, LOG_WARNING, "its model cannot be published: %s", err->text);
        if (folder)
            status_ignore(path_remove(folder, &ignored));
        free(folder);
        return false;
    }
    free(folder);
    if (err->status == STATUS_OK) {
        corpora_note_report(jobs->corpora, job->corpus, job->digest, &job->progress.corpus);
        pthread_mutex_lock(&run->jobs->mutex);
        memcpy(job->version, version, sizeof version);
        job->progress.progress = 1;
        pthread_mutex_unlock(&run->jobs->mutex);
        run_end(run, JOB_SUCCEEDED);
    } else if (!run_wait(run, err, true)) {
        run_fail(run, err);
    }
    return true;
}

/* Under the mutex for a moment: from here on the job can not be cancelled. False: it was, just in
 * time. */
static bool publish_begin(struct run *run) {
    pthread_mutex_lock(&run->jobs->mutex);
    bool begun = run->job->ask != JOB_ASK_CANCEL;
    if (begun) {
        run->job->publishing = true;
        run->job->ask = JOB_ASK_NONE;
        if (run->job->phase != PHASE_PUBLISHING) {
            run->job->phase = PHASE_PUBLISHING;
            job_state_event(run->job);
        }
        pthread_cond_broadcast(&run->jobs->changed);
    }
    pthread_mutex_unlock(&run->jobs->mutex);
    return begun;
}

static void publish_or_crash(struct run *run) {
    struct error err = {0};
    if (!publish_begin(run)) {
        run_end(run, JOB_CANCELLED);
    } else if (!run_publish(run, &err)) {
        pthread_mutex_lock(&run->jobs->mutex);
        run->job->phase = PHASE_VOCABULARY;
        pthread_mutex_unlock(&run->jobs->mutex);
        run_crash(run, err.text);
    }
}

/* The child ended by itself with an exit code. */
static void run_exited(struct run *run, int code, enum job_ask ask, bool stopping) {
    struct error reason = {0};
    char text[sizeof reason.text];
    switch (code) {
    case EXIT_OF_SUCCESS:
        publish_or_crash(run);
        return;
    case EXIT_OF_CANCEL:
        run_end(run, JOB_CANCELLED);
        return;
    case EXIT_OF_PAUSE:
        if (stopping && ask != JOB_ASK_PAUSE)
            run_leave(run);
        else
            run_end(run, ask == JOB_ASK_PAUSE ? JOB_PAUSED : JOB_QUEUED);
        return;
    case EXIT_OF_FAILURE:
    case EXIT_OF_DIVERGENCE:
    case EXIT_OF_MEMORY:
        reason = run->failure;
        if (reason.status != STATUS_OK || error_read(run, &reason)) {
            if (!run_wait(run, &reason, false))
                run_fail(run, &reason);
            return;
        }
        break;
    default:
        break;
    }
    snprintf(text, sizeof text, "training process ended with code %d%s%.300s", code,
             run->last_line[0] != '\0' ? ": " : "", run->last_line);
    if (code != EXIT_OF_USAGE) {
        run_crash(run, text);
        return;
    }
    error_set(&reason, STATUS_INTERNAL, "%s", text);
    run_fail(run, &reason);
}

static void run_ended(struct run *run) {
    char text[200];
    pthread_mutex_lock(&run->jobs->mutex);
    enum job_ask ask = run->job->ask;
    bool stopping = run->jobs->stopping;
    pthread_mutex_unlock(&run->jobs->mutex);
    bool exited = WIFEXITED(run->status);
    if (exited && (ask != JOB_ASK_CANCEL || WEXITSTATUS(run->status) == EXIT_OF_SUCCESS)) {
        run_exited(run, WEXITSTATUS(run->status), ask, stopping);
        return;
    }
    if (ask == JOB_ASK_CANCEL) {
        run_end(run, JOB_CANCELLED);
        return;
    }
    /* Asked to stop before it could handle the signal, or too slow: it goes on from its last
     * checkpoint. */
    if (ask == JOB_ASK_PAUSE) {
        run_end(run, JOB_PAUSED);
        return;
    }
    if (stopping) {
        run_leave(run);
        return;
    }
    int signal = WTERMSIG(run->status);
    if (signal == SIGKILL && machine_memory_kills() > run->memory_kills) {
        run_out_of_memory(run);
        return;
    }
    snprintf(text, sizeof text, "training process was killed by signal %d (%s)%s", signal,
             strsignal(signal),
             signal == SIGKILL  ? ", probably because the machine or its container is out of memory"
             : signal == SIGBUS ? ", because a file that it reads was cut short or its disk failed"
                                : "");
    run_crash(run, text);
}

static bool model_waits(const struct run *run) {
    char version[JOB_VERSION_SIZE];
    char *path = job_path(run->jobs, run->job->id, "model/model.vecmill");
    snprintf(version, sizeof version, "%.16s", run->job->id);
    bool waits = path && run->job->phase == PHASE_PUBLISHING &&
                 (file_exists(path) || /* or stands in its place, and is not served yet */
                  models_has_version(run->jobs->models, run->job->model, version));
    free(path);
    return waits;
}

void job_perform(struct jobs *jobs, struct job *job) {
    struct error err = {0};
    struct run *run = calloc(1, sizeof *run);
    struct run small = {.jobs = jobs, .job = job, .progress = -1, .lines = -1};
    if (!run) {
        error_set(&err, STATUS_NO_MEMORY, "out of memory to watch a training process");
        (void)run_wait(&small, &err, false);
        return;
    }
    small.memory_kills = machine_memory_kills();
    *run = small;
    run->words = job->progress.words;
    run_store(run);
    if (model_waits(run)) {
        publish_or_crash(run);
    } else if (run_start(run, &err) != STATUS_OK) {
        if (!run_wait(run, &err, false))
            run_crash(run, err.text);
    } else {
        job_say(jobs, job, LOG_INFO, "training '%s' from corpus '%s', process %ld", job->model,
                job->corpus, (long)job->pid);
        run_watch(run);
        job_board_close(&run->board);
        run_ended(run);
    }
    free(run);
}
