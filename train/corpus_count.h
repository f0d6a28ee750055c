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
    atomic_ullong done; /* bytes of the range behind us; others may read it */

    struct word_table table;
    struct tokenizer tokenizer;
    struct word_loss loss; /* of all prunings */

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
/* First place from `at` on where the text may be cut without a change to its tokens. */
const char *corpus_cut(const char *text, const char *end, const char *at, bool lists);

#endif
