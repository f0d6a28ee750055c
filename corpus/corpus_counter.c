#include "corpus/corpus_counter.h"

#include <stdlib.h>

#include "base/array.h"
#include "corpus/token_bytes.h"

#define VISITS 4096u /* words between two polls while one long run is read */

/* A new generation of numbers, which begins at the end of the spill buffer. */
static enum status generation_add(struct corpus_counter *counter, struct error *err) {
    uint32_t n = counter->n_generations;
    struct generation *generations = array_grow(counter->generations, &counter->generations_room,
                                                (size_t)n + 1, sizeof *generations);
    if (!generations)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for reading the corpus");
    counter->generations = generations;
    generations[n] = (struct generation){.ids_at = counter->spill.length};
    counter->n_generations = n + 1;
    return STATUS_OK;
}

enum status corpus_counter_init(struct corpus_counter *counter, const struct settings *settings,
                                const char *path, const struct corpus_budget *budget, uint64_t seed,
                                struct error *err) {
    tokenizer_init(&counter->tokenizer, settings);
    counter->spaced = !counter->tokenizer.unicode;
    enum status status = corpus_spill_open(&counter->spill, path, budget->numbers, err);
    if (status == STATUS_OK)
        status = word_table_init(&counter->table, budget->table, seed, err);
    if (status != STATUS_OK)
        return status;
    counter->buffer = corpus_spill_next(&counter->spill);
    return generation_add(counter, err);
}

void corpus_counter_clear(struct corpus_counter *counter) {
    word_table_clear(&counter->table);
    tokenizer_clear(&counter->tokenizer);
    corpus_spill_close(&counter->spill);
    free(counter->generations);
    counter->buffer = NULL;
    counter->generations = NULL;
}

enum status corpus_counter_flush(struct corpus_counter *counter, struct error *err) {
    enum status status = corpus_spill_advance(&counter->spill, counter->fill, err);
    if (status != STATUS_OK)
        return status;
    counter->generations[counter->n_generations - 1].ids += counter->fill;
    counter->emitted += counter->fill;
    counter->fill = 0;
    counter->buffer = corpus_spill_next(&counter->spill);
    return STATUS_OK;
}

static inline enum status counter_emit(struct corpus_counter *counter, uint32_t id,
                                       struct error *err) {
    if (counter->fill == CORPUS_BUFFER) {
        enum status status = corpus_counter_flush(counter, err);
        if (status != STATUS_OK)
            return status;
    }
    counter->buffer[counter->fill++] = id;
    return STATUS_OK;
}

/* Makes room by forgetting rare words. Counts of words that are met again start from 1: they end up
 * too low by what is reported as pruned_words. */
static enum status counter_prune(struct corpus_counter *counter, struct error *err) {
    enum status status = corpus_counter_flush(counter, err);
    if (status != STATUS_OK)
        return status;
    uint32_t size = counter->table.size;
    uint32_t *map = malloc((size_t)size * sizeof *map + 1);
    if (!map)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for pruning %u words", size);
    status = word_table_prune(&counter->table, map, &counter->loss, err);
    struct generation *ended = &counter->generations[counter->n_generations - 1];
    ended->map_at = counter->spill.length;
    ended->map_size = size;
    if (status == STATUS_OK)
        status = corpus_spill_append(&counter->spill, map, size, err);
    free(map);
    if (status == STATUS_OK)
        status = generation_add(counter, err);
    if (status != STATUS_OK)
        return status;
    counter->buffer = corpus_spill_next(&counter->spill);
    return STATUS_OK;
}

