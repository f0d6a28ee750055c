/* A plan as people read it. */
#include <math.h>
#include <string.h>

#include "cli/plan_report.h"

#define CHECKPOINTS 2 /* that stand beside each other */
#define LABEL "%-13s"
#define MINUTE 60.0
#define HOUR 3600.0

uint64_t plan_disk_needed(const struct plan_frame *frame, const struct train_plan *plan) {
    uint64_t reading = plan->disk_to_read + frame->preparing_bytes;
    uint64_t training = plan->disk_ids + CHECKPOINTS * plan->disk.checkpoint + plan->disk.model +
                        frame->preparing_bytes;
    return reading > training ? reading : training;
}

double plan_seconds(const struct plan_frame *frame, const struct train_plan *plan) {
    return frame->preparing_seconds + plan->reading_seconds + plan->training_seconds;
}

void plan_basis(const struct plan_frame *frame, const struct train_plan *plan,
                struct buffer *text) {
    const struct plan_speed *speed = &plan->speed;
    buffer_append_text(text, "estimated from training ");
    put_grouped(text, speed->words);
    buffer_print(text,
                 " words in %.2g s on this machine, with %d thread%s that had %.0f%% of their "
                 "CPUs, kernel %s, and rows of %u words",
                 speed->seconds, speed->threads, speed->threads == 1 ? "" : "s",
                 100 * fmin(speed->cpu_share, 1), frame->kernel->name, speed->rows);
    if (speed->rows < (uint32_t)fmin(plan->vocabulary, UINT32_MAX))
        buffer_print(text, " (all %.0f may be slower)", plan->vocabulary);
    if (plan->chosen.holdout > 0 || strcmp(plan->chosen.questions, "none") != 0)
        buffer_append_text(text, "; evaluations come on top");
}

static void put_size(struct buffer *text, uint64_t bytes) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024;
    buffer_print(text, unit == 0 || value >= 100 ? "%.0f %s" : "%.3g %s", value, units[unit]);
}

static void put_duration(struct buffer *text, double seconds) {
    if (seconds < MINUTE)
        buffer_print(text, "%.2g s", seconds);
    else if (seconds < HOUR)
        buffer_print(text, "%.0f min %.0f s", floor(seconds / MINUTE), fmod(seconds, MINUTE));
    else
        buffer_print(text, "%.0f h %.0f min", floor(seconds / HOUR),
                     floor(fmod(seconds, HOUR) / MINUTE));
}

static void put_figure(struct buffer *text, double value, const char *what) {
    put_grouped(text, (uint64_t)llround(value));
    buffer_append_text(text, what);
}

static void put_corpus(const struct plan_frame *frame, const struct train_plan *plan,
                       struct buffer *text) {
    const struct corpus_report *report = &plan->spectrum.report;
    buffer_print(text, LABEL "%s: ", "corpus", frame->corpus);
    put_figure(text, (double)report->bytes * plan->factor, " bytes, ");
    put_figure(text, plan->words, " words (");
    put_figure(text, plan->distinct, " different), ");
    put_figure(text, (double)report->lines * plan->factor, " lines, ");
    put_figure(text, (double)report->sentences * plan->factor, " sentences\n");
    if (plan->factor > 1) {
        buffer_print(text, LABEL "extrapolated from a sample: %.3g%% of the text, ", "",
                     100 / plan->factor);
        put_size(text, frame->sample.bytes);
        buffer_print(text, frame->sample.pieces == 1 ? " at its beginning\n" : " in %u pieces\n",
                     frame->sample.pieces);
    }
}

static void put_vocabulary(const struct train_plan *plan, struct buffer *text) {
    buffer_print(text, LABEL, "vocabulary");
    put_figure(text, plan->vocabulary, " words");
    buffer_print(text, " at min_count %lld", (long long)plan->chosen.min_count);
    if (plan->chosen.max_vocab > 0)
        buffer_print(text, " and max_vocab %lld", (long long)plan->chosen.max_vocab);
    buffer_print(text, ", %.4g%% of the text\n\n",
                 plan->words > 0 ? 100 * plan->kept_words / plan->words : 0);
    buffer_print(text, LABEL "%9s %14s %12s %12s\n", "", "min_count", "words", "of the text",
                 "memory");
    for (unsigned i = 0; i < plan->n_curve; i++) {
        const struct plan_point *point = &plan->curve[i];
        struct buffer words = {0}, memory = {0};
        put_grouped(&words, (uint64_t)llround(point->words));
        put_size(&memory, point->memory);
        bool own = point->min_count == (uint64_t)plan->chosen.min_count;
        buffer_print(text, LABEL "%9llu %14s %11.2f%% %12s%s\n", own ? "          >" : "",
                     (unsigned long long)point->min_count, words.failed ? "" : words.data,
                     100 * point->covered, memory.failed ? "" : memory.data,
                     point->fits ? "" : "  too much");
        buffer_clear(&words);
        buffer_clear(&memory);
    }
    buffer_append_char(text, '\n');
}

