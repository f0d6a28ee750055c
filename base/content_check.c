#include "base/content_check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const char *kind_name(enum digest_kind kind) {
    switch (kind) {
    case DIGEST_SHA256:
        return "sha-256";
    case DIGEST_SHA512:
        return "sha-512";
    case DIGEST_KINDS: /* is none */
        break;
    }
    return "";
}

/* ---- base64 ---------------------------------------------------------------------------------- */

static void base64_print(const unsigned char *bytes, size_t n, char *text) {
    for (size_t i = 0; i < n; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= i + 2 < n ? bytes[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            *text++ = k > n - i ? '=' : letters[group >> (18 - 6 * k) & 63];
    }
    *text = '\0';
}

/* True when text[length] is base64 of exactly n bytes. */
static bool base64_read(const char *text, size_t length, unsigned char *bytes, size_t n) {
    if (length != (n + 2) / 3 * 4)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        uint32_t group = 0;
        size_t here = n - i / 4 * 3 < 3 ? n - i / 4 * 3 : 3;
        for (size_t k = 0; k < 4; k++) {
            const char *at = k <= here ? memchr(letters, text[i + k], 64) : letters;
            if (!at || (k > here && text[i + k] != '='))
                return false;
            group = group << 6 | (uint32_t)(at - letters);
        }
        for (size_t k = 0; k < here; k++)
            bytes[i / 4 * 3 + k] = (unsigned char)(group >> (16 - 8 * k));
    }
    return true;
}

/* ---- the fields ------------------------------------------------------------------------------ */

static enum status field_refuse(const char *field, struct error *err) {
    return error_set_key(err, STATUS_MALFORMED, field,
                         "%s must be as 'sha-256=:BASE64:', with the digest in base64", field);
}

/* One member, "sha-256=:...:;parameters"; what is of another algorithm is passed over. */
static enum status member_read(struct digest_promise *promise, const char *text, size_t length,
                               struct error *err) {
    size_t key = strcspn(text, "=");
    if (key >= length)
        return field_refuse(promise->field, err);
    for (enum digest_kind kind = 0; kind < DIGEST_KINDS; kind++) {
        const char *name = kind_name(kind), *value = text + key + 1;
        if (key != strlen(name) || strncasecmp(text, name, key) != 0)
            continue;
        size_t end = value[0] == ':' ? strcspn(value + 1, ":") : 0;
        if (value[0] != ':' || value + 1 + end >= text + length ||
            !base64_read(value + 1, end, promise->bytes[kind], digest_size(kind)))
            return field_refuse(promise->field, err);
        promise->given[kind] = true;
    }
    return STATUS_OK;
}

static enum status promise_read(struct digest_promise *promise, const char *value,
                                struct error *err) {
    bool any = false;
    for (const char *at = value; *at != '\0';) {
        size_t length = strcspn(at, ",");
        size_t blank = strspn(at, " \t");
        if (blank < length) {
            enum status status = member_read(promise, at + blank, length - blank, err);
            if (status != STATUS_OK)
                return status;
        }
        at += length + (at[length] == ',');
    }
    for (size_t kind = 0; kind < DIGEST_KINDS; kind++)
        any = any || promise->given[kind];
    return any ? STATUS_OK
               : error_set_key(err, STATUS_REFUSED, promise->field,
                               "%s has no digest that is checked here: sha-256 and sha-512 are",
                               promise->field);
}

enum status content_check_field(struct content_check *check, const char *field, const char *value,
                                struct error *err) {
    if (!value)
        return STATUS_OK;
    if (check->n == CONTENT_CHECK_FIELDS)
        return error_set(err, STATUS_INTERNAL, "too many digests to check");
    struct digest_promise *promise = &check->promises[check->n];
    *promise = (struct digest_promise){.field = ""};
    snprintf(promise->field, sizeof promise->field, "%s", field);
    enum status status = promise_read(promise, value, err);
    for (enum digest_kind kind = 0; kind < DIGEST_KINDS && status == STATUS_OK; kind++)
        if (promise->given[kind] && !check->digests[kind])
            status = digest_create_of(&check->digests[kind], kind, err);
    check->n += status == STATUS_OK;
    return status;
}

void content_check_add(struct content_check *check, const void *bytes, size_t length) {
    check->length += length;
    for (size_t kind = 0; kind < DIGEST_KINDS; kind++)
        if (check->digests[kind])
            digest_add(check->digests[kind], bytes, length);
}

enum status content_check_finish(const struct content_check *check, struct error *err) {
    for (size_t i = 0; i < check->n; i++)
        for (enum digest_kind kind = 0; kind < DIGEST_KINDS; kind++) {
            const struct digest_promise *promise = &check->promises[i];
            unsigned char found[DIGEST_BYTES_MAX];
            char text[DIGEST_FIELD_SIZE];
            size_t size = digest_size(kind);
            if (!promise->given[kind])
                continue;
            if (digest_bytes(check->digests[kind], found) != size)
                return error_set(err, STATUS_NO_MEMORY, "out of memory for a digest");
            digest_field_print(kind, found, text);
            if (memcmp(found, promise->bytes[kind], size) != 0)
                return error_set_key(err, STATUS_MALFORMED, promise->field,
                                     "%s promises another digest: what came, %llu bytes, has %s",
                                     promise->field, (unsigned long long)check->length, text);
        }
    return STATUS_OK;
}

void content_check_clear(struct content_check *check) {
    for (size_t kind = 0; kind < DIGEST_KINDS; kind++)
        digest_free(check->digests[kind]);
    *check = (struct content_check){.n = 0};
}

/* ---- what we say ----------------------------------------------------------------------------- */

void digest_field_print(enum digest_kind kind, const unsigned char *bytes,
                        char text[DIGEST_FIELD_SIZE]) {
    int n = snprintf(text, DIGEST_FIELD_SIZE, "%s=:", kind_name(kind));
    base64_print(bytes, digest_size(kind), text + n);
    size_t length = strlen(text);
    snprintf(text + length, DIGEST_FIELD_SIZE - length, ":");
}

static int hex_value(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

void digest_field_of_text(const char *digest, char text[DIGEST_FIELD_SIZE]) {
    static const char prefix[] = "sha256:";
    unsigned char bytes[32];
    text[0] = '\0';
    if (strncmp(digest, prefix, sizeof prefix - 1) != 0 ||
        strlen(digest) != sizeof prefix - 1 + 2 * sizeof bytes)
        return;
    for (size_t i = 0; i < sizeof bytes; i++) {
        int high = hex_value(digest[sizeof prefix - 1 + 2 * i]),
            low = hex_value(digest[sizeof prefix + 2 * i]);
        if (high < 0 || low < 0)
            return;
        bytes[i] = (unsigned char)(high * 16 + low);
    }
    digest_field_print(DIGEST_SHA256, bytes, text);
}
