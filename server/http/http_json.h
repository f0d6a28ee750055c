/* Bodies of requests and responses that are JSON. */
#ifndef VECMILL_SERVER_HTTP_JSON_H
#define VECMILL_SERVER_HTTP_JSON_H

#include "server/http/http.h"
#include "server/json/json.h"

/* The request's body as an object, owned by the caller. Members outside `allowed` (ended by
 * NULL) are REFUSED, key: the pointer "/name", unless they are null, which means not given.
 * Errors: as json_parse, with max_json_depth. */
enum status json_body(const struct server *server, const struct http_request *request,
                      const char *const *allowed, json_t **object, struct error *err) MUST_CHECK;
/* The same, read by json_parse_texts. */
enum status json_body_texts(const struct server *server, const struct http_request *request,
                            const char *const *allowed, size_t max_values, json_t **object,
                            struct error *err) MUST_CHECK;
/* A response from a tree (taken, may be NULL); 503 when it cannot be written. */
void response_json(struct http_response *response, int status, json_t *document);

#endif
