/* Reading a corpus once: parallel tokenise, count and number; afterwards training only sees ids.
 * Private to train/. */
#ifndef VECMILL_TRAIN_CORPUS_H
#define VECMILL_TRAIN_CORPUS_H

#include "base/file.h"
#include "train/train.h"

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

#endif
