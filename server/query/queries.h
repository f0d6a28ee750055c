/* Questions for neighbours: words, vectors, weighted sums of both, read from JSON and searched
 * together. Private to server/. */
#ifndef VECMILL_SERVER_QUERIES_H
#define VECMILL_SERVER_QUERIES_H

#include "server/query/wanted.h"

/* How a query was put, for its echo: a word or an id; positives, then negatives, both among what is
 * excluded; a vector. */
enum query_kind { QUERY_WORD, QUERY_SIGNS, QUERY_VECTOR };
struct asked {
    enum query_kind kind;
    size_t positives, vectors; /* of QUERY_SIGNS: words; and vectors beside words */
    bool weighted;             /* a weight was given */
    size_t index;              /* in the request */
};

/* Query vectors and what each must not find. */
struct queries {
    struct inquiry *inquiry;
    const struct wanted *wanted;
    float *vectors; /* [n, dim] */
    size_t n;
    uint32_t *excluded;
    double *weights; /* [n_excluded] of the words in sums */
    size_t n_excluded, room, weights_room;
    size_t *starts;         /* [n + 1] into excluded */
    struct asked *asked;    /* [n] */
    size_t k;               /* wanted->offset + k, cut to what the model can give */
    struct neighbor *found; /* [n, k] */
    size_t *counts;         /* [n] */
};

/* Room for n queries; wanted is borrowed. queries_clear, also after a failure. */
enum status queries_init(struct queries *queries, struct inquiry *inquiry, size_t n,
                         const struct wanted *wanted, struct error *err) MUST_CHECK;
void queries_clear(struct queries *queries);
/* Adds the query of one word. REFUSED for a row of zeros. */
enum status queries_add_word(struct queries *queries, uint32_t id, const char *pointer,
                             struct error *err) MUST_CHECK;
/* Adds the query of an object {word}, {id}, {vector} or {positive, negative}, which is `index` of
 * the request; nothing when no word of it is known. */
enum status queries_add(struct queries *queries, const json_t *object, size_t index,
                        struct error *err) MUST_CHECK;
/* Adds the sum of object's members positive and negative: the row of each word at length 1, each
 * vector as long as it is, times its weight. An entry is a word or an id, [word, weight], or
 * {"word" | "id" | "vector", "weight"}; without a weight it counts 1 in positive and -1 in
 * negative. `pointer` stands before "/positive". *left_out: no entry is known, and nothing was
 * added. */
enum status queries_add_sum(struct queries *queries, const json_t *object, const char *pointer,
                            const char *what, size_t index, bool *left_out,
                            struct error *err) MUST_CHECK;
/* Whether an entry of positive or negative has a weight or is a vector. */
bool queries_are_weighted(const json_t *object);
enum status queries_search(struct queries *queries, struct error *err) MUST_CHECK;

#endif
