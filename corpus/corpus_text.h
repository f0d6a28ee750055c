/* The text of a corpus file, whatever kind of file it is. Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_TEXT_H
#define VECMILL_CORPUS_CORPUS_TEXT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/file.h"
#include "config/config.h"
#include "corpus/corpus_pool.h"

/* The text as one mapping: of the file where that is text as it stands, of a scratch file
 * otherwise. */
struct corpus_text {
    struct file_map map;
    const char *data; /* behind a byte order mark */
    uint64_t length;
    uint64_t bytes;       /* the byte order mark included */
    atomic_ullong *input; /* bytes of the file read so far, for progress; may be NULL */
};

/* Settings: format, max_window_bytes, max_invalid_share. work: folder for the scratch file, which
 * loses its name before this returns. Errors: MALFORMED, UNSUPPORTED (what it is, see
 * file_kind_check), DISK_FULL, CANCELLED, PAUSED, ... */
enum status corpus_text_open(struct corpus_text *text, const struct settings *settings,
                             const char *path, const char *work, const struct corpus_pool *pool,
                             struct error *err) MUST_CHECK;
void corpus_text_close(struct corpus_text *text);
/* Where pieces of the text go, in order. */
typedef enum status (*corpus_text_sink)(void *context, const char *bytes, size_t length,
                                        struct error *err);
/* The text of a mapped file in pieces, the byte order mark included. pool: polled between pieces of
 * the file. input: as above. A failure of the sink ends it and is what it returns. */
enum status corpus_text_stream(const struct file_map *file, const struct settings *settings,
                               const struct corpus_pool *pool, atomic_ullong *input,
                               corpus_text_sink sink, void *context, struct error *err) MUST_CHECK;
/* Length of the byte order mark at data: 3 or 0. */
size_t corpus_text_mark(const char *data, uint64_t length);

#endif
