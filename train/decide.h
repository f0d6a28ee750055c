/* The settings of one training: what was asked for, with what was `auto` settled by choose.h as the
 * reading of the corpus goes on. A training that is gone on with keeps what was chosen for it, by a
 * file in its work folder. Private to train/. */
#ifndef VECMILL_TRAIN_DECIDE_H
#define VECMILL_TRAIN_DECIDE_H

#include "train/choose.h"

struct decision {
    /* What is given. */
    const struct settings *asked;
    double factor; /* how many times longer the text is than the corpus that is read: 1 or more */
    const char *work; /* folder that keeps what is chosen; NULL: nothing does */
    bool resume; /* take what is kept there, if it was chosen for this text and these settings */
    /* What is made of it. */
    struct settings chosen; /* behind decide_rest nothing in it is auto; sample is without a word */
    struct corpus_facts facts;
    struct corpus_choices choices;
    bool looked, taken; /* for what is kept; it was there */
};

/* chosen is what is asked. */
void decide_begin(struct decision *decision);
/* As choose_min_count of struct corpus_options, with a decision as its context. Of a sample it is
 * the count that a word of the chosen one has there. */
uint64_t decide_min_count(void *decision, const struct corpus_spectrum *spectrum);
/* Settles what is left, and tells the report what was chosen. kept_words: of the whole text;
 * counts: of the words that are kept, NULL: there is none. Errors: those of writing the file that
 * keeps it. */
enum status decide_rest(struct decision *decision, struct corpus_report *report, double kept_words,
                        const struct vocabulary *counts, struct error *err) MUST_CHECK;

/* A checksum of the settings that two runs of one training share: all but those that may change
 * between a stop and a restart without changing what is learned. */
uint64_t decide_checksum(const struct settings *settings);

#endif
