/* What a file is: each kind by its first bytes, guesses by shape, and text that is none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file_kind.h"
#include "base/intake.h"
#include "base/random.h"

static enum status kind_of(enum file_use use, double max, const char *bytes, size_t length,
                           char text[512]) {
    const struct file_head head = {bytes, length, length < FILE_HEAD};
    struct error err = {0};
    enum status status = file_kind_check(&head, use, max, "corpus", &err);
    memcpy(text, err.text, 512);
    return status;
}

static void assert_kind(enum file_use use, const char *bytes, size_t length, const char *name) {
    char text[512], expected[128];
    assert_int_equal(kind_of(use, 0.05, bytes, length, text), STATUS_UNSUPPORTED);
    snprintf(expected, sizeof expected, "corpus is %s, not ", name);
    if (strncmp(text, expected, strlen(expected)) != 0)
        fail_msg("wanted '%s', got '%s'", expected, text);
    assert_non_null(strchr(text, ':')); /* the way out */
}

static void assert_text(enum file_use use, const char *bytes, size_t length) {
    char text[512];
    if (kind_of(use, 0.05, bytes, length, text) != STATUS_OK)
        fail_msg("%s", text);
}

#define KIND(magic, name) \
    { magic, sizeof magic - 1, name }

static void magics(void **state) {
    static const struct {
        const char *magic;
        size_t length;
        const char *name;
    } rows[] = {
        KIND("7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        KIND("Rar!\x1a\x07\x01", "a RAR archive"),
        KIND("\x04\x22\x4d\x18", "an lz4 file"),
        KIND("\x1f\x9d\x90", "a compress (.Z) file"),
        KIND("PAR1\x15\x04\x15", "a Parquet file"),
        KIND("ARROW1\0\0", "an Arrow or Feather file"),
        KIND("ORC\x08\x03\x10", "an ORC file"),
        KIND("Obj\1", "an Avro file"),
        KIND("SQLite format 3\0", "an SQLite database"),
        KIND("%PDF-1.7\n", "a PDF document"),
        KIND("{\\rtf1\\ansi", "an RTF document"),
        KIND("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document"),
        KIND("version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
             "a Git LFS pointer, not the file itself"),
        KIND("\xba\x16\x4f\x2f\x0c\0\0\0", "fastText's binary model"),
        KIND("\x80\x02}q", "a Python pickle"),
        KIND("\x80\x05\x95", "a Python pickle"),
        KIND("\x93NUMPY\1\0", "a NumPy array"),
        KIND("\x89HDF\r\n\x1a\n", "an HDF5 file"),
        KIND("\x58\0\0\0\0\0\0\0{\"weights\":{", "a safetensors file"),
        KIND("\x89PNG\r\n\x1a\n", "a PNG image"),
        KIND("\xff\xd8\xff\xe0", "a JPEG image"),
        KIND("GIF89a\x01\0", "a GIF image"),
        KIND("\x7f"
             "ELF\2",
             "an ELF program"),
        KIND("\xff\xfet\0e\0", "text in UTF-16"),
        KIND("\xfe\xff\0t\0e", "text in UTF-16"),
        KIND("\xff\xfe\0\0t\0\0\0", "text in UTF-32"),
        KIND("\0\0\xfe\xff\0\0\0t", "text in UTF-32"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (enum file_use use = FILE_AS_TEXT; use <= FILE_AS_VECTORS; use++)
            assert_kind(use, rows[i].magic, rows[i].length, rows[i].name);
    char tar[512] = "name";
    memcpy(tar + 257, "ustar", 5);
    assert_kind(FILE_AS_TEXT, tar, sizeof tar, "a tar archive");
}

/* Letters that some kind begins with are no reason to refuse a text. */
static void weak_magics_of_text(void **state) {
    static const char *const texts[] = {"ORC and elf went home\n",
                                        "PAR1 is a name\n",
                                        "BM is an abbreviation\n",
                                        "MZ and so on\n",
                                        "RIFF raff\n",
                                        "GIF89a is a format\n",
                                        "ID3 tags\n",
                                        "PDF- files\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_text(FILE_AS_TEXT, texts[i], strlen(texts[i]));
}

static void html(void **state) {
    static const char *const pages[] = {"<!DOCTYPE html><p>x",
                                        "\xef\xbb\xbf \n<html lang=en>",
                                        "<!-- saved -->\n<HTML>",
                                        "<?xml version=\"1.0\"?>\n<!doctype html PUBLIC>",
                                        "<head>\n",
                                        "<body class=x>"};
    static const char *const texts[] = {"<doc id=1>\ntext\n</doc>\n", "html <html>", "<htmlx>",
                                        "< html>", "<mediawiki>\n"};
    (void)state;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        assert_kind(FILE_AS_TEXT, pages[i], strlen(pages[i]), "a web page");
        assert_kind(FILE_AS_VECTORS, pages[i], strlen(pages[i]), "a web page");
        assert_text(FILE_AS_STATED, pages[i], strlen(pages[i]));
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_text(FILE_AS_TEXT, texts[i], strlen(texts[i]));
}

static void json(void **state) {
    static const char *const files[] = {"{\"text\": \"a b\"}\n{\"text\": \"c\"}\n",
                                        "[\"a\", \"b\"]\n[\"c\"]\n",
                                        "[\n {\n  \"a\": [1, 2.5e3, true, null, \"\\\"\"]\n }\n]\n",
                                        " {\"a\":{}}", "[1,2,3]\n[4,5]\n"};
    static const char *const texts[] = {"[1] A reference\n[2] Another\n",
                                        "[[Category:x]]\n",
                                        "{{Infobox}}\n",
                                        "[Music] hello\n",
                                        "[]\n",
                                        "{}\n",
                                        "[1]\nSmith, J.\n",
                                        "[\n",
                                        "\"quoted\" words\n",
                                        "{ 0.1 0.2\n"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_kind(FILE_AS_TEXT, files[i], strlen(files[i]), "JSON");
        assert_text(FILE_AS_STATED, files[i], strlen(files[i]));
        assert_text(FILE_AS_NDJSON, files[i], strlen(files[i]));
        /* cut by the end of the head, where that is not the end of the file */
        struct file_head head = {files[i], strlen(files[i]) - 3, false};
        struct error err = {0};
        assert_int_equal(file_kind_check(&head, FILE_AS_TEXT, 0.05, "corpus", &err),
                         STATUS_UNSUPPORTED);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_text(FILE_AS_TEXT, texts[i], strlen(texts[i]));
}

static void csv(void **state) {
    static const char *const tables[] = {
        "id,text,label\n1,hello world,0\n2,more words,1\n", "a;b;c\r\n1;2;3\r\n4;5;6\r\n",
        "id,text\n1,\"Hello, world\"\n2,\"two\nlines, quoted\"\n3,x\n4,y\n",
        "1,2,3,4\n5,6,7,8\n9,1,2,3\n"};
    static const char *const texts[] = {
        "Well, he said, no.\nYes, she said, and left.\nSo, in the end, nothing.\n",
        "one , two , three\nfour , five , six\nseven , eight , nine\n",
        "a,b\nc,d\n",                  /* too little to tell */
        "a\tb\tc\nd\te\tf\ng\th\ti\n", /* walks between tabs are words */
        "no commas\nat all\nhere\nor\nthere\nanywhere\n",
        "1,000 things\nand more\n2,000 others\nmore\nmore\nmore\n"};
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        assert_kind(FILE_AS_TEXT, tables[i], strlen(tables[i]), "a CSV table");
        assert_text(FILE_AS_STATED, tables[i], strlen(tables[i]));
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_text(FILE_AS_TEXT, texts[i], strlen(texts[i]));
}

/* UTF-16 and UTF-32 without a mark, of ASCII and of Cyrillic text. */
static void wide_text(void **state) {
    static const struct {
        int bytes;
        bool big;
        const char *name, *advice;
    } rows[] = {{2, false, "text in UTF-16", "-f UTF-16LE "},
                {2, true, "text in UTF-16", "-f UTF-16BE "},
                {4, false, "text in UTF-32", "-f UTF-32LE "},
                {4, true, "text in UTF-32", "-f UTF-32BE "}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uint32_t letter = 'a'; letter < 0x500; letter += 0x430 - 'a') {
            char bytes[800] = {0}, text[512];
            size_t length = 0;
            for (uint32_t c = 0; c < 200; c++, length += (size_t)rows[i].bytes) {
                uint32_t code = c % 7 == 6 ? ' ' : letter + c % 20;
                for (int k = 0; k < rows[i].bytes; k++)
                    bytes[length + (size_t)(rows[i].big ? rows[i].bytes - 1 - k : k)] =
                        (char)(code >> 8 * k);
            }
            assert_kind(FILE_AS_TEXT, bytes, length, rows[i].name);
            (void)kind_of(FILE_AS_STATED, 0.05, bytes, length, text);
            assert_non_null(strstr(text, rows[i].advice));
        }
}

static void other_encodings(void **state) {
    struct buffer text = {0};
    char why[512];
    (void)state;
    for (int i = 0; i < 300; i++) /* Latin-1 */
        buffer_append_text(&text, "das M\xe4"
                                  "dchen geht \xfc"
                                  "ber die Stra\xdf"
                                  "e\n");
    assert_kind(FILE_AS_TEXT, text.data, text.length, "not in UTF-8");
    assert_kind(FILE_AS_STATED, text.data, text.length, "not in UTF-8");
    assert_int_equal(kind_of(FILE_AS_TEXT, 1, text.data, text.length, why), STATUS_OK);
    buffer_clear(&text);
    for (int i = 0; i < 300; i++) /* Windows-1251 */
        buffer_append_text(&text, "\xcf\xf0\xe8\xe2\xe5\xf2 \xec\xe8\xf0\n");
    assert_kind(FILE_AS_TEXT, text.data, text.length, "not in UTF-8");
    buffer_clear(&text);
    for (int i = 0; i < 3000; i++) /* UTF-8 with a few broken bytes */
        buffer_append_text(&text, i % 1000 == 7 ? "\xd0\xbf\xd1 \xff\n" : "\xd0\xbf\xd1\x80\n");
    assert_text(FILE_AS_TEXT, text.data, text.length);
    buffer_clear(&text);
    assert_text(FILE_AS_TEXT, "caf\xe9\n", 5); /* too little to tell: counted */
}

static void unknown_binary(void **state) {
    char bytes[4096];
    struct random random;
    (void)state;
    random_init(&random, 1, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)random_next(&random);
    bytes[0] = 'q';
    assert_kind(FILE_AS_TEXT, bytes, sizeof bytes, "a binary file of a kind that is not known");
    assert_kind(FILE_AS_VECTORS, bytes, sizeof bytes, "a binary file of a kind that is not known");
    memcpy(bytes, "400 100\n", 8); /* word2vec's binary format, which an import takes */
    assert_text(FILE_AS_VECTORS, bytes, sizeof bytes);
    assert_kind(FILE_AS_TEXT, bytes, sizeof bytes, "a file of vectors in word2vec's binary format");
}

static enum status collect(void *context, const char *bytes, size_t length, struct error *err) {
    (void)err;
    buffer_append(context, bytes, length);
    return STATUS_OK;
}

static enum status take(const char *bytes, size_t length, size_t piece, struct buffer *got,
                        struct error *err) {
    const struct intake_options options = {
        .subject = "corpus", .max_invalid = 0.05, .limits.bytes = 300000};
    struct intake *intake;
    enum status status = intake_create(&intake, &options, collect, got, err);
    for (size_t at = 0; at < length && status == STATUS_OK; at += piece)
        status = intake_push(intake, bytes + at, piece < length - at ? piece : length - at, err);
    if (status == STATUS_OK)
        status = intake_finish(intake, err);
    intake_free(intake);
    return status;
}

/* All comes through, in any pieces; nothing does of what is refused. */
static void an_intake(void **state) {
    static const size_t lengths[] = {0, 1, 9, 127, 128, 129, 65535, 65536, 65537, 200000};
    static const size_t pieces[] = {1, 100, 65536, 1 << 20};
    char *text = malloc(400000);
    (void)state;
    for (size_t i = 0; i < 400000; i++)
        text[i] = "some words\n"[i % 11];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
            struct buffer got = {0};
            struct error err = {0};
            assert_int_equal(take(text, lengths[i], pieces[k], &got, &err), STATUS_OK);
            assert_int_equal(got.length, lengths[i]);
            assert_true(got.length == 0 || memcmp(got.data, text, got.length) == 0);
            buffer_clear(&got);
        }
    struct buffer got = {0};
    struct error err = {0};
    memcpy(text, "%PDF-1.4", 8);
    assert_int_equal(take(text, 200000, 1000, &got, &err), STATUS_UNSUPPORTED);
    assert_int_equal(got.length, 0);
    /* a bomb of NULs is too large, before it is binary */
    memset(text, 0, 400000);
    error_clear(&err);
    assert_int_equal(take(text, 400000, 1000, &got, &err), STATUS_TOO_LARGE);
    error_clear(&err);
    assert_int_equal(take(text, 200000, 1000, &got, &err), STATUS_UNSUPPORTED);
    buffer_clear(&got);
    free(text);
}

static void zips_inside(void **state) {
    static const struct {
        const char *name, *kind;
    } rows[] = {{"[Content_Types].xml", "an office document"},
                {"mimetypeapplication/epub+zip", "an EPUB book"},
                {"word/document.xml", "an office document"},
                {"arr_0.npy", "NumPy's .npz"},
                {"archive/data.pkl", "a PyTorch file"},
                {"text.txt", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char bytes[128] = "PK\3\4";
        const struct file_head head = {bytes, sizeof bytes, false};
        struct error err = {0};
        bytes[26] = (char)strlen(rows[i].name);
        memcpy(bytes + 30, rows[i].name, strlen(rows[i].name));
        enum status status = file_kind_check_packed(&head, "corpus", &err);
        assert_int_equal(status, rows[i].kind ? STATUS_UNSUPPORTED : STATUS_OK);
        assert_true(!rows[i].kind || strstr(err.text, rows[i].kind));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(magics),
        cmocka_unit_test(weak_magics_of_text),
        cmocka_unit_test(html),
        cmocka_unit_test(json),
        cmocka_unit_test(csv),
        cmocka_unit_test(wide_text),
        cmocka_unit_test(other_encodings),
        cmocka_unit_test(unknown_binary),
        cmocka_unit_test(an_intake),
        cmocka_unit_test(zips_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
