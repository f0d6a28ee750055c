#include "base/number.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- float32 to text ----------------------------------------------------------------------------
 * Source: R. Giulietti, "The Schubfach way to render doubles" (2020), for binary32. The reals that
 * round to a float are an interval; with 10^k <= width < 10^(k+1) the multiples of 10^k meet it and
 * at most one multiple of 10^(k+1) does. All is scaled by 4 * 10^-k, and "rounding to odd" keeps
 * every comparison with an integer exact. */

#define POWER_MIN (-32)
#define POWER_MAX 46

/* 10^k as a 64-bit integer with its top bit set, rounded up: k = POWER_MIN .. POWER_MAX. Each
 * follows from big-integer arithmetic: ceil(10^k * 2^(63 - floor(log2(10^k)))). */
static const uint64_t powers[POWER_MAX - POWER_MIN + 1] = {
    0xcfb11ead453994bbu, 0x81ceb32c4b43fcf5u, 0xa2425ff75e14fc32u, 0xcad2f7f5359a3b3fu,
    0xfd87b5f28300ca0eu, 0x9e74d1b791e07e49u, 0xc612062576589ddbu, 0xf79687aed3eec552u,
    0x9abe14cd44753b53u, 0xc16d9a0095928a28u, 0xf1c90080baf72cb2u, 0x971da05074da7befu,
    0xbce5086492111aebu, 0xec1e4a7db69561a6u, 0x9392ee8e921d5d08u, 0xb877aa3236a4b44au,
    0xe69594bec44de15cu, 0x901d7cf73ab0acdau, 0xb424dc35095cd810u, 0xe12e13424bb40e14u,
    0x8cbccc096f5088ccu, 0xafebff0bcb24aaffu, 0xdbe6fecebdedd5bfu, 0x89705f4136b4a598u,
    0xabcc77118461cefdu, 0xd6bf94d5e57a42bdu, 0x8637bd05af6c69b6u, 0xa7c5ac471b478424u,
    0xd1b71758e219652cu, 0x83126e978d4fdf3cu, 0xa3d70a3d70a3d70bu, 0xcccccccccccccccdu,
    0x8000000000000000u, 0xa000000000000000u, 0xc800000000000000u, 0xfa00000000000000u,
    0x9c40000000000000u, 0xc350000000000000u, 0xf424000000000000u, 0x9896800000000000u,
    0xbebc200000000000u, 0xee6b280000000000u, 0x9502f90000000000u, 0xba43b74000000000u,
    0xe8d4a51000000000u, 0x9184e72a00000000u, 0xb5e620f480000000u, 0xe35fa931a0000000u,
    0x8e1bc9bf04000000u, 0xb1a2bc2ec5000000u, 0xde0b6b3a76400000u, 0x8ac7230489e80000u,
    0xad78ebc5ac620000u, 0xd8d726b7177a8000u, 0x878678326eac9000u, 0xa968163f0a57b400u,
    0xd3c21bcecceda100u, 0x84595161401484a0u, 0xa56fa5b99019a5c8u, 0xcecb8f27f4200f3au,
    0x813f3978f8940985u, 0xa18f07d736b90be6u, 0xc9f2c9cd04674edfu, 0xfc6f7c4045812297u,
    0x9dc5ada82b70b59eu, 0xc5371912364ce306u, 0xf684df56c3e01bc7u, 0x9a130b963a6c115du,
    0xc097ce7bc90715b4u, 0xf0bdc21abb48db21u, 0x96769950b50d88f5u, 0xbc143fa4e250eb32u,
    0xeb194f8e1ae525feu, 0x92efd1b8d0cf37bfu, 0xb7abc627050305aeu, 0xe596b7b0c643c71au,
    0x8f7e32ce7bea5c70u, 0xb35dbf821ae4f38cu, 0xe0352f62a19e306fu,
};

