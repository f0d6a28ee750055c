#include "cli/child.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/machine.h"
#include "cli/watch.h"
#include "train/train.h"

#define LINE_BYTES_MAX ((size_t)4096)
#define CORPUS_FILE "corpus"
#define ERROR_FILE "error"
#define VERIFY_BYTES ((size_t)8 << 20) /* of the corpus between two looks at what is asked of us */

struct child {
    const char *folder;
    bool entered; /* the folder is where we work */
    char *name, *digest, *checksum;
    struct settings settings;
    int progress;
    struct watch watch;
};

/* A training must not outlive its server, nor take from its lookups what they need. */
enum status child_subside(int progress, struct error *err) {
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
static enum status line_read(const char *file, char **line, struct error *err) {
    *line = NULL;
    char *text = NULL;
    size_t length;
    enum status status = file_read(file, LINE_BYTES_MAX, &text, &length, err);
    if (status != STATUS_OK)
        return status;
    text[strcspn(text, "\n")] = '\0';
    *line = text;
    return STATUS_OK;
}

static enum status child_open(struct child *child, const char *folder, struct error *err) {
    /* Paths are relative from here on: a data folder that is moved takes us along, and none is made
     * in its place. */
    child->folder = folder;
    if (chdir(folder) != 0)
        return error_set_errno(err, errno, "cannot go to '%s'", folder);
    child->entered = true;
    enum status status = line_read("name", &child->name, err);
    if (status != STATUS_OK)
        return status;
    /* A job need not know its corpus by these. */
    status_ignore(line_read("digest", &child->digest, NULL));
    status_ignore(line_read("checksum", &child->checksum, NULL));
    settings_init(&child->settings);
    return settings_read_file(&child->settings, "settings.conf", SETTING_OF_JOB, err);
}

static void child_clear(struct child *child) {
    free(child->name);
    free(child->digest);
    free(child->checksum);
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

/* The server is told that we live, or we hear from it that we should stop. */
static enum status verify_pause(struct child *child, double *told, struct error *err) {
    double now = machine_monotonic_seconds();
    struct train_progress report;
    train_progress_init(&report);
    report.phase = PHASE_VOCABULARY;
    if (child->settings.epochs != SETTING_AUTO_INT)
        report.epochs = (uint64_t)child->settings.epochs;
    if (atomic_load(&child->watch.request) != REQUEST_NONE)
        return error_set(err, STATUS_PAUSED, "stopped before the corpus was read");
    if (now - *told >= child->settings.progress_interval) {
        *told = now;
        child_report(child, &report);
    }
    return STATUS_OK;
}

/* What the corpus is now, by SHA-256 when it is known by nothing quicker. */
static enum status corpus_sum(struct child *child, const struct file_map *map, bool quick,
                              char text[DIGEST_TEXT_SIZE], struct error *err) {
    struct checksum *sum = quick ? checksum_create() : NULL;
    struct digest *digest = NULL;
    double told = machine_monotonic_seconds();
    enum status status = STATUS_OK;
    if (!quick)
        status = digest_create(&digest, err);
    else if (!sum)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to check the corpus");
    for (size_t at = 0, n; status == STATUS_OK && at < map->length; at += n) {
        n = map->length - at < VERIFY_BYTES ? map->length - at : VERIFY_BYTES;
        if (quick)
            checksum_add(sum, map->data + at, n);
        else
            digest_add(digest, map->data + at, n);
        status = verify_pause(child, &told, err);
    }
    if (status == STATUS_OK && quick)
        checksum_text(checksum_value(sum), text);
    else if (status == STATUS_OK)
        digest_text(digest, text);
    checksum_free(sum);
    digest_free(digest);
    return status;
}

/* Is the corpus what was uploaded? The model will say so. */
static enum status corpus_verify(struct child *child, struct error *err) {
    bool quick = child->checksum && child->checksum[0] != '\0';
    const char *wanted = quick ? child->checksum : child->digest;
    char found[DIGEST_TEXT_SIZE] = "";
    struct file_map map;
    if (!wanted || wanted[0] == '\0')
        return STATUS_OK;
    enum status status = file_map_open(&map, CORPUS_FILE, err);
    if (status != STATUS_OK)
        return status;
    status = corpus_sum(child, &map, quick, found, err);
    file_map_close(&map);
    if (status == STATUS_OK && strcmp(found, wanted) != 0)
        status = error_set_key(err, STATUS_CORRUPT, "corpus",
                               "the corpus was changed on disk: '%.200s/" CORPUS_FILE "' is %s, "
                               "%s was uploaded; upload it again",
                               child->folder, found, wanted);
    return status;
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
                                    .corpus = CORPUS_FILE,
                                    .work = "work",
                                    .output = "model",
                                    .name = child->name,
                                    .corpus_digest = child->digest,
                                    .questions = "questions",
                                    .pairs = "pairs",
                                    .dump = "nonfinite.tsv",
                                    .kernel = kernel,
                                    .logger = &logger,
                                    .request = &child->watch.request,
                                    .on_progress = child_report,
                                    .context = child,
                                    .resume = true};
    return train_run(&options, &result, err);
}

/* For who runs a job by hand. */
static void error_leave(const struct error *reason) {
    struct buffer text = {0};
    buffer_print(&text, "%s %s\n%s\n", status_name(reason->status), reason->key, reason->text);
    if (!text.failed) /* the pipe, the exit code and standard error tell as well */
        status_ignore(file_replace(ERROR_FILE, text.data, text.length, NULL));
    buffer_clear(&text);
}

/* Over the pipe, for a disk may be what failed. */
static void error_tell(struct child *child, const struct error *reason) {
    struct train_progress report;
    train_progress_init(&report);
    report.failed = (uint32_t)reason->status;
    _Static_assert(sizeof report.key == sizeof reason->key, "a key must fit");
    _Static_assert(sizeof report.note == sizeof reason->text, "a text must fit");
    memcpy(report.key, reason->key, sizeof report.key);
    memcpy(report.note, reason->text, sizeof report.note);
    child_report(child, &report);
}

enum status job_run(const char *folder, int progress, struct error *err) {
    struct child child = {.progress = progress, .watch = {.patient = true}};
    enum status status = child_subside(progress, err);
    if (status == STATUS_OK)
        status = watch_start(&child.watch, err);
    if (status == STATUS_OK) {
        status = child_open(&child, folder, err);
        if (status == STATUS_OK)
            status = corpus_verify(&child, err);
        if (status == STATUS_OK)
            status = child_train(&child, err);
        watch_stop(&child.watch);
    }
    if (status != STATUS_OK && status != STATUS_PAUSED && status != STATUS_CANCELLED) {
        error_tell(&child, err);
        if (child.entered)
            error_leave(err);
    }
    child_clear(&child);
    return status;
}
