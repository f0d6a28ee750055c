/* Subsampling: how often a word is kept, and the threshold that keeps a share. Private to
 * train/. */
#ifndef VECMILL_TRAIN_SUBSAMPLING_H
#define VECMILL_TRAIN_SUBSAMPLING_H

#include "config/config.h"
#include "embedding/embedding.h"

/* The probability that an occurrence of a word is kept: word2vec's rule, with f = count / (sample
 * words): (sqrt(f) + 1) / f, at most 1. words: of the corpus. sample 0: 1. */
double subsampling_keep(double sample, uint64_t count, uint64_t words);

/* The share of the words of the vocabulary, as often as they stand in the corpus, that subsampling
 * is expected to keep: 0..1. O(words). */
double subsampling_share(double sample, const struct vocabulary *vocabulary);
/* The smallest threshold of three digits, at least `least`, at which that share is `wanted` or
 * more. Depends on the counts only. Cost: about 13 times O(words). */
double subsampling_threshold(double least, double wanted, const struct vocabulary *vocabulary);

#endif
