#include <stdlib.h>

#include "base/file.h"
#include "train/corpus_merge.h"

/* How one range's numbers are turned into ids. A sentence may begin in one range and end in a later one. */
struct range {
    const struct corpus_counter *counter;
    bool open;               /* the sentence holds a kept word */
    bool marked, first_open; /* a sentence end was met; whether a kept word of this range stood before it */
    uint64_t words,
        ends;           /* what goes into the file; in the first pass without a first end that no word stands before */
    uint64_t offset;    /* in the file, entries */
    uint32_t *in, *out; /* [CORPUS_BUFFER] each; out is NULL in the first pass, which only counts */
    uint32_t fill;
    uint64_t written;
};

struct remap_pass {
    struct crew *crew;
    struct corpus_remap *remap;
    struct range *ranges;
};

static enum status no_memory(struct error *err) {
    return error_set(err, STATUS_NO_MEMORY, "out of memory for numbering the corpus");
}

/* Chains the maps of a pruned table from the last generation back, so that each leads straight to ids. */
static enum status maps_chain(void *context, int index, struct error *err) {
    struct remap_pass *pass = context;
    struct corpus_counter *counter = &pass->remap->counters[index];
    const uint32_t *next = pass->remap->maps[index];
    uint32_t *owned = NULL;
    enum status status = STATUS_OK;
    word_table_clear(&counter->table);
    for (uint32_t g = counter->n_generations - 1; g-- > 0 && status == STATUS_OK;) {
        const struct generation *generation = &counter->generations[g];
        uint64_t bytes = generation->map_size * sizeof(uint32_t);
        uint32_t *map = malloc(bytes + 1);
        status = map == NULL ? no_memory(err) : file_read_at(counter->file, map, bytes, generation->map_at, err);
        for (uint32_t i = 0; i < generation->map_size && status == STATUS_OK; i++)
            map[i] = map[i] == WORD_NONE ? CORPUS_DROPPED : next[map[i]];
        if (status == STATUS_OK)
            status = file_write_at(counter->file, map, bytes, generation->map_at, err);
        free(owned);
        next = owned = map;
    }
    free(owned);
    return status;
}

static enum status range_flush(const struct remap_pass *pass, struct range *range, struct error *err) {
    enum status status = file_write_at(pass->remap->ids, range->out, range->fill * sizeof *range->out,
                                       (range->offset + range->written) * sizeof *range->out, err);
    range->written += range->fill;
    range->fill = 0;
    return status;
}

/* Counts the kept words and sentence ends among n numbers. */
static void range_count(struct range *range, const uint32_t *map, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (range->in[i] != CORPUS_SENTENCE_END) {
            bool kept = map[range->in[i]] != CORPUS_DROPPED;
            range->words += kept;
            range->open |= kept;
            continue;
        }
        if (!range->marked)
            range->first_open = range->open;
        range->marked = true;
        range->ends += range->open;
        range->open = false;
    }
}

/* The same, and collects them. out holds as much as in: there is room for all. */
static void range_convert(struct range *range, const uint32_t *map, uint32_t n) {
    uint32_t fill = range->fill;
    uint64_t words = range->words;
    bool open = range->open;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = range->in[i];
        if (id == CORPUS_SENTENCE_END) {
            range->out[fill] = CORPUS_SENTENCE_END;
            fill += open;
            range->ends += open;
            open = false;
            continue;
        }
        id = map[id];
        range->out[fill] = id; /* a dropped one is overwritten by the next */
        bool kept = id != CORPUS_DROPPED;
        fill += kept;
        words += kept;
        open |= kept;
    }
    range->fill = fill;
    range->words = words;
    range->open = open;
}

