/* Put before every source by scripts/check-tidy: tells the analyzer, which sees one file at a time,
 * what base/error.h promises: an error that is set stays, holds what it was told, and the caller
 * gets it back. */
#ifndef VECMILL_TESTS_TIDY_MODEL_H
#define VECMILL_TESTS_TIDY_MODEL_H

#include "base/error.h"

static inline enum status tidy_error(struct error *err, enum status status) {
    if (err && err->status == STATUS_OK)
        err->status = status;
    return status;
}

#define error_set(err, status, ...) \
    (status_ignore((error_set)(NULL, status, __VA_ARGS__)), tidy_error(err, status))
#define error_set_key(err, status, ...) \
    (status_ignore((error_set_key)(NULL, status, __VA_ARGS__)), tidy_error(err, status))
#define error_set_errno(err, ...) \
    (status_ignore((error_set_errno)(NULL, __VA_ARGS__)), tidy_error(err, STATUS_IO))

#endif
