/* The service about itself: system_routes.c, readiness.c, metrics.c, openapi.c; and all routes,
 * routes.c and route_versions.c. Private to the top of server/. */
#ifndef VECMILL_SERVER_SYSTEM_H
#define VECMILL_SERVER_SYSTEM_H

#include "server/http/http.h"

/* All routes, ended by a row with method NULL (routes.c). */
extern const struct route server_routes[];
/* All of these, and behind them for each that only asks a model (GET /v1/models/{model}/words) the
 * same of one version (GET /v1/models/{model}/versions/{version}/words). Owns: routes_free. NULL
 * when out of memory. */
struct route *routes_with_versions(const struct route *routes);
void routes_free(struct route *routes); /* NULL is fine */

void system_home(struct server *server, const struct http_request *request,
                 struct http_response *response);
void system_healthz(struct server *server, const struct http_request *request,
                    struct http_response *response);
void system_readyz(struct server *server, const struct http_request *request,
                   struct http_response *response);
void system_metrics(struct server *server, const struct http_request *request,
                    struct http_response *response);
void system_openapi(struct server *server, const struct http_request *request,
                    struct http_response *response);
void system_problem(struct server *server, const struct http_request *request,
                    struct http_response *response);
void system_backup(struct server *server, const struct http_request *request,
                   struct http_response *response);
void system_settings(struct server *server, const struct http_request *request,
                     struct http_response *response);

/* openapi_schemas.json, a JSON object of schemas by name; NUL behind. server.cmake embeds it. */
extern const unsigned char openapi_schemas[];
extern const size_t openapi_schemas_size;
/* openapi_parts.json: what operations share, "tags", "holes", "links", "statuses", "headers". */
extern const unsigned char openapi_parts[];
extern const size_t openapi_parts_size;

/* Appends a setting's bounds as members of a JSON Schema:
 * "type":"integer","minimum":1,"maximum":4096,"default":100,... ; what may be auto is
 * "type":["number","string"],"pattern":"^auto$",... */
void setting_append_schema(struct buffer *text, const struct setting *row);
/* Appends a value in the row's JSON type from its text. */
void setting_append_value(struct buffer *text, const struct setting *row, const char *value);

#endif
