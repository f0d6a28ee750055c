/* The fast road over text whose words stand between white space: separators of 64 bytes at a time as bits, words found
 * in the front of the table at once, and the others, one of eight, in batches whose slots are fetched ahead. */
#include "train/corpus_count.h"

#define CHUNK 64                       /* bytes whose separators are found together */
#define OVER 16                        /* bytes behind a chunk that are loaded too */
#define BATCH 48                       /* words looked up together */
#define BATCH_MOST (BATCH + CHUNK / 2) /* with what one more chunk adds */
#define BATCH_WORD 64 /* bytes of the longest token in a batch; folding makes at most three times as many */
#define BLOCK 262144  /* bytes between two looks at the crew */

/* A token that is not in the front: its place in the buffer is kept for it. */
struct miss {
    const char *text;
    uint64_t length;
    struct word_key key; /* of short ones that need no folding */
    uint32_t at;
    bool slow; /* the key is not known yet */
};

struct scan {
    const char *chunk; /* first byte that was not looked at */
    const char *begin; /* of the token under way, or chunk */
    uint64_t tokens;   /* emitted when the line began */
    int n;
    struct miss misses[BATCH_MOST];
};

/* Bit i of *spaces: text[i] is ASCII white space; of *breaks: it is a line break. */
static inline void chunk_separators(const char *text, uint64_t *spaces, uint64_t *breaks) {
    unsigned char kinds[CHUNK], any = 0;
    for (size_t i = 0; i < CHUNK; i++) { /* compilers make vectors of this */
        kinds[i] = (unsigned char)((text[i] == ' ') | ((unsigned char)(text[i] - '\t') < 5) | (text[i] == '\n') << 1);
        any |= kinds[i];
    }
    *spaces = *breaks = 0;
    for (size_t i = 0; i < CHUNK; i += 8) { /* the product gathers the low bits of eight bytes in its top byte */
        uint64_t kind = word_load((const char *)kinds + i);
        *spaces |= ((kind & BYTES_ALL(1)) * 0x0102040810204080u >> 56) << i;
        if ((any & 2) != 0)
            *breaks |= ((kind >> 1 & BYTES_ALL(1)) * 0x0102040810204080u >> 56) << i;
    }
}

static uint64_t tokens_emitted(const struct corpus_counter *counter) {
    return counter->emitted + counter->fill;
}

static enum status miss_slow(struct corpus_counter *counter, const struct miss *miss, uint32_t *number,
                             struct error *err) {
    const char *token;
    size_t length;
    enum status status = tokenizer_lower(&counter->tokenizer, miss->text, miss->length, &token, &length, err);
    if (status != STATUS_OK)
        return status;
    struct word_key key = word_key(token, length, counter->table.seed);
    return corpus_counter_count(counter, miss->text, token, length, &key, number, err);
}

/* Looks up what waits, in the order of the text, which new words are numbered by. */
static enum status scan_resolve(struct corpus_counter *counter, struct scan *scan, struct error *err) {
    enum status status = STATUS_OK;
    for (int i = 0; i < scan->n && status == STATUS_OK; i++) {
        const struct miss *miss = &scan->misses[i];
        uint32_t *number = &counter->buffer[miss->at];
        if (miss->slow)
            status = miss_slow(counter, miss, number, err);
        else
            status = corpus_counter_count(counter, miss->text, miss->text, miss->length, &miss->key, number, err);
    }
    scan->n = 0;
    return status;
}

/* The key of a token of at most WORD_SHORT bytes, without a branch; of a longer one, what no word in the front has. */
static inline struct word_key token_key(const char *text, uint64_t length, struct word_seed seed, bool lower) {
    static const uint64_t below[9] = {
        0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff, UINT64_MAX};
    uint64_t over = length < 8 ? 0 : length - 8;
    struct word_key key = {.head = word_load(text) & below[length < 8 ? length : 8],
                           .rest = word_load(text + 8) & below[over < 8 ? over : 8]};
    if (lower) {
        key.head = bytes_lower(key.head);
        key.rest = bytes_lower(key.rest);
    }
    key.hash = word_hash(seed, key.head, key.rest);
    return key;
}

/* Counts the tokens that end at these separators of the chunk. */
static inline void scan_tokens(struct corpus_counter *counter, struct scan *scan, uint64_t spaces, bool lower) {
    const struct word_table *table = &counter->table;
    const char *begin = scan->begin, *chunk = scan->chunk;
    uint32_t *buffer = counter->buffer, fill = counter->fill;
    int n = scan->n;
    for (; spaces != 0; spaces &= spaces - 1) {
        const char *text = begin, *end = chunk + __builtin_ctzll(spaces);
        uint64_t length = (uint64_t)(end - text);
        begin = end + 1;
        if (length == 0)
            continue;
        struct word_key key = token_key(text, length, table->seed, lower);
        struct word_slot *front = word_table_front(table, key.hash);
        bool high = lower && ((key.head | key.rest) & BYTES_ALL(0x80)) != 0; /* folding may change such a word */
        if (front->head == key.head && front->rest == key.rest && front->length == length && !high) {
            front->count++;
            buffer[fill++] = front->number - 1;
            continue;
        }
        word_table_prefetch(table, key.hash);
        scan->misses[n++] = (struct miss){text, length, key, fill++, length > WORD_SHORT || high};
    }
    scan->begin = begin;
    scan->n = n;
    counter->fill = fill;
}

