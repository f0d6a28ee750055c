/* Jobs: the queue, what is running, what has ended. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/jobs/jobs.h"
#include "server/metrics.h"

/* Gauges of a running job, out of its last report: a row for each. A value that is not known yet is
 * left out. */
struct job_row {
    const char *name, *help;
    double (*value)(const struct job_gauge *job);
};

static double progress_of(const struct job_gauge *job) {
    return job->progress.progress;
}
static double epoch_of(const struct job_gauge *job) {
    return (double)job->progress.epoch;
}
static double epochs_of(const struct job_gauge *job) {
    return job->epochs > 0 ? (double)job->epochs : NAN; /* auto, before the words are counted */
}
static double words_of(const struct job_gauge *job) {
    return (double)job->progress.words;
}
static double words_expected_of(const struct job_gauge *job) {
    return (double)job->progress.words_total;
}
/* What is of the training phase is not known before. */
static double while_training(const struct job_gauge *job, double value) {
    return job->phase >= PHASE_TRAINING ? value : NAN;
}
static double speed_of(const struct job_gauge *job) {
    return while_training(job, job->progress.words_per_second);
}
static double rate_of(const struct job_gauge *job) {
    return while_training(job, job->progress.learning_rate);
}
static double eta_of(const struct job_gauge *job) {
    return while_training(job, job->progress.eta_seconds);
}
static double age_of(const struct job_gauge *job) {
    return job->report_age;
}

static const struct job_row rows[] = {
    {"vecmill_job_progress_ratio", "How much of the running job is done, 0 to 1.", progress_of},
    {"vecmill_job_epoch", "Epoch of the running job, from 1.", epoch_of},
    {"vecmill_job_epochs", "Epochs that the running job will train.", epochs_of},
    {"vecmill_job_words", "Corpus words passed by the running job, in all its epochs.", words_of},
    {"vecmill_job_words_expected", "Corpus words that it will pass in all.", words_expected_of},
    {"vecmill_job_words_per_second", "Corpus words that it passes per second now.", speed_of},
    {"vecmill_job_learning_rate", "Learning rate now.", rate_of},
    {"vecmill_job_eta_seconds", "Time that the training will take from now on, estimated.", eta_of},
    {"vecmill_job_report_age_seconds", "Time since the running job last got further.", age_of},
};

static void label_job(struct buffer *labels, const struct job_gauge *job) {
    labels->length = 0;
    exposition_label(labels, "job_id", job->id);
    exposition_label(labels, "model", job->model);
}

static void put_processes(struct exposition *page, const struct job_gauge *jobs, size_t n,
                          struct buffer *labels) {
    struct process_figures *figures = calloc(n + 1, sizeof *figures);
    if (!figures)
        return;
    for (size_t i = 0; i < n; i++)
        if (jobs[i].pid > 0)
            process_read(jobs[i].pid, &figures[i]);
    exposition_family(page, "vecmill_job_resident_memory_bytes", FAMILY_GAUGE,
                      "Resident memory of the training process.");
    for (size_t i = 0; i < n; i++) {
        label_job(labels, &jobs[i]);
        if (figures[i].resident_bytes > 0 && labels->data)
            exposition_count(page, labels->data, figures[i].resident_bytes);
    }
    exposition_family(page, "vecmill_job_cpu_seconds", FAMILY_COUNTER,
                      "User and system CPU time of the training process.");
    for (size_t i = 0; i < n; i++) {
        label_job(labels, &jobs[i]);
        if (figures[i].resident_bytes > 0 && labels->data)
            exposition_value(page, labels->data, figures[i].cpu_seconds);
    }
    free(figures);
}

/* Loss, norms, evaluations: what training tells, each as vecmill_job_NAME. */
static void put_figures(struct exposition *page, const struct job_gauge *jobs, size_t n,
                        struct buffer *labels) {
    char name[64], help[200];
    size_t count;
    const struct train_figure *figures = train_figures(&count);
    for (size_t figure = 0; figure < count; figure++) {
        snprintf(name, sizeof name, "vecmill_job_%s", figures[figure].name);
        snprintf(help, sizeof help, "Of the running job: %s.", figures[figure].meaning);
        exposition_family(page, name, FAMILY_GAUGE, help);
        for (size_t i = 0; i < n; i++) {
            double value = train_figure_value(&jobs[i].progress, &figures[figure]);
            label_job(labels, &jobs[i]);
            exposition_value(page, labels->data ? labels->data : "",
                             while_training(&jobs[i], value));
        }
    }
}

