/* What an answer of neighbours may hold: how many, from which on, how near, and which words.
 * Private to server/. */
#ifndef VECMILL_SERVER_WANTED_H
#define VECMILL_SERVER_WANTED_H

#include "server/query/inquiry.h"

struct wanted {
    int64_t k;         /* neighbours of a query at most */
    int64_t offset;    /* nearest ones passed over before */
    double min_score;  /* -INFINITY: none */
    int64_t among;     /* only the most frequent words; 0 = all */
    uint64_t *allowed; /* owned, or NULL; see struct candidates */
};

/* The members of a JSON body. `among` is a number, or a list of words and ids, the only ones that
 * may be found; `prefix` is a text or a list of texts, one of which a word must begin with;
 * `exclude` is a list of words and ids. Also reads oov, which tells what becomes of unknown words
 * in these lists. Errors: REFUSED with the place; NOT_FOUND. wanted_clear, also after a failure. */
enum status wanted_of_body(struct wanted *wanted, struct inquiry *inquiry,
                           struct error *err) MUST_CHECK;
#define WANTED_MEMBERS "k", "offset", "min_score", "among", "prefix", "exclude", "oov"
/* The same of a query; `exclude` is a word, and both it and `prefix` may stand several times. */
enum status wanted_of_query(struct wanted *wanted, struct inquiry *inquiry,
                            struct error *err) MUST_CHECK;
void wanted_clear(struct wanted *wanted);
/* Borrows wanted->allowed. */
struct candidates wanted_candidates(const struct wanted *wanted);
/* How many of the n best of a search are answered, and from where on: cut by offset, min_score. */
size_t wanted_cut(const struct wanted *wanted, const struct neighbor *found, size_t n,
                  size_t *begin);

#endif
