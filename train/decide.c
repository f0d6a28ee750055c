#include "train/decide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/file.h"

#define KEPT_FILE "chosen"
#define KEPT_MAGIC 0x315345534f4843ull /* "CHOSES1" */

/* In our own machine's byte order, as checkpoints are. */
struct kept {
    uint64_t magic;
    uint64_t settings, bytes, lines, words; /* for what it was chosen */
    struct corpus_choices choices;
    uint64_t sum; /* of all before it */
};

uint64_t decide_checksum(const struct settings *settings) {
    struct settings same = *settings, initial;
    settings_init(&initial);
    same.threads = initial.threads;
    same.kernel = initial.kernel;
    same.checkpoint_interval = initial.checkpoint_interval;
    same.progress_interval = initial.progress_interval;
    same.max_memory = initial.max_memory;
    same.on_nonfinite = initial.on_nonfinite;
    same.save_output = initial.save_output;
    same.max_norm = initial.max_norm;
    same.nonfinite_search = initial.nonfinite_search;
    same.nonfinite_dump = initial.nonfinite_dump;
    memcpy(same.questions, initial.questions, sizeof same.questions); /* a path may change */
    memcpy(same.pairs, initial.pairs, sizeof same.pairs);             /* known by their checksum */
    struct buffer text = {0};
    settings_write_text(&same, SETTING_OF_JOB, false, &text);
    uint64_t sum = text.failed ? 0 : checksum(text.data, text.length);
    buffer_clear(&text);
    return sum;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

static struct kept kept_of(const struct decision *decision, const struct corpus_report *report) {
    struct kept kept;
    memset(&kept, 0, sizeof kept); /* padding is checksummed too */
    kept.magic = KEPT_MAGIC;
    kept.settings = decide_checksum(decision->asked);
    kept.bytes = report->bytes, kept.lines = report->lines, kept.words = report->words;
    return kept;
}

static enum status keep(const struct decision *decision, const struct corpus_report *report,
                        struct error *err) {
    char *path = path_join(decision->work, KEPT_FILE);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate a path");
    struct kept kept = kept_of(decision, report);
    kept.choices = decision->choices;
    kept.sum = checksum(&kept, offsetof(struct kept, sum));
    enum status status = file_replace(path, (const char *)&kept, sizeof kept, err);
    free(path);
    return status;
}

/* False when there is none, or it is damaged, or of another text or other settings. */
static bool kept_read(const struct decision *decision, const struct corpus_report *report,
                      struct kept *kept) {
    char *path = path_join(decision->work, KEPT_FILE), *bytes = NULL;
    size_t length = 0;
    bool read = path && file_exists(path) &&
                file_read(path, sizeof *kept, &bytes, &length, NULL) == STATUS_OK &&
                length == sizeof *kept;
    if (read)
        memcpy(kept, bytes, sizeof *kept);
    free(bytes);
    free(path);
    const struct kept wanted = kept_of(decision, report);
    return read && kept->sum == checksum(kept, offsetof(struct kept, sum)) &&
           memcmp(kept, &wanted, offsetof(struct kept, choices)) == 0 &&
           kept->choices.n <= CORPUS_CHOICES;
}

/* Takes what is kept, once. */
static void look(struct decision *decision, const struct corpus_report *report) {
    struct kept kept;
    if (decision->looked)
        return;
    decision->looked = true;
    if (!decision->resume || !decision->work || !kept_read(decision, report, &kept))
        return;
    struct settings chosen = decision->chosen;
    for (uint64_t i = 0; i < kept.choices.n; i++) {
        const struct corpus_choice *choice = &kept.choices.rows[i];
        if (settings_set(&chosen, choice->setting, choice->value, SETTING_OF_JOB, NULL) !=
            STATUS_OK)
            return; /* it is chosen anew */
    }
    decision->chosen = chosen;
    decision->choices = kept.choices;
    decision->taken = true;
}

/* ---- choosing -------------------------------------------------------------------------------- */

void decide_begin(struct decision *decision) {
    decision->chosen = *decision->asked;
}

uint64_t decide_min_count(void *context, const struct corpus_spectrum *spectrum) {
    struct decision *decision = context;
    look(decision, &spectrum->report);
    facts_count(&decision->facts, spectrum, decision->factor);
    choose_settings(&decision->facts, &decision->chosen, &decision->choices);
    return (uint64_t)fmax(ceil((double)decision->chosen.min_count / decision->factor), 1);
}

enum status decide_rest(struct decision *decision, struct corpus_report *report, double kept_words,
                        const struct vocabulary *counts, struct error *err) {
    look(decision, report);
    facts_cut(&decision->facts, report, decision->factor, kept_words, counts);
    choose_settings(&decision->facts, &decision->chosen, &decision->choices);
    report->choices = decision->choices;
    if (!decision->work || decision->taken || decision->choices.n == 0)
        return STATUS_OK;
    return keep(decision, report, err);
}
