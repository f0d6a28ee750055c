#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "cli/board.h"
#include "cli/child.h"
#include "cli/corpus_convert.h"
#include "cli/progress_bar.h"
#include "cli/watch.h"
#include "train/train.h"

const struct option_row train_options_rows[] = {
    {"output", "DIR", "folder to write the model to"},
    {"work", "DIR", "folder for scratch files, in DIR/vecmill-work; default: .work in the output"},
    {"name", "NAME", "name of the model; default: the last part of the output folder"},
    {"resume", NULL, "go on from the last checkpoint, if there is one"},
    {"tensorboard", "DIR", "folder for TensorBoard: writes DIR/NAME-TIME/ as it trains"},
    {"progress", "NAME", "auto, bar, json or none; auto: a bar on a terminal, else JSON lines"},
    {"job", "FOLDER", "train the job in FOLDER, as the server does"},
    {"progress-fd", "N", "with --job: descriptor for progress reports"},
    {0},
};

/* One `vecmill train CORPUS`. */
struct training {
    struct settings settings;
    const char *corpus, *output;
    char *work, *converted, *name, *dump;
    const struct kernel *kernel;
    struct output lines;
    struct logger logger;
    struct progress_view view;
    struct board board;
    struct watch watch;
};

/* The last part of a path: "b" of "/a/b/". "model" when there is none. */
static char *last_part(const char *path) {
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    bool none =
        start == end ||
        (path[start] == '.' && (end - start == 1 || (end - start == 2 && path[start + 1] == '.')));
    return none ? strdup("model") : strndup(path + start, end - start);
}

static enum status training_open(struct training *training, struct invocation *invocation,
                                 struct error *err) {
    const char *work = option_value(invocation, "work"), *name = option_value(invocation, "name");
    size_t mode;
    if (invocation->n_operands == 0) {
        return misuse(invocation, err, "no corpus; usage: vecmill train %s",
                      invocation->command->synopsis);
    }
    training->corpus = invocation->operands[0];
    training->output = option_value(invocation, "output");
    if (!training->output || !*training->output)
        return misuse(invocation, err, "--output is needed: the folder to write the model to");
    enum status status = option_choice(invocation, "progress", "auto|bar|json|none", &mode, err);
    if (status != STATUS_OK)
        return status;
    training->view.mode = mode != PROGRESS_AUTO               ? (enum progress_mode)mode
                          : output_is_terminal(STDERR_FILENO) ? PROGRESS_BAR
                                                              : PROGRESS_JSON;
    training->settings = invocation->settings;
    training->view.stop_early = training->settings.stop_early != STOP_EARLY_OFF;
    /* train_run removes its work folder in the end: it is never the user's own. */
    training->work = work ? path_join(work, "vecmill-work") : path_join(training->output, ".work");
    training->name = name ? strdup(name) : last_part(training->output);
    training->converted = training->work ? path_join(training->work, "corpus-converted") : NULL;
    training->dump = path_join(training->output, "nonfinite.tsv");
    training->board.top = option_value(invocation, "tensorboard");
    training->board.logger = &training->logger;
    if (training->board.top && !*training->board.top)
        return misuse(invocation, err, "--tensorboard needs a folder");
    if (!training->converted || !training->name || !training->dump)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    return kernel_of_settings(&training->settings, &training->kernel, err);
}

static void training_clear(struct training *training) {
    free(training->work);
    free(training->converted);
    free(training->name);
    free(training->dump);
    board_close(&training->board);
}

/* Settles the format; NDJSON becomes tokens in the work folder. */
static enum status training_prepare(struct training *training, struct error *err) {
    if (training->settings.format == FORMAT_AUTO)
        training->settings.format = corpus_format_of(training->corpus);
    enum status status = STATUS_OK;
    if (training->settings.nonfinite_dump)
        status = folder_create(training->output, err); /* where a failure is to leave its file */
    if (status != STATUS_OK || training->settings.format != FORMAT_NDJSON)
        return status;
    struct corpus_losses losses = {0};
    status = folder_create(training->work, err);
    if (status == STATUS_OK) {
        status = corpus_convert(training->corpus, training->converted, &training->settings,
                                &training->watch.request, &losses, err);
    }
    if (losses.altered > 0) {
        log_line(
            &training->logger, LOG_WARNING,
            "%llu tokens or texts held a line break, NUL or U+001F, which became a space, or a "
            "byte order mark, which was taken away",
            (unsigned long long)losses.altered);
    }
    if (losses.skipped > 0) {
        log_line(&training->logger, LOG_WARNING,
                 "%llu lines or tokens were null, or had not the field that is read: skipped",
                 (unsigned long long)losses.skipped);
    }
    training->corpus = training->converted;
    training->settings.format = FORMAT_TOKENS;
    return status;
}

static void training_show(void *context, const struct train_progress *progress) {
    struct training *training = context;
    progress_show(&training->view, progress);
    board_show(&training->board, progress);
}

static enum status training_run(struct training *training, bool resume, struct error *err) {
    enum status status = training_prepare(training, err);
    if (status == STATUS_OK)
        status = board_open(&training->board, training->work, training->name, resume, err);
    if (status != STATUS_OK)
        return status;
    struct train_result result;
    struct train_options options = {.settings = &training->settings,
                                    .corpus = training->corpus,
                                    .work = training->work,
                                    .output = training->output,
                                    .name = training->name,
                                    .dump = training->dump,
                                    .kernel = training->kernel,
                                    .logger = &training->logger,
                                    .request = &training->watch.request,
                                    .on_progress = training_show,
                                    .context = training,
                                    .resume = resume};
    status = train_run(&options, &result, err);
    progress_end(&training->view);
    return status == STATUS_OK ? progress_summary(&training->view, &result, training->output, err)
                               : status;
}

static enum status train_corpus_file(struct invocation *invocation, struct error *err) {
    struct training training = {.watch = {.code = EXIT_CANCELLED}};
    training.view.output = &training.lines;
    training.lines.json = false;
    training.logger = output_logger(&training.lines, LOG_WARNING);
    enum status status = training_open(&training, invocation, err);
    if (status == STATUS_OK)
        status = watch_start(&training.watch, err);
    if (status == STATUS_OK) {
        status = training_run(&training, option_value(invocation, "resume") != NULL, err);
        watch_stop(&training.watch);
    }
    if (status == STATUS_PAUSED) {
        error_clear(err);
        error_set(err, status,
                  "stopped at a checkpoint; the same command with --resume goes on from it");
    }
    training_clear(&training);
    return status;
}

enum status command_train(struct invocation *invocation, struct error *err) {
    const char *folder = option_value(invocation, "job");
    int64_t descriptor;
    if (!folder)
        return train_corpus_file(invocation, err);
    enum status status = option_number(invocation, "progress-fd", 0, 1 << 20, -1, &descriptor, err);
    if (status == STATUS_OK && (descriptor < 0 || invocation->n_operands > 0))
        return misuse(invocation, err, "--job needs --progress-fd and takes no corpus");
    return status == STATUS_OK ? job_run(folder, (int)descriptor, err) : status;
}
