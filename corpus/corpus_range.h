/* Counting one range of the text: lines, lists, sentences, and which path reads the words. White
 * space text goes through the fast path (corpus_scan.h) as far as that goes; lists, words by the
 * Unicode rules, and the last bytes of the text are read token by token. Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_RANGE_H
#define VECMILL_CORPUS_CORPUS_RANGE_H

#include "corpus/corpus_counter.h"

/* What the settings `format` and `sentence` say. INTERNAL: ndjson, which whoever took the corpus in
 * should have turned into the format tokens. */
enum status corpus_layout_init(struct corpus_layout *layout, const struct settings *settings,
                               struct error *err) MUST_CHECK;
/* First place from `at` on where the text may be cut without a change to its tokens; end if there
 * is none. lists: the text may hold list lines. */
const char *corpus_range_cut(const char *text, const char *end, const char *at, bool lists);
/* Whether the line that `at` stands in begins as a list. There is a byte at `at`. */
bool corpus_line_is_list(const char *text, const char *at);
/* Reads the range of the counter, which its maker has set, as are the scanner and the pool. */
enum status corpus_range_count(struct corpus_counter *counter, struct error *err) MUST_CHECK;

#endif
