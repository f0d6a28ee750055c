/* POST /v1/plan: what a job would take, by a process that reads the corpus as training would. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/jobs/jobs_private.h"
#include "server/json/fields.h"

#define ARGUMENTS_MAX 256
#define ANSWER_MAX ((size_t)1 << 20) /* bytes that a plan may have */
#define ANSWER_DEPTH 16
#define LOOK_MILLISECONDS 50 /* between two looks at whether the client is still there */
#define SECONDS_MAX 60       /* as vecmill plan takes them */

struct plan_request {
    char corpus[NAME_SIZE];
    struct settings settings; /* checked, the format settled */
    int64_t sample_bytes;     /* -1: plan_sample */
    double seconds;           /* -1: as vecmill plan has it */
};

/* The command line of the process. */
struct plan_arguments {
    char *texts[ARGUMENTS_MAX];
    size_t n;
    bool failed;
};

static void argument_add(struct plan_arguments *arguments, const char *format, ...)
    PRINTF_LIKE(2, 3);
static void argument_add(struct plan_arguments *arguments, const char *format, ...) {
    char *text = NULL;
    va_list values;
    va_start(values, format);
    bool made = arguments->n + 1 < ARGUMENTS_MAX && vasprintf(&text, format, values) >= 0;
    va_end(values);
    arguments->failed |= !made;
    if (made)
        arguments->texts[arguments->n++] = text;
}

static void arguments_clear(struct plan_arguments *arguments) {
    for (size_t i = 0; i < arguments->n; i++)
        free(arguments->texts[i]);
}

static void arguments_of_settings(struct plan_arguments *arguments,
                                  const struct settings *settings) {
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        struct buffer value = {0};
        if (!(row->scope & SETTING_OF_JOB))
            continue;
        settings_print(settings, row, &value);
        arguments->failed |= value.failed;
        if (!value.failed)
            argument_add(arguments, "--%s=%s", row->name, value.length > 0 ? value.data : "");
        buffer_clear(&value);
    }
}

static enum status arguments_make(const struct jobs *jobs, const struct plan_request *plan,
                                  const char *folder, const char *corpus,
                                  struct plan_arguments *arguments, struct error *err) {
    const struct settings *settings = jobs->settings;
    argument_add(arguments, "%s", jobs->program);
    argument_add(arguments, "plan");
    argument_add(arguments, "%s", corpus);
    argument_add(arguments, "--json");
    argument_add(arguments, "--background");
    argument_add(arguments, "--name=%s", plan->corpus);
    argument_add(arguments, "--work=%s", folder);
    argument_add(arguments, "--output=%s", folder);
    argument_add(arguments, "--reserved=%" PRIu64, jobs_reserved((void *)(uintptr_t)jobs));
    argument_add(arguments, "--memory=%" PRId64, settings->plan_memory);
    argument_add(arguments, "--sample-bytes=%" PRId64,
                 plan->sample_bytes < 0 ? settings->plan_sample : plan->sample_bytes);
    if (plan->seconds >= 0)
        argument_add(arguments, "--seconds=%g", plan->seconds);
    arguments_of_settings(arguments, &plan->settings);
    return arguments->failed ? error_set(err, STATUS_NO_MEMORY, "out of memory for a plan")
                             : STATUS_OK;
}

/* ---- the process ----------------------------------------------------------------------------- */

/* What there is to read; *open becomes false at its end. limit: bytes kept; more is a failure. */
static bool pipe_drain(int fd, struct buffer *text, size_t limit, bool *open) {
    char bytes[16384];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0)
        buffer_append(text, bytes, (size_t)n);
    *open = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
    return text->length <= limit && !text->failed;
}

/* Reads until the process closes what it gives; kills it when nobody wants that any more. */
static enum status process_listen(const struct stop *stop, pid_t pid, int data, int lines,
                                  struct buffer *given, struct buffer *printed, struct error *err) {
    bool giving = true, printing = true, sound = true, wanted = true;
    while ((giving || printing) && sound && wanted) {
        struct pollfd ends[2] = {{.fd = giving ? data : -1, .events = POLLIN},
                                 {.fd = printing ? lines : -1, .events = POLLIN}};
        if (poll(ends, 2, LOOK_MILLISECONDS) < 0 && errno != EINTR)
            sound = false;
        if (ends[0].revents)
            sound &= pipe_drain(data, given, ANSWER_MAX, &giving);
        if (ends[1].revents)
            sound &= pipe_drain(lines, printed, ANSWER_MAX, &printing);
        wanted = !stop_asked(stop);
    }
    if (!sound || !wanted)
        kill(pid, SIGKILL);
    if (!wanted)
        return stop_error("planning", err);
    return sound ? STATUS_OK
                 : error_set(err, STATUS_INTERNAL, "the process that plans said too much");
}

