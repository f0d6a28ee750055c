/* What the writers of the formats share: rows and words of one export. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_EXPORT_ROWS_H
#define VECMILL_EMBEDDING_EXPORT_ROWS_H

#include "base/buffer.h"
#include "embedding/embedding.h"
#include "embedding/export_sink.h"

/* One file being written. */
struct export_job {
    const struct model *model;
    struct export_options options;
    struct export_sink *sink;
    double *mean;       /* [dim] or NULL: taken off every row */
    float *row;         /* [dim] scratch */
    struct buffer text; /* written out when it is full */
    uint64_t altered;   /* words that could not be written as they are */
    /* [taken_size]: open hash table of the checksums of what altered words became; 0 is free. */
    uint64_t *taken;
    size_t taken_size, n_taken;
};

/* The row as the options want it, [dim]; without options the very bits of the table. Valid until
 * the next call. */
const float *export_row(struct export_job *job, uint32_t id);
/* Appends a word, with white space as '_', and with '_' and its id behind where that alone would
 * make it equal to another. Call it for rising ids. */
void export_word(struct export_job *job, uint32_t id);
/* Appends a word as a field of a tab-separated file: as it is, but that in a word that holds a tab,
 * line feed or carriage return these and the backslash are escaped as \t \n \r \\. utf8: bytes that
 * are no UTF-8 become U+FFFD. */
void export_field(struct export_job *job, uint32_t id, bool utf8);
/* Hands the text to the sink when there is enough of it, or `all`. Errors: NO_MEMORY when the text
 * failed; CANCELLED; the sink's. */
enum status export_text_flow(struct export_job *job, bool all, struct error *err) MUST_CHECK;

#endif
