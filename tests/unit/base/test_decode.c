#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buffer.h"
#include "base/decode.h"
#include "base/random.h"

static enum status collect(void *context, const char *bytes, size_t length, struct error *err) {
    (void)err;
    buffer_append(context, bytes, length);
    return STATUS_OK;
}

static enum status refuse(void *context, const char *bytes, size_t length, struct error *err) {
    (void)context;
    (void)bytes;
    (void)length;
    return error_set(err, STATUS_DISK_FULL, "sink is full");
}

static void pack_gzip(struct buffer *to, const char *text, size_t length) {
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&stream, length);
    buffer_reserve(to, bound);
    char *copy = malloc(length + 1);
    memcpy(copy, text, length);
    stream.next_in = (Bytef *)copy;
    stream.avail_in = (uInt)length;
    stream.next_out = (Bytef *)to->data + to->length;
    stream.avail_out = (uInt)bound;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    to->length += stream.total_out;
    deflateEnd(&stream);
    free(copy);
}

static void pack_zstd(struct buffer *to, const char *text, size_t length) {
    size_t bound = ZSTD_compressBound(length);
    buffer_reserve(to, bound);
    size_t n = ZSTD_compress(to->data + to->length, bound, text, length, 1);
    assert_false(ZSTD_isError(n));
    to->length += n;
}

/* Decodes in pieces of `piece` bytes. */
static enum status decode(enum encoding encoding, uint64_t limit, const char *bytes, size_t length,
                          size_t piece, struct buffer *to, struct error *err) {
    struct decoder *decoder;
    assert_int_equal(decoder_create(&decoder, encoding, limit, collect, to, err), STATUS_OK);
    enum status status = STATUS_OK;
    for (size_t at = 0; at < length && status == STATUS_OK; at += piece)
        status = decoder_push(decoder, bytes + at, piece < length - at ? piece : length - at, err);
    if (status == STATUS_OK) {
        status = decoder_finish(decoder, err);
    } else {
        assert_int_equal(decoder_push(decoder, "x", 1, NULL), status);
        assert_int_equal(decoder_finish(decoder, NULL), status);
    }
    decoder_free(decoder);
    return status;
}

static char *sample_text(size_t length) {
    char *text = malloc(length + 1);
    struct random random;
    random_init(&random, 1, 0);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + random_below(&random, 20));
    text[length] = '\0';
    return text;
}

typedef void pack(struct buffer *to, const char *text, size_t length);
static pack *const packers[] = {[ENCODING_GZIP] = pack_gzip, [ENCODING_ZSTD] = pack_zstd};

static void several_members_in_any_pieces(void **state) {
    (void)state;
    const size_t size = 400000;
    char *text = sample_text(size);
    for (enum encoding encoding = ENCODING_GZIP; encoding <= ENCODING_ZSTD; encoding++) {
        struct buffer packed = {0};
        packers[encoding](&packed, text, 300000);
        packers[encoding](&packed, text, 0);
        packers[encoding](&packed, text + 300000, 100000);
        assert_int_equal(encoding_detect(packed.data, packed.length), encoding);
        static const size_t pieces[] = {1, 7, 4096, 1 << 30};
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
            struct buffer got = {0};
            struct error err = {0};
            assert_int_equal(
                decode(encoding, size, packed.data, packed.length, pieces[i], &got, &err),
                STATUS_OK);
            assert_int_equal(got.length, size);
            assert_memory_equal(got.data, text, size);
            buffer_clear(&got);
            assert_int_equal(
                decode(encoding, size - 1, packed.data, packed.length, pieces[i], &got, &err),
                STATUS_TOO_LARGE);
            assert_string_equal(err.text, "decoded data is larger than 399999 bytes");
            assert_true(got.length < size);
            buffer_clear(&got);
        }
        buffer_clear(&packed);
    }
    free(text);
}

static void cut_anywhere_is_noticed(void **state) {
    (void)state;
    char *text = sample_text(500);
    for (enum encoding encoding = ENCODING_GZIP; encoding <= ENCODING_ZSTD; encoding++) {
        struct buffer packed = {0};
        packers[encoding](&packed, text, 500);
        for (size_t cut = 0; cut < packed.length; cut++) {
            struct buffer got = {0};
            struct error err = {0};
            char expected[80];
            snprintf(expected, sizeof expected, "%s stream is cut short after %zu bytes",
                     encoding == ENCODING_GZIP ? "gzip" : "zstd", cut);
            assert_int_equal(decode(encoding, 0, packed.data, cut, 100, &got, &err),
                             STATUS_MALFORMED);
            assert_string_equal(err.text, expected);
            buffer_clear(&got);
        }
        buffer_clear(&packed);
    }
    free(text);
}

