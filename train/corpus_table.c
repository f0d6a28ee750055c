#include "train/corpus_table.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/random.h"
#include "base/utf8.h"

#define FIRST_ROOM 1024u
#define FIRST_SLOTS 2048u
#define PRUNE_BINS 4096u
#define CACHE_LINE 64u
#define HUGE_PAGE 2097152u
#define FRONT_SIZE ((uint64_t)1 << WORD_FRONT_BITS)
#define AHEAD 16u /* places that are written at random are fetched so many turns before */

/* Bytes one word costs, the slack of growing arrays included: a record, two to four slots, and its text when it is
 * long. */
static uint64_t word_cost(const struct word *word) {
    return sizeof(struct word) * 3 / 2 + 4 * sizeof(struct word_slot) +
           (word->length > WORD_SHORT ? word->length * 3 / 2 : 0);
}

static uint64_t table_cost(uint64_t room, uint64_t slots, uint64_t arena) {
    return room * sizeof(struct word) + slots * sizeof(struct word_slot) + arena;
}

static enum status no_memory(struct error *err, uint64_t bytes) {
    return error_set(err, STATUS_NO_MEMORY, "out of memory: %llu bytes for counting words", (unsigned long long)bytes);
}

/* Free slots that do not straddle cache lines; on huge pages where the system has them, for they are read at random. */
static struct word_slot *slots_create(uint64_t count) {
    size_t bytes = count * sizeof(struct word_slot);
    void *slots = aligned_alloc(bytes < HUGE_PAGE ? CACHE_LINE : HUGE_PAGE, bytes);
    if (slots == NULL)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_PAGE)
        (void)madvise(slots, bytes, MADV_HUGEPAGE);
#endif
    return memset(slots, 0, bytes);
}

enum status word_table_init(struct word_table *table, uint64_t budget, uint64_t seed, struct error *err) {
    *table = (struct word_table){.budget = budget, .seed = {seed, random_mix(seed)}, .most = WORD_IDS_MOST};
    table->words = malloc(FIRST_ROOM * sizeof *table->words);
    table->slots = slots_create(FIRST_SLOTS);
    table->front = slots_create(FRONT_SIZE);
    if (table->words == NULL || table->slots == NULL || table->front == NULL) {
        word_table_clear(table);
        return no_memory(err, table_cost(FIRST_ROOM, FIRST_SLOTS + FRONT_SIZE, 0));
    }
    table->room = FIRST_ROOM;
    table->mask = FIRST_SLOTS - 1;
    return STATUS_OK;
}

void word_table_clear(struct word_table *table) {
    free(table->words);
    free(table->slots);
    free(table->front);
    free(table->arena);
    *table = (struct word_table){0};
}

static void slots_settle(struct word_table *table) {
    for (uint64_t at = 0; at <= table->mask; at++) {
        const struct word_slot *ahead = &table->slots[(at + AHEAD) & table->mask];
        if (ahead->number != 0)
            __builtin_prefetch(&table->words[ahead->number - 1].count, 1);
        if (table->slots[at].number != 0)
            table->words[table->slots[at].number - 1].count += table->slots[at].count;
        table->slots[at].count = 0;
    }
}

void word_table_settle(struct word_table *table) {
    slots_settle(table);
    for (uint64_t at = 0; at < FRONT_SIZE; at++)
        if (table->front[at].number != 0) {
            table->words[table->front[at].number - 1].count += table->front[at].count;
            table->front[at].count = 0;
        }
}

void word_table_promote(struct word_table *table, struct word_slot *slot, uint64_t hash) {
    struct word_slot *front = word_table_front(table, hash);
    if (slot->length > WORD_SHORT || slot->count <= front->count)
        return;
    if (front->number != 0)
        table->words[front->number - 1].count += front->count;
    *front = *slot;
    slot->count = 0;
}

static void slots_put(struct word_slot *slots, uint64_t mask, const struct word *word, uint32_t number,
                      uint64_t count) {
    uint64_t at = word->hash & mask;
    while (slots[at].number != 0)
        at = (at + 1) & mask;
    slots[at] = (struct word_slot){word->head, word->rest, count, number + 1, word_slot_length(word->length)};
}

/* From the records, which count all that the old slots counted. */
static enum status slots_rebuild(struct word_table *table, uint64_t count, struct error *err) {
    struct word_slot *slots = slots_create(count);
    if (slots == NULL)
        return no_memory(err, count * sizeof *slots);
    for (uint32_t i = 0; i < table->size; i++) {
        if (table->size - i > AHEAD)
            __builtin_prefetch(&slots[table->words[i + AHEAD].hash & (count - 1)], 1);
        slots_put(slots, count - 1, &table->words[i], i, 0);
    }
    free(table->slots);
    table->slots = slots;
    table->mask = count - 1;
    return STATUS_OK;
}

static enum status words_resize(struct word_table *table, uint64_t room, struct error *err) {
    struct word *words = realloc(table->words, room * sizeof *words);
    if (words == NULL)
        return no_memory(err, room * sizeof *words);
    table->words = words;
    table->room = (uint32_t)room;
    return STATUS_OK;
}

