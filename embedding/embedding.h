/* The data and the questions one asks it: vocabulary, sharded tables, lookup, models on disk,
 * search, evaluation, and the file formats of the field. Everything here is read-only once built,
 * but for a table that training owns; a published model never changes.
 * Threads: any number may read one object at a time; none may free it meanwhile.
 * Errors: beside those named below, every function that returns a status can fail with NO_MEMORY.
 * Out parameters of a failed call hold nothing to free. */
#ifndef VECMILL_EMBEDDING_EMBEDDING_H
#define VECMILL_EMBEDDING_EMBEDDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/buffer.h"
#include "base/choice.h"
#include "base/decode.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/stop.h"
#include "kernel/kernel.h"

/* ---- vocabulary (vocabulary.c): words by falling count; a word's id is its place ------------- */

struct vocabulary;

/* Copies its arguments. text: all words one after the other; offsets: [size + 1] into text; counts:
 * [size], falling, or NULL (imported vectors): then they read as 0. Errors: REFUSED when a word is
 * empty or stands twice, or counts do not fall. Owns: vocabulary_free. */
enum status vocabulary_create(struct vocabulary **vocabulary, uint32_t size, const char *text,
                              const uint64_t *offsets, const uint64_t *counts,
                              struct error *err) MUST_CHECK;
void vocabulary_free(struct vocabulary *vocabulary); /* NULL is fine */
uint32_t vocabulary_size(const struct vocabulary *vocabulary);
/* Sum of the counts. */
uint64_t vocabulary_total(const struct vocabulary *vocabulary);
/* The word's *length bytes, without a NUL behind. Here and below, id < size is asserted. */
const char *vocabulary_word(const struct vocabulary *vocabulary, uint32_t id, size_t *length);
uint64_t vocabulary_count(const struct vocabulary *vocabulary, uint32_t id);
/* All counts: [size]. */
const uint64_t *vocabulary_counts(const struct vocabulary *vocabulary);
/* The id of a word; WORD_NONE if there is no such word. Cost: one hash, mostly one comparison. */
uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *word, size_t length);

/* The id of the word that differs from `word` in the case of its letters at most: the one in
 * small letters, else the most frequent one; WORD_NONE if there is none. Cost: as
 * vocabulary_find; the first call that needs it makes an index of 6 to 12 bytes a word, which
 * stays. Words above 1020 bytes are not folded. Any thread. */
enum status vocabulary_find_folded(const struct vocabulary *vocabulary, const char *word,
                                   size_t length, uint32_t *id, struct error *err) MUST_CHECK;

/* Words near `word` for "did you mean": first the same letters in another case, then by edit
 * distance over code points (at most 2, a transposition counts 1), more frequent ones first. Looks
 * at the `among` most frequent words. Writes at most `room` ids and returns how many. */
size_t vocabulary_suggest(const struct vocabulary *vocabulary, const char *word, size_t length,
                          uint32_t among, uint32_t *ids, size_t room);

/* ---- table (table.c): rows in shards --------------------------------------------------------- */

/* How ids are dealt to shards. With n rows, p shards, q = n div p, e = n mod p:
 *   mod: shard = id mod p, row = id div p.
 *   div: shards are ranges of ids; the first e hold q + 1 rows each, the others q.
 * Under both the first e shards hold q + 1 rows; with n < p the shards past n are empty. */
enum partition { PARTITION_MOD, PARTITION_DIV };
struct place {
    uint32_t shard, row;
};
struct place partition_place(enum partition partition, uint32_t rows, uint32_t shards, uint32_t id);
/* The inverse. */
uint32_t partition_id(enum partition partition, uint32_t rows, uint32_t shards, struct place place);
/* How many rows a shard holds. */
uint32_t partition_rows(enum partition partition, uint32_t rows, uint32_t shards, uint32_t shard);

struct table {
    uint32_t rows, columns; /* columns: dim, and one more when the table carries a bias column */
    uint32_t shards;
    enum partition partition;
    size_t stride; /* floats from row to row: columns rounded up to KERNEL_PAD, the rest zero */
    float *data;   /* all shards one after the other, 64-byte aligned */
    float **shard_data; /* [shards] */
};
/* All zero. Errors: NO_MEMORY names the bytes asked for. Owns: table_free. */
enum status table_create(struct table **table, uint32_t rows, uint32_t columns, uint32_t shards,
                         enum partition partition, struct error *err) MUST_CHECK;
