/* A fresh folder for one test, removed with everything in it. */
#ifndef VECMILL_TESTS_TEMPORARY_H
#define VECMILL_TESTS_TEMPORARY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"

/* cmocka setup and teardown: *state is the folder's path. */
static inline int temporary_setup(void **state) {
    const char *root = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/vecmill-test-XXXXXX", root ? root : "/tmp");
    *state = mkdtemp(path) ? strdup(path) : NULL;
    return *state ? 0 : -1;
}

static inline int temporary_teardown(void **state) {
    struct error err = {0};
    enum status status = path_remove(*state, &err);
    free(*state);
    return status == STATUS_OK ? 0 : -1;
}

/* folder/name in a buffer that the caller frees. */
static inline char *temporary_path(void **state, const char *name) {
    char *path = path_join(*state, name);
    assert_non_null(path);
    return path;
}

#endif
