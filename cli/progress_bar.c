#include "cli/progress_bar.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_CELLS 24
#define COLUMNS_UNKNOWN 100

static const char *const phases[] = {"vocabulary", "training", "publishing"};

static const char *phase_of(const struct train_progress *progress) {
    return progress->phase <= PHASE_PUBLISHING ? phases[progress->phase] : "unknown";
}

static size_t terminal_columns(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : COLUMNS_UNKNOWN;
}

/* "1:02:03", "2:03" */
static void put_duration(struct buffer *text, double seconds) {
    if (!isfinite(seconds) || seconds < 0 || seconds > 1e9) {
        buffer_append_text(text, "-:--");
        return;
    }
    unsigned long whole = (unsigned long)(seconds + 0.5), hours = whole / 3600,
                  minutes = whole / 60 % 60;
    if (hours > 0)
        buffer_print(text, "%lu:%02lu:%02lu", hours, minutes, whole % 60);
    else
        buffer_print(text, "%lu:%02lu", minutes, whole % 60);
}

static void put_rate(struct buffer *text, double rate) {
    if (rate >= 1e6)
        buffer_print(text, "%.2fM words/s", rate / 1e6);
    else
        buffer_print(text, "%.0fk words/s", rate / 1e3);
}

static void draw_bar(struct progress_view *view, const struct train_progress *progress) {
    struct buffer text = {0};
    double share = progress->progress > 0 ? progress->progress < 1 ? progress->progress : 1 : 0;
    int filled = (int)(share * BAR_CELLS);
    buffer_print(&text, "%-10s [", phase_of(progress));
    for (int i = 0; i < BAR_CELLS; i++)
        buffer_append_char(&text, i < filled ? '#' : '.');
    buffer_print(&text, "] %5.1f%%", 100 * share);
    if (progress->phase == PHASE_TRAINING) {
        buffer_print(&text, "  epoch %llu/%llu  ", (unsigned long long)progress->epoch,
                     (unsigned long long)progress->epochs);
        put_rate(&text, progress->words_per_second);
        if (isfinite(progress->loss))
            buffer_print(&text, "  loss %.4f", progress->loss);
        if (isfinite(progress->holdout_loss))
            buffer_print(&text, "  held out %.4f", progress->holdout_loss);
        if (isfinite(progress->score))
            buffer_print(&text, "  score %.4f", progress->score);
        buffer_append_text(&text, "  eta ");
        put_duration(&text, progress->eta_seconds);
    }
    size_t columns = terminal_columns() - 1;
    if (!text.failed) {
        fprintf(stderr, "\r\x1b[K%.*s", (int)(text.length < columns ? text.length : columns),
                text.data);
        view->output->bar = true;
    }
    buffer_clear(&text);
}

static void put_choices(struct buffer *text, const struct corpus_choices *choices) {
    buffer_append_text(text, ",\"choices\":[");
    for (uint64_t i = 0; i < choices->n; i++) {
        const struct corpus_choice *choice = &choices->rows[i];
        buffer_append_text(text, i > 0 ? ",{\"setting\":" : "{\"setting\":");
        json_put_string(text, choice->setting, strlen(choice->setting));
        buffer_append_text(text, ",\"value\":");
        json_put_string(text, choice->value, strlen(choice->value));
        buffer_append_text(text, ",\"detail\":");
        json_put_string(text, choice->why, strlen(choice->why));
        buffer_append_char(text, '}');
    }
    buffer_append_char(text, ']');
}

