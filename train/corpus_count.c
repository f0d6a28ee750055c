#include "train/corpus_count.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "train/corpus.h"

#define BLOCK 262144 /* bytes between two looks at the crew */
#define CHUNK 64     /* bytes whose white space is found together */
#define BATCH 32     /* tokens looked up together */
#define VISITS 4096u /* words between two looks while one long run is read */

enum status corpus_counter_init(struct corpus_counter *counter, const struct settings *settings, const char *path,
                                uint64_t budget, uint64_t seed, struct error *err) {
    counter->file = -1;
    counter->lists = settings->format == FORMAT_TOKENS;
    counter->paragraphs = settings->sentence == SENTENCE_PARAGRAPH;
    tokenizer_init(&counter->tokenizer, settings);
    enum status status = word_table_init(&counter->table, budget, seed, err);
    if (status == STATUS_OK && path != NULL) {
        status = file_scratch_open(path, &counter->file, err);
        if (status == STATUS_OK && unlink(path) != 0) /* not path_remove: nothing here needs an fsync */
            status = error_set_errno(err, errno, "cannot remove '%s'", path);
    }
    if (status != STATUS_OK)
        return status;
    counter->buffer = malloc(CORPUS_BUFFER * sizeof *counter->buffer);
    counter->generations = calloc(1, sizeof *counter->generations);
    if (counter->buffer == NULL || counter->generations == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for reading the corpus");
    counter->n_generations = 1;
    return STATUS_OK;
}

void corpus_counter_clear(struct corpus_counter *counter) {
    word_table_clear(&counter->table);
    tokenizer_clear(&counter->tokenizer);
    free(counter->buffer);
    free(counter->generations);
    if (counter->file >= 0)
        close(counter->file);
    counter->buffer = NULL;
    counter->generations = NULL;
    counter->file = -1;
}

static enum status counter_flush(struct corpus_counter *counter, struct error *err) {
    uint64_t bytes = counter->fill * sizeof *counter->buffer;
    enum status status = STATUS_OK;
    if (counter->file >= 0)
        status = file_write_at(counter->file, counter->buffer, bytes, counter->file_length, err);
    if (status != STATUS_OK)
        return status;
    counter->generations[counter->n_generations - 1].ids += counter->fill;
    counter->emitted += counter->fill;
    counter->file_length += bytes;
    counter->fill = 0;
    return STATUS_OK;
}

static inline enum status counter_emit(struct corpus_counter *counter, uint32_t id, struct error *err) {
    if (counter->fill == CORPUS_BUFFER) {
        enum status status = counter_flush(counter, err);
        if (status != STATUS_OK)
            return status;
    }
    counter->buffer[counter->fill++] = id;
    return STATUS_OK;
}

/* Makes room by forgetting rare words. Counts of words that are met again start from 1: they end up too low by what is
 * reported as pruned_words. */
static enum status counter_prune(struct corpus_counter *counter, struct error *err) {
    enum status status = counter_flush(counter, err);
    if (status != STATUS_OK)
        return status;
    uint32_t size = counter->table.size, n = counter->n_generations;
    uint32_t *map = malloc((size_t)size * sizeof *map + 1);
    struct generation *generations = realloc(counter->generations, (n + 1) * sizeof *generations);
    if (generations != NULL)
        counter->generations = generations;
    if (map == NULL || generations == NULL) {
        free(map);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for pruning %u words", size);
    }
    status = word_table_prune(&counter->table, map, &counter->loss, err);
    uint64_t bytes = size * sizeof *map;
    if (status == STATUS_OK)
        status = file_write_at(counter->file, map, bytes, counter->file_length, err);
    free(map);
    if (status != STATUS_OK)
        return status;
    generations[n - 1].map_at = counter->file_length;
    generations[n - 1].map_size = size;
    counter->file_length += bytes;
    generations[n] = (struct generation){.ids_at = counter->file_length};
    counter->n_generations++;
    return STATUS_OK;
}

static enum status counter_new_word(struct corpus_counter *counter, const char *at, const char *token, size_t length,
                                    const struct word_key *key, uint32_t *id, struct error *err) {
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
        return error_set_key(err, STATUS_NO_MEMORY, "max_memory",
                             "max_memory leaves %llu bytes for counting words: too few for a word of %zu bytes",
                             (unsigned long long)counter->table.budget, length);
    *id = word_table_insert(&counter->table, token, length, key, (uint64_t)(at - counter->text));
    return STATUS_OK;
}

static enum status counter_add(struct corpus_counter *counter, const char *at, const char *token, size_t length,
                               const struct word_key *key, struct error *err) {
    struct word_slot *slot = word_table_find(&counter->table, token, length, key);
    uint32_t id = 0;
    if (slot == NULL) {
        enum status status = counter_new_word(counter, at, token, length, key, &id, err);
        if (status != STATUS_OK)
            return status;
    } else {
        slot->count++;
        id = slot->number - 1;
    }
    return counter_emit(counter, id, err);
}

static enum status counter_visit(void *context, const char *at, const char *token, size_t length, struct error *err) {
    struct corpus_counter *counter = context;
    if (++counter->visits % VISITS == 0) {
        enum status status = crew_check(counter->crew, err);
        if (status != STATUS_OK)
            return status;
    }
    struct word_key key = word_key(token, length, counter->table.seed);
    return counter_add(counter, at, token, length, &key, err);
}

/* A token between white space as the scanner found it. */
struct spaced {
    const char *text;
    uint64_t length;
    struct word_key key;
    bool high; /* a byte is above 127 */
};

/* Tokens are looked up in batches whose slots are fetched ahead: single look-ups would wait for memory most of
 * the time. One chunk ends at most CHUNK tokens. */
struct batch {
    struct spaced tokens[BATCH + CHUNK];
    int n;
};

/* Bit i: text[i] is ASCII white space, or lies at or behind end. */
static inline uint64_t chunk_spaces(const char *text, const char *end) {
    char padded[CHUNK];
    unsigned char space[CHUNK];
    if (end - text < CHUNK) {
        memset(padded, ' ', CHUNK);
        memcpy(padded, text, (size_t)(end - text));
        text = padded;
    }
    for (int i = 0; i < CHUNK; i++) /* compilers make vectors of this */
        space[i] = (unsigned char)((text[i] == ' ') | ((unsigned char)(text[i] - '\t') < 5));
    uint64_t bits = 0;
    for (int i = 0; i < CHUNK / 8; i++) /* the product gathers the low bits of eight bytes in its top byte */
        bits |= (word_load((const char *)space + 8 * i) * 0x0102040810204080u >> 56) << (8 * i);
    return bits;
}

/* The key of a token, without a branch for short ones. Reads 16 bytes wherever the text has them. */
static inline void spaced_set(struct spaced *spaced, const char *text, uint64_t length, const char *text_end,
                              bool lower, uint64_t seed) {
    static const uint64_t below[9] = {
        0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff, UINT64_MAX};
    spaced->text = text;
    spaced->length = length;
    if (length > WORD_SHORT || text_end - text < (ptrdiff_t)WORD_SHORT) {
        spaced->high = lower; /* the tokenizer is to look at it */
        spaced->key = lower ? (struct word_key){0} : word_key(text, length, seed);
        return;
    }
    uint64_t head = word_load(text) & below[length < 8 ? length : 8];
    uint64_t rest = word_load(text + 8) & below[length < 8 ? 0 : length - 8];
    if (lower) {
        spaced->high = ((head | rest) & BYTES_ALL(0x80)) != 0;
        head = bytes_lower(head);
        rest = bytes_lower(rest);
    }
    spaced->key.head = head;
    spaced->key.rest = rest;
    spaced->key.hash = word_hash_end(word_hash_step(word_hash_step(seed, head), rest), length);
}

static inline enum status batch_add(struct corpus_counter *counter, struct batch *batch, bool lower,
                                    struct error *err) {
    enum status status = STATUS_OK;
    for (int i = 0; i < batch->n && status == STATUS_OK; i++) {
        const struct spaced *spaced = &batch->tokens[i];
        const char *token;
        size_t length;
        if (!lower || !spaced->high) {
            status = counter_add(counter, spaced->text, spaced->text, spaced->length, &spaced->key, err);
            continue;
        }
        status = tokenizer_lower(&counter->tokenizer, spaced->text, spaced->length, &token, &length, err);
        if (status == STATUS_OK)
            status = counter_visit(counter, spaced->text, token, length, err);
    }
    batch->n = 0;
    return status;
}

/* The fast road for tokens between white space: what tokenizer_scan would visit, without copies. */
static inline enum status scan_space(struct corpus_counter *counter, const char **at, const char *stop, bool lower,
                                     struct error *err) {
    struct batch batch;
    const char *text_end = counter->text_end, *begin = *at; /* of the token that may be under way */
    uint64_t seed = counter->table.seed;
    enum status status = STATUS_OK;
    batch.n = 0;
    for (const char *chunk = begin; begin < stop && status == STATUS_OK; chunk += CHUNK) {
        for (uint64_t spaces = chunk_spaces(chunk, text_end); spaces != 0 && begin < stop; spaces &= spaces - 1) {
            const char *end = chunk + __builtin_ctzll(spaces);
            if (end > begin) {
                struct spaced *spaced = &batch.tokens[batch.n++];
                spaced_set(spaced, begin, (uint64_t)(end - begin), text_end, lower, seed);
                word_table_prefetch(&counter->table, spaced->key.hash);
            }
            begin = end + 1;
        }
        if (batch.n >= BATCH)
            status = batch_add(counter, &batch, lower, err);
    }
    if (status == STATUS_OK)
        status = batch_add(counter, &batch, lower, err);
    *at = begin - 1 > stop ? begin - 1 : stop; /* the byte behind the last token may be a line break */
    return status;
}

static enum status scan_text(struct corpus_counter *counter, const char **at, const char *stop, struct error *err) {
    const char *p = *at;
    while (!counter->line_full && p < stop) {
        counter->line_full = !byte_is_space(*p);
        p += !counter->line_full;
    }
    *at = p;
    if (counter->tokenizer.unicode)
        return tokenizer_scan(&counter->tokenizer, at, stop, counter->text_end, counter_visit, counter, err);
    if (counter->tokenizer.lowercase)
        return scan_space(counter, at, stop, true, err);
    return scan_space(counter, at, stop, false, err);
}

/* Tokens of a list line that begin in [*at, stop). The last one may lack its U+001F; it then ends with the line. */
static enum status scan_list(struct corpus_counter *counter, const char **at, const char *stop, struct error *err) {
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
        enum status status = tokenizer_lower(&counter->tokenizer, begin, length, &token, &length, err);
        if (status == STATUS_OK)
            status = counter_visit(counter, begin, token, length, err);
        if (status != STATUS_OK)
            return status;
    }
    *at = p;
    return STATUS_OK;
}

