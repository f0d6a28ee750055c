/* GET /openapi.json: the route table gives the operations, the rows of settings give the settings
 * of a job, and openapi_schemas.json, embedded at build time, gives the shapes of bodies. */
#include <string.h>

#include "server/access/access.h"
#include "server/http/context.h"
#include "server/json/json.h"
#include "server/system.h"

/* "content":{...}; a word without a slash is a schema of application/json. */
static void put_content(struct buffer *text, const char *types) {
    const char *separator = "";
    buffer_append_text(text, "\"content\":{");
    for (const char *at = types; *at != '\0';) {
        size_t n = strcspn(at, " ");
        const char *equals = memchr(at, '=', n), *slash = memchr(at, '/', n);
        const char *schema = !slash ? at : equals ? equals + 1 : NULL;
        if (!slash) {
            buffer_print(text, "%s\"application/json\":", separator);
        } else {
            buffer_print(text, "%s\"%.*s\":", separator, (int)(equals ? (size_t)(equals - at) : n),
                         at);
        }
        if (schema) {
            buffer_print(text, "{\"schema\":{\"$ref\":\"#/components/schemas/%.*s\"}}",
                         (int)(at + n - schema), schema);
        } else {
            buffer_append_text(text, "{}");
        }
        separator = ",";
        at += n + strspn(at + n, " ");
    }
    buffer_append_char(text, '}');
}

static void put_path_parameters(struct buffer *text, const char *pattern, const char **separator) {
    for (const char *open = strchr(pattern, '{'); open != NULL; open = strchr(open + 1, '{')) {
        buffer_print(text,
                     "%s{\"name\":\"%.*s\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":"
                     "\"string\"}}",
                     *separator, (int)strcspn(open + 1, "}"), open + 1);
        *separator = ",";
    }
}

static void put_query_parameters(struct buffer *text, const char *query, const char **separator) {
    for (const char *at = query; *at != '\0';) {
        size_t n = strcspn(at, " "), name = strcspn(at, ":");
        bool many = at[n - 1] == '*';
        size_t type = n - name - 1 - many;
        buffer_print(text,
                     "%s{\"name\":\"%.*s\",\"in\":\"query\",\"schema\":%s{\"type\":\"%.*s\"}%s}",
                     *separator, (int)name, at, many ? "{\"type\":\"array\",\"items\":" : "",
                     (int)type, at + name + 1, many ? "}" : "");
        *separator = ",";
        at += n + strspn(at + n, " ");
    }
}

static void put_setting_parameters(struct buffer *text, const char **separator) {
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        if ((row->scope & SETTING_OF_JOB) != 0) {
            buffer_print(text, "%s{\"name\":\"%s\",\"in\":\"query\",\"schema\":{", *separator,
                         row->name);
            setting_append_schema(text, row);
            buffer_append_text(text, "}}");
            *separator = ",";
        }
    }
}

static void put_parameters(struct buffer *text, const struct route *route) {
    const char *separator = "";
    buffer_append_text(text, "\"parameters\":[");
    put_path_parameters(text, route->pattern, &separator);
    if (route->query && strcmp(route->query, ROUTE_QUERY_SETTINGS) == 0)
        put_setting_parameters(text, &separator);
    else if (route->query)
        put_query_parameters(text, route->query, &separator);
    buffer_append_text(text, "],");
}

/* "get_v1_jobs_job_events": generators of clients make function names of it. */
static void put_operation_id(struct buffer *text, const struct route *route) {
    buffer_append_text(text, "\"operationId\":\"");
    for (const char *c = route->method; *c != '\0'; c++)
        buffer_append_char(text, (char)(*c | 0x20));
    for (const char *c = route->pattern; *c != '\0'; c++)
        if (*c == '/' || *c == '-' || *c == '.')
            buffer_append_char(text, '_');
        else if (*c != '{' && *c != '}')
            buffer_append_char(text, *c);
    buffer_append_text(text, "\",");
}

