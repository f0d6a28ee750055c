/* What a file is that was given as text or as vectors: told by its first bytes, so that nobody
 * trains on an archive, a web page or text in another encoding without noticing. */
#ifndef VECMILL_BASE_FILE_KIND_H
#define VECMILL_BASE_FILE_KIND_H

#include "base/error.h"
#include "base/file_head.h"

/* What the file is wanted for. */
enum file_use {
    FILE_AS_TEXT,   /* nobody said what it is: it is guessed from the content, too */
    FILE_AS_STATED, /* its user says it is text (or token lists): no guesses */
    FILE_AS_NDJSON,
    FILE_AS_VECTORS
};

#define FILE_INVALID_SHARE 0.05 /* max_invalid where no setting says it */

/* Errors: UNSUPPORTED "corpus is a PDF document, not text: ..." names what it is and the way out.
 * max_invalid: the share of characters beyond ASCII that may be no UTF-8, if they are many in all;
 * 1: any bytes are text, unless they begin as a known kind does. subject: "corpus", "vector file".
 * Cost: one walk over the head. */
enum status file_kind_check(const struct file_head *head, enum file_use use, double max_invalid,
                            const char *subject, struct error *err) MUST_CHECK;
/* The same from the first bytes of what is still packed: kinds that are zips inside. */
enum status file_kind_check_packed(const struct file_head *head, const char *subject,
                                   struct error *err) MUST_CHECK;

#endif
