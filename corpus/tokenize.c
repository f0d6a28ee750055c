/* The tokens of one text, for whoever wants to see what training would. */
#include <unictype.h>

#include "base/utf8.h"
#include "corpus/corpus.h"
#include "corpus/corpus_text.h"
#include "corpus/tokenizer.h"

struct listener {
    enum status (*visit)(void *context, const char *token, size_t length, struct error *err);
    void *context;
};

static enum status listener_visit(void *context, const char *at, const char *token, size_t length,
                                  struct error *err) {
    const struct listener *listener = context;
    (void)at;
    return listener->visit(listener->context, token, length, err);
}

enum status corpus_tokenize(const struct settings *settings, const char *text, size_t length,
                            enum status (*visit)(void *context, const char *token, size_t length,
                                                 struct error *err),
                            void *context, struct error *err) {
    struct listener listener = {visit, context};
    struct tokenizer tokenizer;
    if (length == 0)
        return STATUS_OK;
    const char *at = text + corpus_text_mark(text, length), *end = text + length;
    tokenizer_init(&tokenizer, settings);
    enum status status = tokenizer_scan(&tokenizer, &at, end, end, listener_visit, &listener, err);
    tokenizer_clear(&tokenizer);
    return status;
}

const char *corpus_strip(const char *token, size_t *length) {
    const char *at = token, *end = token + *length, *first = NULL, *last = token;
    while (at < end) {
        uint32_t letter;
        size_t skip, taken = utf8_decode(at, end, &letter, &skip);
        bool kept = taken > 0 && uc_is_general_category_withtable(letter, UC_CATEGORY_MASK_L |
                                                                              UC_CATEGORY_MASK_N |
                                                                              UC_CATEGORY_MASK_M);
        if (kept && !first)
            first = at;
        at += taken > 0 ? taken : skip > 0 ? skip : 1;
        last = kept ? at : last;
    }
    *length = !first ? 0 : (size_t)(last - first);
    return !first ? token : first;
}
