/* Members of a JSON body and keys of a query, read into C with bounds. Private to server/. An
 * absent member leaves *value as it was, so that the caller's initial value is the default. Every
 * refusal is REFUSED and names the place: "/k" for a member of the body, "k" for a key of the
 * query. */
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

/* Refuses a query key outside `allowed` (NULL-terminated). */
enum status query_check(const struct http_request *request, const char *const *allowed,
                        struct error *err) MUST_CHECK;
enum status query_int(const struct http_request *request, const char *key, int64_t min, int64_t max,
                      int64_t *value, struct error *err) MUST_CHECK;
enum status query_real(const struct http_request *request, const char *key, double min, double max,
                       double *value, struct error *err) MUST_CHECK;
/* true, false, 1, 0, yes, no; a key without a value is true. */
enum status query_flag(const struct http_request *request, const char *key, bool *value,
                       struct error *err) MUST_CHECK;
enum status query_choice(const struct http_request *request, const char *key, const char *choices,
                         int *index, struct error *err) MUST_CHECK;

#endif
