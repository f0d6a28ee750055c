/* From a request to a queued job: the place in the queue, the corpus pinned, the memory counted,
 * the record durable. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/file.h"
#include "base/machine.h"
#include "server/jobs/jobs_private.h"

#define INPUT_LIMIT ((size_t)1 << 20)   /* of a file that the training process reads */
#define PLAN_SAMPLE ((uint64_t)8 << 20) /* bytes of the corpus looked at before a job is accepted */

/* Under the mutex. Paused jobs count: they hold a corpus too. */
static enum status queue_check(const struct jobs *jobs, struct error *err) {
    int64_t waiting = 0, max = jobs->settings->max_jobs_queued;
    for (size_t i = 0; i < jobs->n; i++)
        waiting += jobs->jobs[i]->state == JOB_QUEUED || jobs->jobs[i]->state == JOB_PAUSED ||
                   jobs->jobs[i]->state == JOB_WAITING;
    if (waiting < max)
        return STATUS_OK;
    return error_set_key(err, STATUS_BUSY, "max_jobs_queued",
                         "%lld jobs are waiting: max_jobs_queued is %lld", (long long)waiting,
                         (long long)max);
}

bool job_reached(const struct job *job, const struct access_key *key) {
    return key_reaches(key, REACH_CORPUS, job->corpus) && key_reaches(key, REACH_MODEL, job->model);
}

enum status job_request_own(struct job_request *job, const struct http_request *request,
                            struct error *err) {
    const struct access_key *key = request->key;
    enum status status = key_check_reach(key, REACH_CORPUS, job->corpus, err);
    if (status == STATUS_OK)
        status = key_check_reach(key, REACH_MODEL, job->model, err);
    if (status != STATUS_OK || !key)
        return status;
    struct byte_quota quota;
    job->asker = *key;
    quota_begin(&quota, request->access, key, NULL);
    return quota_check(&quota, 1, err);
}

/* A model that a job is going to make, and that is not there yet. */
static bool is_to_come(struct jobs *jobs, const struct job *job, const char *owner) {
    return strcmp(job->owner, owner) == 0 && !job_ended(job->state) &&
           !models_has(jobs->models, job->model);
}

/* Under the mutex. */
static uint64_t coming_count(struct jobs *jobs, const char *owner, const char *but) {
    uint64_t n = 0;
    for (size_t i = 0; i < jobs->n; i++) {
        const struct job *job = jobs->jobs[i];
        bool first = strcmp(job->model, but) != 0 && is_to_come(jobs, job, owner);
        for (size_t k = 0; k < i && first; k++)
            first = !is_to_come(jobs, jobs->jobs[k], owner) ||
                    strcmp(jobs->jobs[k]->model, job->model) != 0;
        n += first;
    }
    return n;
}

uint64_t jobs_coming(struct jobs *jobs, const char *owner, const char *but) {
    pthread_mutex_lock(&jobs->mutex);
    uint64_t n = coming_count(jobs, owner, but);
    pthread_mutex_unlock(&jobs->mutex);
    return n;
}

/* Under the mutex: quotas of the key. What it owns on disk was counted before: n_models. */
static enum status quotas_check(struct jobs *jobs, const struct job_request *request,
                                size_t n_models, struct error *err) {
    const struct access_key *key = &request->asker;
    uint64_t n_jobs = 0;
    if (key->id[0] == '\0')
        return STATUS_OK;
    for (size_t i = 0; i < jobs->n; i++) {
        const struct job *job = jobs->jobs[i];
        n_jobs += strcmp(job->owner, key->id) == 0 && !job_ended(job->state);
    }
    enum status status = quota_count(key, "max_jobs", key->max_jobs, n_jobs, err);
    if (status == STATUS_OK && key->max_models > 0 && !models_has(jobs->models, request->model))
        status = quota_count(key, "max_models", key->max_models,
                             n_models + coming_count(jobs, key->id, request->model), err);
    return status;
}

static size_t models_of(struct jobs *jobs, const struct job_request *request) {
    size_t n = 0;
    if (request->asker.max_models > 0)
        (void)models_owned(jobs->models, request->asker.id, &n);
    return n;
}