static void put_notes(const char *label, const struct plan_notes *notes, struct buffer *text) {
    for (unsigned i = 0; i < notes->n; i++) {
        const struct plan_note *note = &notes->notes[i];
        buffer_print(text, LABEL, label);
        if (note->setting[0] && note->value[0])
            buffer_print(text, "%s = %s: ", note->setting, note->value);
        buffer_print(text, "%s\n", note->text);
    }
}

static void put_needs(const struct plan_frame *frame, const struct train_plan *plan,
                      struct buffer *text) {
    uint64_t needed = plan_disk_needed(frame, plan);
    buffer_print(text, LABEL, "memory");
    put_size(text, plan->memory.needed);
    buffer_append_text(text, " to train, ");
    put_size(text, plan->memory_to_read);
    buffer_append_text(text, " to read the corpus, at most; allowed: ");
    put_size(text, plan->memory.allowed);
    buffer_append_text(text, plan->memory.fits ? "\n" : ": too little\n");
    buffer_print(text, LABEL, "disk");
    put_size(text, needed);
    buffer_append_text(text, " at most: model ");
    put_size(text, plan->disk.model);
    buffer_print(text, ", %d checkpoints of ", CHECKPOINTS);
    put_size(text, plan->disk.checkpoint);
    buffer_append_text(text, ", scratch files ");
    put_size(text, plan->disk_to_read + frame->preparing_bytes);
    if (frame->disk_known) {
        buffer_append_text(text, "; free: ");
        put_size(text, frame->disk_free);
        buffer_append_text(text, needed <= frame->disk_free ? "" : ": too little");
    }
    buffer_append_char(text, '\n');
}

static void put_time(const struct plan_frame *frame, const struct train_plan *plan,
                     struct buffer *text) {
    buffer_print(text, LABEL, "time");
    if (!plan->speed.known) {
        buffer_append_text(text, "not known: no training was tried\n");
        return;
    }
    buffer_append_text(text, "about ");
    put_duration(text, plan_seconds(frame, plan));
    buffer_append_text(text, ": reading ");
    put_duration(text, plan->reading_seconds + frame->preparing_seconds);
    buffer_print(text, ", %lld epochs ", (long long)plan->chosen.epochs);
    put_duration(text, plan->training_seconds);
    buffer_append_text(text, " at ");
    put_figure(text, plan->words_to_train / plan->training_seconds, " words a second\n");
    buffer_print(text, LABEL "(", "");
    plan_basis(frame, plan, text);
    buffer_append_text(text, ")\n");
}

void plan_put_table(const struct plan_frame *frame, const struct train_plan *plan,
                    struct buffer *text) {
    put_corpus(frame, plan, text);
    put_vocabulary(plan, text);
    put_notes("auto", &plan->chosen_by_auto, text);
    if (plan->chosen.sample != SETTING_AUTO_REAL) {
        buffer_print(text, LABEL "sample %g keeps %.3g%% of the words, about ", "subsampling",
                     plan->chosen.sample, 100 * plan->sample_share);
        put_figure(text, plan->kept_words * plan->sample_share, " an epoch\n");
    }
    if (plan->pairs.pairs > 0) {
        buffer_print(text, LABEL, "pairs");
        put_figure(text, (double)plan->pairs.used, " of ");
        put_figure(text, (double)plan->pairs.pairs, " can be used");
        buffer_print(text, "; %.3g%% of the steps are theirs\n", 100 * plan->chosen.pairs_share);
    }
    put_needs(frame, plan, text);
    put_time(frame, plan, text);
    put_notes("warning", &plan->warnings, text);
    put_notes("suggestion", &plan->suggestions, text);
}
