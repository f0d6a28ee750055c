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

/* The share of the first rate that is left. */
static double rate_left(const struct trainer *trainer, uint64_t words_done) {
    switch (trainer->settings->schedule) {
    case SCHEDULE_LINEAR:
        return 1 - (double)words_done / ((double)trainer->words_total + 1);
    case SCHEDULE_CONSTANT:
        return 1;
    }
    return 1;
}

double schedule_rate(const struct trainer *trainer, uint64_t words_done) {
    const struct settings *settings = trainer->settings;
    double rate = schedule_first_rate(settings) * rate_left(trainer, words_done);
    return fmax(rate, settings->min_learning_rate) * trainer->rate_scale;
}
