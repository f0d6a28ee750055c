/* Jobs on a temporary data folder, without a socket; a test may give the program they start. */
#ifndef VECMILL_TESTS_JOBS_PARTS_H
#define VECMILL_TESTS_JOBS_PARTS_H

#include "tests/support/parts.h"

#include <time.h>

#include "server/jobs/jobs_private.h"
#include "server/models/models_private.h"

#define WAIT_SECONDS 120 /* for what must happen: a test that waits longer has failed */

/* Opens corpora, models and jobs. slots: jobs that run at once; 0 leaves them in the queue. */
static inline void jobs_parts_open(struct parts *parts, int slots, char *program,
                                   char *const *environment) {
    struct error err = {0};
    struct server *server = &parts->server;
    server->settings.max_jobs_running = slots;
    server->kernel = kernel_choose("portable");
    server->program = program;
    enum status status = models_open(&server->models, &server->settings, &server->logger,
                                     server->kernel, NULL, &err);
    if (status == STATUS_OK)
        status = corpora_open(&server->corpora, &server->settings, &server->logger, &err);
    struct jobs_options options = {
        .settings = &server->settings,
        .logger = &server->logger,
        .kernel = server->kernel->name,
        .program = program,
        .environment = environment,
        .corpora = server->corpora,
        .models = server->models,
    };
    if (status == STATUS_OK)
        status = jobs_open(&server->jobs, &options, &err);
    if (status != STATUS_OK)
        fail_msg("%s", err.text);
}

static inline void jobs_parts_close(struct parts *parts) {
    jobs_stop(parts->server.jobs);
    jobs_close(parts->server.jobs);
    corpora_close(parts->server.corpora);
    models_close(parts->server.models);
    parts->server.jobs = NULL;
    parts->server.corpora = NULL;
    parts->server.models = NULL;
}

/* A small corpus that jobs can be submitted for. */
static inline void put_words(struct parts *parts, const char *name) {
    struct error err = {0};
    struct corpus_info answer;
    bool replayed;
    assert_int_equal(put_corpus(parts->server.corpora, name, "a b c a b c a b c a b c\n", NULL,
                                &answer, &replayed, &err),
                     STATUS_OK);
}

static inline void request_init(struct job_request *request, const struct parts *parts,
                                const char *corpus, const char *model) {
    *request = (struct job_request){.settings = parts->server.settings};
    snprintf(request->corpus, sizeof request->corpus, "%s", corpus);
    snprintf(request->model, sizeof request->model, "%s", model);
    request->settings.min_count = 1;
}

/* Submits a job that is accepted; id gets its id. */
static inline void submit(struct parts *parts, const char *corpus, const char *model,
                          char id[JOB_ID_SIZE]) {
    struct error err = {0};
    struct job_request request;
    json_t *document = NULL;
    bool replayed = true;
    request_init(&request, parts, corpus, model);
    if (jobs_submit_request(parts->server.jobs, &request, &document, &replayed, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_false(replayed);
    snprintf(id, JOB_ID_SIZE, "%s", json_string_value(json_object_get(document, "id")));
    json_decref(document);
}

/* A copy of what the table says; the job must be there. */
static inline struct job job_look(struct parts *parts, const char *id) {
    struct jobs *jobs = parts->server.jobs;
    struct job *job = job_hold(jobs, id);
    assert_non_null(job);
    pthread_mutex_lock(&jobs->mutex);
    struct job copy = *job;
    pthread_mutex_unlock(&jobs->mutex);
    job_drop(jobs, job);
    return copy;
}

/* Until the job is in the state; an ended one: until its end is recorded, too. */
static inline void wait_state(struct parts *parts, const char *id, enum job_state state) {
    struct timespec pause = {0, 2000000};
    double deadline = machine_monotonic_seconds() + WAIT_SECONDS;
    struct job job;
    for (;;) {
        job = job_look(parts, id);
        if (job.state == state && (!job_ended(state) || !job.log))
            return;
        if (machine_monotonic_seconds() > deadline)
            fail_msg("job is %s, not %s: %s\n%s", job_state_name(job.state), job_state_name(state),
                     job.error.text, parts->log.data);
        nanosleep(&pause, NULL);
    }
}

/* Until the file is there. */
static inline void wait_file(void **state, const char *name) {
    struct timespec pause = {0, 2000000};
    double deadline = machine_monotonic_seconds() + WAIT_SECONDS;
    while (!is_there(state, name)) {
        if (machine_monotonic_seconds() > deadline)
            fail_msg("'%s' does not come", name);
        nanosleep(&pause, NULL);
    }
}

/* Calls a handler of one job. */
static inline void ask(struct parts *parts, const char *id,
                       void (*handle)(struct server *server, const struct http_request *request,
                                      struct http_response *response),
                       int status, const char *part) {
    struct call call;
    call_init(&call, id);
    handle(&parts->server, &call.exchange.request, &call.response);
    assert_answer(&call, status, part);
    response_clear(&call.response);
}

#endif
