/* Which rows a lookup asks for: words or ids in lists nested to any depth, with weights beside.
 *
 * An entry that is no list is a leaf; all leaves lie at one depth. {"words": [["a","b"],["c"]]} has
 * the leaves a, b, c at depth 2 and two innermost lists, which start at the leaves 0 and 2 (starts:
 * 0, 2, 3). Private to server/. */
#ifndef VECMILL_SERVER_SELECTION_H
#define VECMILL_SERVER_SELECTION_H

#include "server/query/inquiry.h"

#define SELECTION_DEPTH 30 /* deepest nesting; array files of the field stop at 32 dimensions */

struct selection {
    const json_t *tree;    /* as it came; borrowed */
    const char *member;    /* "words", "ids" or "" (query): begins pointers and messages */
    unsigned depth;        /* of every leaf: 1 for a plain list */
    size_t n;              /* leaves */
    uint32_t *ids;         /* [n]; WORD_NONE: a word that is not known */
    const json_t **leaves; /* [n], borrowed */
    const json_t **absent; /* [missing]: the leaves whose word is not known, in order */
    float *weights;        /* [n] or NULL */
    size_t lists;          /* innermost lists */
    size_t *starts;        /* [lists + 1]: leaves of each */
    size_t missing;
    size_t shape[SELECTION_DEPTH]; /* [depth]: length of the first list of each level */
    bool ragged[SELECTION_DEPTH];  /* [depth]: lists of this level differ in length */
};

/* tree: a list; leaves are strings (words) and whole numbers (ids), only the one kind where member
 * says so. weights: numbers in the same shape, or NULL. A word that is not known is NOT_FOUND under
 * MISSING_ERROR, else its id is WORD_NONE. REFUSED, with the place as key: more than max_batch
 * leaves or lists, leaves at different depths, an id out of range, weights of another shape. tree,
 * weights and member are borrowed and must outlive the selection. Owns the rest:
 * selection_clear, also after a failure. */
enum status selection_read(struct selection *selection, struct inquiry *inquiry, const char *member,
                           const json_t *tree, const json_t *weights, enum missing_policy missing,
                           struct error *err) MUST_CHECK;
/* Takes leaves with WORD_NONE out of ids, leaves, weights and starts; tree, absent and shape stay
 * as they are. */
void selection_drop_missing(struct selection *selection);
/* Frees, and leaves a selection of nothing. */
void selection_clear(struct selection *selection);

#endif
