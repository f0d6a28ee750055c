/* Where words begin and end: the rules of the settings `tokenizer` and `lowercase`.
 *
 *     tokenizer.c      the walk over runs, which are text without white space
 *     token_unicode.c  the words of one run by the Unicode rules
 *     token_case.c     lower case, and memory for tokens that are no piece of the text
 *     token_bytes.h    ASCII, eight bytes at a time
 *
 * Private to corpus/; corpus_tokenize() of corpus.h is for everybody. */
#ifndef VECMILL_CORPUS_TOKENIZER_H
#define VECMILL_CORPUS_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"

#define ASCII_SIZE 128

/* One per thread: rules and working memory. */
struct tokenizer {
    bool unicode, lowercase;
    /* invalid UTF-8 parts that the unicode tokenizer met; each separates words */
    uint64_t invalid;
    unsigned char kinds[ASCII_SIZE]; /* word break properties, as libunistring has them */
    char *breaks;                    /* answer of u8_wordbreaks */
    size_t breaks_room;
    char *folded; /* the token handed out, when it is not a piece of the text */
    size_t folded_room;
};

/* at: where the token begins in the text; token: what counts as the word, `length` bytes, valid
 * until visit returns. A failure ends the scan and is what it returns. */
typedef enum status (*token_visit)(void *context, const char *at, const char *token, size_t length,
                                   struct error *err);

void tokenizer_init(struct tokenizer *tokenizer, const struct settings *settings);
void tokenizer_clear(struct tokenizer *tokenizer);
/* Visits the tokens of every run (text without white space, which is Unicode's White_Space and a
 * byte order mark) that begins in [*at, stop); a run may go on behind stop, up to end, and so may
 * white space. *at becomes the first byte that was not read. White space
 * always separates, whatever stands around it: so a text may be cut behind any white space
 * without a change to its tokens. Errors: NO_MEMORY, and those of visit. */
enum status tokenizer_scan(struct tokenizer *tokenizer, const char **at, const char *stop,
                           const char *end, token_visit visit, void *context,
                           struct error *err) MUST_CHECK;
/* A token taken as it is, but for the setting lowercase: ASCII letters always, others when the
 * token is valid UTF-8. *lowered is text, or memory of the tokenizer until its next call. */
enum status tokenizer_lower(struct tokenizer *tokenizer, const char *text, size_t length,
                            const char **lowered, size_t *lowered_length,
                            struct error *err) MUST_CHECK;

#endif
