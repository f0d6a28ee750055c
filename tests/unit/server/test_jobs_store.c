/* Jobs without a server: records, settings from JSON, event logs and their streams. */
#include "tests/support/temporary.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include "base/machine.h"
#include "server/jobs/jobs_private.h"
#include "server/json/settings_json.h"

static struct job *job_sample(void) {
    struct job *job = calloc(1, sizeof *job);
    assert_non_null(job);
    struct error err = {0};
    memcpy(job->id, "0123456789abcdef0123456789abcdef", JOB_ID_SIZE);
    strcpy(job->model, "news");
    strcpy(job->corpus, "news.2024");
    strcpy(job->digest, "sha256:00");
    strcpy(job->key, "retry-1");
    strcpy(job->fingerprint, "sha256:11");
    settings_init(&job->settings);
    assert_int_equal(settings_set(&job->settings, "dim", "37", SETTING_OF_JOB, &err), STATUS_OK);
    assert_int_equal(settings_set(&job->settings, "learning_rate", "0.1", SETTING_OF_JOB, &err),
                     STATUS_OK);
    assert_int_equal(
        settings_set(&job->settings, "objective", "sampled_softmax", SETTING_OF_JOB, &err),
        STATUS_OK);
    assert_int_equal(settings_set(&job->settings, "unique", "true", SETTING_OF_JOB, &err),
                     STATUS_OK);
    job->sequence = 41;
    job->state = JOB_RUNNING;
    job->phase = PHASE_TRAINING;
    job->created = 1700000000.25;
    job->started = 1700000001;
    job->progress.progress = 0.5;
    job->progress.epoch = 2;
    job->progress.epochs = 5;
    job->progress.step = 99;
    job->progress.words = 1000;
    job->progress.words_total = 2000;
    job->progress.words_per_second = 1e6;
    job->progress.loss = 3.25;
    job->progress.learning_rate = 0.0125;
    job->progress.eta_seconds = 0.5;
    job->progress.corpus.words = 400;
    job->progress.corpus.vocabulary = 7;
    job->crashes = 2;
    job->restarts = 1;
    job->reserved = 12345;
    pthread_mutex_init(&job->store, NULL);
    job->holds = 1;
    return job;
}

static void record_survives_a_round_trip(void **state) {
    (void)state;
    struct error err = {0};
    unsigned unknown = 9;
    struct job *job = job_sample(), *back = calloc(1, sizeof *back);
    job->ask = JOB_ASK_PAUSE;
    error_set_key(&job->error, STATUS_DIVERGED, "learning_rate", "loss is nan: 'w\xff\"'");
    json_t *record = job_record(job);
    assert_non_null(record);
    char *text = json_dumps(record, JSON_COMPACT);
    json_t *parsed = NULL;
    assert_int_equal(json_parse(text, strlen(text), 8, &parsed, &err), STATUS_OK);
    assert_int_equal(job_read(parsed, back, &unknown, &err), STATUS_OK);
    assert_int_equal(unknown, 0);
    assert_string_equal(back->id, job->id);
    assert_string_equal(back->corpus, "news.2024");
    assert_string_equal(back->key, "retry-1");
    assert_string_equal(back->fingerprint, "sha256:11");
    assert_int_equal(back->settings.dim, 37);
    assert_true(back->settings.learning_rate == 0.1);
    assert_int_equal(back->settings.objective, OBJECTIVE_SAMPLED_SOFTMAX);
    assert_true(back->settings.unique);
    assert_int_equal(back->sequence, 41);
    assert_int_equal(back->state, JOB_RUNNING);
    assert_int_equal(back->phase, PHASE_TRAINING);
    assert_int_equal(back->ask, JOB_ASK_PAUSE);
    assert_true(back->created == job->created);
    assert_int_equal(back->progress.words, 1000);
    assert_true(back->progress.loss == 3.25);
    assert_int_equal(back->progress.corpus.vocabulary, 7);
    assert_int_equal(back->error.status, STATUS_DIVERGED);
    assert_string_equal(back->error.key, "learning_rate");
    assert_string_equal(back->error.text, "loss is nan: 'w\xef\xbf\xbd\"'");
    assert_int_equal(back->crashes, 2);
    assert_int_equal(back->restarts, 1);
    assert_int_equal(back->reserved, 12345);
    json_decref(record);
    json_decref(parsed);
    free(text);
    job_free(job);
    free(back);
}

