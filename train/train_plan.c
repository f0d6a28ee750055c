#include "train/train_plan.h"

#include <math.h>
#include <string.h>

#include "base/decode.h"
#include "base/file.h"
#include "base/machine.h"
#include "kernel/train_step.h"
#include "train/calibrate.h"
#include "train/decide.h"
#include "train/judge.h"
#include "train/pair_source.h"
#include "train/plan_notes.h"
#include "train/subsampling.h"

/* Bytes of a word while the tables of the threads are merged and ranked, and of one that is kept:
 * see corpus_merge.h, corpus_rank.c and vocabulary.h. */
#define MERGE_BYTES 112
#define KEPT_BYTES 128
#define PROGRAM_BYTES ((uint64_t)16 << 20) /* of the program itself, and small change */
#define THREAD_BYTES ((uint64_t)1 << 20)   /* buffers of a thread that reads */
#define ENTRY_BYTES sizeof(uint32_t)       /* of a word or a sentence's end in the ids */

/* Settings by which the corpus, a sample when factor is above 1, is read: what stands `min_count`
 * times in the whole stands as many times less in it. */
static struct settings reading_settings(const struct train_plan_options *options) {
    struct settings settings = *options->training.settings;
    double factor = options->factor;
    if (factor > 1 && settings.min_count != SETTING_AUTO_INT)
        settings.min_count = (int64_t)fmax(ceil((double)settings.min_count / factor), 1);
    if (options->memory > 0 &&
        (settings.max_memory == 0 || (uint64_t)settings.max_memory > options->memory))
        settings.max_memory = (int64_t)options->memory;
    return settings;
}

/* A compressed text is read without this look. */
static enum status look_at_lines(const struct train_plan_options *options, struct train_plan *plan,
                                 struct error *err) {
    struct file_map map;
    enum status status = file_map_open(&map, options->training.corpus, err);
    if (status != STATUS_OK)
        return status;
    bool plain = encoding_detect(map.data, map.length) == ENCODING_IDENTITY;
    file_map_close(&map);
    return plain ? corpus_repeated_lines(options->training.corpus, options->training.request,
                                         &plan->repeated_lines, err)
                 : STATUS_OK;
}

static void fill_words(const struct corpus *corpus, struct train_plan *plan) {
    const struct settings *chosen = &plan->chosen;
    const struct corpus_report *report = &plan->spectrum.report;
    double factor = plan->factor;
    struct corpus_reach all = corpus_reach(&plan->spectrum, 1, factor),
                        kept = corpus_reach(
                            &plan->spectrum,
                            (uint64_t)fmin((double)chosen->min_count, CORPUS_SPECTRUM - 1), factor);
    plan->words = (double)report->words * factor;
    plan->distinct = factor > 1 ? all.words : (double)report->distinct;
    plan->vocabulary = kept.words;
    plan->kept_words = kept.covered * plan->words;
    if (!corpus) {
        plan->vocabulary = plan->kept_words = factor > 1 ? plan->vocabulary : 0;
    } else if (factor <= 1 || chosen->min_count >= CORPUS_SPECTRUM) {
        plan->vocabulary = (double)corpus->report.vocabulary;
        plan->kept_words = (double)corpus->report.kept_words * factor;
    }
    if (corpus && chosen->max_vocab > 0 && plan->vocabulary > (double)chosen->max_vocab) {
        plan->vocabulary = (double)chosen->max_vocab;
        plan->kept_words = (double)corpus->report.kept_words * factor;
    }
}

