/* The word of a vocabulary that a token of a text stands for. */
#include <stdbool.h>

#include "corpus/corpus.h"

#define STEPS 4 /* characters taken off the end of a token one by one */

static enum status find_word(const struct vocabulary *vocabulary, const char *word, size_t length,
                             bool fold, uint32_t *id, struct error *err) {
    *id = vocabulary_find(vocabulary, word, length);
    return *id != WORD_NONE || !fold ? STATUS_OK
                                     : vocabulary_find_folded(vocabulary, word, length, id, err);
}

/* Tries the token with less and less punctuation at its ends: behind it one character after the
 * other, so that "c++," is "c++", and with and without what stands before it. */
static enum status find_bare(const struct vocabulary *vocabulary, const char *token, size_t length,
                             bool fold, uint32_t *id, struct error *err) {
    size_t bare_length = length, end = length;
    const char *bare = corpus_strip(token, &bare_length);
    size_t before = (size_t)(bare - token), last = before + bare_length;
    enum status status = find_word(vocabulary, token, length, fold, id, err);
    for (int step = 0; status == STATUS_OK && *id == WORD_NONE && bare_length > 0; step++) {
        if (before > 0)
            status = find_word(vocabulary, bare, end - before, fold, id, err);
        if (status != STATUS_OK || *id != WORD_NONE || end == last)
            break;
        do
            end = step < STEPS ? end - 1 : last;
        while (end > last && ((unsigned char)token[end] & 0xc0) == 0x80);
        status = find_word(vocabulary, token, end, fold, id, err);
    }
    return status;
}

enum status corpus_find_token(const struct vocabulary *vocabulary, const char *token, size_t length,
                              uint32_t *id, bool *altered, struct error *err) {
    *id = vocabulary_find(vocabulary, token, length);
    *altered = *id == WORD_NONE;
    if (*id != WORD_NONE)
        return STATUS_OK;
    enum status status = find_bare(vocabulary, token, length, false, id, err);
    return status != STATUS_OK || *id != WORD_NONE
               ? status
               : find_bare(vocabulary, token, length, true, id, err);
}
