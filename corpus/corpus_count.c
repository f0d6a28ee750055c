#include "corpus/corpus_count.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/corpus.h"

#define BLOCK 262144      /* bytes between two polls */
#define BLOCK_SPACED 4096 /* less where the scanner may be able to go on */
#define LARGE 4194304     /* bytes of a range worth huge pages */
#define VISITS 4096u      /* words between two polls while one long run is read */

enum status corpus_counter_init(struct corpus_counter *counter, const struct settings *settings,
                                const char *path, const struct corpus_budget *budget, uint64_t seed,
                                struct error *err) {
    counter->lists = settings->format == FORMAT_TOKENS;
    counter->paragraphs = settings->sentence == SENTENCE_PARAGRAPH;
    tokenizer_init(&counter->tokenizer, settings);
    counter->spaced = !counter->tokenizer.unicode;
    if (!counter->scanner)
        counter->scanner = corpus_scanner_fastest();
    enum status status = corpus_spill_open(&counter->spill, path, budget->numbers, err);
    if (status == STATUS_OK)
        status = word_table_init(&counter->table, budget->table, seed, err);
    if (status != STATUS_OK)
        return status;
    counter->buffer = corpus_spill_next(&counter->spill);
    counter->generations = calloc(1, sizeof *counter->generations);
    if (!counter->generations)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for reading the corpus");
    counter->n_generations = 1;
    return STATUS_OK;
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
    uint32_t size = counter->table.size, n = counter->n_generations;
    uint32_t *map = malloc((size_t)size * sizeof *map + 1);
    struct generation *generations = realloc(counter->generations, (n + 1) * sizeof *generations);
    if (generations)
        counter->generations = generations;
    if (!map || !generations) {
        free(map);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for pruning %u words", size);
    }
    status = word_table_prune(&counter->table, map, &counter->loss, err);
    generations[n - 1].map_at = counter->spill.length;
    generations[n - 1].map_size = size;
    if (status == STATUS_OK)
        status = corpus_spill_append(&counter->spill, map, size, err);
    free(map);
    if (status != STATUS_OK)
        return status;
    generations[n] = (struct generation){.ids_at = counter->spill.length};
    counter->n_generations++;
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

static enum status scan_text(struct corpus_counter *counter, const char **at, const char *stop,
                             struct error *err) {
    const char *p = *at;
    while (!counter->line_full && p < stop) {
        counter->line_full = !byte_is_space(*p);
        p += !counter->line_full;
    }
    *at = p;
    return tokenizer_scan(&counter->tokenizer, at, stop, counter->text_end, corpus_counter_visit,
                          counter, err);
}

/* Tokens of a list line that begin in [*at, stop). The last one may lack its U+001F; it then ends
 * with the line. */
static enum status scan_list(struct corpus_counter *counter, const char **at, const char *stop,
                             struct error *err) {
    const char *p = *at;
    while (p < stop) {
        if (*p == CORPUS_LIST) {
            p++;
            continue;
        }
        const char *begin = p, *token;
        while (p < counter->text_end && *p != CORPUS_LIST && *p != '\n')
            p++;
        size_t length = (size_t)(p - begin);
        if ((p == counter->text_end || *p == '\n') && begin[length - 1] == '\r')
            length--;
        if (length == 0)
            continue;
        counter->line_full = true;
        enum status status =
            tokenizer_lower(&counter->tokenizer, begin, length, &token, &length, err);
        if (status == STATUS_OK)
            status = corpus_counter_visit(counter, begin, token, length, err);
        if (status != STATUS_OK)
            return status;
    }
    *at = p;
    return STATUS_OK;
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
    counter->line_list = counter->lists && line < counter->text_end && *line == CORPUS_LIST;
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
    if (counter->paragraphs && counter->line_full && !counter->line_list)
        return STATUS_OK;
    return counter_mark(counter, err);
}

/* What the text before the range says about the line that the range begins in. */
static enum status range_begin(struct corpus_counter *counter, struct error *err) {
    const char *begin = counter->begin, *text = counter->text;
    if (begin == text || begin[-1] == '\n')
        return corpus_line_begin(counter, begin, err);
    counter->line = begin;
    if (counter->lists) {
        const char *newline = memrchr(text, '\n', (size_t)(begin - text));
        counter->line_list = *(!newline ? text : newline + 1) == CORPUS_LIST;
    }
    for (const char *p = begin; p > text && p[-1] != '\n' && !counter->line_full; p--)
        counter->line_full = counter->line_list ? p[-1] != CORPUS_LIST : !byte_is_space(p[-1]);
    return STATUS_OK;
}

/* One line, or as much of it as a block holds, without the fast path. */
static enum status counter_step(struct corpus_counter *counter, const char **at,
                                struct error *err) {
    const char *end = counter->end;
    size_t max = counter->spaced && !counter->line_list ? BLOCK_SPACED : BLOCK,
           left = (size_t)(end - *at);
    size_t block = left < max ? left : max;
    const char *newline = memchr(*at, '\n', block), *stop = !newline ? *at + block : newline;
    enum status status =
        counter->line_list ? scan_list(counter, at, stop, err) : scan_text(counter, at, stop, err);
    if (status != STATUS_OK || *at == end || **at != '\n')
        return status;
    status = corpus_line_end(counter, (*at)++, err);
    return status == STATUS_OK && *at < end ? corpus_line_begin(counter, *at, err) : status;
}

static void counter_sum(struct corpus_counter *counter) {
    word_table_settle(&counter->table);
    for (uint32_t i = 0; i < counter->table.size; i++) {
        const struct word *word = &counter->table.words[i];
        counter->words += word->count;
        if (word->length > WORD_SHORT || ((word->head | word->rest) & BYTES_ALL(0x80)) != 0)
            counter->invalid_utf8 += word->count * word_invalid_utf8(&counter->table, word);
    }
}

enum status corpus_counter_run(struct corpus_counter *counter, struct error *err) {
    if (counter->begin == counter->end)
        return STATUS_OK;
    const char *p = counter->begin, *end = counter->end;
    enum status status = range_begin(counter, err);
    if (end - p >= LARGE) {
        word_table_expect_many(&counter->table);
        corpus_spill_expect_many(&counter->spill);
    }
    while (p < end && status == STATUS_OK) {
        status = corpus_pool_poll(counter->pool, err);
        if (status == STATUS_OK && counter->spaced && !counter->line_list)
            status = counter->scanner->scan(counter, &p, err);
        if (status == STATUS_OK && p < end)
            status = counter_step(counter, &p, err);
        corpus_counter_reached(counter, p);
    }
    if (status == STATUS_OK && end == counter->text_end && end[-1] != '\n')
        status = corpus_line_end(counter, end, err);
    if (status == STATUS_OK)
        status = corpus_counter_flush(counter, err);
    counter->open = counter->emitted > counter->emitted_at_mark;
    counter_sum(counter);
    assert(status != STATUS_OK || p == end);
    return status;
}

const char *corpus_cut(const char *text, const char *end, const char *at, bool lists) {
    if (at <= text || at >= end)
        return at <= text ? text : end;
    bool list = false;
    if (lists) {
        const char *newline = memrchr(text, '\n', (size_t)(at - text));
        list = *(!newline ? text : newline + 1) == CORPUS_LIST;
    }
    while (at < end && (list ? *at != CORPUS_LIST && *at != '\n' : !byte_is_space(*at)))
        at++;
    return at == end ? end : at + 1;
}
