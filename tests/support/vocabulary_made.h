/* Vocabularies of given counts. */
#ifndef VECMILL_TESTS_VOCABULARY_MADE_H
#define VECMILL_TESTS_VOCABULARY_MADE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "embedding/embedding.h"

/* A vocabulary of these counts, which fall. The caller frees it. */
static inline struct vocabulary *vocabulary_of(const uint64_t *counts, uint32_t size) {
    struct buffer text = {0};
    struct error err = {0};
    struct vocabulary *vocabulary = NULL;
    uint64_t *offsets = calloc(size + 1, sizeof *offsets);
    for (uint32_t id = 0; id < size; id++) {
        buffer_print(&text, "w%u", id);
        offsets[id + 1] = text.length;
    }
    if (vocabulary_create(&vocabulary, size, text.data, offsets, counts, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    buffer_clear(&text);
    free(offsets);
    return vocabulary;
}

static inline struct vocabulary *vocabulary_equal(uint32_t size, uint64_t count) {
    uint64_t *counts = calloc(size, sizeof *counts);
    for (uint32_t id = 0; id < size; id++)
        counts[id] = count;
    struct vocabulary *vocabulary = vocabulary_of(counts, size);
    free(counts);
    return vocabulary;
}

static inline struct vocabulary *vocabulary_zipf(uint32_t size, double top) {
    uint64_t *counts = calloc(size, sizeof *counts);
    for (uint32_t id = 0; id < size; id++)
        counts[id] = (uint64_t)(top / (id + 1)) + 1;
    struct vocabulary *vocabulary = vocabulary_of(counts, size);
    free(counts);
    return vocabulary;
}

#endif
