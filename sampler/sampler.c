#include "sampler/sampler.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sampler/alias.h"
#include "sampler/draw.h"

__extension__ typedef unsigned __int128 wide;

#define COUNTER_STEP UINT64_C(0xa0761d6478bd642f)

struct sampler {
    enum sampler_kind kind;
    uint32_t range, support;
    double min; /* smallest probability above zero */
    /* LOG_UNIFORM */
    double log_range;  /* log(range + 1) */
    double log2_range; /* its binary logarithm, the same bits on every machine */
    const struct draw *draw;
    /* UNIGRAM */
    double *probability;      /* [range] */
    struct alias_cell *cells; /* [range] */
};

/* Behind a switch over all kinds, which names each and so needs no default. */
static uint32_t no_kind(void) {
    assert(!"a sampler of no kind");
    return 0;
}

/* x^power by square roots, one for each binary digit of power: IEEE 754 fixes every bit of the
 * result, unlike pow's. */
static double power_of(double x, double power) {
    double result = 1;
    if (power < 0)
        return x == 0 ? 0 : 1 / power_of(x, -power); /* what never occurs is never drawn */
    for (; power >= 1; power -= 1)
        result *= x;
    if (x == 0)
        return power > 0 ? 0 : result;
    for (double root = sqrt(x); power > 0 && root != 1; root = sqrt(root)) {
        power *= 2;
        if (power >= 1) {
            result *= root;
            power -= 1;
        }
    }
    return result;
}

/* Fills weights, the probabilities, the support and the smallest probability. */
static enum status weights_fill(struct sampler *sampler, const uint64_t *counts, double power,
                                double *weights, struct error *err) {
    double sum = 0, min = INFINITY;
    sampler->support = 0;
    for (uint32_t k = 0; k < sampler->range; k++) {
        weights[k] = power_of((double)counts[k], power);
        sum += weights[k];
        if (weights[k] > 0) {
            sampler->support++;
            min = fmin(min, weights[k]);
        }
    }
    if (sampler->support == 0)
        return error_set(err, STATUS_REFUSED,
                         "counts of all %u ids are zero: there is nothing to sample",
                         sampler->range);
    sampler->min = min / sum;
    for (uint32_t k = 0; k < sampler->range; k++)
        sampler->probability[k] = weights[k] / sum;
    return STATUS_OK;
}

static enum status tables_build(struct sampler *sampler, const uint64_t *counts, double power,
                                struct error *err) {
    double *weights = calloc(sampler->range, sizeof *weights);
    sampler->cells = calloc(sampler->range, sizeof *sampler->cells);
    sampler->probability = calloc(sampler->range, sizeof *sampler->probability);
    enum status status;
    if (!weights || !sampler->cells || !sampler->probability)
        status =
            error_set(err, STATUS_NO_MEMORY, "no memory for a sampler over %u ids", sampler->range);
    else
        status = weights_fill(sampler, counts, power, weights, err);
    if (status == STATUS_OK)
        status = alias_build(weights, sampler->range, sampler->cells, err);
    free(weights);
    return status;
}

enum status sampler_create(struct sampler **out, enum sampler_kind kind, uint32_t range,
                           const uint64_t *counts, double power, struct error *err) {
    *out = NULL;
    if (range == 0)
        return error_set_key(err, STATUS_REFUSED, "range", "range must be between 1 and %u, not 0",
                             UINT32_MAX);
    if (kind == SAMPLER_UNIGRAM && !(power >= -1 && power <= 2))
        return error_set_key(err, STATUS_REFUSED, "power", "power must be between -1 and 2, not %g",
                             power);
    assert(kind != SAMPLER_UNIGRAM || counts);
    struct sampler *sampler = calloc(1, sizeof *sampler);
    if (!sampler)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a sampler");
    sampler->kind = kind;
    sampler->range = range;
    sampler->support = range;
    enum status status = STATUS_OK;
    switch (kind) {
    case SAMPLER_LOG_UNIFORM:
        sampler->log_range = log1p(range);
        sampler->log2_range = draw_log2((double)range + 1);
        sampler->draw = draw_choose();
        sampler->min = sampler_probability(sampler, range - 1);
        break;
    case SAMPLER_UNIGRAM:
        status = tables_build(sampler, counts, power, err);
        break;
    case SAMPLER_UNIFORM:
        sampler->min = sampler_probability(sampler, range - 1);
        break;
    }
    if (status != STATUS_OK) {
        sampler_free(sampler);
        return status;
    }
    *out = sampler;
    return STATUS_OK;
}