static void record_that_lies_is_refused(void **state) {
    (void)state;
    static const char *const lies[][2] = {
        {"state", "\"done\""},   {"id", "\"../../etc\""},
        {"model", "\"../x\""},   {"corpus", "\"\""},
        {"sequence", "-1"},      {"reserved", "1e99"},
        {"phase", "3"},          {"ask", "7"},
        {"vecmill_job", "2"},    {"key", "null"},
        {"crashes", "\"many\""}, {"fingerprint", "5"},
    };
    struct job *job = job_sample();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct error err = {0};
        unsigned unknown = 0;
        struct job *back = calloc(1, sizeof *back);
        json_t *record = job_record(job);
        json_t *lie = json_loads(lies[i][1], JSON_DECODE_ANY, NULL);
        assert_int_equal(json_object_set_new(record, lies[i][0], lie), 0);
        assert_int_equal(job_read(record, back, &unknown, &err), STATUS_CORRUPT);
        json_decref(record);
        free(back);
    }
    job_free(job);
}

static void document_has_every_member(void **state) {
    (void)state;
    static const char *const members[] = {"id",
                                          "state",
                                          "phase",
                                          "model",
                                          "corpus",
                                          "settings",
                                          "progress",
                                          "epoch",
                                          "epochs",
                                          "step",
                                          "words",
                                          "words_total",
                                          "words_per_second",
                                          "loss",
                                          "learning_rate",
                                          "eta_seconds",
                                          "created",
                                          "started",
                                          "finished",
                                          "error",
                                          "corpus_report",
                                          "version",
                                          "threads",
                                          "kernel"};
    struct job *job = job_sample();
    json_t *document = job_document(job, "portable");
    assert_non_null(document);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        assert_non_null(json_object_get(document, members[i]));
    assert_true(json_is_null(json_object_get(document, "finished")));
    assert_true(json_is_null(json_object_get(document, "error")));
    assert_string_equal(json_string_value(json_object_get(document, "created")),
                        "2023-11-14T22:13:20.250Z");
    assert_string_equal(json_string_value(json_object_get(document, "kernel")), "portable");
    const json_t *settings = json_object_get(document, "settings");
    assert_int_equal(json_integer_value(json_object_get(settings, "dim")), 37);
    assert_true(json_is_real(json_object_get(settings, "learning_rate")));
    assert_true(json_is_true(json_object_get(settings, "unique")));
    assert_string_equal(json_string_value(json_object_get(settings, "objective")),
                        "sampled_softmax");
    assert_null(json_object_get(settings, "listen"));
    json_decref(document);
    job->progress.loss = NAN; /* JSON knows no NaN */
    job->progress.progress = NAN;
    document = job_document(job, "portable");
    assert_non_null(document);
    assert_true(json_is_null(json_object_get(document, "loss")));
    json_t *record = job_record(job);
    assert_non_null(record);
    json_decref(record);
    json_decref(document);
    job->phase = PHASE_NONE;
    document = job_document(job, "portable");
    assert_true(json_is_null(json_object_get(document, "phase")));
    json_decref(document);
    job_free(job);
}

