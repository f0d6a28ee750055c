/* White space as the separator, lower case, and the walk over runs that both tokenizers share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>

#include "base/utf8.h"
#include "corpus/token.h"

void tokenizer_init(struct tokenizer *tokenizer, const struct settings *settings) {
    *tokenizer = (struct tokenizer){0};
    tokenizer->unicode = settings->tokenizer == TOKENIZER_UNICODE;
    tokenizer->lowercase = settings->lowercase;
    token_unicode_init(tokenizer);
}

void tokenizer_clear(struct tokenizer *tokenizer) {
    free(tokenizer->breaks);
    free(tokenizer->folded);
    *tokenizer = (struct tokenizer){0};
}

enum status token_reserve(struct tokenizer *tokenizer, size_t length, struct error *err) {
    if (length <= tokenizer->folded_room)
        return STATUS_OK;
    size_t room = length < 256 ? 256 : length;
    char *folded = realloc(tokenizer->folded, room);
    if (!folded)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a word of %zu bytes", length);
    tokenizer->folded = folded;
    tokenizer->folded_room = room;
    return STATUS_OK;
}

enum status token_adopt(struct tokenizer *tokenizer, uint8_t *result, size_t length,
                        struct error *err) {
    if (!result)
        return error_set_errno(err, errno, "cannot fold the case of a word");
    if ((char *)result != tokenizer->folded) {
        free(tokenizer->folded);
        tokenizer->folded = (char *)result;
        tokenizer->folded_room = length;
    }
    return STATUS_OK;
}

enum status token_lower_ascii(struct tokenizer *tokenizer, const char *text, size_t length,
                              struct error *err) {
    enum status status = token_reserve(tokenizer, length, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < length; i++)
        tokenizer->folded[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
    return STATUS_OK;
}

static bool is_ascii(const char *text, size_t length) {
    unsigned char any = 0;
    for (size_t i = 0; i < length; i++)
        any |= (unsigned char)text[i];
    return any < 128;
}

enum status tokenizer_lower(struct tokenizer *tokenizer, const char *text, size_t length,
                            const char **lowered, size_t *lowered_length, struct error *err) {
    *lowered = text;
    *lowered_length = length;
    if (!tokenizer->lowercase)
        return STATUS_OK;
    enum status status;
    if (is_ascii(text, length) || !utf8_valid(text, length)) {
        status = token_lower_ascii(tokenizer, text, length, err);
    } else {
        status = token_reserve(tokenizer, length, err);
        if (status != STATUS_OK)
            return status;
        size_t size = tokenizer->folded_room;
        uint8_t *result = u8_tolower((const uint8_t *)text, length, NULL, NULL,
                                     (uint8_t *)tokenizer->folded, &size);
        status = token_adopt(tokenizer, result, size, err);
        *lowered_length = size;
    }
    *lowered = tokenizer->folded;
    return status;
}

const char *token_run_end(const char *text, const char *end, bool *high) {
    uint64_t any = 0;
    for (; end - text >= 8; text += 8) {
        uint64_t bytes;
        memcpy(&bytes, text, sizeof bytes);
        if (bytes_space(bytes) != 0)
            break;
        any |= bytes;
    }
    for (; text < end && !byte_is_space(*text); text++)
        any |= (unsigned char)*text;
    *high = (any & BYTES_ALL(0x80)) != 0;
    return text;
}

enum status tokenizer_scan(struct tokenizer *tokenizer, const char **at, const char *stop,
                           const char *end, token_visit visit, void *context, struct error *err) {
    const char *p = *at;
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        while (p < stop && byte_is_space(*p))
            p++;
        if (p >= stop)
            break;
        bool high;
        const char *run_end = token_run_end(p, end, &high);
        if (tokenizer->unicode) {
            status = token_unicode_run(tokenizer, p, run_end, !high, visit, context, err);
        } else {
            const char *token;
            size_t length;
            status = tokenizer_lower(tokenizer, p, (size_t)(run_end - p), &token, &length, err);
            if (status == STATUS_OK)
                status = visit(context, p, token, length, err);
        }
        p = run_end;
    }
    *at = p;
    return status;
}
