/* Which sets of questions stand beside a corpus, on disk: data/corpora/<corpus>/questions/<name>.
 * Private to server/corpora. */
#ifndef VECMILL_SERVER_QUESTION_SETS_H
#define VECMILL_SERVER_QUESTION_SETS_H

#include "server/corpora/corpora_private.h"

struct question_list {
    json_t *data; /* or NULL */
    const char *folder;
    uint64_t sets, bytes;
    const char *one; /* or NULL: the set whose bytes are wanted */
    uint64_t one_bytes;
    struct buffer names; /* with commas between */
};

/* data/corpora/<corpus>/questions, or the set in it; NULL when out of memory. Caller frees. */
char *questions_path(const struct corpora *corpora, const char *corpus, const char *name);
/* Adds what is there to *list; IO when the folder cannot be read. Under corpora->mutex. The caller
 * clears list->names. */
enum status sets_list(const struct corpora *corpora, const char *corpus, struct question_list *list,
                      struct error *err) MUST_CHECK;
/* Bytes of all sets beside a corpus, and of the set `name` (or NULL) in *one. Under
 * corpora->mutex. */
uint64_t questions_bytes(const struct corpora *corpora, const char *corpus, const char *name,
                         uint64_t *one);

#endif
