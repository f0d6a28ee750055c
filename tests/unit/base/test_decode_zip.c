/* A zip with one file in it: stored or deflated, with sizes before or behind, small or zip64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/decode.h"

enum { DEFLATED = 1, DESCRIPTOR = 2, WIDE = 4, UNSIGNED = 8, ENCRYPTED = 16, BAD_CRC = 32 };

static void put(struct buffer *to, uint64_t number, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        buffer_append_char(to, (char)(number >> 8 * i));
}

static void put_member(struct buffer *to, const char *name, const char *text, size_t length,
                       int how) {
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)text, (uInt)length) ^ !!(how & BAD_CRC);
    uLong bound = compressBound(length);
    char *packed = malloc(bound), *copy = malloc(length + 1);
    size_t n = length;
    memcpy(copy, text, length);
    memcpy(packed, text, length < bound ? length : bound);
    if (how & DEFLATED) {
        z_stream stream = {0};
        assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, 0), Z_OK);
        stream.next_in = (Bytef *)copy;
        stream.avail_in = (uInt)length;
        stream.next_out = (Bytef *)packed;
        stream.avail_out = (uInt)bound;
        assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
        n = stream.total_out;
        deflateEnd(&stream);
    }
    bool later = how & DESCRIPTOR, wide = how & WIDE;
    buffer_append(to, "PK\3\4\x14\0", 6);
    put(to, (later ? 8u : 0u) | (how & ENCRYPTED ? 1u : 0u), 2);
    put(to, how & DEFLATED ? 8 : 0, 2);
    put(to, 0, 4);
    put(to, later ? 0 : crc, 4);
    put(to, wide && !later ? UINT32_MAX : later ? 0 : n, 4);
    put(to, wide && !later ? UINT32_MAX : later ? 0 : length, 4);
    put(to, strlen(name), 2);
    put(to, wide && !later ? 26 : 0, 2);
    buffer_append_text(to, name);
    if (wide && !later) {
        buffer_append(to, "xx\2\0..", 6); /* another field before it */
        put(to, 1, 2);
        put(to, 16, 2);
        put(to, length, 8);
        put(to, n, 8);
    }
    buffer_append(to, packed, n);
    if (later) {
        if (!(how & UNSIGNED))
            buffer_append(to, "PK\7\10", 4);
        put(to, crc, 4);
        put(to, n, wide ? 8 : 4);
        put(to, length, wide ? 8 : 4);
    }
    free(packed);
    free(copy);
}

static void put_end(struct buffer *to) {
    buffer_append(to, "PK\1\2", 4);
    for (int i = 0; i < 50; i++)
        buffer_append_char(to, 'd');
    buffer_append(to, "PK\5\6", 4);
    for (int i = 0; i < 18; i++)
        buffer_append_char(to, '\0');
}

static enum status collect(void *context, const char *bytes, size_t length, struct error *err) {
    (void)err;
    buffer_append(context, bytes, length);
    return STATUS_OK;
}

static enum status decode(const struct buffer *zip, size_t length, size_t piece, struct buffer *got,
                          struct error *err) {
    struct decoder *decoder;
    const struct decode_limits limits = {.bytes = 400000};
    error_clear(err);
    got->length = 0;
    assert_int_equal(encoding_detect(zip->data, zip->length), ENCODING_ZIP);
    assert_int_equal(decoder_create(&decoder, ENCODING_ZIP, &limits, collect, got, err), STATUS_OK);
    enum status status = STATUS_OK;
    for (size_t at = 0; at < length && status == STATUS_OK; at += piece)
        status =
            decoder_push(decoder, zip->data + at, piece < length - at ? piece : length - at, err);
    if (status == STATUS_OK)
        status = decoder_finish(decoder, err);
    decoder_free(decoder);
    return status;
}

