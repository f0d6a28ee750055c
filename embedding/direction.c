/* Questions put as sums of words, and whether anything is left of a sum. */
#include <math.h>

#include "embedding/scan.h"

/* Sums of unit vectors, in double: what is smaller than this in every column is the rounding that
 * equal vectors leave when they cancel out. */
#define DIRECTION_MIN 1e-12

double vector_norm(const float *vector, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)vector[i] * vector[i];
    return sqrt(sum);
}

void direction_add(const float *vector, size_t dim, double norm, double weight, double *sum) {
    if (norm <= 0)
        return;
    for (size_t i = 0; i < dim; i++)
        sum[i] += weight * vector[i] / norm;
}

enum status direction_take(const double *sum, size_t dim, const char *what, const char *key,
                           float *vector, struct error *err) {
    double largest = 0;
    for (size_t i = 0; i < dim; i++) {
        largest = fmax(largest, fabs(sum[i]));
        vector[i] = (float)sum[i];
    }
    return largest >= DIRECTION_MIN
               ? STATUS_OK
               : error_set_key(err, STATUS_REFUSED, key,
                               "the words of the %s cancel out: no direction is left", what);
}

double direction_norm(const double *sum, size_t dim) {
    double square = 0;
    for (size_t i = 0; i < dim; i++)
        square += sum[i] * sum[i];
    return square < DIRECTION_MIN * DIRECTION_MIN ? 0 : sqrt(square);
}
