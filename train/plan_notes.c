#include "train/plan_notes.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "train/pairs.h"
#include "train/step_settings.h"
#include "train/warnings.h"
#include "train/word_tables.h"

#define SHARE_NEAR_LOW (1.25 * TRAIN_SHARE_LOW) /* a share below is worth a word */
#define REPEATED_LOW 0.2    /* a larger share of repeated lines is worth a warning */
#define COVERED_LOW 0.9     /* a smaller share of the text is */
#define COVERED_WANTED 0.98 /* that another min_count is to cover */

void plan_note_add(struct plan_notes *notes, const char *setting, const char *value,
                   const char *format, ...) {
    va_list arguments;
    if (notes->n == PLAN_NOTES)
        return;
    struct plan_note *note = &notes->notes[notes->n++];
    snprintf(note->setting, sizeof note->setting, "%s", setting ? setting : "");
    snprintf(note->value, sizeof note->value, "%s", value ? value : "");
    va_start(arguments, format);
    vsnprintf(note->text, sizeof note->text, format, arguments);
    va_end(arguments);
}

/* ---- what auto chose ------------------------------------------------------------------------- */

void plan_notes_chosen(const struct settings *asked, struct train_plan *plan) {
    const struct corpus_choices *choices = &plan->spectrum.report.choices;
    char value[32];
    for (uint64_t i = 0; i < choices->n; i++)
        plan_note_add(&plan->chosen_by_auto, choices->rows[i].setting, choices->rows[i].value, "%s",
                      choices->rows[i].why);
    if (asked->threads == 0 || asked->deterministic) {
        snprintf(value, sizeof value, "%d", asked->deterministic ? 1 : train_threads(asked));
        plan_note_add(&plan->chosen_by_auto, "threads", value,
                      asked->deterministic ? "deterministic trains on one thread"
                                           : "one for each CPU that this process may use");
    }
    if (asked->shared_negatives == 0 && !asked->exact_negatives) {
        snprintf(value, sizeof value, "%u", step_noise(asked));
        plan_note_add(&plan->chosen_by_auto, "shared_negatives", value,
                      "48, or negative if that is more");
    }
    if (asked->bias == BIAS_AUTO)
        plan_note_add(&plan->chosen_by_auto, "bias", step_bias(asked).fixed ? "fixed" : "none",
                      "what the objective is made for");
}

/* ---- warnings -------------------------------------------------------------------------------- */

static void say(void *context, bool serious, const char *text) {
    (void)serious;
    plan_note_add(context, NULL, NULL, "%s", text);
}

/* What training says before it begins, by its own words. */
static void warn_as_training(const struct corpus *corpus, struct train_plan *plan) {
    struct sampler *sampler = NULL;
    struct corpus_report report = corpus->report;
    report.sample_share = plan->sample_share;
    uint32_t noise = step_noise(&plan->chosen);
    bool unique = true; /* a sampler that cannot be made is training's to refuse */
    if (train_sampler_create(&plan->chosen, corpus->vocabulary, &sampler, NULL) == STATUS_OK)
        unique = word_tables_unique(&plan->chosen, noise, sampler);
    sampler_free(sampler);
    const struct forecast forecast = {.settings = &plan->chosen,
                                      .report = &report,
                                      .rows = vocabulary_size(corpus->vocabulary),
                                      .noise = noise,
                                      .unique = unique};
    warnings_visit(&forecast, say, &plan->warnings);
    double examples = plan->kept_words * plan->sample_share * (double)plan->chosen.epochs;
    if (plan->sample_share >= TRAIN_SHARE_LOW && plan->sample_share < SHARE_NEAR_LOW)
        plan_note_add(&plan->warnings, "sample", NULL,
                      "subsampling keeps %.3g%% of the words, near the fifth below which training "
                      "warns",
                      100 * plan->sample_share);
    if (examples < plan->vocabulary)
        plan_note_add(&plan->warnings, "epochs", NULL,
                      "only about %.0f words are trained in all epochs, for a vocabulary of %.0f: "
                      "most vectors will stay as they begin",
                      examples, plan->vocabulary);
}

