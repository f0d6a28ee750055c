/* The fast path over text whose words stand between white space: separators of 64 bytes at a time
 * as bits, those that are not ASCII only where bytes above 127 stand, words found among the hot
 * ones at once, and the others, one of eight, in a queue whose slots and records are fetched ahead.
 * Compiled once per instruction set (corpus_scan.h). */
#ifndef VECMILL_CORPUS_SCAN_BODY_H
#define VECMILL_CORPUS_SCAN_BODY_H

#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "base/utf8.h"
#include "corpus/corpus_counter.h"
#include "corpus/corpus_scan.h"
#include "corpus/token_bytes.h"

#define CHUNK 64 /* bytes whose separators are found together */
#define OVER 16  /* bytes behind a chunk that are loaded too */
#define ENDS 16  /* separators of a chunk that are noted without asking how many there are */
#define BATCH 96 /* separators whose tokens are looked up together */
#define BATCH_MAX (BATCH + CHUNK)
#define QUEUE (3 * BATCH_MAX)
#define TOKEN_MAX \
    64 /* bytes of the longest token of a batch; folding makes at most three times as many */

struct token {
    uint64_t head, rest; /* of its key: of its first 16 bytes */
    const char *text;
    uint32_t length; /* at most TOKEN_MAX */
    uint32_t hot;    /* its only place among the hot words */
};
_Static_assert(offsetof(struct token, rest) == offsetof(struct hot_word, rest) &&
                   sizeof(struct token) == 32 &&
                   offsetof(struct token, length) == offsetof(struct hot_word, length) &&
                   sizeof(struct hot_word) == 32,
               "what is compared stands at the same places");

/* A token that is no hot word. */
struct missing {
    struct token token;
    uint64_t hash;   /* of its key */
    uint32_t at;     /* its place in the buffer */
    uint32_t number; /* of the word that it may be, or WORD_NONE */
};

struct scan {
    const char *chunk; /* first byte that was not read */
    const char *open;  /* begin of the token under way, or chunk */
    const char *begin; /* behind the last token that was looked up */
    uint64_t emitted;  /* when the line began */
    int n_ends, n_breaks;
    const char *ends[BATCH_MAX + ENDS]; /* separators behind `begin` */
    int breaks[BATCH_MAX];              /* how many of them stand in the lines up to this one */
    bool stop;                          /* the next line is a list, or there is none */
    uint64_t carry; /* bytes of the next chunk that end a separator of the last one */
    /* Tokens that are no hot words, in the order of the text, which new words are numbered by: the
     * records of the first `records` are fetched, the slots of the first `slots`. */
    int records, slots;
    struct missing queue[QUEUE];
};

/* The lowest bits of eight bytes, which the product gathers in its top byte. */
static inline uint64_t low_bits(uint64_t bytes) {
    return (bytes & BYTES_ALL(1)) * 0x0102040810204080u >> 56;
}

/* Bit i of *spaces: text[i] is ASCII white space; of *breaks: it is a line break. Returns whether
 * there are bytes that are not ASCII. */
#if defined(__AVX512VBMI2__)
static inline bool chunk_separators(const char *text, uint64_t *spaces, uint64_t *breaks) {
    __m512i bytes = _mm512_loadu_si512(text),
            from_tab = _mm512_sub_epi8(bytes, _mm512_set1_epi8('\t'));
    *breaks = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n'));
    *spaces = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' ')) |
              _mm512_cmplt_epu8_mask(from_tab, _mm512_set1_epi8('\r' - '\t' + 1));
    return _mm512_movepi8_mask(bytes) != 0;
}
#elif defined(__SSE2__)
static inline bool chunk_separators(const char *text, uint64_t *spaces, uint64_t *breaks) {
    __m128i any = _mm_setzero_si128();
    *spaces = *breaks = 0;
    for (int i = 0; i < CHUNK; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        /* '\t' to '\r' are the signed bytes above 122 once 114 is added, which carries no other
         * byte there */
        __m128i space = _mm_or_si128(
            _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')),
            _mm_cmpgt_epi8(_mm_add_epi8(bytes, _mm_set1_epi8(114)), _mm_set1_epi8(122)));
        any = _mm_or_si128(any, bytes);
        *spaces |= (uint64_t)(unsigned)_mm_movemask_epi8(space) << i;
        *breaks |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')))
                   << i;
    }
    return _mm_movemask_epi8(any) != 0;
}
#else
static inline bool chunk_separators(const char *text, uint64_t *spaces, uint64_t *breaks) {
    unsigned char kinds[CHUNK], any = 0, high = 0;
    for (size_t i = 0; i < CHUNK; i++) { /* compilers make vectors of this */
        kinds[i] = (unsigned char)((text[i] == ' ') | ((unsigned char)(text[i] - '\t') < 5) |
                                   (text[i] == '\n') << 1);
        any |= kinds[i];
        high |= (unsigned char)text[i];
    }
    *spaces = *breaks = 0;
    for (size_t i = 0; i < CHUNK; i += 8) {
        uint64_t kind = word_load((const char *)kinds + i);
        *spaces |= low_bits(kind) << i;
        if ((any & 2) != 0)
            *breaks |= low_bits(kind >> 1) << i;
    }
    return (high & 0x80) != 0;
}
#endif

