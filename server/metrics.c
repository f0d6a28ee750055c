/* GET /metrics in the text format of Prometheus. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/machine.h"
#include "kernel/kernel.h"
#include "server/http/context.h"
#include "server/jobs/jobs.h"
#include "server/models/models.h"
#include "server/system.h"

static void put(struct buffer *text, const char *name, const char *type, const char *help) {
    buffer_print(text, "# HELP vecmill_%s %s\n# TYPE vecmill_%s %s\n", name, help, name, type);
}

static void put_value(struct buffer *text, const char *name, const char *type, const char *help,
                      double value) {
    put(text, name, type, help);
    buffer_print(text, "vecmill_%s %.17g\n", name, value);
}

static void put_http(struct buffer *text, const struct server *server) {
    struct http_counts counts = {0};
    if (server->http)
        http_count(server->http, &counts);
    put(text, "http_requests_total", "counter",
        "Requests by class of status; 0xx: cut short before an answer.");
    for (int i = 0; i < 6; i++) {
        if (i != 1) {
            buffer_print(text, "vecmill_http_requests_total{class=\"%dxx\"} %llu\n", i,
                         (unsigned long long)counts.by_class[i]);
        }
    }
    put_value(text, "requests_stopped_total", "counter",
              "Requests given up: their client was gone, or the service stopped.",
              (double)counts.stopped);
    put_value(text, "http_connections", "gauge", "Open connections.", (double)counts.connections);
    put_value(text, "http_event_streams", "gauge", "Open streams of events.",
              (double)counts.streams);
    put_value(text, "http_received_bytes_total", "counter", "Body bytes received.",
              (double)counts.bytes_in);
}

static void put_jobs(struct buffer *text, const struct server *server) {
    struct job_counts counts = {0};
    if (server->jobs)
        jobs_count(server->jobs, &counts);
    const struct {
        const char *state;
        uint64_t n;
    } states[] = {{"queued", counts.queued},       {"running", counts.running},
                  {"paused", counts.paused},       {"waiting", counts.waiting},
                  {"succeeded", counts.succeeded}, {"failed", counts.failed},
                  {"cancelled", counts.cancelled}};
    put(text, "jobs", "gauge", "Jobs by state.");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        buffer_print(text, "vecmill_jobs{state=\"%s\"} %llu\n", states[i].state,
                     (unsigned long long)states[i].n);
    }
    put_value(text, "jobs_stalled", "gauge", "Running jobs without progress for stall_timeout.",
              (double)counts.stalled);
    put_value(text, "training_words_total", "counter", "Corpus words trained.",
              (double)counts.words);
    put_value(text, "training_words_per_second", "gauge", "Corpus words trained per second now.",
              counts.words_per_second);
}

static void put_memory(struct buffer *text, const struct server *server) {
    const struct budget *budget = server->budget;
    if (!budget)
        return;
    put(text, "memory_bytes", "gauge", "Memory counted by memory_budget, by what it is for.");
    for (int kind = 0; kind < BUDGET_KINDS; kind++)
        buffer_print(text, "vecmill_memory_bytes{kind=\"%s\"} %llu\n",
                     budget_kind_name((enum budget_kind)kind),
                     (unsigned long long)atomic_load(&budget->by_kind[kind]));
    put_value(text, "memory_used_bytes", "gauge", "All of it; never more than memory_budget.",
              (double)atomic_load(&budget->used));
    put_value(text, "memory_budget_bytes", "gauge", "What memory_budget allows in all.",
              (double)budget->limit);
    put_value(text, "memory_refused_total", "counter",
              "Times that something did not fit into memory_budget.",
              (double)atomic_load(&budget->refused));
}

/* Resident set in bytes, 0 where /proc does not tell. */
static double resident_bytes(void) {
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *second = strchr(text, ' ');
    return second ? (double)strtoull(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE) : 0;
}

/* These names are Prometheus's own, the same for every program. */
static void put_process(struct buffer *text, const struct server *server) {
    struct timespec cpu = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    buffer_print(text,
                 "# HELP process_resident_memory_bytes Resident memory.\n# TYPE "
                 "process_resident_memory_bytes gauge\n"
                 "process_resident_memory_bytes %.0f\n"
                 "# HELP process_cpu_seconds_total CPU time used.\n# TYPE "
                 "process_cpu_seconds_total counter\n"
                 "process_cpu_seconds_total %.3f\n"
                 "# HELP process_start_time_seconds Start, in seconds since 1970.\n"
                 "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %.3f\n",
                 resident_bytes(), (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9, server->started);
    put_value(text, "peak_memory_bytes", "gauge", "Largest resident memory so far.",
              (double)machine_peak_memory());
}

void system_metrics(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    (void)request;
    struct buffer body = {0};
    put(&body, "build_info", "gauge", "Version and arithmetic kernel.");
    buffer_print(&body, "vecmill_build_info{version=\"" VECMILL_VERSION "\",kernel=\"%s\"} 1\n",
                 server->kernel ? server->kernel->name : "none");
    put_value(&body, "ready", "gauge", "1 while the service takes requests.",
              atomic_load(&server->ready) && !atomic_load(&server->draining) ? 1 : 0);
    put_http(&body, server);
    put_jobs(&body, server);
    put_value(&body, "models", "gauge", "Models served.",
              server->models ? (double)models_count(server->models) : 0);
    put_value(&body, "models_unloaded", "gauge", "Of them: not loaded, for want of memory.",
              server->models ? (double)models_count_unloaded(server->models, NULL) : 0);
    put_memory(&body, server);
    put_process(&body, server);
    response_bytes(response, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}
