#include "cli/child.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/watch.h"
#include "train/train.h"

#define LINE_BYTES_MAX ((size_t)4096)

struct child {
    char *corpus, *name, *digest, *work, *output, *settings_path, *error_path;
    struct settings settings;
    int progress;
    struct watch watch;
};

/* A training must not outlive its server, nor take from its lookups what they need. */
static enum status child_subside(int progress, struct error *err) {
    pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The parent may be gone since before the call: then nobody holds the other end of the pipe. */
    struct pollfd pipe_end = {.fd = progress, .events = 0};
    if (getppid() != parent ||
        (poll(&pipe_end, 1, 0) > 0 && pipe_end.revents & (POLLERR | POLLNVAL)))
        return error_set(err, STATUS_CANCELLED, "the server that wanted this job is gone");
    const struct sched_param none = {0};
    sched_setscheduler(0, SCHED_IDLE, &none); /* threads made later inherit it */
    int fd;
    if (file_scratch_open("/proc/self/oom_score_adj", &fd, NULL) == STATUS_OK) {
        status_ignore(file_write_at(fd, "500", 3, 0, NULL)); /* a wish, not a condition */
        close(fd);
    }
    return STATUS_OK;
}

/* The file's first line; NULL on failure. Owns: caller frees. */
static enum status line_read(const char *folder, const char *file, char **line, struct error *err) {
    *line = NULL;
    char *path = path_join(folder, file);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    char *text = NULL;
    size_t length;
    enum status status = file_read(path, LINE_BYTES_MAX, &text, &length, err);
    free(path);
    if (status != STATUS_OK)
        return status;
    text[strcspn(text, "\n")] = '\0';
    *line = text;
    return STATUS_OK;
}

static enum status child_open(struct child *child, const char *folder, struct error *err) {
    child->corpus = path_join(folder, "corpus");
    child->work = path_join(folder, "work");
    child->output = path_join(folder, "model");
    child->settings_path = path_join(folder, "settings.conf");
    if (!child->corpus || !child->work || !child->output || !child->settings_path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    enum status status = line_read(folder, "name", &child->name, err);
    if (status != STATUS_OK)
        return status;
    /* A job need not know its corpus by a digest. */
    status_ignore(line_read(folder, "digest", &child->digest, NULL));
    settings_init(&child->settings);
    return settings_read_file(&child->settings, child->settings_path, SETTING_OF_JOB, err);
}

static void child_clear(struct child *child) {
    free(child->corpus);
    free(child->name);
    free(child->digest);
    free(child->work);
    free(child->output);
    free(child->settings_path);
    free(child->error_path);
}

/* One write for each report: it is smaller than PIPE_BUF, so that it arrives whole. */
static void child_report(void *context, const struct train_progress *progress) {
    struct child *child = context;
    _Static_assert(sizeof *progress <= 4096, "a report must fit into an atomic write to a pipe");
    ssize_t written;
    do {
        written = write(child->progress, progress, sizeof *progress);
    } while (written < 0 && errno == EINTR);
    if (written < 0 && errno == EPIPE)
        atomic_store(&child->watch.request, REQUEST_STOP); /* nobody listens any more */
}

static enum status child_train(struct child *child, struct error *err) {
    const struct kernel *kernel;
    enum status status = kernel_of_settings(&child->settings, &kernel, err);
    if (status != STATUS_OK)
        return status;
    struct output output = {.json = false};
    struct logger logger = output_logger(&output, LOG_INFO);
    struct train_result result;
    struct train_options options = {.settings = &child->settings,
                                    .corpus = child->corpus,
                                    .work = child->work,
                                    .output = child->output,
                                    .name = child->name,
                                    .corpus_digest = child->digest,
                                    .kernel = kernel,
                                    .logger = &logger,
                                    .request = &child->watch.request,
                                    .on_progress = child_report,
                                    .context = child,
                                    .resume = true};
    return train_run(&options, &result, err);
}

static void error_leave(const char *path, const struct error *reason) {
    struct buffer text = {0};
    buffer_print(&text, "%s %s\n%s\n", status_name(reason->status), reason->key, reason->text);
    if (!text.failed) /* if this fails, the exit code and standard error still tell */
        status_ignore(file_replace(path, text.data, text.length, NULL));
    buffer_clear(&text);
}

enum status job_run(const char *folder, int progress, struct error *err) {
    struct child child = {.progress = progress, .watch = {.patient = true}};
    child.error_path = path_join(folder, "error");
    enum status status = child_subside(progress, err);
    if (status == STATUS_OK)
        status = watch_start(&child.watch, err);
    if (status == STATUS_OK) {
        status = child_open(&child, folder, err);
        if (status == STATUS_OK)
            status = child_train(&child, err);
        watch_stop(&child.watch);
    }
    if (status != STATUS_OK && status != STATUS_PAUSED && status != STATUS_CANCELLED &&
        child.error_path)
        error_leave(child.error_path, err);
    child_clear(&child);
    return status;
}
