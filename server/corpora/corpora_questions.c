/* Sets of questions beside a corpus: data/corpora/<corpus>/questions/<name>. A set is replaced
 * whole; a job hard-links the one it begins with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "embedding/session.h"
#include "server/access/access.h"
#include "server/corpora/corpora_private.h"
#include "server/corpora/question_sets.h"
#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/http/parameters.h"

/* What a set holds, as far as its text tells. */
struct questions_info {
    const char *set;
    uint64_t questions, unread;
};

/* ---- what a set is --------------------------------------------------------------------------- */

/* Questions are read by asking them; a model of one word answers none of them. */
static enum status smallest_model(const struct kernel *kernel, struct model **model,
                                  struct error *err) {
    static const uint64_t offsets[] = {0, 1}, counts[] = {1};
    static const struct model_info info = {.name = "questions"};
    struct vocabulary *vocabulary = NULL;
    struct table *table = NULL;
    enum status status = vocabulary_create(&vocabulary, 1, "\x01", offsets, counts, err);
    if (status == STATUS_OK)
        status = table_create(&table, 1, 1, 1, PARTITION_MOD, err);
    if (status != STATUS_OK) {
        vocabulary_free(vocabulary);
        return status;
    }
    return model_create(model, vocabulary, table, NULL, &info, kernel, err);
}

static enum status questions_read(const struct kernel *kernel, const struct http_request *request,
                                  struct questions_info *info, struct error *err) {
    struct model *model = NULL;
    const char *text = request->body;
    size_t length = request->body_length;
    if (!text || length == 0)
        return error_set(err, STATUS_REFUSED, "the question file is empty: send it as the body");
    enum status status = smallest_model(kernel, &model, err);
    if (status != STATUS_OK)
        return status;
    if (evaluate_is_sessions(text, length)) {
        const struct session_options options = SESSION_OPTIONS;
        struct next_item_report report = {0};
        status = evaluate_next_item(model, text, length, &options, NULL, 1, WORD_CASE_EXACT, 1,
                                    request_stop(request), &report, err);
        *info = (struct questions_info){.set = "next-item", .questions = report.sessions};
    } else if (evaluate_is_analogies(text, length)) {
        struct analogy_report report = {0};
        status = evaluate_analogies(model, text, length, 0, ANALOGY_ADD, WORD_CASE_EXACT, 1, NULL,
                                    &report, err);
        *info = (struct questions_info){.set = "analogies",
                                        .questions = report.answered + report.skipped,
                                        .unread = report.notes.unread};
        analogy_report_clear(&report);
    } else {
        struct similarity_report report = {0};
        status = evaluate_similarity(model, text, length, WORD_CASE_EXACT, NULL, &report, err);
        *info = (struct questions_info){
            .set = "similarity", .questions = report.pairs, .unread = report.notes.unread};
    }
    model_drop(model);
    return status;
}

/* ---- beside a corpus ------------------------------------------------------------------------- */

/* Both names are good, and there is such a corpus. */
static enum status names_check(struct corpora *corpora, const char *corpus, const char *name,
                               struct error *err) {
    struct corpus_info info;
    enum status status = corpora_find(corpora, corpus, &info, err);
    if (status == STATUS_OK && name)
        status = name_check("questions", name, err);
    if (status == STATUS_OK && name && strcmp(name, "none") == 0)
        status = error_set_key(err, STATUS_REFUSED, "questions",
                               "questions cannot be called 'none', which stands for no questions");
    return status;
}

static enum status set_missing(const struct corpora *corpora, const char *corpus, const char *name,
                               struct error *err) {
    struct question_list list = {0};
    struct error ignored = {0};
    status_ignore(sets_list(corpora, corpus, &list, &ignored));
    enum status status = error_set_key(
        err, STATUS_NOT_FOUND, "questions",
        "no questions '%s' beside corpus '%s'; there are: %.200s. PUT /v1/corpora/%s/questions/%s "
        "stores some",
        name, corpus, list.sets > 0 && list.names.data ? list.names.data : "none", corpus, name);
    buffer_clear(&list.names);
    return status;
}

/* Locked: a place for one more, unless it takes another one's. */
static enum status place_check(const struct corpora *corpora, const char *corpus, const char *path,
                               struct error *err) {
    struct question_list list = {0};
    enum status status = file_exists(path) ? STATUS_OK : sets_list(corpora, corpus, &list, err);
    buffer_clear(&list.names);
    if (status == STATUS_OK && list.sets >= (uint64_t)corpora->settings->max_questions)
        status = error_set_key(err, STATUS_REFUSED, "max_questions",
                               "corpus '%s' has %llu sets of questions: max_questions is %lld",
                               corpus, (unsigned long long)list.sets,
                               (long long)corpora->settings->max_questions);
    return status;
}

static enum status questions_store(struct corpora *corpora, const char *corpus, const char *name,
                                   const struct http_request *request, struct error *err) {
    enum status status = names_check(corpora, corpus, name, err);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&corpora->mutex);
    char *folder = questions_path(corpora, corpus, NULL),
         *path = questions_path(corpora, corpus, name);
    if (!folder || !path)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to store questions");
    if (status == STATUS_OK)
        status = place_check(corpora, corpus, path, err);
    if (status == STATUS_OK)
        status = folder_add(folder, err);
    if (status == STATUS_OK)
        status = file_replace(path, request->body, request->body_length, err);
    pthread_mutex_unlock(&corpora->mutex);
    free(folder);
    free(path);
    return status;
}

/* Sets count as what the corpus is made of: for the key that owns it. Others need room of their own
 * for what they put there. */
