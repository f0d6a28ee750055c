/* Running jobs: order, success, failure, crashes, pause, cancel, a server that stops. The training
 * process is this program itself, called with "train"; what it does is the name of its model. */
#include "tests/support/jobs_parts.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static char program[4096];

/* ---- the stand-in for `vecmill train --job FOLDER --progress-fd N` ------------------------- */

struct child {
    const char *folder;
    int progress; /* descriptor */
    char name[64];
    int runs; /* of this job, with this one */
};

static char *child_path(const struct child *child, const char *file) {
    return record_path(child->folder, file, NULL);
}

static void child_put(const struct child *child, const char *file, const char *text) {
    struct error err = {0};
    char *path = child_path(child, file);
    if (!path || file_replace(path, text, strlen(text), &err) != STATUS_OK)
        _exit(99);
    free(path);
}

static char *child_get(const struct child *child, const char *file) {
    struct error err = {0};
    char *path = child_path(child, file), *text = NULL;
    size_t length;
    if (!path || !file_exists(path) || file_read(path, 1 << 20, &text, &length, &err) != STATUS_OK)
        text = NULL;
    free(path);
    return text;
}

/* Counts the runs in a file that the server does not know, and so does not remove. */
static void child_count(struct child *child) {
    char line[16];
    char *before = child_get(child, "runs");
    child->runs = (before ? atoi(before) : 0) + 1;
    snprintf(line, sizeof line, "%d", child->runs);
    child_put(child, "runs", line);
    free(before);
}

static void child_report(const struct child *child, enum train_phase phase, uint64_t words,
                         bool checkpointed) {
    struct train_progress report = {.magic = TRAIN_PROGRESS_MAGIC,
                                    .phase = (uint32_t)phase,
                                    .words = words,
                                    .words_total = 100,
                                    .epochs = 1,
                                    .checkpointed = checkpointed};
    report.corpus.words = 12;
    if (write(child->progress, &report, sizeof report) != sizeof report)
        _exit(98);
}

/* As `vecmill train` tells of a failure: over the pipe, for the disk may be full. */
static void child_fail(const struct child *child, unsigned status, char key) {
    struct train_progress report = {
        .magic = TRAIN_PROGRESS_MAGIC, .failed = status, .key = {key}, .note = "it was planted"};
    if (write(child->progress, &report, sizeof report) != sizeof report)
        _exit(98);
}

static void child_publish(const struct child *child) {
    static const uint64_t offsets[] = {0, 1, 2}, counts[] = {2, 1};
    struct error err = {0};
    struct vocabulary *vocabulary = NULL;
    struct table *table = NULL;
    struct model *model = NULL;
    struct model_info info = {.created = 1234.5};
    char *folder = child_path(child, "model");
    snprintf(info.name, sizeof info.name, "%s", child->name);
    if (vocabulary_create(&vocabulary, 2, "ab", offsets, counts, &err) != STATUS_OK ||
        table_create(&table, 2, 2, 1, PARTITION_MOD, &err) != STATUS_OK ||
        model_create(&model, vocabulary, table, NULL, &info, kernel_choose("portable"), &err) !=
            STATUS_OK ||
        model_save(model, folder, NULL, &err) != STATUS_OK)
        _exit(97);
    model_drop(model);
    free(folder);
}

static void child_wait_forever(void) {
    for (;;)
        pause();
}

static void end_at_checkpoint(int signal) {
    (void)signal;
    _exit(4); /* of a pause */
}

static int child_end(struct child *child) {
    const char *name = child->name;
    if (strcmp(name, "fails") == 0) {
        child_put(child, "error", "REFUSED dim\nthis cannot be trained\nmore\n");
        return 1;
    }
    if (strcmp(name, "diverges") == 0) {
        child_put(child, "error", "DIVERGED -\nnot a number\n");
        return 5;
    }
    unsigned status;
    char key = '\0';
    if (sscanf(name, "w-%u-%c", &status, &key) >= 1 && child->runs == 1) {
        child_fail(child, status, key);
        return 1;
    }
    if (strcmp(name, "usage") == 0) {
        fprintf(stderr, "first line\nunknown option --job\n");
        return 2;
    }
    if (strcmp(name, "crashes") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(name, "recovers") == 0 && child->runs <= 4) {
        child_report(child, PHASE_TRAINING, 10, child->runs == 2);
        return 9;
    }
    if (strcmp(name, "says") == 0)
        return write(child->progress, (char[sizeof(struct train_progress)]){0},
                     sizeof(struct train_progress)) > 0
                   ? 0
                   : 1;
    if (strcmp(name, "waits") == 0 && child->runs == 1) {
        signal(SIGTERM, end_at_checkpoint);
        child_report(child, PHASE_TRAINING, 10, false);
        child_put(child, "ready", "");
        child_wait_forever();
    }
    if (strcmp(name, "stuck") == 0) {
        signal(SIGTERM, SIG_IGN);
        child_put(child, "ready", "");
        child_wait_forever();
    }
    child_report(child, PHASE_TRAINING, 50, false);
    child_report(child, PHASE_TRAINING, 100, true);
    child_publish(child);
    return 0;
}

static int child_main(int n_arguments, char **arguments) {
    if (n_arguments != 6 || strcmp(arguments[2], "--job") != 0 ||
        strcmp(arguments[4], "--progress-fd") != 0)
        return 96;
    struct child child = {.folder = arguments[3], .progress = atoi(arguments[5])};
    char *name = child_get(&child, "name"), *order = getenv("TEST_ORDER");
    if (!name)
        return 95;
    snprintf(child.name, sizeof child.name, "%.*s", (int)strcspn(name, "\n"), name);
    free(name);
    child_count(&child);
    child_put(&child, "environment", getenv("VECMILL_DIM") ? "VECMILL_DIM" : order ? order : "");
    FILE *file = order ? fopen(order, "a") : NULL;
    if (file) {
        fprintf(file, "%s\n", child.name);
        fclose(file);
    }
    return child_end(&child);
}

/* ---- the tests ---------------------------------------------------------------------------- */

struct running {
    struct parts parts;
    char order[600]; /* a file: the names of the models, as their processes were started */
    char *environment[4];
};

static void running_open(struct running *running, int slots) {
    static char of_the_server[] = "VECMILL_DIM=7";
    running->environment[0] = running->order;
    running->environment[1] = of_the_server;
    running->environment[2] = NULL;
    jobs_parts_open(&running->parts, slots, program, running->environment);
}

static void running_init(struct running *running, void **state) {
    parts_init(&running->parts, state);
    running->parts.server.settings.shutdown_timeout = 60;
    snprintf(running->order, sizeof running->order, "TEST_ORDER=%s/order", (const char *)*state);
    running_open(running, 0);
    put_words(&running->parts, "news");
    jobs_parts_close(&running->parts);
}

static void running_clear(struct running *running) {
    jobs_parts_close(&running->parts);
    parts_clear(&running->parts);
}

static void assert_runs(void **state, const char *id, const char *runs) {
    char name[128];
    snprintf(name, sizeof name, "jobs/%s/runs", id);
    char *text = get_file(state, name);
    assert_string_equal(text, runs);
    free(text);
}

static void job_file_name(char name[128], const char *id, const char *file) {
    snprintf(name, 128, "jobs/%s/%s", id, file);
}

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
        TEST(failures_that_pass_are_waited_for),
        TEST(a_waiting_job_can_be_told),
        TEST(no_descriptors_is_no_crash),
        TEST(a_model_in_the_making_is_not_deleted),
        TEST(a_stalled_job_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
