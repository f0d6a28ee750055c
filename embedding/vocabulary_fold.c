/* Finding a word whatever its case: an index of the folded words, made when it is first asked for
 * and kept as long as the vocabulary. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/utf8.h"
#include "embedding/letter.h"
#include "embedding/vocabulary.h"

#define LONGEST_WORD 1024 /* bytes that are folded; no dictionary has longer words */

/* Writes the folded word; returns its length, 0 when it is too long. Bytes that are no UTF-8
 * stay. */
static size_t word_fold(const char *word, size_t length, char folded[LONGEST_WORD]) {
    const char *at = word, *end = word + length;
    size_t n = 0;
    while (at < end) {
        uint32_t letter;
        size_t skip, taken = utf8_decode(at, end, &letter, &skip);
        if (n > LONGEST_WORD - 4)
            return 0;
        if (taken == 0)
            folded[n++] = *at++;
        else
            n += utf8_encode(letter_fold(letter), folded + n);
        at += taken;
    }
    return n;
}

/* The slot that holds the most frequent word of that folded form, or the empty one where it
 * belongs. */
static uint32_t *slot_find(const struct vocabulary *vocabulary, uint32_t *slots, size_t mask,
                           const char *folded, size_t length) {
    char other[LONGEST_WORD];
    size_t at = (size_t)checksum(folded, length) & mask;
    for (;; at = (at + 1) & mask) {
        if (slots[at] == WORD_NONE)
            return &slots[at];
        size_t word_length;
        const char *word = vocabulary_word(vocabulary, slots[at], &word_length);
        if (word_fold(word, word_length, other) == length && memcmp(other, folded, length) == 0)
            return &slots[at];
    }
}

static uint32_t *index_make(const struct vocabulary *vocabulary, size_t mask) {
    uint32_t *slots = malloc((mask + 1) * sizeof *slots);
    char folded[LONGEST_WORD];
    if (!slots)
        return NULL;
    memset(slots, 0xff, (mask + 1) * sizeof *slots); /* WORD_NONE */
    for (uint32_t id = 0; id < vocabulary->size; id++) {
        size_t length;
        const char *word = vocabulary_word(vocabulary, id, &length);
        size_t n = word_fold(word, length, folded);
        uint32_t *slot = n == 0 ? NULL : slot_find(vocabulary, slots, mask, folded, n);
        if (slot && *slot == WORD_NONE) /* ids go by falling count: the first one stays */
            *slot = id;
    }
    return slots;
}

enum status vocabulary_find_folded(const struct vocabulary *vocabulary, const char *word,
                                   size_t length, uint32_t *id, struct error *err) {
    struct vocabulary_fold *fold = vocabulary->fold;
    uint32_t *slots = atomic_load(&fold->slots);
    char folded[LONGEST_WORD];
    size_t n = word_fold(word, length, folded);
    *id = n == 0 ? WORD_NONE : vocabulary_find(vocabulary, folded, n);
    if (n == 0 || *id != WORD_NONE)
        return STATUS_OK;
    if (!slots) {
        pthread_mutex_lock(&fold->lock);
        slots = atomic_load(&fold->slots);
        if (!slots)
            slots = index_make(vocabulary, vocabulary->mask);
        if (slots)
            atomic_store(&fold->slots, slots);
        pthread_mutex_unlock(&fold->lock);
    }
    if (!slots)
        return error_set(err, STATUS_NO_MEMORY,
                         "out of memory for the index of %" PRIu32 " folded words",
                         vocabulary->size);
    *id = *slot_find(vocabulary, slots, vocabulary->mask, folded, n);
    return STATUS_OK;
}
