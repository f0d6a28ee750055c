/* Kinds of file: what the text of each is, mapped and in pieces, and what is left behind. */
#include <zlib.h>
#include <zstd.h>

#include "base/buffer.h"
#include "base/random.h"
#include "corpus/corpus_text.h"
#include "tests/support/corpus_fixture.h"

#define TEXT_BYTES ((size_t)3 << 20) /* more than what is read, or written, at once */

static char *text_make(void) {
    char *text = malloc(TEXT_BYTES);
    struct random random;
    random_init(&random, 1, 0);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)('a' + random_below(&random, 26));
    memcpy(text, "\xef\xbb\xbf", 3);
    return text;
}

static enum status keep(void *context, const char *bytes, size_t length, struct error *err) {
    (void)err;
    buffer_append(context, bytes, length);
    return STATUS_OK;
}

static enum status refuse(void *context, const char *bytes, size_t length, struct error *err) {
    (void)bytes;
    (void)length;
    return ++*(int *)context == 2 ? error_set(err, STATUS_BUSY, "enough") : STATUS_OK;
}

/* The file of the fixture holds this text, in pieces and as a mapping. */
static void check(const struct fixture *fixture, const char *text, size_t length) {
    const struct corpus_pool pool = {.threads = 1};
    struct corpus_text opened = {.length = 0};
    struct file_map map;
    struct buffer pieces = {0};
    struct error err = {0};
    size_t mark = corpus_text_mark(text, length);
    if (corpus_text_open(&opened, &fixture->settings, fixture->path, fixture->work, &pool, &err) !=
        STATUS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(opened.bytes, length);
    assert_int_equal(opened.length, length - mark);
    assert_memory_equal(opened.data, text + mark, length - mark);
    assert_work_empty(fixture);
    corpus_text_close(&opened);
    corpus_text_close(&opened);
    assert_int_equal(file_map_open(&map, fixture->path, &err), STATUS_OK);
    assert_int_equal(corpus_text_stream(&map, &fixture->settings, &pool, NULL, keep, &pieces, &err),
                     STATUS_OK);
    assert_int_equal(pieces.length, length);
    assert_memory_equal(pieces.data, text, length);
    int calls = 0;
    assert_int_equal(
        corpus_text_stream(&map, &fixture->settings, &pool, NULL, refuse, &calls, &err),
        STATUS_BUSY);
    assert_int_equal(calls, 2);
    file_map_close(&map);
    buffer_clear(&pieces);
}

static void test_plain(void **state) {
    struct fixture *fixture = *state;
    char *text = text_make();
    fixture_write(fixture, text, TEXT_BYTES);
    check(fixture, text, TEXT_BYTES);
    fixture_write(fixture, text + 1, TEXT_BYTES - 1); /* a part of a mark is none */
    check(fixture, text + 1, TEXT_BYTES - 1);
    free(text);
}

static size_t pack_gzip(char *packed, size_t room, const char *text, size_t length) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)length};
    stream.next_out = (Bytef *)packed;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return room - stream.avail_out;
}

static void check_packed(struct fixture *fixture, const char *text, const char *packed,
                         size_t length) {
    atomic_ullong input = 0;
    struct corpus_text opened = {.input = &input};
    const struct corpus_pool pool = {.threads = 1, .request = &fixture->request};
    struct error err = {0};
    fixture_write(fixture, packed, length);
    check(fixture, text, TEXT_BYTES);
    assert_int_equal(
        corpus_text_open(&opened, &fixture->settings, fixture->path, fixture->work, &pool, &err),
        STATUS_OK);
    assert_true(atomic_load(&input) > 0 && atomic_load(&input) < length);
    corpus_text_close(&opened);
    atomic_store(&fixture->request, REQUEST_CANCEL);
    assert_int_equal(
        corpus_text_open(&opened, &fixture->settings, fixture->path, fixture->work, &pool, &err),
        STATUS_CANCELLED);
    assert_work_empty(fixture);
    atomic_store(&fixture->request, REQUEST_NONE);
    fixture_write(fixture, packed, length - 1);
    assert_int_equal(
        corpus_text_open(&opened, &fixture->settings, fixture->path, fixture->work, &pool, &err),
        STATUS_MALFORMED);
    assert_work_empty(fixture);
}

static void test_compressed(void **state) {
    struct fixture *fixture = *state;
    const size_t room = 2 * TEXT_BYTES;
    char *text = text_make(), *packed = malloc(room);
    check_packed(fixture, text, packed, pack_gzip(packed, room, text, TEXT_BYTES));
    size_t length = ZSTD_compress(packed, room, text, TEXT_BYTES, 1);
    assert_false(ZSTD_isError(length));
    check_packed(fixture, text, packed, length);
    free(packed);
    free(text);
}

static void test_mark(void **state) {
    (void)state;
    assert_int_equal(corpus_text_mark("\xef\xbb\xbf", 3), 3);
    assert_int_equal(corpus_text_mark("\xef\xbb\xbf", 2), 0);
    assert_int_equal(corpus_text_mark("\xef\xbb\xbex", 4), 0);
    assert_int_equal(corpus_text_mark("", 0), 0);
}

static void test_missing(void **state) {
    const struct fixture *fixture = *state;
    const struct corpus_pool pool = {.threads = 1};
    struct corpus_text opened = {.length = 0};
    struct error err = {0};
    assert_int_equal(
        corpus_text_open(&opened, &fixture->settings, fixture->path, fixture->work, &pool, &err),
        STATUS_NOT_FOUND);
}

static void assert_no_text(struct fixture *fixture, const char *bytes, size_t length,
                           const char *message) {
    struct error err = {0};
    struct corpus *corpus;
    fixture_write(fixture, bytes, length);
    assert_int_equal(fixture_read(fixture, 2, &corpus, &err), STATUS_UNSUPPORTED);
    if (!strstr(err.text, message))
        fail_msg("wanted '%s', got '%s'", message, err.text);
    assert_work_empty(fixture);
}

/* By its first bytes; by its bytes all over, where those begin as text does. */
static void test_what_is_no_text(void **state) {
    struct fixture *fixture = *state;
    struct error err = {0};
    struct corpus *corpus;
    const size_t room = 400000;
    char *text = malloc(room);
    fixture->settings.max_invalid_share = 0.05;
    fixture->settings.format = FORMAT_AUTO;
    assert_no_text(fixture, "%PDF-1.7\n", 9, "a PDF document");
    assert_no_text(fixture, "{\"text\": \"a b\"}\n", 16, "corpus is JSON");
    fixture->settings.format = FORMAT_TEXT;
    fixture_write(fixture, "{\"text\": \"a b\"}\n", 16);
    assert_int_equal(fixture_read(fixture, 1, &corpus, &err), STATUS_OK);
    corpus_free(corpus);
    for (size_t i = 0; i < room; i++)
        text[i] = i < 100000 ? "words and\n"[i % 10]
                             : "Stra\xdf"
                               "en \n"[i % 9];
    assert_no_text(fixture, text, room, "corpus is not in UTF-8: ");
    /* a few broken bytes are counted, as ever */
    for (size_t i = 100000; i < room; i++)
        text[i] = i % 10000 == 0 ? '\xff' : "words and\n"[i % 10];
    fixture_write(fixture, text, room);
    assert_int_equal(fixture_read(fixture, 1, &corpus, &err), STATUS_OK);
    assert_int_equal(corpus->report.invalid_utf8, 30);
    corpus_free(corpus);
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_no_text), TEST(test_plain), TEST(test_compressed), TEST(test_mark),
        TEST(test_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
