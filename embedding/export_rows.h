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
    enum vector_type type;
    uint32_t rows, dim; /* that are written: the first ones, with all their columns */
    struct export_sink *sink;
    const char *folder; /* a bundle's files go there, each through a sink of its own; or NULL */
    uint64_t member;    /* where the tar member begins that is being written, and its name */
    const char *member_name;
    double *mean;       /* [dim] or NULL: taken off every row */
    float *row;         /* [dim] scratch of export_row */
    float *values;      /* [dim] scratch of export_values */
    struct buffer text; /* written out when it is full */
    uint64_t altered;   /* words that could not be written as they are */
    uint32_t beyond;    /* 1 + the first id with a value that the type cannot hold; 0: none */
    /* [taken_size]: open hash table of the checksums of what altered words became; 0 is free. */
    uint64_t *taken;
    size_t taken_size, n_taken;
};

/* Sets up a job without a sink. Owns: export_job_clear, also after a failure. */
enum status export_job_init(struct export_job *job, const struct model *model,
                            const struct export_options *options, enum vector_type type,
                            struct error *err) MUST_CHECK;
void export_job_clear(struct export_job *job);

/* The row as the options want it, [dim]; without options the very bits of the table. Valid until
 * the next call. */
const float *export_row(struct export_job *job, uint32_t id);
/* The same as the type holds it, [dim]: rounded to float16; whole numbers for int8, each of which
 * times *scale is about the value. *scale is 1 for other types; scale may be NULL. */
const float *export_values(struct export_job *job, uint32_t id, float *scale);
/* Bytes that a value of the type takes. */
size_t vector_type_size(enum vector_type type);
/* Appends [dim] values of export_values as numbers of the type, little-endian. */
void export_append(struct export_job *job, const float *values);

/* Appends a word, with white space as '_', and with '_' and its id behind where that alone would
 * make it equal to another. Call it for rising ids. */
void export_word(struct export_job *job, uint32_t id);
/* Appends a word as a field of a tab-separated file: as it is, but that in a word that holds a tab,
 * line feed or carriage return these and the backslash are escaped as \t \n \r \\. utf8: bytes that
 * are no UTF-8 become U+FFFD. */
void export_field(struct export_job *job, uint32_t id, bool utf8);
/* Sets `word` to the word as text: what is no UTF-8, and NUL, becomes U+FFFD, with '_' and its id
 * behind where that alone would make it equal to another. Call it for rising ids; a second walk
 * begins with export_words_restart. */
void export_text_word(struct export_job *job, uint32_t id, struct buffer *word);
void export_words_restart(struct export_job *job);
/* Hands the text to the sink when there is enough of it, or `all`. Errors: NO_MEMORY when the text
 * failed; REFUSED for a value beyond the type; CANCELLED; the sink's. */
enum status export_text_flow(struct export_job *job, bool all, struct error *err) MUST_CHECK;

#endif
