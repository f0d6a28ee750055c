/* JSON read from front to back, one value at a time, for headers and vocabularies. Private to
 * embedding/. */
#ifndef VECMILL_EMBEDDING_IMPORT_JSON_H
#define VECMILL_EMBEDDING_IMPORT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct json_reader {
    const char *at, *end;
    bool failed; /* what was read is no JSON; nothing more is read */
};

/* Takes this character, behind white space; false, and nothing is taken, when it is not there. */
bool json_take(struct json_reader *json, char c);
/* A string, in UTF-8: `text` is emptied first. */
bool json_take_string(struct json_reader *json, struct buffer *text);
/* A whole number that is not negative. */
bool json_take_count(struct json_reader *json, uint64_t *value);
/* The next value whatever it is. Deeper than 64 it has failed. */
bool json_skip(struct json_reader *json);
/* Goes to the value of the next member of an object, or to the next element of a list, whose
 * bracket was taken. `key`: of a member, NULL in a list. False at the end, which is taken, or when
 * it has failed. first: it is the first one; set to false. */
bool json_next(struct json_reader *json, struct buffer *key, bool *first);

#endif