static void warn_of_text(const struct corpus *corpus, struct train_plan *plan) {
    const struct corpus_report *report = &plan->spectrum.report;
    double covered = plan->words > 0 ? plan->kept_words / plan->words : 1;
    if (corpus && pairs_text_is_unspaced(&plan->chosen, corpus->vocabulary))
        plan_note_add(&plan->warnings, "tokenizer", NULL, "%s", PAIRS_UNSPACED_HINT);
    else if (report->words < 2 * report->sentences)
        plan_note_add(&plan->warnings, "sentence", NULL,
                      "most sentences are one word, which has nothing beside it to learn from: %s",
                      pairs_sentence_hint(&plan->chosen));
    if (plan->repeated_lines > REPEATED_LOW)
        plan_note_add(&plan->warnings, NULL, NULL,
                      "%.3g%% of the lines repeat a line before: leave them out, unless they are "
                      "meant to count",
                      100 * plan->repeated_lines);
    if (covered < COVERED_LOW)
        plan_note_add(&plan->warnings, "min_count", NULL,
                      "the vocabulary covers only %.3g%% of the text", 100 * covered);
    if (report->pruned_words > 0)
        plan_note_add(
            &plan->warnings, "max_memory", NULL,
            "memory was short while the words were counted: rare ones were forgotten, %llu "
            "words of the text, and the figures are too low by that",
            (unsigned long long)report->pruned_words);
    if (report->invalid_utf8 > 0)
        plan_note_add(&plan->warnings, NULL, NULL,
                      "%llu parts of words are no UTF-8: is the text in another encoding?",
                      (unsigned long long)report->invalid_utf8);
}

void plan_notes_warn(const struct corpus *corpus, struct train_plan *plan) {
    if (corpus)
        warn_as_training(corpus, plan);
    warn_of_text(corpus, plan);
    if (plan->speed.known && plan->speed.cpu_share < 0.8)
        plan_note_add(&plan->warnings, NULL, NULL,
                      "other programs took %.0f%% of the CPUs while the speed was measured: alone "
                      "the training is faster",
                      100 * (1 - plan->speed.cpu_share));
}

/* ---- suggestions ----------------------------------------------------------------------------- */

static bool fits_with(const struct train_plan *plan, uint64_t min_count) {
    double words = corpus_reach(&plan->spectrum, min_count, plan->factor).words;
    return train_memory(&plan->chosen, (uint64_t)words, plan->beside).fits;
}

/* The smallest min_count above the present one whose vocabulary fits; 0: none up to the end of the
 * spectrum. */
static uint64_t min_count_that_fits(const struct train_plan *plan) {
    uint64_t fails = (uint64_t)plan->chosen.min_count, fits = CORPUS_SPECTRUM - 1;
    if (fails >= fits || !fits_with(plan, fits))
        return 0;
    while (fails + 1 < fits) {
        uint64_t tried = fails + (fits - fails) / 2;
        if (fits_with(plan, tried))
            fits = tried;
        else
            fails = tried;
    }
    return fits;
}

static void suggest_memory(struct train_plan *plan) {
    char value[32];
    uint64_t least = min_count_that_fits(plan);
    if (plan->memory.max_dim > 0) {
        snprintf(value, sizeof value, "%lld", (long long)plan->memory.max_dim);
        plan_note_add(&plan->suggestions, "dim", value,
                      "the largest dim that fits into memory with this vocabulary");
    }
    if (least == 0)
        return;
    struct corpus_reach reach = corpus_reach(&plan->spectrum, least, plan->factor);
    snprintf(value, sizeof value, "%llu", (unsigned long long)least);
    plan_note_add(&plan->suggestions, "min_count", value,
                  "the smallest min_count that fits into memory with this dim: %.0f words, %.3g%% "
                  "of the text",
                  reach.words, 100 * reach.covered);
}

/* A lower min_count, where this one leaves much out and the next one fits. */
static void suggest_covered(struct train_plan *plan) {
    char value[32];
    uint64_t best = (uint64_t)plan->chosen.min_count;
    double covered = plan->words > 0 ? plan->kept_words / plan->words : 1;
    if (covered >= COVERED_LOW || best >= CORPUS_SPECTRUM)
        return;
    while (best > 1 && covered < COVERED_WANTED && fits_with(plan, best - 1))
        covered = corpus_reach(&plan->spectrum, --best, plan->factor).covered;
    if (best == (uint64_t)plan->chosen.min_count)
        return;
    snprintf(value, sizeof value, "%llu", (unsigned long long)best);
    plan_note_add(&plan->suggestions, "min_count", value,
                  "it covers %.3g%% of the text with %.0f words, and fits into memory",
                  100 * covered, corpus_reach(&plan->spectrum, best, plan->factor).words);
}

void plan_notes_suggest(const struct corpus *corpus, struct train_plan *plan) {
    const struct corpus_report *report = &plan->spectrum.report;
    if (!plan->memory.fits)
        suggest_memory(plan);
    else
        suggest_covered(plan);
    if (corpus && plan->sample_share < TRAIN_SHARE_LOW)
        plan_note_add(&plan->suggestions, "sample", SETTING_AUTO_NAME,
                      "it keeps at least the share sample_keep %g of the words",
                      plan->chosen.sample_keep);
    if (corpus && pairs_text_is_unspaced(&plan->chosen, corpus->vocabulary))
        plan_note_add(&plan->suggestions, "tokenizer", "unicode", "%s", PAIRS_UNSPACED_HINT);
    else if (report->words < 2 * report->sentences && plan->chosen.sentence == SENTENCE_LINE)
        plan_note_add(&plan->suggestions, "sentence", "paragraph",
                      "if the lines between two empty ones belong together");
}
