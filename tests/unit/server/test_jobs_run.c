/* Running jobs: order, success, failure, crashes, pause, cancel, a server that stops. The training
 * process is this program itself, see tests/support/jobs_child.h. */
#include "tests/support/jobs_child.h"

static void success_publishes_the_model(void **state) {
    struct running running;
    struct error err = {0};
    struct model *model = NULL;
    struct corpus_info info;
    char id[JOB_ID_SIZE], version[MODEL_VERSION_SIZE], name[128];
    running_init(&running, state);
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    submit(parts, "news", "good", id);
    wait_state(parts, id, JOB_SUCCEEDED);
    assert_int_equal(models_hold(parts->server.models, "good", &model, version, &err), STATUS_OK);
    assert_memory_equal(version, id, 16);
    model_drop(model);
    struct job job = job_look(parts, id);
    assert_string_equal(job.version, version);
    assert_true(job.progress.progress >= 1);
    assert_int_equal(job.error.status, STATUS_OK);
    assert_true(job.finished >= job.started && job.started >= job.created);
    assert_int_equal(corpora_find(parts->server.corpora, "news", &info, &err), STATUS_OK);
    assert_true(info.scanned);
    assert_int_equal(info.report.words, 12);
    struct job_counts counts;
    jobs_count(parts->server.jobs, &counts);
    assert_int_equal(counts.words, 100);
    /* What the job needed is gone, its record and events are not. */
    job_file_name(name, id, "corpus");
    assert_false(is_there(state, name));
    job_file_name(name, id, "model");
    assert_false(is_there(state, name));
    job_file_name(name, id, "events");
    assert_true(is_there(state, name));
    /* Our settings are not those of the training process; other variables are. */
    job_file_name(name, id, "environment");
    char *text = get_file(state, name);
    assert_string_equal(text, running.order + strlen("TEST_ORDER="));
    free(text);
    ask(parts, id, jobs_history, 200, "\"words\":100");
    running_clear(&running);
}

static void the_queue_is_worked_in_order(void **state) {
    static const char *const names[] = {"one", "two", "three", "four"};
    struct running running;
    char id[4][JOB_ID_SIZE];
    running_init(&running, state);
    running_open(&running, 0);
    for (int i = 0; i < 4; i++)
        submit(&running.parts, "news", names[i], id[i]);
    ask(&running.parts, id[1], jobs_pause, 200, "\"state\":\"paused\"");
    jobs_parts_close(&running.parts);
    running_open(&running, 1);
    wait_state(&running.parts, id[3], JOB_SUCCEEDED);
    assert_int_equal(job_look(&running.parts, id[1]).state, JOB_PAUSED);
    ask(&running.parts, id[1], jobs_resume, 200, id[1]);
    wait_state(&running.parts, id[1], JOB_SUCCEEDED);
    char *order = get_file(state, "order");
    assert_string_equal(order, "one\nthree\nfour\ntwo\n");
    free(order);
    running_clear(&running);
}

static void failures_tell_what_the_process_said(void **state) {
    struct running running;
    char id[JOB_ID_SIZE];
    running_init(&running, state);
    running_open(&running, 2);
    struct parts *parts = &running.parts;
    submit(parts, "news", "fails", id);
    wait_state(parts, id, JOB_FAILED);
    struct job job = job_look(parts, id);
    assert_error(&job.error, STATUS_REFUSED, "dim", "this cannot be trained");
    assert_null(strchr(job.error.text, '\n'));
    assert_runs(state, id, "1");
    submit(parts, "news", "diverges", id);
    wait_state(parts, id, JOB_FAILED);
    job = job_look(parts, id);
    assert_error(&job.error, STATUS_DIVERGED, "", "not a number");
    submit(parts, "news", "usage", id); /* is no crash: it would not go better again */
    wait_state(parts, id, JOB_FAILED);
    job = job_look(parts, id);
    assert_error(&job.error, STATUS_INTERNAL, "",
                 "training process ended with code 2: unknown option --job");
    assert_runs(state, id, "1");
    assert_true(parts_logged(parts, ": first line\n"));
    ask(parts, id, jobs_get, 200, "\"state\":\"failed\"");
    ask(parts, id, jobs_cancel, 409, "is failed: it cannot be cancelled");
    running_clear(&running);
}

