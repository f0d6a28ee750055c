/* Jobs that wait for what may pass, and jobs that hang. */
#include "tests/support/jobs_child.h"

#include <sys/resource.h>

/* Submits a job whose first process fails with the status, with a key if there is one. */
static void submit_failing(struct parts *parts, enum status status, const char *key,
                           char id[JOB_ID_SIZE]) {
    char name[32];
    snprintf(name, sizeof name, "w-%d%s", (int)status, key);
    submit(parts, "news", name, id);
}

static void failures_that_pass_are_waited_for(void **state) {
    static const enum status pass[] = {STATUS_DISK_FULL, STATUS_IO, STATUS_NO_MEMORY, STATUS_BUSY},
                             stay[] = {STATUS_REFUSED,   STATUS_CORRUPT,  STATUS_DIVERGED,
                                       STATUS_NOT_FOUND, STATUS_INTERNAL, STATUS_NO_MEMORY};
    struct running running;
    char id[JOB_ID_SIZE];
    running_init(&running, state);
    running.parts.server.settings.retry_interval = 0.01;
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    for (size_t i = 0; i < sizeof pass / sizeof *pass; i++) {
        submit_failing(parts, pass[i], "", id);
        wait_state(parts, id, JOB_SUCCEEDED);
        assert_runs(state, id, "2");
        assert_int_equal(job_look(parts, id).crashes, 0);
        assert_int_equal(job_look(parts, id).error.status, STATUS_OK);
    }
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++) {
        submit_failing(parts, stay[i], "-d", id); /* with a key: it names what could never fit */
        wait_state(parts, id, JOB_FAILED);
        assert_runs(state, id, "1");
        assert_string_equal(job_look(parts, id).error.text, "it was planted");
        assert_string_equal(job_look(parts, id).error.key, "d");
    }
    running_clear(&running);
}

static void a_waiting_job_can_be_told(void **state) {
    struct running running;
    struct job_counts counts;
    char id[JOB_ID_SIZE], other[JOB_ID_SIZE], name[128];
    running_init(&running, state);
    running.parts.server.settings.retry_interval = 86400;
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    submit_failing(parts, STATUS_IO, "", id);
    wait_state(parts, id, JOB_WAITING);
    ask(parts, id, jobs_get, 200, "\"detail\":\"it was planted\"");
    jobs_count(parts->server.jobs, &counts);
    assert_int_equal(counts.waiting, 1);
    ask(parts, id, jobs_pause, 200, "\"state\":\"paused\"");
    ask(parts, id, jobs_get, 200, "\"code\":\"io\""); /* why it waited is still told */
    ask(parts, id, jobs_resume, 200, "\"error\":null");
    wait_state(parts, id, JOB_SUCCEEDED);
    submit_failing(parts, STATUS_DISK_FULL, "", other);
    wait_state(parts, other, JOB_WAITING);
    assert_true(jobs_reserved(parts->server.jobs) > 0);
    ask(parts, other, jobs_cancel, 200, "\"state\":\"cancelled\"");
    assert_int_equal(jobs_reserved(parts->server.jobs), 0);
    job_file_name(name, other, "corpus");
    assert_false(is_there(state, name));
    /* A new start tries at once, and knows what for. */
    submit_failing(parts, STATUS_NO_MEMORY, "", id);
    wait_state(parts, id, JOB_WAITING);
    jobs_parts_close(parts);
    running_open(&running, 0);
    assert_int_equal(job_look(parts, id).state, JOB_WAITING);
    assert_string_equal(job_look(parts, id).error.text, "it was planted");
    jobs_parts_close(parts);
    running_open(&running, 1);
    wait_state(parts, id, JOB_SUCCEEDED);
    running_clear(&running);
}

static void no_descriptors_is_no_crash(void **state) {
    struct running running;
    struct rlimit before, none;
    char block[JOB_ID_SIZE], id[JOB_ID_SIZE], name[128];
    running_init(&running, state);
    running.parts.server.settings.retry_interval = 0.01;
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    submit(parts, "news", "waits", block);
    job_file_name(name, block, "ready");
    wait_file(state, name);
    submit(parts, "news", "good", id);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    ask(parts, block, jobs_cancel, 200, "");
    wait_state(parts, id, JOB_WAITING);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    wait_state(parts, id, JOB_SUCCEEDED);
    assert_int_equal(job_look(parts, id).crashes, 0);
    running_clear(&running);
}

/* Deleting a model that a job would bring back is refused, whatever the job waits for. */
static void a_model_in_the_making_is_not_deleted(void **state) {
    struct running running;
    struct error err = {0};
    char id[JOB_ID_SIZE];
    running_init(&running, state);
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    struct models *models = parts->server.models;
    submit(parts, "news", "good", id);
    wait_state(parts, id, JOB_SUCCEEDED);
    jobs_parts_close(parts);
    running_open(&running, 0);
    models = parts->server.models;
    submit(parts, "news", "good", id);
    assert_int_equal(models_remove(models, "good", &err), STATUS_CONFLICT);
    assert_error(&err, STATUS_CONFLICT, "model", id);
    error_clear(&err);
    ask(parts, id, jobs_pause, 200, "");
    assert_int_equal(models_remove(models, "good", &err), STATUS_CONFLICT);
    error_clear(&err);
    ask(parts, id, jobs_cancel, 200, "");
    assert_int_equal(models_remove(models, "good", &err), STATUS_OK);
    running_clear(&running);
}

static void a_stalled_job_says_so(void **state) {
    struct running running;
    struct job_counts counts = {0};
    char id[JOB_ID_SIZE], name[128];
    running_init(&running, state);
    running.parts.server.settings.stall_timeout = 0.01;
    running.parts.server.settings.progress_interval = 0.01;
    running_open(&running, 1);
    struct parts *parts = &running.parts;
    submit(parts, "news", "waits", id);
    job_file_name(name, id, "ready");
    wait_file(state, name);
    while (counts.stalled == 0)
        jobs_count(parts->server.jobs, &counts);
    ask(parts, id, jobs_get, 200, "\"warning\":\"no progress for stall_timeout");
    assert_true(parts_logged(parts, "no progress for stall_timeout, 0.01 s: training process "));
    kill(job_look(parts, id).pid, SIGSTOP);
    ask(parts, id, jobs_pause, 200, "\"state\":\"paused\"");
    jobs_count(parts->server.jobs, &counts);
    assert_int_equal(counts.stalled, 0);
    running_clear(&running);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(int n_arguments, char **arguments) {
    if (n_arguments > 1 && strcmp(arguments[1], "train") == 0)
        return child_main(n_arguments, arguments);
    if (!program_find())
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(failures_that_pass_are_waited_for),
        TEST(a_waiting_job_can_be_told),
        TEST(no_descriptors_is_no_crash),
        TEST(a_model_in_the_making_is_not_deleted),
        TEST(a_stalled_job_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
