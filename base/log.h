/* Libraries do not print: they hand lines to whoever runs them. */
#ifndef VECMILL_BASE_LOG_H
#define VECMILL_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* What a line is about, for programs that read logs. Names are in lower case with '_', units in
 * them where the name alone does not tell: "seconds", "bytes_out". */
enum log_field_kind { LOG_FIELD_TEXT, LOG_FIELD_COUNT, LOG_FIELD_REAL };
struct log_field {
    const char *name; /* a constant */
    enum log_field_kind kind;
    const char *text; /* of any bytes but NUL, whoever they come from; NULL or "": left out */
    uint64_t count;
    double real;
};

struct log_entry {
    const char *line;    /* all of it in words; escaped, without a newline */
    const char *message; /* what is left to say beside the fields; escaped */
    const struct log_field *fields;
    size_t n_fields;
};

struct logger {
    /* One line without a newline; must be safe to call from any thread. NULL: lines are dropped. */
    void (*write)(void *context, enum log_level level, const char *line);
    void *context;
    enum log_level min; /* lines below are not formatted */
    /* As write, for one that knows what to do with fields. NULL: write gets the line. */
    void (*write_entry)(void *context, enum log_level level, const struct log_entry *entry);
};

/* Does this code point move the cursor, end a line for some reader, or change the order of what is
 * shown? */
bool log_is_control(uint32_t code_point);

/* Copies text, which may come from anybody, so that it is one harmless line on a terminal and for
 * every reader of logs: control characters (C0, DEL, C1), line separators, marks that turn the
 * direction of writing, and bytes that are no UTF-8 become \xHH or \uHHHH. A line that does not fit
 * into size (at least 1) is cut between characters. Returns its length. */
size_t log_escape(const char *text, char *line, size_t size);

/* Formats one line, escapes it as log_escape does, and hands it on, unless its level is below the
 * logger's. logger may be NULL. */
void log_line(const struct logger *logger, enum log_level level, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The same with n fields; fields of the empty text may be among them. message: a constant that
 * stands for the line where fields are written; NULL: the line. */
void log_line_with(const struct logger *logger, enum log_level level,
                   const struct log_field *fields, size_t n, const char *message,
                   const char *format, ...) PRINTF_LIKE(6, 7);
/* A line about one thing, with a field that names it: what = "model", name = "news". */
void log_about(const struct logger *logger, enum log_level level, const char *what,
               const char *name, const char *format, ...) PRINTF_LIKE(5, 6);

#endif