static void settings_of_a_body_are_typed(void **state) {
    (void)state;
    static const struct {
        const char *json, *pointer, *part;
    } bad[] = {
        {"{\"dim\": \"100\"}", "/settings/dim", "dim must be a whole number, not a string"},
        {"{\"dim\": 1.5}", "/settings/dim", "dim must be a whole number"},
        {"{\"dim\": true}", "/settings/dim", "dim must be a whole number"},
        {"{\"dim\": [1]}", "/settings/dim", "dim must be a whole number"},
        {"{\"dim\": 0}", "/settings/dim", "between 1 and 4096"},
        {"{\"dim\": -5}", "/settings/dim", "between 1 and 4096"},
        {"{\"dim\": 9223372036854775807}", "/settings/dim", "4096"},
        {"{\"unique\": 1}", "/settings/unique", "true or false"},
        {"{\"unique\": \"true\"}", "/settings/unique", "true or false"},
        {"{\"objective\": 3}", "/settings/objective", "must be a string"},
        {"{\"objective\": \"hinge\"}", "/settings/objective", "nce"},
        {"{\"objective\": \"nce\\u0000x\"}", "/settings/objective", "must be a string"},
        {"{\"learning_rate\": \"fast\"}", "/settings/learning_rate", "must be a number"},
        {"{\"dmi\": 3}", "/settings/dmi", "unknown setting 'dmi'"},
        {"{\"listen\": \":80\"}", "/settings/listen", "listen"},
        {"[1]", "/settings", "settings must be an object"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        struct settings settings;
        settings_init(&settings);
        json_t *object = json_loads(bad[i].json, JSON_ALLOW_NUL, NULL);
        assert_non_null(object);
        assert_int_equal(settings_read_json(object, &settings, &err), STATUS_REFUSED);
        assert_string_equal(err.key, bad[i].pointer);
        if (!strstr(err.text, bad[i].part))
            fail_msg("%s: '%s' is not in '%s'", bad[i].json, bad[i].part, err.text);
        json_decref(object);
    }
    struct error err = {0};
    struct settings settings;
    settings_init(&settings);
    json_t *object =
        json_loads("{\"dim\": 50.0, \"learning_rate\": 1, \"sample\": 1e-5, \"lowercase\": true,"
                   "\"max_memory\": \"512M\", \"init\": \"tensorflow\", \"window\": null}",
                   0, NULL);
    assert_int_equal(settings_read_json(object, &settings, &err), STATUS_OK);
    assert_int_equal(settings.dim, 50);
    assert_int_equal(settings.window, SETTING_AUTO_INT);
    assert_true(settings.learning_rate == 1 && settings.sample == 1e-5 && settings.lowercase);
    assert_int_equal(settings.max_memory, 512 << 20);
    assert_int_equal(settings.init, INIT_TENSORFLOW);
    assert_int_equal(settings_read_json(NULL, &settings, &err), STATUS_OK);
    json_decref(object);
    object = json_loads("{\"sample\": \"auto\", \"epochs\": 7}", 0, NULL);
    assert_int_equal(settings_read_json(object, &settings, &err), STATUS_OK);
    json_t *sample = setting_json(&settings, settings_find("sample"));
    assert_true(settings.sample == SETTING_AUTO_REAL);
    assert_string_equal(json_string_value(sample), "auto");
    json_decref(sample);
    json_decref(object);
}

static struct job_log *log_make(size_t max, double heartbeat) {
    struct error err = {0};
    struct job_log *log = NULL;
    assert_int_equal(job_log_create(&log, max, heartbeat, &err), STATUS_OK);
    return log;
}

/* Everything a stream says until it ends or has said `heartbeats` heartbeats, `room` bytes at a
 * time. */
static char *stream_drain(struct job_log *log, uint64_t seen, size_t room, int heartbeats) {
    struct error err = {0};
    struct job_stream *stream = NULL;
    struct buffer text = {0};
    char piece[4096];
    assert_int_equal(job_stream_create(&stream, log, seen, &err), STATUS_OK);
    for (;;) {
        ssize_t n = job_stream_produce(stream, piece, room);
        assert_true(n >= 0 && (size_t)n <= room);
        if (n == 0)
            break;
        buffer_append(&text, piece, (size_t)n);
        int beats = 0;
        for (const char *at = text.data; (at = strstr(at, ": heartbeat\n\n")) != NULL; at++)
            beats++;
        if (heartbeats > 0 && beats >= heartbeats)
            break;
    }
    job_stream_free(stream);
    return buffer_take(&text);
}

static void stream_speaks_the_format(void **state) {
    (void)state;
    struct job_log *log = log_make(100, 0.05);
    job_log_append(log, EVENT_STATE, "{\"state\":\"queued\"}");
    job_log_append(log, EVENT_PROGRESS, "{\"p\":1}");
    job_log_append(log, EVENT_EPOCH, "{\"p\":2}");
    job_log_append(log, EVENT_LOG, "{\"line\":\"x\"}");
    char *text = stream_drain(log, 0, 7, 2);
    assert_string_equal(text, "retry: 2000\n\n"
                              "id: 1\nevent: state\ndata: {\"state\":\"queued\"}\n\n"
                              "id: 2\nevent: progress\ndata: {\"p\":1}\n\n"
                              "id: 3\nevent: epoch\ndata: {\"p\":2}\n\n"
                              "id: 4\nevent: log\ndata: {\"line\":\"x\"}\n\n"
                              ": heartbeat\n\n: heartbeat\n\n");
    free(text);
    assert_false(job_log_exhausted(log, 4));
    job_log_end(log);
    assert_true(job_log_exhausted(log, 4));
    assert_false(job_log_exhausted(log, 3));
    text = stream_drain(log, 2, 4096, 0);
    assert_string_equal(text, "retry: 2000\n\n"
                              "id: 3\nevent: epoch\ndata: {\"p\":2}\n\n"
                              "id: 4\nevent: log\ndata: {\"line\":\"x\"}\n\n");
    free(text);
    text = stream_drain(log, 999, 4096, 0);
    assert_string_equal(text, "retry: 2000\n\n");
    free(text);
    job_log_drop(log);
}

static void stream_ends_when_the_server_stops(void **state) {
    (void)state;
    struct job_log *log = log_make(100, 15);
    job_log_append(log, EVENT_STATE, "{}");
    job_log_interrupt(log);
    char *text = stream_drain(log, 0, 4096, 0);
    assert_non_null(strstr(text, "id: 1\n"));
    free(text);
    job_log_drop(log);
}

static void *append_slowly(void *context) {
    for (int i = 0; i < 200; i++) {
        job_log_append(context, EVENT_ROW, "{}");
        if (i % 20 == 0)
            usleep(1000);
    }
    job_log_end(context);
    return NULL;
}

static void stream_follows_a_writer(void **state) {
    (void)state;
    struct job_log *log = log_make(1000, 15);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, append_slowly, log), 0);
    char *text = stream_drain(log, 0, 333, 0);
    pthread_join(writer, NULL);
    unsigned long last = 0, n = 0;
    for (const char *at = text; (at = strstr(at, "id: ")) != NULL; at += 4, n++) {
        unsigned long id = strtoul(at + 4, NULL, 10);
        assert_int_equal(id, last + 1);
        last = id;
    }
    assert_int_equal(n, 200);
    free(text);
    job_log_drop(log);
}