static enum status counter_new_word(struct corpus_counter *counter, const char *at,
                                    const char *token, size_t length, const struct word_key *key,
                                    uint32_t *id, struct error *err) {
    bool fits;
    enum status status = word_table_reserve(&counter->table, length, &fits, err);
    if (status == STATUS_OK && !fits) {
        status = counter_prune(counter, err);
        if (status == STATUS_OK)
            status = word_table_reserve(&counter->table, length, &fits, err);
    }
    if (status != STATUS_OK)
        return status;
    if (!fits)
        return error_set_key(
            err, STATUS_NO_MEMORY, "max_memory",
            "max_memory leaves %llu bytes for counting words: too few for a word of %zu bytes",
            (unsigned long long)counter->table.budget, length);
    *id = word_table_insert(&counter->table, token, length, key, (uint64_t)(at - counter->text));
    return STATUS_OK;
}

enum status corpus_counter_count(struct corpus_counter *counter, const char *at, const char *token,
                                 size_t length, const struct word_key *key, uint32_t *number,
                                 struct error *err) {
    struct word_table *table = &counter->table;
    *number = word_table_find(table, token, length, key);
    if (*number == WORD_NONE)
        return counter_new_word(counter, at, token, length, key, number, err);
    word_table_count(table, *number, key->hash);
    return STATUS_OK;
}

enum status corpus_counter_visit(void *context, const char *at, const char *token, size_t length,
                                 struct error *err) {
    struct corpus_counter *counter = context;
    enum status status =
        ++counter->visits % VISITS == 0 ? corpus_pool_poll(counter->pool, err) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    struct word_key key = word_key(token, length, counter->table.seed);
    uint32_t number = 0;
    status = corpus_counter_count(counter, at, token, length, &key, &number, err);
    return status == STATUS_OK ? counter_emit(counter, number, err) : status;
}

/* A sentence ends here if it holds a word. The first end in a range is always written, since the
 * sentence may have begun before it. */
static enum status counter_mark(struct corpus_counter *counter, struct error *err) {
    bool open = counter->emitted + counter->fill > counter->emitted_at_mark;
    if (counter->marked && !open)
        return STATUS_OK;
    if (counter->marked)
        counter->sentences++;
    else
        counter->first_open = open;
    counter->marked = true;
    enum status status = counter_emit(counter, WORD_NONE, err);
    counter->emitted_at_mark = counter->emitted + counter->fill;
    return status;
}

/* A list is a sentence of its own, in paragraphs too. */
enum status corpus_line_begin(struct corpus_counter *counter, const char *line, struct error *err) {
    counter->line = line;
    counter->line_full = false;
    counter->line_list = counter->layout.lists && line < counter->text_end && *line == CORPUS_LIST;
    return counter->line_list ? counter_mark(counter, err) : STATUS_OK;
}

enum status corpus_line_end(struct corpus_counter *counter, const char *end, struct error *err) {
    uint64_t length = (uint64_t)(end - counter->line);
    bool carriage_return = end > counter->text && end[-1] == '\r';
    if (counter->lines == 0) {
        counter->first_line = length;
        counter->first_return = carriage_return;
    } else if (length - (length > 0 && carriage_return) > counter->longest_line) {
        counter->longest_line = length - carriage_return;
    }
    counter->lines++;
    counter->line = end + 1;
    counter->empty_lines += !counter->line_full;
    if (counter->layout.paragraphs && counter->line_full && !counter->line_list)
        return STATUS_OK;
    return counter_mark(counter, err);
}

static void counter_sum(struct corpus_counter *counter) {
    word_table_settle(&counter->table);
    for (uint32_t i = 0; i < counter->table.size; i++) {
        const struct word *word = &counter->table.words[i];
        counter->words += word->count;
        if (word->length > WORD_SHORT || ((word->head | word->rest) & BYTES_HIGH) != 0)
            counter->invalid_utf8 += word->count * word_invalid_utf8(&counter->table, word);
    }
}

enum status corpus_counter_finish(struct corpus_counter *counter, struct error *err) {
    enum status status = corpus_counter_flush(counter, err);
    counter->open = counter->emitted > counter->emitted_at_mark;
    counter_sum(counter);
    return status;
}
