/* The text of a corpus file as one mapping: plain files as they stand, compressed ones decoded into
 * scratch first. Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_TEXT_H
#define VECMILL_CORPUS_CORPUS_TEXT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/file.h"
#include "corpus/corpus_pool.h"

struct corpus_text {
    struct file_map map;
    const char *data; /* behind a byte order mark */
    uint64_t length;
    uint64_t bytes;       /* the byte order mark included */
    atomic_ullong *input; /* compressed bytes read so far, for progress; may be NULL */
};

/* work: folder for the decoded text, which loses its name before this returns.
 * Errors: MALFORMED, DISK_FULL, CANCELLED, PAUSED, ... */
enum status corpus_text_open(struct corpus_text *text, const char *path, const char *work,
                             const struct corpus_pool *pool, struct error *err) MUST_CHECK;
void corpus_text_close(struct corpus_text *text);
/* Length of the byte order mark at data: 3 or 0. */
size_t corpus_text_mark(const char *data, uint64_t length);

#endif
