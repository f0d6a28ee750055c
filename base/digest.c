#include "base/digest.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

struct digest {
    gnutls_hash_hd_t handle;
};

enum status digest_create(struct digest **digest, struct error *err) {
    struct digest *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a digest");
    int result = gnutls_hash_init(&made->handle, GNUTLS_DIG_SHA256);
    if (result < 0) {
        free(made);
        return error_set(err, result == GNUTLS_E_MEMORY_ERROR ? STATUS_NO_MEMORY : STATUS_INTERNAL,
                         "cannot start SHA-256: %s", gnutls_strerror(result));
    }
    *digest = made;
    return STATUS_OK;
}

void digest_add(struct digest *digest, const void *bytes, size_t length) {
    gnutls_hash(digest->handle, bytes, length);
}

void digest_text(const struct digest *digest, char text[DIGEST_TEXT_SIZE]) {
    unsigned char hash[32];
    text[0] = '\0';
    gnutls_hash_hd_t copy = gnutls_hash_copy(digest->handle);
    if (!copy)
        return; /* out of memory: the empty text equals no digest */
    gnutls_hash_deinit(copy, hash);
    int used = snprintf(text, DIGEST_TEXT_SIZE, "sha256:");
    for (int i = 0; i < 32; i++)
        used += snprintf(text + used, DIGEST_TEXT_SIZE - (size_t)used, "%02x", hash[i]);
}

void digest_free(struct digest *digest) {
    if (digest) {
        gnutls_hash_deinit(digest->handle, NULL);
        free(digest);
    }
}

uint64_t checksum(const void *bytes, size_t length) {
    return XXH3_64bits(bytes, length);
}
