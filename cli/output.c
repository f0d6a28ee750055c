#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/machine.h"
#include "base/utf8.h"
#include "cli/cli.h"

bool output_is_terminal(int fd) {
    return isatty(fd) == 1;
}

void json_put_string(struct buffer *buffer, const char *text, size_t length) {
    struct buffer valid = {0};
    utf8_append_valid(&valid, text, length);
    buffer_append_char(buffer, '"');
    for (size_t i = 0; i < valid.length; i++) {
        char c = valid.data[i];
        if (c == '"' || c == '\\') {
            buffer_append_char(buffer, '\\');
            buffer_append_char(buffer, c);
        } else if ((unsigned char)c < 0x20) {
            buffer_print(buffer, "\\u%04x", (unsigned)c);
        } else {
            buffer_append_char(buffer, c);
        }
    }
    buffer_append_char(buffer, '"');
    buffer->failed |= valid.failed;
    buffer_clear(&valid);
}

void json_put_number(struct buffer *buffer, const char *name, double value) {
    buffer_print(buffer, ",\"%s\":", name);
    if (isfinite(value))
        buffer_print(buffer, "%.9g", value);
    else
        buffer_append_text(buffer, "null");
}

void json_put_count(struct buffer *buffer, const char *name, uint64_t value) {
    buffer_print(buffer, ",\"%s\":%llu", name, (unsigned long long)value);
}

void put_grouped(struct buffer *buffer, uint64_t value) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buffer_append_char(buffer, ',');
        buffer_append_char(buffer, digits[i]);
    }
}

enum status output_flush(struct buffer *buffer, struct error *err) {
    if (buffer->failed) {
        buffer_clear(buffer);
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    }
    bool whole =
        fwrite(buffer->data ? buffer->data : "", 1, buffer->length, stdout) == buffer->length;
    buffer_clear(buffer);
    return whole ? STATUS_OK : error_set(err, STATUS_IO, "cannot write standard output");
}

/* One fwrite for each line: lines of several threads do not mix, and where standard error is a pipe
 * each arrives whole. */
static void output_write(void *context, enum log_level level, const char *line) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    const struct output *output = context;
    char time[32];
    struct buffer text = {0};
    machine_format_time(machine_wall_seconds(), time);
    if (output->json) {
        buffer_print(&text, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time, names[level]);
        json_put_string(&text, line, strlen(line));
        buffer_append_text(&text, "}\n");
    } else {
        buffer_print(&text, "%s%s %s: %s\n", output->bar ? "\r\x1b[K" : "", time, names[level],
                     line);
    }
    if (!text.failed)
        fwrite(text.data, 1, text.length, stderr);
    buffer_clear(&text);
}

struct logger output_logger(struct output *output, enum log_level min) {
    return (struct logger){output_write, output, min};
}
