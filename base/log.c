#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void log_line(const struct logger *logger, enum log_level level, const char *format, ...) {
    if (!logger || !logger->write || level < logger->min)
        return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    logger->write(logger->context, level, line);
}
