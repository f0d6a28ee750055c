/* GET /openapi.json: the rows of routes give the operations, the rows of settings the settings of a
 * job, openapi_schemas.json the shapes of bodies and openapi_parts.json what operations share. Both
 * files are embedded at build time. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "server/access/access.h"
#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/openapi_private.h"
#include "server/system.h"

#define WORD_SIZE 128 /* of a word of a row; a longer one is cut, and a test names the row */

/* A document that is being made. A member that cannot be made, as of a row that lacks its summary,
 * is left out: test_openapi names it. */
struct document {
    const struct route *routes;
    bool keys; /* the service has keys: a request needs one */
    json_t *schemas, *parts;
    json_t *responses, *headers; /* components, as operations come to need them */
};

static void set(json_t *object, const char *name, json_t *value) {
    json_object_set_new(object, name, value); /* a failed allocation is noticed by response_json */
}

static json_t *reference(const char *kind, const char *name) {
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/%s/%s", kind, name));
}

/* Words with single blanks between; false behind the last. */
static bool next_word(const char **at, char word[WORD_SIZE]) {
    size_t length = *at ? strcspn(*at, " ") : 0;
    if (length == 0)
        return false;
    snprintf(word, WORD_SIZE, "%.*s", (int)length, *at);
    *at += length + strspn(*at + length, " ");
    return true;
}

/* Cuts the word at the mark, and gives what stands behind it; NULL when there is none. */
static char *cut(char *word, char mark) {
    char *at = strchr(word, mark);
    if (at)
        *at++ = '\0';
    return at;
}

/* ---- which errors a route has ---------------------------------------------------------------- */

static bool any(const struct route *route) {
    return route != NULL;
}

static bool takes_body(const struct route *route) {
    return route->body != BODY_NONE;
}

static bool names_something(const struct route *route) {
    return takes_body(route) || strchr(route->pattern, '{') != NULL;
}

static bool changes(const struct route *route) {
    return strcmp(route->method, "GET") != 0 && !route->asks;
}

static bool has_forms(const struct route *route) {
    return route->answer && strchr(route->answer, ' ') != NULL;
}

static bool is_api(const struct route *route) {
    return strncmp(route->pattern, "/v1/", 4) == 0;
}

static bool wants_key(const struct route *route) {
    return route->scope != SCOPE_OPEN;
}

static const struct {
    int status;
    bool (*applies)(const struct route *route);
} rules[] = {{400, any},       {401, wants_key},  {403, wants_key},  {404, names_something},
             {406, has_forms}, {409, changes},    {411, takes_body}, {413, takes_body},
             {414, any},       {415, takes_body}, {421, any},        {422, is_api},
             {429, any},       {431, any},        {500, any},        {503, any},
             {507, changes}};

/* ---- operations ------------------------------------------------------------------------------ */

/* The first example of a schema, a new reference; NULL when there is none. */
static json_t *example_of(const json_t *schema) {
    return json_incref(json_array_get(json_object_get(schema, "examples"), 0));
}

/* "type/subtype=Schema", or "Schema" of application/json. */
static json_t *content_of(const struct document *document, const char *words, bool examples) {
    char word[WORD_SIZE];
    json_t *content = json_object();
    while (next_word(&words, word)) {
        char *schema = cut(word, '=');
        const char *type = strchr(word, '/') ? word : "application/json";
        if (!schema && type != word)
            schema = word;
        json_t *media = json_object();
        if (schema)
            set(media, "schema", reference("schemas", schema));
        json_t *example =
            !examples || !schema ? NULL : example_of(json_object_get(document->schemas, schema));
        if (example)
            set(media, "example", example);
        set(content, type, media);
    }
    return content;
}

/* {"X-Request-Id": {"$ref": ...}, ...} */
static void add_header(struct document *document, json_t *headers, const char *name) {
    json_t *header = json_object_get(json_object_get(document->parts, "headers"), name);
    json_object_set(document->headers, name, header);
    set(headers, name, reference("headers", name));
}

