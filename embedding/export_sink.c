#include "embedding/export_sink.h"

#define ZLIB_CONST /* input is read only */
#include <stdlib.h>
#include <zlib.h>

#include "base/file.h"

#define PACKED_SIZE (1U << 16)
#define GZIP_WINDOW \
    (15 +           \
     16) /* largest window; 16 asks for a gzip header, which zlib leaves without time and name */
/* Float digits hardly shrink further at higher levels. */
#define GZIP_LEVEL 3
#define GZIP_MEMORY 8

struct export_sink {
    struct file_writer *writer;
    bool gzip;
    z_stream stream;
    unsigned char packed[PACKED_SIZE];
};

enum status export_sink_create(struct export_sink **out, const char *path, bool gzip,
                               struct error *err) {
    struct export_sink *sink = calloc(1, sizeof *sink);
    *out = NULL;
    if (!sink)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory to write '%s'", path);
    enum status status = file_writer_create(&sink->writer, path, err);
    if (status != STATUS_OK) {
        free(sink);
        return status;
    }
    if (gzip && deflateInit2(&sink->stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                             Z_DEFAULT_STRATEGY) != Z_OK) {
        export_sink_abort(sink);
        return error_set(err, STATUS_NO_MEMORY, "not enough memory to compress '%s'", path);
    }
    sink->gzip = gzip;
    *out = sink;
    return STATUS_OK;
}

/* Compresses until zlib has taken everything; with Z_FINISH until the stream has ended. */
static enum status sink_deflate(struct export_sink *sink, int flush, struct error *err) {
    int result;
    do {
        sink->stream.next_out = sink->packed;
        sink->stream.avail_out = PACKED_SIZE;
        result = deflate(&sink->stream, flush);
        if (result == Z_STREAM_ERROR)
            return error_set(err, STATUS_INTERNAL, "gzip failed with %d", result);
        size_t length = PACKED_SIZE - sink->stream.avail_out;
        enum status status =
            length == 0 ? STATUS_OK : file_writer_append(sink->writer, sink->packed, length, err);
        if (status != STATUS_OK)
            return status;
    } while (flush == Z_FINISH ? result != Z_STREAM_END : sink->stream.avail_out == 0);
    return STATUS_OK;
}

enum status export_sink_append(struct export_sink *sink, const void *bytes, size_t length,
                               struct error *err) {
    const unsigned char *at = bytes;
    if (!sink->gzip)
        return file_writer_append(sink->writer, bytes, length, err);
    while (length > 0) {
        /* zlib counts in unsigned int */
        uInt part = length > PACKED_SIZE ? PACKED_SIZE : (uInt)length;
        sink->stream.next_in = at;
        sink->stream.avail_in = part;
        enum status status = sink_deflate(sink, Z_NO_FLUSH, err);
        if (status != STATUS_OK)
            return status;
        at += part;
        length -= part;
    }
    return STATUS_OK;
}

uint64_t export_sink_size(const struct export_sink *sink) {
    return file_writer_size(sink->writer);
}

enum status export_sink_patch(struct export_sink *sink, uint64_t offset, const void *bytes,
                              size_t length, struct error *err) {
    return file_writer_patch(sink->writer, offset, bytes, length, err);
}

enum status export_sink_commit(struct export_sink *sink, struct error *err) {
    enum status status = sink->gzip ? sink_deflate(sink, Z_FINISH, err) : STATUS_OK;
    if (status == STATUS_OK) {
        status = file_writer_commit(sink->writer, false, err);
        sink->writer = NULL;
    }
    export_sink_abort(sink);
    return status;
}

void export_sink_abort(struct export_sink *sink) {
    if (!sink)
        return;
    if (sink->gzip)
        deflateEnd(&sink->stream);
    file_writer_abort(sink->writer);
    free(sink);
}