static void fill_curve(struct train_plan *plan) {
    static const uint64_t usual[] = {1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000};
    uint64_t own = (uint64_t)plan->chosen.min_count;
    for (size_t i = 0; i <= sizeof usual / sizeof *usual; i++) {
        bool last = i == sizeof usual / sizeof *usual;
        uint64_t points[2] = {own, last ? own : usual[i]};
        bool between =
            own < CORPUS_SPECTRUM && (i == 0 || own > usual[i - 1]) && (last || own < usual[i]);
        for (int k = between ? 0 : 1; k < (last ? 1 : 2); k++) {
            struct corpus_reach reach = corpus_reach(&plan->spectrum, points[k], plan->factor);
            struct train_memory memory =
                train_memory(&plan->chosen, (uint64_t)reach.words, plan->beside);
            plan->curve[plan->n_curve++] = (struct plan_point){
                points[k], reach.words, reach.covered, memory.needed, memory.fits};
        }
    }
}

static void fill_sizes(struct train_plan *plan) {
    const struct corpus_report *report = &plan->spectrum.report;
    uint64_t words = (uint64_t)plan->vocabulary;
    double entries = plan->words + (double)report->sentences * plan->factor;
    double kept = plan->kept_words + (double)report->sentences * plan->factor;
    plan->memory = train_memory(&plan->chosen, words, plan->beside);
    plan->disk = train_disk(&plan->chosen, words);
    /* Each word is in the tables of several threads, at worst; so it was in ours. */
    double growth = report->distinct > 0 ? plan->distinct / (double)report->distinct : 1;
    plan->memory_to_read =
        (uint64_t)(growth * (double)plan->spectrum.table_bytes + plan->distinct * MERGE_BYTES +
                   plan->vocabulary * KEPT_BYTES +
                   fmin(entries * ENTRY_BYTES, (double)plan->memory.allowed / 16)) +
        (uint64_t)train_threads(&plan->chosen) * THREAD_BYTES + PROGRAM_BYTES;
    plan->disk_ids = (uint64_t)(kept * ENTRY_BYTES) * (plan->chosen.holdout > 0 ? 2 : 1);
    plan->disk_to_read = (uint64_t)(entries * ENTRY_BYTES) + plan->disk_ids;
}

/* trained: share of the words that holdout leaves. */
static void fill_time(struct train_plan *plan, double seconds, double trained) {
    const struct plan_speed *speed = &plan->speed;
    const struct settings *settings = &plan->chosen;
    plan->reading_seconds = seconds * plan->factor;
    if (!speed->known || speed->share <= 0 || plan->sample_share <= 0)
        return;
    double words = plan->kept_words * trained * (double)settings->epochs;
    double of_text = plan->pairs.used > 0 ? 1 - settings->pairs_share : 1; /* of the steps */
    if (settings->max_steps > 0)
        words =
            fmin(words, of_text * (double)settings->max_steps * KERNEL_BLOCK / plan->sample_share);
    plan->words_to_train = words;
    /* It takes as long as words are kept: the rest is passed over. */
    plan->training_seconds = words / speed->words_per_second * (plan->sample_share / speed->share);
    if (plan->pairs.used > 0) /* their steps are the rest of them, and cost about the same */
        plan->training_seconds /= 1 - settings->pairs_share;
}

/* Pairs that training would refuse are the plan's refusal. */
static enum status fill_pairs(const struct train_plan_options *options, const struct corpus *corpus,
                              struct train_plan *plan, struct error *err) {
    const struct train_options *training = &options->training;
    struct pair_source source;
    struct error why = {0};
    enum status status = pair_source_init(&source, training->settings, training->pairs,
                                          corpus->vocabulary, training->request, &why);
    plan->pairs = source.report;
    plan->beside = pair_source_wanted(training->settings) ? pair_source_bytes(source.n) : 0;
    pair_source_clear(&source);
    if (status == STATUS_CANCELLED || status == STATUS_PAUSED || status == STATUS_NO_MEMORY)
        return error_set_key(err, status, why.key, "%s", why.text);
    if (status != STATUS_OK)
        plan->refusal = why;
    return STATUS_OK;
}

