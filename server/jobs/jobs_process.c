/* The training process of a job: its environment, its pipes, its start. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "server/jobs/jobs_private.h"

#define PROGRESS_FD 3     /* in the child */
#define FIRST_SPARE_FD 10 /* our ends stay clear of the numbers that the child's get */

/* The environment without our settings: the job has its own in a file, and some of the server's are
 * refused there. */
static char **child_environment(char *const *environment) {
    size_t n = 0, kept = 0;
    while (environment && environment[n])
        n++;
    char **child = calloc(n + 1, sizeof *child);
    for (size_t i = 0; i < n && child; i++)
        if (strncmp(environment[i], "VECMILL_", 8) != 0 ||
            strncmp(environment[i], "VECMILL_FAILPOINT", 17) == 0)
            child[kept++] = environment[i];
    return child;
}

/* Both ends high and close-on-exec; the reading end does not block. */
static enum status pipe_open(int ends[2], struct error *err) {
    enum status status = STATUS_OK;
    int low[2];
    if (pipe2(low, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
        int failed = errno;
        close(low[i]);
        if (ends[i] < 0 && status == STATUS_OK)
            status = error_set_errno(err, failed, "cannot make a pipe");
    }
    if (status == STATUS_OK && fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        status = error_set_errno(err, errno, "cannot make a pipe");
    return status;
}

void descriptor_close(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void process_ask(pid_t pid) {
    kill(pid, SIGTERM);
    kill(pid, SIGCONT);
}

const char *process_activity(pid_t pid, bool *held) {
    char path[64], *text = NULL;
    size_t length = 0;
    *held = false;
    struct error ignored = {0};
    const char *what = "says nothing";
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    if (file_read(path, 65536, &text, &length, &ignored) == STATUS_OK) {
        const char *end = strrchr(text, ')'); /* of its name, which may hold anything */
        char state = end && end[1] == ' ' ? end[2] : '?';
        what = state == 'T' || state == 't' ? "is stopped"
               : state == 'D'               ? "waits for a disk"
               : state == 'R'               ? "computes"
                                            : "sleeps";
        *held = state == 'T' || state == 't' || state == 'D';
    }
    free(text);
    return what;
}

/* The descriptors that a process begins with, by number; 0 is /dev/null. */
struct process_files {
    int out, errors, progress; /* progress: -1: none */
};

static enum status process_spawn(char *const *arguments, char *const *environment,
                                 const struct process_files *files, pid_t *pid, struct error *err) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&actions, files->out, 1);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&actions, files->errors, 2);
    if (files->progress >= 0)
        failed = failed ? failed
                        : posix_spawn_file_actions_adddup2(&actions, files->progress, PROGRESS_FD);
#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
    /* Sockets of libraries that are not close-on-exec would keep connections open. */
    failed = failed ? failed
                    : posix_spawn_file_actions_addclosefrom_np(
                          &actions, PROGRESS_FD + (files->progress >= 0));
#endif
#endif
    /* Its own group: a Ctrl-C at the terminal is for the server, which then asks the child to
     * checkpoint. */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    failed = failed ? failed
                    : posix_spawn(pid, arguments[0], &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed ? error_set_errno(err, failed, "cannot start '%s'", arguments[0]) : STATUS_OK;
}

enum status process_begin(char *const *arguments, char *const *environment, bool training,
                          pid_t *pid, int *data, int *lines, struct error *err) {
    int reports[2] = {-1, -1}, prints[2] = {-1, -1};
    char **child = child_environment(environment);
    enum status status =
        !child ? error_set(err, STATUS_NO_MEMORY, "out of memory to start a training process")
               : pipe_open(reports, err);
    if (status == STATUS_OK)
        status = pipe_open(prints, err);
    const struct process_files files = {.out = training ? prints[1] : reports[1],
                                        .errors = prints[1],
                                        .progress = training ? reports[1] : -1};
    if (status == STATUS_OK)
        status = process_spawn(arguments, child, &files, pid, err);
    *data = status == STATUS_OK ? reports[0] : -1;
    *lines = status == STATUS_OK ? prints[0] : -1;
    for (int i = status == STATUS_OK ? 1 : 0; i < 2; i++) {
        descriptor_close(&reports[i]);
        descriptor_close(&prints[i]);
    }
    free(child);
    return status;
}

enum status process_start(char *program, char *folder, char *const *environment, pid_t *pid,
                          int *progress, int *lines, struct error *err) {
    char text_fd[8], train[] = "train", job[] = "--job", progress_fd[] = "--progress-fd";
    char *arguments[] = {program, train, job, folder, progress_fd, text_fd, NULL};
    snprintf(text_fd, sizeof text_fd, "%d", PROGRESS_FD);
    return process_begin(arguments, environment, true, pid, progress, lines, err);
}