/* floor(log2(10^e)), floor(log10(2^e)), floor(log10(3/4 * 2^e)), right for |e| < 1000. */
static int floor_log2_of_power10(int e) {
    return (e * 1741647) >> 19;
}

static int floor_log10_of_power2(int e) {
    return (e * 1262611) >> 22;
}

static int floor_log10_of_three_quarters(int e) {
    return (e * 1262611 - 524031) >> 22;
}

/* floor(g * x / 2^64), its last bit set when something was cut off: g is a little too large, so a
 * remainder of 1 is none. */
static uint32_t multiply_to_odd(uint64_t g, uint32_t x) {
    uint64_t low = (g & 0xffffffffu) * x;
    uint64_t high = (g >> 32) * x + (low >> 32);
    return (uint32_t)(high >> 32) | ((uint32_t)high > 1);
}

struct decimal_float {
    uint32_t digits;
    int exponent; /* value = digits * 10^exponent */
};

static struct decimal_float shortest_decimal(uint32_t fraction, uint32_t biased) {
    uint32_t c = biased ? fraction | 0x800000u : fraction;
    int q = (biased ? (int)biased : 1) - 150;
    bool even = c % 2 == 0;
    bool lopsided = fraction == 0 && biased > 1; /* the float below is half as far away */
    int k = lopsided ? floor_log10_of_three_quarters(q) : floor_log10_of_power2(q);
    int shift = q + floor_log2_of_power10(-k) + 1;
    assert(-k >= POWER_MIN && -k <= POWER_MAX && shift >= 1 && shift <= 5);
    uint64_t g = powers[-k - POWER_MIN];
    uint32_t value = multiply_to_odd(g, 4 * c << shift);
    /* An even significand wins ties, so its interval holds its ends. */
    uint32_t lower = multiply_to_odd(g, (4 * c - 2 + lopsided) << shift) + !even;
    uint32_t upper = multiply_to_odd(g, (4 * c + 2) << shift) - !even;
    uint32_t s = value / 4, tens = s / 10;
    bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
    if (below != above)
        return (struct decimal_float){tens + above, k + 1};
    below = lower <= 4 * s;
    above = 4 * s + 4 <= upper;
    if (below != above)
        return (struct decimal_float){s + above, k};
    uint32_t middle = 4 * s + 2;
    bool up = value > middle || (value == middle && s % 2);
    return (struct decimal_float){s + up, k};
}

/* Digits of value, which is not 0, most significant first; returns how many. */
static int write_digits(uint32_t value, char digits[10]) {
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    char text[10];
    int at = 10;
    assert(value > 0);
    while (value >= 10) {
        at -= 2;
        memcpy(text + at, pairs + (size_t)2 * (value % 100), 2);
        value /= 100;
    }
    if (value > 0)
        text[--at] = (char)('0' + value);
    else if (text[at] == '0')
        at++;
    memcpy(digits, text + at, (size_t)(10 - at));
    return 10 - at;
}

/* Plain notation for 1e-4 <= value < 1e10, else 1.5e20. `lead` is the exponent of the first
 * digit. */
static char *write_decimal(char *to, const char *digits, int n, int lead) {
    if (lead >= -4 && lead < 0) {
        memcpy(to, "0.0000", 6);
        to += 1 - lead;
        memcpy(to, digits, (size_t)n);
        return to + n;
    }
    int whole = lead >= 0 && lead < 10 ? lead + 1 : 1;
    int copied = whole < n ? whole : n;
    memcpy(to, digits, (size_t)copied);
    memset(to + copied, '0', (size_t)(whole - copied));
    to += whole;
    if (n > whole) {
        *to++ = '.';
        memcpy(to, digits + whole, (size_t)(n - whole));
        to += n - whole;
    }
    if (lead >= 0 && lead < 10)
        return to;
    *to++ = 'e';
    if (lead < 0) {
        *to++ = '-';
        lead = -lead;
    }
    if (lead >= 10)
        *to++ = (char)('0' + lead / 10);
    *to++ = (char)('0' + lead % 10);
    return to;
}

