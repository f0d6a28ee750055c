#include "train/choose.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "train/subsampling.h"

/* ---- facts ----------------------------------------------------------------------------------- */

void facts_count(struct corpus_facts *facts, const struct corpus_spectrum *spectrum,
                 double factor) {
    const struct corpus_report *report = &spectrum->report;
    *facts = (struct corpus_facts){.words = (double)report->words * factor,
                                   .evenness = report->evenness};
    for (uint64_t n = 1; n <= FACTS_COUNTS + 1; n++) {
        struct corpus_reach reach = corpus_reach(spectrum, n, factor);
        facts->dropped[n] = 1 - reach.covered;
        facts->reached[n] = reach.words;
    }
}

void facts_cut(struct corpus_facts *facts, const struct corpus_report *report, double factor,
               double kept_words, const struct vocabulary *counts) {
    facts->cut = true;
    facts->words = (double)report->words * factor;
    facts->kept_words = kept_words;
    facts->counts = counts;
    facts->evenness = report->evenness;
}

/* ---- one choice ------------------------------------------------------------------------------ */

/* A number as settings_set reads it. */
struct digits {
    char text[32];
};
static struct digits digits(double value) {
    struct digits made;
    snprintf(made.text, sizeof made.text, "%.15g", value);
    return made;
}

/* What a rule finds: the value as text, and why. */
static void say(struct corpus_choice *choice, const char *value, const char *format, ...)
    PRINTF_LIKE(3, 4);
static void say(struct corpus_choice *choice, const char *value, const char *format, ...) {
    va_list arguments;
    snprintf(choice->value, sizeof choice->value, "%s", value);
    va_start(arguments, format);
    vsnprintf(choice->why, sizeof choice->why, format, arguments);
    va_end(arguments);
}

/* "164,000" */
struct grouped {
    char text[40];
};
static struct grouped grouped(double value) {
    struct grouped made;
    char plain[32];
    int length = snprintf(plain, sizeof plain, "%.0f", fmin(value, 1e18)), to = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            made.text[to++] = ',';
        made.text[to++] = plain[i];
    }
    made.text[to] = '\0';
    return made;
}

/* To three digits: a choice reads well, and another order of summing does not change it. */
static double three_digits(double value) {
    char text[32];
    snprintf(text, sizeof text, "%.3g", value);
    double rounded = value;
    if (sscanf(text, "%lf", &rounded) != 1)
        rounded = value;
    return rounded;
}

static double within(double value, double least, double most) {
    return fmin(fmax(value, least), most);
}

/* 0 up to `from`, 1 from `full` on, and smooth between. */
static double smooth(double value, double from, double full) {
    if (value <= from || full <= from)
        return value <= from ? 0 : 1;
    double x = fmin((value - from) / (full - from), 1);
    return x * x * (3 - 2 * x);
}

/* The share of the different words that are seen fewer than min_count_most times; 0 while it is not
 * known. */
static double rare_share(const struct settings *settings, const struct corpus_facts *facts) {
    double all = facts->reached[1];
    return all > 0 ? 1 - facts->reached[settings->min_count_most] / all : 0;
}

/* How far the corpus is items (sessions, baskets, walks): their counts are more even than those of
 * text, and fewer of them are rare. */
static double item_share(const struct settings *settings, const struct corpus_facts *facts) {
    double rare = rare_share(settings, facts);
    return smooth(facts->evenness, settings->items_from, settings->items_full) *
           (1 - smooth(rare, settings->text_rare_from, settings->text_rare_full));
}

/* "text, evenness 0.652" */
struct kind {
    char text[64];
};
static struct kind kind_of(const struct settings *settings, const struct corpus_facts *facts) {
    struct kind kind;
    double share = item_share(settings, facts);
    snprintf(kind.text, sizeof kind.text, "%s, evenness %.3f",
             share <= 0   ? "text"
             : share >= 1 ? "items"
                          : "between text and items",
             facts->evenness);
    return kind;
}

/* ---- the rules ------------------------------------------------------------------------------- */

/* Where rare words are many, as in text, they are left out while there are words enough: rows that
 * were seen a few times lie near everything. Where they are few, each word counts. */
static void rule_min_count(const struct settings *settings, const struct corpus_facts *facts,
                           struct corpus_choice *choice) {
    int64_t top = settings->min_count_most, best = 1;
    double enough = (double)settings->min_count_vocab, all = facts->reached[1];
    double rare = rare_share(settings, facts);
    int64_t most =
        llround(1 + (double)(top - 1) * smooth(rare, settings->rare_from, settings->rare_full));
    while (best < most && facts->reached[best + 1] >= enough)
        best++;
    struct grouped kept = grouped(facts->reached[best]);
    if (best < most)
        say(choice, digits((double)best).text,
            "%lld would keep fewer than min_count_vocab %lld of %s different words",
            (long long)best + 1, (long long)settings->min_count_vocab, grouped(all).text);
    else
        say(choice, digits((double)best).text,
            "%.3g%% of the words are seen fewer than %lld times; it keeps %s and leaves out %.3g%% "
            "of the text",
            100 * rare, (long long)top, kept.text, 100 * facts->dropped[best]);
}

/* As many words as a long text has in its epochs are not to be had from a short one; the square
 * root lies between passing as many and passing it as often. */
