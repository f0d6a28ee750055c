#if defined(__x86_64__)
#include "corpus/corpus_scan_body.h"

const struct corpus_scanner corpus_scanner_avx512 = {"avx512", scan_text};
#else
typedef int corpus_scan_avx512_needs_x86;
#endif
