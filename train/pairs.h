/* Did anything get trained? A pair is a centre and a word of its context. A corpus without pairs
 * would leave the vectors as they began: that is a failure, which names what keeps words apart. */
#ifndef VECMILL_TRAIN_PAIRS_H
#define VECMILL_TRAIN_PAIRS_H

#include "train/trainer_state.h"

/* Before the training: REFUSED when the vocabulary is one word, or no sentence keeps two words of
 * it, with the figures and the setting to change as key. Cost: reads ids up to the first pair. */
enum status pairs_check_corpus(const struct settings *settings, const struct corpus *corpus,
                               struct error *err) MUST_CHECK;
/* Behind the training: REFUSED when no pair was trained. Warns when there were fewer centres with
 * a context than words in the vocabulary. */
enum status pairs_check_trained(struct trainer *trainer, struct error *err) MUST_CHECK;

/* Is this text without spaces, cut up at white space? O(words of the vocabulary). */
bool pairs_text_is_unspaced(const struct settings *settings, const struct vocabulary *vocabulary);
#define PAIRS_UNSPACED_HINT "text without spaces, such as Chinese, needs tokenizer = unicode"
/* What to do about sentences of one word. */
const char *pairs_sentence_hint(const struct settings *settings);

#endif
