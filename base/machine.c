#include "base/machine.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/machine_parse.h"

struct machine_cpus {
    size_t size; /* of set, bytes */
    int count;
    cpu_set_t *set;
};

enum status machine_cpus_create(struct machine_cpus **out, struct error *err) {
    *out = NULL;
    struct machine_cpus *cpus = calloc(1, sizeof *cpus);
    if (!cpus)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a set of CPUs");
    /* The kernel refuses a set smaller than its own, which may hold more CPUs than a cpu_set_t. */
    int reason = ENOMEM;
    for (int max = CPU_SETSIZE; max <= 1 << 20; max *= 4) {
        cpus->size = CPU_ALLOC_SIZE((size_t)max);
        cpus->set = CPU_ALLOC((size_t)max);
        if (!cpus->set)
            break;
        if (sched_getaffinity(0, cpus->size, cpus->set) == 0) {
            cpus->count = CPU_COUNT_S(cpus->size, cpus->set);
            *out = cpus;
            return STATUS_OK;
        }
        reason = errno;
        CPU_FREE(cpus->set);
    }
    free(cpus);
    return error_set_errno(err, reason, "cannot read which CPUs this thread may run on");
}

void machine_cpus_free(struct machine_cpus *cpus) {
    if (cpus) {
        CPU_FREE(cpus->set);
        free(cpus);
    }
}

int machine_cpus_count(const struct machine_cpus *cpus) {
    return cpus->count;
}

enum status machine_pin_thread(const struct machine_cpus *cpus, int n, struct error *err) {
    assert(n >= 0);
    size_t cpu = 0;
    for (int left = n % cpus->count; left > 0 || !CPU_ISSET_S(cpu, cpus->size, cpus->set); cpu++)
        left -= CPU_ISSET_S(cpu, cpus->size, cpus->set) != 0;
    cpu_set_t *one = CPU_ALLOC(8 * cpus->size);
    if (!one)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a set of CPUs");
    CPU_ZERO_S(cpus->size, one);
    CPU_SET_S(cpu, cpus->size, one);
    int failed = sched_setaffinity(0, cpus->size, one) != 0 ? errno : 0;
    CPU_FREE(one);
    return failed ? error_set_errno(err, failed, "cannot bind a thread to CPU %zu", cpu)
                  : STATUS_OK;
}

enum status machine_unpin_thread(const struct machine_cpus *cpus, struct error *err) {
    return sched_setaffinity(0, cpus->size, cpus->set) == 0
               ? STATUS_OK
               : error_set_errno(err, errno, "cannot give a thread its CPUs back");
}

static int affinity_threads(void) {
    struct machine_cpus *cpus;
    if (machine_cpus_create(&cpus, NULL) == STATUS_OK) {
        int count = cpus->count;
        machine_cpus_free(cpus);
        return count;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int machine_threads(void) {
    int threads = affinity_threads(), quota = cgroup_cpus("");
    threads = quota < threads ? quota : threads;
    return threads > 0 ? threads : 1;
}

uint64_t machine_memory_limit(void) {
    uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t limit = cgroup_memory_limit("");
    return limit < physical ? limit : physical;
}

uint64_t machine_memory_available(void) {
    uint64_t available = meminfo_field("", "MemAvailable"), unused = cgroup_memory_unused("");
    uint64_t min = available < unused ? available : unused;
    return min < UINT64_MAX ? min : machine_memory_limit();
}

uint64_t machine_peak_memory(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

static double clock_seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void machine_forbid_dumps(void) {
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

double machine_monotonic_seconds(void) {
    return clock_seconds(CLOCK_MONOTONIC);
}

double machine_cpu_seconds(void) {
    return clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

double machine_wall_seconds(void) {
    return clock_seconds(CLOCK_REALTIME);
}

void machine_format_time(double wall_seconds, char text[32]) {
    /* Rounded to the millisecond first: 0.9999 must not become "00.1000". */
    long long milliseconds = (long long)(wall_seconds * 1000 + 0.5);
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm parts;
    char day[24];
    if (wall_seconds < 0 || !gmtime_r(&seconds, &parts) ||
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        snprintf(text, 32, "1970-01-01T00:00:00.000Z");
        return;
    }
    snprintf(text, 32, "%s.%03dZ", day, (int)(milliseconds % 1000));
}

uint64_t machine_raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    struct rlimit raised = {limit.rlim_max, limit.rlim_max};
    if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_cur;
}

uint64_t machine_memory_kills(void) {
    static const char name[] = "\noom_kill ";
    struct error ignored = {0};
    char *text = NULL;
    size_t length = 0;
    uint64_t kills = 0;
    if (file_read("/proc/vmstat", (size_t)1 << 20, &text, &length, &ignored) == STATUS_OK) {
        const char *at = strstr(text, name);
        kills = at ? strtoull(at + sizeof name - 1, NULL, 10) : 0;
    }
    free(text);
    return kills;
}
