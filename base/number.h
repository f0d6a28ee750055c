/* Numbers to and from decimal text: float32 fast, whole numbers and doubles strictly. */
#ifndef VECMILL_BASE_NUMBER_H
#define VECMILL_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_FLOAT_SIZE 24

/* Shortest decimal that strtof reads back to the same float32, valid JSON for finite values ("nan",
 * "inf", "-inf" otherwise); "-0" keeps its sign. Returns the length; text is NUL-terminated. Cost:
 * about 50 ns for 1e-10..1e10. */
size_t number_format_float(float value, char text[NUMBER_FLOAT_SIZE]);
/* Reads one decimal at [text, end), correctly rounded like strtof; returns the first byte after it,
 * NULL when there is none. Accepts what strtof accepts in the C locale, hexadecimal left out. */
const char *number_parse_float(const char *text, const char *end, float *value);
/* The whole string as an int64 or a double; false when it is anything else (empty, with text
 * behind, an overflow, nan, inf). */
bool number_parse_int(const char *text, int64_t *value);
bool number_parse_real(const char *text, double *value);

#endif
