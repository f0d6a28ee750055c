#include "corpus/corpus_merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/utf8.h"

#define GROUP 32      /* words looked up together */
#define DIGIT_BITS 11 /* of counts, sorted by one pass each */
#define DIGITS ((size_t)1 << DIGIT_BITS)
#define AHEAD 16 /* records read at random are fetched so many turns before */

/* A word over all threads. The record where it appears first sums its counts. */
struct merged {
    uint32_t thread, number; /* of that record */
    uint32_t id;
};

/* What ranks a word. */
struct candidate {
    uint64_t count, first;
    uint32_t index; /* in the part */
};

/* Words are dealt to the threads by their hash, so that each merges a part of its own: by first
 * appearance. */
struct part {
    struct merged *words;   /* [max], pages */
    struct candidate *kept; /* words that reach min_count, best first */
    uint64_t *slots;        /* [mask + 1], pages */
    uint64_t max, mask;
    int shift;
    uint32_t size, n_kept;
};

struct merge {
    struct corpus_pool *pool;
    struct corpus_counter *counters;
    struct corpus_ranking *ranking;
    struct part *parts;
};

/* The tag as a fraction: its whole part once multiplied chooses the part, what is left the slot
 * there. */
static uint32_t part_of(uint32_t tag, int parts) {
    return (uint32_t)(tag * (uint64_t)parts >> 32);
}

static uint64_t part_slot(const struct part *part, uint32_t tag, int parts) {
    return (uint32_t)(tag * (uint32_t)parts) >> part->shift;
}

static enum status no_memory(struct error *err, uint64_t words) {
    return error_set(err, STATUS_NO_MEMORY, "out of memory for a vocabulary of %llu words",
                     (unsigned long long)words);
}

static enum status part_init(const struct merge *merge, int index, struct part *part,
                             struct error *err) {
    uint64_t max = 0, slots = 16;
    for (int t = 0; t < merge->pool->threads; t++) {
        const struct word_table *table = &merge->counters[t].table;
        for (uint32_t i = 0; i < table->size; i++)
            max += part_of(table->tags[i], merge->pool->threads) == (uint32_t)index;
    }
    /* of `max`, threads share the frequent half */
    while (slots / 4 * 3 < max && slots < WORD_SLOTS_MAX)
        slots *= 2;
    if (merge->pool->threads == 1)
        slots = 2; /* nothing to look up: one thread's words differ */
    part->max = max + 1;
    part->words = pages_reserve(part->max * sizeof *part->words);
    part->slots = pages_reserve(slots * sizeof *part->slots);
    part->mask = slots - 1;
    part->shift = 32 - __builtin_ctzll(slots);
    if (!part->words || !part->slots)
        return no_memory(err, max);
    pages_prefer_huge(part->words, part->max * sizeof *part->words);
    pages_prefer_huge(part->slots, slots * sizeof *part->slots);
    return STATUS_OK;
}

static struct word *merged_word(const struct merge *merge, const struct merged *merged) {
    return &merge->counters[merged->thread].table.words[merged->number];
}

/* The merged word equal to this one, made when there is none yet. Words of one thread never are
 * equal. */
static uint32_t part_place(const struct merge *merge, struct part *part, uint32_t thread,
                           uint32_t number) {
    const struct word_table *table = &merge->counters[thread].table;
    uint32_t tag = table->tags[number];
    uint64_t at = part_slot(part, tag, merge->pool->threads);
    for (; merge->pool->threads > 1 && part->slots[at] != 0; at = (at + 1) & part->mask) {
        uint32_t index = (uint32_t)part->slots[at] - 1;
        const struct merged *merged = &part->words[index];
        if (part->slots[at] >> 32 == tag && merged->thread != thread &&
            word_equal(table, number, &merge->counters[merged->thread].table, merged->number))
            return index;
    }
    part->slots[at] = (uint64_t)tag << 32 | (part->size + 1);
    part->words[part->size] = (struct merged){thread, number, CORPUS_DROPPED};
    return part->size++;
}

