/* GET /metrics: the page, and what of it is about the service as a whole. */
#include <stdlib.h>
#include <sys/statvfs.h>

#include "kernel/kernel.h"
#include "server/corpora/corpora.h"
#include "server/jobs/jobs.h"
#include "server/json/json.h"
#include "server/metrics.h"
#include "server/models/models.h"
#include "server/records/record.h"
#include "server/system.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif
#if defined(__x86_64__)
#define ARCHITECTURE "x86_64"
#elif defined(__aarch64__)
#define ARCHITECTURE "aarch64"
#else
#define ARCHITECTURE "unknown"
#endif

static void put_build(struct exposition *page, const struct server *server) {
    struct buffer labels = {0};
    exposition_label(&labels, "version", VECMILL_VERSION);
    exposition_label(&labels, "kernel", server->kernel ? server->kernel->name : "none");
    exposition_label(&labels, "architecture", ARCHITECTURE);
    exposition_label(&labels, "compiler", COMPILER);
    exposition_family(page, "vecmill_build", FAMILY_INFO,
                      "Version, arithmetic kernel, and what it was built with and for.");
    exposition_count(page, labels.data ? labels.data : "", 1);
    page->text.failed = page->text.failed || labels.failed;
    buffer_clear(&labels);
}

static void put_memory(struct exposition *page, const struct server *server) {
    const struct budget *budget = server->budget;
    struct buffer labels = {0};
    if (!budget)
        return;
    exposition_family(page, "vecmill_memory_bytes", FAMILY_GAUGE,
                      "Memory counted by memory_budget, by what it is for.");
    for (int kind = 0; kind < BUDGET_KINDS; kind++) {
        labels.length = 0;
        exposition_label(&labels, "kind", budget_kind_name((enum budget_kind)kind));
        exposition_count(page, labels.data ? labels.data : "", atomic_load(&budget->by_kind[kind]));
    }
    buffer_clear(&labels);
    exposition_one(page, "vecmill_memory_used_bytes", FAMILY_GAUGE,
                   "All of it; never more than memory_budget.", (double)atomic_load(&budget->used));
    exposition_one(page, "vecmill_memory_budget_bytes", FAMILY_GAUGE,
                   "What memory_budget allows in all.", (double)budget->limit);
    exposition_one(page, "vecmill_memory_refused", FAMILY_COUNTER,
                   "Times that something did not fit into memory_budget.",
                   (double)atomic_load(&budget->refused));
}

/* The largest models only: the number of series must not follow what clients publish. */
static void put_largest(struct exposition *page, const struct server *server) {
    size_t max = (size_t)server->settings.metrics_models, n = 0;
    struct model_gauge *largest = NULL;
    struct buffer labels = {0};
    if (max > 0 && server->models)
        n = models_largest(server->models, max, &largest);
    exposition_family(page, "vecmill_model_memory_bytes", FAMILY_GAUGE,
                      "Memory of a served model; of the largest, as many as metrics_models says.");
    for (size_t i = 0; i < n; i++) {
        labels.length = 0;
        exposition_label(&labels, "model", largest[i].name);
        exposition_count(page, labels.data ? labels.data : "", largest[i].bytes);
    }
    exposition_family(page, "vecmill_model_words", FAMILY_GAUGE, "Words of these models.");
    for (size_t i = 0; i < n; i++) {
        labels.length = 0;
        exposition_label(&labels, "model", largest[i].name);
        exposition_count(page, labels.data ? labels.data : "", largest[i].words);
    }
    page->text.failed = page->text.failed || labels.failed;
    buffer_clear(&labels);
    free(largest);
}

static void put_models(struct exposition *page, const struct server *server) {
    exposition_one(page, "vecmill_models", FAMILY_GAUGE, "Models served.",
                   server->models ? (double)models_count(server->models) : 0);
    exposition_one(page, "vecmill_models_limit", FAMILY_GAUGE, "Models that max_models allows.",
                   (double)server->settings.max_models);
    exposition_one(page, "vecmill_models_unloaded", FAMILY_GAUGE,
                   "Of them: not loaded, for want of memory.",
                   server->models ? (double)models_count_unloaded(server->models, NULL) : 0);
    put_largest(page, server);
    uint64_t bytes = 0, n = server->corpora ? corpora_count(server->corpora, &bytes) : 0;
    exposition_one(page, "vecmill_corpora", FAMILY_GAUGE, "Corpora kept.", (double)n);
    exposition_one(page, "vecmill_corpora_bytes", FAMILY_GAUGE, "Their text, decoded.",
                   (double)bytes);
}

static void put_disk(struct exposition *page, const struct server *server) {
    struct statvfs disk;
    struct error ignored = {0};
    size_t n = 0;
    if (statvfs(server->settings.data, &disk) == 0) {
        exposition_one(page, "vecmill_disk_free_bytes", FAMILY_GAUGE,
                       "Free on the disk of the data folder.",
                       (double)disk.f_bavail * (double)disk.f_frsize);
        exposition_one(page, "vecmill_disk_size_bytes", FAMILY_GAUGE,
                       "Size of the disk of the data folder.",
                       (double)disk.f_blocks * (double)disk.f_frsize);
    }
    exposition_one(page, "vecmill_disk_reserve_bytes", FAMILY_GAUGE,
                   "What reserve_disk leaves free: below it uploads are refused.",
                   (double)server->settings.reserve_disk);
    exposition_one(page, "vecmill_disk_needed_bytes", FAMILY_GAUGE,
                   "What running and waiting jobs still need for checkpoints and models.",
                   server->jobs ? (double)jobs_disk_needed(server->jobs) : 0);
    json_t *names = json_array();
    if (names && quarantine_list(server->settings.data, 0, names, &n, &ignored) != STATUS_OK)
        n = 0;
    json_decref(names);
    exposition_one(page, "vecmill_quarantined", FAMILY_GAUGE,
                   "Records and models that were set aside because they were damaged.", (double)n);
}

void system_metrics(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    bool open_metrics = exposition_wants_open_metrics(request_header(request, "Accept"));
    struct exposition page = {.open_metrics = open_metrics};
    put_build(&page, server);
    exposition_one(&page, "vecmill_ready", FAMILY_GAUGE, "1 while the service takes requests.",
                   atomic_load(&server->ready) && !atomic_load(&server->draining) ? 1 : 0);
    metrics_http(&page, server);
    metrics_jobs(&page, server);
    put_models(&page, server);
    put_memory(&page, server);
    put_disk(&page, server);
    metrics_process(&page, server);
    exposition_end(&page);
    response_bytes(response, 200,
                   open_metrics ? EXPOSITION_OPEN_METRICS_TYPE : EXPOSITION_TEXT_TYPE, &page.text);
    response_header(response, "Vary", "Accept");
}
