#include "corpus/corpus.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/random.h"
#include "corpus/corpus_private.h"
#include "corpus/corpus_range.h"
#include "corpus/corpus_rank.h"
#include "corpus/corpus_remap.h"
#include "corpus/corpus_text.h"

/* Shares of the whole that progress gives to decoding (when there is any) and to counting; the rest
 * is numbering. */
#define SHARE_DECODE 0.3
#define SHARE_COUNT 0.75
#define SHARE_ENDS 0.1 /* of the numbers are sentence ends, about: they are no words */
#define BUDGET_MIN 524288u
#define NUMBERS_PART \
    16 /* of the memory holds numbers; more of them are cheap to write and to read again */
#define INVALID_MIN 16 /* invalid parts that are more than damage of a small text */
#define SEED_DIGITS 16 /* of the hash's seed, hexadecimal */

/* One reading of a corpus, from the path to the ids. */
struct reading {
    const struct corpus_options *options;
    const struct corpus_scanner *scanner;
    struct corpus_layout layout;
    struct corpus_owner *owner;
    struct corpus *corpus; /* of the owner */
    struct corpus_pool pool;
    struct corpus_text opening; /* of the thread that opens it */
    struct corpus_text text;
    uint64_t input_length; /* of the file as it is */
    atomic_ullong input;
    bool decoded;
    struct corpus_counter *counters; /* [pool.threads] */
    struct corpus_ranking ranking;
    struct corpus_spectrum *spectrum; /* where the caller wants none */
    struct corpus_remap remap;
    double started;
};

static uint64_t counters_done(const struct reading *reading) {
    uint64_t done = 0;
    for (int t = 0; reading->counters && t < reading->pool.threads; t++)
        done += atomic_load_explicit(&reading->counters[t].done, memory_order_relaxed);
    return done;
}

static void reading_tick(void *context) {
    struct reading *reading = context;
    const struct corpus_options *options = reading->options;
    if (!options->on_progress)
        return;
    double share = 0, decode = reading->decoded ? SHARE_DECODE : 0,
           words = (double)reading->corpus->report.words;
    uint64_t done = counters_done(reading),
             input = atomic_load_explicit(&reading->input, memory_order_relaxed);
    if (reading->decoded && reading->input_length > 0)
        share = decode * (double)input / (double)reading->input_length;
    if (reading->text.length > 0)
        share = decode + (SHARE_COUNT - decode) * (double)done / (double)reading->text.length;
    if (words > 0)
        share += (1 - SHARE_COUNT) *
                 (double)atomic_load_explicit(&reading->remap.done, memory_order_relaxed) /
                 ((1 + SHARE_ENDS) * words);
    struct corpus_report report = reading->corpus->report;
    report.bytes = done;
    report.seconds = machine_monotonic_seconds() - reading->started;
    options->on_progress(options->context, share < 1 ? share : 1, &report);
}

static enum status text_work(void *context, int index, struct error *err) {
    struct reading *reading = context;
    (void)index;
    const struct corpus_options *options = reading->options;
    return corpus_text_open(&reading->opening, options->settings, options->path, options->work,
                            &reading->pool, err);
}

/* On one thread of the pool, so that decoding reports progress. */
static enum status reading_open(struct reading *reading, struct error *err) {
    enum status status = file_size(reading->options->path, &reading->input_length, err);
    if (status != STATUS_OK)
        return status;
    reading->opening.input = &reading->input;
    reading->decoded = true;
    int threads = reading->pool.threads;
    reading->pool.threads = 1;
    status = corpus_pool_run(&reading->pool, text_work, reading, err);
    reading->pool.threads = threads;
    if (status != STATUS_OK)
        return status;
    reading->text = reading->opening; /* not before: ticks look at it */
    reading->decoded = reading->text.bytes != reading->input_length;
    reading->corpus->report.bytes = reading->text.bytes;
    if (reading->text.length == 0)
        return error_set(err, STATUS_REFUSED, "corpus is empty");
    posix_madvise((char *)(uintptr_t)reading->text.map.data, reading->text.map.length,
                  POSIX_MADV_SEQUENTIAL);
    return STATUS_OK;
}