/* What part_place will read of the words with these tags, all of it far apart, on its way to the
 * caches. The slots are already. */
static void group_fetch(const struct merge *merge, const struct part *part, const uint32_t *tags,
                        const uint32_t *group, int n) {
    for (int i = 0; i < n; i++) {
        uint64_t slot = part->slots[part_slot(part, tags[group[i]], merge->pool->threads)];
        if (slot != 0)
            __builtin_prefetch(&part->words[(uint32_t)slot - 1], 1);
    }
    for (int i = 0; i < n; i++) {
        uint64_t slot = part->slots[part_slot(part, tags[group[i]], merge->pool->threads)];
        if (slot != 0)
            __builtin_prefetch(merged_word(merge, &part->words[(uint32_t)slot - 1]));
    }
}

static void part_add(const struct merge *merge, int index, uint32_t thread) {
    struct part *part = &merge->parts[index];
    const struct word_table *table = &merge->counters[thread].table;
    uint32_t *map = merge->ranking->maps[thread], group[GROUP];
    int n = 0;
    for (uint32_t i = 0; i < table->size; i++) {
        if (part_of(table->tags[i], merge->pool->threads) == (uint32_t)index) {
            group[n++] = i;
            __builtin_prefetch(&part->slots[part_slot(part, table->tags[i], merge->pool->threads)],
                               1);
        }
        if (n < GROUP && i + 1 < table->size)
            continue;
        if (thread > 0)
            group_fetch(merge, part, table->tags, group, n);
        for (int k = 0; k < n; k++) {
            uint32_t place = map[group[k]] = part_place(merge, part, thread, group[k]);
            if (part->words[place].thread != thread)
                merged_word(merge, &part->words[place])->count += table->words[group[k]].count;
        }
        n = 0;
    }
}

/* By falling count; words of one count stay in their order. spare: as large as candidates. Returns
 * the sorted one. */
static struct candidate *candidates_sort(struct candidate *candidates, struct candidate *spare,
                                         uint32_t n, uint64_t max) {
    for (int shift = 0; shift < 64 && max >> shift != 0; shift += DIGIT_BITS) {
        uint32_t places[DIGITS] = {0};
        for (uint32_t i = 0; i < n; i++)
            places[~(candidates[i].count >> shift) & (DIGITS - 1)]++;
        for (uint32_t digit = 0, place = 0; digit < DIGITS; digit++) {
            uint32_t count = places[digit];
            places[digit] = place;
            place += count;
        }
        for (uint32_t i = 0; i < n; i++)
            spare[places[~(candidates[i].count >> shift) & (DIGITS - 1)]++] = candidates[i];
        struct candidate *sorted = spare;
        spare = candidates;
        candidates = sorted;
    }
    return candidates;
}

static enum status part_sort(const struct merge *merge, struct part *part, struct error *err) {
    uint64_t min_count = merge->ranking->min_count;
    uint32_t n = 0;
    uint64_t max = 0;
    for (uint32_t i = 0; i < part->size; i++)
        n += merged_word(merge, &part->words[i])->count >= min_count;
    struct candidate *candidates = malloc((size_t)n * sizeof *candidates + 1);
    struct candidate *spare = malloc((size_t)n * sizeof *spare + 1);
    if (!candidates || !spare) {
        free(candidates);
        free(spare);
        return no_memory(err, n);
    }
    part->n_kept = n;
    n = 0;
    for (uint32_t i = 0; i < part->size; i++) {
        const struct merged *merged = &part->words[i];
        uint64_t count = merged_word(merge, merged)->count;
        if (count < min_count)
            continue;
        candidates[n++] = (struct candidate){
            count, merge->counters[merged->thread].table.first[merged->number], i};
        max = count > max ? count : max;
    }
    part->kept = candidates_sort(candidates, spare, n, max);
    free(part->kept == spare ? candidates : spare);
    return STATUS_OK;
}

