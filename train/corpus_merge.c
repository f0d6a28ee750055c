#include "train/corpus_merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* A word over all threads. */
struct merged {
    uint64_t count, first;
    uint32_t thread, number; /* where it appears first */
    uint32_t id;
};

/* Words are dealt to the threads by their hash, so that each merges a part of its own. */
struct part {
    struct merged *words;
    uint32_t *kept; /* words that pass least_count, best first */
    uint64_t *slots;
    uint64_t mask;
    uint32_t size, n_kept;
};

struct merge {
    struct crew *crew;
    const struct corpus_counter *counters;
    struct corpus_ranking *ranking;
    struct part *parts;
};

static uint32_t part_of(const struct word *word, int parts) {
    return (uint32_t)((word->hash >> 32) * (uint64_t)parts >> 32);
}

static enum status no_memory(struct error *err, uint64_t words) {
    return error_set(err, STATUS_NO_MEMORY, "out of memory for a vocabulary of %llu words", (unsigned long long)words);
}

static enum status part_init(const struct merge *merge, int index, struct part *part, struct error *err) {
    uint64_t most = 0, slots = 16;
    for (int t = 0; t < merge->crew->threads; t++) {
        const struct word_table *table = &merge->counters[t].table;
        for (uint32_t i = 0; i < table->size; i++)
            most += part_of(&table->words[i], merge->crew->threads) == (uint32_t)index;
    }
    while (slots < 2 * most)
        slots *= 2;
    if (merge->crew->threads == 1)
        slots = 1; /* nothing to look up: one thread's words differ */
    part->words = calloc(most + 1, sizeof *part->words);
    part->slots = calloc(slots, sizeof *part->slots);
    part->mask = slots - 1;
    return part->words == NULL || part->slots == NULL ? no_memory(err, most) : STATUS_OK;
}

/* The merged word equal to this one, made when there is none yet. Words of thread 0 never are. */
static uint32_t part_place(const struct merge *merge, struct part *part, uint32_t thread, uint32_t number) {
    const struct word_table *table = &merge->counters[thread].table;
    const struct word *word = &table->words[number];
    uint64_t at = word->hash & part->mask;
    for (; merge->crew->threads > 1 && part->slots[at] != 0; at = (at + 1) & part->mask) {
        uint32_t index = (uint32_t)part->slots[at] - 1;
        const struct merged *merged = &part->words[index];
        const struct word_table *other = &merge->counters[merged->thread].table;
        if (part->slots[at] >> 32 == word->hash >> 32 && merged->thread != thread &&
            word_equal(table, word, other, &other->words[merged->number]))
            return index;
    }
    part->slots[at] = (word->hash >> 32 << 32) | (part->size + 1);
    part->words[part->size] = (struct merged){.first = word->first, .thread = thread, .number = number};
    return part->size++;
}

struct candidate {
    uint64_t count, first;
    uint32_t index;
};