void sampler_free(struct sampler *sampler) {
    if (!sampler)
        return;
    free(sampler->probability);
    free(sampler->cells);
    free(sampler);
}

uint32_t sampler_range(const struct sampler *sampler) {
    return sampler->range;
}

uint32_t sampler_support(const struct sampler *sampler) {
    return sampler->support;
}

double sampler_probability(const struct sampler *sampler, uint32_t id) {
    if (id >= sampler->range)
        return 0;
    switch (sampler->kind) {
    case SAMPLER_LOG_UNIFORM:
        return log1p(1 / ((double)id + 1)) / sampler->log_range;
    case SAMPLER_UNIGRAM:
        return sampler->probability[id];
    case SAMPLER_UNIFORM:
        return 1.0 / sampler->range;
    }
    return no_kind();
}

/* Rounding may reach range itself: the last id it is then, not (by a modulo) the most frequent
 * one. */
static uint32_t id_of(double value, uint32_t last) {
    return value < last ? (uint32_t)value : last;
}

uint32_t sampler_invert(const struct sampler *sampler, double u) {
    assert(u >= 0 && u < 1);
    uint32_t last = sampler->range - 1;
    double scaled = u * sampler->range;
    uint32_t bucket = id_of(scaled, last);
    switch (sampler->kind) {
    case SAMPLER_LOG_UNIFORM:
        return id_of(exp(u * sampler->log_range) - 1, last);
    case SAMPLER_UNIGRAM: {
        struct alias_cell cell = sampler->cells[bucket];
        return (scaled - bucket) * 0x1p32 < cell.threshold ? bucket : cell.alias;
    }
    case SAMPLER_UNIFORM:
        return bucket;
    }
    return no_kind();
}

/* A counter under a random start, each value multiplied by itself under a key and folded (after
 * wyrand, Wang Yi 2019), and not one random_next for each id: no draw waits for the one before. */