/* Threads are taken in the order of the text, so a merged word keeps its first place. */
static enum status part_merge(void *context, int index, struct error *err) {
    struct merge *merge = context;
    struct part *part = &merge->parts[index];
    enum status status = part_init(merge, index, part, err);
    for (int t = 0; t < merge->pool->threads && status == STATUS_OK; t++) {
        status = corpus_pool_poll(merge->pool, err);
        if (status == STATUS_OK)
            part_add(merge, index, (uint32_t)t);
    }
    pages_release(part->slots, (part->mask + 1) * sizeof *part->slots);
    part->slots = NULL;
    return status == STATUS_OK ? part_sort(merge, part, err) : status;
}

/* From the place in a part to the id. */
static enum status map_finish(void *context, int index, struct error *err) {
    struct merge *merge = context;
    (void)err;
    const struct word_table *table = &merge->counters[index].table;
    uint32_t *map = merge->ranking->maps[index];
    for (uint32_t i = 0; i < table->size; i++)
        map[i] = merge->parts[part_of(table->tags[i], merge->pool->threads)].words[map[i]].id;
    return STATUS_OK;
}

static bool candidate_before(const struct candidate *a, const struct candidate *b) {
    return a->count > b->count || (a->count == b->count && a->first < b->first);
}

/* Ids over all parts: always the best of the parts' next words. */
static void parts_rank(const struct merge *merge, struct corpus_ranked *ranked, uint64_t size,
                       uint32_t *next) {
    int parts = merge->pool->threads;
    for (uint64_t id = 0; id < size; id++) {
        const struct candidate *best = NULL;
        int from = 0;
        for (int p = 0; p < parts; p++) {
            const struct part *part = &merge->parts[p];
            if (next[p] == part->n_kept)
                continue;
            const struct candidate *candidate = &part->kept[next[p]];
            if (!best || candidate_before(candidate, best)) {
                best = candidate;
                from = p;
            }
        }
        const struct part *part = &merge->parts[from];
        if (part->n_kept - next[from] > AHEAD)
            __builtin_prefetch(&part->words[part->kept[next[from] + AHEAD].index], 1);
        struct merged *word = &part->words[best->index];
        next[from]++;
        word->id = (uint32_t)id;
        ranked[id] = (struct corpus_ranked){best->count, word->thread, word->number};
        merge->ranking->kept_words += best->count;
    }
}

/* Copies whole code points as long as they fit; what would spoil a line of text becomes '?'. */
static void top_set(struct corpus_top *top, const char *word, uint64_t length, uint64_t count) {
    const char *end = word + length;
    size_t fill = 0, skip;
    top->count = count;
    while (word < end) {
        uint32_t code_point;
        size_t n = utf8_decode(word, end, &code_point, &skip);
        bool fine = n > 0 && code_point >= 0x20 && code_point != 0x7f;
        if (fill + (fine ? n : 1) >= sizeof top->word)
            break;
        memcpy(top->word + fill, fine ? word : "?", fine ? n : 1);
        fill += fine ? n : 1;
        word += n > 0 ? n : skip;
    }
    top->word[fill] = '\0';
}

/* The most frequent word, wherever it is: only needed when none is kept. */
static void parts_top(const struct merge *merge, struct corpus_top *top) {
    const struct corpus_counter *counters = merge->counters, *in = NULL;
    uint32_t best = 0;
    for (int p = 0; p < merge->pool->threads; p++) {
        const struct part *part = &merge->parts[p];
        for (uint32_t i = 0; i < part->size; i++) {
            const struct corpus_counter *counter = &counters[part->words[i].thread];
            uint32_t number = part->words[i].number;
            uint64_t count = counter->table.words[number].count,
                     max = !in ? 0 : in->table.words[best].count;
            if (!in || count > max ||
                (count == max && counter->table.first[number] < in->table.first[best])) {
                in = counter;
                best = number;
            }
        }
    }
    if (!in)
        return;
    const struct word *word = &in->table.words[best];
    top_set(top, word_text(&in->table, word), word->length, word->count);
}

