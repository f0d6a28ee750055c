/* What the readers of vector files fill, and what they share. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_IMPORT_TARGET_H
#define VECMILL_EMBEDDING_IMPORT_TARGET_H

#include "embedding/import_rows.h"

/* Bounds on what a hostile file can make us hold. */
#define IMPORT_MAX_DIM 65536
#define IMPORT_STEP ((uint64_t)1024) /* rows between two looks at bounds.stop */

struct import_target {
    struct import_bounds bounds;
    const struct kernel *kernel;
    struct import_rows rows; /* dim is set before the first row */
    struct model_info *info;
    /* Text without a header: where all words are numbers, they were left out. */
    bool headless;
    bool enough;  /* max_rows are there: no more are taken */
    bool counted; /* words come with counts: import_keep takes that of its word from here */
    uint64_t count;
};

/* The vector of the next row, reserved and filled by the caller, is checked and kept with its word.
 * `unit` and `number` tell messages where it stands. Errors: REFUSED for a value that is not
 * finite; import_rows_add's. */
enum status import_keep(struct import_target *target, const char *word, size_t length,
                        const float *vector, const char *unit, uint64_t number,
                        struct error *err) MUST_CHECK;
/* Names the format in info, and what stands behind the first max_rows of `all` rows. */
void import_tell(struct import_target *target, const char *format, uint64_t all);
/* REFUSED unless 1 <= dim <= IMPORT_MAX_DIM and 1 <= rows < WORD_NONE, or when so many rows can
 * never fit the budget. Sets rows.dim and rows.expected. */
enum status import_shape(struct import_target *target, uint64_t rows, uint64_t dim,
                         struct error *err) MUST_CHECK;

#endif
