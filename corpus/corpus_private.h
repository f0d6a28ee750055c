/* What benchmarks and tests of corpus/ may choose and others need not know. Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_PRIVATE_H
#define VECMILL_CORPUS_CORPUS_PRIVATE_H

#include "base/file.h"
#include "corpus/corpus.h"
#include "corpus/corpus_scan.h"

/* In the work folder, as long as the corpus lives: the ids, and both parts of corpus_hold_out. */
#define CORPUS_IDS_FILE "corpus-ids"
#define CORPUS_TRAINED_FILE "corpus-trained"
#define CORPUS_HELD_FILE "corpus-held-out"
#define CORPUS_SPREAD_FILE "corpus-spread" /* of corpus_spread_contexts */

/* A scratch file of ids, mapped. */
struct corpus_ids {
    struct file_map map;
    char *path; /* NULL: none */
};

/* A corpus and what it stands on. */
struct corpus_owner {
    struct corpus corpus; /* first, so that a pointer to it points to the owner */
    struct corpus_ids ids, held;
};

/* Unmaps, and removes the file. */
void corpus_ids_close(struct corpus_ids *ids);

/* corpus_create() with a fast path of one's choice, which this machine must be able to run. */
enum status corpus_create_by(struct corpus **corpus, const struct corpus_options *options,
                             const struct corpus_scanner *scanner, struct error *err) MUST_CHECK;

#endif