static enum status parts_finish(struct merge *merge, struct error *err) {
    struct corpus_ranking *ranking = merge->ranking;
    uint64_t size = 0;
    for (int p = 0; p < merge->pool->threads; p++) {
        ranking->distinct += merge->parts[p].size;
        size += merge->parts[p].n_kept;
    }
    if (size == 0)
        parts_top(merge, &ranking->top);
    if (ranking->max > 0 && size > ranking->max)
        size = ranking->max;
    if (size > WORD_IDS_MAX)
        return error_set(err, STATUS_REFUSED,
                         "%llu different words reach min_count: at most %u can be numbered",
                         (unsigned long long)size, WORD_IDS_MAX);
    ranking->size = (uint32_t)size;
    ranking->ranked = malloc(size * sizeof *ranking->ranked + 1);
    uint32_t *next = calloc((size_t)merge->pool->threads, sizeof *next);
    enum status status = !ranking->ranked || !next ? no_memory(err, size) : STATUS_OK;
    if (status == STATUS_OK)
        parts_rank(merge, ranking->ranked, size, next);
    free(next);
    return status;
}

enum status corpus_rank(struct corpus_pool *pool, struct corpus_counter *counters,
                        struct corpus_ranking *ranking, struct error *err) {
    struct merge merge = {pool, counters, ranking,
                          calloc((size_t)pool->threads, sizeof(struct part))};
    enum status status = !merge.parts ? no_memory(err, 0) : STATUS_OK;
    for (int t = 0; t < pool->threads && status == STATUS_OK; t++) {
        ranking->maps[t] = malloc((size_t)counters[t].table.size * sizeof(uint32_t) + 1);
        if (!ranking->maps[t])
            status = no_memory(err, counters[t].table.size);
    }
    if (status == STATUS_OK)
        status = corpus_pool_run(pool, part_merge, &merge, err);
    if (status == STATUS_OK)
        status = parts_finish(&merge, err);
    if (status == STATUS_OK)
        status = corpus_pool_run(pool, map_finish, &merge, err);
    for (int p = 0; merge.parts && p < pool->threads; p++) {
        pages_release(merge.parts[p].words, merge.parts[p].max * sizeof *merge.parts[p].words);
        free(merge.parts[p].kept);
    }
    free(merge.parts);
    return status;
}

static const struct word *ranked_word(const struct corpus_counter *counters,
                                      const struct corpus_ranked *ranked) {
    return &counters[ranked->thread].table.words[ranked->number];
}

static uint64_t ranked_bytes(const struct corpus_counter *counters,
                             const struct corpus_ranking *ranking) {
    uint64_t bytes = 0;
    for (uint32_t id = 0; id < ranking->size; id++) {
        if (ranking->size - id > AHEAD)
            __builtin_prefetch(ranked_word(counters, &ranking->ranked[id + AHEAD]));
        bytes += ranked_word(counters, &ranking->ranked[id])->length;
    }
    return bytes;
}

enum status corpus_vocabulary(const struct corpus_counter *counters,
                              const struct corpus_ranking *ranking, struct vocabulary **vocabulary,
                              struct error *err) {
    uint32_t size = ranking->size;
    char *text = malloc(ranked_bytes(counters, ranking) + 1);
    uint64_t *offsets = malloc(((size_t)size + 1) * sizeof *offsets);
    uint64_t *counts = malloc(size * sizeof *counts + 1);
    enum status status = STATUS_OK;
    if (!text || !offsets || !counts) {
        status = no_memory(err, size);
        goto done;
    }
    offsets[0] = 0;
    for (uint32_t id = 0; id < size; id++) {
        if (size - id > AHEAD)
            __builtin_prefetch(ranked_word(counters, &ranking->ranked[id + AHEAD]));
        const struct corpus_ranked *ranked = &ranking->ranked[id];
        const struct word *word = ranked_word(counters, ranked);
        memcpy(text + offsets[id], word_text(&counters[ranked->thread].table, word), word->length);
        offsets[id + 1] = offsets[id] + word->length;
        counts[id] = ranked->count;
    }
    status = vocabulary_create(vocabulary, size, text, offsets, counts, err);
done:
    free(text);
    free(offsets);
    free(counts);
    return status;
}
