/* Reading a corpus once, in parallel: from a file to the ids of its words. Training sees only ids.
 *
 *     file                    gzip, zstd or text; corpus_text.c makes one mapped text of it
 *      |
 *     text                    cut into one range for each thread, between two tokens
 *      |  |  |                corpus_range.c reads a range: lines, lists, sentences.
 *      |  |  |                The words of white space text are found by the fast path
 *      |  |  |                (corpus_scan.c), those by the Unicode rules by tokenizer.c
 *     table and numbers,      corpus_counter.c counts words in a table of the thread's own
 *     one of each a thread    (corpus_table.c), which numbers them by first appearance, and
 *      |  |  |                writes these numbers, in the order of the text, into a spill
 *      |  |  |                buffer (corpus_spill.c): memory, then a scratch file
 *     parts of the hash       corpus_merge.c: each thread merges, out of all tables, the words
 *      |  |  |                whose hash falls into its part
 *     ranking                 corpus_rank.c: words by falling count, ties by first appearance;
 *      |                      their ranks are the ids, and for each thread a map from numbers
 *     ids                     corpus_remap.c: the spilled numbers, by these maps, into one file,
 *                             which is mapped
 *
 * corpus.c calls these stages one after the other, each on all threads of a pool (corpus_pool.c).
 * A table that outgrows its memory is pruned of its rarest words: what that loses is reported.
 * corpus_holdout.c parts the ids in two. plan.c reads the beginning of a corpus only,
 * corpus_sample.c takes pieces out of all of it, tokenize.c reads the tokens of one text. */
#ifndef VECMILL_CORPUS_CORPUS_H
#define VECMILL_CORPUS_CORPUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"
#include "embedding/embedding.h"

/* Calls `visit` for each token of one text by the settings tokenizer and lowercase, as training
 * would see them; a byte order mark at its beginning is left out. token: `length` bytes, valid
 * until visit returns, which may end the walk by a failure. Errors: NO_MEMORY, and those of visit.
 * Any thread; takes time linear in the text. */
enum status corpus_tokenize(const struct settings *settings, const char *text, size_t length,
                            enum status (*visit)(void *context, const char *token, size_t length,
                                                 struct error *err),
                            void *context, struct error *err) MUST_CHECK;

/* Takes what is no letter, number or mark (punctuation, symbols, control characters, bytes that are
 * no UTF-8) off both ends of a token; *length becomes 0 where nothing else is there. Returns where
 * the rest begins. */
const char *corpus_strip(const char *token, size_t *length);

/* The id of the word that a token of a text stands for: the token as it is; else without
 * punctuation at its ends; else the same in any case. *altered: not as it is. WORD_NONE: there is
 * none. */
enum status corpus_find_token(const struct vocabulary *vocabulary, const char *token, size_t length,
                              uint32_t *id, bool *altered, struct error *err) MUST_CHECK;

/* ---- vectors of texts (text_vector.c) -------------------------------------------------------- */

/* How the words of a text count in its vector. With p(w) the share of a word in the corpus, a word
 * counts 1, or a / (a + p(w)), smooth inverse frequency: none, sif. zipf is sif with p(w) as Zipf's
 * law has it for the word's place r in the vocabulary, 1 / (r H), H the sum of 1 / r over all: for
 * models that have no counts. remove_component takes away what all texts have in common, see
 * text_component.
 * Source: Arora, Liang, Ma: A Simple but Tough-to-Beat Baseline for Sentence Embeddings (2017). */
struct text_weights {
    enum setting_text_weighting weighting;
    double sif_a; /* a */
    bool remove_component;
};
#define SIF_A_MIN 1e-9
#define SIF_A_MAX 1e9
/* REFUSED, with key: sif of a model without counts. */
enum status text_weights_check(const struct text_weights *weights, const struct model *model,
                               const char *key, struct error *err) MUST_CHECK;
/* The common component of texts, a vector of length 1 (or zeros): the direction of the vector that
 * a text of endless length has whose words are drawn as often as the corpus has them (as Zipf's law
 * has it, without counts). component: [columns]. Deterministic. The first call for a model reads
 * all its rows; the model keeps the last one of each weighting. Any thread. */
enum status text_component(const struct text_weights *weights, const struct model *model,
                           float *component, struct error *err) MUST_CHECK;
/* vectors [n, columns]: of texts, whose words are ids[starts[i]..starts[i + 1]): the weighted mean
 * of their rows, clipped as the model's lookups are, with the component taken off. A text without
 * words, and one of which nothing is left (less than 1e-6 of its length), is zeros. */
enum status text_vectors(const struct model *model, const struct text_weights *weights,
                         const uint32_t *ids, const size_t *starts, size_t n, float *vectors,
                         struct error *err) MUST_CHECK;

