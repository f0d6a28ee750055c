/* A Python pickle as data: what it would build, without Python and without building it. Names of
 * classes and functions are kept as names, calls as the name and the arguments; nothing is looked
 * up or run. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_IMPORT_PICKLE_H
#define VECMILL_EMBEDDING_IMPORT_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stop.h"
#include "embedding/import_memory.h"

enum pickle_type {
    PICKLE_NONE,
    PICKLE_NUMBER, /* whole; also True and False */
    PICKLE_REAL,   /* whose value nobody wants */
    PICKLE_TEXT,   /* UTF-8, surrogates may stand in it */
    PICKLE_BYTES,
    PICKLE_LIST,   /* also tuples and sets */
    PICKLE_DICT,   /* items: key, value, key, value, ... */
    PICKLE_GLOBAL, /* items: module, name */
    PICKLE_OBJECT  /* items: what is called, its arguments, then perhaps its state */
};

struct pickle_value {
    enum pickle_type type;
    uint64_t n;        /* a number, as int64_t; bytes of a text; index of a container */
    const char *bytes; /* in the file */
};

struct pickle;
/* Reads protocols 2 to 5. `memory` counts what it takes. Errors: MALFORMED names the byte;
 * UNSUPPORTED for an instruction that data needs not; TOO_LARGE, NO_MEMORY; CANCELLED. Owns:
 * pickle_free. */
enum status pickle_read(struct pickle **pickle, const char *data, size_t length,
                        struct import_memory *memory, const struct stop *stop,
                        struct error *err) MUST_CHECK;
void pickle_free(struct pickle *pickle); /* NULL is fine */
/* What all of it is. */
const struct pickle_value *pickle_root(const struct pickle *pickle);
/* How many items a container has; 0 of all else. */
uint64_t pickle_length(const struct pickle *pickle, const struct pickle_value *value);
/* The item of a container; NULL when there is none. */
const struct pickle_value *pickle_item(const struct pickle *pickle,
                                       const struct pickle_value *value, uint64_t i);
/* The value behind a key of a dict; NULL: there is none, or it is no dict. */
const struct pickle_value *pickle_member(const struct pickle *pickle,
                                         const struct pickle_value *dict, const char *key);
bool pickle_is_text(const struct pickle_value *value, const char *text);
/* Whether it is the global `name` of a module whose name begins so. */
bool pickle_is_global(const struct pickle *pickle, const struct pickle_value *value,
                      const char *module, const char *name);

#endif
