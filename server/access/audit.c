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
    log_line(&always, LOG_INFO, "audit event=%s key=%s request=%s%s%s", event,
             key[0] != '\0' ? key : "-", request[0] != '\0' ? request : "-",
             text[0] != '\0' ? " " : "", text);
}