static const int ways[] = {0,
                           WIDE,
                           DEFLATED,
                           DEFLATED | WIDE,
                           DEFLATED | DESCRIPTOR,
                           DEFLATED | DESCRIPTOR | UNSIGNED,
                           DEFLATED | DESCRIPTOR | WIDE,
                           DEFLATED | DESCRIPTOR | WIDE | UNSIGNED};

static void one_file(void **state) {
    static const size_t lengths[] = {0, 1, 5000, 300000};
    static const size_t pieces[] = {1, 13, 1 << 20};
    char *text = malloc(300000);
    (void)state;
    for (size_t i = 0; i < 300000; i++)
        text[i] = (char)('a' + i * i % 23);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            struct buffer zip = {0}, got = {0};
            struct error err = {0};
            put_member(&zip, "__MACOSX/._a", "junk", 4, ways[w]);
            put_member(&zip, "folder/", "", 0, 0);
            put_member(&zip, "folder/a.txt", text, lengths[i], ways[w]);
            put_member(&zip, "__MACOSX/folder/._a.txt", "junk", 4, DEFLATED | DESCRIPTOR);
            put_end(&zip);
            for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
                if (decode(&zip, zip.length, pieces[k], &got, &err) != STATUS_OK)
                    fail_msg("%s", err.text);
                assert_int_equal(got.length, lengths[i]);
                assert_true(got.length == 0 || memcmp(got.data, text, got.length) == 0);
            }
            for (size_t cut = 1; cut <= zip.length; cut += cut < 300 ? 1 : zip.length / 50)
                assert_int_not_equal(decode(&zip, zip.length - cut, 100000, &got, &err), STATUS_OK);
            buffer_clear(&zip);
            buffer_clear(&got);
        }
    free(text);
}

static void assert_refused(struct buffer *zip, enum status expected, const char *message) {
    struct buffer got = {0};
    struct error err = {0};
    put_end(zip);
    for (size_t piece = 1; piece < 2000; piece *= 1000) {
        assert_int_equal(decode(zip, zip->length, piece, &got, &err), expected);
        if (!strstr(err.text, message))
            fail_msg("wanted '%s', got '%s'", message, err.text);
    }
    buffer_clear(&got);
    buffer_clear(zip);
}

static void others_are_refused(void **state) {
    struct buffer zip = {0};
    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        put_member(&zip, "one.txt", "words", 5, ways[w]);
        put_member(&zip, "b/two.txt", "more", 4, ways[w]);
        assert_refused(&zip, STATUS_UNSUPPORTED,
                       "holds several files, 'one.txt' and 'b/two.txt': unpack it");
        put_member(&zip, "one.txt", "words", 5, ways[w] | ENCRYPTED);
        assert_refused(&zip, STATUS_UNSUPPORTED, "'one.txt' in the zip archive is encrypted");
        put_member(&zip, "one.txt", "words", 5, ways[w] | BAD_CRC);
        assert_refused(&zip, STATUS_MALFORMED, "the checksum of the file is wrong");
        put_member(&zip, "one.txt", "words", 5, ways[w]);
        buffer_append_text(&zip, "garbage");
        assert_refused(&zip, STATUS_MALFORMED, "neither a file nor the directory");
    }
    put_member(&zip, "folder/", "", 0, 0);
    assert_refused(&zip, STATUS_UNSUPPORTED, "holds no file");
    put_member(&zip, "one.txt", "words", 5, 0);
    zip.data[8] = 14; /* LZMA */
    assert_refused(&zip, STATUS_UNSUPPORTED, "packed in a way that is not known");
    put_member(&zip, "one.txt", "words", 5, 0);
    zip.data[22] = 4; /* one byte less than there is */
    assert_refused(&zip, STATUS_MALFORMED, "another size");
}

static void bombs(void **state) {
    struct buffer zip = {0};
    char *zeros = calloc(1, 1 << 20);
    (void)state;
    put_member(&zip, "bomb", zeros, 1 << 20, DEFLATED);
    assert_refused(&zip, STATUS_TOO_LARGE, "decoded data is larger than 400000 bytes");
    free(zeros);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_file),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(bombs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
