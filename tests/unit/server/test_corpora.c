/* The catalogue of corpora on disk: insertion, replacement, deletion, restart, damage, limits. */
#include "tests/support/parts.h"

#include "server/corpora/corpora_report.h"

static struct corpora *open_corpora(struct parts *parts) {
    struct error err = {0};
    struct corpora *corpora = NULL;
    if (corpora_open(&corpora, &parts->server.settings, &parts->server.logger, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return corpora;
}

static struct corpus_info put(struct corpora *corpora, const char *name, const char *text) {
    struct error err = {0};
    struct corpus_info answer = {0};
    bool replayed = true;
    assert_int_equal(put_corpus(corpora, name, text, NULL, &answer, &replayed, &err), STATUS_OK);
    assert_false(replayed);
    return answer;
}

/* The content of a corpus, by way of a link. */
static void assert_content(void **state, struct corpora *corpora, const char *name,
                           const char *text) {
    struct error err = {0};
    struct corpus_info info = {0};
    char *path = temporary_path(state, "link");
    assert_int_equal(path_remove(path, &err), STATUS_OK);
    assert_int_equal(corpora_link(corpora, name, path, &info, &err), STATUS_OK);
    char *stored = get_file(state, "link");
    assert_string_equal(stored, text);
    assert_int_equal(info.bytes, strlen(text));
    free(stored);
    free(path);
}

static void corpora_are_inserted_and_found(void **state) {
    struct parts parts;
    struct error err = {0};
    struct corpus_info info = {0};
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    put(corpora, "news", "a b c\n");
    put(corpora, "books", "d e\n");
    put(corpora, "zoo", "f\n");
    assert_int_equal(corpora_find(corpora, "books", &info, &err), STATUS_OK);
    assert_string_equal(info.name, "books");
    assert_int_equal(info.bytes, 4);
    assert_string_equal(info.format, "text");
    assert_false(info.scanned);
    assert_content(state, corpora, "news", "a b c\n");
    assert_content(state, corpora, "books", "d e\n");
    json_t *list = corpora_documents(corpora, NULL);
    static const char *const sorted[] = {"books", "news", "zoo"};
    assert_int_equal(json_array_size(list), 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(list, i), "name")),
                            sorted[i]);
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "report")));
    json_decref(list);
    corpora_close(corpora);
    parts_clear(&parts);
}

static void a_new_content_replaces_the_old_one(void **state) {
    struct parts parts;
    struct error err = {0};
    struct corpus_info info = {0};
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    put(corpora, "news", "old content\n");
    char *kept = temporary_path(state, "kept");
    assert_int_equal(corpora_link(corpora, "news", kept, &info, &err), STATUS_OK);
    put(corpora, "news", "new\n");
    assert_content(state, corpora, "news", "new\n");
    /* meta.json and one content; a job that linked the old one keeps it. */
    assert_int_equal(count_entries(state, "corpora/news"), 2);
    char *text = get_file(state, "kept");
    assert_string_equal(text, "old content\n");
    free(text);
    free(kept);
    /* What is not there cannot become the content: the old one stays. */
    struct corpus_info wanted = info, answer;
    bool replayed;
    memset(wanted.id, 'a', sizeof wanted.id - 1);
    assert_int_not_equal(
        corpora_switch(corpora, &wanted, NULL, "/nonexistent/staged", &answer, &replayed, &err),
        STATUS_OK);
    assert_content(state, corpora, "news", "new\n");
    memcpy(wanted.name, "fresh", 6);
    error_clear(&err);
    assert_int_not_equal(
        corpora_switch(corpora, &wanted, NULL, "/nonexistent/staged", &answer, &replayed, &err),
        STATUS_OK);
    assert_false(is_there(state, "corpora/fresh"));
    corpora_close(corpora);
    parts_clear(&parts);
}

static bool needs_news(void *context, const char *name) {
    ++*(int *)context;
    return strcmp(name, "news") == 0;
}

static void deletion_is_refused_while_it_is_needed(void **state) {
    struct parts parts;
    struct error err = {0};
    struct corpus_info info;
    int asked = 0;
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    put(corpora, "news", "a\n");
    put(corpora, "books", "b\n");
    corpora_set_needed(corpora, needs_news, &asked);
    assert_int_equal(corpora_remove(corpora, "news", &err), STATUS_CONFLICT);
    assert_error(&err, STATUS_CONFLICT, "corpus",
                 "corpus 'news' is needed by a job that has not ended");
    error_clear(&err);
    assert_true(is_there(state, "corpora/news/meta.json"));
    assert_int_equal(corpora_remove(corpora, "books", &err), STATUS_OK);
    assert_int_equal(asked, 2);
    assert_int_equal(count_entries(state, "corpora"), 1);
    assert_int_equal(corpora_find(corpora, "books", &info, &err), STATUS_NOT_FOUND);
    error_clear(&err);
    assert_int_equal(corpora_remove(corpora, "books", &err), STATUS_NOT_FOUND);
    assert_error(&err, STATUS_NOT_FOUND, "corpus", "no corpus 'books'");
    error_clear(&err);
    corpora_set_needed(corpora, NULL, NULL);
    assert_int_equal(corpora_remove(corpora, "news", &err), STATUS_OK);
    assert_int_equal(corpora_remove(corpora, "../x", &err), STATUS_REFUSED);
    corpora_close(corpora);
    parts_clear(&parts);
}

