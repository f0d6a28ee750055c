#include "embedding/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROW_ALIGNMENT 64
/* From this size on a table is mapped: zero pages come for free, are touched first by whoever works
 * on them, and may be huge pages. */
#define HUGE_PAGE ((size_t)2 << 20)

uint32_t partition_rows(enum partition partition, uint32_t rows, uint32_t shards, uint32_t shard) {
    (void)partition; /* both strategies give the first rows mod shards shards one row more */
    assert(shards > 0 && shard < shards);
    return rows / shards + (shard < rows % shards ? 1 : 0);
}

struct place partition_place(enum partition partition, uint32_t rows, uint32_t shards,
                             uint32_t id) {
    uint32_t q = rows / shards, e = rows % shards;
    uint64_t long_blocks =
        /* ids below lie in blocks of q + 1; all of them when q = 0 */
        (uint64_t)e * ((uint64_t)q + 1);

    assert(id < rows);
    if (partition == PARTITION_MOD)
        return (struct place){.shard = id % shards, .row = id / shards};
    if (id < long_blocks)
        return (struct place){.shard = id / (q + 1), .row = id % (q + 1)};
    id -= (uint32_t)long_blocks;
    return (struct place){.shard = e + id / q, .row = id % q};
}

uint32_t partition_id(enum partition partition, uint32_t rows, uint32_t shards,
                      struct place place) {
    uint32_t q = rows / shards, e = rows % shards;

    assert(place.shard < shards &&
           place.row < partition_rows(partition, rows, shards, place.shard));
    if (partition == PARTITION_MOD)
        return place.row * shards + place.shard;
    return place.shard * q + (place.shard < e ? place.shard : e) + place.row;
}

static uint64_t row_floats(uint32_t columns) {
    return ((uint64_t)columns + KERNEL_PAD - 1) / KERNEL_PAD * KERNEL_PAD;
}

uint64_t table_bytes(uint32_t rows, uint32_t columns) {
    uint64_t bytes;

    if (__builtin_mul_overflow(row_floats(columns) * sizeof(float), (uint64_t)rows, &bytes))
        return UINT64_MAX;
    return bytes;
}

/* Memory behind a table of `bytes`, or SIZE_MAX when no process could hold it. */
static size_t memory_size(uint64_t bytes) {
    if (bytes > SIZE_MAX / 2)
        return SIZE_MAX;
    if (bytes < HUGE_PAGE)
        return bytes > 0 ? (size_t)bytes : ROW_ALIGNMENT; /* aligned_alloc of nothing may be NULL */
    return ((size_t)bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

static float *memory_map(size_t size) {
    char *start, *aligned;
    size_t before, after;

    start =
        mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    before = (HUGE_PAGE - (uintptr_t)start % HUGE_PAGE) % HUGE_PAGE;
    after = HUGE_PAGE - before;
    aligned = start + before;
    if (before > 0)
        munmap(start, before);
    if (after > 0)
        munmap(aligned + size, after);
    madvise(aligned, size, MADV_HUGEPAGE); /* advice: a kernel without huge pages serves as well */
    return (float *)(void *)aligned;
}

static float *memory_get(uint64_t bytes) {
    size_t size = memory_size(bytes);
    float *data;

    if (size == SIZE_MAX)
        return NULL;
    if (bytes >= HUGE_PAGE)
        return memory_map(size);
    data = aligned_alloc(ROW_ALIGNMENT, size);
    if (data)
        memset(data, 0, size);
    return data;
}

enum status table_create(struct table **table, uint32_t rows, uint32_t columns, uint32_t shards,
                         enum partition partition, struct error *err) {
    uint64_t bytes = table_bytes(rows, columns);
    struct table *made;
    float *next;

    assert(columns > 0 && shards > 0);
    *table = NULL;
    made = calloc(1, sizeof *made);
    if (!made)
        goto fail;
    *made = (struct table){.rows = rows,
                           .columns = columns,
                           .shards = shards,
                           .partition = partition,
                           .stride = (size_t)row_floats(columns)};
    made->shard_data = calloc(shards, sizeof *made->shard_data);
    made->data = memory_get(bytes);
    if (!made->shard_data || !made->data)
        goto fail;
    next = made->data;
    for (uint32_t shard = 0; shard < shards; shard++) {
        made->shard_data[shard] = next;
        next += (size_t)partition_rows(partition, rows, shards, shard) * made->stride;
    }
    *table = made;
    return STATUS_OK;
fail:
    table_free(made);
    return error_set(err, STATUS_NO_MEMORY,
                     "cannot get %" PRIu64 " bytes for a table of %" PRIu32 " rows and %" PRIu32
                     " columns",
                     bytes, rows, columns);
}

void table_free(struct table *table) {
    uint64_t bytes;

    if (!table)
        return;
    bytes = table_bytes(table->rows, table->columns);
    if (bytes < HUGE_PAGE)
        free(table->data);
    else if (table->data)
        munmap(table->data, memory_size(bytes));
    free(table->shard_data);
    free(table);
}

float *table_row(const struct table *table, uint32_t id) {
    struct place place = partition_place(table->partition, table->rows, table->shards, id);

    return table->shard_data[place.shard] + (size_t)place.row * table->stride;
}

size_t padding_first_nonzero(const float *rows, size_t n_rows, uint32_t columns, size_t stride) {
    static const float zeros[KERNEL_PAD];
    size_t bytes = (stride - columns) * sizeof(float);

    if (bytes == 0)
        return n_rows;
    for (size_t row = 0; row < n_rows; row++)
        if (memcmp(rows + row * stride + columns, zeros, bytes) != 0)
            return row;
    return n_rows;
}
