#include "corpus/corpus_scan_body.h"

const struct corpus_scanner corpus_scanner_portable = {"portable", scan_text};
