/* A fresh folder with a corpus file, a work folder, and shortcuts for the tests of corpus/. */
#ifndef VECMILL_TESTS_CORPUS_FIXTURE_H
#define VECMILL_TESTS_CORPUS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "corpus/corpus_private.h"
#include "tests/support/sanitizer.h"

struct fixture {
    char folder[512], path[528], work[528];
    struct settings settings;
    const struct corpus_scanner *scanner; /* NULL: the fastest */
    atomic_int request;
};

static inline int fixture_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error err = {0};
    const char *root = getenv("TMPDIR");
    snprintf(fixture->folder, sizeof fixture->folder, "%s/vecmill-corpus-XXXXXX",
             !root ? "/tmp" : root);
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/corpus", fixture->folder);
    snprintf(fixture->work, sizeof fixture->work, "%s/work", fixture->folder);
    assert_int_equal(folder_create(fixture->work, &err), STATUS_OK);
    settings_init(&fixture->settings);
    fixture->settings.min_count = 1;
    fixture->settings.max_invalid_share = 1; /* tests of what is no text set it */
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    int status = path_remove(fixture->folder, &err);
    free(fixture);
    return status;
}

static inline void fixture_write(struct fixture *fixture, const void *bytes, size_t length) {
    FILE *file = fopen(fixture->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static inline enum status count_entry(void *context, const char *name, struct error *err) {
    (void)name;
    (void)err;
    ++*(int *)context;
    return STATUS_OK;
}

static inline void assert_work_empty(const struct fixture *fixture) {
    struct error err = {0};
    int entries = 0;
    assert_int_equal(folder_visit(fixture->work, count_entry, &entries, &err), STATUS_OK);
    assert_int_equal(entries, 0);
}

static inline enum status fixture_read(struct fixture *fixture, int threads, struct corpus **corpus,
                                       struct error *err) {
    struct corpus_options options = {.settings = &fixture->settings,
                                     .path = fixture->path,
                                     .work = fixture->work,
                                     .threads = threads,
                                     .request = &fixture->request};
    const struct corpus_scanner *scanner = fixture->scanner;
    return corpus_create_by(corpus, &options, !scanner ? corpus_scanner_fastest() : scanner, err);
}

/* The corpus must be refused, with this status and this in the message, and leave nothing
 * behind. */
static inline void assert_refused(struct fixture *fixture, int threads, enum status expected,
                                  const char *message) {
    struct error err = {0};
    struct corpus *corpus = NULL;
    enum status status = fixture_read(fixture, threads, &corpus, &err);
    if (status != expected || !strstr(err.text, message))
        fail_msg("%s: %s, not %s: %s", status_name(status), err.text, status_name(expected),
                 message);
    assert_null(corpus);
    assert_work_empty(fixture);
}

#endif
