/* Digests that a sender promises of what it sends, as the fields Content-Digest and Repr-Digest of
 * RFC 9530 have them ("sha-256=:...:, sha-512=:...:"), and the check of what arrives. One thread at
 * a time. */
#ifndef VECMILL_BASE_CONTENT_CHECK_H
#define VECMILL_BASE_CONTENT_CHECK_H

#include <stdbool.h>

#include "base/digest.h"

#define CONTENT_CHECK_FIELDS 2

struct digest_promise {
    char field[32]; /* name of the field, for messages */
    bool given[DIGEST_KINDS];
    unsigned char bytes[DIGEST_KINDS][DIGEST_BYTES_MAX];
};

/* `= {0}` promises nothing and checks nothing. Owns: content_check_clear. */
struct content_check {
    struct digest_promise promises[CONTENT_CHECK_FIELDS];
    size_t n;
    struct digest *digests[DIGEST_KINDS]; /* of what came so far; NULL: not promised */
    uint64_t length;
};

/* Takes the promises of a field in. NULL for `value` is no field. Errors: MALFORMED, key: the
 * field; REFUSED when it has no digest that can be checked here. */
enum status content_check_field(struct content_check *check, const char *field, const char *value,
                                struct error *err) MUST_CHECK;
void content_check_add(struct content_check *check, const void *bytes, size_t length);
/* All is in. MALFORMED, key: the field, when a promise is not kept. */
enum status content_check_finish(const struct content_check *check, struct error *err) MUST_CHECK;
void content_check_clear(struct content_check *check);

#define DIGEST_FIELD_SIZE 112
/* "sha-256=:...:" of bytes. */
void digest_field_print(enum digest_kind kind, const unsigned char *bytes,
                        char text[DIGEST_FIELD_SIZE]);
/* The same of what digest_text gave; empty when that is no digest. */
void digest_field_of_text(const char *digest, char text[DIGEST_FIELD_SIZE]);

#endif