/* The places in the chunk where a separator that is not ASCII may begin: two of its bytes say so.
 * Alphabets of two bytes a letter are done with after the first loop. */
static inline uint64_t chunk_wide(const char *text) {
    const unsigned char *bytes = (const unsigned char *)text;
    unsigned char kinds[CHUNK], any = 0;
    for (size_t i = 0; i < CHUNK; i++) /* compilers make vectors of this, and of the next */
        any |= (unsigned char)((bytes[i] == 0xc2) | (bytes[i] >= 0xe1));
    if (any == 0)
        return 0;
    any = 0;
    for (size_t i = 0; i < CHUNK; i++) {
        unsigned char a = bytes[i], b = bytes[i + 1];
        kinds[i] = (unsigned char)(((a == 0xc2) & ((b == 0x85) | (b == 0xa0))) |
                                   ((a == 0xe1) & (b == 0x9a)) | ((a == 0xe2) & (b <= 0x81)) |
                                   ((a == 0xe3) & (b == 0x80)) | ((a == 0xef) & (b == 0xbb)));
        any |= kinds[i];
    }
    uint64_t wide = 0;
    for (size_t i = 0; i < CHUNK && any != 0; i += 8)
        wide |= low_bits(word_load((const char *)kinds + i)) << i;
    return wide;
}

/* Bytes of separators that are not ASCII: every byte of one is a separator, since none stands
 * between two bytes of them. One that begins in the chunk may end in the next. */
static inline uint64_t scan_wide(struct scan *scan, const char *text_end) {
    uint64_t spaces = scan->carry;
    scan->carry = 0;
    for (uint64_t wide = chunk_wide(scan->chunk); wide != 0; wide &= wide - 1) {
        unsigned at = (unsigned)__builtin_ctzll(wide);
        size_t n = utf8_separator(scan->chunk + at, text_end);
        uint64_t bits = ((uint64_t)1 << n) - 1;
        spaces |= bits << at;
        if (at + n > CHUNK)
            scan->carry = bits >> (CHUNK - at);
    }
    return spaces;
}

static inline int bits_count(uint64_t bits) {
#ifdef __POPCNT__
    return __builtin_popcountll(bits);
#else /* it would call a function */
    bits -= bits >> 1 & BYTES_ALL(0x55);
    bits = (bits & BYTES_ALL(0x33)) + (bits >> 2 & BYTES_ALL(0x33));
    return (int)(((bits + (bits >> 4)) & BYTES_ALL(0x0f)) * BYTES_ALL(1) >> 56);
#endif
}

/* Notes where tokens of the chunk end. How many there are differs from chunk to chunk, and a loop
 * of so many turns would be predicted wrong each time: ENDS at once. */
