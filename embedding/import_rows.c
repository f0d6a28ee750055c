#include "embedding/import_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/digest.h"
#include "embedding/vocabulary.h"

#define BLOCK_BYTES ((size_t)4 << 20)
/* Beside its vector a row takes offsets, counts, places in two hash tables, which are at most a
 * quarter full, a norm; and its word stands in two texts, of which one has room to grow. */
#define WORD_BYTES 96
#define TEXT_COPIES 3
#define MEMORY_STEP \
    ((uint64_t)1 << 16) /* bytes by which the grant grows, so that it does so rarely */

static enum status rows_no_memory(const struct import_rows *rows, struct error *err) {
    return error_set(err, STATUS_NO_MEMORY,
                     "not enough memory after %" PRIu32 " words of %zu values", rows->n, rows->dim);
}

uint64_t import_rows_bytes(uint64_t n, uint64_t text, uint64_t rows, size_t dim) {
    uint64_t row = (dim + KERNEL_PAD - 1) / KERNEL_PAD * KERNEL_PAD * sizeof(float);
    uint64_t bytes;
    if (__builtin_mul_overflow(rows, row, &bytes) ||
        __builtin_add_overflow(bytes, n * WORD_BYTES + text * TEXT_COPIES, &bytes))
        return UINT64_MAX;
    return bytes;
}

/* The grant covers the words there are, one more of `length` bytes, and the rows that have a
 * block. */
static enum status rows_account(struct import_rows *rows, size_t length, struct error *err) {
    uint64_t bytes = import_rows_bytes(rows->n + (uint64_t)1, rows->text.length + length,
                                       (uint64_t)rows->n_blocks * rows->block_rows, rows->dim);
    if (bytes <= rows->memory.bytes)
        return STATUS_OK;
    return grant_resize(&rows->memory, (bytes / MEMORY_STEP + 1) * MEMORY_STEP, "the import", err);
}

enum status import_rows_reserve(struct import_rows *rows, float **vector, struct error *err) {
    size_t row_bytes = rows->dim * sizeof(float);
    if (rows->block_rows == 0)
        rows->block_rows = row_bytes >= BLOCK_BYTES ? 1 : BLOCK_BYTES / row_bytes;
    if (rows->expected > 0 && rows->expected < rows->block_rows)
        rows->block_rows = (size_t)rows->expected;
    if (rows->n == rows->n_blocks * rows->block_rows) {
        float **blocks =
            array_grow(rows->blocks, &rows->blocks_room, rows->n_blocks + 1, sizeof *blocks);
        if (!blocks)
            return rows_no_memory(rows, err);
        rows->blocks = blocks;
        rows->n_blocks++;
        enum status status = rows_account(rows, 0, err);
        rows->n_blocks--;
        if (status != STATUS_OK)
            return status;
        float *block = malloc(rows->block_rows * row_bytes);
        if (!block)
            return rows_no_memory(rows, err);
        rows->blocks[rows->n_blocks++] = block;
    }
    *vector = rows->blocks[rows->n / rows->block_rows] + rows->n % rows->block_rows * rows->dim;
    return STATUS_OK;
}

enum status import_rows_add(struct import_rows *rows, const char *word, size_t length,
                            struct error *err) {
    if (rows->n == WORD_NONE - 1)
        return error_set(err, STATUS_REFUSED, "more than %" PRIu32 " words", rows->n);
    uint64_t *offsets =
        array_grow(rows->offsets, &rows->offsets_room, rows->n + (size_t)2, sizeof *offsets);
    if (!offsets)
        return rows_no_memory(rows, err);
    rows->offsets = offsets;
    enum status status = rows_account(rows, length, err);
    if (status != STATUS_OK)
        return status;
    buffer_append(&rows->text, word, length);
    if (rows->text.failed)
        return rows_no_memory(rows, err);
    rows->offsets[0] = 0;
    rows->offsets[++rows->n] = rows->text.length;
    return STATUS_OK;
}

enum status import_rows_count(struct import_rows *rows, uint64_t count, struct error *err) {
    uint64_t *counts =
        array_grow(rows->counts, &rows->counts_room, rows->n + (size_t)1, sizeof *counts);
    if (!counts)
        return rows_no_memory(rows, err);
    rows->counts = counts;
    counts[rows->n - 1] = count;
    return STATUS_OK;
}