size_t number_format_float(float value, char text[NUMBER_FLOAT_SIZE]) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t fraction = bits & 0x7fffffu, biased = bits >> 23 & 0xffu;
    char *to = text;
    if (biased == 0xff && fraction != 0) {
        memcpy(to, "nan", 4);
        return 3;
    }
    if (bits >> 31)
        *to++ = '-';
    if (biased == 0xff) {
        memcpy(to, "inf", 3);
        to += 3;
    } else if (biased == 0 && fraction == 0) {
        *to++ = '0';
    } else {
        struct decimal_float decimal = shortest_decimal(fraction, biased);
        char digits[10];
        int n = write_digits(decimal.digits, digits);
        int lead = decimal.exponent + n - 1;
        while (n > 1 && digits[n - 1] == '0')
            n--;
        to = write_decimal(to, digits, n, lead);
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* ---- text to number -------------------------------------------------------------------------- */

/* One decimal, taken apart. `digits` holds the significant digits without leading zeros, at most
 * room of them; where more follow that are not all zero, a last '1' stands for them: it decides
 * every rounding as they would. */
struct decimal_text {
    bool negative, special; /* special: inf or nan, in `value` */
    double value;
    uint64_t small; /* the digits as a number while n <= 19 */
    size_t n, room;
    bool rest;        /* digits other than 0 did not fit */
    int64_t exponent; /* value = 0.digits * 10^exponent */
    char *digits;
};

/* Enough for any float32 midpoint (112 digits) and any double midpoint (768). */
#define FLOAT_DIGITS 120
#define DOUBLE_DIGITS 776
#define EXPONENT_TEXT 24

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool matches(const char *text, const char *end, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(end - text) < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if ((text[i] | 0x20) != word[i])
            return false;
    return true;
}

static const char *read_special(const char *text, const char *end, struct decimal_text *decimal) {
    decimal->special = true;
    if (matches(text, end, "inf")) {
        decimal->value = (double)INFINITY;
        return text + (matches(text, end, "infinity") ? 8 : 3);
    }
    if (!matches(text, end, "nan"))
        return NULL;
    decimal->value = (double)NAN;
    text += 3;
    if (text < end && *text == '(') {
        const char *c = text + 1;
        while (c < end && (is_digit(*c) || ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') || *c == '_'))
            c++;
        if (c < end && *c == ')')
            text = c + 1;
    }
    return text;
}

static void add_digit(struct decimal_text *decimal, char digit) {
    if (decimal->n < decimal->room) {
        decimal->digits[decimal->n++] = digit;
        if (decimal->n <= 19)
            decimal->small = decimal->small * 10 + (uint64_t)(digit - '0');
    } else if (digit != '0') {
        decimal->rest = true;
    }
}

/* Digits with at most one point; false when there is no digit. */
static bool read_digits(const char **text, const char *end, struct decimal_text *decimal) {
    const char *c = *text;
    bool point = false, any = false;
    for (; c < end; c++) {
        if (*c == '.' && !point) {
            point = true;
        } else if (is_digit(*c)) {
            any = true;
            if (*c != '0' || decimal->n > 0) {
                add_digit(decimal, *c);
                decimal->exponent += !point;
            } else {
                decimal->exponent -= point;
            }
        } else {
            break;
        }
    }
    *text = c;
    return any;
}

static const char *read_exponent(const char *text, const char *end, struct decimal_text *decimal) {
    const char *c = text;
    if (c == end || (*c | 0x20) != 'e')
        return text;
    c++;
    bool negative = c < end && *c == '-';
    if (c < end && (*c == '-' || *c == '+'))
        c++;
    if (c == end || !is_digit(*c))
        return text;
    int64_t value = 0;
    for (; c < end && is_digit(*c); c++)
        if (value < INT64_MAX / 100)
            value = value * 10 + (*c - '0');
    decimal->exponent += negative ? -value : value;
    return c;
}

/* First byte behind the number, NULL when there is none. */
static const char *read_decimal(const char *text, const char *end, struct decimal_text *decimal) {
    while (text < end && (*text == ' ' || (*text >= '\t' && *text <= '\r')))
        text++;
    if (text < end && (*text == '-' || *text == '+')) {
        decimal->negative = *text == '-';
        text++;
    }
    if (text < end && *text != '.' && !is_digit(*text))
        return read_special(text, end, decimal);
    return read_digits(&text, end, decimal) ? read_exponent(text, end, decimal) : NULL;
}

/* Turns the digits into "ddd...de-n", which strtof and strtod read alike in every locale: it has no
 * decimal point. */
static void finish_text(struct decimal_text *decimal) {
    char *digits = decimal->digits;
    size_t n = decimal->n;
    if (n == 0)
        digits[n++] = '0';
    if (decimal->rest)
        digits[n++] = '1';
    int64_t exponent = decimal->exponent - (int64_t)n;
    exponent = exponent > 100000 ? 100000 : exponent < -100000 ? -100000 : exponent;
    char *to = digits + n;
    *to++ = 'e';
    if (exponent < 0) {
        *to++ = '-';
        exponent = -exponent;
    }
    char reversed[8];
    int length = 0;
    do {
        reversed[length++] = (char)('0' + exponent % 10);
        exponent /= 10;
    } while (exponent > 0);
    while (length > 0)
        *to++ = reversed[--length];
    *to = '\0';
}

/* One rounding in double and one to float give the right float, unless the double lies just in the
 * middle of two floats (where the digits it lost would have decided) or the float is denormal
 * (where the middle lies elsewhere). */
static bool float_fast(const struct decimal_text *decimal, float *value) {
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t exponent = decimal->exponent - (int64_t)decimal->n;
    if (decimal->n > 19 || decimal->small > (uint64_t)1 << 53 || exponent < -22 || exponent > 22)
        return false;
    double d = (double)decimal->small;
    d = exponent < 0 ? d / exact[-exponent] : d * exact[exponent];
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    if ((bits & 0x1fffffffu) == 0x10000000u || (d < 0x1p-126 && decimal->small != 0))
        return false;
    *value = (float)d;
    return true;
}

const char *number_parse_float(const char *text, const char *end, float *value) {
    char digits[FLOAT_DIGITS + EXPONENT_TEXT];
    struct decimal_text decimal = {.room = FLOAT_DIGITS, .digits = digits};
    const char *after = read_decimal(text, end, &decimal);
    if (!after)
        return NULL;
    float magnitude;
    if (decimal.special) {
        magnitude = (float)decimal.value;
    } else if (!float_fast(&decimal, &magnitude)) {
        finish_text(&decimal);
        magnitude = strtof(digits, NULL);
    }
    *value = decimal.negative ? -magnitude : magnitude;
    return after;
}

bool number_parse_real(const char *text, double *value) {
    char digits[DOUBLE_DIGITS + EXPONENT_TEXT];
    struct decimal_text decimal = {.room = DOUBLE_DIGITS, .digits = digits};
    const char *end = text + strlen(text);
    if (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r') ||
        read_decimal(text, end, &decimal) != end || decimal.special)
        return false;
    finish_text(&decimal);
    double magnitude = strtod(digits, NULL);
    if (isinf(magnitude))
        return false;
    *value = decimal.negative ? -magnitude : magnitude;
    return true;
}

bool number_parse_int(const char *text, int64_t *value) {
    bool negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    const uint64_t max = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    uint64_t magnitude = 0;
    if (!is_digit(*text))
        return false;
    for (; is_digit(*text); text++) {
        unsigned digit = (unsigned)(*text - '0');
        if (magnitude > (max - digit) / 10)
            return false;
        magnitude = magnitude * 10 + digit;
    }
    if (*text)
        return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}
