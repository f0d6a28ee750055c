/* Counting one byte range of the text on one thread: words into a table of the thread's own, their numbers in text
 * order into a scratch file. Private to train/. */
#ifndef VECMILL_TRAIN_CORPUS_COUNT_H
#define VECMILL_TRAIN_CORPUS_COUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "train/corpus_crew.h"
#include "train/corpus_table.h"
#include "train/token.h"

#define CORPUS_BUFFER 65536u /* numbers held in memory before they are written */
#define CORPUS_LIST '\x1f'   /* begins a list line of the `tokens` format and ends each of its tokens */

/* Pruning numbers the words anew: the scratch file then holds the numbers of one generation, the map that turns them
 * into numbers of the next (WORD_NONE: forgotten), and goes on with the next generation. */
struct generation {
    uint64_t ids_at, ids; /* where in the file, how many */
    uint64_t map_at;      /* of all but the last */
    uint32_t map_size;
};

struct corpus_counter {
    const struct crew *crew;
    const char *text, *text_end; /* the whole text */
    const char *begin, *end;     /* the range: begins and ends between tokens, not always between lines */
    bool lists, paragraphs;
    bool spaced;        /* words stand between white space: corpus_scan can read them */
    atomic_ullong done; /* bytes of the range behind us; others may read it */

    struct word_table table;
    struct tokenizer tokenizer;
    struct word_loss loss;        /* of all prunings */
    uint64_t words, invalid_utf8; /* of the words that are left, once all is read */

    uint32_t *buffer; /* [CORPUS_BUFFER] numbers, and CORPUS_SENTENCE_END where a sentence may end */
    uint32_t fill;
    int file; /* scratch, or -1 */
    uint64_t file_length;
    struct generation *generations;
    uint32_t n_generations;

    const char *line;      /* where the current line begins, perhaps before the range */
    bool line_full;        /* it holds more than white space, or a list with a token, so far */
    bool line_list;        /* it is a list of tokens */
    bool marked;           /* a sentence end was written */
    bool open, first_open; /* words since the last sentence end; before the first one */
    uint64_t emitted, emitted_at_mark;
    uint64_t lines, empty_lines, longest_line;
    uint64_t sentences; /* that begin and end in the range */
    uint32_t visits;
};

/* path: of the scratch file, which loses its name at once, so that no crash leaves it behind;
 * NULL: only count, with a budget that never prunes. Clear also after a failure. */
enum status corpus_counter_init(struct corpus_counter *counter, const struct settings *settings, const char *path,
                                uint64_t budget, uint64_t seed, struct error *err) MUST_CHECK;
void corpus_counter_clear(struct corpus_counter *counter);
/* The text, its part and the crew are set. */
enum status corpus_counter_run(struct corpus_counter *counter, struct error *err) MUST_CHECK;

/* Between the two ways of reading, corpus_count.c and corpus_scan.c. Every call is made with *at or `at` at the first
 * byte that was not read, between tokens. */

/* Reads as far as the fast road goes: to the end of the range, a list line, the last bytes of the text, or where the
 * table is so near its budget that words must be taken one by one. *at moves on; it may not move at all. */
enum status corpus_scan(struct corpus_counter *counter, const char **at, struct error *err) MUST_CHECK;
/* One more copy of a word that begins at `at`; *number is what stands for it in the buffer. The buffer must hold
 * nothing but the numbers of words before it when the table has no room: pruning numbers anew. */
enum status corpus_counter_count(struct corpus_counter *counter, const char *at, const char *token, size_t length,
                                 const struct word_key *key, uint32_t *number, struct error *err) MUST_CHECK;
/* The same from the word's text, its number put into the buffer; a token_visit. */
enum status corpus_counter_visit(void *context, const char *at, const char *token, size_t length,
                                 struct error *err) MUST_CHECK;
enum status corpus_counter_flush(struct corpus_counter *counter, struct error *err) MUST_CHECK;
enum status corpus_line_begin(struct corpus_counter *counter, const char *line, struct error *err) MUST_CHECK;
enum status corpus_line_end(struct corpus_counter *counter, const char *end, struct error *err) MUST_CHECK;
static inline void corpus_counter_reached(struct corpus_counter *counter, const char *at) {
    atomic_store_explicit(&counter->done, (unsigned long long)(at - counter->begin), memory_order_relaxed);
}

/* First place from `at` on where the text may be cut without a change to its tokens. */
const char *corpus_cut(const char *text, const char *end, const char *at, bool lists);

#endif
