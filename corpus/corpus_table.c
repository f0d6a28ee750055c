#include "corpus/corpus_table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/pages.h"
#include "base/random.h"
#include "base/utf8.h"

#define FIRST_ROOM 1024u
#define FIRST_SLOTS 2048u
#define PRUNE_BINS 4096u
#define CACHE_LINE 64u
#define HUGE_PAGE 2097152u

#define RECORD_BYTES \
    (sizeof(struct word) + sizeof(uint64_t) + sizeof(uint32_t)) /* words, first, tags */

/* Bytes one word costs, the slack of growing arrays included: a record, two to four slots, and its
 * text when it is long. */
static uint64_t word_cost(const struct word *word) {
    return RECORD_BYTES * 3 / 2 + 4 * sizeof(uint64_t) +
           (word->length > WORD_SHORT ? word->length * 3 / 2 : 0);
}

static uint64_t table_cost(uint64_t room, uint64_t slots, uint64_t arena) {
    return room * RECORD_BYTES + slots * sizeof(uint64_t) + arena;
}

static enum status no_memory(struct error *err, uint64_t bytes) {
    return error_set(err, STATUS_NO_MEMORY, "out of memory: %llu bytes for counting words",
                     (unsigned long long)bytes);
}

/* Zeroed memory that is read at random: on huge pages where the system has them. */
static void *places_create(size_t bytes) {
    void *places = aligned_alloc(bytes < HUGE_PAGE ? CACHE_LINE : HUGE_PAGE, bytes);
    if (!places)
        return NULL;
    if (bytes >= HUGE_PAGE)
        pages_prefer_huge(places, bytes);
    return memset(places, 0, bytes);
}

/* Address space for as many records as the budget, or the system, allows at most: they are read at
 * random, and huge pages, which growing arrays do not keep, make that a tenth faster for all of
 * counting. */
static enum status words_reserve(struct word_table *table, struct error *err) {
    uint64_t max = table->budget / RECORD_BYTES;
    max = max < FIRST_ROOM ? FIRST_ROOM : max < WORD_IDS_MAX ? max : WORD_IDS_MAX;
    for (;; max /= 2, table->budget = max * RECORD_BYTES) {
        table->words = pages_reserve(max * sizeof *table->words);
        table->words_reserved = max;
        if (table->words)
            return STATUS_OK;
        if (max / 2 < FIRST_ROOM)
            return no_memory(err, max * sizeof *table->words);
    }
}

/* Room for records; beyond table->size they are forgotten. */
static enum status words_resize(struct word_table *table, uint64_t room, struct error *err) {
    uint64_t *first = realloc(table->first, room * sizeof *first);
    table->first = first ? first : table->first;
    uint32_t *tags = realloc(table->tags, room * sizeof *tags);
    table->tags = tags ? tags : table->tags;
    if (!first || !tags)
        return no_memory(err, room * RECORD_BYTES);
    if (room < table->room)
        pages_forget(table->words, room * sizeof *table->words, table->room * sizeof *table->words);
    table->room = (uint32_t)room;
    return STATUS_OK;
}

static void slots_adopt(struct word_table *table, uint64_t *slots, uint64_t count) {
    table->slots = slots;
    table->mask = count - 1;
    table->shift = 64 - __builtin_ctzll(count);
}

enum status word_table_init(struct word_table *table, uint64_t budget, uint64_t seed,
                            struct error *err) {
    *table = (struct word_table){.budget = budget,
                                 .seed = {random_mix(seed + 1) | 1, random_mix(seed + 2) | 1},
                                 .max = WORD_IDS_MAX};
    enum status status = words_reserve(table, err);
    if (status == STATUS_OK)
        status = words_resize(table, FIRST_ROOM, err);
    table->slots = places_create(FIRST_SLOTS * sizeof *table->slots);
    table->hot = places_create((WORD_HOT_SIZE + CACHE_LINE) * sizeof *table->hot);
    if (status == STATUS_OK && (!table->slots || !table->hot))
        status =
            no_memory(err, table_cost(FIRST_ROOM, FIRST_SLOTS, WORD_HOT_SIZE * sizeof *table->hot));
    slots_adopt(table, table->slots, FIRST_SLOTS);
    if (status != STATUS_OK)
        word_table_clear(table);
    return status;
}

void word_table_expect_many(struct word_table *table) {
    pages_prefer_huge(table->words, table->words_reserved * sizeof *table->words);
}

