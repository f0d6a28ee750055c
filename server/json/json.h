/* jansson, wrapped: limits, failures and vectors it must not touch. */
#ifndef VECMILL_SERVER_JSON_H
#define VECMILL_SERVER_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Once, before any other use: installs allocation hooks that mark a failed allocation per thread,
 * because jansson 2.14 may return wrong data after one. */
void json_setup(void);
/* Parses one document: UTF-8, no duplicate keys, no trailing text, depth <= depth, no NUL in
 * strings refused silently. MALFORMED with line and column; NO_MEMORY when an allocation failed
 * anywhere on the way (the tree is dropped). */
enum status json_parse(const char *text, size_t length, int depth, json_t **document,
                       struct error *err) MUST_CHECK;
/* Has an allocation for a tree failed on this thread since the last call? Then trees built
 * meanwhile may lack members. */
bool json_take_failure(void);
/* The tree as compact text; the buffer fails when document is NULL or json_take_failure() says
 * so. */
void json_append(struct buffer *buffer, const json_t *document);
/* A JSON string with quotes, control characters escaped, invalid UTF-8 as U+FFFD: for words, which
 * may be any bytes. */
void json_append_string(struct buffer *buffer, const char *text, size_t length);
/* The shortest number that reads back to the same float32, -0.0 with its fraction; null when it is
 * not finite. */
void json_append_float(struct buffer *buffer, float value);
/* "[0.1,2,...]" of the same. */
void json_append_floats(struct buffer *buffer, const float *values, size_t n);
/* a string node from any bytes, as json_append_string */
json_t *json_words(const char *text, size_t length);

#endif
