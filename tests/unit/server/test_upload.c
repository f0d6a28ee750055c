/* Uploads of corpora without a socket: pieces, compression, NDJSON, refusals, limits, replays. */
#include "tests/support/parts.h"

#include <zlib.h>

#include "server/corpora/corpora_upload.h"

static struct corpora *open_corpora(struct parts *parts) {
    struct error err = {0};
    struct corpora *corpora = NULL;
    if (corpora_open(&corpora, &parts->server.settings, &parts->server.logger, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return corpora;
}

/* Uploads `bytes` in pieces of `piece` bytes. */
static enum status upload(struct corpora *corpora, struct call *call, const char *name,
                          const char *bytes, size_t length, size_t piece,
                          struct corpus_info *answer, bool *replayed, struct error *err) {
    struct upload *upload = NULL;
    enum status status = upload_begin(corpora, &call->exchange.request, name, &upload, err);
    if (status != STATUS_OK) {
        assert_null(upload);
        return status;
    }
    for (size_t at = 0; at < length && status == STATUS_OK; at += piece)
        status = upload_push(upload, bytes + at, length - at < piece ? length - at : piece, err);
    if (status == STATUS_OK)
        status = upload_complete(upload, answer, replayed, err);
    upload_free(upload);
    return status;
}

static void assert_content(void **state, const struct corpus_info *info, const char *text) {
    char name[256];
    snprintf(name, sizeof name, "corpora/%s/%s.corpus", info->name, info->id);
    char *stored = get_file(state, name);
    assert_string_equal(stored, text);
    assert_int_equal(info->bytes, strlen(text));
    free(stored);
}

static size_t gzip(const char *text, unsigned char *packed, size_t room) {
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (unsigned char *)(uintptr_t)text;
    stream.avail_in = (unsigned)strlen(text);
    stream.next_out = packed;
    stream.avail_out = (unsigned)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t length = stream.total_out;
    deflateEnd(&stream);
    return length;
}

static void pieces_of_any_size_give_one_content(void **state) {
    static const char text[] = "the king and the queen\nthe man and the woman\n";
    struct parts parts;
    struct error err = {0};
    struct corpus_info info = {0};
    char digest[DIGEST_TEXT_SIZE] = "";
    bool replayed;
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        struct call call;
        call_init(&call, "news");
        call_header(&call, "Content-Type", "text/plain; charset=UTF-8");
        assert_int_equal(
            upload(corpora, &call, "news", text, strlen(text), piece, &info, &replayed, &err),
            STATUS_OK);
        assert_content(state, &info, text);
        assert_string_equal(info.format, "text");
        if (digest[0] != '\0')
            assert_string_equal(info.digest, digest);
        memcpy(digest, info.digest, sizeof digest);
    }
    assert_int_equal(count_entries(state, "corpora"), 1); /* nothing is left aside */
    assert_int_equal(count_entries(state, "corpora/news"), 2);
    corpora_close(corpora);
    parts_clear(&parts);
}

static void short_bodies_are_whole(void **state) {
    struct parts parts;
    struct error err = {0};
    struct corpus_info info = {0};
    struct call call;
    bool replayed;
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    call_init(&call, "tiny");
    assert_int_equal(upload(corpora, &call, "tiny", "a", 1, 1, &info, &replayed, &err), STATUS_OK);
    assert_content(state, &info, "a");
    assert_int_equal(upload(corpora, &call, "void", "", 0, 1, &info, &replayed, &err),
                     STATUS_REFUSED);
    assert_error(&err, STATUS_REFUSED, "", "corpus is empty");
    assert_int_equal(count_entries(state, "corpora"), 1);
    corpora_close(corpora);
    parts_clear(&parts);
}

static void compressed_bodies_are_decoded(void **state) {
    static const char text[] = "a b c a b c a b c\n";
    unsigned char packed[256], twice[512];
    struct parts parts;
    struct error err = {0};
    struct corpus_info info = {0};
    bool replayed;
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    size_t length = gzip(text, packed, sizeof packed);
    for (int told = 0; told < 2; told++) /* by Content-Encoding, and by the magic of a file */
        for (size_t piece = 1; piece < 8; piece++) {
            struct call call;
            call_init(&call, "news");
            if (told)
                call_header(&call, "Content-Encoding", "gzip");
            assert_int_equal(upload(corpora, &call, "news", (char *)packed, length, piece, &info,
                                    &replayed, &err),
                             STATUS_OK);
            assert_content(state, &info, text);
        }
    /* Cut short. */
    struct call call;
    call_init(&call, "news");
    assert_int_equal(
        upload(corpora, &call, "news", (char *)packed, length - 9, 5, &info, &replayed, &err),
        STATUS_MALFORMED);
    error_clear(&err);
    /* A compressed file inside the encoding. */
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = packed;
    stream.avail_in = (unsigned)length;
    stream.next_out = twice;
    stream.avail_out = sizeof twice;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    call_header(&call, "Content-Encoding", "gzip");
    assert_int_equal(
        upload(corpora, &call, "news", (char *)twice, stream.total_out, 7, &info, &replayed, &err),
        STATUS_UNSUPPORTED);
    deflateEnd(&stream);
    assert_error(&err, STATUS_UNSUPPORTED, "Content-Encoding", "corpus is compressed twice");
    assert_int_equal(count_entries(state, "corpora"), 1);
    corpora_close(corpora);
    parts_clear(&parts);
}

static void ndjson_becomes_tokens(void **state) {
    static const char lines[] = "\"a b\"\n[\"new york\",\"c\"]\n{\"text\":\"d\"}\n";
    struct parts parts;
    struct error err = {0};
    struct corpus_info info = {0};
    struct call call;
    bool replayed;
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    call_init(&call, "news");
    call_header(&call, "Content-Type", "application/x-ndjson");
    assert_int_equal(
        upload(corpora, &call, "news", lines, strlen(lines), 3, &info, &replayed, &err), STATUS_OK);
    assert_string_equal(info.format, "tokens");
    assert_content(state, &info,
                   "a b\n\x1fnew york\x1f"
                   "c\x1f\nd\n");
    assert_int_equal(info.altered, 0);
    assert_int_equal(upload(corpora, &call, "news", "[{}]\n", 5, 5, &info, &replayed, &err),
                     STATUS_MALFORMED);
    corpora_close(corpora);
    parts_clear(&parts);
}

static void a_request_is_refused_before_its_body(void **state) {
    static const struct {
        const char *header, *value;
        enum status status;
        const char *key, *text;
    } cases[] = {
        {"Content-Type", "application/json", STATUS_UNSUPPORTED, "Content-Type",
         "a corpus is text/plain or application/x-ndjson, not 'application/json'"},
        {"Content-Type", "text/plain; charset=latin1", STATUS_UNSUPPORTED, "Content-Type",
         "a corpus must be UTF-8, not 'latin1'"},
        {"Content-Encoding", "br", STATUS_UNSUPPORTED, "", "content encoding 'br' is not known"},
        {"Idempotency-Key", "two words", STATUS_MALFORMED, "Idempotency-Key",
         "Idempotency-Key must be 1 to 255 printable characters without spaces"},
        {"Idempotency-Key", "", STATUS_MALFORMED, "Idempotency-Key", "must be 1 to 255"},
    };
    struct parts parts;
    struct error err = {0};
    struct call call;
    struct upload *upload = NULL;
    parts_init(&parts, state);
    parts.server.settings.max_corpus_bytes = 100;
    struct corpora *corpora = open_corpora(&parts);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call_init(&call, "news");
        call_header(&call, cases[i].header, cases[i].value);
        error_clear(&err);
        assert_int_not_equal(upload_begin(corpora, &call.exchange.request, "news", &upload, &err),
                             STATUS_OK);
        assert_error(&err, cases[i].status, cases[i].key, cases[i].text);
    }
    call_init(&call, "news");
    error_clear(&err);
    assert_int_equal(upload_begin(corpora, &call.exchange.request, "a b", &upload, &err),
                     STATUS_REFUSED);
    call.exchange.content_length = 101;
    error_clear(&err);
    assert_int_equal(upload_begin(corpora, &call.exchange.request, "news", &upload, &err),
                     STATUS_TOO_LARGE);
    assert_error(&err, STATUS_TOO_LARGE, "max_corpus_bytes",
                 "corpus of 101 bytes is larger than max_corpus_bytes, 100");
    call.exchange.content_length = 10;
    parts.server.settings.reserve_disk = INT64_MAX;
    error_clear(&err);
    assert_int_equal(upload_begin(corpora, &call.exchange.request, "news", &upload, &err),
                     STATUS_DISK_FULL);
    assert_error(&err, STATUS_DISK_FULL, "reserve_disk", "the corpus needs 10");
    assert_null(upload);
    assert_int_equal(count_entries(state, "corpora"), 0);
    corpora_close(corpora);
    parts_clear(&parts);
}

