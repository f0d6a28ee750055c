/* How fast a corpus is read: the best of several readings, from the path to the ids.
 *   ingest FILE [threads [times [text|tokens [whitespace|unicode [lowercase]]]]]
 * Build: see bench/README or link against the program's folders:
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/machine.h"
#include "train/corpus.h"

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int count, char **arguments) {
    if (count < 2) return 2;
    int threads = count > 2 ? atoi(arguments[2]) : 2, times = count > 3 ? atoi(arguments[3]) : 5;
    struct settings settings;
    struct error err = {0};
    settings_init(&settings);
    for (int i = 4; i < count; i++) {
        if (!strcmp(arguments[i], "tokens")) settings.format = FORMAT_TOKENS;
        if (!strcmp(arguments[i], "unicode")) settings.tokenizer = TOKENIZER_UNICODE;
        if (!strcmp(arguments[i], "lowercase")) settings.lowercase = true;
    }
    char work[] = "/tmp/ingest-XXXXXX";
    if (!mkdtemp(work)) return 1;
    double best = 1e9, best_cpu = 1e9;
    uint64_t bytes = 0, words = 0, sum = 0;
    for (int i = 0; i < times; i++) {
        struct corpus_options options = {.settings = &settings, .path = arguments[1], .work = work, .threads = threads};
        struct corpus *corpus;
        double wall = machine_monotonic_seconds(), cpu = cpu_seconds();
        if (corpus_create(&corpus, &options, &err) != STATUS_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        wall = machine_monotonic_seconds() - wall;
        cpu = cpu_seconds() - cpu;
        if (wall < best) best = wall;
        if (cpu < best_cpu) best_cpu = cpu;
        bytes = corpus->report.bytes;
        words = corpus->report.words;
        sum = 0;
        for (uint64_t j = 0; j < corpus->length; j++) sum = sum * 31 + corpus->ids[j];
        corpus_free(corpus);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%d thr: %.4f s wall (%.3f GB/s), cpu %.4f s (%.2f s/GB, %.1f ns/word)  rss %ld MB sum %016llx\n", threads, best, 1e-9 * bytes / best, best_cpu, best_cpu * 1e9 / bytes,
           best_cpu * 1e9 / words, usage.ru_maxrss / 1024, (unsigned long long)sum);
    rmdir(work);
    return 0;
}
