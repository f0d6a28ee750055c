/* The four forms in which vectors are answered, and the choice among them. Private to server/. */
#ifndef VECMILL_SERVER_REPRESENTATION_H
#define VECMILL_SERVER_REPRESENTATION_H

#include "server/query/inquiry.h"

/* AS_BYTES is the numbers alone; AS_NPY NumPy's format 1.0; AS_SAFETENSORS one tensor called
 * "embeddings". */
enum representation { AS_JSON, AS_NPY, AS_BYTES, AS_SAFETENSORS };

/* By ?format=json|npy|bytes|safetensors or a media type, else by Accept (RFC 9110, 12.5.1: the most
 * exact range that fits a form gives its q; of equal q the more exact range, then the order above).
 * Neither there: AS_JSON. Nothing acceptable: REFUSED, to be answered 406; the message and the
 * member "available" list what exists. */
enum status representation_choose(struct inquiry *inquiry, enum representation *as,
                                  struct error *err) MUST_CHECK;
/* Appends `values`, the product of shape[dims] numbers, in a binary form: the file's header if it
 * has one, then little-endian float32. Sets the answer's content type and X-Shape, X-Dtype, X-Model
 * and X-Version. */
void representation_write(struct inquiry *inquiry, enum representation as, const float *values,
                          const size_t *shape, unsigned dims, struct buffer *answer);

#endif
