/* Draws of candidates for a client. Private to server/. */
#ifndef VECMILL_SERVER_CANDIDATE_DRAW_H
#define VECMILL_SERVER_CANDIDATE_DRAW_H

#include "sampler/sampler.h"
#include "server/query/inquiry.h"

/* Bytes while a sampler is made, for each word: weights, cells, probability, two lists of the alias
 * method; and for each id that is drawn: itself, its place in a set. */
#define SAMPLER_WORD_MEMORY 48
#define DRAW_MEMORY 24

/* A unique batch redraws what it has; where few ids hold nearly all the probability that would go
 * on for hours. REFUSED, with the key, when n different ids cannot be expected in time. */
enum status draw_check(const struct sampler *sampler, int64_t n, const char *key,
                       struct error *err) MUST_CHECK;

#endif