static inline uint64_t counter_fold(uint64_t counter) {
    wide product = (wide)counter * (counter ^ UINT64_C(0xe7037ed1a0b428db));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void fill_log_uniform(const struct sampler *sampler, uint64_t counter, uint32_t *ids,
                             size_t n) {
    uint64_t words[512]; /* in the first-level cache, with their ids and the trainer's rows */
    for (size_t done = 0; done < n;) {
        size_t some = n - done < 512 ? n - done : 512;
        for (size_t i = 0; i < some; i++)
            words[i] = counter_fold(counter += COUNTER_STEP);
        if (sampler->range <= DRAW_RANGE_MAX)
            sampler->draw->log_uniform(words, sampler->log2_range, sampler->range, ids + done,
                                       some);
        else
            draw_log_uniform_any(words, sampler->log2_range, sampler->range, ids + done, some);
        done += some;
    }
}

static void fill_unigram(const struct sampler *sampler, uint64_t counter, uint32_t *ids, size_t n) {
    const struct alias_cell *cells = sampler->cells;
    uint32_t range = sampler->range;
    for (size_t i = 0; i < n; i++) {
        /* The top bits choose the bucket; within one, the low 32 are the coin. */
        uint64_t bits = counter_fold(counter += COUNTER_STEP);
        uint32_t bucket = (uint32_t)((wide)bits * range >> 64);
        struct alias_cell cell = cells[bucket];
        /* All ones when coin < threshold. A mask, not a branch, as nobody can predict a coin; and
         * by a borrow, as clang makes a branch of a comparison. */
        uint32_t stay = (uint32_t)(((bits & UINT32_MAX) - cell.threshold) >> 32);
        ids[i] = cell.alias ^ ((cell.alias ^ bucket) & stay);
    }
}

static void fill_uniform(const struct sampler *sampler, uint64_t counter, uint32_t *ids, size_t n) {
    for (size_t i = 0; i < n; i++)
        ids[i] = (uint32_t)((wide)counter_fold(counter += COUNTER_STEP) * sampler->range >> 64);
}

void sampler_fill(const struct sampler *sampler, struct random *random, uint32_t *ids, size_t n) {
    uint64_t counter = random_next(random);
    switch (sampler->kind) {
    case SAMPLER_LOG_UNIFORM:
        fill_log_uniform(sampler, counter, ids, n);
        break;
    case SAMPLER_UNIGRAM:
        fill_unigram(sampler, counter, ids, n);
        break;
    case SAMPLER_UNIFORM:
        fill_uniform(sampler, counter, ids, n);
        break;
    }
}

/* The ids of a batch so far: open addressing, at most half full, slots hold id + 1. */
struct id_set {
    uint32_t *slots;
    size_t mask;
    uint32_t small[256]; /* the usual batch needs no allocation */
};

static bool id_set_init(struct id_set *set, size_t n) {
    size_t slots = 256;
    while (slots < 2 * n)
        slots *= 2;
    set->mask = slots - 1;
    if (slots == sizeof set->small / sizeof *set->small)
        set->slots = memset(set->small, 0, sizeof set->small);
    else
        set->slots = calloc(slots, sizeof *set->slots);
    return set->slots;
}

static void id_set_clear(struct id_set *set) {
    if (set->slots != set->small)
        free(set->slots);
}

/* False when the id was there already. */
static bool id_set_add(struct id_set *set, uint32_t id) {
    size_t at = (size_t)random_mix(id) & set->mask;
    for (; set->slots[at] != 0; at = (at + 1) & set->mask)
        if (set->slots[at] == id + 1)
            return false;
    set->slots[at] = id + 1;
    return true;
}

/* After (64 + ln n) / min draws each single id has been seen, save with probability e^-64: more
 * only means that the generator is broken. The cap is that of the published op; what is too rare
 * for it would take minutes. */
static uint64_t tries_max(const struct sampler *sampler, size_t n) {
    double max = (64 + log((double)n + 1)) / sampler->min + (double)n;
    return max < INT32_MAX ? (uint64_t)max : INT32_MAX;
}

static double draw_unit(void *random) {
    return random_unit(random);
}

static enum status sample_unique(const struct sampler *sampler, double (*draw)(void *context),
                                 void *context, uint32_t *ids, size_t n, uint64_t *tries,
                                 struct error *err) {
    if (n > sampler->support)
        return error_set(err, STATUS_REFUSED,
                         "cannot draw %zu different ids: only %u have a probability above zero", n,
                         sampler->support);
    struct id_set set;
    if (!id_set_init(&set, n))
        return error_set(err, STATUS_NO_MEMORY, "no memory to draw %zu different ids", n);
    uint64_t max = tries_max(sampler, n), count = 0;
    size_t kept = 0;
    for (; kept < n && count < max; count++) {
        uint32_t id = sampler_invert(sampler, draw(context));
        if (id_set_add(&set, id))
            ids[kept++] = id;
    }
    id_set_clear(&set);
    *tries = count;
    if (kept < n)
        return error_set(err, STATUS_REFUSED,
                         "gave up drawing %zu different ids after %llu draws: found %zu", n,
                         (unsigned long long)count, kept);
    return STATUS_OK;
}

enum status sampler_sample(const struct sampler *sampler, struct random *random,
                           double (*draw)(void *context), void *context, bool unique, uint32_t *ids,
                           size_t n, uint64_t *tries, struct error *err) {
    if (!draw) {
        draw = draw_unit;
        context = random;
    }
    if (unique)
        return sample_unique(sampler, draw, context, ids, n, tries, err);
    for (size_t i = 0; i < n; i++)
        ids[i] = sampler_invert(sampler, draw(context));
    *tries = n;
    return STATUS_OK;
}

double sampler_expected_count(const struct sampler *sampler, uint32_t id, size_t n,
                              uint64_t tries) {
    double probability = sampler_probability(sampler, id);
    if (tries == n)
        return probability * (double)n;
    return -expm1((double)tries * log1p(-probability));
}

static bool ids_contain(const uint32_t *ids, size_t n, uint32_t id) {
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

size_t sampler_accidental_hits(const uint32_t *truth, size_t rows, size_t per_row,
                               const uint32_t *sampled, size_t n, struct accidental_hit *hits,
                               size_t room) {
    size_t found = 0;
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < n; column++)
            if (ids_contain(truth + row * per_row, per_row, sampled[column])) {
                if (found < room)
                    hits[found] = (struct accidental_hit){(uint32_t)row, (uint32_t)column};
                found++;
            }
    return found;
}
