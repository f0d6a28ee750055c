#include "corpus/token_unicode.h"

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>
#include <uniwbrk.h>

#include "base/array.h"
#include "base/utf8.h"
#include "corpus/token_case.h"

/* Long runs are taken in windows that begin at a word boundary: no rule looks back over one,
 * regional indicators included, which boundaries leave in pairs. Boundaries in a window's last
 * MARGIN bytes are not believed, since some rules look ahead over combining marks. */
#define WINDOW 16384u
#define MARGIN 1024u
#define IS_CONTINUATION(byte) (((byte)&0xc0) == 0x80) /* of a UTF-8 sequence */

void token_unicode_init(struct tokenizer *tokenizer) {
    for (ucs4_t c = 0; c < ASCII_SIZE; c++)
        tokenizer->kinds[c] = (unsigned char)uc_wordbreak_property(c);
}

static bool kind_is_word(int kind) {
    return kind == WBP_ALETTER || kind == WBP_NUMERIC || kind == WBP_EXTENDNUMLET;
}

/* Rules 6, 7, 11 and 12: the middle joins two letters, or two digits. */
static bool kind_joins(int before, int middle, int after) {
    if (before == WBP_ALETTER && after == WBP_ALETTER)
        return middle == WBP_MIDLETTER || middle == WBP_MIDNUMLET || middle == WBP_SQ;
    if (before == WBP_NUMERIC && after == WBP_NUMERIC)
        return middle == WBP_MIDNUM || middle == WBP_MIDNUMLET || middle == WBP_SQ;
    return false;
}

/* The rules as far as ASCII without white space needs them; the result is that of u8_wordbreaks. */
static enum status ascii_run(struct tokenizer *tokenizer, const char *run, const char *end,
                             token_visit visit, void *context, struct error *err) {
    const unsigned char *kinds = tokenizer->kinds;
    enum status status = STATUS_OK;
    for (const char *p = run; p < end && status == STATUS_OK;) {
        int kind = kinds[(unsigned char)*p];
        if (!kind_is_word(kind)) {
            p++;
            continue;
        }
        const char *begin = p;
        bool letter_or_number = false;
        for (;; p++) {
            kind = kinds[(unsigned char)*p];
            letter_or_number |= kind != WBP_EXTENDNUMLET;
            if (end - p > 1 && kind_is_word(kinds[(unsigned char)p[1]]))
                continue;
            if (end - p <= 2 ||
                !kind_joins(kind, kinds[(unsigned char)p[1]], kinds[(unsigned char)p[2]]))
                break;
            p++;
        }
        p++;
        if (!letter_or_number)
            continue;
        status = token_lower_ascii(tokenizer, begin, (size_t)(p - begin), err);
        if (status == STATUS_OK)
            status = visit(context, begin, tokenizer->folded, (size_t)(p - begin), err);
    }
    return status;
}

static bool has_letter_or_number(const uint8_t *text, size_t length) {
    for (size_t at = 0; at < length;) {
        ucs4_t c;
        at += (size_t)u8_mbtouc_unsafe(&c, text + at, length - at);
        if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N))
            return true;
    }
    return false;
}

static enum status segment_visit(struct tokenizer *tokenizer, const uint8_t *segment, size_t length,
                                 token_visit visit, void *context, struct error *err) {
    if (!has_letter_or_number(segment, length))
        return STATUS_OK;
    enum status status = token_reserve(tokenizer, length, err);
    if (status != STATUS_OK)
        return status;
    size_t size = tokenizer->folded_room;
    uint8_t *result =
        u8_casefold(segment, length, NULL, UNINORM_NFC, (uint8_t *)tokenizer->folded, &size);
    status = token_adopt(tokenizer, result, size, err);
    if (status != STATUS_OK || size == 0)
        return status;
    return visit(context, (const char *)segment, tokenizer->folded, size, err);
}

static enum status breaks_find(struct tokenizer *tokenizer, const uint8_t *text, size_t length,
                               struct error *err) {
    if (length > tokenizer->breaks_room) {
        char *breaks =
            array_grow(tokenizer->breaks, &tokenizer->breaks_room, length, sizeof *breaks);
        if (!breaks)
            return error_set(err, STATUS_NO_MEMORY, "out of memory for word breaks of %zu bytes",
                             length);
        tokenizer->breaks = breaks;
    }
    u8_wordbreaks(text, length, tokenizer->breaks);
    return STATUS_OK;
}

/* Finds the breaks of the window at text and how much of it they hold for: up to a boundary, or to
 * the end of the run. A word longer than the window doubles it. */
static enum status window_find(struct tokenizer *tokenizer, const uint8_t *text, size_t left,
                               size_t *sure, struct error *err) {
    for (size_t window = WINDOW;; window *= 2) {
        size_t length = left < window ? left : window;
        while (length < left && IS_CONTINUATION(text[length]))
            length--;
        enum status status = breaks_find(tokenizer, text, length, err);
        if (status != STATUS_OK)
            return status;
        *sure = length;
        if (length == left)
            return STATUS_OK;
        *sure -= MARGIN;
        while (*sure > 0 && !tokenizer->breaks[*sure])
            --*sure;
        if (*sure > 0)
            return STATUS_OK;
    }
}

static enum status valid_run(struct tokenizer *tokenizer, const uint8_t *text, const uint8_t *end,
                             token_visit visit, void *context, struct error *err) {
    while (text < end) {
        size_t sure = 0;
        enum status status = window_find(tokenizer, text, (size_t)(end - text), &sure, err);
        for (size_t begin = 0, at = 1; at <= sure && status == STATUS_OK; at++) {
            if (at < sure && !tokenizer->breaks[at])
                continue;
            status = segment_visit(tokenizer, text + begin, at - begin, visit, context, err);
            begin = at;
        }
        if (status != STATUS_OK)
            return status;
        text += sure;
    }
    return STATUS_OK;
}

enum status token_unicode_run(struct tokenizer *tokenizer, const char *run, const char *end,
                              bool ascii, token_visit visit, void *context, struct error *err) {
    if (ascii)
        return ascii_run(tokenizer, run, end, visit, context, err);
    while (run < end) {
        const uint8_t *bad = u8_check((const uint8_t *)run, (size_t)(end - run));
        const char *valid_end = !bad ? end : (const char *)bad;
        enum status status = valid_run(tokenizer, (const uint8_t *)run, (const uint8_t *)valid_end,
                                       visit, context, err);
        if (status != STATUS_OK || !bad)
            return status;
        uint32_t code_point;
        size_t skip = 0;
        (void)utf8_decode(valid_end, end, &code_point, &skip);
        tokenizer->invalid++;
        run = valid_end + (skip > 0 ? skip : 1);
    }
    return STATUS_OK;
}