void table_free(struct table *table); /* NULL is fine */
/* The row of an id: [stride]. id < rows is asserted. */
float *table_row(const struct table *table, uint32_t id);
/* Bytes of memory that a table takes; UINT64_MAX when that is more. */
uint64_t table_bytes(uint32_t rows, uint32_t columns);

/* ---- model (model.c, model_file.c): what is published ---------------------------------------- */

/* A model folder holds one file, written whole or not at all: a fixed little-endian header (magic,
 * version, lengths), a table of sections (type, shard, offset, length, XXH3), the sections at
 * multiples of 64 bytes, a footer. docs/model-format.md is its documentation. */
#define MODEL_FILE "model.vecmill"

/* What training leaves beside the vectors; also for imports. The sizes of the texts are those of
 * the format. */
#define MODEL_CHOSEN_SIZE 256
#define MODEL_CHOICES_SIZE 2048
#define IMPORT_NAMED 5 /* duplicates that are named */
#define IMPORT_NAMES_SIZE 512
struct model_info {
    char name[128];
    char settings[8192];    /* job settings as `name = value` lines */
    char corpus_digest[80]; /* "sha256:..." */
    char kernel[32];        /* that trained it */
    char program[32];       /* "vecmill 0.1.0" */
    double created;         /* seconds since 1970 */
    double train_seconds, words_per_second, loss;
    uint64_t words_trained, steps, corpus_words, corpus_bytes;
    double default_max_norm; /* lookups clip to it; 0 = off */
    /* Later members; a file without them leaves NaN, 0 and "". */
    double sample_share; /* of the corpus words, kept by subsampling; NaN or 0: not known */
    uint64_t examples;   /* of words_trained: kept, and with a word beside them */
    /* settings that were `auto`: names with a space between; `settings` has what was chosen */
    char chosen[MODEL_CHOSEN_SIZE];
    /* Later members; a file without them leaves 0 and "". */
    /* "text", "binary", "fasttext", "gensim", "npy", "safetensors"; "": it was trained here */
    char import_format[32];
    char import_named[IMPORT_NAMES_SIZE]; /* the first duplicates, with tabs between; no word holds
                                             one, for control characters are U+FFFD */
    uint64_t import_rows;                 /* read, also those that were not kept */
    uint64_t import_duplicates;           /* rows left out: the word stands further up */
    uint64_t import_unnamed;              /* rows left out: they have no word */
    uint64_t import_spaced;               /* words kept that hold white space of ASCII */
    uint64_t import_invalid;              /* words kept that are not UTF-8; they stay as they are */
    double import_skipped; /* rows behind the first max_rows; NaN: the file was not read so far */
    /* Later members; a file without them leaves NaN, 0 and "". */
    double avg_loss, total_loss; /* over the whole training: mean per positive, sum (estimated) */
    double holdout_loss, score;  /* at the evaluation whose rows these are */
    char score_set[16];          /* "analogies" or "similarity": what score is */
    char stopped[16];            /* "epochs", "max_steps" or "stop_early" */
    uint64_t best_epoch; /* stop_early: epochs and steps behind which these rows were kept */
    uint64_t best_step;
    /* Later members; a file without them leaves 0. Of fastText's models: */
    uint64_t import_labels;  /* of a classifier, left out */
    uint64_t import_buckets; /* rows of n-grams, which went into the words' vectors */
    /* Later members; a file without them leaves 0. Of the setting `pairs`: */
    uint64_t pairs_used, pairs_left_out; /* of the file */
    uint64_t pairs_trained;              /* each as often as it was drawn */
    /* Later member; a file without it leaves "". What `chosen` names: a line for each, its name,
     * its value and why it has that value, with tabs between. */
    char choices[MODEL_CHOICES_SIZE];
};

