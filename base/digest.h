/* SHA-256 names contents (GnuTLS); XXH3-64 finds accidents in sections of our files (xxHash). */
#ifndef VECMILL_BASE_DIGEST_H
#define VECMILL_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DIGEST_TEXT_SIZE 72 /* "sha256:" + 64 hex + NUL */

/* SHA-512 is for what others want to have checked; nothing of ours is named by it. */
enum digest_kind { DIGEST_SHA256, DIGEST_SHA512, DIGEST_KINDS };
#define DIGEST_BYTES_MAX 64
size_t digest_size(enum digest_kind kind); /* bytes */

/* A running digest, a SHA-256 unless it is created otherwise. Owns: digest_free. */
struct digest;
enum status digest_create_of(struct digest **digest, enum digest_kind kind,
                             struct error *err) MUST_CHECK;
/* The digest of all bytes so far; how many bytes it has, 0 when memory is out. */
size_t digest_bytes(const struct digest *digest, unsigned char bytes[DIGEST_BYTES_MAX]);
enum status digest_create(struct digest **digest, struct error *err) MUST_CHECK;
void digest_add(struct digest *digest, const void *bytes, size_t length);
/* "sha256:..." of all bytes so far, for a SHA-256; the empty text, which equals no digest, when
 * memory is out. */
void digest_text(const struct digest *digest, char text[DIGEST_TEXT_SIZE]);
void digest_free(struct digest *digest); /* NULL is fine */

/* XXH3-64. */
uint64_t checksum(const void *bytes, size_t length);

/* The same of bytes that come in pieces. Owns: checksum_free. NULL when out of memory. */
struct checksum;
struct checksum *checksum_create(void);
void checksum_add(struct checksum *running, const void *bytes, size_t length);
uint64_t checksum_value(const struct checksum *running);
void checksum_free(struct checksum *running); /* NULL is fine */

#define CHECKSUM_PREFIX "xxh3:"
#define CHECKSUM_TEXT_SIZE 22 /* "xxh3:" + 16 hex + NUL */
void checksum_text(uint64_t sum, char text[CHECKSUM_TEXT_SIZE]);

#endif
