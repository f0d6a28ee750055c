#include "train/warnings.h"

#include <stdio.h>

#include "train/schedule.h"

void warnings_visit(const struct forecast *forecast,
                    void (*say)(void *context, bool serious, const char *text), void *context) {
    const struct settings *settings = forecast->settings;
    double share = forecast->report->sample_share;
    char text[200];
    if (share < TRAIN_SHARE_LOW) {
        snprintf(text, sizeof text,
                 "subsampling with sample %g keeps only %.3g%% of the words: sample = auto, or a "
                 "larger one, keeps more",
                 settings->sample, 100 * share);
        say(context, true, text);
    }
    if (schedule_first_rate(settings) <= 0 && settings->min_learning_rate <= 0)
        say(context, true, "the learning rate is 0: nothing is learned");
    else if (settings->input_rate <= 0)
        say(context, true, "input_rate is 0: the vectors stay as they begin");
    if (settings->unique && !settings->exact_negatives && !forecast->unique) {
        snprintf(text, sizeof text,
                 "%u words are few for %u noise words a draw: a word may stand in it twice",
                 forecast->rows, forecast->noise);
        say(context, false, text);
    }
}