struct model {
    struct vocabulary *vocabulary;
    struct table *input;         /* [size, dim]: the embeddings */
    struct table *output;        /* [size, dim + 1], the last column the bias, or NULL */
    float *norms;                /* [size]: Euclidean norm of each input row */
    const struct kernel *kernel; /* for search */
    struct model_info info;
    char digest[DIGEST_TEXT_SIZE]; /* of the model file that was loaded; else empty */
    /* Words that a format cannot hold as they are, see export_changed_words: with white space in
     * them; with what ends a field of a line; that and what is no label; what is no UTF-8 or holds
     * a NUL. */
    uint64_t blank_words, escaped_words, relabelled_words, recoded_words;
    struct grant memory;       /* what it holds of a budget: given back when it is freed */
    void *references;          /* private to model.c: the count */
    struct model_notes *notes; /* private to model_notes.c */
};

/* Takes ownership of vocabulary, input and output, also on failure, and computes the norms. The new
 * model has one reference. Errors: REFUSED when shapes do not fit, or a value is not finite: names
 * table, word and column. */
enum status model_create(struct model **model, struct vocabulary *vocabulary, struct table *input,
                         struct table *output, const struct model_info *info,
                         const struct kernel *kernel, struct error *err) MUST_CHECK;
/* Writes folder/model.vecmill durably; the folder is made when missing. digest: of the file, or
 * NULL. Errors: those of the file writer; nothing is left behind. */
enum status model_save(const struct model *model, const char *folder, char digest[DIGEST_TEXT_SIZE],
                       struct error *err) MUST_CHECK;
/* `path`: a model folder or the file in it. Distrusts every byte. Errors: NOT_FOUND; CORRUPT names
 * file and section; UNSUPPORTED another version of the format;
 * REFUSED what is no regular file. */
enum status model_load(struct model **model, const char *path, const struct kernel *kernel,
                       struct error *err) MUST_CHECK;
/* Bytes of memory that the model at `path` takes once it is loaded, and at most while it is: from
 * its header alone. Errors: as model_load, as far as the header shows. */
enum status model_measure(const char *path, uint64_t *bytes, struct error *err) MUST_CHECK;
struct model *model_hold(struct model *model); /* one more reference; returns model */
void model_drop(struct model *model);          /* frees with the last reference; NULL is fine */

/* Vectors that others made of a model's rows and want to find again: [columns] floats at `slot` <
 * MODEL_SLOTS, by the key that they were made with. A later one takes the place of the one before;
 * without memory it is not kept. Any thread. */
#define MODEL_SLOTS 3
bool model_recall(const struct model *model, unsigned slot, double key, float *values);
void model_remember(const struct model *model, unsigned slot, double key, const float *values);

/* ---- lookup (lookup.c) ----------------------------------------------------------------------- */

/* The first dim columns of the rows of ids: [n], packed into out: [n, dim]. max_norm > 0: a row
 * whose norm is above is scaled to it, others keep their bits. Errors: REFUSED for an id outside
 * [0, rows), naming it and the range; nothing is written then. */
enum status lookup_rows(const struct table *table, uint32_t dim, const uint32_t *ids, size_t n,
                        double max_norm, float *out, struct error *err) MUST_CHECK;

/* With rows e and weights w of a list: sum w e; the same / sum w; the same / sqrt(sum w^2); the
 * largest and the smallest w e, each column by itself. */
#define COMBINERS(CHOICE)           \
    CHOICE(COMBINER_SUM, "sum")     \
    CHOICE(COMBINER_MEAN, "mean")   \
    CHOICE(COMBINER_SQRTN, "sqrtn") \
    CHOICE(COMBINER_MAX, "max")     \
    CHOICE(COMBINER_MIN, "min")
enum combiner { COMBINERS(CHOICE_CONSTANT) };
/* Each of `lists` segments [starts[i], starts[i + 1]) of ids becomes one vector of out: [lists,
 * dim]. weights: one for each id, or NULL for ones. Sums are in double; a divisor of zero and an
 * empty list give zeros; each row is clipped to max_norm first. Errors: as lookup_rows. */
enum status lookup_combined(const struct table *table, uint32_t dim, const uint32_t *ids,
                            const float *weights, const size_t *starts, size_t lists,
                            enum combiner combiner, double max_norm, float *out,
                            struct error *err) MUST_CHECK;

