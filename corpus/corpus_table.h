/* Words of one thread with their counts: open addressing, eight bytes a slot, over records that are
 * numbered by first appearance. Before the table stand its hot words, a direct-mapped cache of
 * short frequent words: it fits the second-level cache of the processor and serves seven words of
 * eight, while the records of a large vocabulary lie in memory. Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_TABLE_H
#define VECMILL_CORPUS_CORPUS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "embedding/embedding.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "words are loaded eight bytes at a time, first byte lowest");

#define WORD_HOT_BITS 14 /* 512 KiB a thread; half of it misses 4 words of 100 more */
#define WORD_HOT_SIZE (1u << WORD_HOT_BITS)
#define WORD_SHORT 16u /* words up to this length are compared without touching their text */
#define WORD_SLOTS_MAX ((uint64_t)1 << 32) /* a tag, which chooses among them, has 32 bits */
#define WORD_IDS_MAX (3u << 30)            /* three quarters of WORD_SLOTS_MAX */

struct word {
    uint64_t head; /* first 8 bytes, zero-filled */
    /* short words: the next 8 bytes, zero-filled; long ones: where the whole word begins in
     * `arena` */
    uint64_t rest;
    uint64_t length; /* bytes */
    uint64_t count;  /* complete after word_table_settle */
};

struct hot_word {
    uint64_t head, rest; /* as in struct word */
    uint64_t count;      /* what the record does not count yet */
    uint32_t length;
    uint32_t number; /* of the word, + 1; 0: nothing stands here */
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
    struct word *words;      /* [room], of pages */
    uint64_t words_reserved; /* records that their address space holds */
    uint64_t *first;         /* [room] byte offset of the first appearance */
    /* [room] high halves of the hashes: all that slots and merging go by */
    uint32_t *tags;
    uint64_t *slots;      /* tag << 32 | number + 1, or 0: free */
    struct hot_word *hot; /* [WORD_HOT_SIZE + 1], nothing ever in the last place */
    char *arena;
    uint64_t mask; /* slots - 1 */
    int shift;     /* from a hash to its slot */
    uint64_t arena_length, arena_room;
    uint64_t budget; /* bytes that records, slots and arena may take together */
    struct word_seed seed;
    uint64_t longest; /* bytes of the longest word ever added */
    uint32_t size, room;
    uint32_t max; /* WORD_IDS_MAX; less in tests */
};

/* What pruning took away. */
struct word_loss {
    uint64_t distinct, words, invalid_utf8;
    uint32_t threshold; /* words seen up to this often went */
};

enum status word_table_init(struct word_table *table, uint64_t budget, uint64_t seed,
                            struct error *err) MUST_CHECK;
/* Before the first word: there will be megabytes. */
void word_table_expect_many(struct word_table *table);
void word_table_clear(struct word_table *table);
/* Room for one more word of that length. *fits false: the budget does not allow it, prune first.
 * REFUSED: too many words. */
enum status word_table_reserve(struct word_table *table, size_t length, bool *fits,
                               struct error *err) MUST_CHECK;
/* Whether reserve is sure to fit for each of n more words, of which the longer than WORD_SHORT have
 * so many bytes together. */
bool word_table_has_room(const struct word_table *table, uint32_t n, uint64_t bytes);
/* Adds a word that is not there yet, seen once. Room was reserved. Returns its number. */
uint32_t word_table_insert(struct word_table *table, const char *text, size_t length,
                           const struct word_key *key, uint64_t first);
/* Bytes that records, slots and arena take. */
uint64_t word_table_bytes(const struct word_table *table);
/* Forgets the rarest words, as few counts as bring the table under half its budget, and numbers the
 * others anew in the same order. map: [old size] gets the new number or WORD_NONE. NO_MEMORY when
 * even words seen thousands of times do not fit. */
enum status word_table_prune(struct word_table *table, uint32_t *map, struct word_loss *loss,
                             struct error *err) MUST_CHECK;
/* Brings the counts of the records up to date. */
void word_table_settle(struct word_table *table);
const char *word_text(const struct word_table *table, const struct word *word);
/* Whether words number i of a and number j of b are the same. */
bool word_equal(const struct word_table *a, uint32_t i, const struct word_table *b, uint32_t j);
/* Invalid UTF-8 parts in one copy of the word. */
uint64_t word_invalid_utf8(const struct word_table *table, const struct word *word);

/* Puts this short word among the hot ones: it was seen more often than the one it displaces. */
void word_table_promote(struct word_table *table, uint32_t number, uint64_t hash);

static inline uint64_t word_load(const char *text) {
    uint64_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    return bytes;
}

/* Of the first 16 bytes. Multiply-shift with odd factors that nobody knows: words that differ meet
 * in the high bits with the probability of a random hash, at most doubled (Dietzfelbinger and
 * others, A Reliable Randomized Algorithm for the Closest-Pair Problem, 1997). Low bits are worse:
 * nothing may go by them. */
static inline uint64_t word_hash(struct word_seed seed, uint64_t head, uint64_t rest) {
    return head * seed.head + rest * seed.rest;
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

/* The only place among the hot words where a word may stand. */
static inline struct hot_word *word_table_hot(const struct word_table *table, uint64_t hash) {
    return &table->hot[hash >> (64 - WORD_HOT_BITS)];
}

static inline void word_table_prefetch_slot(const struct word_table *table, uint64_t hash) {
    __builtin_prefetch(&table->slots[hash >> table->shift]);
}

static inline bool word_is(const struct word_table *table, uint32_t number, const char *text,
                           size_t length, const struct word_key *key) {
    const struct word *word = &table->words[number];
    if (word->head != key->head || word->length != length)
        return false;
    return length <= WORD_SHORT ? word->rest == key->rest
                                : memcmp(table->arena + word->rest, text, length) == 0;
}

/* One more of a word that was not found among the hot ones. */
static inline void word_table_count(struct word_table *table, uint32_t number, uint64_t hash) {
    struct word *word = &table->words[number];
    if (++word->count > word_table_hot(table, hash)->count && word->length <= WORD_SHORT)
        word_table_promote(table, number, hash);
}

/* The number of the first word with the tag of this hash, whose record is then fetched, or
 * WORD_NONE. The slot was fetched before. */
static inline uint32_t word_table_guess(const struct word_table *table, uint64_t hash) {
    uint64_t at = hash >> table->shift;
    while (table->slots[at] != 0 && table->slots[at] >> 32 != hash >> 32)
        at = (at + 1) & table->mask;
    uint32_t number = (uint32_t)table->slots[at] - 1; /* of a free slot: WORD_NONE */
    if (number != WORD_NONE)
        __builtin_prefetch(&table->words[number], 1);
    return number;
}

/* The number of a word, or WORD_NONE. */
static inline uint32_t word_table_find(const struct word_table *table, const char *text,
                                       size_t length, const struct word_key *key) {
    for (uint64_t at = key->hash >> table->shift;; at = (at + 1) & table->mask) {
        uint64_t slot = table->slots[at];
        if (slot == 0)
            return WORD_NONE;
        if (slot >> 32 == key->hash >> 32 && word_is(table, (uint32_t)slot - 1, text, length, key))
            return (uint32_t)slot - 1;
    }
}

#endif