static void routes_tell_what_the_catalogue_says(void **state) {
    struct parts parts;
    struct call call;
    parts_init(&parts, state);
    struct server *server = &parts.server;
    server->corpora = open_corpora(&parts);
    put(server->corpora, "news", "a b\n");
    call_init(&call, "news");
    corpora_get(server, &call.exchange.request, &call.response);
    assert_answer(&call, 200, "{\"name\":\"news\",\"bytes\":4,");
    response_clear(&call.response);
    response_init(&call.response);
    corpora_list(server, &call.exchange.request, &call.response);
    assert_answer(&call, 200, "{\"object\":\"list\",\"data\":[{\"name\":\"news\"");
    response_clear(&call.response);
    response_init(&call.response);
    corpora_delete(server, &call.exchange.request, &call.response);
    assert_answer(&call, 204, "");
    response_clear(&call.response);
    response_init(&call.response);
    corpora_get(server, &call.exchange.request, &call.response);
    assert_answer(&call, 404, "no corpus 'news'");
    response_clear(&call.response);
    corpora_close(server->corpora);
    parts_clear(&parts);
}

static void a_restart_finds_everything_again(void **state) {
    struct parts parts;
    struct error err = {0};
    struct corpus_info answer, info = {0};
    struct corpus_report report = {.bytes = 6, .words = 3, .distinct = 2, .seconds = 0.5};
    bool replayed;
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    assert_int_equal(put_corpus(corpora, "news", "a b a\n", "key-1", &answer, &replayed, &err),
                     STATUS_OK);
    corpora_note_report(corpora, "news", "sha256:of another content", &report);
    assert_int_equal(corpora_find(corpora, "news", &info, &err), STATUS_OK);
    assert_false(info.scanned);
    corpora_note_report(corpora, "news", answer.digest, &report);
    corpora_close(corpora);
    put_file(state, "corpora/news/forgotten.corpus", "of an upload that lost a race");
    put_file(state, "corpora/" FILE_TEMPORARY_PREFIX "0123", "of a crash");

    corpora = open_corpora(&parts);
    assert_true(parts_logged(&parts, "removed 1 unfinished uploads"));
    assert_int_equal(count_entries(state, "corpora/news"), 2);
    assert_content(state, corpora, "news", "a b a\n");
    assert_int_equal(corpora_find(corpora, "news", &info, &err), STATUS_OK);
    assert_string_equal(info.digest, answer.digest);
    assert_string_equal(info.id, answer.id);
    assert_true(info.created == answer.created);
    assert_true(info.scanned);
    assert_int_equal(info.report.words, 3);
    assert_int_equal(info.report.distinct, 2);
    assert_true(info.report.seconds == 0.5);
    /* The key is remembered, too. */
    assert_int_equal(put_corpus(corpora, "news", "a b a\n", "key-1", &info, &replayed, &err),
                     STATUS_OK);
    assert_true(replayed);
    assert_string_equal(info.id, answer.id);
    corpora_close(corpora);
    parts_clear(&parts);
}

static void a_key_is_answered_once(void **state) {
    struct parts parts;
    struct error err = {0};
    struct corpus_info first, again;
    bool replayed;
    char key[32];
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    assert_int_equal(put_corpus(corpora, "news", "one\n", "first", &first, &replayed, &err),
                     STATUS_OK);
    put(corpora, "news", "two\n"); /* without a key: does not forget those before */
    assert_int_equal(put_corpus(corpora, "news", "one\n", "first", &again, &replayed, &err),
                     STATUS_OK);
    assert_true(replayed);
    assert_string_equal(again.id, first.id);
    assert_content(state, corpora, "news", "two\n"); /* a replay changes nothing */
    assert_int_equal(put_corpus(corpora, "news", "other\n", "first", &again, &replayed, &err),
                     STATUS_REFUSED);
    assert_error(&err, STATUS_REFUSED, "Idempotency-Key",
                 "Idempotency-Key 'first' was used before with another content");
    error_clear(&err);
    for (int i = 0; i < CORPUS_KEYS; i++) { /* the oldest is pushed out */
        snprintf(key, sizeof key, "key-%d", i);
        assert_int_equal(put_corpus(corpora, "news", "three\n", key, &again, &replayed, &err),
                         STATUS_OK);
        assert_false(replayed);
    }
    assert_int_equal(put_corpus(corpora, "news", "three\n", "key-0", &again, &replayed, &err),
                     STATUS_OK);
    assert_true(replayed);
    assert_int_equal(put_corpus(corpora, "news", "other\n", "first", &again, &replayed, &err),
                     STATUS_OK);
    assert_false(replayed);
    corpora_close(corpora);
    parts_clear(&parts);
}