static void a_decoded_body_is_bounded(void **state) {
    unsigned char packed[4096];
    struct parts parts;
    struct error err = {0};
    struct corpus_info info = {0};
    struct call call;
    bool replayed;
    char *text = calloc(1, 100001);
    assert_non_null(text);
    memset(text, 'a', 100000);
    size_t length = gzip(text, packed, sizeof packed);
    parts_init(&parts, state);
    parts.server.settings.max_corpus_bytes = 99999;
    struct corpora *corpora = open_corpora(&parts);
    call_init(&call, "news");
    call_header(&call, "Content-Encoding", "gzip");
    assert_int_equal(
        upload(corpora, &call, "news", (char *)packed, length, 64, &info, &replayed, &err),
        STATUS_TOO_LARGE);
    assert_string_equal(err.key, "max_corpus_bytes");
    assert_int_equal(count_entries(state, "corpora"), 0);
    parts.server.settings.max_corpus_bytes = 100000;
    error_clear(&err);
    assert_int_equal(
        upload(corpora, &call, "news", (char *)packed, length, 64, &info, &replayed, &err),
        STATUS_OK);
    free(text);
    corpora_close(corpora);
    parts_clear(&parts);
}

static void a_client_that_vanishes_leaves_nothing(void **state) {
    struct parts parts;
    struct error err = {0};
    struct call call;
    struct upload *upload = NULL;
    parts_init(&parts, state);
    struct corpora *corpora = open_corpora(&parts);
    call_init(&call, "news");
    assert_int_equal(upload_begin(corpora, &call.exchange.request, "news", &upload, &err),
                     STATUS_OK);
    assert_int_equal(upload_push(upload, "some words", 10, &err), STATUS_OK);
    upload_free(upload);
    assert_int_equal(count_entries(state, "corpora"), 0);
    upload_free(NULL);
    corpora_close(corpora);
    parts_clear(&parts);
}

