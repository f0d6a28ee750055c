/* POST /v1/models/{model}/train: a corpus is uploaded, and a job submitted once it is whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/corpora/corpora_upload.h"
#include "server/http/context.h"
#include "server/jobs/jobs_private.h"

struct query_reading {
    struct job_request *job;
    enum status status;
    struct error *err;
};

static void query_setting(void *context, const char *key, const char *value) {
    struct query_reading *reading = context;
    struct job_request *job = reading->job;
    if (reading->status != STATUS_OK)
        return;
    if (strcmp(key, "corpus") != 0) {
        reading->status = settings_set(&job->settings, key, value, SETTING_OF_JOB, reading->err);
        return;
    }
    reading->status = name_check("corpus", value, reading->err);
    if (reading->status == STATUS_OK)
        snprintf(job->corpus, sizeof job->corpus, "%s", value);
}

/* A corpus on its way in, and the job it is for. */
struct train_upload {
    struct upload *upload;
    struct job_request job;
};

static void train_free(void *state) {
    struct train_upload *train = state;
    if (!train)
        return;
    upload_free(train->upload);
    free(train);
}

/* Names and settings of the job, from path and query. */
static enum status request_read(const struct http_request *request, struct job_request *job,
                                struct error *err) {
    struct query_reading reading = {job, STATUS_OK, err};
    const char *model = request->segments[0];
    enum status status = name_check("model", model, err);
    if (status != STATUS_OK)
        return status;
    snprintf(job->model, sizeof job->model, "%s", model);
    snprintf(job->corpus, sizeof job->corpus, "%s", model);
    request_query_visit(request, query_setting, &reading);
    if (reading.status != STATUS_OK)
        return reading.status;
    status = job_request_own(job, request, err);
    return status != STATUS_OK ? status : settings_check(&job->settings, err);
}

static enum status train_begin(struct server *server, const struct http_request *request,
                               void **state, struct error *err) {
    struct train_upload *train = calloc(1, sizeof *train);
    if (!train)
        return error_set(err, STATUS_NO_MEMORY, "out of memory to take an upload");
    train->job.settings = server->settings;
    memcpy(train->job.trace_id, request->trace_id, sizeof train->job.trace_id);
    enum status status = request_read(request, &train->job, err);
    if (status == STATUS_OK) /* before the corpus is replaced */
        status = job_questions(server->corpora, train->job.corpus, &train->job.settings, NULL, err);
    if (status == STATUS_OK && strcmp(train->job.settings.pairs, train->job.corpus) != 0)
        status = job_pairs(server->corpora, request->key, &train->job.settings, NULL, err);
    /* A replay may need no place in the queue. */
    if (!request_header(request, "Idempotency-Key")) {
        if (status == STATUS_OK)
            status = jobs_admit(server->jobs, &train->job, err);
        if (status == STATUS_OK)
            status = models_check_new(server->models, train->job.model, err);
    }
    if (status == STATUS_OK)
        status = upload_begin(server->corpora, request, train->job.corpus, &train->upload, err);
    if (status == STATUS_OK)
        *state = train;
    else
        train_free(train);
    return status;
}

static enum status train_push(void *state, const char *bytes, size_t length, struct error *err) {
    struct train_upload *train = state;
    return upload_push(train->upload, bytes, length, err);
}

/* What a replay must repeat: model, settings and content. */
static enum status train_fingerprint(struct job_request *job, const char *content,
                                     struct error *err) {
    struct buffer text = {0};
    buffer_print(&text, "train\n%s\n%s\n%s\n", job->model, job->corpus, content);
    settings_write_text(&job->settings, SETTING_OF_JOB, false, &text);
    enum status status = text.failed
                             ? error_set(err, STATUS_NO_MEMORY, "out of memory to answer")
                             : fingerprint_text(text.data, text.length, job->fingerprint, err);
    buffer_clear(&text);
    return status;
}

static void train_finish(struct server *server, const struct http_request *request, void *state,
                         struct http_response *response) {
    struct train_upload *train = state;
    struct error err = {0};
    struct corpus_info answer = {0};
    json_t *document = NULL;
    bool replayed = false;
    request_note(request, NOTE_CORPUS, train->job.corpus);
    memcpy(train->job.key, upload_key(train->upload), sizeof train->job.key);
    enum status status = upload_complete(train->upload, &answer, &replayed, &err);
    if (status == STATUS_OK && !replayed)
        upload_note(&server->logger, request, &answer);
    if (status == STATUS_OK)
        status = train_fingerprint(&train->job, answer.digest, &err);
    if (status == STATUS_OK) {
        struct error why = {0};
        status = jobs_submit_request(server->jobs, &train->job, &document, &replayed, &why);
        if (status != STATUS_OK) /* what was uploaded need not be sent again */
            (void)error_set_key(&err, status, why.key, "%s; corpus '%s' is stored: POST /v1/jobs",
                                why.text, train->job.corpus);
    }
    jobs_answer(&server->logger, request, response, document, replayed, &err);
    train_free(train);
}

const struct body_stream jobs_train_upload = {train_begin, train_push, train_finish, train_free};