enum status jobs_admit(struct jobs *jobs, const struct job_request *request, struct error *err) {
    size_t n_models = models_of(jobs, request);
    pthread_mutex_lock(&jobs->mutex);
    enum status status = queue_check(jobs, err);
    if (status == STATUS_OK)
        status = quotas_check(jobs, request, n_models, err);
    pthread_mutex_unlock(&jobs->mutex);
    return status;
}

/* Under the mutex: the job that the key made, if any. */
static enum status replay_find(const struct jobs *jobs, const struct job_request *request,
                               json_t **document, bool *replayed, struct error *err) {
    if (request->key[0] == '\0')
        return STATUS_OK;
    for (size_t i = 0; i < jobs->n; i++) {
        const struct job *job = jobs->jobs[i];
        if (strcmp(job->key, request->key) != 0 || strcmp(job->owner, request->asker.id) != 0)
            continue;
        if (strcmp(job->fingerprint, request->fingerprint) != 0)
            return error_set_key(err, STATUS_REFUSED, "Idempotency-Key",
                                 "Idempotency-Key '%s' was used before with another request",
                                 request->key);
        if (job->creating)
            return error_set_key(err, STATUS_CONFLICT, "Idempotency-Key",
                                 "a request with Idempotency-Key '%s' is being answered",
                                 request->key);
        *replayed = true;
        *document = job_document(job, jobs->kernel);
        return *document ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "out of memory to answer");
    }
    return STATUS_OK;
}

/* A place in the table that nobody sees yet; *made stays NULL for a replay. */
static enum status job_reserve(struct jobs *jobs, const struct job_request *request,
                               struct job **made, json_t **document, bool *replayed,
                               struct error *err) {
    const struct settings *settings = jobs->settings;
    size_t n_models = models_of(jobs, request);
    struct job *job = job_create();
    if (!job)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a job");
    job->state = JOB_QUEUED;
    job->creating = true;
    job->settings = request->settings;
    memcpy(job->model, request->model, sizeof job->model);
    memcpy(job->corpus, request->corpus, sizeof job->corpus);
    memcpy(job->key, request->key, sizeof job->key);
    memcpy(job->fingerprint, request->fingerprint, sizeof job->fingerprint);
    memcpy(job->owner, request->asker.id, sizeof job->owner);
    memcpy(job->trace_id, request->trace_id, sizeof job->trace_id);
    enum status status = record_id_create(job->id, err);
    if (status == STATUS_OK)
        status = job_log_create(&job->log, (size_t)settings->max_events,
                                settings->heartbeat_interval, err);
    if (status == STATUS_OK) {
        pthread_mutex_lock(&jobs->mutex);
        status = replay_find(jobs, request, document, replayed, err);
        if (status == STATUS_OK && !*replayed)
            status = queue_check(jobs, err);
        if (status == STATUS_OK && !*replayed)
            status = quotas_check(jobs, request, n_models, err);
        if (status == STATUS_OK && !*replayed)
            status = job_insert(jobs, job, err);
        if (status == STATUS_OK && !*replayed)
            *made = job;
        pthread_mutex_unlock(&jobs->mutex);
    }
    if (!*made)
        job_free(job);
    return status;
}

enum status job_format_settle(struct settings *settings, const struct corpus_info *info,
                              struct error *err) {
    bool tokens = strcmp(info->format, "tokens") == 0;
    int asked = settings->format;
    bool fits = asked == FORMAT_AUTO || (tokens ? asked == FORMAT_TOKENS || asked == FORMAT_NDJSON
                                                : asked != FORMAT_NDJSON);
    if (!fits)
        return error_set_key(
            err, STATUS_REFUSED, "/settings/format",
            "corpus '%s' was uploaded as %s: leave format at auto, or upload it again with another "
            "Content-Type",
            info->name, tokens ? "application/x-ndjson" : "text/plain");
    if (asked == FORMAT_AUTO || tokens)
        settings->format = tokens ? FORMAT_TOKENS : FORMAT_TEXT;
    return STATUS_OK;
}

/* Refuses what cannot fit even with the smallest vocabulary that the corpus can have. Training
 * checks again once it has counted. */
