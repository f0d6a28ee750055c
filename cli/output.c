#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/machine.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "server/access/access.h"

bool output_is_terminal(int fd) {
    return isatty(fd) == 1;
}

void json_put_string(struct buffer *buffer, const char *text, size_t length) {
    struct buffer valid = {0};
    utf8_append_valid(&valid, text, length);
    buffer_append_char(buffer, '"');
    const char *at = valid.data, *end = at ? at + valid.length : at;
    for (size_t skip, n; at < end; at += n) {
        uint32_t c;
        n = utf8_decode(at, end, &c, &skip);
        if (c == '"' || c == '\\')
            buffer_append_char(buffer, '\\');
        if (log_is_control(c))
            buffer_print(buffer, "\\u%04x", (unsigned)c);
        else
            buffer_append(buffer, at, n);
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

static void put_field(struct buffer *text, const struct log_field *field) {
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        if (field->text && field->text[0] != '\0') {
            buffer_print(text, ",\"%s\":", field->name);
            json_put_string(text, field->text, strlen(field->text));
        }
        return;
    case LOG_FIELD_COUNT:
        json_put_count(text, field->name, field->count);
        return;
    case LOG_FIELD_REAL:
        json_put_number(text, field->name, field->real);
        return;
    }
}

/* One fwrite for each line: lines of several threads do not mix, and where standard error is a pipe
 * each arrives whole. */
static void output_write(void *context, enum log_level level, const struct log_entry *entry) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    const struct output *output = context;
    char time[32];
    struct buffer text = {0};
    machine_format_time(machine_wall_seconds(), time);
    if (output->json) {
        buffer_print(&text, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time, names[level]);
        json_put_string(&text, entry->message, strlen(entry->message));
        for (size_t i = 0; i < entry->n_fields; i++)
            put_field(&text, &entry->fields[i]);
        buffer_append_text(&text, "}\n");
    } else {
        buffer_print(&text, "%s%s %s: %s\n", output->bar ? "\r\x1b[K" : "", time, names[level],
                     entry->line);
    }
    if (!text.failed) {
        key_redact(text.data); /* wherever a client put one: paths, names, errors that quote them */
        fwrite(text.data, 1, text.length, stderr);
    }
    buffer_clear(&text);
}

struct logger output_logger(struct output *output, enum log_level min) {
    return (struct logger){.context = output, .min = min, .write_entry = output_write};
}