void word_table_clear(struct word_table *table) {
    pages_release(table->words, table->words_reserved * sizeof *table->words);
    free(table->first);
    free(table->tags);
    free(table->slots);
    free(table->hot);
    free(table->arena);
    *table = (struct word_table){0};
}

void word_table_settle(struct word_table *table) {
    for (uint64_t at = 0; at < WORD_HOT_SIZE; at++)
        if (table->hot[at].number != 0) {
            table->words[table->hot[at].number - 1].count += table->hot[at].count;
            table->hot[at].count = 0;
        }
}

void word_table_promote(struct word_table *table, uint32_t number, uint64_t hash) {
    struct word *word = &table->words[number];
    struct hot_word *hot = word_table_hot(table, hash);
    if (hot->number != 0)
        table->words[hot->number - 1].count += hot->count; /* of this word itself, perhaps */
    *hot =
        (struct hot_word){word->head, word->rest, word->count, (uint32_t)word->length, number + 1};
    word->count = 0;
}

static void slots_put(struct word_table *table, uint64_t slot) {
    uint64_t at = slot >> table->shift;
    while (table->slots[at] != 0)
        at = (at + 1) & table->mask;
    table->slots[at] = slot;
}

/* Twice as many, in the order of the hashes as before: nothing here is read or written at
 * random. */
static enum status slots_grow(struct word_table *table, struct error *err) {
    uint64_t count = table->mask + 1, *old = table->slots,
             *slots = places_create(2 * count * sizeof *slots);
    if (!slots)
        return no_memory(err, 2 * count * sizeof *slots);
    slots_adopt(table, slots, 2 * count);
    for (uint64_t at = 0; at < count; at++)
        if (old[at] != 0)
            slots_put(table, old[at]);
    free(old);
    return STATUS_OK;
}

/* From the records. */
static enum status slots_rebuild(struct word_table *table, uint64_t count, struct error *err) {
    uint64_t *slots = places_create(count * sizeof *slots);
    if (!slots)
        return no_memory(err, count * sizeof *slots);
    free(table->slots);
    slots_adopt(table, slots, count);
    for (uint32_t i = 0; i < table->size; i++)
        slots_put(table, (uint64_t)table->tags[i] << 32 | (i + 1));
    return STATUS_OK;
}

static enum status arena_resize(struct word_table *table, uint64_t room, struct error *err) {
    char *arena = realloc(table->arena, room);
    if (!arena)
        return no_memory(err, room);
    table->arena = arena;
    table->arena_room = room;
    return STATUS_OK;
}

/* Arrays grow by half, and not by array_grow: what they would take is set against the budget
 * first. */
enum status word_table_reserve(struct word_table *table, size_t length, bool *fits,
                               struct error *err) {
    uint64_t room = table->room, slots = table->mask + 1, arena = table->arena_room;
    if (table->size >= table->max)
        return error_set(err, STATUS_REFUSED, "the corpus has more than %u different words",
                         table->max);
    if (table->size == room)
        room = room + room / 2 < table->max ? room + room / 2 : table->max;
    if (((uint64_t)table->size + 1) * 2 > slots && slots < WORD_SLOTS_MAX)
        slots *= 2;
    if (length > WORD_SHORT && table->arena_room - table->arena_length < length)
        arena += arena / 2 > length ? arena / 2 : length;
    *fits = table_cost(room, slots, arena) <= table->budget;
    if (!*fits)
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (room != table->room)
        status = words_resize(table, room, err);
    if (status == STATUS_OK && slots != table->mask + 1)
        status = slots_grow(table, err);
    if (status == STATUS_OK && arena != table->arena_room)
        status = arena_resize(table, arena, err);
    return status;
}

bool word_table_has_room(const struct word_table *table, uint32_t n, uint64_t bytes) {
    uint64_t room = table->room, slots = table->mask + 1, arena = table->arena_room,
             size = (uint64_t)table->size + n;
    while (room < size)
        room += room / 2;
    while (slots < 2 * size && slots < WORD_SLOTS_MAX)
        slots *= 2;
    /* the last growth begins below this sum, and adds half or one word */
    if (arena - table->arena_length < bytes)
        arena = (table->arena_length + bytes) * 3 / 2 + bytes;
    return size <= table->max && table_cost(room, slots, arena) <= table->budget;
}

uint64_t word_table_bytes(const struct word_table *table) {
    return table_cost(table->room, table->mask + 1, table->arena_room);
}

