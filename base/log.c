#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* What moves the cursor, ends a line for some reader, or changes the order of what is shown. */
static bool is_control(uint32_t c) {
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
        } else if (is_control(c)) {
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

void log_line(const struct logger *logger, enum log_level level, const char *format, ...) {
    if (!logger || !logger->write || level < logger->min)
        return;
    char text[1024], line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)log_escape(text, line, sizeof line);
    logger->write(logger->context, level, line);
}