/* ---- query vectors (direction.c) ------------------------------------------------------------- */
/* A question put as a sum of words: begin sum [dim] with zeros, add, take. */
/* Adds weight * vector / norm in double; a vector of norm 0 adds nothing. norm: of the vector, such
 * as model->norms has it. */
void direction_add(const float *vector, size_t dim, double norm, double weight, double *sum);
/* vector [dim]: the sum as floats, at its length. REFUSED when no column is as large as 1e-12,
 * which is the rounding that vectors leave when they cancel out; the message calls the sum "the
 * words of the <what>", key names it as error_set_key does ("": nothing). */
enum status direction_take(const double *sum, size_t dim, const char *what, const char *key,
                           float *vector, struct error *err) MUST_CHECK;

/* ---- search (search.c) ----------------------------------------------------------------------- */
struct neighbor {
    uint32_t id;
    float score;
};
/* The words that a search may find; a NULL pointer stands for all. */
struct candidates {
    uint32_t among; /* only the most frequent ones; 0 = all */
    /* [size / 64 + 1] or NULL: of these, words whose bit is set: bit id % 64 of entry id / 64 */
    const uint64_t *allowed;
};
/* Such bits, all set or all clear; NULL without memory. Owns: the caller frees them. */
uint64_t *word_bits_create(const struct vocabulary *vocabulary, bool set);
void word_bits_put(uint64_t *bits, uint32_t id, bool set);
/* Clears the bits of words that begin with none of n texts of lengths[n] bytes. O(words x n). */
void word_bits_keep_prefixes(const struct vocabulary *vocabulary, const char *const *prefixes,
                             const size_t *lengths, size_t n, uint64_t *bits);
/* Exact cosine neighbours of `queries` vectors [queries, dim] packed (need not be normalised; a
 * zero vector is REFUSED). excluded: for query i the ids excluded[excluded_starts[i] ..
 * excluded_starts[i+1]) are left out. k is cut to what is left; found[i] tells how many. out:
 * [queries, k], best first; ties by lower id. threads >= 1. stop (or NULL) is asked before each
 * block of rows, 96 KiB of them: CANCELLED. Cost: queries x rows x dim multiply-adds, rows
 * read once for a batch of queries. */
enum status search_neighbors(const struct model *model, const float *queries, size_t n_queries,
                             const uint32_t *excluded, const size_t *excluded_starts,
                             const struct candidates *candidates, size_t k, int threads,
                             const struct stop *stop, struct neighbor *out, size_t *found,
                             struct error *err) MUST_CHECK;
/* How many of `threads` a search with n_vectors query vectors is worth: 1 when it is small (rows x
 * dim x vectors below 20 million multiply-adds), for it is over before a second thread runs. The
 * neighbours do not depend on it. */
int search_threads(const struct model *model, size_t n_vectors, uint32_t among, int threads);
/* Bytes that a search of n_vectors vectors for k neighbours takes at most while it runs; together:
 * how many of the vectors are one question, as in 3CosMul. */
uint64_t search_memory(const struct model *model, size_t n_vectors, size_t together, size_t k,
                       int threads);
/* 3CosAdd; 3CosMul of Levy and Goldberg 2014, eps 0.001 */
#define ANALOGY_METHODS(CHOICE) \
    CHOICE(ANALOGY_ADD, "add")  \
    CHOICE(ANALOGY_MUL, "mul")
enum analogy_method { ANALOGY_METHODS(CHOICE_CONSTANT) };
/* Best words for sum of unit(positive) minus unit(negative) (weights may be NULL); query words are
 * left out. stop: as in search_neighbors. */
enum status search_analogy(const struct model *model, const uint32_t *positive, size_t n_positive,
                           const uint32_t *negative, size_t n_negative, enum analogy_method method,
                           const struct candidates *candidates, size_t k, int threads,
                           const struct stop *stop, struct neighbor *out, size_t *found,
                           struct error *err) MUST_CHECK;
/* cosine; 0 when a row is zero */
double search_similarity(const struct model *model, uint32_t a, uint32_t b);
/* The word furthest from the mean of the unit vectors; scores[n] is each word's cosine to that
 * mean. n >= 3. */
enum status search_odd_one_out(const struct model *model, const uint32_t *ids, size_t n,
                               size_t *odd, float *scores, struct error *err) MUST_CHECK;

