/* TensorBoard's event files: TFRecord frames around Event messages of scalars. */
#ifndef VECMILL_BASE_EVENT_FILE_H
#define VECMILL_BASE_EVENT_FILE_H

#include <stdint.h>

#include "base/buffer.h"

struct event_scalar {
    const char *tag; /* letters, digits and _ . - / */
    float value;     /* NaN and Inf are fine */
};

/* Appends the record that a file begins with. wall_time: seconds since 1970, no NaN, here and
 * below. */
void event_file_begin(struct buffer *file, double wall_time);
/* Appends one record of n scalars at a step, which should rise from record to record; each value
 * names the scalar plugin. */
void event_file_scalars(struct buffer *file, double wall_time, int64_t step,
                        const struct event_scalar *scalars, size_t n);

#endif
