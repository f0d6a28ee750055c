/* Keys of a query, read into C with bounds. An absent key leaves *value as it was, so that the
 * caller's initial value is the default. Every refusal is REFUSED and names the key. */
#ifndef VECMILL_SERVER_PARAMETERS_H
#define VECMILL_SERVER_PARAMETERS_H

#include "server/http/http.h"

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
