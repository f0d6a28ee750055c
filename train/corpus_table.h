/* Words of one thread with their counts: open addressing over records that are numbered by first appearance. Before
 * the table stands its front, a direct-mapped copy of the slots of short frequent words: it fits the second-level
 * cache and serves seven words of eight, while the slots of a large vocabulary lie in memory. Private to train/. */
#ifndef VECMILL_TRAIN_CORPUS_TABLE_H
#define VECMILL_TRAIN_CORPUS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "embedding/embedding.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded eight bytes at a time, first byte lowest");

#define WORD_FRONT_BITS 14             /* 512 KiB a thread; half of it misses 4 words of 100 more */
#define WORD_SHORT 16u                 /* words up to this length are compared without touching their text */
#define WORD_IDS_MOST (UINT32_MAX - 2) /* UINT32_MAX and the value below it are marks */

struct word {
    uint64_t head;   /* first 8 bytes, zero-filled */
    uint64_t rest;   /* short words: the next 8 bytes, zero-filled; long ones: where the whole word begins in `arena` */
    uint64_t length; /* bytes */
    uint64_t count;  /* complete after word_table_settle */
    uint64_t first;  /* byte offset of the first appearance */
    uint64_t hash;
};

struct word_slot {
    uint64_t head, rest; /* as in struct word */
    uint64_t count;      /* what the record does not count yet */
    uint32_t number;     /* of the word, + 1; 0: the slot is free */
    uint32_t length;     /* UINT32_MAX: at least that */
};

/* How a word is found: the same for equal words wherever they come from. */
struct word_key {
    uint64_t head, rest, hash;
};

/* Drawn at random, so that nobody can prepare words that collide. */
struct word_seed {
    uint64_t head, rest;
};

struct word_table {
    struct word *words;
    struct word_slot *slots;
    struct word_slot *front; /* [1 << WORD_FRONT_BITS] */
    char *arena;
    uint64_t mask; /* slots - 1 */
    uint64_t arena_length, arena_room;
    uint64_t budget; /* bytes words, slots and arena may take together */
    struct word_seed seed;
    uint64_t longest; /* bytes of the longest word ever added */
    uint32_t size, room;
    uint32_t most; /* WORD_IDS_MOST; less in tests */
};

/* What pruning took away. */
struct word_loss {
    uint64_t distinct, words, invalid_utf8;
    uint32_t threshold; /* words seen up to this often went */
};

enum status word_table_init(struct word_table *table, uint64_t budget, uint64_t seed, struct error *err) MUST_CHECK;
void word_table_clear(struct word_table *table);
/* Room for one more word of that length. *fits false: the budget does not allow it, prune first. REFUSED: too many
 * words. */
enum status word_table_reserve(struct word_table *table, size_t length, bool *fits, struct error *err) MUST_CHECK;
/* Whether reserve is sure to fit for each of n more words, of which the longer than WORD_SHORT have so many bytes
 * together. */
bool word_table_has_room(const struct word_table *table, uint32_t n, uint64_t bytes);
/* Adds a word that is not there yet, seen once. Room was reserved. Returns its number. */
uint32_t word_table_insert(struct word_table *table, const char *text, size_t length, const struct word_key *key,
                           uint64_t first);
/* Forgets the rarest words, as few counts as bring the table under half its budget, and numbers the others anew in the
 * same order. map: [old size] gets the new number or WORD_NONE. NO_MEMORY when even words seen thousands of times do
 * not fit. */
enum status word_table_prune(struct word_table *table, uint32_t *map, struct word_loss *loss,
                             struct error *err) MUST_CHECK;
/* Brings the counts of the records up to date. */
void word_table_settle(struct word_table *table);
const char *word_text(const struct word_table *table, const struct word *word);
bool word_equal(const struct word_table *a, const struct word *in_a, const struct word_table *b,
                const struct word *in_b);
/* Invalid UTF-8 parts in one copy of the word. */
uint64_t word_invalid_utf8(const struct word_table *table, const struct word *word);

/* A short word that was looked up in its slot moves to the front when it was seen more often than the one there. */
void word_table_promote(struct word_table *table, struct word_slot *slot, uint64_t hash);

static inline uint64_t word_load(const char *text) {
    uint64_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    return bytes;
}

__extension__ typedef unsigned __int128 word_product;

/* Of the first 16 bytes: both halves of one product, whose factors nobody knows. */
static inline uint64_t word_hash(struct word_seed seed, uint64_t head, uint64_t rest) {
    word_product product = (word_product)(head ^ seed.head) * (rest ^ seed.rest);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes at text, zero-filled when fewer are left. */
static inline uint64_t word_piece(const char *text, size_t left) {
    uint64_t bytes = 0;
    memcpy(&bytes, text, left < 8 ? left : 8);
    return bytes;
}

static inline struct word_key word_key(const char *text, size_t length, struct word_seed seed) {
    struct word_key key = {.head = word_piece(text, length)};
    if (length > 8)
        key.rest = word_piece(text + 8, length - 8);
    key.hash = word_hash(seed, key.head, key.rest);
    for (size_t at = WORD_SHORT; at < length; at += 8)
        key.hash = word_hash(seed, key.hash, word_piece(text + at, length - at) + at);
    return key;
}

/* The only place in the front where a word may stand. */
static inline struct word_slot *word_table_front(const struct word_table *table, uint64_t hash) {
    return &table->front[hash >> (64 - WORD_FRONT_BITS)];
}

static inline void word_table_prefetch(const struct word_table *table, uint64_t hash) {
    __builtin_prefetch(&table->slots[hash & table->mask], 1);
}

static inline uint32_t word_slot_length(uint64_t length) {
    return length < UINT32_MAX ? (uint32_t)length : UINT32_MAX;
}

static inline bool word_slot_is_long(const struct word_table *table, const struct word_slot *slot, const char *text,
                                     size_t length, uint64_t hash) {
    const struct word *word = &table->words[slot->number - 1];
    return word->hash == hash && word->length == length && memcmp(table->arena + word->rest, text, length) == 0;
}

/* The slot of a word, or NULL. Valid until the next reserve. */
static inline struct word_slot *word_table_find(const struct word_table *table, const char *text, size_t length,
                                                const struct word_key *key) {
    for (uint64_t at = key->hash & table->mask;; at = (at + 1) & table->mask) {
        struct word_slot *slot = &table->slots[at];
        if (slot->head == key->head && slot->length == word_slot_length(length)) {
            if (length <= WORD_SHORT ? slot->rest == key->rest
                                     : word_slot_is_long(table, slot, text, length, key->hash))
                return slot;
        }
        if (slot->number == 0)
            return NULL;
    }
}

#endif
