#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

bool log_is_control(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

size_t log_escape(const char *text, char *line, size_t size) {
    const char *end = text + strlen(text);
    size_t used = 0;
    while (text < end) {
        char piece[16];
        uint32_t c;
        size_t skip, n = utf8_decode(text, end, &c, &skip), length = n;
        if (n == 0) {
            n = 1;
            length = (size_t)snprintf(piece, sizeof piece, "\\x%02x", (unsigned char)*text);
        } else if (log_is_control(c)) {
            length = (size_t)snprintf(piece, sizeof piece, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
        } else {
            memcpy(piece, text, n);
        }
        if (used + length >= size)
            break;
        memcpy(line + used, piece, length);
        used += length;
        text += n;
    }
    line[used] = '\0';
    return used;
}

#define TEXT_SIZE 1024 /* of a line; what is longer is cut */

static __attribute__((format(printf, 6, 0))) void
write_line(const struct logger *logger, enum log_level level, const struct log_field *fields,
           size_t n, const char *message, const char *format, va_list arguments) {
    char text[TEXT_SIZE], line[2 * TEXT_SIZE];
    vsnprintf(text, sizeof text, format, arguments);
    (void)log_escape(text, line, sizeof line);
    if (logger->write_entry) {
        struct log_entry entry = {line, message ? message : line, fields, n};
        logger->write_entry(logger->context, level, &entry);
    } else {
        logger->write(logger->context, level, line);
    }
}

static bool is_wanted(const struct logger *logger, enum log_level level) {
    return logger && (logger->write || logger->write_entry) && level >= logger->min;
}

void log_line(const struct logger *logger, enum log_level level, const char *format, ...) {
    va_list arguments;
    if (!is_wanted(logger, level))
        return;
    va_start(arguments, format);
    write_line(logger, level, NULL, 0, NULL, format, arguments);
    va_end(arguments);
}

void log_line_with(const struct logger *logger, enum log_level level,
                   const struct log_field *fields, size_t n, const char *message,
                   const char *format, ...) {
    va_list arguments;
    if (!is_wanted(logger, level))
        return;
    va_start(arguments, format);
    write_line(logger, level, fields, n, message, format, arguments);
    va_end(arguments);
}

void log_about(const struct logger *logger, enum log_level level, const char *what,
               const char *name, const char *format, ...) {
    const struct log_field field = {.name = what, .kind = LOG_FIELD_TEXT, .text = name};
    va_list arguments;
    if (!is_wanted(logger, level))
        return;
    va_start(arguments, format);
    write_line(logger, level, &field, 1, NULL, format, arguments);
    va_end(arguments);
}
