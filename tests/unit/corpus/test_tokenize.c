/* Tokenizers: hand-typed cases, and the paths that are our own (ASCII, windows) against
 * libunistring on the whole text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>
#include <uniwbrk.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/random.h"
#include "base/utf8.h"
#include "corpus/corpus.h"

/* Tokens, each followed by '|'. */
static enum status join(void *context, const char *token, size_t length, struct error *err) {
    (void)err;
    assert_true(length > 0);
    buffer_append(context, token, length);
    buffer_append_char(context, '|');
    return STATUS_OK;
}

static void tokenize(const struct settings *settings, const char *text, size_t length,
                     struct buffer *tokens) {
    struct error err = {0};
    assert_int_equal(corpus_tokenize(settings, text, length, join, tokens, &err), STATUS_OK);
    buffer_append(tokens, "", 0);
}

static struct settings settings_make(int tokenizer, bool lowercase) {
    struct settings settings;
    settings_init(&settings);
    settings.tokenizer = tokenizer;
    settings.lowercase = lowercase;
    return settings;
}

static void check(const struct settings *settings, const char *text, size_t length,
                  const char *expected) {
    struct buffer tokens = {0};
    tokenize(settings, text, length, &tokens);
    assert_string_equal(!tokens.data ? "" : tokens.data, expected);
    buffer_clear(&tokens);
}

#define CHECK(settings, text, expected) check(settings, text, sizeof text - 1, expected)

static void test_whitespace(void **state) {
    struct settings settings = settings_make(TOKENIZER_WHITESPACE, false);
    (void)state;
    CHECK(&settings, "", "");
    CHECK(&settings, " \t\n\v\f\r", "");
    CHECK(&settings, "a b\tc\nd\ve\ff\rg", "a|b|c|d|e|f|g|");
    CHECK(&settings,
          "\xef\xbb\xbf"
          "The don't, \xff\xfe \xe3\x80\x80x",
          "The|don't,|\xff\xfe|x|");
    CHECK(&settings, "\xc2\x85 \x1f \x1c", "\x1f|\x1c|");
    /* neither a zero width space nor what only looks like white space separates */
    CHECK(&settings,
          "a\xe2\x80\x8b"
          "b\xe1\xa0\x8e"
          "c\xc2\x84"
          "d\xe2\x80\x99"
          "e",
          "a\xe2\x80\x8b"
          "b\xe1\xa0\x8e"
          "c\xc2\x84"
          "d\xe2\x80\x99"
          "e|");
    CHECK(&settings,
          "joined\xef\xbb\xbf"
          "file \xef\xbb\xbfmark\xef\xbb\xbf",
          "joined|file|mark|");
    struct buffer tokens = {0};
    tokenize(&settings, "a\0b \0", 5, &tokens);
    assert_int_equal(tokens.length, 6);
    assert_memory_equal(tokens.data, "a\0b|\0|", 6);
    buffer_clear(&tokens);
}

/* Each code point there is between two words: 25 of them are white space. */
static void test_white_space_of_unicode(void **state) {
    struct settings whitespace = settings_make(TOKENIZER_WHITESPACE, false),
                    unicode = settings_make(TOKENIZER_UNICODE, false);
    int separate = 0;
    (void)state;
    for (uint32_t c = 1; c < 0x110000; c++) {
        char text[8] = {'a'};
        size_t length = 1 + utf8_encode(c, text + 1);
        text[length++] = 'b';
        bool space = uc_is_property_white_space(c), separates = space || c == 0xfeff;
        separate += space;
        if (utf8_is_space(c) != space ||
            utf8_separator(text + 1, text + length) != (separates ? length - 2 : 0))
            fail_msg("U+%04X", (unsigned)c);
        if (separates)
            check(&unicode, text, length, "a|b|");
        if (separates)
            check(&whitespace, text, length, "a|b|");
    }
    assert_int_equal(separate, 25);
}