/* A lower bound of the vocabulary's size, from the first `sample` bytes of the text of the file
 * `corpus`: lets a server refuse early what cannot fit. It never is above what corpus_create finds
 * without pruning, whatever a min_count that is auto comes to. Takes memory of the order of the
 * sample. Errors: NOT_FOUND, MALFORMED, NO_MEMORY, INTERNAL (format ndjson). */
enum status corpus_plan(const struct settings *settings, const char *corpus, uint64_t sample,
                        uint64_t *min_vocabulary, struct error *err) MUST_CHECK;

/* Writes an even sample of the text of the file `from`, about `bytes` of it, into the scratch file
 * `to`, which the caller removes: pieces from everywhere in it, cut between lines, or between words
 * where a line is long. A compressed file is not decoded further than needed: its sample is its
 * beginning. lines_only: never cut a line (NDJSON). A text that is not longer is taken whole.
 * Errors: as corpus_create's reading of the file; PAUSED, CANCELLED. */
struct corpus_sample {
    uint64_t bytes; /* of text in the sample */
    double whole;   /* bytes of text in all; of a compressed file an estimate */
    unsigned pieces;
};
enum status corpus_sample(const struct settings *settings, const char *from, const char *to,
                          uint64_t bytes, bool lines_only, atomic_int *request,
                          struct corpus_sample *sample, struct error *err) MUST_CHECK;

/* The share of the lines with text that were there before, word for word, 0..1; of a text of many
 * lines an estimate, from the lines whose hash falls into a range that shrinks as they get more.
 * Reads the file as it stands: text, not compressed. Cost: one pass, 8 MiB of memory. */
enum status corpus_repeated_lines(const char *path, atomic_int *request, double *share,
                                  struct error *err) MUST_CHECK;

/* What a setting that was `auto` came to for this corpus, and why: a sentence with its figures. */
#define CORPUS_CHOICES 8
struct corpus_choice {
    char setting[24], value[24]; /* the value as settings_set takes it */
    char why[176];
};
struct corpus_choices {
    struct corpus_choice rows[CORPUS_CHOICES];
    uint64_t n;
};
/* NULL: it was not chosen. */
const struct corpus_choice *corpus_choice_of(const struct corpus_choices *choices,
                                             const char *setting);

/* What reading a corpus found: nothing is dropped in silence. Plain data: it goes through the pipe
 * between a job and the server as it stands. */
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
    /* invalid parts seen; tokens keep their bytes (whitespace), or are separated there (unicode) */
    uint64_t invalid_utf8;
    uint64_t longest_line, longest_word; /* bytes */
    double seconds;
    double evenness; /* of the counts, see corpus_evenness; 0 while it is not known */
    /* Of subsampling, set by train/: the threshold, and the share of kept_words that it is expected
     * to keep; 0 while that is not known. */
    double sample, sample_share;
    struct corpus_choices choices; /* set by train/ */
};

/* How many different words were seen how often, before min_count leaves any out: what another
 * min_count would keep. */
#define CORPUS_SPECTRUM 4097
#define CORPUS_LOG_UNIT 1024.0 /* whole numbers: their sum is the same in any order */
struct corpus_spectrum {
    uint64_t words[CORPUS_SPECTRUM]; /* [n]: seen n times; [0]: seen more often than all others */
    uint64_t log_counts;  /* of words[0]: the sum of count log2(count), times CORPUS_LOG_UNIT */
    uint64_t table_bytes; /* of memory that counting took for words */
    struct corpus_report report; /* as far as it was known; see corpus_options */
};

/* Of the words as they were counted (factor 1), or of a text `factor` times as long, of which they
 * are an even sample: how many different words are seen at least min_count times, and which share
 * of the text they are, 0..1. factor 1 is exact. Above 1 both are estimated: the growth of that
 * number, and the fall of the share that is left out, from a sixteenth and a quarter of the sample
 * to all of it, goes on, with a slope that changes as it did (Heaps' law, by its local exponent).
 * min_count: 1 .. CORPUS_SPECTRUM - 1. Cost: O(CORPUS_SPECTRUM). */
struct corpus_reach {
    double words, covered;
};
struct corpus_reach corpus_reach(const struct corpus_spectrum *spectrum, uint64_t min_count,
                                 double factor);

/* How even the counts of the words are that were seen at least 5 times (of all words, when those
 * are fewer than 100): their entropy as a share of the most that it can be, 0..1. 1: all counts
 * are equal. Text has .6 to .8; items in sessions, baskets and walks have .83 and more. */
double corpus_evenness(const struct corpus_spectrum *spectrum);