/* A sentence ends here if it holds a word. The first end in a range is always written, since the sentence may have
 * begun before it. */
static enum status counter_mark(struct corpus_counter *counter, struct error *err) {
    bool open = counter->emitted + counter->fill > counter->emitted_at_mark;
    if (counter->marked && !open)
        return STATUS_OK;
    if (counter->marked)
        counter->sentences++;
    else
        counter->first_open = open;
    counter->marked = true;
    enum status status = counter_emit(counter, CORPUS_SENTENCE_END, err);
    counter->emitted_at_mark = counter->emitted + counter->fill;
    return status;
}

/* A list is a sentence of its own, in paragraphs too. */
static enum status line_begin(struct corpus_counter *counter, const char *line, struct error *err) {
    counter->line = line;
    counter->line_full = false;
    counter->line_list = counter->lists && line < counter->text_end && *line == CORPUS_LIST;
    return counter->line_list ? counter_mark(counter, err) : STATUS_OK;
}

static enum status line_end(struct corpus_counter *counter, const char *end, struct error *err) {
    uint64_t length = (uint64_t)(end - counter->line);
    if (length > 0 && end[-1] == '\r')
        length--;
    if (length > counter->longest_line)
        counter->longest_line = length;
    counter->lines++;
    counter->empty_lines += !counter->line_full;
    if (counter->paragraphs && counter->line_full && !counter->line_list)
        return STATUS_OK;
    return counter_mark(counter, err);
}