static json_t *headers_of(struct document *document, const char *words) {
    char word[WORD_SIZE];
    json_t *headers = json_object();
    add_header(document, headers, "X-Request-Id");
    while (next_word(&words, word))
        add_header(document, headers, word);
    return headers;
}

static json_t *status_text(const struct document *document, int status) {
    char text[16];
    snprintf(text, sizeof text, "%d", status);
    return json_object_get(json_object_get(document->parts, "statuses"), text);
}

/* "NotFound", or "OpenAINotFound" of paths that tell errors in OpenAI's shape. */
static void response_name(int status, bool openai, char name[WORD_SIZE]) {
    size_t n = (size_t)snprintf(name, WORD_SIZE, openai ? "OpenAI" : "");
    for (const char *c = reason_phrase(status); *c != '\0' && n + 1 < WORD_SIZE; c++)
        if (isalpha((unsigned char)*c))
            name[n++] = *c;
    name[n] = '\0';
}

/* A reference to the component of an error, which is made when it is asked for first. */
static json_t *error_response(struct document *document, int status, bool openai) {
    char name[WORD_SIZE];
    response_name(status, openai, name);
    if (!json_object_get(document->responses, name)) {
        json_t *response = json_object();
        json_object_set(response, "description", status_text(document, status));
        set(response, "headers",
            headers_of(document, status == 429 || status == 503 ? "Retry-After"
                                 : status == 401                ? "WWW-Authenticate"
                                 : status == 416                ? "Content-Range"
                                                                : NULL));
        set(response, "content",
            content_of(document, openai ? "OpenAIError" : "application/problem+json=Problem",
                       false));
        set(document->responses, name, response);
    }
    return reference("responses", name);
}

/* Is the first hole of the pattern its only one, and called `hole`? */
static bool has_only_hole(const struct route *route, const char *hole) {
    size_t length = strlen(hole);
    const char *open = strchr(route->pattern, '{');
    return open && strncmp(open + 1, hole, length) == 0 && open[1 + length] == '}' &&
           !strchr(open + 1, '{');
}

/* "get_v1_jobs_job_events": generators of clients make function names of it. */
static void operation_id(const struct route *route, char id[WORD_SIZE]) {
    size_t n = 0;
    for (const char *c = route->method; *c != '\0' && n + 1 < WORD_SIZE; c++)
        id[n++] = (char)tolower((unsigned char)*c);
    const char *pattern = strcmp(route->pattern, "/") == 0 ? "/root" : route->pattern;
    for (const char *c = pattern; *c != '\0' && n + 1 < WORD_SIZE; c++)
        if (*c == '/' || *c == '-' || *c == '.')
            id[n++] = '_';
        else if (*c != '{' && *c != '}')
            id[n++] = *c;
    id[n] = '\0';
}

/* From an answer that names what was made, to all that can be asked about it. */
static json_t *links_of(const struct document *document, const struct route *route) {
    json_t *links = json_object(), *value;
    json_t *holes = json_object_get(json_object_get(document->parts, "links"), route->answer);
    const char *hole;
    json_object_foreach(holes, hole, value) {
        for (const struct route *to = document->routes; to->method != NULL; to++) {
            char id[WORD_SIZE];
            if (!has_only_hole(to, hole))
                continue;
            operation_id(to, id);
            set(links, id,
                json_pack("{s:s, s:{s:O}}", "operationId", id, "parameters", hole, value));
        }
    }
    return links;
}

static json_t *success(struct document *document, const struct route *route, int status) {
    json_t *response = json_object();
    json_object_set(response, "description", status_text(document, status));
    set(response, "headers", headers_of(document, route->headers));
    if (route->answer && status != 204 && status != 304)
        set(response, "content", content_of(document, route->answer, false));
    if (status == 206)
        add_header(document, json_object_get(response, "headers"), "Content-Range");
    if (route->answer && (status == 201 || status == 202))
        set(response, "links", links_of(document, route));
    return response;
}

