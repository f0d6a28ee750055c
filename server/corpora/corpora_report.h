/* The report of a scan as JSON. */
#ifndef VECMILL_SERVER_CORPORA_REPORT_H
#define VECMILL_SERVER_CORPORA_REPORT_H

#include "corpus/corpus.h"
#include "server/json/json.h"

/* NULL when out of memory. */
json_t *corpus_report_json(const struct corpus_report *report);
/* The inverse; missing members become 0. */
void corpus_report_read(const json_t *document, struct corpus_report *report);

#endif