static enum status arena_resize(struct word_table *table, uint64_t room, struct error *err) {
    char *arena = realloc(table->arena, room);
    if (arena == NULL)
        return no_memory(err, room);
    table->arena = arena;
    table->arena_room = room;
    return STATUS_OK;
}

enum status word_table_reserve(struct word_table *table, size_t length, bool *fits, struct error *err) {
    uint64_t room = table->room, slots = table->mask + 1, arena = table->arena_room;
    if (table->size >= table->most)
        return error_set(err, STATUS_REFUSED, "the corpus has more than %u different words", table->most);
    if (table->size == room)
        room = room + room / 2 < table->most ? room + room / 2 : table->most;
    if (((uint64_t)table->size + 1) * 2 > slots)
        slots *= 2;
    if (length > WORD_SHORT && table->arena_room - table->arena_length < length)
        arena += arena / 2 > length ? arena / 2 : length;
    *fits = table_cost(room, slots, arena) <= table->budget;
    if (!*fits)
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (room != table->room)
        status = words_resize(table, room, err);
    if (status == STATUS_OK && slots != table->mask + 1) {
        slots_settle(table);
        status = slots_rebuild(table, slots, err);
    }
    if (status == STATUS_OK && arena != table->arena_room)
        status = arena_resize(table, arena, err);
    return status;
}

bool word_table_has_room(const struct word_table *table, uint32_t n, uint64_t bytes) {
    uint64_t room = table->room, slots = table->mask + 1, arena = table->arena_room, size = (uint64_t)table->size + n;
    while (room < size)
        room += room / 2;
    while (slots < 2 * size)
        slots *= 2;
    if (arena - table->arena_length < bytes) /* the last growth begins below this sum, and adds half or one word */
        arena = (table->arena_length + bytes) * 3 / 2 + bytes;
    return size <= table->most && table_cost(room, slots, arena) <= table->budget;
}

uint32_t word_table_insert(struct word_table *table, const char *text, size_t length, const struct word_key *key,
                           uint64_t first) {
    assert(table->size < table->room);
    uint32_t number = table->size++;
    struct word *word = &table->words[number];
    *word = (struct word){key->head, key->rest, length, 0, first, key->hash};
    if (length > table->longest)
        table->longest = length;
    if (length > WORD_SHORT) {
        memcpy(table->arena + table->arena_length, text, length);
        word->rest = table->arena_length;
        table->arena_length += length;
    }
    slots_put(table->slots, table->mask, word, number, 1);
    return number;
}

/* The least count t such that the words seen more than t times take at most `bytes`. */
static enum status prune_threshold(const struct word_table *table, uint64_t bytes, uint32_t *threshold,
                                   struct error *err) {
    uint64_t *cost = calloc(PRUNE_BINS, sizeof *cost);
    if (cost == NULL)
        return no_memory(err, PRUNE_BINS * sizeof *cost);
    for (uint32_t i = 0; i < table->size; i++) {
        uint64_t count = table->words[i].count;
        cost[count < PRUNE_BINS ? count : PRUNE_BINS - 1] += word_cost(&table->words[i]);
    }
    uint32_t least = PRUNE_BINS; /* words seen this often, or more, stay */
    uint64_t used = 0;
    while (least > 1 && used + cost[least - 1] <= bytes)
        used += cost[--least];
    free(cost);
    if (least == PRUNE_BINS)
        return error_set_key(
            err, STATUS_NO_MEMORY, "max_memory",
            "max_memory leaves %llu bytes for counting words: too few even for the words that were seen "
            "%u times and more",
            (unsigned long long)table->budget, PRUNE_BINS - 1);
    *threshold = least - 1;
    return STATUS_OK;
}

enum status word_table_prune(struct word_table *table, uint32_t *map, struct word_loss *loss, struct error *err) {
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
        if (word.length > WORD_SHORT) { /* moves towards the front: text lies in the order of the records */
            memmove(table->arena + arena, table->arena + word.rest, word.length);
            word.rest = arena;
            arena += word.length;
        }
        map[i] = kept;
        table->words[kept++] = word;
    }
    table->size = kept;
    table->arena_length = arena;
    memset(table->front, 0, FRONT_SIZE * sizeof *table->front);
    uint64_t room = kept + kept / 2 + FIRST_ROOM, slots = FIRST_SLOTS;
    while (slots < 2 * room)
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
    return (const char *)word; /* head and rest, which begin the record, hold up to 16 bytes in order */
}

bool word_equal(const struct word_table *a, const struct word *in_a, const struct word_table *b,
                const struct word *in_b) {
    if (in_a->hash != in_b->hash || in_a->head != in_b->head || in_a->length != in_b->length)
        return false;
    if (in_a->length <= WORD_SHORT)
        return in_a->rest == in_b->rest;
    return memcmp(a->arena + in_a->rest, b->arena + in_b->rest, in_a->length) == 0;
}

uint64_t word_invalid_utf8(const struct word_table *table, const struct word *word) {
    return utf8_count_invalid(word_text(table, word), word->length);
}
