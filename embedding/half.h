/* IEEE 754 binary16, as float16 of NumPy. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_HALF_H
#define VECMILL_EMBEDDING_HALF_H

#include <stdint.h>

#define HALF_MAX 65504.0f

/* The nearest half, ties to even; what rounds to more than HALF_MAX becomes infinite. */
uint16_t half_from_float(float value);
/* Exact. */
float half_to_float(uint16_t half);

#endif
