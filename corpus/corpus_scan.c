#include "corpus/corpus_scan.h"

#include <stdbool.h>

size_t corpus_scanners(const struct corpus_scanner *scanners[CORPUS_SCANNERS]) {
    size_t n = 0;
#if defined(__x86_64__)
    bool bits = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                __builtin_cpu_supports("popcnt");
    if (bits && __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        scanners[n++] = &corpus_scanner_avx512;
    if (bits && __builtin_cpu_supports("avx2"))
        scanners[n++] = &corpus_scanner_avx2;
#endif
    scanners[n++] = &corpus_scanner_portable;
    return n;
}

const struct corpus_scanner *corpus_scanner_fastest(void) {
    const struct corpus_scanner *scanners[CORPUS_SCANNERS];
    (void)corpus_scanners(scanners);
    return scanners[0];
}
