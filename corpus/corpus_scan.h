/* The fast path over white space text, compiled once per instruction set, and the choice of one.
 *
 *     corpus_scan_body.h                                   the code
 *     corpus_scan_portable.c ..._avx2.c ..._avx512.c       it, under the flags of corpus.cmake
 *     corpus_scan.c                                        what this machine can run
 *
 * Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_SCAN_H
#define VECMILL_CORPUS_CORPUS_SCAN_H

#include <stddef.h>

#include "base/error.h"

struct corpus_counter;

struct corpus_scanner {
    const char *name;
    /* Reads as far as this path goes: to the end of the range, a list line, the last bytes of the
     * text, or where the table is so near its budget that words must be taken one by one. *at,
     * between tokens, moves on to the first byte that was not read; it may not move at all. */
    enum status (*scan)(struct corpus_counter *counter, const char **at, struct error *err);
};

#if defined(__x86_64__)
extern const struct corpus_scanner corpus_scanner_avx512, corpus_scanner_avx2;
#endif
extern const struct corpus_scanner corpus_scanner_portable;

#define CORPUS_SCANNERS 3
/* Those that this machine can run, the fastest first; their number is returned. */
size_t corpus_scanners(const struct corpus_scanner *scanners[CORPUS_SCANNERS]);
const struct corpus_scanner *corpus_scanner_fastest(void);

#endif