uint32_t word_table_insert(struct word_table *table, const char *text, size_t length,
                           const struct word_key *key, uint64_t first) {
    assert(table->size < table->room);
    uint32_t number = table->size++;
    struct word *word = &table->words[number];
    *word = (struct word){key->head, key->rest, length, 1};
    table->first[number] = first;
    table->tags[number] = (uint32_t)(key->hash >> 32);
    if (length > table->longest)
        table->longest = length;
    if (length > WORD_SHORT) {
        memcpy(table->arena + table->arena_length, text, length);
        word->rest = table->arena_length;
        table->arena_length += length;
    }
    slots_put(table, (uint64_t)table->tags[number] << 32 | (number + 1));
    return number;
}

/* The smallest count t such that the words seen more than t times take at most `bytes`. */
static enum status prune_threshold(const struct word_table *table, uint64_t bytes,
                                   uint32_t *threshold, struct error *err) {
    uint64_t *cost = calloc(PRUNE_BINS, sizeof *cost);
    if (!cost)
        return no_memory(err, PRUNE_BINS * sizeof *cost);
    for (uint32_t i = 0; i < table->size; i++) {
        uint64_t count = table->words[i].count;
        cost[count < PRUNE_BINS ? count : PRUNE_BINS - 1] += word_cost(&table->words[i]);
    }
    uint32_t min = PRUNE_BINS; /* words seen this often, or more, stay */
    uint64_t used = 0;
    while (min > 1 && used + cost[min - 1] <= bytes)
        used += cost[--min];
    free(cost);
    if (min == PRUNE_BINS)
        return error_set_key(err, STATUS_NO_MEMORY, "max_memory",
                             "max_memory leaves %llu bytes for counting words: too few even for "
                             "the words that were seen "
                             "%u times and more",
                             (unsigned long long)table->budget, PRUNE_BINS - 1);
    *threshold = min - 1;
    return STATUS_OK;
}

enum status word_table_prune(struct word_table *table, uint32_t *map, struct word_loss *loss,
                             struct error *err) {
    word_table_settle(table);
    enum status status = prune_threshold(table, table->budget * 2 / 5, &loss->threshold, err);
    if (status != STATUS_OK)
        return status;
    uint32_t kept = 0;
    uint64_t arena = 0;
    for (uint32_t i = 0; i < table->size; i++) {
        struct word word = table->words[i];
        if (word.count <= loss->threshold) {
            map[i] = WORD_NONE;
            loss->distinct++;
            loss->words += word.count;
            loss->invalid_utf8 += word.count * word_invalid_utf8(table, &word);
            continue;
        }
        /* moves down: text lies in the order of the records */
        if (word.length > WORD_SHORT) {
            memmove(table->arena + arena, table->arena + word.rest, word.length);
            word.rest = arena;
            arena += word.length;
        }
        map[i] = kept;
        table->first[kept] = table->first[i];
        table->tags[kept] = table->tags[i];
        table->words[kept++] = word;
    }
    table->size = kept;
    table->arena_length = arena;
    memset(table->hot, 0, WORD_HOT_SIZE * sizeof *table->hot);
    uint64_t room = kept + kept / 2 + FIRST_ROOM, slots = FIRST_SLOTS;
    while (slots < 2 * room && slots < WORD_SLOTS_MAX)
        slots *= 2;
    if (room < table->room)
        status = words_resize(table, room, err);
    if (status == STATUS_OK)
        status = slots_rebuild(table, slots, err);
    if (status == STATUS_OK && arena + 1 < table->arena_room)
        status = arena_resize(table, arena + 1, err);
    return status;
}

const char *word_text(const struct word_table *table, const struct word *word) {
    if (word->length > WORD_SHORT)
        return table->arena + word->rest;
    /* head and rest, which begin the record, hold up to 16 bytes in order */
    return (const char *)word;
}

bool word_equal(const struct word_table *a, uint32_t i, const struct word_table *b, uint32_t j) {
    const struct word *in_a = &a->words[i], *in_b = &b->words[j];
    if (in_a->head != in_b->head || in_a->length != in_b->length)
        return false;
    if (in_a->length <= WORD_SHORT)
        return in_a->rest == in_b->rest;
    return memcmp(a->arena + in_a->rest, b->arena + in_b->rest, in_a->length) == 0;
}

uint64_t word_invalid_utf8(const struct word_table *table, const struct word *word) {
    return utf8_count_invalid(word_text(table, word), word->length);
}