static float *rows_vector(const struct import_rows *rows, uint32_t id) {
    return rows->blocks[id / rows->block_rows] + id % rows->block_rows * rows->dim;
}

/* The slot that holds a word among the rows kept, or the empty one where it belongs. */
static uint32_t *rows_slot(const struct import_rows *rows, uint32_t *slots, size_t size,
                           const char *word, size_t length) {
    size_t at = (size_t)checksum(word, length) & (size - 1);
    for (; slots[at] != 0; at = (at + 1) & (size - 1)) {
        uint64_t begin = rows->offsets[slots[at] - 1];
        if (rows->offsets[slots[at]] - begin == length &&
            memcmp(rows->text.data + begin, word, length) == 0)
            break;
    }
    return &slots[at];
}

/* Adds a word to a list of different ones with tabs between, which quoted words do not hold. */
static void name_duplicate(char *list, const char *word, size_t length, unsigned *n) {
    char quoted[WORD_QUOTE_SIZE];
    if (*n == IMPORT_NAMED)
        return;
    word_quote(word, length, quoted);
    size_t size = strlen(quoted);
    for (const char *at = list; *at != '\0'; at += strspn(at, "\t")) {
        size_t other = strcspn(at, "\t");
        if (other == size && memcmp(at, quoted, size) == 0)
            return;
        at += other;
    }
    size_t used = strlen(list);
    snprintf(list + used, IMPORT_NAMES_SIZE - used, "%s%s", *n > 0 ? "\t" : "", quoted);
    ++*n;
}

enum status import_rows_drop_duplicates(struct import_rows *rows, struct model_info *info,
                                        struct error *err) {
    size_t size = 16;
    uint32_t kept = 0;
    unsigned named = 0;
    uint64_t begin = 0; /* of the next word, where it was read to */
    while (size < (size_t)rows->n * 2)
        size *= 2;
    uint32_t *slots = calloc(size, sizeof *slots); /* id + 1; 0 is empty */
    if (!slots)
        return rows_no_memory(rows, err);
    for (uint32_t id = 0; id < rows->n; id++) {
        const char *word = rows->text.data + begin;
        size_t length = (size_t)(rows->offsets[id + (size_t)1] - begin);
        uint32_t *slot = rows_slot(rows, slots, size, word, length);
        begin += length;
        if (*slot != 0) {
            info->import_duplicates++;
            name_duplicate(info->import_named, word, length, &named);
            continue;
        }
        if (kept < id) {
            memmove(rows->text.data + rows->offsets[kept], word, length);
            rows->offsets[kept + (size_t)1] = rows->offsets[kept] + length;
            memcpy(rows_vector(rows, kept), rows_vector(rows, id), rows->dim * sizeof(float));
            if (rows->counts)
                rows->counts[kept] = rows->counts[id];
        }
        *slot = ++kept;
    }
    free(slots);
    rows->n = kept;
    return STATUS_OK;
}

enum status import_rows_finish(struct import_rows *rows, struct vocabulary **vocabulary,
                               struct table **table, struct error *err) {
    struct error falls = {0};
    uint64_t total;
    *table = NULL;
    bool counted = rows->counts && counts_check(rows->counts, rows->n, &total, &falls) == STATUS_OK;
    enum status status = vocabulary_create(vocabulary, rows->n, rows->text.data, rows->offsets,
                                           counted ? rows->counts : NULL, err);
    if (status == STATUS_OK)
        status = table_create(table, rows->n, (uint32_t)rows->dim, 1, PARTITION_MOD, err);
    for (uint32_t id = 0; status == STATUS_OK && id < rows->n; id++) {
        size_t block = id / rows->block_rows;
        memcpy(table_row(*table, id), rows_vector(rows, id), rows->dim * sizeof(float));
        if ((id + (size_t)1) % rows->block_rows == 0) {
            free(rows->blocks[block]);
            rows->blocks[block] = NULL;
        }
    }
    return status;
}

void import_rows_clear(struct import_rows *rows) {
    for (size_t i = 0; i < rows->n_blocks; i++)
        free(rows->blocks[i]);
    free(rows->blocks);
    free(rows->offsets);
    free(rows->counts);
    buffer_clear(&rows->text);
    grant_clear(&rows->memory);
    *rows = (struct import_rows){0};
}