static void put_report(struct buffer *text, const struct corpus_report *report) {
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"bytes", report->bytes},
                  {"lines", report->lines},
                  {"empty_lines", report->empty_lines},
                  {"sentences", report->sentences},
                  {"words", report->words},
                  {"distinct", report->distinct},
                  {"vocabulary", report->vocabulary},
                  {"kept_words", report->kept_words},
                  {"rare_words", report->rare_words},
                  {"pruned_words", report->pruned_words},
                  {"invalid_utf8", report->invalid_utf8},
                  {"longest_line", report->longest_line},
                  {"longest_word", report->longest_word}};
    buffer_append_text(text, ",\"corpus\":{");
    size_t start = text->length;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_put_count(text, counts[i].name, counts[i].value);
    json_put_number(text, "seconds", report->seconds);
    json_put_number(text, "sample", report->sample);
    json_put_number(text, "sample_share", report->sample_share);
    json_put_number(text, "evenness", report->evenness);
    put_choices(text, &report->choices);
    if (!text->failed)
        text->data[start] = ' '; /* the comma before the first member */
    buffer_append_char(text, '}');
}

static void put_figures(struct buffer *text, const struct train_progress *progress) {
    size_t count = 0;
    const struct train_figure *figures = train_figures(&count);
    for (size_t i = 0; i < count; i++)
        json_put_number(text, figures[i].name, train_figure_value(progress, &figures[i]));
    if (progress->row_norm_word[0]) {
        buffer_append_text(text, ",\"row_norm_word\":");
        json_put_string(text, progress->row_norm_word,
                        strnlen(progress->row_norm_word, sizeof progress->row_norm_word));
    }
    if (progress->evaluations > 0) {
        json_put_count(text, "evaluations", progress->evaluations);
        json_put_count(text, "waited", progress->waited);
        json_put_count(text, "best_epoch", progress->best_epoch);
        json_put_count(text, "best_step", progress->best_step);
        json_put_count(text, "score_answered", progress->score_answered);
        json_put_count(text, "score_asked", progress->score_asked);
    }
    if (train_stop_name(progress->stopped))
        buffer_print(text, ",\"stopped\":\"%s\"", train_stop_name(progress->stopped));
}

static void put_pairs_json(struct buffer *text, const struct train_progress *progress) {
    const struct pair_report *pairs = &progress->pairs;
    buffer_append_text(text, ",\"pairs\":{");
    size_t start = text->length;
    json_put_count(text, "pairs", pairs->pairs);
    json_put_count(text, "used", pairs->used);
    json_put_count(text, "unknown", pairs->unknown);
    json_put_count(text, "same", pairs->same);
    json_put_count(text, "weightless", pairs->weightless);
    json_put_count(text, "trained", progress->pairs_trained);
    if (!text->failed)
        text->data[start] = ' '; /* the comma before the first member */
    buffer_append_char(text, '}');
}

static void put_progress(struct buffer *text, const struct train_progress *progress) {
    json_put_number(text, "progress", progress->progress);
    json_put_count(text, "epoch", progress->epoch);
    if (progress->epochs > 0)
        json_put_count(text, "epochs", progress->epochs);
    else
        json_put_number(text, "epochs", (double)NAN); /* auto, and not chosen yet */
    json_put_count(text, "step", progress->step);
    json_put_count(text, "words", progress->words);
    json_put_count(text, "words_total", progress->words_total);
    json_put_count(text, "examples", progress->examples);
    json_put_number(text, "words_per_second", progress->words_per_second);
    json_put_number(text, "learning_rate", progress->learning_rate);
    json_put_number(text, "eta_seconds", progress->eta_seconds);
    json_put_number(text, "seconds", progress->seconds);
    put_figures(text, progress);
    if (progress->pairs.pairs > 0)
        put_pairs_json(text, progress);
}

static void print_line(const struct train_progress *progress) {
    struct buffer text = {0};
    buffer_print(&text, "{\"event\":\"progress\",\"phase\":\"%s\"", phase_of(progress));
    put_progress(&text, progress);
    buffer_print(&text, ",\"epoch_ended\":%s,\"evaluated\":%s,\"improved\":%s,\"checkpointed\":%s",
                 progress->epoch_ended ? "true" : "false", progress->evaluated ? "true" : "false",
                 progress->improved ? "true" : "false", progress->checkpointed ? "true" : "false");
    if (progress->note[0]) {
        buffer_append_text(&text, ",\"note\":");
        json_put_string(&text, progress->note, strnlen(progress->note, sizeof progress->note));
    }
    buffer_append_text(&text, "}\n");
    if (output_flush(&text, NULL) == STATUS_OK)
        fflush(stdout); /* a reader follows; a failure stays in ferror and is told at the end */
}

