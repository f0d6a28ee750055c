/* Plain lists cut into segments by TensorFlow's segment ids. Private to server/. */
#ifndef VECMILL_SERVER_SEGMENTS_H
#define VECMILL_SERVER_SEGMENTS_H

#include "server/query/inquiry.h"

struct segments {
    json_t *items, *weights; /* a list for each segment, in the order of the entries; owned */
    bool unsorted;           /* num_segments was given */
};

/* Cuts `list`, the member of that name, and `weights` beside it (or NULL), by the body's members
 * segment_ids and num_segments. Without num_segments the ids must not fall, as tf.nn.
 * embedding_lookup_sparse and tf.math.segment_sum want them, and there are as many segments as the
 * last one plus 1; with it they stand in any order, and entries whose id is negative are left out,
 * as in tf.math.unsorted_segment_sum. Errors: REFUSED with the place, also without a combiner.
 * segments_clear, also after a failure. */
enum status segments_read(struct segments *segments, const struct inquiry *inquiry,
                          const char *member, const json_t *list, const json_t *weights,
                          bool combined, struct error *err) MUST_CHECK;
void segments_clear(struct segments *segments);

#endif
