/* Members of a JSON object, read into C with bounds.
 *
 * An absent member leaves *value as it was, so that the caller's initial value is the default; so
 * do null, which clients send for what they do not set, and a refusal. Every refusal is REFUSED;
 * its key is the place, "/k" for the member k; its text names the member, the bounds and what was
 * there. */
#ifndef VECMILL_SERVER_FIELDS_H
#define VECMILL_SERVER_FIELDS_H

#include "server/json/json.h"

#define POINTER_SIZE 64 /* as struct error's key; longer pointers are cut */
#define QUOTED_MAX 80   /* bytes of a client's text that a message quotes */

/* "a string", "a list", ... for messages; "nothing" for NULL. */
const char *field_kind(const json_t *value);

/* The member, borrowed; NULL when it is absent or null. */
const json_t *field_find(const json_t *object, const char *name);
/* A whole number of min to max. */
enum status field_int(const json_t *object, const char *name, int64_t min, int64_t max,
                      int64_t *value, struct error *err) MUST_CHECK;
/* Any number of min to max. */
enum status field_real(const json_t *object, const char *name, double min, double max,
                       double *value, struct error *err) MUST_CHECK;
/* true or false. */
enum status field_flag(const json_t *object, const char *name, bool *value,
                       struct error *err) MUST_CHECK;
/* A string among choices, "a|b|c"; *index from 0 on. */
enum status field_choice(const json_t *object, const char *name, const char *choices, int *index,
                         struct error *err) MUST_CHECK;
/* Any string. *text is borrowed from the object; NUL behind its length. */
enum status field_text(const json_t *object, const char *name, const char **text, size_t *length,
                       struct error *err) MUST_CHECK;
/* A list of min to max entries of any kind, borrowed from the object. */
enum status field_list(const json_t *object, const char *name, size_t min, size_t max,
                       const json_t **list, struct error *err) MUST_CHECK;

/* The same checks for a value that came another way. `key` names the place in a refusal, `name` the
 * value in its message. */
enum status bounds_check_int(const char *key, const char *name, int64_t min, int64_t max,
                             int64_t value, struct error *err) MUST_CHECK;
enum status bounds_check_real(const char *key, const char *name, double min, double max,
                              double value, struct error *err) MUST_CHECK;
enum status bounds_check_choice(const char *key, const char *name, const char *choices,
                                const char *text, size_t length, int *index,
                                struct error *err) MUST_CHECK;

#endif
