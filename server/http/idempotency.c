#include "server/http/idempotency.h"

#include <stdbool.h>
#include <string.h>

enum status idempotency_key(const struct http_request *request, char key[IDEMPOTENCY_KEY_SIZE],
                            struct error *err) {
    const char *value = request_header(request, "Idempotency-Key");
    key[0] = '\0';
    if (!value)
        return STATUS_OK;
    size_t length = strlen(value);
    bool printable = length > 0 && length < IDEMPOTENCY_KEY_SIZE;
    for (size_t i = 0; i < length && printable; i++)
        printable = value[i] > ' ' && value[i] <= '~';
    if (!printable)
        return error_set_key(err, STATUS_MALFORMED, "Idempotency-Key",
                             "Idempotency-Key must be 1 to %d printable characters without spaces",
                             IDEMPOTENCY_KEY_SIZE - 1);
    if (key_stands_in(value)) /* it is written to disk */
        return error_set_key(err, STATUS_MALFORMED, "Idempotency-Key",
                             "Idempotency-Key is a key of access: that belongs into Authorization");
    memcpy(key, value, length + 1);
    return STATUS_OK;
}

enum status fingerprint_text(const char *bytes, size_t length, char text[DIGEST_TEXT_SIZE],
                             struct error *err) {
    struct digest *digest = NULL;
    enum status status = digest_create(&digest, err);
    if (status != STATUS_OK)
        return status;
    digest_add(digest, bytes, length);
    digest_text(digest, text);
    digest_free(digest);
    return STATUS_OK;
}
