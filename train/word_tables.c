/* Noise, subsampling, rates and places of words. */
#include "train/word_tables.h"

#include <math.h>
#include <stdlib.h>

#include "train/subsampling.h"
#include "train/train.h"

static double count_of(const struct word_tables *tables, uint32_t id) {
    return (double)vocabulary_count(tables->from.vocabulary, id);
}

/* ---- noise distribution ---------------------------------------------------------------------- */

enum status train_sampler_create(const struct settings *settings,
                                 const struct vocabulary *vocabulary, struct sampler **sampler,
                                 struct error *err) {
    enum sampler_kind kind = SAMPLER_LOG_UNIFORM;
    switch (settings->sampler) {
    case NOISE_LOG_UNIFORM:
        kind = SAMPLER_LOG_UNIFORM;
        break;
    case NOISE_UNIGRAM:
        kind = SAMPLER_UNIGRAM;
        break;
    case NOISE_UNIFORM:
        kind = SAMPLER_UNIFORM;
        break;
    }
    return sampler_create(sampler, kind, vocabulary_size(vocabulary), vocabulary_counts(vocabulary),
                          settings->sampler_power, err);
}

/* The number of tries in which `wanted` different ids are expected: sum of 1 - (1 - P)^tries.
 * Training with unique draws uses this one number for every block, so that the shifts can be a
 * table; single draws differ from it by a few per cent. */
static double expected_tries(const struct word_tables *tables, double wanted) {
    const struct sampler *sampler = tables->from.sampler;
    double low = wanted, high = wanted;
    for (int step = 0; step < 200; step++) {
        double tries = step < 60 && low == high ? high * 2 : (low + high) / 2, sum = 0;
        for (uint32_t id = 0; id < tables->rows; id++)
            sum -= expm1(tries * log1p(-fmin(sampler_probability(sampler, id), 1 - 1e-15)));
        if (sum >= wanted)
            high = tries;
        else if (low == high)
            low = high = tries;
        else
            low = tries;
        if (high > low && high - low < 1e-3)
            break;
    }
    return high;
}

static double keep_probability(const struct word_tables *tables, uint32_t id) {
    return subsampling_keep(tables->from.settings->sample,
                            vocabulary_count(tables->from.vocabulary, id),
                            tables->from.corpus_words);
}

double word_tables_log_probability(const struct word_tables *tables, uint32_t id) {
    double kept = count_of(tables, id) * keep_probability(tables, id);
    return log(kept / tables->words_kept);
}

/* The share of word `id` in the noise that weighted draws stand for. */
static double noise_share(const struct word_tables *tables, uint32_t id) {
    return pow(count_of(tables, id), tables->from.settings->noise_power) / tables->noise_total;
}

static bool noise_is_weighted(const struct settings *settings) {
    return fabs(settings->noise_power) > 0 && settings->sampler != NOISE_UNIGRAM &&
           settings->objective != OBJECTIVE_SAMPLED_SOFTMAX;
}

static double log_normalizer(const struct settings *settings) {
    switch (settings->architecture) {
    case ARCHITECTURE_SKIPGRAM:
        return settings->log_normalizer;
    case ARCHITECTURE_CBOW:
        return settings->log_normalizer + settings->cbow_normalizer;
    }
    return settings->log_normalizer;
}

/* shift: log expected count in the noise (`wanted` words, each of which counts `scale`), less the
 * log of what the model's normaliser and bias bring to the score. */
static double noise_shift(const struct word_tables *tables, uint32_t id, double wanted,
                          double scale) {
    const struct settings *settings = tables->from.settings;
    double shift = 0;
    switch (settings->objective) {
    case OBJECTIVE_NCE:
        shift = log(fmax(wanted * scale, 1e-12)) + log_normalizer(settings);
        break;
    case OBJECTIVE_SAMPLED_SOFTMAX:
        shift = log(fmax(wanted * scale, 1e-12));
        break;
    case OBJECTIVE_NEGATIVE_SAMPLING:
        break;
    }
    return tables->from.fixed_bias ? shift - word_tables_log_probability(tables, id) : shift;
}

