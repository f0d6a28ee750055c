#include "corpus/ids_writer.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/kernel.h"

#define WRITE_IDS 65536 /* written at a time */

enum status ids_writer_flush(struct ids_writer *writer, struct error *err) {
    enum status status =
        file_write_at(writer->file, writer->buffer, writer->filled * sizeof *writer->buffer,
                      (writer->length - writer->filled) * sizeof *writer->buffer, err);
    writer->filled = 0;
    return status;
}

enum status ids_writer_put(struct ids_writer *writer, uint32_t id, struct error *err) {
    writer->buffer[writer->filled++] = id;
    writer->length++;
    writer->words += id != WORD_NONE;
    writer->open = id != WORD_NONE;
    return writer->filled == WRITE_IDS ? ids_writer_flush(writer, err) : STATUS_OK;
}

enum status ids_writer_end(struct ids_writer *writer, struct error *err) {
    return writer->open ? ids_writer_put(writer, WORD_NONE, err) : STATUS_OK;
}

enum status ids_writer_open(struct ids_writer *writer, const char *path, struct error *err) {
    writer->buffer = malloc(WRITE_IDS * sizeof *writer->buffer);
    if (!writer->buffer || !path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for writing ids");
    return file_scratch_open(path, &writer->file, err);
}

void ids_writer_close(struct ids_writer *writer) {
    if (writer->file >= 0)
        close(writer->file);
    free(writer->buffer);
}