/* What a key must allow; where the service has no keys, none is needed. */
static void put_security(struct buffer *text, const struct route *route, bool required) {
    if (route->scope == SCOPE_OPEN)
        buffer_append_text(text, "\"security\":[],");
    else
        buffer_print(text, "\"security\":[%s{\"key\":[\"%s\"]}],", required ? "" : "{},",
                     scope_name(route->scope));
}

static void put_operation(struct buffer *text, const struct route *route, bool required) {
    buffer_append_char(text, '"');
    for (const char *c = route->method; *c != '\0'; c++)
        buffer_append_char(text, (char)(*c | 0x20));
    buffer_append_text(text, "\":{");
    put_operation_id(text, route);
    buffer_append_text(text, "\"summary\":");
    json_append_string(text, route->summary, strlen(route->summary));
    buffer_append_char(text, ',');
    put_security(text, route, required);
    put_parameters(text, route);
    if (route->request) {
        buffer_append_text(text, "\"requestBody\":{\"required\":true,");
        put_content(text, route->request);
        buffer_append_text(text, "},");
    }
    buffer_print(text, "\"responses\":{\"%d\":{\"description\":\"done\"", route->status);
    if (route->answer) {
        buffer_append_char(text, ',');
        put_content(text, route->answer);
    }
    buffer_print(text, "},\"default\":{\"description\":\"an error\",");
    put_content(text, path_has_openai_errors(route->pattern) ? "OpenAIError"
                                                             : "application/problem+json=Problem");
    buffer_append_text(text, "}}}");
}

static void put_paths(struct buffer *text, const struct route *routes, bool required) {
    for (const struct route *route = routes; route->method != NULL; route++) {
        bool first = true;
        for (const struct route *before = routes; before < route; before++)
            first = first && strcmp(before->pattern, route->pattern) != 0;
        if (!first)
            continue; /* stands with the first route of its pattern */
        buffer_print(text, "%s\"%s\":{", route == routes ? "" : ",", route->pattern);
        const char *separator = "";
        for (const struct route *same = route; same->method != NULL; same++) {
            if (strcmp(same->pattern, route->pattern) == 0) {
                buffer_append_text(text, separator);
                put_operation(text, same, required);
                separator = ",";
            }
        }
        buffer_append_char(text, '}');
    }
}

static void put_job_settings(struct buffer *text) {
    const char *separator = "";
    buffer_append_text(text, "\"JobSettings\":{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        if ((row->scope & SETTING_OF_JOB) != 0) {
            buffer_print(text, "%s\"%s\":{", separator, row->name);
            setting_append_schema(text, row);
            buffer_append_char(text, '}');
            separator = ",";
        }
    }
    buffer_append_text(text, "}}");
}

/* The members of the embedded object, without the blanks that only make the file readable. */
static void put_schemas(struct buffer *text) {
    const char *c = strchr((const char *)openapi_schemas, '{') + 1, *end = strrchr(c, '}');
    for (bool quoted = false; c < end; c++) {
        if (quoted && *c == '\\')
            buffer_append_char(text, *c++);
        else if (*c == '"')
            quoted = !quoted;
        if (quoted || !strchr(" \t\r\n", *c))
            buffer_append_char(text, *c);
    }
}

void system_openapi(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    (void)request;
    struct buffer text = {0};
    buffer_append_text(
        &text,
        "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"vecmill\",\"version\":\"" VECMILL_VERSION
        "\",\"description\":\"Turns a corpus into word vectors and serves them.\",\"license\":{"
        "\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},\"paths\":{");
    put_paths(&text, server->routes, access_required(server->access));
    buffer_append_text(
        &text, "},\"components\":{\"securitySchemes\":{\"key\":{\"type\":\"http\",\"scheme\":"
               "\"bearer\",\"description\":\"A key of vecmill key create. Its scope is read, train "
               "or admin, and each holds the one before it.\"}},\"schemas\":{");
    put_job_settings(&text);
    buffer_append_char(&text, ',');
    put_schemas(&text);
    buffer_append_text(&text, "}}}");
    response_bytes(response, 200, "application/json", &text);
}
