/* What one thread collects of its range of the text: words in a table of its own, and their numbers
 * in the order of the text in a spill buffer. It does not know how the text is read: corpus_range.h
 * (token by token) and corpus_scan.h (the fast path) put words, lines and sentence ends into it.
 * Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_COUNTER_H
#define VECMILL_CORPUS_CORPUS_COUNTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "corpus/corpus_pool.h"
#include "corpus/corpus_scan.h"
#include "corpus/corpus_spill.h"
#include "corpus/corpus_table.h"
#include "corpus/tokenizer.h"

#define CORPUS_LIST \
    '\x1f' /* begins a list line of the `tokens` format and ends each of its tokens */
#define CORPUS_POLL_BYTES 262144 /* of text between two polls of the pool */

/* How the text is cut into lines and sentences. */
struct corpus_layout {
    bool lists;      /* lines that begin with CORPUS_LIST are lists of tokens */
    bool paragraphs; /* sentences end at empty lines, not at every line break */
};

/* Pruning numbers the words anew: the spill buffer then holds the numbers of one generation, the
 * map that turns them into numbers of the next (WORD_NONE: forgotten), and goes on with the next
 * generation. */
struct generation {
    uint64_t ids_at, ids; /* where in the spill buffer, how many */
    uint64_t map_at;      /* of all but the last */
    uint32_t map_size;
};

struct corpus_counter {
    const struct corpus_pool *pool;
    const char *text, *text_end; /* the whole text */
    /* the range: begins and ends between tokens, not always between lines */
    const char *begin, *end;
    struct corpus_layout layout;
    /* words stand between white space: the scanner can read them */
    bool spaced;
    const struct corpus_scanner *scanner; /* of the fast path */
    atomic_ullong done;                   /* bytes of the range behind us; others may read it */

    struct word_table table;
    struct tokenizer tokenizer;
    struct word_loss loss;        /* of all prunings */
    uint64_t words, invalid_utf8; /* of the words that are left, once all is read */

    struct corpus_spill spill;
    /* [CORPUS_BUFFER] numbers, and WORD_NONE where a sentence may end: the next entries of the
     * spill buffer */
    uint32_t *buffer;
    uint32_t fill;
    struct generation *generations;
    uint32_t n_generations;

    /* where the current line begins; the range, when the line began before it */
    const char *line;
    bool line_full;        /* it holds more than white space, or a list with a token, so far */
    bool line_list;        /* it is a list of tokens */
    bool marked;           /* a sentence end was written */
    bool open, first_open; /* words since the last sentence end; before the first one */
    uint64_t emitted, emitted_at_mark;
    uint64_t lines, empty_lines;
    uint64_t first_line;     /* bytes in the range of the first line that ends there */
    bool first_return;       /* the last of them is a carriage return, which does not count */
    uint64_t longest_line;   /* of the others */
    uint64_t sentences;      /* that begin and end in the range */
    uint32_t visits;         /* words that were read token by token */
    size_t generations_room; /* of `generations` */
};

/* Bytes of memory for one thread. */
struct corpus_budget {
    uint64_t table;   /* beyond it rare words are forgotten */
    uint64_t numbers; /* beyond it they go to the scratch file */
};

/* path: of the scratch file of the spill buffer; NULL: only count, with a budget that never prunes.
 * seed: of the hash. Clear also after a failure. */
enum status corpus_counter_init(struct corpus_counter *counter, const struct settings *settings,
                                const char *path, const struct corpus_budget *budget, uint64_t seed,
                                struct error *err) MUST_CHECK;
void corpus_counter_clear(struct corpus_counter *counter);

/* For whoever reads the text. Every call is made with `at` at the first byte that was not read,
 * between tokens. Errors: NO_MEMORY, DISK_FULL, REFUSED (too many different words), and what
 * corpus_pool_poll says. */

/* One more copy of a word that begins at `at`; *number is what stands for it in the buffer. The
 * buffer must hold nothing but the numbers of words before it when the table has no room: pruning
 * numbers anew. */
enum status corpus_counter_count(struct corpus_counter *counter, const char *at, const char *token,
                                 size_t length, const struct word_key *key, uint32_t *number,
                                 struct error *err) MUST_CHECK;
/* The same from the word's text, its number put into the buffer; a token_visit. */
enum status corpus_counter_visit(void *context, const char *at, const char *token, size_t length,
                                 struct error *err) MUST_CHECK;
/* Puts the buffer into the spill buffer and begins a new one. */
enum status corpus_counter_flush(struct corpus_counter *counter, struct error *err) MUST_CHECK;
enum status corpus_line_begin(struct corpus_counter *counter, const char *line,
                              struct error *err) MUST_CHECK;
/* end: its line break, or the end of the text. */
enum status corpus_line_end(struct corpus_counter *counter, const char *end,
                            struct error *err) MUST_CHECK;
static inline void corpus_counter_reached(struct corpus_counter *counter, const char *at) {
    atomic_store_explicit(&counter->done, (unsigned long long)(at - counter->begin),
                          memory_order_relaxed);
}
/* All of the range is read: flushes, and sums what the table holds. */
enum status corpus_counter_finish(struct corpus_counter *counter, struct error *err) MUST_CHECK;

#endif
