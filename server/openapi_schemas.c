/* The schemas of openapi_schemas.json, with what stands in rows elsewhere filled in. */
#include <stdio.h>
#include <string.h>

#include "server/http/context.h"
#include "server/jobs/jobs.h"
#include "server/json/settings_json.h"
#include "server/models/models.h"
#include "server/openapi_private.h"
#include "server/system.h"

/* ---- settings -------------------------------------------------------------------------------- */

/* "type": "integer" becomes ["integer", "null"], and null is one of the choices. */
static void make_nullable(json_t *schema) {
    json_t *type = json_object_get(schema, "type"), *choices = json_object_get(schema, "enum");
    json_t *types = json_is_array(type) ? json_incref(type) : json_pack("[O]", type);
    json_array_append_new(types, json_string("null"));
    json_object_set_new(schema, "type", types);
    if (choices)
        json_array_append_new(choices, json_null());
}

json_t *openapi_setting(const struct setting *row, bool nullable) {
    struct buffer text = {0};
    struct error err = {0};
    json_t *schema = NULL;
    buffer_append_char(&text, '{');
    setting_append_schema(&text, row);
    buffer_append_char(&text, '}');
    if (!text.failed)
        status_ignore(json_parse(text.data, text.length, 8, &schema, &err)); /* then NULL */
    buffer_clear(&text);
    if (schema && nullable)
        make_nullable(schema);
    return schema;
}

static json_t *settings_schema(const char *description, bool request) {
    json_t *properties = json_object();
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        if ((row->scope & SETTING_OF_JOB) != 0)
            json_object_set_new(properties, row->name, openapi_setting(row, request));
    }
    return json_pack("{s:s, s:s, s:o, s:b, s:[{s:i, s:i}]}", "description", description, "type",
                     "object", "properties", properties, "additionalProperties", !request,
                     "examples", "dim", 100, "epochs", 5);
}

/* ---- what a string stands for ---------------------------------------------------------------- */

static json_t *strings(const char *const *names, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n && names[i]; i++)
        json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *list_exports(void) {
    const char *const *names;
    size_t n = export_formats(&names);
    return strings(names, n);
}

static json_t *list_problems(void) {
    json_t *list = json_array();
    for (int status = STATUS_OK + 1; status < STATUS_COUNT; status++)
        json_array_append_new(list, json_string(status_name((enum status)status)));
    return list;
}

static json_t *list_job_states(void) {
    return strings(jobs_states(), SIZE_MAX);
}

static json_t *list_job_phases(void) {
    return strings(jobs_phases(), SIZE_MAX);
}

static const struct {
    const char *name;
    json_t *(*make)(void);
} lists[] = {{"exports", list_exports},
             {"problems", list_problems},
             {"job_states", list_job_states},
             {"job_phases", list_job_phases}};

static json_t *list_named(const char *name) {
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (strcmp(lists[i].name, name) == 0)
            return lists[i].make();
    return NULL;
}

/* A bound as the schema of the row has it. */
static json_t *bound_named(const struct setting *row, const char *member) {
    json_t *schema = openapi_setting(row, false);
    json_t *bound = json_incref(json_object_get(schema, member));
    json_decref(schema);
    return bound;
}

static json_t *value_named(const struct server *server, const char *kind, const char *name) {
    const struct setting *row = settings_find(name);
    if (strcmp(kind, "list") == 0)
        return list_named(name);
    if (!row)
        return NULL;
    if (strcmp(kind, "setting") == 0)
        return setting_json(&server->settings, row);
    if (strcmp(kind, "choices") == 0)
        return row->choices ? strings(row->choices, SIZE_MAX) : NULL;
    return strcmp(kind, "min") == 0       ? bound_named(row, "minimum")
           : strcmp(kind, "max") == 0     ? bound_named(row, "maximum")
           : strcmp(kind, "default") == 0 ? bound_named(row, "default")
                                          : NULL;
}

/* A new value for "$kind:name" or "$kind:name null"; NULL when it is no such string. */
static json_t *value_of(const struct server *server, const char *text) {
    char kind[16], name[64], null[8] = "";
    if (sscanf(text, "$%15[a-z]:%63[a-z_] %7[a-z]", kind, name, null) < 2)
        return NULL;
    json_t *value = value_named(server, kind, name);
    if (value && strcmp(null, "null") == 0)
        json_array_append_new(value, json_null());
    return value;
}

static void fill(const struct server *server, json_t *node) {
    const char *name;
    json_t *member, *value;
    size_t i;
    if (json_is_object(node)) {
        void *next;
        json_object_foreach_safe(node, next, name, member) {
            fill(server, member);
            value = json_is_string(member) ? value_of(server, json_string_value(member)) : NULL;
            if (value)
                json_object_set_new(node, name, value);
        }
    } else if (json_is_array(node)) {
        json_array_foreach(node, i, member) {
            fill(server, member);
            value = json_is_string(member) ? value_of(server, json_string_value(member)) : NULL;
            if (value)
                json_array_set_new(node, i, value);
        }
    }
}

enum status openapi_schemas_make(const struct server *server, json_t **schemas, struct error *err) {
    enum status status =
        json_parse((const char *)openapi_schemas, openapi_schemas_size, 32, schemas, err);
    if (status != STATUS_OK)
        return status;
    fill(server, *schemas);
    json_object_set_new(*schemas, "JobSettings",
                        settings_schema("Settings of a training to start", true));
    json_object_set_new(*schemas, "UsedSettings",
                        settings_schema("Settings that a training has or had", false));
    return STATUS_OK;
}
