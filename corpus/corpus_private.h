/* What benchmarks and tests of corpus/ may choose and others need not know. Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_PRIVATE_H
#define VECMILL_CORPUS_CORPUS_PRIVATE_H

#include "corpus/corpus.h"
#include "corpus/corpus_scan.h"

#define CORPUS_IDS_FILE "corpus-ids" /* in the work folder, as long as the corpus lives */

/* corpus_create() with a fast path of one's choice, which this machine must be able to run. */
enum status corpus_create_by(struct corpus **corpus, const struct corpus_options *options,
                             const struct corpus_scanner *scanner, struct error *err) MUST_CHECK;

#endif