static void damage_is_noticed(void **state) {
    (void)state;
    char *text = sample_text(2000);
    struct random random;
    random_init(&random, 2, 0);
    struct buffer packed = {0};
    pack_gzip(&packed, text, 2000);
    for (int i = 0; i < 300; i++) {
        /* Behind the header, whose time and name may be anything; the CRC catches all the rest. */
        size_t at = 10 + random_below(&random, packed.length - 10);
        char old = packed.data[at];
        packed.data[at] = (char)(old ^ (1 << random_below(&random, 8)));
        struct buffer got = {0};
        struct error err = {0};
        assert_int_equal(decode(ENCODING_GZIP, 100000, packed.data, packed.length, 64, &got, &err),
                         STATUS_MALFORMED);
        assert_non_null(strstr(err.text, "gzip stream is"));
        buffer_clear(&got);
        packed.data[at] = old;
    }
    buffer_append_text(&packed, "trailing rubbish");
    struct buffer got = {0};
    struct error err = {0};
    assert_int_equal(decode(ENCODING_GZIP, 0, packed.data, packed.length, 64, &got, &err),
                     STATUS_MALFORMED);
    buffer_clear(&got);
    error_clear(&err);
    assert_int_equal(decode(ENCODING_ZSTD, 0, "rubbish rubbish", 15, 64, &got, &err),
                     STATUS_MALFORMED);
    assert_non_null(strstr(err.text, "zstd stream is damaged"));
    buffer_clear(&got);
    buffer_clear(&packed);
    free(text);
}

static void bombs_stop_at_the_limit(void **state) {
    (void)state;
    const size_t size = 64 << 20;
    char *zeros = calloc(1, size);
    for (enum encoding encoding = ENCODING_GZIP; encoding <= ENCODING_ZSTD; encoding++) {
        struct buffer packed = {0}, got = {0};
        packers[encoding](&packed, zeros, size);
        assert_int_equal(decode(encoding, 1000000, packed.data, packed.length, 1 << 20, &got, NULL),
                         STATUS_TOO_LARGE);
        assert_true(got.length <= 1000000);
        buffer_clear(&packed);
        buffer_clear(&got);
    }
    free(zeros);
}

static void wide_windows_are_refused(void **state) {
    (void)state;
    /* A frame header alone: magic, descriptor 0 (window byte follows), window descriptor 2^(10 +
     * 18) = 256 MiB. */
    static const char frame[] = "\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00";
    struct buffer got = {0};
    struct error err = {0};
    assert_int_equal(decode(ENCODING_ZSTD, 0, frame, sizeof frame - 1, 100, &got, &err),
                     STATUS_REFUSED);
    assert_string_equal(err.text, "zstd window is over 128 MiB");
    buffer_clear(&got);
}

static void skippable_frames(void **state) {
    (void)state;
    struct buffer packed = {0}, got = {0};
    buffer_append(&packed, "\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
    assert_int_equal(encoding_detect(packed.data, 4), ENCODING_ZSTD);
    pack_zstd(&packed, "text", 4);
    assert_int_equal(decode(ENCODING_ZSTD, 0, packed.data, packed.length, 1, &got, NULL),
                     STATUS_OK);
    assert_string_equal(got.data, "text");
    buffer_clear(&packed);
    buffer_clear(&got);
}

static void identity_and_sinks(void **state) {
    (void)state;
    struct buffer got = {0};
    struct error err = {0};
    assert_int_equal(decode(ENCODING_IDENTITY, 5, "12345", 5, 2, &got, &err), STATUS_OK);
    assert_string_equal(got.data, "12345");
    buffer_clear(&got);
    assert_int_equal(decode(ENCODING_IDENTITY, 5, "123456", 6, 2, &got, &err), STATUS_TOO_LARGE);
    buffer_clear(&got);
    assert_int_equal(decode(ENCODING_IDENTITY, 0, "", 0, 1, &got, NULL), STATUS_OK);
    buffer_clear(&got);
    struct decoder *decoder;
    error_clear(&err);
    assert_int_equal(decoder_create(&decoder, ENCODING_IDENTITY, 0, refuse, NULL, &err), STATUS_OK);
    assert_int_equal(decoder_push(decoder, "x", 1, &err), STATUS_DISK_FULL);
    assert_string_equal(err.text, "sink is full");
    decoder_free(decoder);
    decoder_free(NULL);
}

static void names_and_magic(void **state) {
    (void)state;
    enum encoding encoding;
    struct error err = {0};
    assert_int_equal(encoding_parse("GZip", &encoding, &err), STATUS_OK);
    assert_int_equal(encoding, ENCODING_GZIP);
    assert_int_equal(encoding_parse("x-gzip", &encoding, &err), STATUS_OK);
    assert_int_equal(encoding, ENCODING_GZIP);
    assert_int_equal(encoding_parse("zstd", &encoding, &err), STATUS_OK);
    assert_int_equal(encoding, ENCODING_ZSTD);
    assert_int_equal(encoding_parse("", &encoding, &err), STATUS_OK);
    assert_int_equal(encoding, ENCODING_IDENTITY);
    assert_int_equal(encoding_parse("br", &encoding, &err), STATUS_UNSUPPORTED);
    assert_string_equal(err.text, "content encoding 'br' is not known: use gzip, zstd or identity");
    assert_int_equal(encoding_detect("\x1f", 1), ENCODING_IDENTITY);
    assert_int_equal(encoding_detect("\x28\xb5\x2f", 3), ENCODING_IDENTITY);
    assert_int_equal(encoding_detect("plain", 5), ENCODING_IDENTITY);
    assert_int_equal(encoding_detect("", 0), ENCODING_IDENTITY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_members_in_any_pieces),
        cmocka_unit_test(cut_anywhere_is_noticed),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(bombs_stop_at_the_limit),
        cmocka_unit_test(wide_windows_are_refused),
        cmocka_unit_test(skippable_frames),
        cmocka_unit_test(identity_and_sinks),
        cmocka_unit_test(names_and_magic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