static void full_log_is_thinned(void **state) {
    (void)state;
    struct job_log *log = log_make(64, 0.05);
    char data[64];
    job_log_append(log, EVENT_STATE, "{\"state\":\"queued\"}");
    for (int i = 0; i < 100000; i++) {
        snprintf(data, sizeof data, "{\"i\":%d}", i);
        job_log_append(log, i % 100 == 99 ? EVENT_EPOCH : EVENT_ROW, data);
        assert_true(job_log_count(log) <= 64);
    }
    assert_int_equal(job_log_next(log), 100002);
    job_log_end(log);
    char *text = stream_drain(log, 0, 4096, 0);
    assert_non_null(strstr(text, "id: 1\nevent: state\n")); /* states stay */
    assert_non_null(strstr(text, "data: {\"i\":99999}\n")); /* so does the newest */
    assert_non_null(strstr(text, "data: {\"i\":99998}\n"));
    free(text);
    job_log_drop(log);
    log = log_make(0, 0.05); /* the floor of 16 holds, whatever comes */
    for (int i = 0; i < 1000; i++)
        job_log_append(log, EVENT_STATE, "{}");
    assert_true(job_log_count(log) <= 16);
    job_log_drop(log);
}

static void history_can_be_coarse(void **state) {
    (void)state;
    struct job_log *log = log_make(1000, 1);
    char data[64];
    job_log_append(log, EVENT_PROGRESS, "{\"vocabulary\":1}");
    for (int i = 1; i <= 100; i++) {
        snprintf(data, sizeof data, "%d", i);
        job_log_append(log, EVENT_ROW, data);
    }
    struct buffer text = {0};
    job_log_rows(log, 4, &text);
    assert_string_equal(text.data, "25,50,75,100");
    buffer_clear(&text);
    buffer_init(&text);
    job_log_rows(log, 0, &text);
    assert_memory_equal(text.data, "1,2,3,", 6);
    assert_null(strstr(text.data, "vocabulary"));
    buffer_clear(&text);
    buffer_init(&text);
    job_log_rows(log, 1, &text);
    assert_string_equal(text.data, "100");
    buffer_clear(&text);
    job_log_drop(log);
}

