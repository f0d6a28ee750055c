/* jansson, wrapped: limits, failures and vectors it must not touch. A tree belongs to one thread at
 * a time. */
#ifndef VECMILL_SERVER_JSON_H
#define VECMILL_SERVER_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* Once, before any other use and before threads: installs allocation hooks that mark a failed
 * allocation per thread, because jansson 2.14 may return wrong data after one. */
void json_setup(void);
/* Parses one document of `length` bytes: UTF-8, no name twice in an object, no NUL in a string, at
 * most `depth` lists and objects within each other, nothing behind its end. *document: owned by the
 * caller (json_decref); NULL after a failure. MALFORMED tells line and column; NO_MEMORY when an
 * allocation failed anywhere on the way. */
enum status json_parse(const char *text, size_t length, int depth, json_t **document,
                       struct error *err) MUST_CHECK;
/* The same for a document of many texts as people write them: strings may hold NUL, half a
 * surrogate pair becomes U+FFFD. More than max_values values are TOO_LARGE, so that a large body
 * of small ones takes no memory. */
enum status json_parse_texts(const char *text, size_t length, int depth, size_t max_values,
                             json_t **document, struct error *err) MUST_CHECK;
/* Bytes that the tree of a text takes, roughly and rather too many: told from its commas and
 * brackets, for a small text can be a large tree. */
uint64_t json_memory(const char *text, size_t length);
/* Has an allocation for a tree failed on this thread since the last call? Then trees built
 * meanwhile may lack members. */
bool json_take_failure(void);
/* Appends the tree, which stays the caller's, as compact text. The buffer fails when document is
 * NULL or json_take_failure() says so. */
void json_append(struct buffer *buffer, const json_t *document);
/* Appends a JSON string with quotes. Control characters are escaped, bytes that are no UTF-8 become
 * U+FFFD: words may be any bytes. */
void json_append_string(struct buffer *buffer, const char *text, size_t length);
/* Appends the shortest number that reads back to the same float32; -0.0 keeps its fraction; null
 * when it is not finite. */
void json_append_float(struct buffer *buffer, float value);
/* "[0.1,2,...]" of the same. */
void json_append_floats(struct buffer *buffer, const float *values, size_t n);
/* A string node from any bytes, as json_append_string; owned by the caller, NULL without memory. */
json_t *json_words(const char *text, size_t length);

#endif
