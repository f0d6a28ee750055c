/* Failure is a value: every call that can fail returns an enum status and leaves one line of text
 * in the caller's struct error. The first failure wins: error_set on an error that is already set
 * changes nothing. */
#ifndef VECMILL_BASE_ERROR_H
#define VECMILL_BASE_ERROR_H

#include <stddef.h>

/* One row per status: enumerator, name used in logs and reports. */
#define STATUS_ROWS(ROW)                                                        \
    ROW(OK, "ok")                                                               \
    ROW(MALFORMED, "malformed") /* bytes that are not what they claim to be */  \
    ROW(REFUSED, "refused")     /* well-formed, but out of bounds or unknown */ \
    ROW(NOT_FOUND, "not_found")                                                 \
    ROW(UNAUTHORIZED, "unauthorized") /* a key is needed, or it is not one */   \
    ROW(FORBIDDEN, "forbidden")       /* the key does not allow it */           \
    ROW(CONFLICT, "conflict")         /* exists already, or is in use */        \
    ROW(TOO_LARGE, "too_large")       /* over a limit that is a setting */      \
    ROW(UNSUPPORTED, "unsupported")                                             \
    ROW(NO_MEMORY, "no_memory")                                                 \
    ROW(DISK_FULL, "disk_full")                                                 \
    ROW(IO, "io")                                                               \
    ROW(CORRUPT, "corrupt") /* a file of ours that fails its checks */          \
    ROW(CANCELLED, "cancelled")                                                 \
    ROW(PAUSED, "paused")     /* stopped at a checkpoint, can go on */          \
    ROW(DIVERGED, "diverged") /* a NaN or Inf in training */                    \
    ROW(BUSY, "busy")         /* try again later */                             \
    ROW(INTERNAL, "internal")

#define STATUS_ENUM(name, text) STATUS_##name,
enum status { STATUS_ROWS(STATUS_ENUM) STATUS_COUNT };
#undef STATUS_ENUM

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))

/* Lives on the caller's stack, initialised with `struct error err = {0};`. */
struct error {
    enum status status;
    char key[64];   /* the setting, field or header at fault, a JSON pointer over HTTP; or empty */
    char text[512]; /* no capital, no full stop, the subject quoted; cut when it is too long */
};

/* Sets err unless it is set already; returns status so that `return error_set(err, ...)` reads
 * well. err may be NULL. */
enum status error_set(struct error *err, enum status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The same, naming the key at fault. */
enum status error_set_key(struct error *err, enum status status, const char *key,
                          const char *format, ...) PRINTF_LIKE(4, 5);
/* The same for a failed system call: the text is "<format>: <strerror of errnum>"; the status is
 * DISK_FULL for ENOSPC and EDQUOT, NOT_FOUND for ENOENT, NO_MEMORY for ENOMEM, else IO. */
enum status error_set_errno(struct error *err, int errnum, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Says that a failure may pass: the caller goes on without, and a comment there says why. */
static inline void status_ignore(enum status status) {
    (void)status;
}
/* Forgets what err holds, so that it can be used again. */
void error_clear(struct error *err);
/* The name in STATUS_ROWS, such as "not_found". */
const char *status_name(enum status status);

#endif
