#include "embedding/vocabulary.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/utf8.h"

void word_quote(const char *word, size_t length, char quoted[WORD_QUOTE_SIZE]) {
    const char *end = word + length;
    size_t written = 0;

    while (word < end) {
        uint32_t code_point;
        size_t skip;
        size_t taken = utf8_decode(word, end, &code_point, &skip);

        if (written + 4 + sizeof "..." > WORD_QUOTE_SIZE) {
            memcpy(quoted + written, "...", 3);
            written += 3;
            break;
        }
        if (taken == 0) {
            taken = skip > 0 ? skip : 1;
            code_point = 0xfffd;
        }
        if (code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0))
            code_point = 0xfffd;
        written += utf8_encode(code_point, quoted + written);
        word += taken;
    }
    quoted[written] = '\0';
}

enum status offsets_check(const uint64_t *offsets, uint32_t size, struct error *err) {
    for (uint32_t id = 0; id < size; id++) {
        if (offsets[id + (size_t)1] == offsets[id])
            return error_set(err, STATUS_REFUSED, "word %" PRIu32 " is empty", id);
        if (offsets[id + (size_t)1] < offsets[id])
            return error_set(err, STATUS_REFUSED, "word %" PRIu32 " ends before it begins", id);
    }
    return STATUS_OK;
}

enum status counts_check(const uint64_t *counts, uint32_t size, uint64_t *total,
                         struct error *err) {
    *total = 0;
    for (uint32_t id = 0; id < size; id++) {
        if (id > 0 && counts[id] > counts[id - 1])
            return error_set(err, STATUS_REFUSED,
                             "counts must fall, but word %" PRIu32 " has %" PRIu64
                             " after %" PRIu64,
                             id, counts[id], counts[id - 1]);
        if (counts[id] > UINT64_MAX - *total)
            return error_set(err, STATUS_REFUSED, "the sum of counts overflows at word %" PRIu32,
                             id);
        *total += counts[id];
    }
    return STATUS_OK;
}

/* The slot that holds the word, or the empty slot where it belongs. Ends because the index is never
 * full. */
static struct vocabulary_slot *slot_of(const struct vocabulary *vocabulary, const char *word,
                                       size_t length, uint32_t *tag) {
    uint64_t hash = checksum(word, length);
    size_t at = (size_t)hash & vocabulary->mask;

    *tag = (uint32_t)(hash >> 32);
    for (;; at = (at + 1) & vocabulary->mask) {
        struct vocabulary_slot *slot = &vocabulary->slots[at];
        size_t other_length;
        const char *other;

        if (slot->id == WORD_NONE)
            return slot;
        if (slot->tag != *tag)
            continue;
        other = vocabulary_word(vocabulary, slot->id, &other_length);
        if (other_length == length && memcmp(other, word, length) == 0)
            return slot;
    }
}

static enum status index_build(struct vocabulary *vocabulary, struct error *err) {
    uint64_t wanted = (uint64_t)vocabulary->size + vocabulary->size / 2 + 1;
    uint64_t capacity = 8;

    while (capacity < wanted)
        capacity *= 2;
    vocabulary->mask = (size_t)capacity - 1;
    vocabulary->slots = calloc((size_t)capacity, sizeof *vocabulary->slots);
    if (!vocabulary->slots)
        return error_set(err, STATUS_NO_MEMORY,
                         "cannot get %" PRIu64 " bytes for the index of %" PRIu32 " words",
                         capacity * (uint64_t)sizeof *vocabulary->slots, vocabulary->size);
    for (size_t i = 0; i <= vocabulary->mask; i++)
        vocabulary->slots[i].id = WORD_NONE;
    for (uint32_t id = 0; id < vocabulary->size; id++) {
        size_t length;
        const char *word = vocabulary_word(vocabulary, id, &length);
        uint32_t tag;
        struct vocabulary_slot *slot = slot_of(vocabulary, word, length, &tag);

        if (slot->id != WORD_NONE) {
            char quoted[WORD_QUOTE_SIZE];

            word_quote(word, length, quoted);
            return error_set(err, STATUS_REFUSED,
                             "word '%s' stands twice, as %" PRIu32 " and as %" PRIu32, quoted,
                             slot->id, id);
        }
        *slot = (struct vocabulary_slot){.tag = tag, .id = id};
    }
    return STATUS_OK;
}

static struct vocabulary_fold *fold_create(void) {
    struct vocabulary_fold *fold = calloc(1, sizeof *fold);
    if (fold)
        pthread_mutex_init(&fold->lock, NULL);
    return fold;
}

