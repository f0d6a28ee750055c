/* The parts of the service on a temporary data folder, without a socket: settings, a log that is
 * kept, corpora and models; and requests and answers as handlers see them. */
#ifndef VECMILL_TESTS_PARTS_H
#define VECMILL_TESTS_PARTS_H

#include "tests/support/temporary.h"

#include <pthread.h>

#include "base/digest.h"
#include "base/machine.h"
#include "kernel/kernel.h"
#include "server/corpora/corpora_private.h"
#include "server/http/context.h"
#include "server/http/http_private.h"

struct parts {
    struct server server; /* settings, logger and the parts that are open */
    pthread_mutex_t mutex;
    struct buffer log; /* every line, with a newline */
};

static inline void parts_log(void *context, enum log_level level, const char *line) {
    struct parts *parts = context;
    (void)level;
    pthread_mutex_lock(&parts->mutex);
    buffer_print(&parts->log, "%s\n", line);
    pthread_mutex_unlock(&parts->mutex);
}

static inline void parts_init(struct parts *parts, void **state) {
    *parts = (struct parts){.mutex = PTHREAD_MUTEX_INITIALIZER};
    json_setup();
    settings_init(&parts->server.settings);
    snprintf(parts->server.settings.data, sizeof parts->server.settings.data, "%s",
             (const char *)*state);
    parts->server.settings.reserve_disk = 0;
    parts->server.logger = (struct logger){.write = parts_log, .context = parts, .min = LOG_DEBUG};
}

static inline void parts_clear(struct parts *parts) {
    buffer_clear(&parts->log);
    pthread_mutex_destroy(&parts->mutex);
}

/* Whether the log holds the text. */
static inline bool parts_logged(struct parts *parts, const char *text) {
    pthread_mutex_lock(&parts->mutex);
    bool there = parts->log.data && strstr(parts->log.data, text);
    pthread_mutex_unlock(&parts->mutex);
    return there;
}

static inline void assert_error(const struct error *err, enum status wanted, const char *key,
                                const char *text) {
    if (err->status != wanted || strcmp(err->key, key) != 0 || !strstr(err->text, text))
        fail_msg("wanted status %d, key '%s', '%s'; got %d, '%s', '%s'", (int)wanted, key, text,
                 (int)err->status, err->key, err->text);
}

/* A file under the data folder. */
static inline void put_file(void **state, const char *name, const char *text) {
    struct error err = {0};
    char *path = temporary_path(state, name);
    assert_int_equal(file_replace(path, text, strlen(text), &err), STATUS_OK);
    free(path);
}

static inline void make_folder(void **state, const char *name) {
    struct error err = {0};
    char *path = temporary_path(state, name);
    assert_int_equal(folder_create(path, &err), STATUS_OK);
    free(path);
}

/* Its text, which the caller frees. */
static inline char *get_file(void **state, const char *name) {
    struct error err = {0};
    char *path = temporary_path(state, name), *text = NULL;
    size_t length;
    if (file_read(path, (size_t)1 << 24, &text, &length, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    free(path);
    return text;
}

static inline bool is_there(void **state, const char *name) {
    char *path = temporary_path(state, name);
    bool there = file_exists(path);
    free(path);
    return there;
}

static inline enum status count_entry(void *context, const char *name, struct error *err) {
    (void)name;
    (void)err;
    ++*(size_t *)context;
    return STATUS_OK;
}

/* Entries of a folder; 0 when it is missing. */
static inline size_t count_entries(void **state, const char *name) {
    struct error err = {0};
    size_t n = 0;
    char *path = temporary_path(state, name);
    if (file_exists(path))
        assert_int_equal(folder_visit(path, count_entry, &n, &err), STATUS_OK);
    free(path);
    return n;
}

/* Puts a text as the content of a corpus. */
static inline enum status put_corpus(struct corpora *corpora, const char *name, const char *text,
                                     const char *key, struct corpus_info *answer, bool *replayed,
                                     struct error *err) {
    struct corpus_info info = {.bytes = strlen(text), .created = 1700000000.5, .format = "text"};
    struct digest *digest = NULL;
    char file[64];
    assert_true(strlen(name) < sizeof info.name);
    memcpy(info.name, name, strlen(name) + 1);
    assert_int_equal(record_id_create(info.id, err), STATUS_OK);
    assert_int_equal(digest_create(&digest, err), STATUS_OK);
    digest_add(digest, text, strlen(text));
    digest_text(digest, info.digest);
    digest_free(digest);
    snprintf(file, sizeof file, "%s%s.corpus", FILE_TEMPORARY_PREFIX, info.id);
    char *staged = path_join(corpora->folder, file);
    assert_non_null(staged);
    assert_int_equal(file_replace(staged, text, strlen(text), err), STATUS_OK);
    enum status status = corpora_switch(corpora, &info, key, staged, answer, replayed, err);
    if (status != STATUS_OK || *replayed) {
        struct error ignored = {0};
        status_ignore(path_remove(staged, &ignored));
    }
    free(staged);
    return status;
}

/* A request as the handlers see it. */
struct call {
    struct exchange exchange;
    struct http_response response;
};

static inline void call_init(struct call *call, const char *segment) {
    *call = (struct call){.exchange = {.content_length = -1}};
    call->exchange.request = (struct http_request){.method = "GET",
                                                   .path = "/",
                                                   .segments = {segment},
                                                   .n_segments = 1,
                                                   .connection = &call->exchange};
    response_init(&call->response);
}

static inline void call_header(struct call *call, const char *name, const char *value) {
    call->exchange.headers[call->exchange.n_headers++] = (struct header){name, value};
}

/* Asserts status and a part of the answer's text. */
static inline void assert_answer(const struct call *call, int wanted, const char *part) {
    const char *text = call->response.body.data ? call->response.body.data : "";
    if (call->response.status != wanted || !strstr(text, part))
        fail_msg("wanted %d with '%s', got %d: %s", wanted, part, call->response.status, text);
}

#endif
