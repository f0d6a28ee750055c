#include "base/machine.h"

#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/machine_parse.h"

static int affinity_threads(void) {
    /* The kernel refuses a set smaller than its own, which may hold more CPUs than a cpu_set_t. */
    for (int size = CPU_SETSIZE; size <= 1 << 20; size *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)size);
        if (!set) {
            break;
        }
        int count = 0;
        if (sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)size), set) == 0) {
            count = CPU_COUNT_S(CPU_ALLOC_SIZE((size_t)size), set);
        }
        CPU_FREE(set);
        if (count > 0) {
            return count;
        }
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
    uint64_t least = available < unused ? available : unused;
    return least < UINT64_MAX ? least : machine_memory_limit();
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

double machine_monotonic_seconds(void) {
    return clock_seconds(CLOCK_MONOTONIC);
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
