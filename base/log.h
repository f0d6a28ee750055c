/* Libraries do not print: they hand lines to whoever runs them. */
#ifndef VECMILL_BASE_LOG_H
#define VECMILL_BASE_LOG_H

#include "base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct logger {
    /* One line without a newline; must be safe to call from any thread. NULL: lines are dropped. */
    void (*write)(void *context, enum log_level level, const char *line);
    void *context;
    enum log_level min; /* lines below are not formatted */
};

/* Formats one line and hands it on, unless its level is below the logger's. logger may be NULL. */
void log_line(const struct logger *logger, enum log_level level, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
