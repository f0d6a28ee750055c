#include "cli/words.h"

#include <string.h>

#define SUGGEST_AMONG 200000

enum status model_open(struct invocation *invocation, struct model **model, struct error *err) {
    const struct kernel *kernel;
    enum status status = kernel_of_settings(&invocation->settings, &kernel, err);
    return status == STATUS_OK ? model_load(model, invocation->operands[0], kernel, err) : status;
}

enum status word_find(const struct model *model, const char *word, uint32_t *id,
                      struct error *err) {
    *id = vocabulary_find(model->vocabulary, word, strlen(word));
    if (*id != WORD_NONE)
        return STATUS_OK;
    uint32_t near;
    if (vocabulary_suggest(model->vocabulary, word, strlen(word), SUGGEST_AMONG, &near, 1) == 0)
        return error_set(err, STATUS_NOT_FOUND, "no word '%.200s' in the model", word);
    size_t length;
    const char *text = vocabulary_word(model->vocabulary, near, &length);
    return error_set(err, STATUS_NOT_FOUND, "no word '%.200s' in the model; did you mean '%.*s'?",
                     word, (int)(length < 200 ? length : 200), text);
}