/* Cosine of the sums of two lists of words, each row as long as it is; 0 when a sum is zero. Words
 * may stand in a list more than once. */
enum status search_set_similarity(const struct model *model, const uint32_t *left, size_t n_left,
                                  const uint32_t *right, size_t n_right, double *similarity,
                                  struct error *err) MUST_CHECK;
/* The words that are nearer to `word` by cosine than `other` is, `word` itself left out, by rising
 * id: *total counts them all, so that the rank of `other` is *total + 1; those from the offset-th
 * on are put into closer: [room]. Rows of zeros are never nearer. REFUSED when word or other has
 * one. stop: asked every thousand rows. Cost: rows x dim multiply-adds in double, on one thread. */
enum status search_closer(const struct model *model, uint32_t word, uint32_t other,
                          const struct candidates *candidates, size_t offset, size_t room,
                          const struct stop *stop, struct neighbor *closer, size_t *total,
                          struct error *err) MUST_CHECK;

/* ---- optimal transport (transport.c) and documents (document.c) ------------------------------ */

/* The least cost of carrying supply: [n], to demand: [m], where one unit from i to j costs
 * cost[i * m + j]: the sum of cost x amount over the best plan, divided by the units carried. All
 * amounts are above 0 and add up to the same number, below 2^63; costs are finite and not negative:
 * asserted. Exact but for rounding: 1e-12 (n + m) times the largest cost. By the network simplex
 * method, on integers, with the leaving arc chosen so that it ends (Cunningham 1976). Cost: about
 * (n + m) pivots of sqrt(n m) + n + m steps; 40 bytes for each of n + m. CANCELLED: stop is asked
 * every hundred pivots. */
enum status transport_cost(const double *cost, const uint64_t *supply, size_t n,
                           const uint64_t *demand, size_t m, const struct stop *stop, double *least,
                           struct error *err) MUST_CHECK;

/* A text as its distinct words. */
struct document {
    uint32_t *ids;    /* [n], rising */
    uint64_t *counts; /* [n], above 0 */
    size_t n;
    uint64_t words; /* sum of counts */
};
/* ids: [n], in any order; sorted in place. Owns: document_clear. */
enum status document_init(struct document *document, uint32_t *ids, size_t n,
                          struct error *err) MUST_CHECK;
void document_clear(struct document *document); /* and leaves one of no words */
/* cost: [a->n, b->n]: Euclidean distances of the words' rows; unit: of the rows at length 1 (rows
 * of zeros stay zeros). */
void document_costs(const struct model *model, const struct document *a, const struct document *b,
                    bool unit, double *cost);
/* centroid: [dim]: the mean of the words' rows, as document_costs takes them. The distance of two
 * centroids is never above that of the documents. */
void document_centroid(const struct model *model, const struct document *document, bool unit,
                       double *centroid);
/* Never above the distance: each word goes whole to its nearest one; the larger of both ways. */
double document_bound(const struct document *a, const struct document *b, const double *cost);
/* Word Mover's Distance (Kusner et al. 2015): the least cost of carrying the words of a to those of
 * b, each document being one unit in all. Both hold words. Errors: transport_cost's. */
enum status document_distance(const struct document *a, const struct document *b,
                              const double *cost, const struct stop *stop, double *distance,
                              struct error *err) MUST_CHECK;

/* ---- evaluation (evaluate.c, similarity.c) --------------------------------------------------- */

/* How words of a question file are looked for: as they stand only; or, where that finds nothing, in
 * any case (vocabulary_find_folded). */
#define WORD_CASES(CHOICE)         \
    CHOICE(WORD_CASE_FOLD, "fold") \
    CHOICE(WORD_CASE_EXACT, "exact")
enum word_case { WORD_CASES(CHOICE_CONSTANT) };
/* What a file held beside questions, so that nothing is passed over in silence. */
#define UNREAD_NAMED 100
struct file_notes {
    uint64_t folded;              /* words found only in another case */
    uint64_t unread;              /* lines that could not be read */
    uint64_t lines[UNREAD_NAMED]; /* numbers of the first of them, from 1 */
};