#if defined(__AVX512VBMI2__)
static inline void scan_ends(struct scan *scan, uint64_t spaces) {
    const char *chunk = scan->chunk, **ends = &scan->ends[scan->n_ends];
    __m512i all = _mm512_set_epi64(0x3f3e3d3c3b3a3938, 0x3736353433323130, 0x2f2e2d2c2b2a2928,
                                   0x2726252423222120, 0x1f1e1d1c1b1a1918, 0x1716151413121110,
                                   0x0f0e0d0c0b0a0908, 0x0706050403020100);
    __m512i places = _mm512_maskz_compress_epi8(spaces, all),
            base = _mm512_set1_epi64((long long)(uintptr_t)chunk);
    __m128i first = _mm512_castsi512_si128(places);
    int n = bits_count(spaces);
    scan->n_ends += n;
    _mm512_storeu_si512(ends, _mm512_add_epi64(base, _mm512_cvtepu8_epi64(first)));
    _mm512_storeu_si512(ends + 8,
                        _mm512_add_epi64(base, _mm512_cvtepu8_epi64(_mm_srli_si128(first, 8))));
    if (n > ENDS) {
        unsigned char more[CHUNK];
        _mm512_storeu_si512(more, places);
        for (int i = ENDS; i < n; i++)
            ends[i] = chunk + more[i];
    }
}
#else
static inline void scan_ends(struct scan *scan, uint64_t spaces) {
    const char *chunk = scan->chunk, **ends = &scan->ends[scan->n_ends];
    int n = bits_count(spaces);
    scan->n_ends += n;
    for (int i = 0; i < ENDS; i++, spaces &= spaces - 1)
        ends[i] = chunk + (unsigned)__builtin_ctzll(spaces | (uint64_t)1 << (CHUNK - 1));
    for (int i = ENDS; i < n; i++, spaces &= spaces - 1)
        ends[i] = chunk + (unsigned)__builtin_ctzll(spaces);
}
#endif

static uint64_t tokens_emitted(const struct corpus_counter *counter) {
    return counter->emitted + counter->fill;
}

/* The token is too long for a hot word, or one that folding may change. */
static inline bool token_slow(const struct token *token, bool lower) {
    return token->length > WORD_SHORT || (lower && ((token->head | token->rest) & BYTES_HIGH) != 0);
}

/* Sets head and rest of the token, without a branch; of one longer than WORD_SHORT what no hot word
 * has. Returns their hash. */
#if defined(__AVX512VBMI2__)
static inline uint64_t token_key(struct token *token, const char *text, uint64_t length,
                                 struct word_seed seed, bool lower) {
    __m128i bytes = _mm_maskz_loadu_epi8((__mmask16)_bzhi_u32(0xffff, (unsigned)length), text);
    if (lower) {
        __m128i from_a = _mm_sub_epi8(bytes, _mm_set1_epi8('A'));
        __mmask16 letters = _mm_cmplt_epu8_mask(from_a, _mm_set1_epi8('Z' - 'A' + 1));
        bytes = _mm_mask_add_epi8(bytes, letters, bytes, _mm_set1_epi8('a' - 'A'));
    }
    _mm_storeu_si128((__m128i *)(void *)token, bytes);
    __m128i products =
        _mm_mullo_epi64(bytes, _mm_set_epi64x((long long)seed.rest, (long long)seed.head));
    return (uint64_t)_mm_cvtsi128_si64(
        _mm_add_epi64(products, _mm_unpackhi_epi64(products, products)));
}
#else
static inline uint64_t token_key(struct token *token, const char *text, uint64_t length,
                                 struct word_seed seed, bool lower) {
    static const struct {
        uint64_t head, rest;
    } inside[WORD_SHORT + 1] = {/* the bytes of a word of so many */
                                {0, 0},
                                {0xff, 0},
                                {0xffff, 0},
                                {0xffffff, 0},
                                {0xffffffff, 0},
                                {0xffffffffff, 0},
                                {0xffffffffffff, 0},
                                {0xffffffffffffff, 0},
                                {UINT64_MAX, 0},
                                {UINT64_MAX, 0xff},
                                {UINT64_MAX, 0xffff},
                                {UINT64_MAX, 0xffffff},
                                {UINT64_MAX, 0xffffffff},
                                {UINT64_MAX, 0xffffffffff},
                                {UINT64_MAX, 0xffffffffffff},
                                {UINT64_MAX, 0xffffffffffffff},
                                {UINT64_MAX, UINT64_MAX}};
    uint64_t within = length < WORD_SHORT ? length : WORD_SHORT;
    uint64_t head = word_load(text) & inside[within].head,
             rest = word_load(text + 8) & inside[within].rest;
    if (lower) {
        head = bytes_lower(head);
        rest = bytes_lower(rest);
    }
    token->head = head;
    token->rest = rest;
    return word_hash(seed, head, rest);
}
#endif

