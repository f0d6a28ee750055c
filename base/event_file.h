/* TensorBoard's event files: TFRecord frames around Event messages of scalars. */
#ifndef VECMILL_BASE_EVENT_FILE_H
#define VECMILL_BASE_EVENT_FILE_H

#include <stdbool.h>
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

/* Appends the record of a training that begins at `step`, anew or from a checkpoint: what was
 * written before of this step and of later ones does not count any more. */
void event_file_restart(struct buffer *file, double wall_time, int64_t step);

/* A record is a head (the length of its message, with a checksum), the message, and a tail (its
 * checksum). */
#define EVENT_HEAD 12
#define EVENT_TAIL 4
#define EVENT_MESSAGE_MAX ((uint64_t)1 << 24)
/* The length of the message behind a head; false when this is no head, or one of a message that is
 * longer than EVENT_MESSAGE_MAX. */
bool event_head_read(const unsigned char head[EVENT_HEAD], uint64_t *length);
/* Is the message what the tail behind it says? */
bool event_message_whole(const unsigned char *message, uint64_t length);
/* The step of a message of scalars; false for others. */
bool event_message_step(const unsigned char *message, uint64_t length, int64_t *step);

#endif
