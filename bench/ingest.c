/* How fast a corpus is read: the best of several readings, from the path to the ids. bench/run
 * reading builds and runs it.
 *   ingest FILE [THREADS [TIMES [SCANNER]]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/machine.h"
#include "corpus/corpus_private.h"

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* NULL: this machine does not run it. */
static const struct corpus_scanner *scanner_named(const char *name) {
    const struct corpus_scanner *scanners[CORPUS_SCANNERS];
    size_t n = corpus_scanners(scanners);
    for (size_t i = 0; i < n; i++)
        if (!name || strcmp(scanners[i]->name, name) == 0)
            return scanners[i];
    return NULL;
}

int main(int count, char **arguments) {
    if (count < 2)
        return 2;
    int threads = count > 2 ? atoi(arguments[2]) : 2, times = count > 3 ? atoi(arguments[3]) : 5;
    struct settings settings;
    struct error err = {0};
    const char *root = getenv("TMPDIR");
    char work[512];
    settings_init(&settings);
    snprintf(work, sizeof work, "%s/ingest-XXXXXX", !root ? "/tmp" : root);
    if (!mkdtemp(work))
        return 1;
    struct corpus_options options = {
        .settings = &settings, .path = arguments[1], .work = work, .threads = threads};
    const struct corpus_scanner *scanner = scanner_named(count > 4 ? arguments[4] : NULL);
    if (!scanner)
        return 77;
    double best = 1e9, best_cpu = 1e9;
    struct corpus_report report = {0};
    for (int i = 0; i < times; i++) {
        struct corpus *corpus;
        double wall = machine_monotonic_seconds(), cpu = cpu_seconds();
        if (corpus_create_by(&corpus, &options, scanner, &err) != STATUS_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        wall = machine_monotonic_seconds() - wall;
        cpu = cpu_seconds() - cpu;
        best = wall < best ? wall : best;
        best_cpu = cpu < best_cpu ? cpu : best_cpu;
        report = corpus->report;
        corpus_free(corpus);
    }
    rmdir(work);
    printf("{\"scanner\": \"%s\", \"threads\": %d, \"seconds\": %.4f, \"cpu\": %.4f, \"bytes\": "
           "%llu, \"words\": %llu}\n",
           scanner->name, threads, best, best_cpu, (unsigned long long)report.bytes,
           (unsigned long long)report.words);
    return 0;
}
