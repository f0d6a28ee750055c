/* The pass over the rows that every search shares: cosines of a batch of vectors to all candidate
 * rows, best k kept. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_SCAN_H
#define VECMILL_EMBEDDING_SCAN_H

#include "embedding/embedding.h"

/* A group is one question: `width` vectors that give one score per row. Without `multiply` the
 * width is 1 and the score the cosine; with it 3CosMul: the first `positives` cosines, moved to
 * 0..1, multiply, the others divide. With `output` (width 1) the rows are those of the output table
 * and the score is the product of vector and row, as they are: vectors have its columns, the last
 * one, of the bias, too. */
struct scan {
    const struct model *model;
    /* [groups * width, dim] packed, finite, of any length; a zero vector scores 0 */
    const float *vectors;
    size_t groups, width, positives;
    /* of group g: excluded[excluded_starts[g] .. excluded_starts[g + 1]); NULL: none */
    const uint32_t *excluded;
    const size_t *excluded_starts;
    bool sorted; /* the ids excluded of each group rise: they are found by halves */
    bool multiply;
    bool output;
    const struct candidates *candidates; /* NULL: all */
    size_t k;
    int threads;
    const struct stop *stop; /* asked before each block; NULL: never */
};

/* out: [groups, k], best first, ties by lower id; found: [groups]. The result depends on neither
 * threads nor sharding: a pair's cosine has the same bits wherever it stands, and the order of
 * neighbours is total. Errors: NO_MEMORY; CANCELLED. */
enum status scan_run(const struct scan *scan, struct neighbor *out, size_t *found,
                     struct error *err) MUST_CHECK;
/* The table whose rows are scored. */
static inline const struct table *scan_table(const struct scan *scan) {
    return scan->output ? scan->model->output : scan->model->input;
}
/* Whether the bits of candidates allow a word; NULL allows all. `among` is not looked at. */
static inline bool candidates_allow(const struct candidates *candidates, uint32_t id) {
    return !candidates || !candidates->allowed || candidates->allowed[id / 64] >> (id % 64) & 1;
}
/* Euclidean norm, summed in double (direction.c). */
double vector_norm(const float *vector, size_t n);
/* Euclidean norm of a sum made by direction_add; 0 when nothing but rounding is left of it. */
double direction_norm(const double *sum, size_t dim);

#endif