static void test_lowercase(void **state) {
    struct settings settings = settings_make(TOKENIZER_WHITESPACE, true);
    (void)state;
    CHECK(&settings, "THE AZ@[`{ Sevenly", "the|az@[`{|sevenly|");
    CHECK(&settings,
          "\xd0\x9f\xd0\xa0\xd0\x98 \xc3\x84 STRASSE STRA\xe1\xba\x9e"
          "E",
          "\xd0\xbf\xd1\x80\xd0\xb8|\xc3\xa4|strasse|stra\xc3\x9f"
          "e|");
    /* the last sigma of a word */
    CHECK(&settings, "\xce\xa3\xce\x9f\xce\xa3", "\xcf\x83\xce\xbf\xcf\x82|");
    /* invalid: ASCII letters only */
    CHECK(&settings, "A\xff\xc3\x84", "a\xff\xc3\x84|");
    /* no normalisation */
    CHECK(&settings, "A\xcc\x88", "a\xcc\x88|");
}

static void test_unicode(void **state) {
    struct settings settings = settings_make(TOKENIZER_UNICODE, false);
    (void)state;
    CHECK(&settings, "The quick (\"brown\") fox can't jump 32.3 feet, right?",
          "the|quick|brown|fox|can't|jump|32.3|feet|right|");
    CHECK(&settings, "x_1 __ _ a.b a. .b 1,000 1, e.g. o'o'o a''b 3'5",
          "x_1|a.b|a|b|1,000|1|e.g|o'o'o|a|b|3'5|");
    CHECK(&settings, "A\xcc\x88pfel \xc3\x84pfel", "\xc3\xa4pfel|\xc3\xa4pfel|"); /* NFC */
    CHECK(&settings,
          "Stra\xc3\x9f"
          "e STRASSE",
          "strasse|strasse|");
    /* full folding, no Turkish rules */
    CHECK(&settings, "\xc4\xb0stanbul I\xc4\xb1", "i\xcc\x87stanbul|i\xc4\xb1|");
    CHECK(&settings, "\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82",
          /* both sigmas fold to one */
          "\xcf\x83\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83|");
    CHECK(&settings, "\xe4\xb8\xad\xe6\x96\x87\xe3\x80\x82\xe5\xad\x97",
          "\xe4\xb8\xad|\xe6\x96\x87|\xe5\xad\x97|");
    CHECK(&settings, "\xe3\x82\xab\xe3\x82\xbf\xe3\x82\xab\xe3\x83\x8a",
          "\xe3\x82\xab\xe3\x82\xbf\xe3\x82\xab\xe3\x83\x8a|");
    CHECK(&settings, "\xed\x95\x9c\xea\xb8\x80 \xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",
          "\xed\x95\x9c\xea\xb8\x80|\xed\x95\x9c|");
    /* numbers */
    CHECK(&settings, "\xd9\xa1\xd9\xa2 \xe2\x85\xab \xc2\xbd",
          "\xd9\xa1\xd9\xa2|\xe2\x85\xbb|\xc2\xbd|");
    CHECK(&settings, "\xf0\x9f\x98\x80 \xe2\x82\xac \xe2\x80\x94 \xcc\x81 !", "");
    CHECK(&settings, "don\xe2\x80\x99t \xe2\x80\x9cquoted\xe2\x80\x9d", "don\xe2\x80\x99t|quoted|");
    CHECK(&settings, "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, hello",
          "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82|hello|");
    /* Hebrew keeps its double quote */
    CHECK(&settings, "\xd7\xa6\xd7\x94\"\xd7\x9c", "\xd7\xa6\xd7\x94\"\xd7\x9c|");
}

static void test_unicode_invalid(void **state) {
    struct settings settings = settings_make(TOKENIZER_UNICODE, false);
    (void)state;
    CHECK(&settings,
          "a\xff"
          "b \xc3 c\xe4\xb8",
          "a|b|c|");
    CHECK(&settings, "\xed\xa0\x80x\xf4\x90\x80\x80y\xc0\xafz", "x|y|z|");
    CHECK(&settings, "\xff\xff\xff", "");
    CHECK(&settings, "\xd0\x9f\xd1", "\xd0\xbf|");
    struct buffer tokens = {0};
    tokenize(&settings, "a\0b", 3, &tokens); /* NUL is a control character: no part of a word */
    assert_string_equal(tokens.data, "a|b|");
    buffer_clear(&tokens);
}