/* The words, and the settings that are chosen by them. corpus: NULL where no word is kept. */
static enum status plan_choose(struct decision *decision, const struct corpus *corpus,
                               struct train_plan *plan, struct error *err) {
    const struct vocabulary *counts = corpus ? corpus->vocabulary : NULL;
    plan->chosen = decision->chosen; /* with min_count */
    if (corpus)
        plan->spectrum.report = corpus->report;
    fill_words(corpus, plan);
    enum status status =
        decide_rest(decision, &plan->spectrum.report, plan->kept_words, counts, err);
    plan->chosen = decision->chosen;
    if (counts)
        plan->sample_share = subsampling_share(plan->chosen.sample, counts);
    return status;
}

static enum status plan_corpus(const struct train_plan_options *options, struct corpus *corpus,
                               struct train_plan *plan, struct error *err) {
    const struct settings *chosen = &plan->chosen;
    enum status status = fill_pairs(options, corpus, plan, err);
    if (status != STATUS_OK)
        return status;
    fill_sizes(plan);
    enum status refused = train_judge(chosen, corpus, options->training.work, &plan->refusal);
    if (refused == STATUS_OK)
        refused = train_admit(chosen, (uint64_t)plan->vocabulary, plan->beside, &plan->refusal);
    if (refused == STATUS_OK || refused == STATUS_NO_MEMORY)
        status = train_calibrate(options, &plan->chosen, corpus, &plan->speed, err);
    if (status == STATUS_OK)
        fill_time(plan, corpus->report.seconds,
                  (double)corpus->words / (double)(corpus->words + corpus->held_words));
    return status;
}

/* With the words counted the rest is told, though training would end here. */
static bool is_refusal(const struct train_plan *plan, enum status status) {
    return plan->spectrum.report.words > 0 && plan->spectrum.report.distinct > 0 &&
           status == STATUS_REFUSED;
}

enum status train_plan(const struct train_plan_options *options, struct train_plan *plan,
                       struct error *err) {
    const struct settings *asked = options->training.settings;
    struct corpus *corpus = NULL;
    struct error refused = {0};
    *plan = (struct train_plan){.chosen = *asked, .factor = fmax(options->factor, 1)};
    struct settings reading = reading_settings(options);
    struct decision decision = {.asked = asked, .factor = plan->factor};
    struct corpus_options corpus_options = {.settings = &reading,
                                            .path = options->training.corpus,
                                            .work = options->training.work,
                                            .threads = train_threads(asked),
                                            .request = options->training.request,
                                            .spectrum = &plan->spectrum,
                                            .choose_min_count = decide_min_count,
                                            .chooser = &decision};
    int machine = machine_threads();
    decide_begin(&decision);
    if (corpus_options.threads > machine)
        corpus_options.threads = machine;
    enum status status = settings_check(asked, err);
    if (status == STATUS_OK && asked->format == FORMAT_EDGES)
        status =
            error_set_key(err, STATUS_REFUSED, "format",
                          "there is no plan for format = edges: the training itself tells what "
                          "does not fit once the edges are read");
    if (status == STATUS_OK)
        status = corpus_create(&corpus, &corpus_options, &refused);
    if (status != STATUS_OK && !is_refusal(plan, status))
        return error_set_key(err, status, refused.key, "%s", refused.text);
    plan->refusal = refused;
    status = plan_choose(&decision, corpus, plan, err);
    if (status == STATUS_OK && corpus) {
        status = plan_corpus(options, corpus, plan, err);
    } else {
        fill_sizes(plan);
        fill_time(plan, plan->spectrum.report.seconds, 1);
    }
    if (status == STATUS_OK)
        status = look_at_lines(options, plan, err);
    path_shorten(plan->chosen.pairs);
    if (status == STATUS_OK) {
        fill_curve(plan);
        plan_notes_chosen(asked, plan);
        plan_notes_warn(corpus, plan);
        plan_notes_suggest(corpus, plan);
    }
    corpus_free(corpus);
    return status;
}
