/* What the settings are going to leave out: told before a training begins, and by a plan of it.
 * Private to train/. */
#ifndef VECMILL_TRAIN_WARNINGS_H
#define VECMILL_TRAIN_WARNINGS_H

#include "train/trainer_state.h"

/* What a training comes down to, once its words are counted. */
struct forecast {
    const struct settings *settings; /* nothing in it is `auto` */
    const struct corpus_report *report;
    uint32_t rows, noise; /* words of the vocabulary, and of a draw */
    bool unique;          /* the words of a draw differ */
};

/* Calls say for each. serious: something is likely to be wrong; else it is only worth knowing. */
void warnings_visit(const struct forecast *forecast,
                    void (*say)(void *context, bool serious, const char *text), void *context);

#endif