/* The rules straight from libunistring over a text without white space and invalid parts. */
static void reference(const char *text, size_t length, struct buffer *tokens) {
    char *breaks = malloc(length + 1);
    struct error err = {0};
    u8_wordbreaks((const uint8_t *)text, length, breaks);
    for (size_t at = 1, begin = 0; at <= length; at++) {
        if (at < length && !breaks[at])
            continue;
        bool word = false;
        ucs4_t c;
        for (size_t i = begin; i < at;
             i += (size_t)u8_mbtouc(&c, (const uint8_t *)text + i, at - i)) {
            (void)u8_mbtouc(&c, (const uint8_t *)text + i, at - i);
            word = word || uc_is_general_category(c, UC_LETTER) ||
                   uc_is_general_category(c, UC_NUMBER);
        }
        if (word) {
            size_t size;
            uint8_t *folded = u8_casefold((const uint8_t *)text + begin, at - begin, NULL,
                                          UNINORM_NFC, NULL, &size);
            assert_int_equal(join(tokens, (const char *)folded, size, &err), STATUS_OK);
            free(folded);
        }
        begin = at;
    }
    free(breaks);
}

static void check_reference(const struct settings *settings, const char *text, size_t length) {
    struct buffer ours = {0}, theirs = {0};
    tokenize(settings, text, length, &ours);
    reference(text, length, &theirs);
    assert_int_equal(ours.length, theirs.length);
    if (ours.length > 0)
        assert_memory_equal(ours.data, theirs.data, ours.length);
    buffer_clear(&ours);
    buffer_clear(&theirs);
}

static void test_ascii_agrees(void **state) {
    static const char often[] = "aaZz019__..''::,,;\"-";
    struct settings settings = settings_make(TOKENIZER_UNICODE, false);
    struct random random;
    char text[24];
    (void)state;
    random_init(&random, 1, 0);
    for (int round = 0; round < 100000; round++) {
        size_t length = 1 + random_below(&random, sizeof text - 1);
        for (size_t i = 0; i < length; i++)
            text[i] = (char)(random_below(&random, 4) == 0
                                 ? 33 + random_below(&random, 94)
                                 : (uint64_t)often[random_below(&random, sizeof often - 1)]);
        check_reference(&settings, text, length);
    }
}

/* Runs far longer than a window, of pieces that look around: marks, joiners, flags, quotes, digits,
 * ideographs. */
static void test_windows_agree(void **state) {
    static const char *const pieces[] = {"a",
                                         "\xd0\x9f",
                                         "'",
                                         ".",
                                         ",",
                                         "1",
                                         "_",
                                         "\xcc\x81",
                                         "\xe2\x80\x8d",
                                         "\xf0\x9f\x87\xa9",
                                         "\xf0\x9f\x98\x80",
                                         "\xe4\xb8\xad",
                                         "\xe3\x82\xab",
                                         "\xd7\xa6",
                                         "\"",
                                         "\xe2\x84\xb9"};
    struct settings settings = settings_make(TOKENIZER_UNICODE, false);
    struct random random;
    struct buffer text = {0};
    (void)state;
    random_init(&random, 2, 0);
    for (int round = 0; round < 6; round++) {
        text.length = 0;
        uint64_t kinds = round < 3 ? 16 : 2; /* few kinds: words longer than a window */
        while (text.length < 300000)
            buffer_append_text(&text, pieces[random_below(&random, kinds)]);
        check_reference(&settings, text.data, text.length);
    }
    buffer_clear(&text);
}

static enum status refuse(void *context, const char *token, size_t length, struct error *err) {
    (void)token;
    (void)length;
    return ++*(int *)context == 2 ? error_set(err, STATUS_BUSY, "enough") : STATUS_OK;
}

static void test_visit_ends(void **state) {
    (void)state;
    for (int tokenizer = TOKENIZER_WHITESPACE; tokenizer <= TOKENIZER_UNICODE; tokenizer++) {
        struct settings settings = settings_make(tokenizer, false);
        static const char *const texts[] = {"a b c d", "\xd0\x9f b \xd0\x9f d", "a.1 b.1 c"};
        for (size_t i = 0; i < 3; i++) {
            struct error err = {0};
            int calls = 0;
            assert_int_equal(
                corpus_tokenize(&settings, texts[i], strlen(texts[i]), refuse, &calls, &err),
                STATUS_BUSY);
            assert_string_equal(err.text, "enough");
            assert_int_equal(calls, 2);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whitespace),      cmocka_unit_test(test_white_space_of_unicode),
        cmocka_unit_test(test_lowercase),       cmocka_unit_test(test_unicode),
        cmocka_unit_test(test_unicode_invalid), cmocka_unit_test(test_ascii_agrees),
        cmocka_unit_test(test_windows_agree),   cmocka_unit_test(test_visit_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