static void crashes_are_counted(void **state) {
    struct running running;
    char id[JOB_ID_SIZE];
    running_init(&running, state);
    running.parts.server.settings.max_job_crashes = 3;
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    submit(parts, "news", "crashes", id);
    wait_state(parts, id, JOB_FAILED);
    struct job job = job_look(parts, id);
    assert_error(&job.error, STATUS_INTERNAL, "max_job_crashes", "was killed by signal 9");
    assert_error(&job.error, STATUS_INTERNAL, "max_job_crashes",
                 "; after 3 crashes it is not started again");
    assert_int_equal(job.crashes, 3);
    assert_runs(state, id, "3");
    assert_true(parts_logged(parts, "crash 2 of 3"));
    /* The checkpoint of the second run forgives the first crash: 1, then 1, 2 and success. */
    submit(parts, "news", "recovers", id);
    wait_state(parts, id, JOB_FAILED);
    assert_runs(state, id, "4");
    running.parts.server.settings.max_job_crashes = 4;
    submit(parts, "news", "recovers", id);
    wait_state(parts, id, JOB_SUCCEEDED);
    assert_runs(state, id, "5");
    assert_int_equal(job_look(parts, id).crashes, 0);
    running_clear(&running);
}

static void success_without_a_model_is_a_crash(void **state) {
    struct running running;
    char id[JOB_ID_SIZE];
    running_init(&running, state);
    running.parts.server.settings.max_job_crashes = 2;
    running_open(&running, 1);
    submit(&running.parts, "news", "says", id);
    wait_state(&running.parts, id, JOB_FAILED);
    assert_true(parts_logged(&running.parts, " sent a report that makes no sense"));
    assert_true(parts_logged(&running.parts, "cannot be published"));
    assert_runs(state, id, "2");
    assert_int_equal(models_count(running.parts.server.models), 0);
    running_clear(&running);
}

static void a_running_job_is_paused_and_resumed(void **state) {
    struct running running;
    char id[JOB_ID_SIZE], ready[128];
    running_init(&running, state);
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    submit(parts, "news", "waits", id);
    job_file_name(ready, id, "ready");
    wait_file(state, ready);
    ask(parts, id, jobs_resume, 409, "is running: it cannot be resumed");
    ask(parts, id, jobs_pause, 200, id);
    wait_state(parts, id, JOB_PAUSED);
    assert_int_equal(job_look(parts, id).pid, 0);
    ask(parts, id, jobs_resume, 200, id);
    wait_state(parts, id, JOB_SUCCEEDED);
    assert_runs(state, id, "2");
    assert_int_equal(job_look(parts, id).crashes, 0);
    running_clear(&running);
}

static void a_running_job_is_cancelled(void **state) {
    struct running running;
    char id[JOB_ID_SIZE], ready[128];
    running_init(&running, state);
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    submit(parts, "news", "stuck", id); /* takes no SIGTERM */
    job_file_name(ready, id, "ready");
    wait_file(state, ready);
    pid_t pid = job_look(parts, id).pid;
    assert_true(pid > 0);
    ask(parts, id, jobs_cancel, 200, id);
    wait_state(parts, id, JOB_CANCELLED);
    assert_int_equal(kill(pid, 0), -1); /* reaped */
    assert_int_equal(errno, ESRCH);
    assert_int_equal(job_look(parts, id).error.status, STATUS_OK);
    running_clear(&running);
}

static void an_interrupted_job_goes_on_at_the_next_start(void **state) {
    struct running running;
    char id[JOB_ID_SIZE], ready[128];
    running_init(&running, state);
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    submit(parts, "news", "waits", id);
    job_file_name(ready, id, "ready");
    wait_file(state, ready);
    jobs_parts_close(parts);
    assert_true(parts_logged(parts, "goes on at the next start"));
    running_open(&running, 0);
    struct job job = job_look(parts, id);
    assert_int_equal(job.state, JOB_QUEUED);
    assert_int_equal(job.restarts, 0); /* it stopped in good order */
    assert_int_equal(job.crashes, 0);
    jobs_parts_close(parts);
    running_open(&running, 1);
    wait_state(parts, id, JOB_SUCCEEDED);
    assert_runs(state, id, "2");
    running_clear(&running);
}

