/* Training jobs: queue, child processes, events, restart. Private to server/. data/jobs/<id>/ holds
 * job.json, settings.conf, corpus (hard link), work/ (ids, checkpoints), model/ (made by the
 * child). A job runs as `vecmill train --job FOLDER --progress-fd 3`: SCHED_IDLE, oom_score_adj,
 * dies with its parent. */
#ifndef VECMILL_SERVER_JOBS_H
#define VECMILL_SERVER_JOBS_H

#include "server/json/json.h"
#include "train/train.h"

struct jobs;
enum status jobs_open(struct jobs **jobs, struct server *server, struct error *err) MUST_CHECK;
/* SIGTERM to children, wait for their checkpoints, end event streams */
void jobs_stop(struct jobs *jobs);
void jobs_close(struct jobs *jobs); /* frees */
/* a queued, running or paused job uses it */
bool jobs_need_corpus(struct jobs *jobs, const char *corpus);
/* Makes and queues a job. settings: object of name/value, or NULL; on success *document is the job
 * as JSON. */
enum status jobs_submit(struct jobs *jobs, const char *corpus, const char *model,
                        const json_t *settings, json_t **document, struct error *err) MUST_CHECK;
struct job_counts {
    uint64_t queued, running, paused, succeeded, failed, cancelled, words;
    double words_per_second;
};
void jobs_count(struct jobs *jobs, struct job_counts *counts);

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
void jobs_cancel(struct server *server, const struct http_request *request,
                 struct http_response *response);
void jobs_pause(struct server *server, const struct http_request *request,
                struct http_response *response);
void jobs_resume(struct server *server, const struct http_request *request,
                 struct http_response *response);

#endif