static enum status process_run(struct jobs *jobs, const struct stop *stop,
                               struct plan_arguments *arguments, struct buffer *given,
                               struct error *err) {
    struct buffer printed = {0};
    pid_t pid = 0;
    int data = -1, lines = -1, end = 0;
    enum status status =
        process_begin(arguments->texts, jobs->environment, false, &pid, &data, &lines, err);
    if (status != STATUS_OK)
        return status;
    status = process_listen(stop, pid, data, lines, given, &printed, err);
    descriptor_close(&data);
    descriptor_close(&lines);
    while (waitpid(pid, &end, 0) < 0 && errno == EINTR)
        continue;
    if (status == STATUS_OK && WIFSIGNALED(end))
        status = error_set_key(err, STATUS_NO_MEMORY, "plan_memory",
                               "the process that plans was ended by signal %d%s", WTERMSIG(end),
                               WTERMSIG(end) == SIGKILL ? ": was there too little memory?" : "");
    if (status == STATUS_OK && given->length == 0)
        status = error_set(err, STATUS_INTERNAL, "the process that plans ended with %d: %.300s",
                           WEXITSTATUS(end), printed.length > 0 ? printed.data : "");
    buffer_clear(&printed);
    return status;
}

/* A failure that the process tells instead of a plan. */
static enum status failure_read(const json_t *told, struct error *err) {
    const char *name = json_string_value(json_object_get(told, "status")),
               *key = json_string_value(json_object_get(told, "setting")),
               *text = json_string_value(json_object_get(told, "detail"));
    for (int i = 1; name && text && i < STATUS_COUNT; i++)
        if (strcmp(name, status_name((enum status)i)) == 0)
            return error_set_key(err, (enum status)i, key ? key : "", "%s", text);
    return error_set(err, STATUS_INTERNAL, "the process that plans did not tell its failure");
}

/* Is it a plan, whole? */
static enum status answer_check(const struct buffer *given, struct error *err) {
    json_t *told = NULL;
    struct error wrong = {0};
    enum status status = json_parse(given->data, given->length, ANSWER_DEPTH, &told, &wrong);
    if (status != STATUS_OK)
        return error_set(err, status == STATUS_NO_MEMORY ? status : STATUS_INTERNAL,
                         "what the process that plans said cannot be read: %s", wrong.text);
    const char *object = json_string_value(json_object_get(told, "object"));
    if (!object || strcmp(object, "plan") != 0)
        status = failure_read(told, err);
    json_decref(told);
    return status;
}

/* ---- the call -------------------------------------------------------------------------------- */

static enum status plan_enter(struct jobs *jobs, struct error *err) {
    int64_t max = jobs->settings->max_plans_running;
    enum status status = STATUS_OK;
    pthread_mutex_lock(&jobs->mutex);
    if (jobs->plans >= max)
        status = error_set_key(err, STATUS_BUSY, "max_plans_running",
                               "%lld plans are being made: max_plans_running is %lld",
                               (long long)jobs->plans, (long long)max);
    else
        jobs->plans++;
    pthread_mutex_unlock(&jobs->mutex);
    return status;
}

static void plan_leave(struct jobs *jobs) {
    pthread_mutex_lock(&jobs->mutex);
    jobs->plans--;
    pthread_mutex_unlock(&jobs->mutex);
}

/* The process is given a path whose last part is the name: that is what its plan tells. */
static enum status pairs_link(struct jobs *jobs, struct plan_request *plan, const char *folder,
                              struct error *err) {
    struct settings *settings = &plan->settings;
    char *beside = path_join(folder, "pairs"),
         *path = beside ? path_join(beside, settings->pairs) : NULL;
    enum status status = !path ? error_set(err, STATUS_NO_MEMORY, "out of memory for a plan")
                               : folder_add(beside, err);
    if (status == STATUS_OK)
        status = job_pairs(jobs->corpora, NULL, settings, path, err);
    if (status == STATUS_OK)
        status = settings_set(settings, "pairs", path, SETTING_OF_JOB, err);
    free(beside);
    free(path);
    return status;
}

