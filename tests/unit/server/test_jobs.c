/* The table of jobs on disk, with nothing running: admission, order, replays, restart, damage,
 * transitions, what is forgotten. */
#include "tests/support/jobs_parts.h"

static void a_job_is_queued_and_recorded(void **state) {
    struct parts parts;
    struct error err = {0};
    struct corpus_info info;
    char id[JOB_ID_SIZE], name[128], second[JOB_ID_SIZE];
    parts_init(&parts, state);
    jobs_parts_open(&parts, 0, NULL, NULL);
    put_words(&parts, "news");
    submit(&parts, "news", "m", id);
    submit(&parts, "news", "m", second);
    assert_int_equal(corpora_find(parts.server.corpora, "news", &info, &err), STATUS_OK);
    struct job job = job_look(&parts, id);
    assert_int_equal(job.state, JOB_QUEUED);
    assert_int_equal(job.phase, PHASE_NONE);
    assert_string_equal(job.digest, info.digest);
    assert_int_equal(job.settings.format, FORMAT_TEXT); /* settled by the corpus */
    assert_true(job_look(&parts, second).sequence > job.sequence);
    static const char *const files[] = {"job.json", "settings.conf", "corpus", "name", "digest"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(name, sizeof name, "jobs/%s/%s", id, files[i]);
        if (!is_there(state, name))
            fail_msg("%s is missing", name);
    }
    snprintf(name, sizeof name, "jobs/%s/name", id);
    char *text = get_file(state, name);
    assert_string_equal(text, "m\n");
    free(text);
    /* The corpus cannot go while a job needs it. */
    assert_int_equal(corpora_remove(parts.server.corpora, "news", &err), STATUS_CONFLICT);
    ask(&parts, id, jobs_cancel, 200, "\"state\":\"cancelled\"");
    error_clear(&err);
    assert_int_equal(corpora_remove(parts.server.corpora, "news", &err), STATUS_CONFLICT);
    ask(&parts, second, jobs_cancel, 200, "\"state\":\"cancelled\"");
    error_clear(&err);
    assert_int_equal(corpora_remove(parts.server.corpora, "news", &err), STATUS_OK);
    struct job_counts counts;
    jobs_count(parts.server.jobs, &counts);
    assert_int_equal(counts.cancelled, 2);
    assert_int_equal(counts.queued, 0);
    jobs_parts_close(&parts);
    parts_clear(&parts);
}

static void assert_refused(struct parts *parts, void **state, const struct job_request *request,
                           enum status status, const char *key, const char *text) {
    struct error err = {0};
    json_t *document = NULL;
    bool replayed;
    size_t before = count_entries(state, "jobs");
    assert_int_equal(jobs_submit_request(parts->server.jobs, request, &document, &replayed, &err),
                     status);
    assert_error(&err, status, key, text);
    assert_null(document);
    assert_int_equal(count_entries(state, "jobs"), before); /* nothing is left on disk */
}

static void refusals_leave_nothing(void **state) {
    static const struct job_request nobody = {0};
    struct parts parts;
    struct job_request request;
    struct error err = {0};
    char id[JOB_ID_SIZE];
    parts_init(&parts, state);
    parts.server.settings.max_jobs_queued = 2;
    jobs_parts_open(&parts, 0, NULL, NULL);
    put_words(&parts, "news");
    request_init(&request, &parts, "none", "m");
    assert_refused(&parts, state, &request, STATUS_NOT_FOUND, "corpus", "no corpus 'none'");
    request_init(&request, &parts, "news", "a b");
    assert_refused(&parts, state, &request, STATUS_REFUSED, "model", "model must be 1 to 128");
    request_init(&request, &parts, "news", "m");
    request.settings.format = FORMAT_NDJSON;
    assert_refused(&parts, state, &request, STATUS_REFUSED, "/settings/format",
                   "corpus 'news' was uploaded as text/plain");
    request_init(&request, &parts, "news", "m");
    request.settings.dim = 4096;
    request.settings.max_memory = 1;
    assert_refused(&parts, state, &request, STATUS_REFUSED, "/settings/dim", "bytes of memory");
    parts.server.settings.max_models = 0;
    request_init(&request, &parts, "news", "m");
    assert_refused(&parts, state, &request, STATUS_CONFLICT, "max_models",
                   "cannot add model 'm': max_models is 0");
    parts.server.settings.max_models = 10;
    /* A full queue; paused jobs count. */
    submit(&parts, "news", "m", id);
    ask(&parts, id, jobs_pause, 200, "\"state\":\"paused\"");
    assert_int_equal(jobs_admit(parts.server.jobs, &nobody, &err), STATUS_OK);
    submit(&parts, "news", "m", id);
    request_init(&request, &parts, "news", "m");
    assert_refused(&parts, state, &request, STATUS_BUSY, "max_jobs_queued",
                   "2 jobs are waiting: max_jobs_queued is 2");
    assert_int_equal(jobs_admit(parts.server.jobs, &nobody, &err), STATUS_BUSY);
    jobs_parts_close(&parts);
    parts_clear(&parts);
}

