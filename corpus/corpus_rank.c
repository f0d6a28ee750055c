#include "corpus/corpus_rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "corpus/corpus_merge.h"

#define DIGIT_BITS 11 /* of counts, sorted by one pass each */
#define DIGITS ((size_t)1 << DIGIT_BITS)
#define AHEAD 16 /* records read at random are fetched so many turns before */

/* What ranks a word. */
struct candidate {
    uint64_t count, first;
    uint32_t index; /* in the part */
};

/* Of one part. */
struct shortlist {
    uint64_t *seen;          /* [CORPUS_SPECTRUM]: its words, as struct corpus_spectrum has them */
    uint64_t log_counts;     /* as there */
    struct candidate *words; /* [n]: those that reach min_count, best first */
    uint32_t n;
};

struct ranker {
    struct merge merge;
    struct corpus_ranking *ranking;
    struct shortlist *lists; /* [pool->threads], one of each part */
};

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

/* How many words of a part reach min_count. */
static uint32_t part_reach(const struct ranker *ranker, int index) {
    const struct merge *merge = &ranker->merge;
    const struct part *part = &merge->parts[index];
    uint64_t min_count = ranker->ranking->min_count;
    uint32_t n = part->size;
    if (min_count <= CORPUS_SPECTRUM) {
        for (uint64_t count = 1; count < min_count; count++)
            n -= (uint32_t)ranker->lists[index].seen[count];
        return n;
    }
    for (uint32_t i = 0; i < part->size; i++)
        n -= merged_word(merge, &part->words[i])->count < min_count;
    return n;
}

static enum status part_sort(void *context, int index, struct error *err) {
    struct ranker *ranker = context;
    const struct merge *merge = &ranker->merge;
    const struct part *part = &merge->parts[index];
    struct shortlist *list = &ranker->lists[index];
    uint64_t min_count = ranker->ranking->min_count, max = 0;
    uint32_t n = part_reach(ranker, index);
    struct candidate *candidates = malloc((size_t)n * sizeof *candidates + 1);
    struct candidate *spare = malloc((size_t)n * sizeof *spare + 1);
    if (!candidates || !spare) {
        free(candidates);
        free(spare);
        return merge_no_memory(err, n);
    }
    list->n = n;
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
    list->words = candidates_sort(candidates, spare, n, max);
    free(list->words == spare ? candidates : spare);
    return STATUS_OK;
}

static uint64_t log_count(uint64_t count) {
    return (uint64_t)llround((double)count * log2((double)count) * CORPUS_LOG_UNIT);
}

static enum status part_count(void *context, int index, struct error *err) {
    struct ranker *ranker = context;
    const struct merge *merge = &ranker->merge;
    struct shortlist *list = &ranker->lists[index];
    enum status status = merge_part(&ranker->merge, index, err);
    if (status != STATUS_OK)
        return status;
    list->seen = calloc(CORPUS_SPECTRUM, sizeof *list->seen);
    if (!list->seen)
        return merge_no_memory(err, merge->parts[index].size);
    for (uint32_t i = 0; i < merge->parts[index].size; i++) {
        uint64_t count = merged_word(merge, &merge->parts[index].words[i])->count;
        list->seen[count < CORPUS_SPECTRUM ? count : 0]++;
        if (count >= CORPUS_SPECTRUM)
            list->log_counts += log_count(count);
    }
    return STATUS_OK;
}

/* From the place in a part to the id. */
static enum status map_finish(void *context, int index, struct error *err) {
    const struct ranker *ranker = context;
    const struct merge *merge = &ranker->merge;
    (void)err;
    const struct word_table *table = &merge->counters[index].table;
    uint32_t *map = merge->maps[index];
    for (uint32_t i = 0; i < table->size; i++)
        map[i] = merge->parts[part_of(table->tags[i], merge->pool->threads)].words[map[i]].id;
    return STATUS_OK;
}

static bool candidate_before(const struct candidate *a, const struct candidate *b) {
    return a->count > b->count || (a->count == b->count && a->first < b->first);
}

/* The part whose next word is the best. At least one part has a next word. */
static int parts_best(const struct ranker *ranker, const uint32_t *next) {
    const struct candidate *best = NULL;
    int from = 0;
    for (int p = 0; p < ranker->merge.pool->threads; p++) {
        const struct shortlist *list = &ranker->lists[p];
        if (next[p] == list->n)
            continue;
        if (!best || candidate_before(&list->words[next[p]], best)) {
            best = &list->words[next[p]];
            from = p;
        }
    }
    return from;
}