/* Half of the memory is for merging. */
static struct corpus_budget counting_budget(const struct settings *settings, int threads) {
    uint64_t memory =
        settings->max_memory > 0 ? (uint64_t)settings->max_memory : machine_memory_available();
    uint64_t share = memory / (uint64_t)threads, table = share / 2 - share / NUMBERS_PART;
    return (struct corpus_budget){.table = table < BUDGET_MIN ? BUDGET_MIN : table,
                                  .numbers = share / NUMBERS_PART};
}

static enum status counter_start(struct reading *reading, int index, uint64_t seed,
                                 struct error *err) {
    const struct corpus_options *options = reading->options;
    char name[32];
    snprintf(name, sizeof name, "corpus-part-%d", index);
    char *path = path_join(options->work, name);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for reading the corpus");
    struct corpus_counter *counter = &reading->counters[index];
    counter->layout = reading->layout;
    counter->scanner = reading->scanner;
    struct corpus_budget budget = counting_budget(options->settings, options->threads);
    enum status status = corpus_counter_init(counter, options->settings, path, &budget, seed, err);
    free(path);
    if (status != STATUS_OK)
        return status;
    const char *text = reading->text.data, *end = text + reading->text.length;
    uint64_t share = reading->text.length / (uint64_t)options->threads,
             at = share * (uint64_t)index;
    counter->pool = &reading->pool;
    counter->text = text;
    counter->text_end = end;
    counter->begin = index == 0 ? text : reading->counters[index - 1].end;
    counter->end = end;
    if (index + 1 < options->threads) {
        const char *nominal = text + at + share;
        counter->end = corpus_range_cut(
            text, end, nominal < counter->begin ? counter->begin : nominal, reading->layout.lists);
    }
    return STATUS_OK;
}

static enum status count_work(void *context, int index, struct error *err) {
    struct reading *reading = context;
    return corpus_range_count(&reading->counters[index], err);
}

static void line_longest(struct corpus_report *report, uint64_t length) {
    if (length > report->longest_line)
        report->longest_line = length;
}

/* Every figure is the same at any number of threads (with pruning: only at one). */
static void report_collect(struct reading *reading) {
    struct corpus_report *report = &reading->corpus->report;
    bool open = false;
    uint64_t line = 0; /* bytes of the line that goes on in the next range */
    for (int t = 0; t < reading->pool.threads; t++) {
        const struct corpus_counter *counter = &reading->counters[t];
        report->lines += counter->lines;
        report->empty_lines += counter->empty_lines;
        report->sentences +=
            counter->sentences + (counter->marked && (counter->first_open || open));
        open = counter->marked ? counter->open : counter->open || open;
        report->pruned_words += counter->loss.words;
        report->words += counter->loss.words + counter->words;
        report->distinct += counter->loss.distinct;
        report->invalid_utf8 +=
            counter->loss.invalid_utf8 + counter->tokenizer.invalid + counter->invalid_utf8;
        if (counter->lines > 0) {
            line += counter->first_line;
            line_longest(report, line - (line > 0 && counter->first_return));
            line_longest(report, counter->longest_line);
            line = 0;
        }
        if (counter->begin < counter->end && counter->line < counter->end)
            line += (uint64_t)(counter->end - counter->line);
        if (counter->table.longest > report->longest_word)
            report->longest_word = counter->table.longest;
    }
    report->sentences += open;
}

/* Where a text is in another encoding behind its first pages, or all over in small doses. */
static enum status invalid_check(const struct reading *reading, struct error *err) {
    const struct corpus_report *report = &reading->corpus->report;
    double max = reading->options->settings->max_invalid_share;
    if (report->invalid_utf8 < INVALID_MIN || max >= 1 ||
        (double)report->invalid_utf8 <= max * (double)report->words)
        return STATUS_OK;
    return error_set_key(err, STATUS_UNSUPPORTED, "max_invalid_share",
                         "corpus is not in UTF-8: %llu parts of its %llu words are invalid, "
                         "max_invalid_share is %g; recode it: iconv -f LATIN1 -t UTF-8",
                         (unsigned long long)report->invalid_utf8,
                         (unsigned long long)report->words, max);
}