static void a_key_makes_one_job(void **state) {
    struct parts parts;
    struct error err = {0};
    struct job_request request;
    json_t *document = NULL, *again = NULL;
    bool replayed;
    parts_init(&parts, state);
    parts.server.settings.max_jobs_queued = 1; /* a replay needs no place in the queue */
    jobs_parts_open(&parts, 0, NULL, NULL);
    put_words(&parts, "news");
    request_init(&request, &parts, "news", "m");
    memcpy(request.key, "key-1", 6);
    memcpy(request.fingerprint, "sha256:1", 9);
    struct jobs *jobs = parts.server.jobs;
    assert_int_equal(jobs_submit_request(jobs, &request, &document, &replayed, &err), STATUS_OK);
    assert_false(replayed);
    jobs_parts_close(&parts);
    jobs_parts_open(&parts, 0, NULL, NULL); /* also after a restart */
    jobs = parts.server.jobs;
    assert_int_equal(jobs_submit_request(jobs, &request, &again, &replayed, &err), STATUS_OK);
    assert_true(replayed);
    assert_string_equal(json_string_value(json_object_get(again, "id")),
                        json_string_value(json_object_get(document, "id")));
    json_decref(document);
    json_decref(again);
    memcpy(request.fingerprint, "sha256:2", 9);
    assert_refused(&parts, state, &request, STATUS_REFUSED, "Idempotency-Key",
                   "Idempotency-Key 'key-1' was used before with another request");
    jobs_parts_close(&parts);
    parts_clear(&parts);
}

/* Writes a record as a server would have left it. */
static void leave(void **state, const char *id, uint64_t sequence,
                  void (*change)(struct job *job)) {
    struct job job = {.sequence = sequence, .state = JOB_RUNNING, .phase = PHASE_TRAINING};
    struct error err = {0};
    char name[128];
    snprintf(job.id, sizeof job.id, "%s", id);
    memcpy(job.model, "m", 2);
    memcpy(job.corpus, "news", 5);
    memcpy(job.digest, "sha256:0", 9);
    settings_init(&job.settings);
    job.created = 1700000000;
    if (change)
        change(&job);
    snprintf(name, sizeof name, "jobs");
    make_folder(state, name);
    snprintf(name, sizeof name, "jobs/%s", id);
    make_folder(state, name);
    snprintf(name, sizeof name, "jobs/%s/" JOB_FILE, id);
    if (record_write(temporary_path(state, name), job_record(&job), "job", id, &err) != STATUS_OK)
        fail_msg("%s", err.text);
}

static void be_orderly(struct job *job) {
    job->orderly = true;
    job->restarts = 3;
}

static void be_asked_to_pause(struct job *job) {
    job->ask = JOB_ASK_PAUSE;
}

static void be_asked_to_cancel(struct job *job) {
    job->ask = JOB_ASK_CANCEL;
}

static void be_worn_out(struct job *job) {
    job->restarts = 29; /* and one more; ten for each of three crashes */
}

static void be_paused(struct job *job) {
    job->state = JOB_PAUSED;
    job->orderly = true;
}

static void be_done(struct job *job) {
    job->state = JOB_SUCCEEDED;
    job->finished = 1700000001;
}

