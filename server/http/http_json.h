/* Bodies of requests and responses that are JSON. */
#ifndef VECMILL_SERVER_HTTP_JSON_H
#define VECMILL_SERVER_HTTP_JSON_H

#include "server/http/http.h"
#include "server/json/json.h"

/* The request's body as an object; refuses members outside `allowed` (NULL-terminated list) with
 * REFUSED, key = pointer "/name". */
enum status json_body(const struct server *server, const struct http_request *request,
                      const char *const *allowed, json_t **object, struct error *err) MUST_CHECK;
/* A response from a tree (taken over); 503 when it cannot be written. */
void response_json(struct http_response *response, int status, json_t *document);

#endif
