/* The fields of RFC 9530: what is read, what is refused, what a broken promise says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/content_check.h"

/* Of "abc", from FIPS 180-4. */
#define ABC_256 "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:"
#define ABC_512                                                              \
    "sha-512=:3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/" \
    "uu9RU1EI2Q86A4qmslPpUyknw==:"

static enum status check(const char *value, const char *content, struct error *err) {
    struct content_check made = {.n = 0};
    enum status status = content_check_field(&made, "Repr-Digest", value, err);
    /* in pieces */
    for (const char *at = content; *at != '\0' && status == STATUS_OK; at++)
        content_check_add(&made, at, 1);
    if (status == STATUS_OK)
        status = content_check_finish(&made, err);
    content_check_clear(&made);
    return status;
}

static void promises_that_are_kept(void **state) {
    (void)state;
    static const char *const values[] = {
        ABC_256,
        ABC_512,
        ABC_256 ", " ABC_512,
        "md5=:kAFQmDzST7DWlj99KOF/cg==:,\t" ABC_256,
        ABC_256 ";x=1",
        "unixsum=30637 , " ABC_512,
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct error err = {0};
        if (check(values[i], "abc", &err) != STATUS_OK)
            fail_msg("%s: %s", values[i], err.text);
    }
    struct error err = {0};
    assert_int_equal(check(NULL, "anything", &err), STATUS_OK);
}

static void promises_that_are_broken(void **state) {
    (void)state;
    static const char *const values[] = {ABC_256, ABC_512, ABC_256 ", " ABC_512};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct error err = {0};
        assert_int_equal(check(values[i], "abd", &err), STATUS_MALFORMED);
        assert_string_equal(err.key, "Repr-Digest");
        assert_non_null(strstr(err.text, "promises another digest: what came, 3 bytes, has sha-"));
    }
}

static void fields_that_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *value;
        enum status status;
    } rows[] = {
        {"", STATUS_REFUSED},
        {"md5=:kAFQmDzST7DWlj99KOF/cg==:", STATUS_REFUSED},
        {"sha-256", STATUS_MALFORMED},
        {"sha-256=", STATUS_MALFORMED},
        {"sha-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", STATUS_MALFORMED},
        {"sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", STATUS_MALFORMED},
        {"sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0:", STATUS_MALFORMED},
        {"sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa!=:", STATUS_MALFORMED},
        {"sha-256=:=ngWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:", STATUS_MALFORMED},
        {"sha-256=::", STATUS_MALFORMED},
        {"sha-512=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:", STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err = {0};
        if (check(rows[i].value, "abc", &err) != rows[i].status)
            fail_msg("'%s': %s", rows[i].value, err.text);
        assert_string_equal(err.key, "Repr-Digest");
    }
}

static void digests_as_fields(void **state) {
    (void)state;
    struct digest *digest = NULL;
    unsigned char bytes[DIGEST_BYTES_MAX];
    char text[DIGEST_TEXT_SIZE], field[DIGEST_FIELD_SIZE];
    assert_int_equal(digest_create(&digest, NULL), STATUS_OK);
    digest_add(digest, "abc", 3);
    digest_text(digest, text);
    digest_field_of_text(text, field);
    assert_string_equal(field, ABC_256);
    digest_free(digest);
    assert_int_equal(digest_create_of(&digest, DIGEST_SHA512, NULL), STATUS_OK);
    digest_add(digest, "abc", 3);
    assert_int_equal(digest_bytes(digest, bytes), 64);
    digest_field_print(DIGEST_SHA512, bytes, field);
    assert_string_equal(field, ABC_512);
    digest_free(digest);
    digest_field_of_text("sha256:xy", field);
    assert_string_equal(field, "");
    digest_field_of_text("", field);
    assert_string_equal(field, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promises_that_are_kept), cmocka_unit_test(promises_that_are_broken),
        cmocka_unit_test(fields_that_are_refused), cmocka_unit_test(digests_as_fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
