#include "corpus/token_case.h"

#include <errno.h>
#include <stdlib.h>
#include <unicase.h>

#include "base/array.h"
#include "base/utf8.h"

enum status token_reserve(struct tokenizer *tokenizer, size_t length, struct error *err) {
    if (length <= tokenizer->folded_room)
        return STATUS_OK;
    char *folded = array_grow(tokenizer->folded, &tokenizer->folded_room, length, sizeof *folded);
    if (!folded)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a word of %zu bytes", length);
    tokenizer->folded = folded;
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
        tokenizer->folded[i] =
            (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
    return STATUS_OK;
}

static bool is_ascii(const char *text, size_t length) {
    unsigned char any = 0;
    for (size_t i = 0; i < length; i++)
        any |= (unsigned char)text[i];
    return any < ASCII_SIZE;
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