static json_t *responses_of(struct document *document, const struct route *route) {
    bool openai = path_has_openai_errors(route->pattern);
    json_t *responses = json_object();
    char word[WORD_SIZE];
    snprintf(word, sizeof word, "%d", route->status);
    set(responses, word, success(document, route, route->status));
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].applies(route)) {
            snprintf(word, sizeof word, "%d", rules[i].status);
            set(responses, word, error_response(document, rules[i].status, openai));
        }
    for (const char *at = route->also; next_word(&at, word);) {
        const char *schema = cut(word, '=');
        int64_t number = 0;
        int status = number_parse_int(word, &number) ? (int)number : 0;
        if (!schema) {
            set(responses, word,
                status < 400 ? success(document, route, status)
                             : error_response(document, status, openai));
            continue;
        }
        set(responses, word,
            json_pack("{s:O, s:o, s:o}", "description", status_text(document, status), "headers",
                      headers_of(document, NULL), "content", content_of(document, schema, false)));
    }
    return responses;
}

static json_t *parameter(const struct document *document, const char *name, const char *in,
                         const char *schema, bool required, bool many) {
    const json_t *body = json_object_get(document->schemas, schema);
    json_t *one = reference("schemas", schema), *example = example_of(body);
    json_t *parameter = json_pack("{s:s, s:s, s:b}", "name", name, "in", in, "required", required);
    json_object_set(parameter, "description", json_object_get(body, "description"));
    set(parameter, "schema", many ? json_pack("{s:s, s:o}", "type", "array", "items", one) : one);
    const char *type = json_string_value(json_object_get(body, "type"));
    if (type && strcmp(type, "boolean") == 0) /* ?normalize alone is true: query_flag */
        set(parameter, "allowEmptyValue", json_true());
    if (example)
        set(parameter, "example", many ? json_pack("[o]", example) : example);
    return parameter;
}

static void add_setting_parameters(json_t *parameters) {
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        if ((row->scope & SETTING_OF_JOB) == 0)
            continue;
        json_t *schema = openapi_setting(row, false);
        json_array_append_new(parameters,
                              json_pack("{s:s, s:s, s:s, s:o}", "name", row->name, "in", "query",
                                        "description", row->meaning, "schema", schema));
    }
}

static void add_holes(const struct document *document, const struct route *route,
                      json_t *parameters) {
    const json_t *holes = json_object_get(document->parts, "holes");
    for (const char *open = strchr(route->pattern, '{'); open; open = strchr(open + 1, '{')) {
        char name[WORD_SIZE], special[2 * WORD_SIZE];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(open + 1, "}"), open + 1);
        snprintf(special, sizeof special, "%s %s", route->method, name);
        const char *schema = json_string_value(json_object_get(holes, special));
        if (!schema)
            schema = json_string_value(json_object_get(holes, name));
        json_array_append_new(
            parameters, parameter(document, name, "path", !schema ? "" : schema, true, false));
    }
}

static json_t *parameters_of(const struct document *document, const struct route *route) {
    json_t *parameters = json_array();
    char word[WORD_SIZE];
    add_holes(document, route, parameters);
    for (const char *at = route->query; next_word(&at, word);) {
        char *schema = cut(word, ':');
        if (strcmp(word, ROUTE_QUERY_SETTINGS) == 0)
            add_setting_parameters(parameters);
        if (!schema)
            continue;
        bool many = cut(schema, '*') != NULL, required = cut(schema, '!') != NULL;
        json_array_append_new(parameters,
                              parameter(document, word, "query", schema, required, many));
    }
    for (const char *at = route->takes; next_word(&at, word);) {
        const json_t *header = json_object_get(json_object_get(document->parts, "headers"), word);
        json_t *made = json_pack("{s:s, s:s}", "name", word, "in", "header");
        json_object_set(made, "description", json_object_get(header, "description"));
        json_object_set(made, "schema", json_object_get(header, "schema"));
        json_array_append_new(parameters, made);
    }
    return parameters;
}

