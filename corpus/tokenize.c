/* The tokens of one text, for whoever wants to see what training would. */
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