/* What others may ask of a reading, or a training, under way; from a signal handler too. */
enum train_request {
    REQUEST_NONE,
    REQUEST_STOP,  /* end with PAUSED; training writes a checkpoint first */
    REQUEST_CANCEL /* end with CANCELLED */
};

struct graph;

/* The corpus as training reads it. */
struct corpus {
    struct vocabulary *vocabulary;
    /* [length] vocabulary ids in the order of the text, dropped words left out, and WORD_NONE after
     * each sentence that kept a word. Mapped from a scratch file without a name or owner but this
     * corpus, so that what is larger than memory streams. */
    const uint32_t *ids;
    uint64_t length; /* entries, sentence ends included */
    uint64_t words;  /* entries that are words */
    /* The same of the sentences that corpus_hold_out took away; NULL and 0 before. */
    const uint32_t *held_ids;
    uint64_t held_length, held_words;
    /* With format edges: walks over it are the text, and ids is NULL; see graph/graph.h. Else
     * NULL. */
    const struct graph *graph;
    struct corpus_report report;
};

struct corpus_options {
    /* format tokenizer lowercase sentence min_count max_vocab max_memory */
    const struct settings *settings;
    const char *path;    /* text, or text compressed by gzip or zstd */
    const char *work;    /* folder for scratch files, exists */
    int threads;         /* at least 1 */
    atomic_int *request; /* enum train_request, polled all the time; may be NULL */
    /* share: 0..1, never falling; report: what is known so far. Called on the caller's thread every
     * 50 ms or so, and once at the end; may be NULL */
    void (*on_progress)(void *context, double share, const struct corpus_report *report);
    void *context;
    /* Filled once the words are counted, also when the reading then fails; may be NULL. */
    struct corpus_spectrum *spectrum;
    /* Where min_count is auto: what it is, at least 1. Called once the words are counted; the
     * spectrum has its report but for the vocabulary. */
    uint64_t (*choose_min_count)(void *context, const struct corpus_spectrum *spectrum);
    void *chooser; /* context of choose_min_count */
};

/* Reads the corpus. Vocabulary ids go by falling count, ties by first appearance in the text: the
 * same at any number of threads, as is all of the report but for `seconds` (with pruning: only at
 * one thread). After a failure nothing is left in the work folder.
 * Errors: REFUSED "corpus is empty", "no word reaches min_count 5: the most frequent, 'x', was seen
 * 3 times"; MALFORMED (cut compressed stream); NO_MEMORY (key max_memory where that bounds it);
 * NOT_FOUND, DISK_FULL; CANCELLED, PAUSED; INTERNAL (format ndjson, which must be turned into
 * `tokens` before; min_count auto without choose_min_count).
 * Speed target: 1 GB/s of plain text on two cores. */
enum status corpus_create(struct corpus **corpus, const struct corpus_options *options,
                          struct error *err) MUST_CHECK;
#define CORPUS_CONTEXT_KINDS 64
/* Words that begin with one of `prefixes` (with commas between, CORPUS_CONTEXT_KINDS at most) are
 * global contexts of their sentence. It is written anew without them, and behind it comes a
 * sentence (word, context) for each of its other words and each of its contexts: ids, length and
 * words change, the vocabulary and its counts do not. Sentences without contexts, or with nothing
 * else, stay as they are. Before corpus_hold_out. work: the folder for scratch files, 1 + 3 m times
 * the ids where sentences have m contexts. On failure the corpus can only be freed. Errors: REFUSED
 * (key context_prefix) when no word, or every word, begins so; DISK_FULL. */
enum status corpus_spread_contexts(struct corpus *corpus, const char *prefixes, const char *work,
                                   struct error *err) MUST_CHECK;
/* Takes sentences away from ids, length and words, to held_ids and its lengths: the vocabulary and
 * its counts stay those of all the text. A sentence of more than `most` words counts as pieces of
 * `most` words; where one is taken out of the middle, the sentence ends there. A sentence or piece
 * is held out when a hash of the seed and of its number in the text is below `share`: the same ones
 * whatever else is asked. If none is so, the one with the least hash is held out; if all are, it
 * alone. work: the folder for scratch files, as much as the ids again. On failure the corpus can
 * only be freed. Errors: REFUSED (key holdout) when there is but one sentence or piece; DISK_FULL.
 * Cost: reads the ids twice and writes them once. */
enum status corpus_hold_out(struct corpus *corpus, double share, uint64_t seed, uint64_t most,
                            const char *work, struct error *err) MUST_CHECK;
/* Removes the scratch files of the ids, too. NULL: nothing. */
void corpus_free(struct corpus *corpus);

#endif