static enum status memory_admit(struct jobs *jobs, struct job *job, const char *corpus,
                                struct error *err) {
    uint64_t words = 0;
    int64_t bound = jobs->settings->max_memory;
    if (bound > 0 && (job->settings.max_memory == 0 || job->settings.max_memory > bound))
        job->settings.max_memory = bound;
    /* nodes are counted when the edges are read */
    enum status status = job->settings.format == FORMAT_EDGES
                             ? STATUS_OK
                             : corpus_plan(&job->settings, corpus, PLAN_SAMPLE, &words, err);
    if (status != STATUS_OK)
        return status;
    job->plan_words = words;
    struct train_memory memory = train_memory(&job->settings, words, 0);
    if (memory.fits)
        return STATUS_OK;
    if (memory.max_dim == 0)
        return error_set_key(err, STATUS_REFUSED, "/settings/dim",
                             "at least %" PRIu64 " words need %" PRIu64 " bytes of memory, %" PRIu64
                             " are allowed: not even dim 1 fits, raise min_count or max_memory",
                             words, memory.needed, memory.allowed);
    return error_set_key(err, STATUS_REFUSED, "/settings/dim",
                         "dim %lld with at least %" PRIu64 " words needs %" PRIu64
                         " bytes of memory, %" PRIu64
                         " are allowed: the largest dim that fits is %lld",
                         (long long)job->settings.dim, words, memory.needed, memory.allowed,
                         (long long)memory.max_dim);
}

static enum status file_put(const struct jobs *jobs, const struct job *job, const char *file,
                            const char *bytes, size_t length, struct error *err) {
    char *path = job_path(jobs, job->id, file);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a job");
    struct error ignored = {0}; /* what cannot be read is written anew */
    char *old = NULL;
    size_t old_length = 0;
    bool same = file_read(path, INPUT_LIMIT, &old, &old_length, &ignored) == STATUS_OK &&
                old_length == length && (length == 0 || memcmp(old, bytes, length) == 0);
    enum status status = same ? STATUS_OK : file_replace(path, bytes, length, err);
    free(old);
    free(path);
    return status;
}

enum status job_inputs_write(const struct jobs *jobs, const struct job *job, struct error *err) {
    struct buffer settings = {0}, name = {0};
    enum status status = STATUS_OK;
    settings_write_text(&job->settings, SETTING_OF_JOB, false, &settings);
    buffer_print(&name, "%s\n", job->model);
    if (settings.failed || name.failed)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for a job");
    if (status == STATUS_OK)
        status = file_put(jobs, job, "settings.conf", settings.data, settings.length, err);
    if (status == STATUS_OK)
        status = file_put(jobs, job, "name", name.data, name.length, err);
    if (status == STATUS_OK)
        status = file_put(jobs, job, "digest", job->digest, strlen(job->digest), err);
    if (status == STATUS_OK)
        status = file_put(jobs, job, "checksum", job->checksum, strlen(job->checksum), err);
    buffer_clear(&settings);
    buffer_clear(&name);
    return status;
}

enum status job_questions(struct corpora *corpora, const char *corpus,
                          const struct settings *settings, const char *path, struct error *err) {
    struct error why = {0};
    if (strcmp(settings->questions, "none") == 0)
        return STATUS_OK;
    enum status status = corpora_link_questions(corpora, corpus, settings->questions, path, &why);
    if (status == STATUS_NOT_FOUND)
        status = STATUS_REFUSED;
    return status == STATUS_OK ? status
                               : error_set_key(err, status, "/settings/questions", "%s", why.text);
}

static enum status pairs_link(struct corpora *corpora, const char *name, const char *path,
                              struct error *err) {
    struct corpus_info info;
    enum status status = path ? corpora_link(corpora, name, path, &info, err)
                              : corpora_find(corpora, name, &info, err);
    if (status == STATUS_OK && strcmp(info.format, "text") != 0)
        status = error_set(err, STATUS_REFUSED,
                           "corpus '%s' was uploaded as NDJSON: pairs are lines of text, two words "
                           "and perhaps a weight",
                           name);
    return status;
}

