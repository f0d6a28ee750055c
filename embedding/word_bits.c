/* Sets of words, a bit for each. */
#include <stdlib.h>
#include <string.h>

#include "embedding/embedding.h"

uint64_t *word_bits_create(const struct vocabulary *vocabulary, bool set) {
    size_t n = vocabulary_size(vocabulary) / 64 + 1;
    uint64_t *bits = malloc(n * sizeof *bits);
    if (bits)
        memset(bits, set ? 0xff : 0, n * sizeof *bits);
    return bits;
}

void word_bits_put(uint64_t *bits, uint32_t id, bool set) {
    uint64_t bit = (uint64_t)1 << (id % 64);
    if (set)
        bits[id / 64] |= bit;
    else
        bits[id / 64] &= ~bit;
}

void word_bits_keep_prefixes(const struct vocabulary *vocabulary, const char *const *prefixes,
                             const size_t *lengths, size_t n, uint64_t *bits) {
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++) {
        size_t length;
        const char *word = vocabulary_word(vocabulary, id, &length);
        bool begins = false;
        for (size_t i = 0; i < n && !begins; i++)
            begins = lengths[i] <= length && memcmp(word, prefixes[i], lengths[i]) == 0;
        if (!begins)
            word_bits_put(bits, id, false);
    }
}