static enum status reading_count(struct reading *reading, struct error *err) {
    int threads = reading->pool.threads;
    char token[SEED_DIGITS + 1];
    enum status status =
        random_token(token, SEED_DIGITS, err); /* nobody can prepare words that collide */
    if (status != STATUS_OK)
        return status;
    reading->counters = calloc((size_t)threads, sizeof *reading->counters);
    if (!reading->counters)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %d threads", threads);
    for (int t = 0; t < threads; t++)
        reading->counters[t].spill.file = -1;
    for (int t = 0; t < threads && status == STATUS_OK; t++)
        status = counter_start(reading, t, strtoull(token, NULL, 16), err);
    if (status == STATUS_OK)
        status = corpus_pool_run(&reading->pool, count_work, reading, err);
    if (status != STATUS_OK)
        return status;
    report_collect(reading);
    if (reading->corpus->report.words == 0)
        return error_set(err, STATUS_REFUSED, "corpus is empty: %llu bytes hold no word",
                         (unsigned long long)reading->corpus->report.bytes);
    return invalid_check(reading, err);
}

#define UNSPACED_BYTES 24 /* of a word, on the average, when it is likely to be a whole line */

static const char *hint_of_rare_words(const struct settings *settings,
                                      const struct corpus_report *report) {
    switch (settings->tokenizer) {
    case TOKENIZER_WHITESPACE:
        return report->bytes >= UNSPACED_BYTES * report->words
                   ? "; text without spaces, such as Chinese, needs tokenizer = unicode"
                   : "";
    case TOKENIZER_UNICODE:
        break;
    }
    return "";
}

/* What is known once words are counted, whether any of them is kept or not; then min_count may be
 * chosen. */
static void words_are_counted(void *context, struct corpus_ranking *ranking) {
    struct reading *reading = context;
    const struct corpus_options *options = reading->options;
    struct corpus_spectrum *spectrum = ranking->spectrum;
    struct corpus_report *report = &reading->corpus->report;
    report->distinct += ranking->distinct;
    spectrum->report = *report;
    report->evenness = spectrum->report.evenness = corpus_evenness(spectrum);
    spectrum->report.seconds = machine_monotonic_seconds() - reading->started;
    for (int t = 0; t < reading->pool.threads; t++)
        spectrum->table_bytes += word_table_bytes(&reading->counters[t].table);
    if (options->choose_min_count) {
        uint64_t chosen = options->choose_min_count(options->chooser, spectrum);
        if (options->settings->min_count == SETTING_AUTO_INT)
            ranking->min_count = chosen;
    }
}

static enum status reading_rank(struct reading *reading, struct error *err) {
    const struct corpus_options *options = reading->options;
    struct corpus_report *report = &reading->corpus->report;
    struct corpus_ranking *ranking = &reading->ranking;
    ranking->min_count = (uint64_t)options->settings->min_count;
    ranking->max = (uint64_t)options->settings->max_vocab;
    ranking->choose = words_are_counted;
    ranking->chooser = reading;
    if (!options->spectrum)
        reading->spectrum = calloc(1, sizeof *reading->spectrum);
    ranking->spectrum = options->spectrum ? options->spectrum : reading->spectrum;
    ranking->maps = calloc((size_t)reading->pool.threads, sizeof *ranking->maps);
    if (!ranking->maps || !ranking->spectrum)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %d threads",
                         reading->pool.threads);
    enum status status = corpus_rank(&reading->pool, reading->counters, ranking, err);
    if (status != STATUS_OK)
        return status;
    if (ranking->size == 0)
        return error_set_key(
            err, STATUS_REFUSED, "min_count",
            "no word reaches min_count %llu: the most frequent, '%s', was seen %llu times%s",
            (unsigned long long)ranking->min_count, ranking->top.word,
            (unsigned long long)ranking->top.count, hint_of_rare_words(options->settings, report));
    report->vocabulary = ranking->size;
    report->kept_words = ranking->kept_words;
    report->rare_words = report->words - report->pruned_words - ranking->kept_words;
    return STATUS_OK;
}

/* Beside the numbering, which has no use for the text any more. */
static enum status vocabulary_work(void *context, struct error *err) {
    struct reading *reading = context;
    corpus_text_close(&reading->text);
    return corpus_vocabulary(reading->counters, &reading->ranking, &reading->corpus->vocabulary,
                             err);
}

