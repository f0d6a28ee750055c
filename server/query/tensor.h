/* Rectangular nested lists of JSON numbers. Private to server/. */
#ifndef VECMILL_SERVER_TENSOR_H
#define VECMILL_SERVER_TENSOR_H

#include "server/query/inquiry.h"

#define TENSOR_RANK 8

struct tensor {
    double *values; /* [n] row by row */
    size_t n;
    unsigned rank; /* 0: a number */
    size_t shape[TENSOR_RANK];
};

/* Numbers must be finite as float32. `pointer` names the place. Errors: REFUSED for what is no
 * number, lists that differ in length or depth, more than TENSOR_RANK levels; memory is counted.
 * tensor_clear, also after a failure. */
enum status tensor_read(struct tensor *tensor, const struct inquiry *inquiry, const json_t *tree,
                        const char *pointer, struct error *err) MUST_CHECK;
void tensor_clear(struct tensor *tensor);
bool tensors_alike(const struct tensor *a, const struct tensor *b); /* of one shape */
/* Appends values in nested lists; 17 digits, null for what is not finite. */
void tensor_append(const double *values, unsigned rank, const size_t *shape, struct buffer *answer);
/* "[2, 3]"; text: room for TENSOR_TEXT. Returns text. */
#define TENSOR_TEXT 200
const char *tensor_shape_text(const struct tensor *tensor, char *text);

#endif
