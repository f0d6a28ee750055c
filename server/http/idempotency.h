/* Idempotency-Key: a request that is sent again with its key is answered as it was the first time.
 * Who answers keeps the key, and a fingerprint of what it stood for. */
#ifndef VECMILL_SERVER_IDEMPOTENCY_H
#define VECMILL_SERVER_IDEMPOTENCY_H

#include "base/digest.h"
#include "server/http/http.h"

#define IDEMPOTENCY_KEY_SIZE 256

/* The request's Idempotency-Key checked; "" when there is none. MALFORMED when it is too long or
 * not printable. */
enum status idempotency_key(const struct http_request *request, char key[IDEMPOTENCY_KEY_SIZE],
                            struct error *err) MUST_CHECK;
/* The digest of what a replay must repeat. */
enum status fingerprint_text(const char *bytes, size_t length, char text[DIGEST_TEXT_SIZE],
                             struct error *err) MUST_CHECK;

#endif
