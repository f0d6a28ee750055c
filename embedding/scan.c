#include "embedding/scan.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Vectors scored in one pass over the rows: enough that reading the rows costs little beside the
 * arithmetic. */
#define PASS_VECTORS 64
/* Rows are scored by blocks, whose rows and scores stay in the second-level cache together. */
#define BLOCK_BYTES ((size_t)96 * 1024)
#define BLOCK_ROWS 256
/* Neighbours held over all threads of a pass; a larger k means fewer groups in a pass. */
#define PASS_NEIGHBORS ((size_t)1 << 22)
#define MAX_SLICES 256
/* Outside these norms float products may overflow or lose bits: such rows are scored in double. */
#define MIN_NORM 1e-20f
#define MAX_NORM 1e20f
#define COSMUL_EPSILON 0.001

/* A pass: some groups against all candidate rows. */
struct pass {
    const struct scan *scan;
    float *vectors; /* [vectors, stride] unit length, padded, aligned */
    size_t first, groups;
    /* [shards + 1] candidate rows before each shard, whose rows are in the order of their ids */
    size_t *starts;
    size_t k, block;      /* neighbours kept; rows of a block */
    atomic_bool *stopped; /* one thread was told to stop: all do */
};

/* A thread's part of a pass: the candidate rows [begin, end). */
struct slice {
    const struct pass *pass;
    size_t begin, end;
    struct neighbor *heaps; /* [groups, k], the worst at the root */
    size_t *sizes;          /* [groups] */
    float *scores;          /* [groups * width, block] */
    float *combined;        /* [block] */
    float *reciprocals;     /* [block] 1 / norm; NaN for rows that the fast path must not match */
    uint32_t *ids;          /* [block] */
    pthread_t thread;
    bool started;
};

static bool neighbor_worse(struct neighbor a, struct neighbor b) {
    return a.score < b.score || (a.score == b.score && a.id > b.id);
}

