#include "base/crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* reflected */

uint32_t crc32c(const void *bytes, size_t n) {
    const unsigned char *at = bytes;
    uint32_t table[16], crc = UINT32_MAX;
    for (uint32_t nibble = 0; nibble < 16; nibble++) {
        table[nibble] = nibble;
        for (int bit = 0; bit < 4; bit++)
            table[nibble] = table[nibble] >> 1 ^ (table[nibble] & 1 ? POLYNOMIAL : 0);
    }
    for (size_t i = 0; i < n; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

uint32_t crc32c_masked(const void *bytes, size_t n) {
    uint32_t crc = crc32c(bytes, n);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}