static enum status questions_take(struct corpora *corpora, const struct http_request *request,
                                  struct byte_quota *quota, struct error *err) {
    const char *corpus = request->segments[0], *name = request->segments[1];
    uint64_t length = request->body_length, before = 0;
    struct corpus_info info;
    enum status status = corpora_find(corpora, corpus, &info, err);
    if (status != STATUS_OK)
        return status;
    quota_begin(quota, request->access, request->key, NULL);
    if (strcmp(info.owner, key_owner(request->key)) == 0) {
        pthread_mutex_lock(&corpora->mutex);
        (void)questions_bytes(corpora, corpus, name, &before);
        pthread_mutex_unlock(&corpora->mutex);
    }
    status = quota_take(quota, length > before ? length - before : 0, err);
    if (status == STATUS_OK)
        status = corpora_room(corpora, length, "the set of questions", err);
    return status;
}

enum status corpora_link_questions(struct corpora *corpora, const char *corpus, const char *name,
                                   const char *path, struct error *err) {
    enum status status = names_check(corpora, corpus, name, err);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&corpora->mutex);
    char *set = questions_path(corpora, corpus, name);
    if (!set)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to link questions");
    else if (!file_exists(set))
        status = set_missing(corpora, corpus, name, err);
    else if (path)
        status = path_link(set, path, err);
    pthread_mutex_unlock(&corpora->mutex);
    free(set);
    return status;
}

/* ---- routes ---------------------------------------------------------------------------------- */

void corpora_questions_list(struct server *server, const struct http_request *request,
                            struct http_response *response) {
    struct error err = {0};
    struct question_list list = {.data = json_array()};
    enum status status = names_check(server->corpora, request->segments[0], NULL, &err);
    if (status == STATUS_OK) {
        pthread_mutex_lock(&server->corpora->mutex);
        status = sets_list(server->corpora, request->segments[0], &list, &err);
        pthread_mutex_unlock(&server->corpora->mutex);
    }
    buffer_clear(&list.names);
    if (status == STATUS_OK)
        response_json(response, 200, json_pack("{s:s, s:O}", "object", "list", "data", list.data));
    else
        response_error(request, response, 0, &err);
    json_decref(list.data);
}

void corpora_questions_put(struct server *server, const struct http_request *request,
                           struct http_response *response) {
    struct error err = {0};
    struct questions_info info = {0};
    struct byte_quota quota = {0};
    const char *corpus = request->segments[0], *name = request->segments[1];
    enum status status = names_check(server->corpora, corpus, name, &err);
    if (status == STATUS_OK)
        status = questions_take(server->corpora, request, &quota, &err);
    if (status == STATUS_OK)
        status = questions_read(server->kernel, request, &info, &err);
    if (status == STATUS_OK)
        status = questions_store(server->corpora, corpus, name, request, &err);
    quota_end(&quota, status == STATUS_OK);
    if (status != STATUS_OK) {
        response_error(request, response, 0, &err);
        return;
    }
    response_json(response, 201,
                  json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "corpus", corpus, "name", name, "set",
                            info.set, "questions", (json_int_t)info.questions, "unread",
                            (json_int_t)info.unread, "bytes", (json_int_t)request->body_length));
    audit(&server->logger, "questions_stored", key_owner(request->key), request->id,
          "corpus=%s questions=%s bytes=%zu", corpus, name, request->body_length);
    response_header(response, "Location", "/v1/corpora/%s/questions/%s", corpus, name);
}

void corpora_questions_get(struct server *server, const struct http_request *request,
                           struct http_response *response) {
    struct error err = {0};
    struct buffer text = {0};
    char *bytes = NULL, *path = NULL;
    size_t length = 0;
    const char *corpus = request->segments[0], *name = request->segments[1];
    enum status status = names_check(server->corpora, corpus, name, &err);
    if (status == STATUS_OK && !(path = questions_path(server->corpora, corpus, name)))
        status = error_set(&err, STATUS_NO_MEMORY, "out of memory to read questions");
    if (status == STATUS_OK && !file_exists(path))
        status = set_missing(server->corpora, corpus, name, &err);
    if (status == STATUS_OK)
        status =
            file_read(path, (size_t)server->settings.max_evaluation_bytes, &bytes, &length, &err);
    if (status == STATUS_OK) {
        buffer_append(&text, bytes, length);
        response_bytes(response, 200, "text/plain; charset=utf-8", &text);
    } else {
        response_error(request, response, 0, &err);
    }
    buffer_clear(&text);
    free(bytes);
    free(path);
}

void corpora_questions_delete(struct server *server, const struct http_request *request,
                              struct http_response *response) {
    struct error err = {0};
    struct corpora *corpora = server->corpora;
    char *path = NULL;
    const char *corpus = request->segments[0], *name = request->segments[1];
    enum status status = names_check(corpora, corpus, name, &err);
    if (status == STATUS_OK) {
        pthread_mutex_lock(&corpora->mutex);
        path = questions_path(corpora, corpus, name);
        status = !path ? error_set(&err, STATUS_NO_MEMORY, "out of memory to delete questions")
                 : !file_exists(path) ? set_missing(corpora, corpus, name, &err)
                                      : path_remove(path, &err);
        pthread_mutex_unlock(&corpora->mutex);
    }
    free(path);
    if (status != STATUS_OK) {
        response_error(request, response, 0, &err);
        return;
    }
    audit(&server->logger, "questions_deleted", key_owner(request->key), request->id,
          "corpus=%s questions=%s", corpus, name);
    response->status = 204;
}