static void log_survives_a_round_trip(void **state) {
    struct error err = {0};
    char *path = temporary_path(state, "events");
    struct job_log *log = log_make(100, 0.05), *back = log_make(100, 0.05);
    assert_int_equal(job_log_store(log, path, &err), STATUS_OK); /* an empty one too */
    assert_int_equal(job_log_load(back, path, &err), STATUS_OK);
    assert_int_equal(job_log_count(back), 0);
    job_log_append(log, EVENT_STATE, "{\"a\":1}");
    job_log_skip(log, 500);
    job_log_append(log, EVENT_ROW, "{\"b\":2}");
    assert_int_equal(job_log_store(log, path, &err), STATUS_OK);
    assert_int_equal(job_log_load(back, path, &err), STATUS_OK);
    assert_int_equal(job_log_next(back), 501);
    job_log_end(back);
    char *text = stream_drain(back, 0, 4096, 0);
    assert_string_equal(text, "retry: 2000\n\nid: 1\nevent: state\ndata: {\"a\":1}\n\n"
                              "id: 500\nevent: progress\ndata: {\"b\":2}\n\n");
    free(text);
    free(path);
    job_log_drop(log);
    job_log_drop(back);
}

/* Every byte changed, every length cut: refused or the same, never a crash, never other events. */
static void damaged_log_is_refused(void **state) {
    struct error err = {0};
    char *path = temporary_path(state, "events"), *bytes = NULL;
    size_t length = 0;
    struct job_log *log = log_make(100, 0.05);
    for (int i = 0; i < 5; i++)
        job_log_append(log, EVENT_ROW, "{\"b\":2}");
    assert_int_equal(job_log_store(log, path, &err), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &length, &err), STATUS_OK);
    for (size_t i = 0; i < 2 * length; i++) {
        struct error damage = {0};
        struct job_log *back = log_make(100, 0.05);
        char *copy = malloc(length + 1);
        memcpy(copy, bytes, length);
        size_t left = i < length ? length : i - length;
        if (i < length)
            copy[i] ^= 0x01;
        assert_int_equal(file_replace(path, copy, left, &err), STATUS_OK);
        enum status status = job_log_load(back, path, &damage);
        if (status == STATUS_OK) { /* a bit of `next` is all that may pass */
            assert_true(left == length);
            assert_int_equal(job_log_count(back), 5);
        } else {
            assert_int_equal(status, STATUS_CORRUPT);
            assert_int_equal(job_log_count(back), 0);
        }
        free(copy);
        job_log_drop(back);
    }
    free(bytes);
    free(path);
    job_log_drop(log);
}

static void events_are_json_lines(void **state) {
    (void)state;
    struct job *job = job_sample();
    job->log = log_make(100, 0.05);
    error_set(&job->error, STATUS_REFUSED, "word 'a\nb\xc3' is bad");
    job_state_event(job);
    job->progress.loss = INFINITY;
    job_progress_event(job, false);
    job_progress_event(job, true);
    job_line_event(job, "x\n\"\xff", 4);
    job_log_end(job->log);
    char *text = stream_drain(job->log, 0, 4096, 0);
    int n = 0;
    for (char *at = text; (at = strstr(at, "\ndata: ")) != NULL; n++) {
        at += strlen("\ndata: ");
        char *end = strchr(at, '\n');
        struct error err = {0};
        json_t *document = NULL;
        assert_int_equal(json_parse(at, (size_t)(end - at), 8, &document, &err), STATUS_OK);
        assert_string_equal(json_string_value(json_object_get(document, "job")), job->id);
        json_decref(document);
        at = end - 1;
    }
    assert_int_equal(n, 4);
    assert_non_null(strstr(text, "\"loss\":null"));
    assert_non_null(strstr(text, "event: epoch"));
    free(text);
    job_free(job);
}

int main(void) {
    json_setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_survives_a_round_trip),
        cmocka_unit_test(record_that_lies_is_refused),
        cmocka_unit_test(document_has_every_member),
        cmocka_unit_test(settings_of_a_body_are_typed),
        cmocka_unit_test(stream_speaks_the_format),
        cmocka_unit_test(stream_ends_when_the_server_stops),
        cmocka_unit_test(stream_follows_a_writer),
        cmocka_unit_test(full_log_is_thinned),
        cmocka_unit_test(history_can_be_coarse),
        cmocka_unit_test_setup_teardown(log_survives_a_round_trip, temporary_setup,
                                        temporary_teardown),
        cmocka_unit_test_setup_teardown(damaged_log_is_refused, temporary_setup,
                                        temporary_teardown),
        cmocka_unit_test(events_are_json_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
