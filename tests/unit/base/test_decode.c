#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bzlib.h>
#include <cmocka.h>
#include <lzma.h>
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

static void pack_bzip2(struct buffer *to, const char *text, size_t length) {
    unsigned room = (unsigned)length + (unsigned)length / 50 + 1000;
    char *copy = malloc(length + 1);
    memcpy(copy, text, length);
    buffer_reserve(to, room);
    assert_int_equal(
        BZ2_bzBuffToBuffCompress(to->data + to->length, &room, copy, (unsigned)length, 1, 0, 0),
        BZ_OK);
    to->length += room;
    free(copy);
}

static void pack_xz(struct buffer *to, const char *text, size_t length) {
    size_t bound = lzma_stream_buffer_bound(length), n = 0;
    buffer_reserve(to, bound);
    assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, (const uint8_t *)text,
                                             length, (uint8_t *)to->data + to->length, &n, bound),
                     LZMA_OK);
    to->length += n;
}

/* Decodes in pieces of `piece` bytes. */
static enum status decode(enum encoding encoding, uint64_t limit, const char *bytes, size_t length,
                          size_t piece, struct buffer *to, struct error *err) {
    struct decoder *decoder;
    assert_int_equal(decoder_create(&decoder, encoding, &(struct decode_limits){.bytes = limit},
                                    collect, to, err),
                     STATUS_OK);
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
static pack *const packers[] = {[ENCODING_GZIP] = pack_gzip,
                                [ENCODING_ZSTD] = pack_zstd,
                                [ENCODING_BZIP2] = pack_bzip2,
                                [ENCODING_XZ] = pack_xz};

static void several_members_in_any_pieces(void **state) {
    (void)state;
    const size_t size = 400000;
    char *text = sample_text(size);
    for (enum encoding encoding = ENCODING_GZIP; encoding <= ENCODING_XZ; encoding++) {
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
    for (enum encoding encoding = ENCODING_GZIP; encoding <= ENCODING_XZ; encoding++) {
        struct buffer packed = {0};
        packers[encoding](&packed, text, 500);
        for (size_t cut = 0; cut < packed.length; cut++) {
            struct buffer got = {0};
            struct error err = {0};
            char expected[80];
            snprintf(expected, sizeof expected, "%s stream is cut short after %zu bytes",
                     encoding_name(encoding), cut);
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
    for (enum encoding encoding = ENCODING_GZIP; encoding <= ENCODING_XZ; encoding++) {
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
    assert_string_equal(err.text, "zstd stream needs a window of 268435456 bytes, "
                                  "max_window_bytes allows 134217728");
    assert_string_equal(err.key, "max_window_bytes");
    buffer_clear(&got);
}

/* The limit is a setting: what it allows is read. */
static void wide_windows_can_be_allowed(void **state) {
    (void)state;
    char *text = sample_text(3 << 20);
    struct buffer packed = {0}, got = {0};
    struct error err = {0};
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 21);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    buffer_reserve(&packed, ZSTD_compressBound(3 << 20));
    ZSTD_inBuffer in = {text, 3 << 20, 0};
    ZSTD_outBuffer out = {packed.data, packed.capacity, 0};
    assert_int_equal(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0);
    ZSTD_freeCCtx(context);
    for (uint64_t window = 1 << 20; window <= 1 << 21; window *= 2) {
        struct decoder *decoder;
        const struct decode_limits limits = {.window = window};
        assert_int_equal(decoder_create(&decoder, ENCODING_ZSTD, &limits, collect, &got, &err),
                         STATUS_OK);
        enum status status = STATUS_OK;
        for (size_t at = 0; at < out.pos && status == STATUS_OK; at += at < 8 ? 1 : 1000)
            status = decoder_push(decoder, packed.data + at,
                                  at < 8                ? 1
                                  : at + 1000 < out.pos ? 1000
                                                        : out.pos - at,
                                  &err);
        assert_int_equal(status, window < 1 << 21 ? STATUS_REFUSED : STATUS_OK);
        if (status != STATUS_OK)
            assert_string_equal(err.text, "zstd stream needs a window of 2097152 bytes, "
                                          "max_window_bytes allows 1048576");
        error_clear(&err);
        decoder_free(decoder);
    }
    assert_int_equal(got.length, 3 << 20);
    buffer_clear(&got);
    buffer_clear(&packed);
    pack_xz(&packed, text, 1000); /* level 0 wants 256 KiB, and a MiB is given beside the window */
    lzma_options_lzma options;
    lzma_lzma_preset(&options, 0);
    options.dict_size = 8 << 20;
    lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    packed.length = 0;
    buffer_reserve(&packed, lzma_stream_buffer_bound(1000));
    assert_int_equal(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, (uint8_t *)text,
                                               1000, (uint8_t *)packed.data, &packed.length,
                                               packed.capacity),
                     LZMA_OK);
    struct decoder *decoder;
    const struct decode_limits limits = {.window = 4 << 20};
    assert_int_equal(decoder_create(&decoder, ENCODING_XZ, &limits, collect, &got, &err),
                     STATUS_OK);
    assert_int_equal(decoder_push(decoder, packed.data, packed.length, &err), STATUS_REFUSED);
    assert_non_null(strstr(err.text, "max_window_bytes allows 4194304"));
    decoder_free(decoder);
    buffer_clear(&packed);
    free(text);
}

/* Zeros of any length end gzip, zstd and bzip2; what follows them, or other bytes, does not. */
static void zeros_behind_are_padding(void **state) {
    (void)state;
    for (enum encoding encoding = ENCODING_GZIP; encoding <= ENCODING_BZIP2; encoding++)
        for (size_t zeros = 0; zeros < 3000; zeros += zeros < 10 ? 1 : 997)
            for (int rest = 0; rest < 3; rest++) {
                struct buffer packed = {0}, got = {0};
                struct error err = {0};
                packers[encoding](&packed, "some text", 9);
                packers[encoding](&packed, " and more", 9);
                for (size_t i = 0; i < zeros; i++)
                    buffer_append_char(&packed, '\0');
                if (rest == 1)
                    buffer_append_text(&packed, "garbage");
                if (rest == 2)
                    packers[encoding](&packed, "x", 1);
                bool good = rest == 0 || (rest == 2 && zeros == 0);
                for (size_t piece = 1; piece < 8000; piece *= 80) {
                    error_clear(&err);
                    got.length = 0;
                    assert_int_equal(
                        decode(encoding, 0, packed.data, packed.length, piece, &got, &err),
                        good ? STATUS_OK : STATUS_MALFORMED);
                    assert_true(got.length >= 18 &&
                                memcmp(got.data, "some text and more", 18) == 0);
                }
                buffer_clear(&packed);
                buffer_clear(&got);
            }
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
    assert_int_equal(
        decoder_create(&decoder, ENCODING_IDENTITY, &(struct decode_limits){0}, refuse, NULL, &err),
        STATUS_OK);
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
    assert_string_equal(
        err.text, "content encoding 'br' is not known: use gzip, zstd, bzip2, xz or identity");
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
        cmocka_unit_test(wide_windows_can_be_allowed),
        cmocka_unit_test(zeros_behind_are_padding),
        cmocka_unit_test(identity_and_sinks),
        cmocka_unit_test(names_and_magic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