/* PUT /v1/corpora/{corpus} as http.c walks it. */
static void put(struct server *server, struct call *call, const char *text) {
    struct error err = {0};
    void *upload = NULL;
    assert_int_equal(corpus_upload.begin(server, &call->exchange.request, &upload, &err),
                     STATUS_OK);
    assert_int_equal(corpus_upload.push(upload, text, strlen(text), &err), STATUS_OK);
    response_init(&call->response);
    corpus_upload.finish(server, &call->exchange.request, upload, &call->response);
}

static void the_route_answers_replays_as_before(void **state) {
    struct parts parts;
    struct call call;
    parts_init(&parts, state);
    struct server *server = &parts.server;
    server->corpora = open_corpora(&parts);
    call_init(&call, "news");
    call_header(&call, "Idempotency-Key", "key-1");
    put(server, &call, "a b\n");
    assert_answer(&call, 201, "{\"name\":\"news\",\"bytes\":4,");
    assert_non_null(strstr(call.response.headers.data, "Location: /v1/corpora/news\n"));
    assert_null(strstr(call.response.headers.data, "Idempotent-Replayed"));
    char *first = strdup(call.response.body.data);
    response_clear(&call.response);
    put(server, &call, "a b\n");
    assert_answer(&call, 201, first);
    assert_non_null(strstr(call.response.headers.data, "Idempotent-Replayed: true\n"));
    response_clear(&call.response);
    put(server, &call, "c\n");
    assert_answer(&call, 422, "was used before with another content");
    response_clear(&call.response);
    assert_int_equal(count_entries(state, "corpora"), 1);
    free(first);
    corpora_close(server->corpora);
    parts_clear(&parts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(pieces_of_any_size_give_one_content),   TEST(short_bodies_are_whole),
        TEST(compressed_bodies_are_decoded),         TEST(ndjson_becomes_tokens),
        TEST(a_request_is_refused_before_its_body),  TEST(a_decoded_body_is_bounded),
        TEST(a_client_that_vanishes_leaves_nothing), TEST(the_route_answers_replays_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
