/* Memory of several buffers of an import, counted together. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_IMPORT_MEMORY_H
#define VECMILL_EMBEDDING_IMPORT_MEMORY_H

#include "base/buffer.h"

struct import_memory {
    struct grant grant; /* budget and kind are set before */
    uint64_t bytes;
};
/* Counts `more` bytes. Errors: the budget's. */
enum status import_memory_add(struct import_memory *memory, uint64_t more,
                              struct error *err) MUST_CHECK;
/* Appends to a buffer that has no grant of its own, and counts that. */
enum status import_append(struct import_memory *memory, struct buffer *buffer, const void *bytes,
                          size_t length, struct error *err) MUST_CHECK;

#endif