static void heap_sink(struct neighbor *heap, size_t size, size_t at) {
    struct neighbor moved = heap[at];
    for (size_t child = 2 * at + 1; child < size; child = 2 * at + 1) {
        if (child + 1 < size && neighbor_worse(heap[child + 1], heap[child]))
            child++;
        if (!neighbor_worse(heap[child], moved))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static void heap_offer(struct neighbor *heap, size_t *size, size_t k, struct neighbor candidate) {
    if (*size == k) {
        if (!neighbor_worse(heap[0], candidate))
            return;
        heap[0] = candidate;
        heap_sink(heap, k, 0);
        return;
    }
    size_t at = (*size)++;
    while (at > 0 && neighbor_worse(candidate, heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = candidate;
}

/* Best first: the worst goes to the end, again and again. */
static void heap_sort(struct neighbor *heap, size_t size) {
    while (size > 1) {
        struct neighbor worst = heap[0];
        heap[0] = heap[--size];
        heap[size] = worst;
        heap_sink(heap, size, 0);
    }
}

static bool group_excludes(const struct scan *scan, size_t group, uint32_t id) {
    if (!scan->excluded)
        return false;
    size_t low = scan->excluded_starts[group], high = scan->excluded_starts[group + 1];
    while (scan->sorted && low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (scan->excluded[middle] <= id)
            low = middle;
        else
            high = middle;
    }
    for (size_t i = low; i < high; i++)
        if (scan->excluded[i] == id)
            return true;
    return false;
}

static void group_collect(struct slice *slice, size_t group, const float *scores, size_t n) {
    const struct pass *pass = slice->pass;
    struct neighbor *heap = slice->heaps + group * pass->k;
    size_t *size = &slice->sizes[group];
    for (size_t begin = 0; begin < n; begin += 16) {
        size_t end = n - begin < 16 ? n : begin + 16;
        float min = *size < pass->k ? -INFINITY : heap[0].score;
        int any = 0;
        if (end - begin == 16)
            for (size_t i = 0; i < 16; i++)
                any |= scores[begin + i] >= min;
        else
            any = 1;
        if (!any)
            continue;
        for (size_t i = begin; i < end; i++) {
            /* Written so that NaN, the mark of rows without direction, fails. */
            if (!(scores[i] >= (*size < pass->k ? -INFINITY : heap[0].score)))
                continue;
            if (candidates_allow(pass->scan->candidates, slice->ids[i]) &&
                !group_excludes(pass->scan, pass->first + group, slice->ids[i]))
                heap_offer(heap, size, pass->k,
                           (struct neighbor){.id = slice->ids[i], .score = scores[i]});
        }
    }
}

/* The cosine of a unit vector and a row whose norm is out of the range of fast floats. */
static float cosine_careful(const float *unit, const float *row, size_t n) {
    double dot = 0, norm = vector_norm(row, n);
    for (size_t i = 0; i < n; i++)
        dot += unit[i] * (row[i] / norm);
    return (float)fmax(-1, fmin(1, dot));
}

/* Names the block's rows; true when some need care. */
static bool block_prepare(struct slice *slice, uint32_t shard, size_t row, size_t n) {
    const struct scan *scan = slice->pass->scan;
    const struct table *table = scan_table(scan);
    bool care = false;
    for (size_t i = 0; i < n; i++) {
        struct place place = {.shard = shard, .row = (uint32_t)(row + i)};
        uint32_t id = partition_id(table->partition, table->rows, table->shards, place);
        slice->ids[i] = id;
        if (scan->output)
            continue;
        float norm = scan->model->norms[id];
        bool plain = norm >= MIN_NORM && norm <= MAX_NORM;
        slice->reciprocals[i] = plain ? 1 / norm : NAN;
        care = care || (!plain && norm != 0);
    }
    return care;
}

/* Products become cosines, never outside -1..1. */
static void block_normalise(struct slice *slice, const float *rows, size_t n, bool care) {
    const struct pass *pass = slice->pass;
    size_t stride = pass->scan->model->input->stride;
    const float *norms = pass->scan->model->norms;
    for (size_t v = 0; v < pass->groups * pass->scan->width; v++) {
        float *scores = slice->scores + v * n;
        for (size_t i = 0; i < n; i++) {
            float score = scores[i] * slice->reciprocals[i];
            score = score > 1 ? 1 : score;
            scores[i] = score < -1 ? -1 : score;
        }
        for (size_t i = 0; care && i < n; i++)
            if (isnan(slice->reciprocals[i]) && norms[slice->ids[i]] != 0)
                scores[i] = cosine_careful(pass->vectors + v * stride, rows + i * stride, stride);
    }
}

/* 3CosMul of one group; scores: [width, n]. */
static void group_multiply(const struct scan *scan, const float *scores, size_t n,
                           float *combined) {
    for (size_t i = 0; i < n; i++) {
        double above = 1, below = 1;
        for (size_t v = 0; v < scan->width; v++) {
            double share = (1 + (double)scores[v * n + i]) / 2;
            if (v < scan->positives)
                above *= share;
            else
                below *= share;
        }
        combined[i] = (float)(above / (below + COSMUL_EPSILON));
    }
}

static void slice_block(struct slice *slice, uint32_t shard, size_t row, size_t n) {
    const struct pass *pass = slice->pass;
    const struct scan *scan = pass->scan;
    const struct table *table = scan_table(scan);
    const float *rows = table->shard_data[shard] + row * table->stride;
    bool care = block_prepare(slice, shard, row, n);
    scan->model->kernel->scores(pass->vectors, pass->groups * scan->width, rows, n, table->stride,
                                slice->scores);
    if (!scan->output)
        block_normalise(slice, rows, n, care);
    for (size_t g = 0; g < pass->groups; g++) {
        const float *scores = slice->scores + g * scan->width * n;
        if (scan->multiply) {
            group_multiply(scan, scores, n, slice->combined);
            scores = slice->combined;
        }
        group_collect(slice, g, scores, n);
    }
}

/* Is the block to come still wanted? */
static bool slice_goes_on(const struct pass *pass) {
    if (!pass->scan->stop)
        return true;
    if (!atomic_load(pass->stopped) && stop_asked(pass->scan->stop))
        atomic_store(pass->stopped, true);
    return !atomic_load(pass->stopped);
}

static void *slice_run(void *context) {
    struct slice *slice = context;
    const struct pass *pass = slice->pass;
    size_t at = slice->begin;
    memset(slice->sizes, 0, pass->groups * sizeof slice->sizes[0]);
    for (uint32_t shard = 0; at < slice->end; shard++) {
        size_t shard_end =
            pass->starts[shard + 1] < slice->end ? pass->starts[shard + 1] : slice->end;
        while (at < shard_end) {
            if (!slice_goes_on(pass))
                return NULL;
            size_t n = shard_end - at < pass->block ? shard_end - at : pass->block;
            slice_block(slice, shard, at - pass->starts[shard], n);
            at += n;
        }
    }
    return NULL;
}

static void pass_run(struct pass *pass, struct slice *slices, size_t n_slices, struct neighbor *out,
                     size_t *found) {
    const struct scan *scan = pass->scan;
    size_t dim = scan_table(scan)->columns, stride = scan_table(scan)->stride;
    for (size_t v = 0; v < pass->groups * scan->width; v++) {
        const float *vector = scan->vectors + (pass->first * scan->width + v) * dim;
        double norm = scan->output ? 1 : vector_norm(vector, dim);
        for (size_t i = 0; i < dim; i++)
            pass->vectors[v * stride + i] = norm > 0 ? (float)(vector[i] / norm) : 0;
    }
    for (size_t s = 1; s < n_slices; s++)
        slices[s].started = pthread_create(&slices[s].thread, NULL, slice_run, &slices[s]) == 0;
    slice_run(&slices[0]);
    for (size_t s = 1; s < n_slices; s++)
        if (slices[s].started)
            pthread_join(slices[s].thread, NULL);
        else
            slice_run(&slices[s]); /* no thread to be had: the work is done here */
    for (size_t g = 0; g < pass->groups; g++) {
        struct neighbor *heap = slices[0].heaps + g * pass->k;
        for (size_t s = 1; s < n_slices; s++)
            for (size_t i = 0; i < slices[s].sizes[g]; i++)
                heap_offer(heap, &slices[0].sizes[g], pass->k, slices[s].heaps[g * pass->k + i]);
        heap_sort(heap, slices[0].sizes[g]);
        memcpy(out + (pass->first + g) * scan->k, heap, slices[0].sizes[g] * sizeof heap[0]);
        found[pass->first + g] = slices[0].sizes[g];
    }
}

/* Zeroed memory on a cache line; NULL when there is none or the size does not fit. */
static void *scratch_allocate(size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || __builtin_add_overflow(bytes, 64, &bytes))
        return NULL;
    bytes &= ~(size_t)63;
    void *memory = aligned_alloc(64, bytes);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

/* How many rows of a shard have ids below `among`: they come first. */
static size_t shard_candidates(const struct table *table, uint32_t shard, uint32_t among) {
    uint32_t low = 0, high = partition_rows(table->partition, table->rows, table->shards, shard);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct place place = {.shard = shard, .row = middle};
        if (partition_id(table->partition, table->rows, table->shards, place) < among)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static bool slice_init(struct slice *slice, const struct pass *pass, size_t groups, size_t begin,
                       size_t end) {
    size_t rows = groups * pass->scan->width;
    *slice = (struct slice){.pass = pass, .begin = begin, .end = end};
    slice->heaps = groups <= SIZE_MAX / pass->k
                       ? scratch_allocate(groups * pass->k, sizeof *slice->heaps)
                       : NULL;
    slice->sizes = scratch_allocate(groups, sizeof *slice->sizes);
    slice->scores = rows <= SIZE_MAX / pass->block
                        ? scratch_allocate(rows * pass->block, sizeof *slice->scores)
                        : NULL;
    slice->combined = scratch_allocate(pass->block, sizeof *slice->combined);
    slice->reciprocals = scratch_allocate(pass->block, sizeof *slice->reciprocals);
    slice->ids = scratch_allocate(pass->block, sizeof *slice->ids);
    return slice->heaps && slice->sizes && slice->scores && slice->combined && slice->reciprocals &&
           slice->ids;
}

static void slice_clear(struct slice *slice) {
    free(slice->heaps);
    free(slice->sizes);
    free(slice->scores);
    free(slice->combined);
    free(slice->reciprocals);
    free(slice->ids);
}

/* Candidate rows before each shard, and the rows of a block. */
static bool pass_measure(struct pass *pass, const struct scan *scan, atomic_bool *stopped) {
    const struct table *table = scan_table(scan);
    uint32_t among = scan->candidates ? scan->candidates->among : 0;
    if (among == 0 || among > table->rows)
        among = table->rows;
    *pass = (struct pass){.scan = scan, .stopped = stopped};
    pass->block = BLOCK_BYTES / (table->stride * sizeof(float));
    pass->block = pass->block < 16 ? 16 : smaller(pass->block, BLOCK_ROWS);
    pass->k = smaller(scan->k, among);
    pass->starts = scratch_allocate((size_t)table->shards + 1, sizeof *pass->starts);
    if (!pass->starts)
        return false;
    for (uint32_t s = 0; s < table->shards; s++)
        pass->starts[s + 1] = pass->starts[s] + shard_candidates(table, s, among);
    return true;
}

static enum status scan_no_memory(const struct scan *scan, struct error *err) {
    return error_set(err, STATUS_NO_MEMORY,
                     "not enough memory to search %zu vectors for %zu neighbours each",
                     scan->groups * scan->width, scan->k);
}

/* Vectors of `groups` groups and a slice for each thread. */
static bool pass_allocate(struct pass *pass, size_t groups, struct slice *slices, size_t n_slices) {
    const struct table *table = scan_table(pass->scan);
    size_t candidates = pass->starts[table->shards], vectors;
    if (__builtin_mul_overflow(groups, pass->scan->width, &vectors) ||
        vectors > SIZE_MAX / table->stride)
        return false;
    pass->vectors = scratch_allocate(vectors * table->stride, sizeof *pass->vectors);
    bool good = pass->vectors != NULL;
    for (size_t s = 0; s < n_slices; s++) {
        size_t begin = candidates / n_slices * s + smaller(s, candidates % n_slices);
        size_t end = candidates / n_slices * (s + 1) + smaller(s + 1, candidates % n_slices);
        good = slice_init(&slices[s], pass, groups, begin, end) && good;
    }
    return good;
}

uint64_t search_memory(const struct model *model, size_t n_vectors, size_t together, size_t k,
                       int threads) {
    uint64_t vectors = smaller(n_vectors, together < PASS_VECTORS ? PASS_VECTORS : together),
             slices = smaller((size_t)threads, MAX_SLICES), rows = model->input->rows,
             kept = smaller(k, rows), heaps;
    if (__builtin_mul_overflow(vectors * slices, kept, &heaps) || heaps > PASS_NEIGHBORS)
        heaps = PASS_NEIGHBORS > kept * slices ? PASS_NEIGHBORS : kept * slices;
    return vectors * (model->input->stride + KERNEL_PAD + slices * BLOCK_ROWS) * sizeof(float) +
           heaps * sizeof(struct neighbor);
}

enum status scan_run(const struct scan *scan, struct neighbor *out, size_t *found,
                     struct error *err) {
    const struct table *table = scan_table(scan);
    struct slice *slices = NULL;
    size_t n_slices = 0;
    struct pass pass;
    atomic_bool stopped;
    enum status status = STATUS_OK;
    atomic_init(&stopped, false);
    assert(scan->threads >= 1 && scan->width >= 1 && (scan->multiply || scan->width == 1));
    if (scan->groups == 0)
        return STATUS_OK;
    memset(found, 0, scan->groups * sizeof found[0]);
    if (scan->k == 0 || table->rows == 0)
        return STATUS_OK;
    if (!pass_measure(&pass, scan, &stopped))
        return scan_no_memory(scan, err);
    size_t blocks = (pass.starts[table->shards] + pass.block - 1) / pass.block;
    n_slices = smaller(smaller((size_t)scan->threads, MAX_SLICES), blocks);
    size_t groups = smaller(PASS_VECTORS / scan->width, PASS_NEIGHBORS / pass.k / n_slices);
    groups = smaller(groups < 1 ? 1 : groups, scan->groups);
    slices = calloc(n_slices, sizeof *slices);
    if (!slices || !pass_allocate(&pass, groups, slices, n_slices)) {
        status = scan_no_memory(scan, err);
        goto fail;
    }
    for (; pass.first < scan->groups && !atomic_load(&stopped); pass.first += pass.groups) {
        pass.groups = smaller(groups, scan->groups - pass.first);
        pass_run(&pass, slices, n_slices, out, found);
    }
    if (atomic_load(&stopped))
        status = stop_error("the search", err);
fail:
    for (size_t s = 0; slices && s < n_slices; s++)
        slice_clear(&slices[s]);
    free(slices);
    free(pass.vectors);
    free(pass.starts);
    return status;
}
