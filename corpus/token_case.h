/* Lower case, and the memory for a token that is no piece of the text. Private to corpus/. */
#ifndef VECMILL_CORPUS_TOKEN_CASE_H
#define VECMILL_CORPUS_TOKEN_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "corpus/tokenizer.h"

/* Room for `length` bytes in tokenizer->folded. */
enum status token_reserve(struct tokenizer *tokenizer, size_t length, struct error *err) MUST_CHECK;
/* ASCII letters into tokenizer->folded in lower case, all other bytes as they are. */
enum status token_lower_ascii(struct tokenizer *tokenizer, const char *text, size_t length,
                              struct error *err) MUST_CHECK;
/* Takes over what a libunistring function returned when given tokenizer->folded as its buffer: that
 * buffer, memory of its own, or NULL with errno. length: of the result. */
enum status token_adopt(struct tokenizer *tokenizer, uint8_t *result, size_t length,
                        struct error *err) MUST_CHECK;

#endif
