#include "corpus/corpus_merge.h"

#include <stdlib.h>

#include "base/pages.h"

#define GROUP 32 /* words looked up together */
#define SLOTS_MIN 16u

/* What is left of the tag once part_of has chosen the part: it chooses the slot there. */
static uint64_t part_slot(const struct part *part, uint32_t tag, int parts) {
    return (uint32_t)(tag * (uint32_t)parts) >> part->shift;
}

static enum status part_init(const struct merge *merge, int index, struct part *part,
                             struct error *err) {
    uint64_t max = 0, slots = SLOTS_MIN;
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
        return merge_no_memory(err, max);
    pages_prefer_huge(part->words, part->max * sizeof *part->words);
    pages_prefer_huge(part->slots, slots * sizeof *part->slots);
    return STATUS_OK;
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
    part->words[part->size] = (struct merged){thread, number, WORD_NONE};
    return part->size++;
}

/* Fetches what part_place will read of the words with these tags, all of it far apart in memory.
 * Their slots were fetched before. */
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
    uint32_t *map = merge->maps[thread], group[GROUP];
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

/* Threads are taken in the order of the text, so a merged word keeps its first place. */
enum status merge_part(struct merge *merge, int index, struct error *err) {
    struct part *part = &merge->parts[index];
    enum status status = part_init(merge, index, part, err);
    for (int t = 0; t < merge->pool->threads && status == STATUS_OK; t++) {
        status = corpus_pool_poll(merge->pool, err);
        if (status == STATUS_OK)
            part_add(merge, index, (uint32_t)t);
    }
    pages_release(part->slots, (part->mask + 1) * sizeof *part->slots);
    part->slots = NULL;
    return status;
}

void merge_clear(struct merge *merge) {
    for (int p = 0; merge->parts && p < merge->pool->threads; p++) {
        struct part *part = &merge->parts[p];
        pages_release(part->words, part->max * sizeof *part->words);
    }
    free(merge->parts);
}
