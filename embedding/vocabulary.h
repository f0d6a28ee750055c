/* The inside of a vocabulary, which the model file writes and reads as it stands. Private to
 * embedding/. */
#ifndef VECMILL_EMBEDDING_VOCABULARY_H
#define VECMILL_EMBEDDING_VOCABULARY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "embedding/embedding.h"

/* One place of the open-addressing index; `tag` is the upper half of the word's hash, so that a
 * probe rarely has to look at another word's letters. */
struct vocabulary_slot {
    uint32_t tag, id; /* id WORD_NONE: empty */
};

/* vocabulary_fold.c: ids by their folded words; made when one is first asked for. */
struct vocabulary_fold {
    pthread_mutex_t lock;    /* held while the index is made */
    uint32_t *_Atomic slots; /* [mask + 1 of the vocabulary], WORD_NONE: empty; NULL before that */
};

struct vocabulary {
    uint32_t size;
    char *text;        /* all words one after the other */
    uint64_t *offsets; /* [size + 1], the first is 0, rising */
    uint64_t *counts;  /* [size], falling */
    uint64_t total;
    struct vocabulary_slot *slots; /* [mask + 1], a power of two, at most two thirds full */
    size_t mask;
    struct vocabulary_fold *fold;
};

/* vocabulary_create without copying: takes text, offsets and counts (from malloc), also on
 * failure. */
enum status vocabulary_adopt(struct vocabulary **vocabulary, uint32_t size, char *text,
                             uint64_t *offsets, uint64_t *counts, struct error *err) MUST_CHECK;
/* Rising strictly: no word is empty. REFUSED names the id. */
enum status offsets_check(const uint64_t *offsets, uint32_t size, struct error *err) MUST_CHECK;
/* Falling, and the sum fits 64 bits. REFUSED names the id. */
enum status counts_check(const uint64_t *counts, uint32_t size, uint64_t *total,
                         struct error *err) MUST_CHECK;

#define WORD_QUOTE_SIZE 96
/* A word of any bytes made fit for a message: valid UTF-8, no control characters, cut with "..."
 * when long. */
void word_quote(const char *word, size_t length, char quoted[WORD_QUOTE_SIZE]);

#endif