/* In a folder of its own, which a crash leaves to the sweep at the next start. The corpus is linked
 * there: it may be replaced or deleted meanwhile. */
static enum status plan_make(struct jobs *jobs, const struct stop *stop, struct plan_request *plan,
                             struct buffer *given, struct error *err) {
    char id[RECORD_ID_SIZE], name[sizeof FILE_TEMPORARY_PREFIX + RECORD_ID_SIZE];
    struct corpus_info info = {0};
    struct plan_arguments arguments = {0};
    enum status status = record_id_create(id, err);
    if (status != STATUS_OK)
        return status;
    snprintf(name, sizeof name, FILE_TEMPORARY_PREFIX "%s", id);
    char *folder = path_join(jobs->folder, name);
    char *corpus = folder ? path_join(folder, "corpus") : NULL;
    status = !corpus ? error_set(err, STATUS_NO_MEMORY, "out of memory for a plan")
                     : folder_add(folder, err);
    if (status == STATUS_OK)
        status = corpora_link(jobs->corpora, plan->corpus, corpus, &info, err);
    if (status == STATUS_OK)
        status = job_format_settle(&plan->settings, &info, err);
    if (status == STATUS_OK && strcmp(plan->settings.pairs, "none") != 0)
        status = pairs_link(jobs, plan, folder, err);
    if (status == STATUS_OK)
        status = arguments_make(jobs, plan, folder, corpus, &arguments, err);
    if (status == STATUS_OK)
        status = process_run(jobs, stop, &arguments, given, err);
    if (status == STATUS_OK)
        status = answer_check(given, err);
    if (folder)
        status_ignore(path_remove(folder, NULL)); /* what stays is swept at the next start */
    arguments_clear(&arguments);
    free(corpus);
    free(folder);
    return status;
}

static enum status request_read(struct server *server, const struct http_request *request,
                                struct plan_request *plan, struct error *err) {
    static const char *const members[] = {"corpus", "settings", "sample_bytes", "seconds", NULL};
    int64_t bound = server->settings.max_memory;
    json_t *body = NULL;
    enum status status = json_body(server, request, members, &body, err);
    if (status == STATUS_OK)
        status = job_read_name(body, "corpus", plan->corpus, err);
    if (status == STATUS_OK)
        request_note(request, NOTE_CORPUS, plan->corpus);
    if (status == STATUS_OK)
        status = key_check_reach(request->key, REACH_CORPUS, plan->corpus, err);
    if (status == STATUS_OK)
        status = job_read_settings(json_object_get(body, "settings"), &plan->settings, err);
    if (status == STATUS_OK)
        status = field_int(body, "sample_bytes", 0, INT64_MAX, &plan->sample_bytes, err);
    if (status == STATUS_OK)
        status = field_real(body, "seconds", 0, SECONDS_MAX, &plan->seconds, err);
    json_decref(body);
    /* as for a job */
    if (bound > 0 && (plan->settings.max_memory == 0 || plan->settings.max_memory > bound))
        plan->settings.max_memory = bound;
    return status;
}

void jobs_plan(struct server *server, const struct http_request *request,
               struct http_response *response) {
    struct plan_request plan = {.settings = server->settings, .sample_bytes = -1, .seconds = -1};
    struct corpus_info info;
    struct error err = {0};
    struct buffer given = {0};
    enum status status = request_read(server, request, &plan, &err);
    if (status == STATUS_OK)
        status = corpora_find(server->corpora, plan.corpus, &info, &err);
    if (status == STATUS_OK)
        status = job_questions(server->corpora, plan.corpus, &plan.settings, NULL, &err);
    if (status == STATUS_OK)
        status = job_pairs(server->corpora, request->key, &plan.settings, NULL, &err);
    if (status == STATUS_OK)
        status = plan_enter(server->jobs, &err);
    if (status == STATUS_OK) {
        status = plan_make(server->jobs, request_stop(request), &plan, &given, &err);
        plan_leave(server->jobs);
    }
    if (status == STATUS_OK)
        response_bytes(response, 200, "application/json", &given);
    else
        response_error(request, response, 0, &err);
    buffer_clear(&given);
}