/* What the text before the range says about the line that the range begins in. */
static enum status range_begin(struct corpus_counter *counter, struct error *err) {
    const char *begin = counter->begin, *line = begin;
    if (begin > counter->text && begin[-1] != '\n') {
        const char *newline = memrchr(counter->text, '\n', (size_t)(begin - counter->text));
        line = newline == NULL ? counter->text : newline + 1;
    }
    if (line == begin)
        return line_begin(counter, line, err);
    counter->line = line;
    counter->line_list = counter->lists && *line == CORPUS_LIST;
    for (const char *p = begin; p > line && !counter->line_full; p--)
        counter->line_full = counter->line_list ? p[-1] != CORPUS_LIST : !byte_is_space(p[-1]);
    return STATUS_OK;
}

enum status corpus_counter_run(struct corpus_counter *counter, struct error *err) {
    if (counter->begin == counter->end)
        return STATUS_OK;
    const char *p = counter->begin, *end = counter->end;
    enum status status = range_begin(counter, err);
    while (p < end && status == STATUS_OK) {
        status = crew_check(counter->crew, err);
        if (status != STATUS_OK)
            break;
        size_t block = end - p > BLOCK ? BLOCK : (size_t)(end - p);
        const char *newline = memchr(p, '\n', block), *stop = newline == NULL ? p + block : newline;
        if (counter->line_list)
            status = scan_list(counter, &p, stop, err);
        else
            status = scan_text(counter, &p, stop, err);
        if (status == STATUS_OK && p < end && *p == '\n') {
            status = line_end(counter, p++, err);
            if (status == STATUS_OK && p < end)
                status = line_begin(counter, p, err);
        }
        atomic_store_explicit(&counter->done, (unsigned long long)(p - counter->begin), memory_order_relaxed);
    }
    if (status == STATUS_OK && end == counter->text_end && end[-1] != '\n')
        status = line_end(counter, end, err);
    if (status == STATUS_OK)
        status = counter_flush(counter, err);
    counter->open = counter->emitted > counter->emitted_at_mark;
    word_table_settle(&counter->table);
    assert(status != STATUS_OK || p == end);
    return status;
}

const char *corpus_cut(const char *text, const char *end, const char *at, bool lists) {
    if (at <= text || at >= end)
        return at <= text ? text : end;
    bool list = false;
    if (lists) {
        const char *newline = memrchr(text, '\n', (size_t)(at - text));
        list = *(newline == NULL ? text : newline + 1) == CORPUS_LIST;
    }
    while (at < end && (list ? *at != CORPUS_LIST && *at != '\n' : !byte_is_space(*at)))
        at++;
    return at == end ? end : at + 1;
}
