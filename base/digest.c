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

struct checksum {
    XXH3_state_t *state;
};

struct checksum *checksum_create(void) {
    struct checksum *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->state = XXH3_createState();
    if (!made->state) {
        free(made);
        return NULL;
    }
    XXH3_64bits_reset(made->state);
    return made;
}

void checksum_add(struct checksum *running, const void *bytes, size_t length) {
    if (length > 0)
        XXH3_64bits_update(running->state, bytes, length);
}

uint64_t checksum_value(const struct checksum *running) {
    return XXH3_64bits_digest(running->state);
}

void checksum_free(struct checksum *running) {
    if (running)
        XXH3_freeState(running->state);
    free(running);
}

void checksum_text(uint64_t sum, char text[CHECKSUM_TEXT_SIZE]) {
    snprintf(text, CHECKSUM_TEXT_SIZE, CHECKSUM_PREFIX "%016llx", (unsigned long long)sum);
}
