/* "Did you mean": a scan over the most frequent words. Three cheap tests in rising order of cost
 * throw nearly all of them out before an edit distance is computed: bytes, number of code points,
 * and a 64-bit set of the folded code points. */
#include <string.h>

#include "base/utf8.h"
#include "embedding/embedding.h"
#include "embedding/letter.h"

#define MAX_LETTERS 64        /* a longer word gets no suggestions: nobody mistypes one */
#define MAX_EDITS 2           /* a transposition of neighbours counts 1 */
#define RANKS (MAX_EDITS + 1) /* 0: same letters in another case; then the distance */

struct letters {
    size_t n;
    uint32_t raw[MAX_LETTERS + MAX_EDITS];
    uint32_t folded[MAX_LETTERS + MAX_EDITS];
    uint64_t set; /* bit hash(folded letter) */
};

/* False when the word has more than `max` code points. A byte that is not UTF-8 is a letter of its
 * own. */
static bool letters_read(struct letters *letters, const char *word, size_t length, size_t max) {
    const char *end = word + length;

    letters->n = 0;
    letters->set = 0;
    while (word < end) {
        uint32_t letter;
        size_t skip;
        size_t taken = utf8_decode(word, end, &letter, &skip);

        if (letters->n == max)
            return false;
        if (taken == 0) {
            letter = 0x110000 + (unsigned char)*word;
            taken = 1;
        }
        letters->raw[letters->n] = letter;
        letter = letter_fold(letter);
        letters->folded[letters->n] = letter;
        letters->set |= (uint64_t)1 << ((letter * UINT32_C(2654435761)) >> 26);
        letters->n++;
        word += taken;
    }
    return true;
}

static unsigned bits_count(uint64_t bits) {
    unsigned n = 0;

    for (; bits; bits &= bits - 1)
        n++;
    return n;
}

static unsigned min(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* Damerau-Levenshtein distance (optimal string alignment: no letter takes part in two edits), cut
 * at MOST_EDITS + 1. Only the diagonal band that can stay within MOST_EDITS is filled. */
static unsigned edit_distance(const struct letters *a, const struct letters *b) {
    unsigned rows[3][MAX_LETTERS + MAX_EDITS + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    const unsigned far = MAX_EDITS + 1;

    for (size_t j = 0; j <= b->n; j++)
        above[j] = j > MAX_EDITS ? far : (unsigned)j;
    for (size_t i = 1; i <= a->n; i++) {
        size_t from = i > MAX_EDITS ? i - MAX_EDITS : 1;
        size_t to = i + MAX_EDITS < b->n ? i + MAX_EDITS : b->n;
        unsigned best = far;
        unsigned *spare;

        row[from - 1] = from == 1 && i <= MAX_EDITS ? (unsigned)i : far;
        for (size_t j = from; j <= to; j++) {
            unsigned cost = a->raw[i - 1] == b->raw[j - 1] ? 0 : 1;
            unsigned value = min(above[j - 1] + cost, row[j - 1] + 1);

            if (j < i + MAX_EDITS)
                value = min(value, above[j] + 1);
            if (i > 1 && j > 1 && a->raw[i - 1] == b->raw[j - 2] && a->raw[i - 2] == b->raw[j - 1])
                value = min(value, before[j - 2] + 1);
            row[j] = min(value, far);
            best = min(best, row[j]);
        }
        if (best == far && row[from - 1] == far)
            return far;
        spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b->n];
}

/* RANKS when the word is no suggestion. */
static unsigned letters_rank(const struct letters *wanted, const struct letters *other) {
    unsigned distance;

    if (other->n == wanted->n &&
        memcmp(other->folded, wanted->folded, wanted->n * sizeof wanted->folded[0]) == 0)
        return 0;
    distance = edit_distance(wanted, other);
    return distance <= MAX_EDITS ? distance : RANKS;
}

size_t vocabulary_suggest(const struct vocabulary *vocabulary, const char *word, size_t length,
                          uint32_t among, uint32_t *ids, size_t room) {
    struct letters wanted, other;
    size_t ends[RANKS] = {
        /* ids[ends[r - 1] .. ends[r]) have rank r; words come by falling count, so ties are in
         * order */
        0};
    uint32_t size = vocabulary_size(vocabulary);

    if (room == 0 || length == 0 || !letters_read(&wanted, word, length, MAX_LETTERS))
        return 0;
    for (uint32_t id = 0; id < size && id < among && ends[0] < room; id++) {
        size_t other_length;
        const char *text = vocabulary_word(vocabulary, id, &other_length);
        unsigned rank;

        if (other_length + MAX_EDITS < wanted.n || other_length > 4 * (wanted.n + MAX_EDITS))
            continue;
        if (!letters_read(&other, text, other_length, wanted.n + MAX_EDITS) ||
            other.n + MAX_EDITS < wanted.n)
            continue;
        if (bits_count(other.set ^ wanted.set) > 2 * MAX_EDITS)
            continue;
        if (other_length == length && memcmp(text, word, length) == 0)
            continue;
        rank = letters_rank(&wanted, &other);
        if (rank == RANKS || ends[rank] == room)
            continue;
        if (ends[RANKS - 1] == room)
            ends[RANKS - 1]--;
        memmove(ids + ends[rank] + 1, ids + ends[rank],
                (ends[RANKS - 1] - ends[rank]) * sizeof *ids);
        ids[ends[rank]] = id;
        for (unsigned r = rank; r < RANKS; r++)
            ends[r] += ends[r] < room;
    }
    return ends[RANKS - 1];
}
