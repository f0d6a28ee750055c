/* Members of a JSON object, read into C with bounds. An absent member leaves *value as it was, so
 * that the caller's initial value is the default. Every refusal is REFUSED and names the place:
 * "/k" for the member k. */
#ifndef VECMILL_SERVER_FIELDS_H
#define VECMILL_SERVER_FIELDS_H

#include "server/json/json.h"

#define POINTER_SIZE 64 /* as struct error's key; longer pointers are cut */

/* "a string", "a list", ... for messages. */
const char *field_kind(const json_t *value);

enum status field_int(const json_t *object, const char *name, int64_t min, int64_t max,
                      int64_t *value, struct error *err) MUST_CHECK;
enum status field_real(const json_t *object, const char *name, double min, double max,
                       double *value, struct error *err) MUST_CHECK;
enum status field_flag(const json_t *object, const char *name, bool *value,
                       struct error *err) MUST_CHECK;
/* choices: "a|b|c"; *index of the one that stands there. */
enum status field_choice(const json_t *object, const char *name, const char *choices, int *index,
                         struct error *err) MUST_CHECK;
/* *text lives as long as the object; NUL behind it. */
enum status field_text(const json_t *object, const char *name, const char **text, size_t *length,
                       struct error *err) MUST_CHECK;
/* *list is borrowed from the object. */
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
