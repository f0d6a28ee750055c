/* The figures of a report by name, and the names of its numbers. */
#include <math.h>
#include <string.h>

#include "train/train.h"

#define FIGURE(name, meaning, evaluated) \
    { #name, meaning, offsetof(struct train_progress, name), evaluated }
static const struct train_figure figures[] = {
    FIGURE(loss, "mean loss per positive since the last report", false),
    FIGURE(loss_error, "standard error of loss", false),
    FIGURE(epoch_loss, "mean loss of the epoch so far", false),
    FIGURE(avg_loss, "mean loss of the training so far", false),
    FIGURE(total_loss, "summed loss of the training so far, estimated", false),
    FIGURE(gradient_norm, "norm of a block's gradient by the rows of its centres, mean", false),
    FIGURE(clipped_share, "share of the stepping rows whose step was clipped", false),
    FIGURE(row_norm, "mean norm of the input rows at the last end of an epoch", false),
    FIGURE(row_norm_max, "largest norm of an input row, of row_norm_word", false),
    FIGURE(holdout_loss, "mean loss per positive of the held-out sentences", true),
    FIGURE(score, "accuracy of the analogies, or Spearman's correlation", true),
    FIGURE(best, "what stop_early watches, at its best", true),
};
#undef FIGURE
#define N_FIGURES (sizeof figures / sizeof *figures)

const struct train_figure *train_figures(size_t *count) {
    *count = N_FIGURES;
    return figures;
}

double train_figure_value(const struct train_progress *progress,
                          const struct train_figure *figure) {
    double value;
    memcpy(&value, (const char *)progress + figure->offset, sizeof value);
    return value;
}

void train_figure_set(struct train_progress *progress, const struct train_figure *figure,
                      double value) {
    memcpy((char *)progress + figure->offset, &value, sizeof value);
}

void train_progress_init(struct train_progress *progress) {
    memset(progress, 0, sizeof *progress);
    progress->magic = TRAIN_PROGRESS_MAGIC;
    for (size_t i = 0; i < N_FIGURES; i++)
        train_figure_set(progress, &figures[i], (double)NAN);
}

static void put_scalar(struct event_scalar *scalars, size_t *n, const char *name, double value) {
    if (isfinite(value))
        scalars[(*n)++] = (struct event_scalar){name, (float)value};
}

size_t train_scalars(const struct train_progress *now, struct event_scalar scalars[TRAIN_SCALARS]) {
    size_t n = 0;
    _Static_assert(N_FIGURES + 10 <= TRAIN_SCALARS, "every number must have room");
    put_scalar(scalars, &n, "progress", now->progress);
    put_scalar(scalars, &n, "epoch", (double)now->epoch);
    put_scalar(scalars, &n, "words", (double)now->words);
    put_scalar(scalars, &n, "words_per_second", now->words_per_second);
    put_scalar(scalars, &n, "learning_rate", now->learning_rate);
    put_scalar(scalars, &n, "seconds", now->seconds);
    for (size_t i = 0; i < N_FIGURES; i++)
        if (!figures[i].evaluated || now->evaluated)
            put_scalar(scalars, &n, figures[i].name, train_figure_value(now, &figures[i]));
    if (now->evaluated) {
        put_scalar(scalars, &n, "evaluations", (double)now->evaluations);
        put_scalar(scalars, &n, "waited", (double)now->waited);
        put_scalar(scalars, &n, "score_answered", (double)now->score_answered);
        put_scalar(scalars, &n, "score_asked", (double)now->score_asked);
    }
    return n;
}

const char *train_score_name(uint32_t score_set) {
    switch ((enum train_score)score_set) {
    case SCORE_NONE:
        return NULL;
    case SCORE_ANALOGIES:
        return "analogies";
    case SCORE_SIMILARITY:
        return "similarity";
    case SCORE_NEXT_ITEM:
        return "next-item";
    }
    return NULL;
}

const char *train_stop_name(uint32_t stopped) {
    switch ((enum train_stop)stopped) {
    case STOP_NOT_YET:
        return NULL;
    case STOP_EPOCHS:
        return "epochs";
    case STOP_MAX_STEPS:
        return "max_steps";
    case STOP_EARLY:
        return "stop_early";
    }
    return NULL;
}