enum status job_pairs(struct corpora *corpora, const struct access_key *key,
                      const struct settings *settings, const char *path, struct error *err) {
    struct error why = {0};
    if (strcmp(settings->pairs, "none") == 0)
        return STATUS_OK;
    enum status status = key_check_reach(key, REACH_CORPUS, settings->pairs, err);
    if (status != STATUS_OK)
        return status;
    status = pairs_link(corpora, settings->pairs, path, &why);
    if (status == STATUS_NOT_FOUND)
        (void)error_set_key(err, STATUS_REFUSED, "/settings/pairs",
                            "%s; pairs are a corpus of their own: PUT /v1/corpora/{corpus} "
                            "uploads them",
                            why.text);
    else if (status != STATUS_OK)
        (void)error_set_key(err, status, "/settings/pairs", "%s", why.text);
    return status == STATUS_OK ? status : err->status;
}

/* The questions as they are now are the job's. */
static enum status questions_link(struct jobs *jobs, const struct job *job, struct error *err) {
    char *path = job_path(jobs, job->id, "questions");
    enum status status = path ? job_questions(jobs->corpora, job->corpus, &job->settings, path, err)
                              : error_set(err, STATUS_NO_MEMORY, "out of memory for a job");
    free(path);
    return status;
}

static enum status job_make(struct jobs *jobs, struct job *job, const struct access_key *asker,
                            struct error *err) {
    struct corpus_info info = {0};
    char *folder = job_path(jobs, job->id, NULL), *corpus = job_path(jobs, job->id, "corpus"),
         *pairs = NULL;
    enum status status = !folder || !corpus
                             ? error_set(err, STATUS_NO_MEMORY, "out of memory for a job")
                             : folder_add(folder, err);
    if (status == STATUS_OK)
        status = corpora_link(jobs->corpora, job->corpus, corpus, &info, err);
    if (status == STATUS_OK)
        status = questions_link(jobs, job, err);
    if (status == STATUS_OK && !(pairs = job_path(jobs, job->id, "pairs")))
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for a job");
    if (status == STATUS_OK)
        status = job_pairs(jobs->corpora, asker, &job->settings, pairs, err);
    if (status == STATUS_OK)
        status = job_format_settle(&job->settings, &info, err);
    if (status == STATUS_OK)
        status = memory_admit(jobs, job, corpus, err);
    memcpy(job->digest, info.digest, sizeof job->digest);
    memcpy(job->checksum, info.checksum, sizeof job->checksum);
    job->created = machine_wall_seconds();
    if (status == STATUS_OK)
        status = job_inputs_write(jobs, job, err);
    if (status == STATUS_OK)
        status = failpoint_hit("job.before_record", err);
    if (status == STATUS_OK)
        status = job_persist(jobs, job, false, err);
    free(folder);
    free(corpus);
    free(pairs);
    return status;
}

enum status jobs_submit_request(struct jobs *jobs, const struct job_request *request,
                                json_t **document, bool *replayed, struct error *err) {
    struct job *job = NULL;
    struct corpus_info info;
    *replayed = false;
    *document = NULL;
    enum status status = name_check("model", request->model, err);
    if (status == STATUS_OK)
        status = job_reserve(jobs, request, &job, document, replayed, err);
    if (!job) /* refused, or a replay */
        return status;
    status = models_check_new(jobs->models, request->model, err);
    if (status == STATUS_OK)
        status = corpora_find(jobs->corpora, request->corpus, &info, err);
    if (status == STATUS_OK)
        status = job_make(jobs, job, request->asker.id[0] != '\0' ? &request->asker : NULL, err);
    if (status != STATUS_OK) {
        job_withdraw(jobs, job);
        return status;
    }
    pthread_mutex_lock(&jobs->mutex);
    job->creating = false;
    job_enter(jobs, job, JOB_QUEUED);
    *document = job_document(job, jobs->kernel);
    pthread_mutex_unlock(&jobs->mutex);
    if (!*document) /* accepted all the same: it is on disk */
        return error_set(err, STATUS_NO_MEMORY, "out of memory to answer");
    return STATUS_OK;
}
