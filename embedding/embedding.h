/* Vocabulary, sharded tables, lookup, models on disk, search over them, and the file formats of the
 * field. Everything here is read-only once built, except a table that training owns; a published
 * model never changes. Threads: any number may read. */
#ifndef VECMILL_EMBEDDING_EMBEDDING_H
#define VECMILL_EMBEDDING_EMBEDDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "kernel/kernel.h"

/* ---- vocabulary (vocabulary.c): words sorted by falling count; ids are positions ------------- */
struct vocabulary;

/* text: all words one after the other; offsets: [size + 1] into text; counts: [size], falling.
 * Copies. REFUSED when a word is empty or stands twice; counts may be NULL (imported vectors): then
 * they read as 0. */
enum status vocabulary_create(struct vocabulary **vocabulary, uint32_t size, const char *text,
                              const uint64_t *offsets, const uint64_t *counts,
                              struct error *err) MUST_CHECK;
void vocabulary_free(struct vocabulary *vocabulary);
uint32_t vocabulary_size(const struct vocabulary *vocabulary);
/* sum of counts */
uint64_t vocabulary_total(const struct vocabulary *vocabulary);
/* not NUL-terminated */
const char *vocabulary_word(const struct vocabulary *vocabulary, uint32_t id, size_t *length);
uint64_t vocabulary_count(const struct vocabulary *vocabulary, uint32_t id);
const uint64_t *vocabulary_counts(const struct vocabulary *vocabulary);
uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *word,
                         size_t length); /* WORD_NONE if absent */
/* Words near `word` for "did you mean": same letters in another case first, then by edit distance
 * over code points (at most 2, transpositions count 1), more frequent first; looks at the `among`
 * most frequent words. Returns how many. */
size_t vocabulary_suggest(const struct vocabulary *vocabulary, const char *word, size_t length,
                          uint32_t among, uint32_t *ids, size_t room);

/* ---- table (table.c): rows in S shards under mod or div -------------------------------------- */
enum partition { PARTITION_MOD, PARTITION_DIV };

/* n = rows, p = shards, q = n div p, e = n mod p; the first e shards hold q + 1 rows. mod: shard =
 * id mod p, row = id div p. div: the first e (q + 1) ids lie in blocks of q + 1, the rest in blocks
 * of q. n < p: shards past n are empty. */
struct place {
    uint32_t shard, row;
};
struct place partition_place(enum partition partition, uint32_t rows, uint32_t shards, uint32_t id);
uint32_t partition_id(enum partition partition, uint32_t rows, uint32_t shards, struct place place);
/* rows of a shard */
uint32_t partition_rows(enum partition partition, uint32_t rows, uint32_t shards, uint32_t shard);

struct table {
    uint32_t rows, columns; /* columns: dim, and one more when the table carries a bias column */
    uint32_t shards;
    enum partition partition;
    /* floats from row to row: columns rounded up to 16 (64 bytes), the rest zero */
    size_t stride;
    float *data;        /* all shards one after the other, 64-byte aligned */
    float **shard_data; /* [shards] */
};
/* Zeroed. NO_MEMORY names the bytes asked for. */
enum status table_create(struct table **table, uint32_t rows, uint32_t columns, uint32_t shards,
                         enum partition partition, struct error *err) MUST_CHECK;
void table_free(struct table *table);
float *table_row(const struct table *table, uint32_t id); /* id < rows is asserted */
uint64_t table_bytes(uint32_t rows, uint32_t columns);    /* memory a table takes; saturates */

/* ---- model (model.c, model_file.c): what is published ---------------------------------------- */
/* A model folder holds one file, model.vecmill, written whole or not at all: fixed little-endian
 * header (magic, version, lengths), section table (type, shard, offset, length, XXH3), sections
 * 64-byte aligned, footer. Sections: metadata as `name = value` lines, words, offsets, counts, one
 * section per shard of the input table, and optionally of the output table. The format is
 * documented in docs/model-format.md. */
#define MODEL_FILE "model.vecmill"

