/* Settings of a job as JSON. */
#ifndef VECMILL_SERVER_SETTINGS_JSON_H
#define VECMILL_SERVER_SETTINGS_JSON_H

#include "config/config.h"
#include "server/json/json.h"

/* The value of one row in its own JSON type; NULL when out of memory. */
json_t *setting_json(const struct settings *settings, const struct setting *row);
/* All settings of jobs, {"dim":100,...}; NULL when out of memory. */
json_t *settings_json(const struct settings *settings);
/* What a setting that was `auto` came to, and why; NULL when out of memory. */
json_t *choice_json(const char *setting, size_t setting_length, const char *value,
                    size_t value_length, const char *why, size_t why_length);
/* Sets one; errors name "/settings/<name>". */
enum status setting_read_json(struct settings *settings, const char *name, const json_t *value,
                              struct error *err) MUST_CHECK;
/* Sets each member; NULL is an object without members. */
enum status settings_read_json(const json_t *object, struct settings *settings,
                               struct error *err) MUST_CHECK;

#endif
