/* What the settings that are `auto` come to, by a table of rules: each is a smooth formula of what
 * is known of the text once its words are counted, with constants that are settings. Names and
 * words play no part. docs/settings.md, "What auto chooses", states them. Private to train/. */
#ifndef VECMILL_TRAIN_CHOOSE_H
#define VECMILL_TRAIN_CHOOSE_H

#include "corpus/corpus.h"

/* Of the whole text; estimates where it is known from a sample. */
#define FACTS_COUNTS 20 /* the largest min_count that is chosen */
struct corpus_facts {
    double words;
    double evenness; /* corpus_evenness */
    /* [n]: the share of the words that min_count n leaves out, and how many different ones it
     * keeps */
    double dropped[FACTS_COUNTS + 2], reached[FACTS_COUNTS + 2];
    /* Behind the cut by min_count and max_vocab; cut: false: the following are not known yet. */
    bool cut;
    double kept_words;
    const struct vocabulary *counts; /* whose shares of the text are the whole's; NULL: no words */
};

/* Before the cut. factor: how many times longer the text is than what was counted. */
void facts_count(struct corpus_facts *facts, const struct corpus_spectrum *spectrum, double factor);
/* Behind it. kept_words: of the whole. */
void facts_cut(struct corpus_facts *facts, const struct corpus_report *report, double factor,
               double kept_words, const struct vocabulary *counts);

/* Settles each setting that is auto and for which enough is known: min_count before the cut, the
 * others behind it, in the order of the table. choices: what was chosen is added. A value that is
 * set stays as it is, and what is chosen agrees with it as settings_check wants. */
void choose_settings(const struct corpus_facts *facts, struct settings *settings,
                     struct corpus_choices *choices);

#endif