/* The line that ends at newline. */
static enum status scan_line(struct corpus_counter *counter, struct scan *scan, const char *newline,
                             struct error *err) {
    counter->line_full |= tokens_emitted(counter) > scan->emitted;
    enum status status = corpus_line_end(counter, newline, err);
    scan->stop = newline + 1 == counter->end;
    if (status != STATUS_OK || scan->stop)
        return status;
    status = corpus_line_begin(counter, newline + 1, err);
    scan->emitted = tokens_emitted(counter);
    scan->stop = counter->line_list;
    return status;
}

/* Makes a token of the text up to an end, at its place in the batch; none of an end right behind
 * another. */
static inline int token_make(const struct word_table *table, const char *text, const char *end,
                             bool lower, struct token *token) {
    uint64_t length = (uint64_t)(end - text);
    uint64_t hot = token_key(token, text, length, table->seed, lower) >> (64 - WORD_HOT_BITS);
    token->text = text;
    token->length = (uint32_t)length;
    token->hot = (uint32_t)hot;
    __builtin_prefetch(&table->hot[hot], 1);
    return length != 0;
}

/* Makes tokens of the ends, and of sentence ends, which the line ends have put into the buffer
 * already: they look up the place behind the last hot word. One number in the buffer for each
 * token. */
static inline enum status scan_tokens(struct corpus_counter *counter, struct scan *scan, bool lower,
                                      struct token *tokens, int *n, struct error *err) {
    static const struct token sentence_end = {.hot = WORD_HOT_SIZE};
    const struct word_table *table = &counter->table;
    const char *text = scan->begin;
    uint32_t at = counter->fill;
    int made = 0;
    enum status status = STATUS_OK;
    for (int i = 0, line = 0; status == STATUS_OK && !scan->stop; line++) {
        int until = line < scan->n_breaks ? scan->breaks[line] : scan->n_ends;
        for (; i < until; i++) {
            made += token_make(table, text, scan->ends[i], lower, &tokens[made]);
            text = scan->ends[i] + 1;
        }
        counter->fill = at + (uint32_t)made;
        if (line == scan->n_breaks)
            break;
        status = scan_line(counter, scan, text - 1, err);
        if (counter->fill - at > (uint32_t)made)
            tokens[made++] = sentence_end;
    }
    scan->begin = text;
    scan->n_ends = scan->n_breaks = 0;
    *n = made;
    return status;
}

/* Whether the word there is the token: the same bytes. */
static inline bool hot_is(const struct hot_word *hot, const struct token *token) {
#if defined(__AVX512VBMI2__)
    const __mmask8 compared = 0x4f; /* 32 bits each: head and rest, length */
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)hot);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)token);
    return _mm256_mask_cmpeq_epi32_mask(compared, a, b) == compared;
#else
    return ((hot->head ^ token->head) | (hot->rest ^ token->rest) |
            (hot->length ^ token->length)) == 0;
#endif
}

/* Counts the tokens whose words are hot. missing: the others, one of eight. Without a
 * branch. */
static inline int tokens_match(const struct word_table *table, const struct token *tokens, int n,
                               bool lower, uint32_t *numbers, uint16_t *missing) {
    int n_missing = 0;
    for (int i = 0; i < n; i++) {
        const struct token *token = &tokens[i];
        struct hot_word *hot = &table->hot[token->hot];
        bool found = hot_is(hot, token);
        if (lower)
            found &= !token_slow(token, true);
        hot->count += found;
        numbers[i] = hot->number - 1;
        missing[n_missing] = (uint16_t)i;
        n_missing += !found;
    }
    return n_missing;
}

