/* From settings to the kernel's step. */
#include "train/step_settings.h"

struct step_bias step_bias(const struct settings *settings) {
    struct step_bias none = {0}, fixed = {.fixed = true};
    switch (settings->bias) {
    case BIAS_AUTO:
        return settings->objective == OBJECTIVE_NEGATIVE_SAMPLING ? none : fixed;
    case BIAS_FIXED:
        return fixed;
    case BIAS_LEARNED:
        return (struct step_bias){.column = true, .learned = true};
    case BIAS_ZERO:
        return (struct step_bias){.column = true};
    case BIAS_NONE:
        return none;
    }
    return none;
}

uint32_t step_window_most(const struct settings *settings) {
    int64_t text = settings->window_text, items = settings->window_items;
    if (settings->window == SETTING_AUTO_INT)
        return (uint32_t)(text < items ? text : items);
    return (uint32_t)(settings->window > 0 ? settings->window : settings->window_most);
}

uint32_t step_window(const struct settings *settings, const struct corpus *corpus,
                     uint64_t *longer) {
    uint32_t most = step_window_most(settings), longest = 1, length = 0;
    *longer = 0;
    if (settings->window > 0)
        return most;
    if (corpus->graph) { /* sentences are walks, all as long at most */
        uint32_t others = (uint32_t)settings->walk_length - 1;
        *longer = others > most ? corpus->report.sentences : 0;
        return others < most ? others : most;
    }
    for (uint64_t i = 0; i <= corpus->length; i++) {
        if (i < corpus->length && corpus->ids[i] != WORD_NONE) {
            length++;
            continue;
        }
        *longer += length > most + 1;
        longest = length > longest + 1 ? length - 1 : longest;
        length = 0;
    }
    return longest < most ? longest : most;
}

uint32_t step_noise(const struct settings *settings) {
    int64_t initial = settings->negative > 48 ? settings->negative : 48;
    return (uint32_t)(settings->shared_negatives ? settings->shared_negatives : initial);
}

uint32_t step_private_rows(const struct settings *settings, uint32_t rows, int threads) {
    if (threads == 1 || settings->exact_negatives)
        return 0;
    return settings->private_rows < rows ? (uint32_t)settings->private_rows : rows;
}

static enum kernel_loss_kind loss_kind(const struct settings *settings) {
    switch (settings->objective) {
    case OBJECTIVE_NCE:
    case OBJECTIVE_NEGATIVE_SAMPLING:
        return KERNEL_LOGISTIC;
    case OBJECTIVE_SAMPLED_SOFTMAX:
        return KERNEL_SOFTMAX;
    }
    return KERNEL_LOGISTIC;
}

static bool removes_hits(const struct settings *settings) {
    switch (settings->remove_accidental_hits) {
    case HITS_AUTO:
        return settings->objective == OBJECTIVE_SAMPLED_SOFTMAX;
    case HITS_YES:
        return true;
    case HITS_NO:
        return false;
    }
    return false;
}

/* Context words of a centre that are expected inside a sentence; 0: each takes the whole step, as
 * where the window is all of a sentence, whose length says nothing of that of another. */
static float cbow_mean(const struct settings *settings) {
    switch (settings->cbow_gradient) {
    case CBOW_GRADIENT_MEAN:
        return (float)(settings->dynamic_window && settings->window > 0 ? settings->window + 1
                                                                        : 2 * settings->window);
    case CBOW_GRADIENT_WHOLE:
        return 0;
    }
    return 0;
}

struct kernel_step step_from_settings(const struct settings *settings, const struct table *table,
                                      uint32_t window) {
    const struct settings *s = settings;
    double z = 1.0 / (double)s->num_true;
    uint32_t noise = s->exact_negatives ? (uint32_t)s->negative : step_noise(s);
    return (struct kernel_step){
        .stride = table->stride,
        .columns = table->columns,
        .has_bias = table->columns > (uint32_t)s->dim,
        .cbow = s->architecture == ARCHITECTURE_CBOW,
        .loss_kind = loss_kind(s),
        .noise = noise,
        .window = window,
        .remove_hits = removes_hits(s),
        .clip = s->guard && !s->exact_negatives,
        .clip_repeat = (float)s->guard_repeat,
        .clip_output = (float)s->guard_output,
        .clip_input = (float)s->guard_input,
        .positive_a = (float)(s->pos_weight * z),
        .positive_b = (float)(1 + (s->pos_weight - 1) * z),
        .negative_weight = (float)((double)s->negative / noise * z),
        .input_rate = (float)s->input_rate,
        .cbow_input = (float)s->cbow_input_rate,
        .cbow_mean = cbow_mean(s),
    };
}
