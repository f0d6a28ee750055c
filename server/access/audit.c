#include <stdarg.h>
#include <stdio.h>

#include "server/access/access.h"

void audit(const struct logger *logger, const char *event, const char *key, const char *request,
           const char *format, ...) {
    char text[600];
    struct logger always;
    va_list arguments;
    if (!logger)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    always = *logger;
    always.min = LOG_DEBUG; /* who did what is told at any log_level */
    const struct log_field fields[] = {
        {.name = "event", .kind = LOG_FIELD_TEXT, .text = event},
        {.name = "key", .kind = LOG_FIELD_TEXT, .text = key},
        {.name = "request_id", .kind = LOG_FIELD_TEXT, .text = request},
    };
    log_line_with(&always, LOG_INFO, fields, sizeof fields / sizeof fields[0], NULL,
                  "audit event=%s key=%s request=%s%s%s", event, key[0] != '\0' ? key : "-",
                  request[0] != '\0' ? request : "-", text[0] != '\0' ? " " : "", text);
}
