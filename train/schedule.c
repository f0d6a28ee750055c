/* The learning rate: linear to (almost) zero as word2vec has it, or constant. */
#include "train/schedule.h"

#include <math.h>

double schedule_first_rate(const struct settings *settings) {
    switch (settings->architecture) {
    case ARCHITECTURE_SKIPGRAM:
        return settings->learning_rate;
    case ARCHITECTURE_CBOW:
        return settings->learning_rate * settings->cbow_rate;
    }
    return settings->learning_rate;
}

double schedule_share(const struct trainer *trainer, uint64_t words_done, uint64_t steps_done) {
    uint64_t words = trainer->words_total, steps = (uint64_t)trainer->settings->max_steps;
    double of_words = words > 0 ? (double)words_done / (double)words : 0;
    double of_steps = steps > 0 ? (double)steps_done / (double)steps : 0;
    return fmin(fmax(of_words, of_steps), 1);
}

/* The share of the first rate that is left. */
static double rate_left(const struct trainer *trainer, uint64_t words_done, uint64_t steps_done) {
    double of_words = 1 - (double)words_done / ((double)trainer->words_total + 1);
    uint64_t steps = (uint64_t)trainer->settings->max_steps;
    switch (trainer->settings->schedule) {
    case SCHEDULE_LINEAR:
        return steps > 0 ? fmin(of_words, 1 - (double)steps_done / ((double)steps + 1)) : of_words;
    case SCHEDULE_CONSTANT:
        return 1;
    }
    return 1;
}

double schedule_rate(const struct trainer *trainer, uint64_t words_done, uint64_t steps_done) {
    const struct settings *settings = trainer->settings;
    double rate = schedule_first_rate(settings) * rate_left(trainer, words_done, steps_done);
    return fmax(rate, settings->min_learning_rate) * trainer->rate_scale;
}