/* Series of a job end with it, so that they are never more than max_jobs_running jobs have. */
static void put_running(struct exposition *page, const struct server *server) {
    static const char *const phases[] = {"vocabulary", "training", "publishing"};
    size_t max = (size_t)server->settings.max_jobs_running, n = 0;
    struct job_gauge *jobs = calloc(max, sizeof *jobs);
    struct buffer labels = {0};
    if (!jobs) {
        page->text.failed = true;
        return;
    }
    if (server->jobs)
        n = jobs_running(server->jobs, jobs, max);
    exposition_family(page, "vecmill_job", FAMILY_INFO,
                      "What a running job trains, and from what.");
    for (size_t i = 0; i < n; i++) {
        label_job(&labels, &jobs[i]);
        exposition_label(&labels, "corpus", jobs[i].corpus);
        exposition_count(page, labels.data ? labels.data : "", 1);
    }
    exposition_family(page, "vecmill_job_phase", FAMILY_GAUGE,
                      "1 for the phase that the running job is in, 0 for the others.");
    for (size_t i = 0; i < n; i++)
        for (int phase = 0; phase < (int)(sizeof phases / sizeof phases[0]); phase++) {
            label_job(&labels, &jobs[i]);
            exposition_label(&labels, "phase", phases[phase]);
            exposition_count(page, labels.data ? labels.data : "", jobs[i].phase == phase);
        }
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        exposition_family(page, rows[row].name, FAMILY_GAUGE, rows[row].help);
        for (size_t i = 0; i < n; i++) {
            label_job(&labels, &jobs[i]);
            exposition_value(page, labels.data ? labels.data : "", rows[row].value(&jobs[i]));
        }
    }
    put_figures(page, jobs, n, &labels);
    put_processes(page, jobs, n, &labels);
    page->text.failed = page->text.failed || labels.failed;
    buffer_clear(&labels);
    free(jobs);
}

static void put_states(struct exposition *page, const struct job_counts *counts) {
    const struct {
        const char *labels;
        uint64_t n;
    } states[] = {
        {"state=\"queued\"", counts->queued},       {"state=\"running\"", counts->running},
        {"state=\"paused\"", counts->paused},       {"state=\"waiting\"", counts->waiting},
        {"state=\"succeeded\"", counts->succeeded}, {"state=\"failed\"", counts->failed},
        {"state=\"cancelled\"", counts->cancelled}};
    const struct {
        const char *labels;
        uint64_t n;
    } ends[] = {{"state=\"succeeded\"", counts->ended_succeeded},
                {"state=\"failed\"", counts->ended_failed},
                {"state=\"cancelled\"", counts->ended_cancelled}};
    exposition_family(page, "vecmill_jobs", FAMILY_GAUGE, "Jobs that are remembered, by state.");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        exposition_count(page, states[i].labels, states[i].n);
    exposition_family(page, "vecmill_jobs_ended", FAMILY_COUNTER,
                      "Jobs that ended since the start, by their last state.");
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        exposition_count(page, ends[i].labels, ends[i].n);
}

void metrics_jobs(struct exposition *page, const struct server *server) {
    struct job_counts counts = {0};
    if (server->jobs)
        jobs_count(server->jobs, &counts);
    put_states(page, &counts);
    exposition_one(page, "vecmill_jobs_stalled", FAMILY_GAUGE,
                   "Running jobs without progress for stall_timeout.", (double)counts.stalled);
    exposition_one(page, "vecmill_job_crashes", FAMILY_COUNTER,
                   "Training processes that died since the start.", (double)counts.crashes);
    exposition_one(page, "vecmill_job_queue_length", FAMILY_GAUGE,
                   "Jobs that count towards max_jobs_queued: queued, waiting, paused.",
                   (double)(counts.queued + counts.waiting + counts.paused));
    exposition_one(page, "vecmill_job_queue_limit", FAMILY_GAUGE,
                   "Jobs that max_jobs_queued allows.", (double)server->settings.max_jobs_queued);
    exposition_one(page, "vecmill_job_queue_age_seconds", FAMILY_GAUGE,
                   "For how long the first job has been queued; 0: none is.", counts.queue_age);
    exposition_one(page, "vecmill_job_waiting_age_seconds", FAMILY_GAUGE,
                   "For how long a job has waited for disk, memory or a place; 0: none does.",
                   counts.waiting_age);
    exposition_one(page, "vecmill_training_words", FAMILY_COUNTER, "Corpus words trained.",
                   (double)counts.words);
    exposition_one(page, "vecmill_training_words_per_second", FAMILY_GAUGE,
                   "Corpus words trained per second now.", counts.words_per_second);
    put_running(page, server);
}
