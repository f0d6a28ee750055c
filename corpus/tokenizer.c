#include "corpus/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "corpus/token_bytes.h"
#include "corpus/token_unicode.h"

void tokenizer_init(struct tokenizer *tokenizer, const struct settings *settings) {
    *tokenizer = (struct tokenizer){.lowercase = settings->lowercase};
    switch (settings->tokenizer) {
    case TOKENIZER_WHITESPACE:
        break;
    case TOKENIZER_UNICODE:
        tokenizer->unicode = true;
        token_unicode_init(tokenizer);
        break;
    }
}

void tokenizer_clear(struct tokenizer *tokenizer) {
    free(tokenizer->breaks);
    free(tokenizer->folded);
    *tokenizer = (struct tokenizer){0};
}

/* First byte from text on that separates words, or end; *high: a byte before it is above 127. */
static const char *run_end(const char *text, const char *end, bool *high) {
    uint64_t bytes;
    *high = false;
    while (text < end) {
        if (end - text >= (ptrdiff_t)sizeof bytes) {
            memcpy(&bytes, text, sizeof bytes);
            if ((bytes_space(bytes) | (bytes & BYTES_HIGH)) == 0) {
                text += sizeof bytes;
                continue;
            }
        }
        const char *stop = end - text < (ptrdiff_t)sizeof bytes ? end : text + sizeof bytes;
        for (; text < stop; text++) {
            if (utf8_separator(text, end) > 0)
                return text;
            *high |= (*text & 0x80) != 0;
        }
    }
    return text;
}

/* The whole run is one token. */
static enum status run_visit(struct tokenizer *tokenizer, const char *run, const char *end,
                             token_visit visit, void *context, struct error *err) {
    const char *token;
    size_t length;
    enum status status = tokenizer_lower(tokenizer, run, (size_t)(end - run), &token, &length, err);
    return status == STATUS_OK ? visit(context, run, token, length, err) : status;
}

enum status tokenizer_scan(struct tokenizer *tokenizer, const char **at, const char *stop,
                           const char *end, token_visit visit, void *context, struct error *err) {
    const char *p = *at;
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        for (size_t n; p < stop && (n = utf8_separator(p, end)) > 0;)
            p += n;
        if (p >= stop)
            break;
        bool high;
        const char *after = run_end(p, end, &high);
        status = tokenizer->unicode
                     ? token_unicode_run(tokenizer, p, after, !high, visit, context, err)
                     : run_visit(tokenizer, p, after, visit, context, err);
        p = after;
    }
    *at = p;
    return status;
}
