#include "embedding/import_target.h"

#include <inttypes.h>
#include <stdio.h>

#include "embedding/vocabulary.h"

enum status import_keep(struct import_target *target, const char *word, size_t length,
                        const float *vector, const char *unit, uint64_t number, struct error *err) {
    struct model_info *info = target->info;
    size_t dim = target->rows.dim, bad = target->kernel->first_nonfinite(vector, dim);
    if (bad < dim) {
        char quoted[WORD_QUOTE_SIZE];
        word_quote(word, length, quoted);
        return error_set(err, STATUS_REFUSED,
                         "%s %" PRIu64 ": value %zu of word '%s' is not finite", unit, number,
                         bad + 1, quoted);
    }
    target->enough = ++info->import_rows == target->bounds.max_rows;
    if (length == 0) {
        info->import_unnamed++;
        return STATUS_OK;
    }
    enum status status = import_rows_add(&target->rows, word, length, err);
    if (status == STATUS_OK && target->counted)
        status = import_rows_count(&target->rows, target->count, err);
    return status;
}

void import_tell(struct import_target *target, const char *format, uint64_t all) {
    struct model_info *info = target->info;
    snprintf(info->import_format, sizeof info->import_format, "%s", format);
    info->import_skipped = (double)(all - info->import_rows);
}

enum status import_shape(struct import_target *target, uint64_t rows, uint64_t dim,
                         struct error *err) {
    if (rows == 0 || rows >= WORD_NONE)
        return error_set(err, STATUS_REFUSED,
                         "the number of words must be between 1 and %" PRIu32 ", not %" PRIu64,
                         WORD_NONE - 1, rows);
    if (dim == 0 || dim > IMPORT_MAX_DIM)
        return error_set(err, STATUS_REFUSED,
                         "the length of the vectors must be between 1 and %d, not %" PRIu64,
                         IMPORT_MAX_DIM, dim);
    uint64_t max = target->bounds.max_rows, taken = max > 0 && max < rows ? max : rows;
    struct grant probe = {.budget = target->rows.memory.budget, .kind = BUDGET_IMPORTS};
    uint64_t bytes = import_rows_bytes(taken, 0, taken, (size_t)dim);
    target->rows.dim = (size_t)dim;
    target->rows.expected = taken;
    return bytes > budget_bound(probe.budget, probe.kind)
               ? grant_resize(&probe, bytes, "the import", err)
               : STATUS_OK;
}