static void damaged_records_are_set_aside(void **state) {
    static const char *const metas[][2] = {
        {"m1", "no JSON"},
        {"m2", "{}"},
        {"m3", "{\"id\":\"0123456789abcdef0123456789ABCDEF\",\"digest\":\"sha256:0\","
               "\"format\":\"text\",\"bytes\":1,\"altered\":0,\"created\":1}"},
        {"m4", "{\"id\":\"0123456789abcdef0123456789abcdef\",\"digest\":\"sha256:0\","
               "\"format\":\"odd\",\"bytes\":1,\"altered\":0,\"created\":1}"},
        {"m5", "{\"id\":\"0123456789abcdef0123456789abcdef\",\"digest\":\"sha256:0\","
               "\"format\":\"text\",\"bytes\":1,\"altered\":0,\"created\":1}"}, /* no content */
    };
    struct parts parts;
    struct error err = {0};
    char name[64];
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    put(corpora, "good", "a\n");
    struct corpus_info cut = put(corpora, "cut", "a b c\n");
    corpora_close(corpora);
    snprintf(name, sizeof name, "corpora/cut/%s.corpus", cut.id);
    put_file(state, name, "a b");
    for (size_t i = 0; i < sizeof metas / sizeof *metas; i++) {
        snprintf(name, sizeof name, "corpora/%s", metas[i][0]);
        make_folder(state, name);
        snprintf(name, sizeof name, "corpora/%s/meta.json", metas[i][0]);
        put_file(state, name, metas[i][1]);
    }
    make_folder(state, "corpora/unfinished");
    make_folder(state, "corpora/not a name");

    corpora = open_corpora(&parts);
    assert_int_equal(corpora->n, 1);
    assert_content(state, corpora, "good", "a\n");
    assert_int_equal(corpora_find(corpora, "cut", &cut, &err), STATUS_NOT_FOUND);
    assert_int_equal(count_entries(state, "quarantine"), 6);
    assert_true(parts_logged(&parts, "corpus 'cut' is damaged (corpus 'cut' has 3 bytes, its "
                                     "record says 6): moved to "));
    assert_true(parts_logged(&parts, "record of corpus 'm2' does not hold together"));
    assert_false(is_there(state, "corpora/cut"));
    assert_false(is_there(state, "corpora/unfinished"));
    assert_true(is_there(state, "corpora/not a name"));
    assert_true(parts_logged(&parts, "not a name' is not a corpus: left alone"));
    corpora_close(corpora);
    parts_clear(&parts);
}

static void limits_are_told(void **state) {
    struct parts parts;
    struct error err = {0};
    struct corpus_info info;
    parts_init(&parts, state);
    parts.server.settings.max_corpora = 2;
    struct corpora *corpora = open_corpora(&parts);
    put(corpora, "one", "a\n");
    assert_int_equal(corpora_admit(corpora, "two", &err), STATUS_OK);
    put(corpora, "two", "b\n");
    assert_int_equal(corpora_admit(corpora, "three", &err), STATUS_REFUSED);
    assert_error(&err, STATUS_REFUSED, "max_corpora",
                 "there are 2 corpora already: max_corpora is 2");
    error_clear(&err);
    assert_int_equal(corpora_admit(corpora, "two", &err), STATUS_OK); /* replaces */
    assert_int_equal(corpora_admit(corpora, ".hidden", &err), STATUS_REFUSED);
    assert_error(&err, STATUS_REFUSED, "corpus", "corpus must be 1 to 128 letters, digits,");
    error_clear(&err);
    assert_int_equal(corpora_find(corpora, "a/b", &info, &err), STATUS_REFUSED);
    error_clear(&err);
    assert_int_equal(corpora_link(corpora, "none", "/nonexistent/x", &info, &err),
                     STATUS_NOT_FOUND);
    error_clear(&err);
    assert_int_equal(corpora_link(corpora, "one", "/nonexistent/x", &info, &err), STATUS_NOT_FOUND);
    corpora_close(corpora);
    parts_clear(&parts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(corpora_are_inserted_and_found),         TEST(a_new_content_replaces_the_old_one),
        TEST(deletion_is_refused_while_it_is_needed), TEST(routes_tell_what_the_catalogue_says),
        TEST(a_restart_finds_everything_again),       TEST(a_key_is_answered_once),
        TEST(damaged_records_are_set_aside),          TEST(limits_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
