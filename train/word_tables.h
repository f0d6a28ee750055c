/* Per-word tables: what a worker looks up for each word it passes, and for each noise word it
 * draws. Computed once from counts and settings; read only afterwards. */
#ifndef VECMILL_TRAIN_WORD_TABLES_H
#define VECMILL_TRAIN_WORD_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"
#include "embedding/embedding.h"
#include "sampler/sampler.h"

/* Words of a unique draw are at most this share of the vocabulary: more would take ever more
 * redraws, and make no difference. */
#define WORD_TABLES_UNIQUE_SHARE 4

/* Entries are a quarter of a cache line each. */
struct word_entry {
    uint32_t place; /* row number in table->data: what sharding comes down to */
    uint32_t keep;  /* keep the word when 32 random bits are not above (subsampling) */
    float shift;    /* subtracted from its score, as a positive and as noise */
    float rate;     /* of the input row, relative to input_rate: rare words may move further */
};

struct noise_entry {
    uint32_t place;
    float shift;
    float weight; /* importance: the word stands for so many draws */
    float repeat; /* 1 + K q: how often it stands in one draw; 1 for unique draws */
};

/* What the tables are made from. */
struct word_source {
    const struct settings *settings;
    const struct vocabulary *vocabulary; /* borrowed until the model takes it */
    const struct sampler *sampler;
    const struct table *table; /* input or output: both place rows alike */
    uint64_t corpus_words;     /* words of one epoch, before subsampling */
    uint32_t draws;            /* noise words in a draw */
    bool fixed_bias;           /* the bias is log p(word), a part of the shift */
    int threads;
};

struct word_tables {
    struct word_source from;
    uint32_t rows;
    /* noise words of one draw differ: asked for, and the vocabulary is large enough */
    bool unique;
    struct word_entry *words;  /* [rows] */
    struct noise_entry *noise; /* [rows] */
    double words_kept;         /* of an epoch, expected after subsampling */
    double noise_total;        /* of the counts to the power noise_power */
};

/* Do the words of a draw differ: asked for, and are there enough for it? */
bool word_tables_unique(const struct settings *settings, uint32_t draws,
                        const struct sampler *sampler);
/* O(rows), on `threads` threads; 32 bytes a word. NO_MEMORY. The caller clears the tables, also
 * after a failure. */
enum status word_tables_init(struct word_tables *tables, const struct word_source *from,
                             struct error *err) MUST_CHECK;
void word_tables_clear(struct word_tables *tables);

/* log p(word) among the words that subsampling keeps: the bias of a model whose scores are to be
 * log ratios. */
double word_tables_log_probability(const struct word_tables *tables, uint32_t id);

#endif
