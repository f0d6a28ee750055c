/* Keys of a query, read into C with bounds.
 *
 * An absent key leaves *value as it was, so that the caller's initial value is the default; so does
 * a refusal. Every refusal is REFUSED; its key is that of the query; its text names it, the bounds
 * and what was there. Where a key stands several times, the first counts. */
#ifndef VECMILL_SERVER_PARAMETERS_H
#define VECMILL_SERVER_PARAMETERS_H

#include "server/http/http.h"

/* Refuses a query key that the row of the request's route does not name. */
enum status query_check(const struct http_request *request, struct error *err) MUST_CHECK;
/* A whole number of min to max. */
enum status query_int(const struct http_request *request, const char *key, int64_t min, int64_t max,
                      int64_t *value, struct error *err) MUST_CHECK;
/* Any number of min to max. */
enum status query_real(const struct http_request *request, const char *key, double min, double max,
                       double *value, struct error *err) MUST_CHECK;
/* true, false, 1, 0, yes, no in any case; a key without a value is true. */
enum status query_flag(const struct http_request *request, const char *key, bool *value,
                       struct error *err) MUST_CHECK;
/* One of choices, "a|b|c"; *index from 0 on. */
enum status query_choice(const struct http_request *request, const char *key, const char *choices,
                         int *index, struct error *err) MUST_CHECK;

#endif
