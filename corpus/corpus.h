/* Reading a corpus once: parallel tokenise, count and number; afterwards training only sees ids.
 */
#ifndef VECMILL_CORPUS_CORPUS_H
#define VECMILL_CORPUS_CORPUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "config/config.h"
#include "embedding/embedding.h"

/* What reading a corpus found: nothing is dropped in silence. */
struct corpus_report {
    uint64_t bytes; /* decoded text */
    uint64_t lines, empty_lines, sentences;
    uint64_t words; /* tokens in all */
    /* different words before min_count; an upper bound when pruned_words > 0 */
    uint64_t distinct;
    uint64_t vocabulary;   /* words kept */
    uint64_t kept_words;   /* tokens of kept words */
    uint64_t rare_words;   /* tokens dropped by min_count and max_vocab */
    uint64_t pruned_words; /* tokens lost because max_memory pruned the vocabulary while counting */
    /* invalid parts seen; tokens keep their bytes (whitespace), or get U+FFFD (unicode) */
    uint64_t invalid_utf8;
    uint64_t longest_line, longest_word; /* bytes */
    double seconds;
};

/* What the caller may ask of a running training, from a signal handler too. */
enum train_request {
    REQUEST_NONE,
    REQUEST_STOP /* checkpoint, return PAUSED */,
    REQUEST_CANCEL /* return CANCELLED */
};

/* The corpus as training reads it. ids: vocabulary ids in text order, dropped words left out,
 * CORPUS_SENTENCE_END after each sentence that kept a word. Memory: the ids live in a scratch file
 * that is mapped, so that corpora larger than memory stream. */
struct corpus {
    struct vocabulary *vocabulary;
    const uint32_t *ids;
    uint64_t length; /* entries, sentence ends included */
    uint64_t words;  /* entries that are words */
    struct corpus_report report;
    struct file_map map; /* private */
    char *scratch;       /* private: path of the ids file, removed by corpus_free */
};

struct corpus_options {
    /* format tokenizer lowercase sentence min_count max_vocab max_memory */
    const struct settings *settings;
    const char *path;
    const char *work; /* scratch folder, exists */
    int threads;
    const struct corpus_scanner *scanner; /* NULL: the fastest that the machine runs */
    atomic_int *request;                  /* CANCEL and STOP both end it (CANCELLED, PAUSED) */
    /* may be NULL */
    void (*on_progress)(void *context, double share, const struct corpus_report *report);
    void *context;
};
/* Vocabulary ids by falling count, ties by first appearance in the text: the same at any thread
 * count. Speed target: 1 GB/s of plain text on two cores. Errors: REFUSED "corpus is empty", "no
 * word reaches min_count 5: the most frequent, 'x', was seen 3 times"; MALFORMED (cut compressed
 * stream, NDJSON line number). */
enum status corpus_create(struct corpus **corpus, const struct corpus_options *options,
                          struct error *err) MUST_CHECK;
void corpus_free(struct corpus *corpus);

/* A lower bound of the vocabulary from the first `sample` bytes of the corpus; lets a server refuse
 * early what cannot fit. */
enum status corpus_plan(const struct settings *settings, const char *corpus, uint64_t sample,
                        uint64_t *min_vocabulary, struct error *err) MUST_CHECK;
/* Tokens of one text by the rules of the settings (tokenizer, lowercase), as training would see
 * them. Calls visit per token. */
enum status corpus_tokenize(const struct settings *settings, const char *text, size_t length,
                            enum status (*visit)(void *context, const char *token, size_t length,
                                                 struct error *err),
                            void *context, struct error *err) MUST_CHECK;

#endif