/* "auto: epochs 21: 164,000 words are few, ..." */
static void put_chosen(struct buffer *text, const struct corpus_choices *choices) {
    for (uint64_t i = 0; i < choices->n; i++) {
        const struct corpus_choice *choice = &choices->rows[i];
        buffer_print(text, "auto: %s %s: %s\n", choice->setting, choice->value, choice->why);
    }
}

/* What was chosen, above the bar, once it is known. */
static void show_chosen(struct progress_view *view, const struct train_progress *progress) {
    struct buffer text = {0};
    if (view->told || progress->phase != PHASE_TRAINING)
        return;
    view->told = true;
    put_chosen(&text, &progress->corpus.choices);
    if (text.length > 0 && !text.failed)
        fprintf(stderr, "\r\x1b[K%s", text.data);
    buffer_clear(&text);
}

void progress_show(void *context, const struct train_progress *progress) {
    struct progress_view *view = context;
    if (view->mode == PROGRESS_BAR)
        show_chosen(view, progress);
    if (view->mode == PROGRESS_JSON)
        print_line(progress);
    else if (view->mode == PROGRESS_BAR)
        draw_bar(view, progress);
}

void progress_end(struct progress_view *view) {
    if (view->output->bar) {
        fputs("\r\x1b[K", stderr);
        view->output->bar = false;
    }
}

static void put_share(struct buffer *text, uint64_t part, uint64_t whole) {
    put_grouped(text, part);
    buffer_print(text, " (%.2f%%)", whole > 0 ? 100 * (double)part / (double)whole : 0.0);
}

/* "subsampling: sample 0.00157 (auto) keeps 40.0% of these words" */
static void put_sample(struct buffer *text, const struct train_result *result) {
    const struct corpus_report *corpus = &result->corpus;
    buffer_print(
        text, "subsampling: sample %g%s keeps %.1f%% of these words%s\n", corpus->sample,
        corpus_choice_of(&corpus->choices, "sample") ? " (auto)" : "", 100 * corpus->sample_share,
        corpus->sample_share < TRAIN_SHARE_LOW ? ", which is little: see sample = auto" : "");
}

/* "pairs: 1,200 of 1,500 used, drawn 30,000 times; left out: 290 with an unknown word, ..." */
static void put_pairs(struct buffer *text, const struct train_progress *last) {
    const struct {
        uint64_t count;
        const char *what;
    } left_out[] = {{last->pairs.unknown, " with a word that is not in the vocabulary"},
                    {last->pairs.same, " of a word with itself"},
                    {last->pairs.weightless, " of weight 0"}};
    const char *before = "; left out: ";
    if (last->pairs.pairs == 0)
        return;
    buffer_append_text(text, "pairs: ");
    put_grouped(text, last->pairs.used);
    buffer_append_text(text, " of ");
    put_grouped(text, last->pairs.pairs);
    buffer_append_text(text, " used, drawn ");
    put_grouped(text, last->pairs_trained);
    buffer_append_text(text, " times");
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
        if (left_out[i].count == 0)
            continue;
        buffer_append_text(text, before);
        put_grouped(text, left_out[i].count);
        buffer_append_text(text, left_out[i].what);
        before = ", ";
    }
    buffer_append_char(text, '\n');
}

