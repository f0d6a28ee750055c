/* Libraries do not print: they hand lines to whoever runs them. */
#ifndef VECMILL_BASE_LOG_H
#define VECMILL_BASE_LOG_H

#include <stddef.h>

#include "base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct logger {
    /* One line without a newline; must be safe to call from any thread. NULL: lines are dropped. */
    void (*write)(void *context, enum log_level level, const char *line);
    void *context;
    enum log_level min; /* lines below are not formatted */
};

/* Copies text, which may come from anybody, so that it is one harmless line on a terminal and for
 * every reader of logs: control characters (C0, DEL, C1), line separators, marks that turn the
 * direction of writing, and bytes that are no UTF-8 become \xHH or \uHHHH. A line that does not fit
 * into size (at least 1) is cut between characters. Returns its length. */
size_t log_escape(const char *text, char *line, size_t size);

/* Formats one line, escapes it as log_escape does, and hands it on, unless its level is below the
 * logger's. logger may be NULL. */
void log_line(const struct logger *logger, enum log_level level, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
