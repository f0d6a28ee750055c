/* What stands between reading a corpus and the first step. Private to train/. */
#ifndef VECMILL_TRAIN_JUDGE_H
#define VECMILL_TRAIN_JUDGE_H

#include "train/train.h"

/* Is there a pair of words to train, do the tables fit, and what is left when `holdout` has taken
 * its sentences away, which it does here. work: folder for scratch files. Errors: those of
 * train_run before it trains. */
enum status train_judge(const struct settings *settings, struct corpus *corpus, const char *work,
                        struct error *err) MUST_CHECK;

#endif
