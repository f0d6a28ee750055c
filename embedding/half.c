#include "embedding/half.h"

#include <string.h>

#define FLOAT_INFINITY 0x7f800000u
#define HALF_INFINITY 0x7c00u
#define TOO_LARGE 0x477ff000u /* 65520: from here on it rounds to infinity */
#define NORMAL 0x38800000u    /* 2^-14, the least normal half */

uint16_t half_from_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    if (size > FLOAT_INFINITY)
        return (uint16_t)(sign | HALF_INFINITY | 0x200u);
    if (size >= TOO_LARGE)
        return (uint16_t)(sign | HALF_INFINITY);
    if (size < NORMAL) { /* whole multiples of 2^-24: adding 0.5 rounds them into place */
        float place, rounded;
        memcpy(&place, &size, sizeof place);
        rounded = place + 0.5f;
        memcpy(&size, &rounded, sizeof size);
        return (uint16_t)(sign | (size - 0x3f000000u));
    }
    size += 0xfffu + (size >> 13 & 1) - (112u << 23); /* ties to even; the exponents' distance */
    return (uint16_t)(sign | size >> 13);
}

float half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, size = half & 0x7fffu, bits;
    float value;
    if (size >= HALF_INFINITY) {
        bits = sign | FLOAT_INFINITY | (size & 0x3ffu) << 13;
    } else if (size >= 0x400u) {
        bits = sign | ((size << 13) + (112u << 23));
    } else {
        value = (float)size * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}