struct analogy_section {
    char *name;
    uint64_t correct, answered;
    uint64_t skipped; /* a word of the question is not in the (restricted) vocabulary */
};
struct analogy_report {
    struct analogy_section *sections; /* as in the file */
    size_t n_sections, sections_room;
    uint64_t correct, answered, skipped; /* totals */
    /* Totals by word2vec's names of sections. */
    uint64_t semantic_correct, semantic_answered, syntactic_correct, syntactic_answered;
    struct file_notes notes;
};
/* text: word2vec's question file (lines ": section", then four words a line); '#' or "//" begins a
 * comment line; a file may have tabs, commas or semicolons between the words, and then columns
 * behind the fourth that are not looked at. among: questions and candidates are only the most
 * frequent words (word2vec's habit: 30000; 0 = all). Lines that are no question are noted. stop: as
 * in search_neighbors. Errors: MALFORMED names the line: a question before the first section, or no
 * line that can be read; CANCELLED. Owns: analogy_report_clear. */
enum status evaluate_analogies(const struct model *model, const char *text, size_t length,
                               uint32_t among, enum analogy_method method, enum word_case word_case,
                               int threads, const struct stop *stop, struct analogy_report *report,
                               struct error *err) MUST_CHECK;
void analogy_report_clear(struct analogy_report *report);
/* Is it a file of analogies? The first line that is no comment begins with ':' then. Else it is one
 * of similarities. */
bool evaluate_is_analogies(const char *text, size_t length);

struct similarity_report {
    uint64_t pairs, found; /* found: both words are in the vocabulary */
    uint64_t duplicates;   /* pairs that stood before, in either order; they count all the same */
    unsigned column;       /* that holds the score, from 1 */
    bool header;           /* the first line names the columns */
    struct file_notes notes;
    /* Over the pairs found, NaN for fewer than 2 or constants; Spearman has mean ranks for ties. */
    double pearson, spearman;
};
/* text: lines "word1 word2 score", separated by tabs, semicolons, commas or spaces, words quoted as
 * in CSV or not; '#' begins a comment line. The score is the first column behind the words that
 * holds a number in more than half of the lines behind the first, or the one that the first line
 * calls "SimLex999". The first line is a header when it holds no number there while another line
 * does. Pairs with a missing word are left out and counted: no cosine is made up for them. Lines
 * that are no pair are noted. stop: asked every 1024 pairs, or NULL. Errors: MALFORMED names the
 * line when none can be read; CANCELLED. */
enum status evaluate_similarity(const struct model *model, const char *text, size_t length,
                                enum word_case word_case, const struct stop *stop,
                                struct similarity_report *report, struct error *err) MUST_CHECK;

/* ---- formats (export.c, export_name.c, export_loss.c, import_read.c) ------------------------- */

/* How the numbers of a file are kept. One row: enumerator, NumPy's name.
 *   float16: rounded to the nearest; a value beyond 65504 is refused.
 *   int8: each row is scaled so that its largest value is 127, and rounded. */
#define VECTOR_TYPE_ROWS(ROW) ROW(FLOAT32, "float32") ROW(FLOAT16, "float16") ROW(INT8, "int8")
#define VECTOR_TYPE_ENUM(name, text) VECTOR_##name,
enum vector_type { VECTOR_TYPE_ROWS(VECTOR_TYPE_ENUM) VECTOR_TYPES };
#undef VECTOR_TYPE_ENUM
const char *vector_type_name(enum vector_type type);

/* Formats have the names of files, such as vectors.txt or vectors.float16.npy; the table in
 * export.c has them all. Sets *names to that list and returns its length. */
size_t export_formats(const char *const **names);
/* How the numbers of a format are kept; format: one of the list. */
enum vector_type export_type(const char *format);
/* The format that a file's name, a format's name (or its ending, or "qdrant") and a type's name
 * mean together; each may be NULL, but one of the first two. `file` may be a path; what tells is
 * the end of its name: "king.npy" is vectors.npy, "king-vocab.tsv" is vocab.tsv. Errors, key
 * "format" or "dtype": NOT_FOUND, listing what there is, when the ending is not known; REFUSED when
 * it means several, when two of the three contradict each other, when there is no such type. */
enum status export_choose(const char *file, const char *format, const char *type, const char **name,
                          struct error *err) MUST_CHECK;