static void fold_free(struct vocabulary_fold *fold) {
    if (!fold)
        return;
    pthread_mutex_destroy(&fold->lock);
    free(atomic_load(&fold->slots));
    free(fold);
}

enum status vocabulary_adopt(struct vocabulary **vocabulary, uint32_t size, char *text,
                             uint64_t *offsets, uint64_t *counts, struct error *err) {
    struct vocabulary *made = calloc(1, sizeof *made);
    enum status status;

    *vocabulary = NULL;
    if (!made) {
        free(text);
        free(offsets);
        free(counts);
        return error_set(err, STATUS_NO_MEMORY, "cannot get %zu bytes for a vocabulary",
                         sizeof *made);
    }
    made->size = size;
    made->text = text;
    made->offsets = offsets;
    made->counts = counts;
    made->fold = fold_create();
    if (!made->fold) {
        status = error_set(err, STATUS_NO_MEMORY, "cannot get %zu bytes for a vocabulary",
                           sizeof *made->fold);
        goto fail;
    }
    if (size == WORD_NONE) {
        status = error_set(err, STATUS_REFUSED, "a vocabulary holds at most %" PRIu32 " words",
                           WORD_NONE - 1);
        goto fail;
    }
    status = offsets_check(offsets, size, err);
    if (status != STATUS_OK)
        goto fail;
    status = counts_check(counts, size, &made->total, err);
    if (status != STATUS_OK)
        goto fail;
    status = index_build(made, err);
    if (status != STATUS_OK)
        goto fail;
    *vocabulary = made;
    return STATUS_OK;
fail:
    vocabulary_free(made);
    return status;
}

enum status vocabulary_create(struct vocabulary **vocabulary, uint32_t size, const char *text,
                              const uint64_t *offsets, const uint64_t *counts, struct error *err) {
    uint64_t first = size > 0 ? offsets[0] : 0;
    uint64_t last = size > 0 ? offsets[size] : 0;
    uint64_t length;
    char *own_text;
    uint64_t *own_offsets, *own_counts;

    *vocabulary = NULL;
    if (last < first)
        return error_set(err, STATUS_REFUSED, "the last word ends before the first begins");
    length = last - first;
    own_text = length < SIZE_MAX ? malloc((size_t)length + 1) : NULL;
    own_offsets = calloc((size_t)size + 1, sizeof *own_offsets);
    own_counts = calloc((size_t)size + 1, sizeof *own_counts);
    if (!own_text || !own_offsets || !own_counts) {
        free(own_text);
        free(own_offsets);
        free(own_counts);
        return error_set(err, STATUS_NO_MEMORY,
                         "cannot get memory for a vocabulary of %" PRIu32 " words", size);
    }
    if (length > 0)
        memcpy(own_text, text + first, (size_t)length);
    own_text[length] = '\0';
    for (size_t i = 0; size > 0 && i <= size; i++)
        own_offsets[i] = offsets[i] - first;
    if (counts && size > 0)
        memcpy(own_counts, counts, size * sizeof *own_counts);
    return vocabulary_adopt(vocabulary, size, own_text, own_offsets, own_counts, err);
}

void vocabulary_free(struct vocabulary *vocabulary) {
    if (!vocabulary)
        return;
    free(vocabulary->text);
    free(vocabulary->offsets);
    free(vocabulary->counts);
    free(vocabulary->slots);
    fold_free(vocabulary->fold);
    free(vocabulary);
}

uint32_t vocabulary_size(const struct vocabulary *vocabulary) {
    return vocabulary->size;
}

uint64_t vocabulary_total(const struct vocabulary *vocabulary) {
    return vocabulary->total;
}

const char *vocabulary_word(const struct vocabulary *vocabulary, uint32_t id, size_t *length) {
    assert(id < vocabulary->size);
    *length = (size_t)(vocabulary->offsets[id + (size_t)1] - vocabulary->offsets[id]);
    return vocabulary->text + vocabulary->offsets[id];
}

uint64_t vocabulary_count(const struct vocabulary *vocabulary, uint32_t id) {
    assert(id < vocabulary->size);
    return vocabulary->counts[id];
}

const uint64_t *vocabulary_counts(const struct vocabulary *vocabulary) {
    return vocabulary->counts;
}

uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *word, size_t length) {
    uint32_t tag;

    return slot_of(vocabulary, word, length, &tag)->id;
}
