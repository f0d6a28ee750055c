#include "train/pairs.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/utf8.h"
#include "train/report.h"

#define WORD_SHOWN 60 /* bytes of a word in a message */
/* Words are taken for text without spaces when they are so many letters long on the average, most
 * of them of a script that is written so; or when they are that many bytes long in any. */
#define UNSPACED_LETTERS 4
#define UNSPACED_BYTES 64

/* Scripts written without spaces: Thai, Lao, Myanmar, Khmer, Japanese, Chinese. */
static bool letter_is_unspaced(uint32_t letter) {
    static const uint32_t ranges[][2] = {{0x0e00, 0x0eff}, {0x1000, 0x109f},   {0x1780, 0x17ff},
                                         {0x3040, 0x30ff}, {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
                                         {0xf900, 0xfaff}, {0x20000, 0x3ffff}, {0xff66, 0xff9d}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (letter >= ranges[i][0] && letter <= ranges[i][1])
            return true;
    return false;
}

/* Letters of the vocabulary's words, each word as often as it was seen. */
struct letters {
    double words, bytes, letters, unspaced;
};

static void letters_add(struct letters *sums, const char *word, size_t length, double count) {
    const char *end = word + length;
    sums->words += count;
    sums->bytes += count * (double)length;
    while (word < end) {
        uint32_t letter = 0;
        size_t skip = 1, bytes = utf8_decode(word, end, &letter, &skip);
        sums->letters += count;
        sums->unspaced += bytes > 0 && letter_is_unspaced(letter) ? count : 0;
        word += bytes > 0 ? bytes : skip;
    }
}

bool pairs_text_is_unspaced(const struct settings *settings, const struct vocabulary *vocabulary) {
    struct letters sums = {0};
    switch (settings->tokenizer) {
    case TOKENIZER_UNICODE:
        return false;
    case TOKENIZER_WHITESPACE:
        break;
    }
    for (uint32_t id = 0; id < vocabulary_size(vocabulary); id++) {
        size_t length;
        const char *word = vocabulary_word(vocabulary, id, &length);
        letters_add(&sums, word, length, (double)vocabulary_count(vocabulary, id));
    }
    return (sums.unspaced * 2 > sums.letters && sums.letters >= UNSPACED_LETTERS * sums.words) ||
           sums.bytes >= UNSPACED_BYTES * sums.words;
}

const char *pairs_sentence_hint(const struct settings *settings) {
    switch (settings->sentence) {
    case SENTENCE_LINE:
        return "join the words of a sentence on one line, or set sentence = paragraph";
    case SENTENCE_PARAGRAPH:
        break;
    }
    return "only empty lines are to stand between sentences";
}

/* ---- before ---------------------------------------------------------------------------------- */

/* What min_count or max_vocab left out; the rest has no pair, for the reason given. */
static enum status refuse_vocabulary(const struct settings *settings,
                                     const struct corpus_report *report, const char *reason,
                                     struct error *err) {
    bool cut = settings->max_vocab > 0 && report->vocabulary == (uint64_t)settings->max_vocab;
    return error_set_key(
        err, STATUS_REFUSED, cut ? "max_vocab" : "min_count",
        "%s: %s %" PRId64 " left out %" PRIu64 " of %" PRIu64 " words of the text, %" PRIu64
        " of %" PRIu64 " different ones; %s it",
        reason, cut ? "max_vocab" : "min_count", cut ? settings->max_vocab : settings->min_count,
        report->words - report->kept_words, report->words, report->distinct - report->vocabulary,
        report->distinct, cut ? "raise" : "lower");
}

static enum status refuse_one_word(const struct settings *settings, const struct corpus *corpus,
                                   struct error *err) {
    char reason[2 * WORD_SHOWN];
    size_t length;
    const struct corpus_report *report = &corpus->report;
    const char *word = vocabulary_word(corpus->vocabulary, 0, &length);
    bool unspaced = pairs_text_is_unspaced(settings, corpus->vocabulary);
    snprintf(reason, sizeof reason, "'%.*s' is the only word, with nothing to tell it from",
             (int)(length < WORD_SHOWN ? length : WORD_SHOWN), word);
    if (report->distinct > report->vocabulary && !unspaced)
        return refuse_vocabulary(settings, report, reason, err);
    return error_set_key(err, STATUS_REFUSED, unspaced ? "tokenizer" : "",
                         "%s: it was seen %" PRIu64 " times in %" PRIu64 " sentences%s%s", reason,
                         vocabulary_count(corpus->vocabulary, 0), report->sentences,
                         unspaced ? "; " : "", unspaced ? PAIRS_UNSPACED_HINT : "");
}

/* No sentence has two words left. */
static enum status refuse_alone(const struct settings *settings, const struct corpus *corpus,
                                struct error *err) {
    const struct corpus_report *report = &corpus->report;
    bool unspaced = pairs_text_is_unspaced(settings, corpus->vocabulary);
    if (report->words > report->sentences && !unspaced)
        return refuse_vocabulary(settings, report, "no sentence keeps two words", err);
    return error_set_key(err, STATUS_REFUSED, unspaced ? "tokenizer" : "sentence",
                         "no two words stand in one sentence: there are %" PRIu64
                         " words in %" PRIu64 " sentences; %s",
                         report->words, report->sentences,
                         unspaced ? PAIRS_UNSPACED_HINT : pairs_sentence_hint(settings));
}

enum status pairs_check_corpus(const struct settings *settings, const struct corpus *corpus,
                               struct error *err) {
    if (vocabulary_size(corpus->vocabulary) == 1)
        return refuse_one_word(settings, corpus, err);
    for (uint64_t i = 1; i < corpus->length; i++)
        if (corpus->ids[i - 1] != WORD_NONE && corpus->ids[i] != WORD_NONE)
            return STATUS_OK;
    return refuse_alone(settings, corpus, err);
}

/* ---- behind ---------------------------------------------------------------------------------- */

/* Why there are few or none, where sentences have two words. */
static const char *few_hint(const struct trainer *trainer) {
    const struct settings *settings = trainer->settings;
    const struct corpus_report *report = &trainer->progress.corpus;
    if (report->sample_share < TRAIN_SHARE_LOW)
        return corpus_choice_of(&report->choices, "sample")
                   ? "raise sample_keep, or set sample = 0 to keep all"
                   : "set sample = auto, or 0 to keep all";
    if (pairs_text_is_unspaced(settings, trainer->vocabulary))
        return PAIRS_UNSPACED_HINT;
    if (trainer->corpus->words < 2 * report->sentences)
        return pairs_sentence_hint(settings);
    return report->sample_share < 1 ? "raise epochs, or set sample = 0 to keep all"
                                    : "there is too little text";
}

enum status pairs_check_trained(struct trainer *trainer, struct error *err) {
    const struct corpus_report *report = &trainer->progress.corpus;
    uint64_t examples = atomic_load(&trainer->examples_done);
    if (examples == 0)
        return error_set_key(err, STATUS_REFUSED, report->sample_share < 1 ? "sample" : "",
                             "nothing was learned: of %" PRIu64 " words in %" PRIu64
                             " sentences, sample %g keeps %.3g%%, and in %" PRId64
                             " epochs no two of them met in a sentence; %s",
                             trainer->corpus->words, report->sentences, report->sample,
                             100 * report->sample_share, trainer->settings->epochs,
                             few_hint(trainer));
    if (examples < trainer->rows)
        trainer_warn(trainer,
                     "only %" PRIu64 " of %" PRIu64 " words passed had a word beside them to learn "
                     "from, for a vocabulary of %u: most vectors are as they began; %s",
                     examples, atomic_load(&trainer->words_done), trainer->rows, few_hint(trainer));
    return STATUS_OK;
}
