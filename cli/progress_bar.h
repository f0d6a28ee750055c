/* How a training shows itself: a bar on the terminal, JSON lines, or nothing. Private to cli/. */
#ifndef VECMILL_CLI_PROGRESS_BAR_H
#define VECMILL_CLI_PROGRESS_BAR_H

#include "cli/cli.h"
#include "train/train.h"

enum progress_mode { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_JSON, PROGRESS_NONE };

struct progress_view {
    bool stop_early;         /* the rows of the best evaluation are published */
    enum progress_mode mode; /* not AUTO */
    bool told;               /* what was chosen stands above the bar */
    struct output *output;   /* knows whether a bar stands on the terminal */
};

/* The on_progress of struct train_options; context is a struct progress_view. */
void progress_show(void *context, const struct train_progress *progress);
/* Takes the bar off the terminal. */
void progress_end(struct progress_view *view);
/* What came of it: lines for people, or one JSON line. Errors: output_flush's. */
enum status progress_summary(const struct progress_view *view, const struct train_result *result,
                             const char *output, struct error *err) MUST_CHECK;

#endif
