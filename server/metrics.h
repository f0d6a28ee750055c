/* The parts of GET /metrics. Names are vecmill_ and a name in base units; series are bounded by the
 * number of routes, by max_jobs_running and by metrics_models. No label is called job or instance:
 * Prometheus gives those to what it scrapes. Private to the top of server/. */
#ifndef VECMILL_SERVER_METRICS_H
#define VECMILL_SERVER_METRICS_H

#include "server/exposition.h"
#include "server/http/context.h"

void metrics_http(struct exposition *page, const struct server *server);    /* metrics_http.c */
void metrics_jobs(struct exposition *page, const struct server *server);    /* metrics_jobs.c */
void metrics_process(struct exposition *page, const struct server *server); /* metrics_process.c */

/* Of a process: pid, or 0 for this one. Zeros where /proc does not tell. */
struct process_figures {
    double cpu_seconds;
    uint64_t resident_bytes, virtual_bytes, threads, open_files;
};
void process_read(long pid, struct process_figures *figures);

#endif