static inline enum status missing_count(struct corpus_counter *counter,
                                        const struct missing *missing, bool lower,
                                        struct error *err) {
    struct word_table *table = &counter->table;
    const struct token *token = &missing->token;
    uint32_t *number = &counter->buffer[missing->at];
    struct word_key key = {token->head, token->rest, missing->hash};
    const char *word = token->text;
    size_t length = token->length;
    if (token_slow(token, lower)) {
        enum status status =
            tokenizer_lower(&counter->tokenizer, token->text, length, &word, &length, err);
        if (status != STATUS_OK)
            return status;
        key = word_key(word, length, table->seed);
    } else if (missing->number != WORD_NONE &&
               word_is(table, missing->number, word, length, &key)) {
        *number = missing->number;
        word_table_count(table, *number, key.hash);
        return STATUS_OK;
    }
    return corpus_counter_count(counter, token->text, word, length, &key, number, err);
}

/* Counts the first n tokens of the queue. */
static inline enum status queue_count(struct corpus_counter *counter, struct scan *scan, int n,
                                      bool lower, struct error *err) {
    enum status status = STATUS_OK;
    for (int i = 0; i < n && status == STATUS_OK; i++)
        status = missing_count(counter, &scan->queue[i], lower, err);
    return status;
}

/* Looks up what was noted among the hot words; the rest goes through the queue, whose memory
 * is on its way: slots are asked for in this batch, records in the next one, words counted in the
 * one behind. */
static inline enum status scan_lookup(struct corpus_counter *counter, struct scan *scan, bool lower,
                                      struct error *err) {
    const struct word_table *table = &counter->table;
    struct token tokens[2 * BATCH_MAX + 1]; /* each end is one's, and perhaps a line's */
    uint16_t missing[2 * BATCH_MAX + 1];
    uint32_t at = counter->fill;
    int counted = scan->records, n;
    enum status status = scan_tokens(counter, scan, lower, tokens, &n, err);
    n = tokens_match(table, tokens, n, lower, counter->buffer + at, missing);
    if (status == STATUS_OK)
        status = queue_count(counter, scan, counted, lower, err);
    scan->records = scan->slots - counted;
    memmove(scan->queue, scan->queue + counted, (size_t)scan->records * sizeof *scan->queue);
    for (int i = 0; i < scan->records; i++)
        scan->queue[i].number = word_table_guess(table, scan->queue[i].hash);
    scan->slots = scan->records + n;
    for (int i = 0; i < n; i++) {
        const struct token *token = &tokens[missing[i]];
        uint64_t hash = word_hash(table->seed, token->head, token->rest);
        scan->queue[scan->records + i] = (struct missing){*token, hash, at + missing[i], WORD_NONE};
        word_table_prefetch_slot(table, hash);
    }
    return status;
}

/* Looks up all that was noted or waits. */
static inline enum status scan_drain(struct corpus_counter *counter, struct scan *scan, bool lower,
                                     struct error *err) {
    enum status status = scan_lookup(counter, scan, lower, err);
    if (status == STATUS_OK)
        status = queue_count(counter, scan, scan->slots, lower, err);
    scan->records = scan->slots = 0;
    return status;
}

/* More numbers might come of what was noted, and of one more chunk with its sentence ends, than the
 * buffer holds. */
static inline bool scan_full(const struct corpus_counter *counter, const struct scan *scan) {
    return CORPUS_BUFFER - counter->fill < 2 * ((uint32_t)scan->n_ends + CHUNK);
}

/* Ends a batch. *stop: the next one might not fit into the table. */
static inline enum status scan_batch(struct corpus_counter *counter, struct scan *scan, bool lower,
                                     bool *stop, struct error *err) {
    enum status status = scan_lookup(counter, scan, lower, err);
    if (status == STATUS_OK && scan_full(counter, scan)) {
        status = scan_drain(counter, scan, lower, err);
        if (status == STATUS_OK)
            status = corpus_counter_flush(counter, err);
    }
    *stop =
        scan->stop || !word_table_has_room(&counter->table, QUEUE, (uint64_t)QUEUE * TOKEN_MAX * 3);
    return status;
}

