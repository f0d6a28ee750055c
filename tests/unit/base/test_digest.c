#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"

static void sha256_of_known_texts(void **state) {
    (void)state;
    struct digest *digest;
    char text[DIGEST_TEXT_SIZE];
    assert_int_equal(digest_create(&digest, NULL), STATUS_OK);
    digest_text(digest, text);
    assert_string_equal(text,
                        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_add(digest, "a", 1);
    digest_add(digest, "", 0);
    digest_add(digest, "bc", 2);
    for (int again = 0; again < 2; again++) {
        digest_text(digest, text);
        assert_string_equal(
            text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
    /* Reading it out does not end it. */
    digest_add(digest, "dbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 53);
    digest_text(digest, text);
    assert_string_equal(text,
                        "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    digest_free(digest);
    digest_free(NULL);
}

static void a_million_letters(void **state) {
    (void)state;
    struct digest *digest;
    char text[DIGEST_TEXT_SIZE], letters[1000];
    memset(letters, 'a', sizeof letters);
    assert_int_equal(digest_create(&digest, NULL), STATUS_OK);
    for (int i = 0; i < 1000; i++)
        digest_add(digest, letters, sizeof letters);
    digest_text(digest, text);
    assert_string_equal(text,
                        "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    digest_free(digest);
}

static void xxh3(void **state) {
    (void)state;
    assert_true(checksum("", 0) == 0x2d06800538d394c2u); /* XXH3-64 of nothing, seed 0 */
    assert_true(checksum("ab", 2) != checksum("ba", 2));
}

static void xxh3_in_pieces(void **state) {
    char text[CHECKSUM_TEXT_SIZE], bytes[1000];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t piece = 1; piece < 700; piece += 99) {
        struct checksum *sum = checksum_create();
        assert_non_null(sum);
        for (size_t at = 0; at < sizeof bytes; at += piece)
            checksum_add(sum, bytes + at, sizeof bytes - at < piece ? sizeof bytes - at : piece);
        assert_true(checksum_value(sum) == checksum(bytes, sizeof bytes));
        checksum_free(sum);
    }
    checksum_text(0xabcu, text);
    assert_string_equal(text, "xxh3:0000000000000abc");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sha256_of_known_texts),
                                       cmocka_unit_test(a_million_letters), cmocka_unit_test(xxh3),
                                       cmocka_unit_test(xxh3_in_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