/* What evaluations told. */
static void put_evaluation(struct buffer *text, const struct train_progress *last) {
    if (isfinite(last->holdout_loss))
        buffer_print(text, "held-out loss: %.4f", last->holdout_loss);
    else if (last->evaluations > 0 && isfinite(last->score))
        buffer_append_text(text, "score:");
    if (isfinite(last->score))
        buffer_print(text, "%s %.4f, %s, %llu of %llu asked",
                     isfinite(last->holdout_loss) ? "; score" : "", last->score,
                     train_score_name(last->score_set), (unsigned long long)last->score_answered,
                     (unsigned long long)last->score_asked);
    if (isfinite(last->holdout_loss) || isfinite(last->score))
        buffer_append_char(text, '\n');
    if (last->stopped == STOP_EARLY)
        buffer_print(text, "stopped early: no gain in %llu evaluations\n",
                     (unsigned long long)last->waited);
    if (last->stopped == STOP_MAX_STEPS)
        buffer_print(text, "stopped: max_steps, %llu steps\n", (unsigned long long)last->step);
}

/* With stop_early the model may be older than the end. */
static void put_best(struct buffer *text, const struct train_progress *last) {
    if (last->evaluations > 0 && isfinite(last->best))
        buffer_print(text,
                     "published: the rows of the best evaluation, %.4f, step %llu, %llu "
                     "epochs passed\n",
                     last->best, (unsigned long long)last->best_step,
                     (unsigned long long)last->best_epoch);
}

static void put_summary(struct buffer *text, const struct progress_view *view,
                        const struct train_result *result, const char *output) {
    const struct corpus_report *corpus = &result->corpus;
    buffer_append_text(text, "corpus: ");
    put_grouped(text, corpus->words);
    buffer_append_text(text, " words in ");
    put_grouped(text, corpus->sentences);
    buffer_append_text(text, " sentences, ");
    put_grouped(text, corpus->distinct);
    buffer_append_text(text, " different\nvocabulary: ");
    put_grouped(text, corpus->vocabulary);
    buffer_append_text(text, " words; left out as too rare: ");
    put_share(text, corpus->rare_words, corpus->words);
    buffer_append_text(text, " of the text\n");
    if (corpus->pruned_words > 0) {
        buffer_append_text(text, "lost while counting, for want of memory: ");
        put_share(text, corpus->pruned_words, corpus->words);
        buffer_append_text(text, " of the text\n");
    }
    if (corpus->invalid_utf8 > 0) {
        buffer_append_text(text, "places that are no UTF-8: ");
        put_grouped(text, corpus->invalid_utf8);
        buffer_append_char(text, '\n');
    }
    put_sample(text, result);
    put_chosen(text, &corpus->choices);
    put_pairs(text, &result->last);
    buffer_append_text(text, "trained: ");
    put_grouped(text, result->last.words);
    buffer_append_text(text, " words in ");
    if (result->seconds < 60)
        buffer_print(text, "%.1f s", result->seconds);
    else
        put_duration(text, result->seconds);
    buffer_append_text(text, ", ");
    put_rate(text, result->last.words_per_second);
    buffer_print(text, ", loss %.4f\n", result->last.loss);
    put_evaluation(text, &result->last);
    if (view->stop_early)
        put_best(text, &result->last);
    if (result->last.examples < corpus->vocabulary) {
        buffer_append_text(text, "learned from: only ");
        put_grouped(text, result->last.examples);
        buffer_append_text(text, " words, fewer than the vocabulary has\n");
    }
    buffer_print(text, "model: %s, %s\n", output, result->model_digest);
}

enum status progress_summary(const struct progress_view *view, const struct train_result *result,
                             const char *output, struct error *err) {
    struct buffer text = {0};
    if (view->mode == PROGRESS_JSON) {
        buffer_append_text(&text, "{\"event\":\"done\",\"model\":");
        json_put_string(&text, output, strlen(output));
        buffer_print(&text, ",\"digest\":\"%s\"", result->model_digest);
        put_progress(&text, &result->last);
        json_put_number(&text, "total_seconds", result->seconds);
        put_report(&text, &result->corpus);
        buffer_append_text(&text, "}\n");
    } else {
        put_summary(&text, view, result, output);
    }
    return output_flush(&text, err);
}