/* The first part of the path behind /v1/; "service" for what is not behind it. */
static json_t *tag_of(const struct route *route) {
    const char *at = route->pattern + 4;
    return is_api(route) ? json_stringn(at, strcspn(at, "/")) : json_string("service");
}

/* What a key must allow; while the service has no keys, none is needed. */
static json_t *security_of(const struct document *document, const struct route *route) {
    json_t *security = json_array();
    if (!wants_key(route))
        return security;
    if (!document->keys)
        json_array_append_new(security, json_object());
    json_array_append_new(security, json_pack("{s:[s]}", "key", scope_name(route->scope)));
    return security;
}

static json_t *operation_of(struct document *document, const struct route *route) {
    json_t *operation = json_object();
    char id[WORD_SIZE];
    operation_id(route, id);
    set(operation, "operationId", json_string(id));
    set(operation, "tags", json_pack("[o]", tag_of(route)));
    set(operation, "summary", json_string(route->summary));
    set(operation, "parameters", parameters_of(document, route));
    if (route->request)
        set(operation, "requestBody",
            json_pack("{s:b, s:o}", "required", true, "content",
                      content_of(document, route->request, true)));
    set(operation, "responses", responses_of(document, route));
    set(operation, "security", security_of(document, route));
    return operation;
}

static json_t *paths_of(struct document *document) {
    json_t *paths = json_object();
    for (const struct route *route = document->routes; route->method != NULL; route++) {
        char method[16];
        size_t n = 0;
        for (; route->method[n] != '\0' && n + 1 < sizeof method; n++)
            method[n] = (char)tolower((unsigned char)route->method[n]);
        method[n] = '\0';
        if (!json_object_get(paths, route->pattern))
            set(paths, route->pattern, json_object());
        set(json_object_get(paths, route->pattern), method, operation_of(document, route));
    }
    return paths;
}

/* ---- the document ---------------------------------------------------------------------------- */

static json_t *info(void) {
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "title", "vecmill", "version",
                     VECMILL_VERSION, "description",
                     "Turns a corpus into word vectors and serves them. Names that a request does "
                     "not know are refused; null is the same as not given.",
                     "license", "name", "Apache-2.0", "identifier", "Apache-2.0");
}

static json_t *components_of(const struct document *document) {
    return json_pack(
        "{s:O, s:O, s:O, s:{s:{s:s, s:s, s:s}}}", "schemas", document->schemas, "responses",
        document->responses, "headers", document->headers, "securitySchemes", "key", "type", "http",
        "scheme", "bearer", "description",
        "A key of vecmill key create. Its scope is read, train or admin, and each holds the "
        "one before it.");
}

static json_t *openapi_document(const struct server *server) {
    struct document parts = {.routes = server->routes,
                             .keys = access_required(server->access),
                             .responses = json_object(),
                             .headers = json_object()};
    json_t *document = NULL;
    struct error err = {0};
    if (json_parse((const char *)openapi_parts, openapi_parts_size, 32, &parts.parts, &err) ==
            STATUS_OK &&
        openapi_schemas_make(server, &parts.schemas, &err) == STATUS_OK) {
        json_t *paths = paths_of(&parts);
        document = json_pack("{s:s, s:o, s:[{s:s, s:s}], s:O, s:o, s:o}", "openapi", "3.1.0",
                             "info", info(), "servers", "url", "/", "description", "this one",
                             "tags", json_object_get(parts.parts, "tags"), "paths", paths,
                             "components", components_of(&parts));
    }
    json_decref(parts.schemas);
    json_decref(parts.parts);
    json_decref(parts.responses);
    json_decref(parts.headers);
    return document;
}

void system_openapi(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    (void)request;
    response_json(response, 200, openapi_document(server));
}
