/* Global contexts: words that belong to all of their sentence, whatever the window. A sentence with
 * some is written without them, and behind it a sentence of two words for each of its words and
 * each context: pairs that training then meets as any others. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "corpus/corpus_private.h"
#include "corpus/ids_writer.h"

/* Bits of the words that begin with one of `prefixes`, which have commas between. */
static enum status contexts_find(const struct corpus *corpus, const char *prefixes, uint64_t **bits,
                                 struct error *err) {
    const char *starts[CORPUS_CONTEXT_KINDS];
    size_t lengths[CORPUS_CONTEXT_KINDS], n = 0;
    uint32_t size = vocabulary_size(corpus->vocabulary), found = 0;
    for (const char *at = prefixes; *at;) {
        size_t length = strcspn(at, ",");
        if (length > 0 && n == CORPUS_CONTEXT_KINDS)
            return error_set_key(err, STATUS_REFUSED, "context_prefix",
                                 "context_prefix names more than %d beginnings",
                                 CORPUS_CONTEXT_KINDS);
        if (length > 0)
            starts[n] = at, lengths[n++] = length;
        at += length + (at[length] == ',');
    }
    uint64_t *made = word_bits_create(corpus->vocabulary, true);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a set of words");
    word_bits_keep_prefixes(corpus->vocabulary, starts, lengths, n, made);
    for (uint32_t id = 0; id < size; id++)
        found += (made[id / 64] >> id % 64 & 1) != 0;
    if (found == 0 || found == size) {
        free(made);
        return error_set_key(err, STATUS_REFUSED, "context_prefix",
                             "%s word of the vocabulary begins with context_prefix '%s'",
                             found == 0 ? "no" : "every", prefixes);
    }
    *bits = made;
    return STATUS_OK;
}

static bool is_context(const uint64_t *bits, uint32_t id) {
    return (bits[id / 64] >> id % 64 & 1) != 0;
}

static enum status pairs_write(const uint32_t *ids, size_t n, const uint64_t *bits, uint32_t word,
                               struct ids_writer *writer, struct error *err) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        if (!is_context(bits, ids[i]))
            continue;
        status = ids_writer_put(writer, word, err);
        if (status == STATUS_OK)
            status = ids_writer_put(writer, ids[i], err);
        if (status == STATUS_OK)
            status = ids_writer_end(writer, err);
    }
    return status;
}

static enum status sentence_write(const uint32_t *ids, size_t n, const uint64_t *bits,
                                  struct ids_writer *writer, struct error *err) {
    size_t contexts = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < n; i++)
        contexts += is_context(bits, ids[i]);
    /* contexts alone are a sentence as any */
    for (size_t i = 0; status == STATUS_OK && i < n; i++)
        if (contexts == n || !is_context(bits, ids[i]))
            status = ids_writer_put(writer, ids[i], err);
    if (status == STATUS_OK)
        status = ids_writer_end(writer, err);
    for (size_t i = 0; status == STATUS_OK && contexts > 0 && i < n; i++)
        if (!is_context(bits, ids[i]))
            status = pairs_write(ids, n, bits, ids[i], writer, err);
    return status;
}

static enum status sentences_write(const struct corpus *corpus, const uint64_t *bits,
                                   struct ids_writer *writer, struct error *err) {
    enum status status = STATUS_OK;
    uint64_t first = 0;
    for (uint64_t i = 0; status == STATUS_OK && i <= corpus->length; i++) {
        if (i < corpus->length && corpus->ids[i] != WORD_NONE)
            continue;
        status = sentence_write(corpus->ids + first, (size_t)(i - first), bits, writer, err);
        first = i + 1;
    }
    return status == STATUS_OK ? ids_writer_flush(writer, err) : status;
}

enum status corpus_spread_contexts(struct corpus *corpus, const char *prefixes, const char *work,
                                   struct error *err) {
    struct corpus_owner *owner = (struct corpus_owner *)corpus;
    struct corpus_ids spread = {.map = {.data = ""}, .path = path_join(work, CORPUS_SPREAD_FILE)};
    struct ids_writer writer = IDS_WRITER_CLOSED;
    uint64_t *bits = NULL;
    enum status status = contexts_find(corpus, prefixes, &bits, err);
    if (status == STATUS_OK)
        status = ids_writer_open(&writer, spread.path, err);
    if (status == STATUS_OK)
        status = sentences_write(corpus, bits, &writer, err);
    ids_writer_close(&writer);
    free(bits);
    if (status == STATUS_OK)
        status = file_map_open(&spread.map, spread.path, err);
    if (status == STATUS_OK) {
        corpus_ids_close(&owner->ids);
        owner->ids = spread;
        spread = (struct corpus_ids){.map = {.data = ""}};
        corpus->ids = (const uint32_t *)(const void *)owner->ids.map.data;
        corpus->length = writer.length, corpus->words = writer.words;
    }
    corpus_ids_close(&spread);
    return status;
}
