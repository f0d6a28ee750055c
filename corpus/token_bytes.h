/* White space and case of ASCII, eight bytes at a time. Private to corpus/. */
#ifndef VECMILL_CORPUS_TOKEN_BYTES_H
#define VECMILL_CORPUS_TOKEN_BYTES_H

#include <stdint.h>

/* The byte eight times. */
#define BYTES_ALL(byte) (0x0101010101010101u * (uint64_t)(byte))
#define BYTES_HIGH BYTES_ALL(0x80) /* set where a byte is not ASCII */

/* Bit 7 of each of the eight bytes that is ASCII white space: space, and '\t' to '\r', which
 * stand one behind the other. No carry crosses bytes, so every bit
 * is exact. */
static inline uint64_t bytes_space(uint64_t bytes) {
    uint64_t low = bytes & BYTES_ALL(0x7f);
    uint64_t from_tab = low + BYTES_ALL(0x80 - '\t'),
             above_return = low + BYTES_ALL(0x80 - '\r' - 1);
    uint64_t not_blank = (low ^ BYTES_ALL(' ')) + BYTES_ALL(0x7f);
    return ((from_tab & ~above_return) | ~not_blank) & ~bytes & BYTES_HIGH;
}

/* The bytes with ASCII letters in lower case. */
static inline uint64_t bytes_lower(uint64_t bytes) {
    uint64_t low = bytes & BYTES_ALL(0x7f);
    uint64_t from_a = low + BYTES_ALL(0x80 - 'A'), above_z = low + BYTES_ALL(0x80 - 'Z' - 1);
    return bytes | ((from_a & ~above_z & ~bytes & BYTES_HIGH) >> 2);
}

#endif
