/* Training jobs: queue, training processes, events, restart. data/jobs/<id>/ holds job.json,
 * settings.conf, corpus (hard link), work/ (ids, checkpoints), model/ (made by the process). A job
 * runs as `vecmill train --job FOLDER --progress-fd 3`, at the lowest priority, first to be killed
 * when memory runs out; it dies with the server. Safe from any thread, but for open, stop and
 * close. */
#ifndef VECMILL_SERVER_JOBS_H
#define VECMILL_SERVER_JOBS_H

#include <sys/types.h>

#include "server/http/http.h"
#include "server/http/name.h"
#include "server/records/record.h"
#include "train/train.h"

struct corpora;
struct jobs;
struct models;
/* What jobs need; pointers are kept. */
struct jobs_options {
    const struct settings *settings;
    const struct logger *logger;
    const char *kernel;       /* name of the server's, for documents */
    char *program;            /* `vecmill`, for training processes; not changed */
    char *const *environment; /* passed on to them, but for VECMILL_ */
    struct corpora *corpora;
    struct models *models;
};
/* Loads the records, and starts max_jobs_running threads that run what is queued. A record that is
 * damaged is moved to data/quarantine, with a log line. Owns: caller ends it by jobs_stop and
 * jobs_close, before corpora and models are closed. */
enum status jobs_open(struct jobs **jobs, const struct jobs_options *options,
                      struct error *err) MUST_CHECK;
/* Ends event streams, sends SIGTERM to the processes and waits for their checkpoints; after nine
 * tenths of shutdown_timeout they are killed. The jobs go on at the next start. NULL is fine. */
void jobs_stop(struct jobs *jobs);
void jobs_close(struct jobs *jobs); /* frees; NULL is fine */
/* For /metrics. words, words_per_second: corpus words trained since the start, and now. */
struct job_counts {
    uint64_t queued, running, paused, waiting, succeeded, failed, cancelled, words;
    uint64_t stalled; /* of those that run: without progress for stall_timeout */
    /* since the start */
    uint64_t ended_succeeded, ended_failed, ended_cancelled, crashes;
    double words_per_second;
    double queue_age, waiting_age; /* seconds, of the oldest that is queued, that waits */
};
void jobs_count(struct jobs *jobs, struct job_counts *counts);
/* Names of what a job's "state" and "phase" can be, ended by NULL. */
const char *const *jobs_states(void);
const char *const *jobs_phases(void);
/* A job that runs, for /metrics. */
struct job_gauge {
    char id[RECORD_ID_SIZE], model[NAME_SIZE], corpus[NAME_SIZE];
    int phase;                      /* enum train_phase */
    uint64_t epochs;                /* that it will train; 0: not known yet */
    struct train_progress progress; /* its last report */
    double report_age;              /* seconds since it last got further */
    pid_t pid;                      /* of its process; 0: none now */
};
/* The running jobs, `max` of them at most, oldest first; returns how many. */
size_t jobs_running(struct jobs *jobs, struct job_gauge *gauges, size_t max);
/* Models that are not there and that jobs of the key `owner` are going to make, but for the model
 * `but`. */
uint64_t jobs_coming(struct jobs *jobs, const char *owner, const char *but);
/* Bytes of disk that running and waiting jobs still need. Looks at the disk. */
uint64_t jobs_disk_needed(struct jobs *jobs);

/* Routes. */
void jobs_post(struct server *server, const struct http_request *request,
               struct http_response *response);
void jobs_list(struct server *server, const struct http_request *request,
               struct http_response *response);
void jobs_get(struct server *server, const struct http_request *request,
              struct http_response *response);
void jobs_events(struct server *server, const struct http_request *request,
                 struct http_response *response);
void jobs_history(struct server *server, const struct http_request *request,
                  struct http_response *response);
void jobs_event_file(struct server *server, const struct http_request *request,
                     struct http_response *response);
/* The event file of the job that trained a model. */
void model_event_file(struct server *server, const struct http_request *request,
                      struct http_response *response);
/* What nonfinite_dump wrote. */
void jobs_nonfinite(struct server *server, const struct http_request *request,
                    struct http_response *response);
void jobs_cancel(struct server *server, const struct http_request *request,
                 struct http_response *response);
void jobs_pause(struct server *server, const struct http_request *request,
                struct http_response *response);
void jobs_resume(struct server *server, const struct http_request *request,
                 struct http_response *response);
/* POST /v1/plan: what a job would take. A process of its own (`vecmill plan`) makes it, at most
 * max_plans_running at a time; it ends when the client goes. */
void jobs_plan(struct server *server, const struct http_request *request,
               struct http_response *response);
/* POST /v1/models/{model}/train: an upload, and a job when its body is whole. */
extern const struct body_stream jobs_train_upload;

#endif