/* A token that began before the chunk and is too long for a batch. */
static enum status scan_long(struct corpus_counter *counter, struct scan *scan, const char *end,
                             bool lower, bool *stop, struct error *err) {
    const char *token, *begin = scan->open;
    size_t length = (size_t)(end - begin);
    enum status status = scan_drain(counter, scan, lower, err);
    *stop = scan->stop; /* it stands in a list */
    if (status != STATUS_OK || *stop)
        return status;
    status = tokenizer_lower(&counter->tokenizer, begin, length, &token, &length, err);
    if (status == STATUS_OK)
        status = corpus_counter_visit(counter, begin, token, length, err);
    if (status != STATUS_OK)
        return status;
    scan->begin = end;
    return scan_batch(counter, scan, lower, stop, err);
}

static inline enum status scan_chunk(struct corpus_counter *counter, struct scan *scan, bool lower,
                                     bool *stop, struct error *err) {
    const char *chunk = scan->chunk;
    enum status status = STATUS_OK;
    uint64_t spaces, breaks;
    if (chunk_separators(chunk, &spaces, &breaks))
        spaces |= scan_wide(scan, counter->text_end);
    if (counter->end - chunk < CHUNK) {
        uint64_t inside = ((uint64_t)1 << (counter->end - chunk)) - 1;
        spaces &= inside;
        breaks &= inside;
    }
    if (spaces == 0)
        return STATUS_OK;
    if (chunk - scan->open > TOKEN_MAX - CHUNK &&
        chunk + __builtin_ctzll(spaces) - scan->open > TOKEN_MAX)
        status = scan_long(counter, scan, chunk + __builtin_ctzll(spaces), lower, stop, err);
    scan->open = chunk + (CHUNK - __builtin_clzll(spaces));
    if (status != STATUS_OK || *stop)
        return status;
    for (; breaks != 0; breaks &= breaks - 1)
        scan->breaks[scan->n_breaks++] =
            scan->n_ends + bits_count(spaces & (breaks ^ (breaks - 1)));
    scan_ends(scan, spaces);
    return STATUS_OK;
}

static inline enum status scan_block(struct corpus_counter *counter, struct scan *scan, bool lower,
                                     bool *stop, struct error *err) {
    const char *pause = counter->end - scan->chunk > CORPUS_POLL_BYTES
                            ? scan->chunk + CORPUS_POLL_BYTES
                            : counter->end;
    enum status status = STATUS_OK;
    for (; scan->chunk < pause && status == STATUS_OK && !*stop; scan->chunk += CHUNK) {
        *stop = counter->text_end - scan->chunk < CHUNK + OVER;
        if (!*stop && (scan->n_ends >= BATCH || scan_full(counter, scan)))
            status = scan_batch(counter, scan, lower, stop, err);
        if (status == STATUS_OK && !*stop)
            status = scan_chunk(counter, scan, lower, stop, err);
    }
    return status;
}

static inline enum status scan_range(struct corpus_counter *counter, struct scan *scan, bool lower,
                                     struct error *err) {
    bool stop;
    enum status status = scan_batch(counter, scan, lower, &stop, err);
    while (scan->chunk < counter->end && status == STATUS_OK && !stop) {
        status = scan_block(counter, scan, lower, &stop, err);
        corpus_counter_reached(counter, scan->begin);
        if (status == STATUS_OK)
            status = corpus_pool_poll(counter->pool, err);
    }
    if (status == STATUS_OK)
        status = scan_drain(counter, scan, lower, err);
    return status;
}

/* The scan ended behind a byte of a separator, perhaps not its last. */
static const char *separator_end(const char *at, const struct corpus_counter *counter) {
    for (int back = 1; back <= 2 && at - counter->begin >= back; back++) {
        size_t n = utf8_separator(at - back, counter->text_end);
        if (n > (size_t)back)
            return at - back + n;
    }
    return at;
}

static enum status scan_text(struct corpus_counter *counter, const char **at, struct error *err) {
    struct scan scan;
    scan.chunk = scan.open = scan.begin = *at;
    scan.emitted = tokens_emitted(counter);
    scan.carry = 0;
    scan.records = scan.slots = scan.n_ends = scan.n_breaks = 0;
    scan.stop = false;
    enum status status = counter->tokenizer.lowercase ? scan_range(counter, &scan, true, err)
                                                      : scan_range(counter, &scan, false, err);
    counter->line_full |= tokens_emitted(counter) > scan.emitted;
    *at = separator_end(scan.begin, counter);
    return status;
}

#endif