static void rule_epochs(const struct settings *settings, const struct corpus_facts *facts,
                        struct corpus_choice *choice) {
    double least = (double)settings->epochs_least, most = (double)settings->epochs_most;
    double wanted = least * sqrt(settings->epochs_words / fmax(facts->kept_words, 1));
    double epochs = nearbyint(within(wanted, least, most));
    struct grouped words = grouped(facts->kept_words), enough = grouped(settings->epochs_words);
    if (wanted >= most)
        say(choice, digits(epochs).text, "epochs_most: %s words are very few", words.text);
    else if (epochs > least)
        say(choice, digits(epochs).text,
            "%s words are few, less than epochs_words %s: they are passed more often", words.text,
            enough.text);
    else
        say(choice, digits(epochs).text, "epochs_least: %s words are many, beside epochs_words %s",
            words.text, enough.text);
}

/* What stands far apart in a session belongs together, too. */
static void rule_window(const struct settings *settings, const struct corpus_facts *facts,
                        struct corpus_choice *choice) {
    double text = (double)settings->window_text, items = (double)settings->window_items;
    double share = item_share(settings, facts);
    double window = nearbyint(text + (items - text) * share);
    if (2 * window < (double)settings->num_true)
        say(choice, digits(ceil((double)settings->num_true / 2)).text,
            "num_true %lld needs as much", (long long)settings->num_true);
    else if (share <= 0)
        say(choice, digits(window).text,
            "window_text: the counts are as uneven as those of text, evenness %.3f",
            facts->evenness);
    else if (share >= 1)
        say(choice, digits(window).text,
            "window_items: the counts are as even as those of items, evenness %.3f",
            facts->evenness);
    else
        say(choice, digits(window).text,
            "the counts are more even than those of text, less than those of items: evenness %.3f",
            facts->evenness);
}

/* The order of items within a session tells little: near and far ones count alike. */
static void rule_dynamic_window(const struct settings *settings, const struct corpus_facts *facts,
                                struct corpus_choice *choice) {
    bool items = item_share(settings, facts) >= 0.5;
    say(choice, items ? "false" : "true", "%s: %s", kind_of(settings, facts).text,
        items ? "all words of the window count alike" : "near words count more");
}

/* The smallest threshold of three digits that keeps enough; the shorter a text, the less of its
 * frequent words is left out. Items that everybody takes tell little, however few sessions. */
static void rule_sample(const struct settings *settings, const struct corpus_facts *facts,
                        struct corpus_choice *choice) {
    double enough = (double)settings->sample_words / fmax(facts->kept_words, 1);
    double wanted = fmax(settings->sample_keep, fmin(enough, 1));
    double by_length = settings->sample_base *
                       pow(settings->epochs_words / fmax(facts->words, 1),
                           settings->sample_length_power * (1 - item_share(settings, facts)));
    bool is_least = by_length <= settings->sample_least;
    double least = is_least ? settings->sample_least : fmin(three_digits(by_length), 1);
    double sample = subsampling_threshold(least, wanted, facts->counts);
    double share = subsampling_share(sample, facts->counts);
    if (share >= 1)
        say(choice, digits(sample).text,
            "every word is kept: the text is so short that no less gives sample_words %lld or the "
            "share sample_keep %g",
            (long long)settings->sample_words, settings->sample_keep);
    else if (sample == least)
        say(choice, digits(sample).text,
            "%s: it keeps %.3g%% of the words, no less than sample_keep %g asks",
            is_least ? "sample_least" : "by the length of the text", 100 * share,
            settings->sample_keep);
    else if (enough > settings->sample_keep)
        say(choice, digits(sample).text,
            "the smallest threshold that keeps sample_words %lld of the words: the text is short",
            (long long)settings->sample_words);
    else
        say(choice, digits(sample).text,
            "the smallest threshold that keeps the share sample_keep %g of the words",
            settings->sample_keep);
}

struct rule {
    const char *setting;
    bool cut;    /* needs what is known behind the cut by min_count */
    bool counts; /* needs a word at least */
    void (*find)(const struct settings *settings, const struct corpus_facts *facts,
                 struct corpus_choice *choice);
};

/* A rule sees what those above it chose. */
static const struct rule rules[] = {
    {"min_count", false, false, rule_min_count},
    {"sample", true, true, rule_sample},
    {"epochs", true, false, rule_epochs},
    {"window", true, false, rule_window},
    {"dynamic_window", true, false, rule_dynamic_window},
};
_Static_assert(sizeof rules / sizeof *rules <= CORPUS_CHOICES, "a report must hold each choice");

void choose_settings(const struct corpus_facts *facts, struct settings *settings,
                     struct corpus_choices *choices) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *rule = &rules[i];
        struct corpus_choice choice = {0};
        bool known = (!rule->cut || facts->cut) && (!rule->counts || facts->counts);
        if (!known || !settings_is_auto(settings, settings_find(rule->setting)))
            continue;
        snprintf(choice.setting, sizeof choice.setting, "%s", rule->setting);
        rule->find(settings, facts, &choice);
        enum status status =
            settings_set(settings, rule->setting, choice.value, SETTING_OF_JOB, NULL);
        assert(status == STATUS_OK);
        (void)status;
        if (choices->n < CORPUS_CHOICES)
            choices->rows[choices->n++] = choice;
    }
}
