#include "base/digest.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

struct digest {
    gnutls_hash_hd_t handle;
    enum digest_kind kind;
};

static gnutls_digest_algorithm_t algorithm_of(enum digest_kind kind) {
    switch (kind) {
    case DIGEST_SHA512:
        return GNUTLS_DIG_SHA512;
    case DIGEST_SHA256:
    case DIGEST_KINDS: /* is none */
        break;
    }
    return GNUTLS_DIG_SHA256;
}

size_t digest_size(enum digest_kind kind) {
    return kind == DIGEST_SHA512 ? 64 : 32;
}

enum status digest_create_of(struct digest **digest, enum digest_kind kind, struct error *err) {
    struct digest *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a digest");
    made->kind = kind;
    int result = gnutls_hash_init(&made->handle, algorithm_of(kind));
    if (result < 0) {
        free(made);
        return error_set(err, result == GNUTLS_E_MEMORY_ERROR ? STATUS_NO_MEMORY : STATUS_INTERNAL,
                         "cannot start a digest: %s", gnutls_strerror(result));
    }
    *digest = made;
    return STATUS_OK;
}

enum status digest_create(struct digest **digest, struct error *err) {
    return digest_create_of(digest, DIGEST_SHA256, err);
}

void digest_add(struct digest *digest, const void *bytes, size_t length) {
    gnutls_hash(digest->handle, bytes, length);
}

size_t digest_bytes(const struct digest *digest, unsigned char bytes[DIGEST_BYTES_MAX]) {
    gnutls_hash_hd_t copy = gnutls_hash_copy(digest->handle);
    if (!copy)
        return 0;
    gnutls_hash_deinit(copy, bytes);
    return digest_size(digest->kind);
}

void digest_text(const struct digest *digest, char text[DIGEST_TEXT_SIZE]) {
    unsigned char hash[DIGEST_BYTES_MAX];
    text[0] = '\0';
    if (digest_bytes(digest, hash) == 0)
        return; /* out of memory: the empty text equals no digest */
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
