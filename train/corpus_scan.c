/* The fast road over text whose words stand between white space: separators of 64 bytes at a time as bits, words found
 * in the front of the table at once, and the others, one of eight, in batches whose slots are fetched ahead. */
#include "train/corpus_count.h"

#define CHUNK 64                       /* bytes whose separators are found together */
#define OVER 16                        /* bytes behind a chunk that are loaded too */
#define BATCH 128                      /* tokens looked up together */
#define BATCH_MOST (BATCH + CHUNK / 2) /* with what one more chunk adds */
#define BATCH_WORD 64 /* bytes of the longest token in a batch; folding makes at most three times as many */
#define BLOCK 262144  /* bytes between two looks at the crew */

struct token {
    const char *text;
    uint32_t length;
    uint32_t at;         /* its place in the buffer */
    struct word_key key; /* of its first 16 bytes */
};

struct scan {
    const char *chunk; /* first byte that was not looked at */
    const char *begin; /* of the token under way, or chunk */
    uint64_t emitted;  /* when the line began */
    int n;
    struct token tokens[BATCH_MOST];
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

/* The token is no word of the front, or one that folding may change. */
static inline bool token_slow(const struct token *token, bool lower) {
    return token->length > WORD_SHORT || (lower && ((token->key.head | token->key.rest) & BYTES_ALL(0x80)) != 0);
}

/* Counts the tokens whose words are in the front. missing: the others, whose slots are fetched. Without a branch, for
 * one of eight is missing. */
static inline int batch_match(struct corpus_counter *counter, const struct scan *scan, bool lower, uint8_t *missing) {
    const struct word_table *table = &counter->table;
    int n = 0;
    for (int i = 0; i < scan->n; i++) {
        const struct token *token = &scan->tokens[i];
        struct word_slot *front = word_table_front(table, token->key.hash);
        bool found =
            ((front->head ^ token->key.head) | (front->rest ^ token->key.rest) | (front->length ^ token->length)) == 0;
        if (lower)
            found &= !token_slow(token, true);
        front->count += found;
        counter->buffer[token->at] = front->number - 1;
        missing[n] = (uint8_t)i;
        n += !found;
    }
    for (int i = 0; i < n; i++)
        word_table_prefetch(table, scan->tokens[missing[i]].key.hash);
    return n;
}

static enum status token_count(struct corpus_counter *counter, const struct token *token, bool lower,
                               struct error *err) {
    uint32_t *number = &counter->buffer[token->at];
    if (!token_slow(token, lower))
        return corpus_counter_count(counter, token->text, token->text, token->length, &token->key, number, err);
    const char *word;
    size_t length;
    enum status status = tokenizer_lower(&counter->tokenizer, token->text, token->length, &word, &length, err);
    if (status != STATUS_OK)
        return status;
    struct word_key key = word_key(word, length, counter->table.seed);
    return corpus_counter_count(counter, token->text, word, length, &key, number, err);
}

/* Looks up all tokens, in the order of the text, which new words are numbered by. */
static inline enum status batch_count(struct corpus_counter *counter, struct scan *scan, bool lower,
                                      struct error *err) {
    uint8_t missing[BATCH_MOST];
    int n = batch_match(counter, scan, lower, missing);
    enum status status = STATUS_OK;
    for (int i = 0; i < n && status == STATUS_OK; i++)
        status = token_count(counter, &scan->tokens[missing[i]], lower, err);
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

/* Collects the tokens that end at these separators of the chunk. */
static inline void scan_tokens(struct corpus_counter *counter, struct scan *scan, uint64_t spaces, bool lower) {
    const struct word_table *table = &counter->table;
    struct word_seed seed = table->seed;
    const char *begin = scan->begin, *chunk = scan->chunk;
    struct token *token = &scan->tokens[scan->n];
    uint32_t fill = counter->fill;
    for (; spaces != 0; spaces &= spaces - 1) {
        const char *text = begin, *end = chunk + (unsigned)__builtin_ctzll(spaces);
        uint64_t length = (uint64_t)(end - text);
        begin = end + 1;
        if (length == 0)
            continue;
        token->text = text;
        token->length = (uint32_t)length;
        token->at = fill++;
        token->key = token_key(text, length, seed, lower);
        __builtin_prefetch(word_table_front(table, token->key.hash), 1);
        token++;
    }
    scan->begin = begin;
    scan->n = (int)(token - scan->tokens);
    counter->fill = fill;
}

/* The line that ends at newline. *stop: the next one is a list, or there is none. */
static enum status scan_line(struct corpus_counter *counter, struct scan *scan, const char *newline, bool *stop,
                             struct error *err) {
    counter->line_full |= tokens_emitted(counter) > scan->emitted;
    enum status status = corpus_line_end(counter, newline, err);
    *stop = newline + 1 == counter->end;
    if (status != STATUS_OK || *stop)
        return status;
    status = corpus_line_begin(counter, newline + 1, err);
    scan->emitted = tokens_emitted(counter);
    *stop = counter->line_list;
    return status;
}

/* Ends a batch. *stop: the next one might not fit into the table. */
static inline enum status scan_batch(struct corpus_counter *counter, struct scan *scan, bool lower, bool *stop,
                                     struct error *err) {
    enum status status = batch_count(counter, scan, lower, err);
    if (status == STATUS_OK && CORPUS_BUFFER - counter->fill < 2 * CHUNK)
        status = corpus_counter_flush(counter, err);
    *stop = !word_table_has_room(&counter->table, BATCH_MOST, (uint64_t)BATCH_MOST * BATCH_WORD * 3);
    return status;
}

/* A token that began before the chunk and is too long for a batch. */
static enum status scan_long(struct corpus_counter *counter, struct scan *scan, const char *end, bool lower, bool *stop,
                             struct error *err) {
    const char *token;
    size_t length = (size_t)(end - scan->begin);
    enum status status = scan_batch(counter, scan, lower, stop, err);
    if (status == STATUS_OK)
        status = tokenizer_lower(&counter->tokenizer, scan->begin, length, &token, &length, err);
    if (status == STATUS_OK)
        status = corpus_counter_visit(counter, scan->begin, token, length, err);
    if (status != STATUS_OK)
        return status;
    scan->begin = end;
    return scan_batch(counter, scan, lower, stop, err);
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
        status = scan_long(counter, scan, chunk + __builtin_ctzll(spaces), lower, stop, err);
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
            status = scan_batch(counter, scan, lower, stop, err);
        if (status == STATUS_OK && !*stop)
            status = scan_chunk(counter, scan, lower, stop, err);
    }
    return status;
}

static inline enum status scan_range(struct corpus_counter *counter, struct scan *scan, bool lower, struct error *err) {
    bool stop;
    enum status status = scan_batch(counter, scan, lower, &stop, err);
    while (scan->chunk < counter->end && status == STATUS_OK && !stop) {
        status = scan_block(counter, scan, lower, &stop, err);
        corpus_counter_reached(counter, scan->begin);
        if (status == STATUS_OK)
            status = crew_check(counter->crew, err);
    }
    if (status == STATUS_OK)
        status = batch_count(counter, scan, lower, err);
    return status;
}

enum status corpus_scan(struct corpus_counter *counter, const char **at, struct error *err) {
    struct scan scan;
    scan.chunk = scan.begin = *at;
    scan.emitted = tokens_emitted(counter);
    scan.n = 0;
    enum status status =
        counter->tokenizer.lowercase ? scan_range(counter, &scan, true, err) : scan_range(counter, &scan, false, err);
    counter->line_full |= tokens_emitted(counter) > scan.emitted;
    *at = scan.begin;
    return status;
}
