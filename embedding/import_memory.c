#include "embedding/import_memory.h"

#define STEP ((uint64_t)65536) /* the grant grows by so many bytes */
#define GROWTH 2               /* a buffer has room for as much again */

enum status import_memory_add(struct import_memory *memory, uint64_t more, struct error *err) {
    memory->bytes += more;
    if (memory->bytes <= memory->grant.bytes)
        return STATUS_OK;
    return grant_resize(&memory->grant, (memory->bytes / STEP + 1) * STEP, "the import", err);
}

enum status import_append(struct import_memory *memory, struct buffer *buffer, const void *bytes,
                          size_t length, struct error *err) {
    enum status status = import_memory_add(memory, GROWTH * (uint64_t)length, err);
    if (status != STATUS_OK)
        return status;
    buffer_append(buffer, bytes, length);
    return buffer->failed ? error_set(err, STATUS_NO_MEMORY, "out of memory for the import")
                          : STATUS_OK;
}