/* Ids over all parts, `size` of them. next: zeros, one of each part. */
static void parts_rank(const struct ranker *ranker, uint32_t size, uint32_t *next) {
    struct corpus_ranking *ranking = ranker->ranking;
    for (uint32_t id = 0; id < size; id++) {
        int p = parts_best(ranker, next);
        const struct part *part = &ranker->merge.parts[p];
        const struct shortlist *list = &ranker->lists[p];
        const struct candidate *best = &list->words[next[p]];
        if (list->n - next[p] > AHEAD)
            __builtin_prefetch(&part->words[list->words[next[p] + AHEAD].index], 1);
        struct merged *word = &part->words[best->index];
        next[p]++;
        word->id = id;
        ranking->ranked[id] = (struct corpus_ranked){best->count, word->thread, word->number};
        ranking->kept_words += best->count;
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

/* What is known of all parts once they are merged; then min_count may be chosen. */
static void parts_count(struct ranker *ranker) {
    struct corpus_ranking *ranking = ranker->ranking;
    for (int p = 0; p < ranker->merge.pool->threads; p++) {
        for (size_t count = 0; ranking->spectrum && count < CORPUS_SPECTRUM; count++)
            ranking->spectrum->words[count] += ranker->lists[p].seen[count];
        if (ranking->spectrum)
            ranking->spectrum->log_counts += ranker->lists[p].log_counts;
        ranking->distinct += ranker->merge.parts[p].size;
    }
    if (ranking->choose)
        ranking->choose(ranking->chooser, ranking);
}

static enum status parts_finish(struct ranker *ranker, struct error *err) {
    struct corpus_ranking *ranking = ranker->ranking;
    int parts = ranker->merge.pool->threads;
    uint64_t size = 0;
    for (int p = 0; p < parts; p++)
        size += ranker->lists[p].n;
    if (size == 0)
        parts_top(&ranker->merge, &ranking->top);
    if (ranking->max > 0 && size > ranking->max)
        size = ranking->max;
    if (size > WORD_IDS_MAX)
        return error_set(err, STATUS_REFUSED,
                         "%llu different words reach min_count: at most %u can be numbered",
                         (unsigned long long)size, WORD_IDS_MAX);
    ranking->size = (uint32_t)size;
    ranking->ranked = malloc(size * sizeof *ranking->ranked + 1);
    uint32_t *next = calloc((size_t)parts, sizeof *next);
    enum status status = !ranking->ranked || !next ? merge_no_memory(err, size) : STATUS_OK;
    if (status == STATUS_OK)
        parts_rank(ranker, ranking->size, next);
    free(next);
    return status;
}

static enum status maps_create(const struct ranker *ranker, struct error *err) {
    for (int t = 0; t < ranker->merge.pool->threads; t++) {
        uint32_t size = ranker->merge.counters[t].table.size;
        ranker->merge.maps[t] = malloc(size * sizeof(uint32_t) + 1);
        if (!ranker->merge.maps[t])
            return merge_no_memory(err, size);
    }
    return STATUS_OK;
}

enum status corpus_rank(struct corpus_pool *pool, struct corpus_counter *counters,
                        struct corpus_ranking *ranking, struct error *err) {
    size_t parts = (size_t)pool->threads;
    struct ranker ranker = {
        .merge = {pool, counters, ranking->maps, calloc(parts, sizeof *ranker.merge.parts)},
        .ranking = ranking,
        .lists = calloc(parts, sizeof *ranker.lists)};
    enum status status = !ranker.merge.parts || !ranker.lists ? merge_no_memory(err, 0) : STATUS_OK;
    if (status == STATUS_OK)
        status = maps_create(&ranker, err);
    if (status == STATUS_OK)
        status = corpus_pool_run(pool, part_count, &ranker, err);
    if (status == STATUS_OK) {
        parts_count(&ranker);
        status = corpus_pool_run(pool, part_sort, &ranker, err);
    }
    if (status == STATUS_OK)
        status = parts_finish(&ranker, err);
    if (status == STATUS_OK)
        status = corpus_pool_run(pool, map_finish, &ranker, err);
    for (size_t p = 0; ranker.lists && p < parts; p++) {
        free(ranker.lists[p].seen);
        free(ranker.lists[p].words);
    }
    free(ranker.lists);
    merge_clear(&ranker.merge);
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
        status = merge_no_memory(err, size);
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
