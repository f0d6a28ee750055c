/* What an operator asks of any process, under the names that are the same for every program. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/machine.h"
#include "server/metrics.h"

/* A small file of /proc. False: it is not there. */
static bool proc_read(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static uint64_t count_entries(const char *path) {
    uint64_t n = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n > 0 ? n - 1 : 0; /* the one that lists them */
}

/* The fields of /proc/PID/stat are told in proc(5); those behind the name begin with the third. */
enum {
    FIELD_STATE = 3,
    FIELD_USER = 14,
    FIELD_SYSTEM = 15,
    FIELD_THREADS = 20,
    FIELD_VIRTUAL = 23,
    FIELD_RESIDENT = 24
};

void process_read(long pid, struct process_figures *figures) {
    char path[64], files[64], text[1024], process[32] = "self";
    uint64_t fields[FIELD_RESIDENT + 1] = {0};
    *figures = (struct process_figures){0};
    if (pid > 0)
        snprintf(process, sizeof process, "%ld", pid);
    snprintf(path, sizeof path, "/proc/%s/stat", process);
    snprintf(files, sizeof files, "/proc/%s/fd", process);
    if (!proc_read(path, text, sizeof text))
        return;
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    for (int field = FIELD_STATE; at && field <= FIELD_RESIDENT; field++) {
        at = strchr(at + 1, ' ');
        if (at)
            fields[field] = strtoull(at + 1, NULL, 10);
    }
    long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
    figures->cpu_seconds =
        (double)(fields[FIELD_USER] + fields[FIELD_SYSTEM]) / (double)(ticks > 0 ? ticks : 100);
    figures->resident_bytes = fields[FIELD_RESIDENT] * (uint64_t)(page > 0 ? page : 4096);
    figures->virtual_bytes = fields[FIELD_VIRTUAL];
    figures->threads = fields[FIELD_THREADS];
    figures->open_files = count_entries(files);
}

void metrics_process(struct exposition *page, const struct server *server) {
    struct process_figures now;
    struct rlimit files = {0};
    struct timespec cpu = {0};
    process_read(0, &now);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu); /* finer than the ticks of /proc */
    exposition_one(page, "process_cpu_seconds", FAMILY_COUNTER,
                   "User and system CPU time of the server, without training processes.",
                   (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    exposition_one(page, "process_resident_memory_bytes", FAMILY_GAUGE, "Resident memory.",
                   (double)now.resident_bytes);
    exposition_one(page, "process_virtual_memory_bytes", FAMILY_GAUGE, "Virtual memory.",
                   (double)now.virtual_bytes);
    exposition_one(page, "process_start_time_seconds", FAMILY_GAUGE,
                   "Start, in seconds since 1970.", server->started);
    exposition_one(page, "process_open_fds", FAMILY_GAUGE, "Open descriptors.",
                   (double)now.open_files);
    exposition_one(page, "process_max_fds", FAMILY_GAUGE, "Descriptors that may be open.",
                   files.rlim_cur == RLIM_INFINITY ? (double)UINT64_MAX : (double)files.rlim_cur);
    exposition_one(page, "process_threads", FAMILY_GAUGE, "Threads.", (double)now.threads);
    exposition_one(page, "vecmill_peak_memory_bytes", FAMILY_GAUGE,
                   "Largest resident memory so far.", (double)machine_peak_memory());
}
