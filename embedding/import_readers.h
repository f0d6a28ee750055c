/* The readers of vector files, one for each kind. Each fills target->rows and what info tells of
 * them. Errors: MALFORMED and REFUSED say what is wrong and where; TOO_LARGE, NO_MEMORY of the
 * budget; CANCELLED. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_IMPORT_READERS_H
#define VECMILL_EMBEDDING_IMPORT_READERS_H

#include "base/file.h"
#include "embedding/import_set.h"
#include "embedding/import_target.h"

/* import.c: word2vec's and GloVe's text and binary, packed or not */
enum status import_lines(struct import_target *target, const struct file_map *map,
                         struct error *err) MUST_CHECK;

/* import_fasttext.c: fastText's binary model. A word's vector is what fastText computes of the row
 * of the word and those of its character n-grams. UNSUPPORTED: a quantized one, another version. */
enum status import_fasttext(struct import_target *target, const char *data, size_t length,
                            struct error *err) MUST_CHECK;

/* import_kv.c: gensim's KeyedVectors or a model that holds them. The pickle is read, never run:
 * nothing that it names is looked up or called. `name`: of the member that holds it. */
enum status import_keyed_vectors(struct import_target *target, const struct import_set *set,
                                 const struct import_member *pickle, struct error *err) MUST_CHECK;

/* import_arrays.c: a matrix of NumPy or safetensors, with its words in another file */
enum status import_npy(struct import_target *target, const struct import_set *set,
                       const struct import_member *array, struct error *err) MUST_CHECK;
enum status import_safetensors(struct import_target *target, const struct import_set *set,
                               const struct import_member *tensors, struct error *err) MUST_CHECK;

#endif
