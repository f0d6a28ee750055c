/* CRC-32C (Castagnoli), as TensorFlow's record files have it. */
#ifndef VECMILL_BASE_CRC32C_H
#define VECMILL_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of n bytes; 0 for none. Source: RFC 3720, B.4. Cost: a table look-up a byte. */
uint32_t crc32c(const void *bytes, size_t n);
/* The form that is stored beside data, so that a checksum of data with checksums in it is none. */
uint32_t crc32c_masked(const void *bytes, size_t n);

#endif