/* The line that ends at newline. *stop: the next one is a list, or there is none. */
static enum status scan_line(struct corpus_counter *counter, struct scan *scan, const char *newline, bool *stop,
                             struct error *err) {
    counter->line_full |= tokens_emitted(counter) > scan->tokens;
    enum status status = corpus_line_end(counter, newline, err);
    *stop = newline + 1 == counter->end;
    if (status != STATUS_OK || *stop)
        return status;
    status = corpus_line_begin(counter, newline + 1, err);
    scan->tokens = tokens_emitted(counter);
    *stop = counter->line_list;
    return status;
}

/* Ends a batch. *stop: the next one might not fit into the table. */
static enum status scan_batch(struct corpus_counter *counter, struct scan *scan, bool *stop, struct error *err) {
    enum status status = scan_resolve(counter, scan, err);
    if (status == STATUS_OK && CORPUS_BUFFER - counter->fill < 2 * CHUNK)
        status = corpus_counter_flush(counter, err);
    *stop = !word_table_has_room(&counter->table, BATCH_MOST, (uint64_t)BATCH_MOST * BATCH_WORD * 3);
    return status;
}

/* A token that began before the chunk and is too long for a batch. */
static enum status scan_long(struct corpus_counter *counter, struct scan *scan, const char *end, bool *stop,
                             struct error *err) {
    const char *token;
    size_t length = (size_t)(end - scan->begin);
    enum status status = scan_batch(counter, scan, stop, err);
    if (status == STATUS_OK)
        status = tokenizer_lower(&counter->tokenizer, scan->begin, length, &token, &length, err);
    if (status == STATUS_OK)
        status = corpus_counter_visit(counter, scan->begin, token, length, err);
    if (status != STATUS_OK)
        return status;
    scan->begin = end;
    return scan_batch(counter, scan, stop, err);
}

static inline enum status scan_chunk(struct corpus_counter *counter, struct scan *scan, bool lower, bool *stop,
                                     struct error *err) {
    const char *chunk = scan->chunk;
    enum status status = STATUS_OK;
    uint64_t spaces, breaks;
    chunk_separators(chunk, &spaces, &breaks);
    if (counter->end - chunk < CHUNK) {
        uint64_t inside = ((uint64_t)1 << (counter->end - chunk)) - 1;
        spaces &= inside;
        breaks &= inside;
    }
    if (chunk - scan->begin > BATCH_WORD - CHUNK && spaces != 0 &&
        chunk + __builtin_ctzll(spaces) - scan->begin > BATCH_WORD)
        status = scan_long(counter, scan, chunk + __builtin_ctzll(spaces), stop, err);
    for (; breaks != 0 && status == STATUS_OK && !*stop; breaks &= breaks - 1) {
        uint64_t line = breaks ^ (breaks - 1);
        scan_tokens(counter, scan, spaces & line, lower);
        spaces &= ~line;
        status = scan_line(counter, scan, chunk + __builtin_ctzll(breaks), stop, err);
    }
    if (status == STATUS_OK && !*stop)
        scan_tokens(counter, scan, spaces, lower);
    return status;
}

static inline enum status scan_block(struct corpus_counter *counter, struct scan *scan, bool lower, bool *stop,
                                     struct error *err) {
    const char *pause = counter->end - scan->chunk > BLOCK ? scan->chunk + BLOCK : counter->end;
    enum status status = STATUS_OK;
    for (; scan->chunk < pause && status == STATUS_OK && !*stop; scan->chunk += CHUNK) {
        *stop = counter->text_end - scan->chunk < CHUNK + OVER;
        if (!*stop && (scan->n >= BATCH || CORPUS_BUFFER - counter->fill < 2 * CHUNK))
            status = scan_batch(counter, scan, stop, err);
        if (status == STATUS_OK && !*stop)
            status = scan_chunk(counter, scan, lower, stop, err);
    }
    return status;
}

enum status corpus_scan(struct corpus_counter *counter, const char **at, struct error *err) {
    struct scan scan;
    bool stop;
    scan.chunk = scan.begin = *at;
    scan.tokens = tokens_emitted(counter);
    scan.n = 0;
    enum status status = scan_batch(counter, &scan, &stop, err);
    while (scan.chunk < counter->end && status == STATUS_OK && !stop) {
        if (counter->tokenizer.lowercase)
            status = scan_block(counter, &scan, true, &stop, err);
        else
            status = scan_block(counter, &scan, false, &stop, err);
        corpus_counter_reached(counter, scan.begin);
        if (status == STATUS_OK)
            status = crew_check(counter->crew, err);
    }
    if (status == STATUS_OK)
        status = scan_resolve(counter, &scan, err);
    counter->line_full |= tokens_emitted(counter) > scan.tokens;
    *at = scan.begin;
    return status;
}
