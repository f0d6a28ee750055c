/* Names that clients give: of corpora, models and versions. */
#ifndef VECMILL_SERVER_NAME_H
#define VECMILL_SERVER_NAME_H

#include "base/error.h"

#define NAME_SIZE 129 /* the longest name and its NUL */

/* A name is ^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$ without "..", so that it can be a folder. Anything
 * else is REFUSED, with key and the rule. */
enum status name_check(const char *key, const char *name, struct error *err) MUST_CHECK;

#endif