struct model_info { /* what training leaves beside the vectors; also for imports */
    char name[128];
    char settings[8192]; /* job settings as `name = value` lines */
    char corpus_digest[80];
    char kernel[32];
    char program[32]; /* "vecmill 0.1.0" */
    double created;   /* wall seconds */
    double train_seconds, words_per_second, loss;
    uint64_t words_trained, steps, corpus_words, corpus_bytes;
    double default_max_norm; /* lookups clip to it; 0 = off */
};

struct model {
    struct vocabulary *vocabulary;
    struct table *input;         /* [size, dim]: the embeddings; rows are exactly dim wide here */
    struct table *output;        /* [size, dim + 1 bias] or NULL */
    float *norms;                /* [size] Euclidean norm of each input row */
    const struct kernel *kernel; /* for search */
    struct model_info info;
    /* "sha256:..." of the model file; computed at save, stored beside at load time */
    char digest[80];
    /* private: reference count */
    void *references;
};

/* Takes ownership of vocabulary, input and output (also on failure). Computes norms. REFUSED when a
 * value is not finite: names table, word and column. */
enum status model_create(struct model **model, struct vocabulary *vocabulary, struct table *input,
                         struct table *output, const struct model_info *info,
                         const struct kernel *kernel, struct error *err) MUST_CHECK;
/* Writes folder/model.vecmill durably (the folder is made when missing). Sets *digest if not
 * NULL. */
enum status model_save(const struct model *model, const char *folder, char digest[80],
                       struct error *err) MUST_CHECK;
/* `path`: a model folder or the file in it. Distrusts every byte: CORRUPT names file and
 * section. */
enum status model_load(struct model **model, const char *path, const struct kernel *kernel,
                       struct error *err) MUST_CHECK;
struct model *model_hold(struct model *model); /* one more reference; returns model */
void model_drop(struct model *model);          /* frees with the last reference; NULL is fine */

/* ---- lookup (lookup.c) ----------------------------------------------------------------------- */
enum combiner { COMBINER_SUM, COMBINER_MEAN, COMBINER_SQRTN };
/* out: [n, dim], packed. max_norm > 0 clips the copy when its norm is above (an explicit if: other
 * rows keep their bits). REFUSED for an id outside [0, rows): names the global id and the range;
 * nothing is written then. */
enum status lookup_rows(const struct table *table, uint32_t dim, const uint32_t *ids, size_t n,
                        double max_norm, float *out, struct error *err) MUST_CHECK;
/* Each of `lists` segments [starts[i], starts[i+1]) of ids becomes one vector; weights [ids] or
 * NULL for ones; accumulates in double. sum: sum w e; mean: / sum w; sqrtn: / sqrt(sum w^2). A zero
 * divisor gives zeros. An empty list gives zeros. */
enum status lookup_combined(const struct table *table, uint32_t dim, const uint32_t *ids,
                            const float *weights, const size_t *starts, size_t lists,
                            enum combiner combiner, double max_norm, float *out,
                            struct error *err) MUST_CHECK;

/* ---- search (search.c) ----------------------------------------------------------------------- */
struct neighbor {
    uint32_t id;
    float score;
};
/* Exact cosine neighbours of `queries` vectors [queries, dim] packed (need not be normalised; a
 * zero vector is REFUSED). excluded: for query i the ids excluded[excluded_starts[i] ..
 * excluded_starts[i+1]) are left out. k is cut to what is left; found[i] tells how many. out:
 * [queries, k], best first; ties by lower id. Only the `among` most frequent words are candidates
 * (0 = all). threads >= 1. Cost: queries x rows x dim multiply-adds, rows read once for a batch of
 * queries. */
enum status search_neighbors(const struct model *model, const float *queries, size_t n_queries,
                             const uint32_t *excluded, const size_t *excluded_starts,
                             uint32_t among, size_t k, int threads, struct neighbor *out,
                             size_t *found, struct error *err) MUST_CHECK;