/* Draws come from the sampler; with noise_power each counts by its importance, so that the noise of
 * the loss is that power of the counts (Bengio and Senecal 2003). */
static void noise_fill(struct word_tables *tables) {
    const struct settings *settings = tables->from.settings;
    bool unique = tables->unique, weighted = noise_is_weighted(settings);
    double draws = (double)tables->from.draws, scale = (double)settings->negative / draws;
    double tries = unique ? expected_tries(tables, draws) : draws;
    tables->noise_total = 0;
    for (uint32_t id = 0; weighted && id < tables->rows; id++)
        tables->noise_total += pow(count_of(tables, id), settings->noise_power);
#pragma omp parallel for num_threads(tables->from.threads) schedule(static)
    for (uint32_t id = 0; id < tables->rows; id++) {
        double p = sampler_probability(tables->from.sampler, id);
        /* A word the sampler never draws (possible with power 0 counts only) keeps the shift of the
         * rarest. */
        double expected =
            fmax(unique ? -expm1(tries * log1p(-fmin(p, 1 - 1e-15))) : draws * p, 1e-12);
        double wanted = weighted ? draws * noise_share(tables, id) : expected;
        float shift = (float)noise_shift(tables, id, wanted, scale);
        tables->words[id].shift = shift;
        tables->noise[id] = (struct noise_entry){.place = tables->words[id].place,
                                                 .shift = shift,
                                                 .weight = (float)(wanted / expected),
                                                 .repeat = (float)(unique ? 1 : 1 + draws * p)};
    }
}

/* ---- words ----------------------------------------------------------------------------------- */

static void keep_fill(struct word_tables *tables) {
    tables->words_kept = 0;
    for (uint32_t id = 0; id < tables->rows; id++) {
        double keep = keep_probability(tables, id);
        tables->words_kept += keep * count_of(tables, id);
        tables->words[id].keep = keep >= 1 ? UINT32_MAX : (uint32_t)(keep * 4294967296.0);
    }
}

/* A word seen five times takes few steps at the rate that suits one seen a million times: its row
 * may move further. */
static void rate_fill(struct word_tables *tables) {
    const struct settings *s = tables->from.settings;
    for (uint32_t id = 0; id < tables->rows; id++) {
        double factor = pow(count_of(tables, id) / s->rate_count, -s->rate_power);
        tables->words[id].rate = (float)fmin(fmax(factor, s->rate_least), s->rate_most);
    }
}

static void place_fill(struct word_tables *tables) {
    const struct table *table = tables->from.table;
    for (uint32_t id = 0; id < tables->rows; id++)
        tables->words[id].place =
            (uint32_t)((size_t)(table_row(table, id) - table->data) / table->stride);
}

bool word_tables_unique(const struct settings *settings, uint32_t draws,
                        const struct sampler *sampler) {
    return settings->unique && !settings->exact_negatives &&
           (uint64_t)draws * WORD_TABLES_UNIQUE_SHARE <= sampler_support(sampler);
}

enum status word_tables_init(struct word_tables *tables, const struct word_source *from,
                             struct error *err) {
    const struct settings *settings = from->settings;
    uint32_t rows = vocabulary_size(from->vocabulary);
    *tables = (struct word_tables){.from = *from, .rows = rows};
    tables->words = calloc(rows, sizeof *tables->words);
    tables->noise = calloc(rows, sizeof *tables->noise);
    if (!tables->words || !tables->noise)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate the tables of %u words", rows);
    tables->unique = word_tables_unique(settings, from->draws, from->sampler);
    keep_fill(tables);
    rate_fill(tables);
    place_fill(tables);
    noise_fill(tables);
    return STATUS_OK;
}

void word_tables_clear(struct word_tables *tables) {
    free(tables->words);
    free(tables->noise);
    *tables = (struct word_tables){0};
}
