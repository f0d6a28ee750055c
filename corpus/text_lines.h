/* The lines of a file that is no corpus: pairs, edges. */
#ifndef VECMILL_CORPUS_TEXT_LINES_H
#define VECMILL_CORPUS_TEXT_LINES_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"

struct text_lines {
    const struct settings *settings; /* max_window_bytes, max_invalid_share */
    const char *path;
    const char *subject; /* "the file of pairs", in messages */
    atomic_int *request; /* enum train_request, polled; may be NULL */
    /* number: of the line, from 1 on. line: without its end and without a byte order mark, valid
     * until it returns; white space at its ends, a carriage return too, stands. A failure ends the
     * reading. */
    enum status (*visit)(void *context, uint64_t number, const char *line, size_t length,
                         struct error *err);
    /* share of the file that was read, 0..1; may be NULL */
    void (*tick)(void *context, double share);
    void *context;
};

/* UTF-8 text, or that compressed as a corpus may be. Errors: NOT_FOUND, UNSUPPORTED; MALFORMED for
 * a cut stream, and for a line above a megabyte; NO_MEMORY, CANCELLED, PAUSED; those of visit. */
enum status text_lines_read(const struct text_lines *lines, struct error *err) MUST_CHECK;

#endif
