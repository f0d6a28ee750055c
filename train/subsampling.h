/* Subsampling: how often a word is kept, and the threshold that `sample = auto` comes down to. The
 * public part is in train.h. */
#ifndef VECMILL_TRAIN_SUBSAMPLING_H
#define VECMILL_TRAIN_SUBSAMPLING_H

#include "config/config.h"
#include "embedding/embedding.h"

/* The probability that an occurrence of a word is kept: word2vec's rule, with f = count / (sample
 * words): (sqrt(f) + 1) / f, at most 1. words: of the corpus. sample 0: 1. */
double subsampling_keep(double sample, uint64_t count, uint64_t words);

#endif