struct export_options {
    bool subtract_mean;      /* the rows minus their mean vector, that of all rows */
    bool normalize;          /* unit length */
    uint32_t limit;          /* only the first so many rows; 0 = all */
    const struct stop *stop; /* asked after each 256 KiB of text, or NULL */
};
/* Writes `format` of model to path, whole or not at all. options may be NULL: rows as they are.
 * word2vec's formats have a header "rows dim\n" and rows by falling count; white space inside a
 * word becomes '_', with "_<id>" behind where another word is called so already. Tab-separated
 * files keep words as they are, but for tabs, line feeds and carriage returns (escaped) and, in
 * labels, bytes that are no UTF-8 (U+FFFD). docs/formats.md has the rules. *altered, if not
 * NULL, counts the words that changed. Numbers in text are the shortest that read back. Memory: a
 * few rows and 256 KiB, and 16 bytes for each word that changed. Errors:
 * NOT_FOUND for an unknown format; REFUSED for a value that the type cannot hold; CANCELLED; those
 * of the file writer. */
enum status export_write(const struct model *model, const char *format,
                         const struct export_options *options, const char *path, uint64_t *altered,
                         struct error *err) MUST_CHECK;
/* The files of static-embedding.tar or of its variants in a folder, which must not be there or be
 * empty: CONFLICT. */
enum status export_write_folder(const struct model *model, const char *format,
                                const struct export_options *options, const char *folder,
                                uint64_t *altered, struct error *err) MUST_CHECK;
/* What export_write counts as *altered, without writing; 0 for formats without words. limit: as in
 * the options. */
uint64_t export_changed_words(const struct model *model, const char *format, uint32_t limit);

/* What float16 or int8 costs, beside the rows as float32 with the same options. */
#define LOSS_NEIGHBORS 10
#define LOSS_WORDS 100   /* of which the neighbours are compared */
#define LOSS_AMONG 20000 /* most frequent words that are their candidates */
struct export_loss {
    double cosine_mean, cosine_max; /* 1 - cosine of a row and what it became; rows of 0 left out */
    uint32_t words, among;          /* so many of each were there */
    double overlap; /* share of the neighbours that stay among the nearest; NaN for one row */
};
/* Cost: 2 LOSS_WORDS LOSS_AMONG dim multiply-adds and a pass over the rows. Errors: REFUSED as
 * export_write; CANCELLED. */
enum status export_measure(const struct model *model, const char *format,
                           const struct export_options *options, struct export_loss *loss,
                           struct error *err) MUST_CHECK;

/* What is read of a vector file, and what that may take. NULL stands for all of it, unbounded. */
struct import_bounds {
    struct decode_limits decode; /* of the file's compression */
    uint64_t max_rows;           /* only the first so many, whatever stands behind them; 0 = all */
    const char *vocabulary;      /* file of the words of a .npy or safetensors; or NULL */
    const char *name;            /* the file's name, whose ending is believed; NULL: that of path */
    struct budget *budget;       /* the rows and words are counted while they grow; or NULL */
    const struct stop *stop;     /* asked after each MiB of the file; or NULL */
};
/* Reads vectors into a model, which holds of the budget what it takes. `path`: a file, told by its
 * content (text of word2vec or GloVe, word2vec's binary, both also packed; fastText's model; a
 * pickle of gensim with the .npy beside it; .npy and safetensors with a vocabulary); a tar of such
 * files; a folder of them. Counts are kept where the file has them and they fall, else they are 0.
 * In text the last dim fields of a line are the vector and what stands before is the word; in
 * binary a word ends at its first space. The first of two equal words is kept. info.import_...
 * tells what became of the rows. Errors: MALFORMED and REFUSED name the line or the word;
 * UNSUPPORTED says what the file is instead, also when its name's ending says another thing;
 * TOO_LARGE over the limit; the budget's; CANCELLED. Owns: model_drop. */
enum status import_read(struct model **model, const char *path, const char *name,
                        const struct import_bounds *bounds, const struct kernel *kernel,
                        struct error *err) MUST_CHECK;
/* Whether a file's name ends as one of vectors does. Errors: REFUSED, key "file", lists the
 * endings. */
enum status import_name_check(const char *name, struct error *err) MUST_CHECK;

#endif
