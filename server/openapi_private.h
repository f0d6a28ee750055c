/* Schemas of the OpenAPI document. Private to openapi.c and openapi_schemas.c. */
#ifndef VECMILL_SERVER_OPENAPI_PRIVATE_H
#define VECMILL_SERVER_OPENAPI_PRIVATE_H

#include "config/config.h"
#include "server/json/json.h"

struct server;

/* The schemas of openapi_schemas.json by name, and two that are made of the rows of settings:
 * JobSettings, what a request may have, and UsedSettings, what a job or model was trained with.
 *
 * A string of the file that begins with '$' stands for what is a row elsewhere:
 *   "$setting:max_batch"               what this server has it set to
 *   "$min:dim" "$max:dim" "$default:dim"
 *   "$choices:partition"               the names of a choice
 *   "$list:exports"                    a list of openapi_schemas.c
 *   "$list:job_phases null"            the same, and null
 * One that nothing is known by is left as it stands, and a test names it.
 * *schemas: owned by the caller; NULL after a failure. */
enum status openapi_schemas_make(const struct server *server, json_t **schemas,
                                 struct error *err) MUST_CHECK;
/* The schema of a setting of a job, owned by the caller. nullable: null is as good as not given. */
json_t *openapi_setting(const struct setting *row, bool nullable);

#endif