static enum status generation_read(const struct remap_pass *pass, struct range *range,
                                   const struct generation *generation, const uint32_t *map, struct error *err) {
    enum status status = STATUS_OK;
    for (uint64_t at = 0; at < generation->ids && status == STATUS_OK;) {
        uint64_t left = generation->ids - at;
        uint32_t n = left < CORPUS_BUFFER ? (uint32_t)left : CORPUS_BUFFER;
        status = crew_check(pass->crew, err);
        if (status == STATUS_OK)
            status = file_read_at(range->counter->file, range->in, n * sizeof *range->in,
                                  generation->ids_at + at * sizeof *range->in, err);
        if (status != STATUS_OK)
            return status;
        if (range->out == NULL) {
            range_count(range, map, n);
        } else {
            range_convert(range, map, n);
            status = range_flush(pass, range, err);
        }
        at += n;
        atomic_fetch_add_explicit(&pass->remap->done, n, memory_order_relaxed);
    }
    return status;
}

static enum status range_read(const struct remap_pass *pass, int index, struct error *err) {
    struct range *range = &pass->ranges[index];
    const struct corpus_counter *counter = range->counter;
    enum status status = STATUS_OK;
    for (uint32_t g = 0; g < counter->n_generations && status == STATUS_OK; g++) {
        const struct generation *generation = &counter->generations[g];
        if (g == counter->n_generations - 1)
            return generation_read(pass, range, generation, pass->remap->maps[index], err);
        uint64_t bytes = generation->map_size * sizeof(uint32_t);
        uint32_t *map = malloc(bytes + 1);
        status = map == NULL ? no_memory(err) : file_read_at(counter->file, map, bytes, generation->map_at, err);
        if (status == STATUS_OK)
            status = generation_read(pass, range, generation, map, err);
        free(map);
    }
    return status;
}

static enum status range_work(struct remap_pass *pass, int index, bool writes, struct error *err) {
    struct range *range = &pass->ranges[index];
    range->in = malloc(CORPUS_BUFFER * sizeof *range->in);
    range->out = writes ? malloc(CORPUS_BUFFER * sizeof *range->out) : NULL;
    enum status status = STATUS_OK;
    if (range->in == NULL || (writes && range->out == NULL))
        status = no_memory(err);
    else
        status = range_read(pass, index, err);
    free(range->in);
    free(range->out);
    range->in = range->out = NULL;
    return status;
}

/* The first pass finds where each range's ids begin; nothing depends on the length of the last one. */
static enum status range_measure(void *context, int index, struct error *err) {
    struct remap_pass *pass = context;
    enum status status = maps_chain(pass, index, err);
    if (status != STATUS_OK || index == pass->crew->threads - 1)
        return status;
    return range_work(pass, index, false, err);
}

static enum status range_write(void *context, int index, struct error *err) {
    return range_work(context, index, true, err);
}

/* Offsets and open sentences from range to range; then the second pass starts from them. */
static void ranges_chain(const struct remap_pass *pass) {
    uint64_t offset = 0;
    bool open = false;
    for (int i = 0; i < pass->crew->threads; i++) {
        struct range *range = &pass->ranges[i];
        bool open_after = range->marked ? range->open : range->open || open;
        uint64_t length = range->words + range->ends + (range->marked && !range->first_open && open);
        *range = (struct range){.counter = range->counter, .open = open, .offset = offset};
        offset += length;
        open = open_after;
    }
}

enum status corpus_remap(struct crew *crew, struct corpus_remap *remap, struct error *err) {
    struct remap_pass pass = {crew, remap, calloc((size_t)crew->threads, sizeof *pass.ranges)};
    if (pass.ranges == NULL)
        return no_memory(err);
    for (int i = 0; i < crew->threads; i++)
        pass.ranges[i].counter = &remap->counters[i];
    enum status status = crew_run(crew, range_measure, &pass, err);
    if (status == STATUS_OK) {
        ranges_chain(&pass);
        status = crew_run(crew, range_write, &pass, err);
    }
    uint32_t end = CORPUS_SENTENCE_END;
    const struct range *last = &pass.ranges[crew->threads - 1];
    remap->length = last->offset + last->written;
    if (status == STATUS_OK && last->open)
        status = file_write_at(remap->ids, &end, sizeof end, remap->length++ * sizeof end, err);
    for (int i = 0; i < crew->threads; i++)
        remap->words += pass.ranges[i].words;
    free(pass.ranges);
    return status;
}