static enum status reading_number(struct reading *reading, struct error *err) {
    struct corpus_owner *owner = reading->owner;
    struct corpus_remap *remap = &reading->remap;
    owner->ids.path = path_join(reading->options->work, CORPUS_IDS_FILE);
    if (!owner->ids.path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for numbering the corpus");
    remap->counters = reading->counters;
    remap->maps = reading->ranking.maps;
    remap->beside = vocabulary_work;
    remap->beside_context = reading;
    enum status status = file_scratch_open(owner->ids.path, &remap->ids, err);
    if (status != STATUS_OK)
        return status;
    status = corpus_remap(&reading->pool, remap, err);
    close(remap->ids);
    if (status == STATUS_OK)
        status = file_map_open(&owner->ids.map, owner->ids.path, err);
    if (status != STATUS_OK)
        return status;
    owner->corpus.ids = (const uint32_t *)(const void *)owner->ids.map.data;
    owner->corpus.length = remap->length;
    owner->corpus.words = remap->words;
    return STATUS_OK;
}

static enum status clear_work(void *context, int index, struct error *err) {
    struct reading *reading = context;
    (void)err;
    corpus_counter_clear(&reading->counters[index]);
    return STATUS_OK;
}

/* Giving so much memory back takes a while too: on all threads, if they can be had. */
static void reading_clear(struct reading *reading) {
    struct error ignored;
    reading->pool.tick = NULL;
    if (reading->counters &&
        corpus_pool_run(&reading->pool, clear_work, reading, &ignored) != STATUS_OK)
        for (int t = 0; t < reading->pool.threads; t++)
            corpus_counter_clear(&reading->counters[t]);
    for (int t = 0; reading->ranking.maps && t < reading->pool.threads; t++)
        free(reading->ranking.maps[t]);
    free(reading->counters);
    free(reading->ranking.maps);
    free(reading->ranking.ranked);
    free(reading->spectrum);
    corpus_text_close(&reading->text);
    corpus_pool_stop(&reading->pool);
}

static enum status reading_run(struct reading *reading, struct error *err) {
    enum status status = reading_open(reading, err);
    if (status == STATUS_OK)
        status = reading_count(reading, err);
    if (status == STATUS_OK)
        status = reading_rank(reading, err);
    if (status == STATUS_OK)
        status = reading_number(reading, err);
    reading_clear(reading);
    return status;
}

enum status corpus_create_by(struct corpus **corpus, const struct corpus_options *options,
                             const struct corpus_scanner *scanner, struct error *err) {
    struct reading reading = {
        .options = options, .scanner = scanner, .started = machine_monotonic_seconds()};
    reading.pool = (struct corpus_pool){.threads = options->threads,
                                        .request = options->request,
                                        .tick = reading_tick,
                                        .tick_context = &reading};
    enum status status = corpus_layout_init(&reading.layout, options->settings, err);
    if (status != STATUS_OK)
        return status;
    if (options->threads < 1)
        return error_set(err, STATUS_INTERNAL, "reading a corpus needs a thread, not %d",
                         options->threads);
    if (options->settings->min_count == SETTING_AUTO_INT && !options->choose_min_count)
        return error_set(err, STATUS_INTERNAL, "min_count is auto, and nothing chooses it");
    reading.owner = calloc(1, sizeof *reading.owner);
    if (!reading.owner)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for reading the corpus");
    reading.corpus = &reading.owner->corpus;
    status = reading_run(&reading, err);
    if (status != STATUS_OK) {
        corpus_free(reading.corpus);
        return status;
    }
    reading.corpus->report.seconds = machine_monotonic_seconds() - reading.started;
    if (options->on_progress)
        options->on_progress(options->context, 1, &reading.corpus->report);
    *corpus = reading.corpus;
    return STATUS_OK;
}

enum status corpus_create(struct corpus **corpus, const struct corpus_options *options,
                          struct error *err) {
    return corpus_create_by(corpus, options, corpus_scanner_fastest(), err);
}

void corpus_ids_close(struct corpus_ids *ids) {
    file_map_close(&ids->map);
    if (ids->path)
        (void)unlink(ids->path); /* one that stays is overwritten by the next reading */
    free(ids->path);
    *ids = (struct corpus_ids){.map = {.data = ""}};
}

void corpus_free(struct corpus *corpus) {
    _Static_assert(offsetof(struct corpus_owner, corpus) == 0, "a corpus begins its owner");
    struct corpus_owner *owner = (struct corpus_owner *)corpus;
    if (!owner)
        return;
    corpus_ids_close(&owner->ids);
    corpus_ids_close(&owner->held);
    vocabulary_free(owner->corpus.vocabulary);
    free(owner);
}
