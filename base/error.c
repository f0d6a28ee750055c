#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void error_fill(struct error *err, enum status status, const char *key, const char *format,
                       va_list arguments) PRINTF_LIKE(4, 0);

static void error_fill(struct error *err, enum status status, const char *key, const char *format,
                       va_list arguments) {
    err->status = status;
    snprintf(err->key, sizeof err->key, "%s", key);
    vsnprintf(err->text, sizeof err->text, format, arguments);
}

static int error_is_open(const struct error *err) {
    return err && err->status == STATUS_OK;
}

enum status error_set(struct error *err, enum status status, const char *format, ...) {
    if (error_is_open(err)) {
        va_list arguments;
        va_start(arguments, format);
        error_fill(err, status, "", format, arguments);
        va_end(arguments);
    }
    return status;
}

enum status error_set_key(struct error *err, enum status status, const char *key,
                          const char *format, ...) {
    if (error_is_open(err)) {
        va_list arguments;
        va_start(arguments, format);
        error_fill(err, status, key, format, arguments);
        va_end(arguments);
    }
    return status;
}

static enum status status_of_errno(int errnum) {
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return STATUS_DISK_FULL;
    case ENOENT:
        return STATUS_NOT_FOUND;
    case ENOMEM:
        return STATUS_NO_MEMORY;
    default:
        return STATUS_IO;
    }
}

enum status error_set_errno(struct error *err, int errnum, const char *format, ...) {
    enum status status = status_of_errno(errnum);
    if (!error_is_open(err))
        return status;
    va_list arguments;
    va_start(arguments, format);
    error_fill(err, status, "", format, arguments);
    va_end(arguments);
    char reason[128];
    const char *text = strerror_r(errnum, reason, sizeof reason);
    /* Only a capital that opens a word is lowered: "Permission denied", but not "RFS specific
     * error". */
    char first = text[0];
    if (first && islower((unsigned char)text[1]))
        first = (char)tolower((unsigned char)first);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %c%s", first, first ? text + 1 : "");
    return status;
}

void error_clear(struct error *err) {
    *err = (struct error){0};
}

const char *status_name(enum status status) {
#define STATUS_TEXT(name, text) text,
    static const char *const names[] = {STATUS_ROWS(STATUS_TEXT)};
#undef STATUS_TEXT
    return (unsigned)status < STATUS_COUNT ? names[status] : "unknown";
}