static int candidate_compare(const void *left, const void *right) {
    const struct candidate *a = left, *b = right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

static enum status part_sort(struct part *part, uint64_t least_count, struct error *err) {
    struct candidate *candidates = malloc((size_t)part->size * sizeof *candidates + 1);
    part->kept = malloc((size_t)part->size * sizeof *part->kept + 1);
    if (candidates == NULL || part->kept == NULL) {
        free(candidates);
        return no_memory(err, part->size);
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < part->size; i++)
        if (part->words[i].count >= least_count)
            candidates[n++] = (struct candidate){part->words[i].count, part->words[i].first, i};
    qsort(candidates, n, sizeof *candidates, candidate_compare);
    for (uint32_t i = 0; i < n; i++)
        part->kept[i] = candidates[i].index;
    part->n_kept = n;
    free(candidates);
    return STATUS_OK;
}

/* Threads are taken in the order of the text, so a merged word keeps its first place. */
static enum status part_merge(void *context, int index, struct error *err) {
    struct merge *merge = context;
    struct part *part = &merge->parts[index];
    enum status status = part_init(merge, index, part, err);
    if (status != STATUS_OK)
        return status;
    for (int t = 0; t < merge->crew->threads; t++) {
        status = crew_check(merge->crew, err);
        if (status != STATUS_OK)
            return status;
        const struct word_table *table = &merge->counters[t].table;
        uint32_t *map = merge->ranking->maps[t];
        for (uint32_t i = 0; i < table->size; i++) {
            if (part_of(&table->words[i], merge->crew->threads) != (uint32_t)index)
                continue;
            map[i] = part_place(merge, part, (uint32_t)t, i);
            part->words[map[i]].count += table->words[i].count;
        }
    }
    free(part->slots);
    part->slots = NULL;
    return part_sort(part, merge->ranking->least_count, err);
}

/* From the place in a part to the id. */
static enum status map_finish(void *context, int index, struct error *err) {
    struct merge *merge = context;
    (void)err;
    const struct word_table *table = &merge->counters[index].table;
    uint32_t *map = merge->ranking->maps[index];
    for (uint32_t i = 0; i < table->size; i++)
        map[i] = merge->parts[part_of(&table->words[i], merge->crew->threads)].words[map[i]].id;
    return STATUS_OK;
}

static bool merged_before(const struct merged *a, const struct merged *b) {
    return a->count > b->count || (a->count == b->count && a->first < b->first);
}

/* Ids over all parts: always the best of the parts' next words. ranked: the words in the order of their ids. */
static void parts_rank(const struct merge *merge, const struct merged **ranked, uint64_t size, uint32_t *next) {
    int parts = merge->crew->threads;
    for (int p = 0; p < parts; p++)
        for (uint32_t i = 0; i < merge->parts[p].size; i++)
            merge->parts[p].words[i].id = CORPUS_DROPPED;
    for (uint64_t id = 0; id < size; id++) {
        struct merged *best = NULL;
        int from = 0;
        for (int p = 0; p < parts; p++) {
            const struct part *part = &merge->parts[p];
            if (next[p] == part->n_kept)
                continue;
            struct merged *word = &part->words[part->kept[next[p]]];
            if (best == NULL || merged_before(word, best)) {
                best = word;
                from = p;
            }
        }
        next[from]++;
        best->id = (uint32_t)id;
        ranked[id] = best;
    }
}

static const char *merged_text(const struct merge *merge, const struct merged *merged, uint64_t *length) {
    const struct word_table *table = &merge->counters[merged->thread].table;
    const struct word *word = &table->words[merged->number];
    *length = word->length;
    return word_text(table, word);
}

static enum status vocabulary_make(const struct merge *merge, const struct merged *const *ranked, uint64_t size,
                                   struct error *err) {
    struct corpus_ranking *ranking = merge->ranking;
    uint64_t length, bytes = 0;
    for (uint64_t id = 0; id < size; id++) {
        merged_text(merge, ranked[id], &length);
        bytes += length;
    }
    char *text = malloc(bytes + 1);
    uint64_t *offsets = malloc((size + 1) * sizeof *offsets);
    uint64_t *counts = malloc(size * sizeof *counts + 1);
    enum status status = STATUS_OK;
    if (text == NULL || offsets == NULL || counts == NULL) {
        status = no_memory(err, size);
        goto fail;
    }
    offsets[0] = 0;
    for (uint64_t id = 0; id < size; id++) {
        const char *word = merged_text(merge, ranked[id], &length);
        memcpy(text + offsets[id], word, length);
        offsets[id + 1] = offsets[id] + length;
        counts[id] = ranked[id]->count;
        ranking->kept_words += counts[id];
    }
    status = vocabulary_create(&ranking->vocabulary, (uint32_t)size, text, offsets, counts, err);
fail:
    free(text);
    free(offsets);
    free(counts);
    return status;
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

static enum status parts_finish(struct merge *merge, struct error *err) {
    struct corpus_ranking *ranking = merge->ranking;
    const struct merged *top = NULL;
    uint64_t size = 0;
    for (int p = 0; p < merge->crew->threads; p++) {
        const struct part *part = &merge->parts[p];
        ranking->distinct += part->size;
        size += part->n_kept;
        for (uint32_t i = 0; i < part->size; i++)
            if (top == NULL || merged_before(&part->words[i], top))
                top = &part->words[i];
    }
    if (top != NULL) {
        uint64_t length;
        const char *word = merged_text(merge, top, &length);
        top_set(&ranking->top, word, length, top->count);
    }
    if (ranking->most > 0 && size > ranking->most)
        size = ranking->most;
    if (size > WORD_IDS_MOST)
        return error_set(err, STATUS_REFUSED, "%llu different words reach min_count: at most %u can be numbered",
                         (unsigned long long)size, WORD_IDS_MOST);
    const struct merged **ranked = malloc(size * sizeof *ranked + 1);
    uint32_t *next = calloc((size_t)merge->crew->threads, sizeof *next);
    enum status status = ranked == NULL || next == NULL ? no_memory(err, size) : STATUS_OK;
    if (status == STATUS_OK)
        parts_rank(merge, ranked, size, next);
    if (status == STATUS_OK && size > 0)
        status = vocabulary_make(merge, ranked, size, err);
    free(ranked);
    free(next);
    return status;
}

enum status corpus_rank(struct crew *crew, const struct corpus_counter *counters, struct corpus_ranking *ranking,
                        struct error *err) {
    struct merge merge = {crew, counters, ranking, calloc((size_t)crew->threads, sizeof(struct part))};
    enum status status = merge.parts == NULL ? no_memory(err, 0) : STATUS_OK;
    for (int t = 0; t < crew->threads && status == STATUS_OK; t++) {
        ranking->maps[t] = malloc((size_t)counters[t].table.size * sizeof(uint32_t) + 1);
        if (ranking->maps[t] == NULL)
            status = no_memory(err, counters[t].table.size);
    }
    if (status == STATUS_OK)
        status = crew_run(crew, part_merge, &merge, err);
    if (status == STATUS_OK)
        status = parts_finish(&merge, err);
    if (status == STATUS_OK)
        status = crew_run(crew, map_finish, &merge, err);
    for (int p = 0; merge.parts != NULL && p < crew->threads; p++) {
        free(merge.parts[p].words);
        free(merge.parts[p].kept);
        free(merge.parts[p].slots);
    }
    free(merge.parts);
    if (status != STATUS_OK) {
        vocabulary_free(ranking->vocabulary);
        ranking->vocabulary = NULL;
    }
    return status;
}