/* 3CosAdd; 3CosMul of Levy and Goldberg 2014, eps 0.001 */
enum analogy_method { ANALOGY_ADD, ANALOGY_MUL };
/* Best words for sum of unit(positive) minus unit(negative) (weights may be NULL); query words are
 * left out. */
enum status search_analogy(const struct model *model, const uint32_t *positive, size_t n_positive,
                           const uint32_t *negative, size_t n_negative, enum analogy_method method,
                           uint32_t among, size_t k, int threads, struct neighbor *out,
                           size_t *found, struct error *err) MUST_CHECK;
/* cosine; 0 when a row is zero */
double search_similarity(const struct model *model, uint32_t a, uint32_t b);
/* The word furthest from the mean of the unit vectors; scores[n] is each word's cosine to that
 * mean. n >= 3. */
enum status search_odd_one_out(const struct model *model, const uint32_t *ids, size_t n,
                               size_t *odd, float *scores, struct error *err) MUST_CHECK;

/* ---- evaluation (evaluate.c) ----------------------------------------------------------------- */
struct analogy_section {
    char *name;
    /* skipped: a word of the question is not in the (restricted) vocabulary */
    uint64_t correct, answered, skipped;
};
struct analogy_report {
    struct analogy_section *sections; /* as in the file; totals beside */
    size_t n_sections;
    uint64_t correct, answered, skipped;
    /* by word2vec's section names */
    uint64_t semantic_correct, semantic_answered, syntactic_correct, syntactic_answered;
};
/* text: word2vec's question file (": section" lines, four words a line). among: restrict questions
 * and candidates to the most frequent words (word2vec's habit: 30000; 0 = all). Words are matched
 * as they stand, then lower-cased. MALFORMED names the line. Owns: analogy_report_clear. */
enum status evaluate_analogies(const struct model *model, const char *text, size_t length,
                               uint32_t among, enum analogy_method method, int threads,
                               struct analogy_report *report, struct error *err) MUST_CHECK;
void analogy_report_clear(struct analogy_report *report);
struct similarity_report {
    uint64_t pairs, found; /* coverage = found / pairs */
    /* over found pairs; Spearman with average ranks for ties; NaN when fewer than 2 or constant */
    double pearson, spearman;
};
/* text: lines "word1 word2 score" separated by tabs, commas or spaces; '#' comments; a header line
 * is skipped when its last field is no number; more than three columns: the first two and the third
 * (SimLex-999's own file: its 4th column "SimLex999" is found by the header). Cosine 0 is never
 * made up for missing words: they are left out and counted. */
enum status evaluate_similarity(const struct model *model, const char *text, size_t length,
                                struct similarity_report *report, struct error *err) MUST_CHECK;

/* ---- formats (export.c, import.c) ------------------------------------------------------------ */
/* Formats by file name: vectors.txt vectors.bin vectors.txt.gz vectors.bin.gz vectors.npy
 * model.safetensors vocab.tsv tensors.tsv metadata.tsv projector_config.pbtxt. */
struct export_options {
    bool subtract_mean; /* export the rows minus their mean vector */
    bool normalize;     /* unit length */
};
size_t export_formats(const char *const **names); /* the list above */
/* Writes `format` of model to path, whole or not at all. word2vec's formats: header "rows dim\n",
 * rows by falling count; white space inside a word becomes '_' (counted in *altered if not NULL),
 * with "_<id>" behind where another word is called so already. Numbers in text: shortest that reads
 * back. */
enum status export_write(const struct model *model, const char *format,
                         const struct export_options *options, const char *path, uint64_t *altered,
                         struct error *err) MUST_CHECK;
/* Reads vectors.txt or vectors.bin (word2vec's formats, also without header for text as GloVe
 * writes; gzip and zstd by their magic) into a model with counts 0. Errors name line or word
 * number. limit: most decoded bytes, 0 = none. */
enum status import_read(struct model **model, const char *path, const char *name, uint64_t limit,
                        const struct kernel *kernel, struct error *err) MUST_CHECK;

#endif