#define ID(letter) letter "0000000000000000000000000000000"

static void a_restart_settles_every_state(void **state) {
    struct parts parts;
    parts_init(&parts, state);
    leave(state, ID("a"), 7, NULL);
    leave(state, ID("b"), 6, be_orderly);
    leave(state, ID("c"), 5, be_asked_to_pause);
    leave(state, ID("d"), 4, be_asked_to_cancel);
    leave(state, ID("e"), 3, be_worn_out);
    leave(state, ID("f"), 2, be_paused);
    leave(state, ID("1"), 1, be_done);
    jobs_parts_open(&parts, 0, NULL, NULL);
    static const struct {
        const char *id;
        enum job_state state;
        unsigned restarts;
    } expected[] = {{ID("1"), JOB_SUCCEEDED, 0}, {ID("f"), JOB_PAUSED, 0},
                    {ID("e"), JOB_FAILED, 30},   {ID("d"), JOB_CANCELLED, 1},
                    {ID("c"), JOB_PAUSED, 1},    {ID("b"), JOB_QUEUED, 3},
                    {ID("a"), JOB_QUEUED, 1}};
    struct jobs *jobs = parts.server.jobs;
    assert_int_equal(jobs->n, 7);
    for (size_t i = 0; i < 7; i++) { /* by sequence */
        assert_string_equal(jobs->jobs[i]->id, expected[i].id);
        assert_int_equal(jobs->jobs[i]->state, expected[i].state);
        assert_int_equal(jobs->jobs[i]->restarts, expected[i].restarts);
        assert_int_equal(jobs->jobs[i]->ask, JOB_ASK_NONE);
        assert_false(jobs->jobs[i]->orderly);
    }
    assert_int_equal(jobs->sequence, 8);
    struct job failed = job_look(&parts, ID("e"));
    assert_error(&failed.error, STATUS_INTERNAL, "",
                 "the server went down 30 times while this job ran, without a checkpoint");
    assert_true(parts_logged(&parts, "job " ID("a") ": queued again after a restart"));
    jobs_parts_close(&parts);
    /* This server stopped in good order: nothing more is counted. */
    jobs_parts_open(&parts, 0, NULL, NULL);
    assert_int_equal(job_look(&parts, ID("a")).restarts, 1);
    assert_int_equal(job_look(&parts, ID("e")).state, JOB_FAILED);
    jobs_parts_close(&parts);
    parts_clear(&parts);
}

static void damaged_records_are_set_aside(void **state) {
    struct parts parts;
    char *text;
    parts_init(&parts, state);
    leave(state, ID("a"), 1, be_paused);
    leave(state, ID("b"), 2, be_paused);
    leave(state, ID("c"), 3, be_paused);
    text = get_file(state, "jobs/" ID("a") "/" JOB_FILE);
    put_file(state, "jobs/" ID("b") "/" JOB_FILE, text); /* that of another */
    put_file(state, "jobs/" ID("c") "/" JOB_FILE, "{\"vecmill_job\":");
    free(text);
    make_folder(state, "jobs/" ID("d")); /* never acknowledged */
    make_folder(state, "jobs/notes");
    jobs_parts_open(&parts, 0, NULL, NULL);
    assert_int_equal(parts.server.jobs->n, 1);
    assert_int_equal(count_entries(state, "quarantine"), 2);
    assert_int_equal(count_entries(state, "jobs"), 2);
    assert_true(is_there(state, "jobs/notes"));
    assert_true(parts_logged(&parts, "jobs/notes' is not a job: left alone"));
    assert_true(parts_logged(&parts, "job '" ID("b") "' is damaged (record of job '" ID(
                                         "b") "' is that of '" ID("a") "'): moved to "));
    ask(&parts, ID("b"), jobs_get, 404, "no job '" ID("b") "'");
    ask(&parts, ID("a"), jobs_get, 200, "\"state\":\"paused\"");
    jobs_parts_close(&parts);
    parts_clear(&parts);
}

