#include "corpus/text_lines.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/intake.h"
#include "corpus/corpus.h"
#include "corpus/corpus_text.h"

#define PIECE 262144u
#define BYTES_MAX ((size_t)1 << 20) /* of a line */

struct line_reading {
    const struct text_lines *lines;
    struct buffer held; /* the beginning of the line that the next piece goes on with */
    uint64_t number;
};

static enum status line_hold(struct line_reading *reading, const char *bytes, size_t length,
                             struct error *err) {
    buffer_append(&reading->held, bytes, length);
    if (reading->held.failed)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a line of %s",
                         reading->lines->subject);
    if (reading->held.length <= BYTES_MAX)
        return STATUS_OK;
    return error_set(err, STATUS_MALFORMED, "line %" PRIu64 " of %s is longer than a megabyte",
                     reading->number + 1, reading->lines->subject);
}

static enum status line_visit(struct line_reading *reading, const char *line, size_t length,
                              struct error *err) {
    size_t mark = reading->number++ == 0 ? corpus_text_mark(line, length) : 0;
    return reading->lines->visit(reading->lines->context, reading->number, line + mark,
                                 length - mark, err);
}

static enum status text_take(void *context, const char *bytes, size_t length, struct error *err) {
    struct line_reading *reading = context;
    const char *end = bytes + length;
    enum status status = STATUS_OK;
    while (bytes < end && status == STATUS_OK) {
        const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t n = (size_t)((stop ? stop : end) - bytes);
        bool held = reading->held.length > 0;
        if (!stop || held)
            status = line_hold(reading, bytes, n, err);
        if (stop && status == STATUS_OK)
            status = line_visit(reading, held ? reading->held.data : bytes,
                                held ? reading->held.length : n, err);
        if (stop && held)
            reading->held.length = 0;
        bytes += n + (stop != NULL);
    }
    return status;
}

static enum status between_pieces(const struct text_lines *lines, double share, struct error *err) {
    int asked = lines->request ? atomic_load(lines->request) : REQUEST_NONE;
    if (lines->tick)
        lines->tick(lines->context, share);
    if (asked == REQUEST_NONE)
        return STATUS_OK;
    return error_set(err, asked == REQUEST_CANCEL ? STATUS_CANCELLED : STATUS_PAUSED,
                     "stopped while %s was read", lines->subject);
}

static enum status file_take(struct line_reading *reading, const struct file_map *map,
                             struct error *err) {
    const struct settings *settings = reading->lines->settings;
    const struct intake_options options = {.subject = reading->lines->subject,
                                           .use = FILE_AS_STATED,
                                           .max_invalid = settings->max_invalid_share,
                                           .limits.window = (uint64_t)settings->max_window_bytes};
    struct intake *intake = NULL;
    enum status status = intake_create(&intake, &options, text_take, reading, err);
    for (size_t at = 0; at < map->length && status == STATUS_OK; at += PIECE) {
        size_t left = map->length - at;
        status = between_pieces(reading->lines, (double)at / (double)map->length, err);
        if (status == STATUS_OK)
            status = intake_push(intake, map->data + at, left < PIECE ? left : PIECE, err);
    }
    if (status == STATUS_OK)
        status = intake_finish(intake, err);
    intake_free(intake);
    if (status == STATUS_OK && reading->held.length > 0)
        status = line_visit(reading, reading->held.data, reading->held.length, err);
    return status;
}

enum status text_lines_read(const struct text_lines *lines, struct error *err) {
    struct line_reading reading = {.lines = lines};
    struct file_map map;
    enum status status = file_map_open(&map, lines->path, err);
    if (status != STATUS_OK)
        return status;
    status = file_take(&reading, &map, err);
    file_map_close(&map);
    buffer_clear(&reading.held);
    return status;
}
