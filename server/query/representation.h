/* The four forms in which vectors are answered, and the choice among them. Private to server/. */
#ifndef VECMILL_SERVER_REPRESENTATION_H
#define VECMILL_SERVER_REPRESENTATION_H

#include "server/query/inquiry.h"

enum representation { AS_JSON, AS_NPY, AS_BYTES, AS_SAFETENSORS };

/* By ?format=json|npy|bytes|safetensors or a media type, else by Accept (q-values; among equals the
 * more exact range, then the order above). Nothing acceptable: REFUSED, to be answered 406; the
 * message lists what exists. */
enum status representation_choose(struct inquiry *inquiry, enum representation *as,
                                  struct error *err) MUST_CHECK;
/* Writes `values`, of `dims` dimensions, in a binary form: file header if it has one, then
 * little-endian float32; sets the content type and X-Shape, X-Dtype, X-Model and X-Version. */
void representation_write(struct inquiry *inquiry, enum representation as, const float *values,
                          const size_t *shape, unsigned dims, struct buffer *answer);

#endif
