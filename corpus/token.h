/* Where words begin and end: the rules of the settings tokenizer and lowercase. Private to
 * corpus/. */
#ifndef VECMILL_CORPUS_TOKEN_H
#define VECMILL_CORPUS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"

/* One per thread: rules and working memory. */
struct tokenizer {
    bool unicode, lowercase;
    /* invalid UTF-8 parts that the unicode tokenizer met; each separates words */
    uint64_t invalid;
    unsigned char kinds[128]; /* word break properties of ASCII, as libunistring has them */
    char *breaks;             /* answer of u8_wordbreaks */
    size_t breaks_room;
    char *folded; /* the token handed out, when it is not a piece of the text */
    size_t folded_room;
};

/* at: where the token begins in the text; token: what counts as the word, valid until visit
 * returns. */
typedef enum status (*token_visit)(void *context, const char *at, const char *token, size_t length,
                                   struct error *err);

void tokenizer_init(struct tokenizer *tokenizer, const struct settings *settings);
void tokenizer_clear(struct tokenizer *tokenizer);
/* Visits the tokens of every run (text without ASCII white space) that begins in [*at, stop); a run
 * may go on behind stop, up to end. *at becomes the first byte that was not read. White space
 * always separates, whatever stands around it: so a text may be cut behind any white space byte
 * without a change to its tokens. */
enum status tokenizer_scan(struct tokenizer *tokenizer, const char **at, const char *stop,
                           const char *end, token_visit visit, void *context,
                           struct error *err) MUST_CHECK;
/* A token taken as it is, but for the setting lowercase: ASCII letters always, others when the
 * token is valid UTF-8. */
enum status tokenizer_lower(struct tokenizer *tokenizer, const char *text, size_t length,
                            const char **lowered, size_t *lowered_length,
                            struct error *err) MUST_CHECK;

/* token_unicode.c: Unicode word boundaries (UAX #29) of one run, NFC and full case folding of each
 * word. */
void token_unicode_init(struct tokenizer *tokenizer);
enum status token_unicode_run(struct tokenizer *tokenizer, const char *run, const char *end,
                              bool ascii, token_visit visit, void *context,
                              struct error *err) MUST_CHECK;
/* Room for `length` bytes in tokenizer->folded. */
enum status token_reserve(struct tokenizer *tokenizer, size_t length, struct error *err) MUST_CHECK;
/* ASCII letters into tokenizer->folded in lower case, all other bytes as they are. */
enum status token_lower_ascii(struct tokenizer *tokenizer, const char *text, size_t length,
                              struct error *err) MUST_CHECK;
/* Takes over what a libunistring function returned when given tokenizer->folded as its buffer. */
enum status token_adopt(struct tokenizer *tokenizer, uint8_t *result, size_t length,
                        struct error *err) MUST_CHECK;
/* First byte from text on that is ASCII white space, or end; *high collects whether a byte before
 * it is above 127. */
const char *token_run_end(const char *text, const char *end, bool *high);

static inline bool byte_is_space(char c) {
    return c == ' ' || (unsigned char)(c - '\t') < 5;
}

#define BYTES_ALL(byte) (0x0101010101010101u * (uint64_t)(byte))

/* Bit 7 of each of the eight bytes that is ASCII white space; no carry crosses bytes, so every bit
 * is exact. */
static inline uint64_t bytes_space(uint64_t bytes) {
    uint64_t low = bytes & BYTES_ALL(0x7f);
    uint64_t from_tab = low + BYTES_ALL(0x80 - '\t'),
             above_return = low + BYTES_ALL(0x80 - '\r' - 1);
    uint64_t not_blank = (low ^ BYTES_ALL(' ')) + BYTES_ALL(0x7f);
    return ((from_tab & ~above_return) | ~not_blank) & ~bytes & BYTES_ALL(0x80);
}

static inline uint64_t bytes_lower(uint64_t bytes) {
    uint64_t low = bytes & BYTES_ALL(0x7f);
    uint64_t from_a = low + BYTES_ALL(0x80 - 'A'), above_z = low + BYTES_ALL(0x80 - 'Z' - 1);
    return bytes | ((from_a & ~above_z & ~bytes & BYTES_ALL(0x80)) >> 2);
}

#endif