static void a_process_that_does_not_stop_is_killed(void **state) {
    struct running running;
    char id[JOB_ID_SIZE], ready[128];
    running_init(&running, state);
    running.parts.server.settings.shutdown_timeout = 0.2;
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    submit(parts, "news", "stuck", id);
    job_file_name(ready, id, "ready");
    wait_file(state, ready);
    jobs_parts_close(parts);
    assert_true(parts_logged(parts, "was asked to stop and did not in time: killed"));
    running_open(&running, 0);
    assert_int_equal(job_look(parts, id).state, JOB_QUEUED);
    assert_int_equal(job_look(parts, id).crashes, 0);
    running_clear(&running);
}

static void a_program_that_is_missing_is_a_crash(void **state) {
    static char missing[] = "/nonexistent/vecmill";
    struct running running;
    char id[JOB_ID_SIZE];
    running_init(&running, state);
    jobs_parts_open(&running.parts, 1, missing, NULL);
    submit(&running.parts, "news", "good", id);
    wait_state(&running.parts, id, JOB_FAILED);
    struct job job = job_look(&running.parts, id);
    assert_error(&job.error, STATUS_INTERNAL, "max_job_crashes",
                 "cannot start '/nonexistent/vecmill'");
    running_clear(&running);
}

static void an_upload_can_train_at_once(void **state) {
    static char query[] = "corpus\0uploaded\0min_count\0001\0dim\0008\0";
    struct running running;
    struct error err = {0};
    struct call call;
    void *upload = NULL;
    running_init(&running, state);
    running_open(&running, 1);
    struct server *server = &running.parts.server;
    call_init(&call, "good");
    call.exchange.query = query;
    call.exchange.query_end = query + sizeof query - 1;
    assert_int_equal(jobs_train_upload.begin(server, &call.exchange.request, &upload, &err),
                     STATUS_OK);
    assert_int_equal(jobs_train_upload.push(upload, "a b a b\n", 8, &err), STATUS_OK);
    jobs_train_upload.finish(server, &call.exchange.request, upload, &call.response);
    assert_answer(&call, 202, "\"corpus\":\"uploaded\"");
    assert_non_null(strstr(call.response.body.data, "\"dim\":8"));
    const char *location = strstr(call.response.headers.data, "Location: /v1/jobs/");
    assert_non_null(location);
    char id[JOB_ID_SIZE];
    snprintf(id, sizeof id, "%.32s", location + strlen("Location: /v1/jobs/"));
    response_clear(&call.response);
    wait_state(&running.parts, id, JOB_SUCCEEDED);
    /* Refused before the body: a setting that is not there. */
    static char wrong[] = "dims\0008\0";
    call_init(&call, "good");
    call.exchange.query = wrong;
    call.exchange.query_end = wrong + sizeof wrong - 1;
    upload = NULL;
    assert_int_equal(jobs_train_upload.begin(server, &call.exchange.request, &upload, &err),
                     STATUS_REFUSED);
    assert_null(upload);
    running_clear(&running);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(int n_arguments, char **arguments) {
    if (n_arguments > 1 && strcmp(arguments[1], "train") == 0)
        return child_main(n_arguments, arguments);
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(success_publishes_the_model),
        TEST(the_queue_is_worked_in_order),
        TEST(failures_tell_what_the_process_said),
        TEST(crashes_are_counted),
        TEST(success_without_a_model_is_a_crash),
        TEST(a_running_job_is_paused_and_resumed),
        TEST(a_running_job_is_cancelled),
        TEST(an_interrupted_job_goes_on_at_the_next_start),
        TEST(a_process_that_does_not_stop_is_killed),
        TEST(a_program_that_is_missing_is_a_crash),
        TEST(an_upload_can_train_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