static void transitions_that_make_no_sense_are_conflicts(void **state) {
    struct parts parts;
    char id[JOB_ID_SIZE];
    parts_init(&parts, state);
    jobs_parts_open(&parts, 0, NULL, NULL);
    put_words(&parts, "news");
    submit(&parts, "news", "m", id);
    ask(&parts, id, jobs_resume, 409, "is queued: it cannot be resumed");
    ask(&parts, id, jobs_pause, 200, "\"state\":\"paused\"");
    ask(&parts, id, jobs_pause, 409, "is paused: it cannot be paused");
    ask(&parts, id, jobs_resume, 200, "\"state\":\"queued\"");
    ask(&parts, id, jobs_pause, 200, "\"state\":\"paused\"");
    ask(&parts, id, jobs_cancel, 200, "\"state\":\"cancelled\"");
    ask(&parts, id, jobs_cancel, 409, "is cancelled: it cannot be cancelled");
    ask(&parts, id, jobs_resume, 409, "is cancelled: it cannot be resumed");
    ask(&parts, id, jobs_history, 200, "\"data\":[]");
    ask(&parts, "nothing", jobs_cancel, 404, "no job 'nothing'");
    jobs_parts_close(&parts);
    parts_clear(&parts);
}

static void a_list_shows_the_newest_first(void **state) {
    struct parts parts;
    char first[JOB_ID_SIZE], second[JOB_ID_SIZE];
    struct call call;
    parts_init(&parts, state);
    jobs_parts_open(&parts, 0, NULL, NULL);
    put_words(&parts, "news");
    submit(&parts, "news", "m", first);
    submit(&parts, "news", "n", second);
    ask(&parts, first, jobs_pause, 200, "\"state\":\"paused\"");
    call_init(&call, NULL);
    jobs_list(&parts.server, &call.exchange.request, &call.response);
    assert_answer(&call, 200, "\"total\":2");
    const char *text = call.response.body.data;
    assert_true(strstr(text, second) < strstr(text, first));
    response_clear(&call.response);
    call_init(&call, NULL);
    static char query[] = "state\0paused\0";
    static const struct route route = {.query = "state:string"};
    call.exchange.request.route = &route;
    call.exchange.query = query;
    call.exchange.query_end = query + sizeof query - 1;
    jobs_list(&parts.server, &call.exchange.request, &call.response);
    assert_answer(&call, 200, "\"total\":1");
    assert_null(strstr(call.response.body.data, second));
    response_clear(&call.response);
    jobs_parts_close(&parts);
    parts_clear(&parts);
}

static void the_oldest_ended_jobs_are_forgotten(void **state) {
    struct parts parts;
    char id[3][JOB_ID_SIZE], queued[JOB_ID_SIZE];
    parts_init(&parts, state);
    parts.server.settings.max_jobs_kept = 2;
    jobs_parts_open(&parts, 0, NULL, NULL);
    put_words(&parts, "news");
    submit(&parts, "news", "m", queued);
    for (int i = 0; i < 3; i++)
        submit(&parts, "news", "m", id[i]);
    for (int i = 0; i < 3; i++)
        ask(&parts, id[i], jobs_cancel, 200, "\"state\":\"cancelled\"");
    ask(&parts, id[0], jobs_get, 404, "no job");
    ask(&parts, id[1], jobs_get, 200, id[1]);
    ask(&parts, id[2], jobs_get, 200, id[2]);
    ask(&parts, queued, jobs_get, 200, "\"state\":\"queued\"");
    assert_int_equal(count_entries(state, "jobs"), 3);
    jobs_parts_close(&parts);
    parts.server.settings.max_jobs_kept = 1; /* also at a start */
    jobs_parts_open(&parts, 0, NULL, NULL);
    assert_int_equal(count_entries(state, "jobs"), 2);
    jobs_parts_close(&parts);
    parts_clear(&parts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_job_is_queued_and_recorded),  TEST(refusals_leave_nothing),
        TEST(a_key_makes_one_job),           TEST(a_restart_settles_every_state),
        TEST(damaged_records_are_set_aside), TEST(transitions_that_make_no_sense_are_conflicts),
        TEST(a_list_shows_the_newest_first), TEST(the_oldest_ended_jobs_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
