/* What every row of the routes and every schema of the OpenAPI document must hold. Each fault is a
 * line that names the row or the place in the document. */
#ifndef VECMILL_TESTS_OPENAPI_RULES_H
#define VECMILL_TESTS_OPENAPI_RULES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json.h"
#include "server/system.h"

struct rules {
    const json_t *schemas, *parts; /* as the files have them; parts: openapi_parts.json */
    struct buffer faults;          /* lines */
};

static void rules_init(struct rules *rules) {
    static const struct {
        const unsigned char *text;
        const size_t *size;
        const char *name;
    } files[] = {{openapi_schemas, &openapi_schemas_size, "openapi_schemas.json"},
                 {openapi_parts, &openapi_parts_size, "openapi_parts.json"}};
    json_t *documents[2] = {NULL, NULL};
    for (size_t i = 0; i < 2; i++) {
        struct error err = {0};
        if (json_parse((const char *)files[i].text, *files[i].size, 32, &documents[i], &err) !=
            STATUS_OK)
            fail_msg("%s: %s", files[i].name, err.text);
    }
    *rules = (struct rules){.schemas = documents[0], .parts = documents[1]};
}

static void rules_clear(struct rules *rules) {
    json_decref((json_t *)(uintptr_t)rules->schemas);
    json_decref((json_t *)(uintptr_t)rules->parts);
    buffer_clear(&rules->faults);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void PRINTF_LIKE(3, 4)
    row_fault(struct rules *rules, const struct route *route, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_print(&rules->faults, "the row of %s %s %s\n", route->method,
                 !route->pattern ? "(no pattern)" : route->pattern, text);
}

static bool rules_know(const json_t *names, const char *name, size_t length) {
    char text[128];
    if (length == 0 || length >= sizeof text)
        return false;
    memcpy(text, name, length);
    text[length] = '\0';
    return json_object_get(names, text) != NULL;
}

/* Words with single blanks between, each a name in `names`. */
static void check_names(struct rules *rules, const struct route *route, const char *member,
                        const char *words, const json_t *names, const char *where) {
    for (const char *at = words; at; at = *at == '\0' ? NULL : at + 1) {
        size_t n = strcspn(at, " ");
        if (!rules_know(names, at, n))
            row_fault(rules, route, "has '%.*s' in .%s, which is not in %s", (int)n, at, member,
                      where);
        at += n;
    }
}

static bool known_schema(const struct rules *rules, const char *name, size_t length) {
    return rules_know(rules->schemas, name, length);
}

/* "Schema" or "type/subtype=Schema", with single blanks between. */
static void check_content(struct rules *rules, const struct route *route, const char *member,
                          const char *words) {
    for (const char *at = words; at; at = *at == '\0' ? NULL : at + 1) {
        size_t n = strcspn(at, " ");
        const char *equals = memchr(at, '=', n), *slash = memchr(at, '/', n),
                   *schema = equals ? equals + 1 : at;
        if (slash && !equals)
            row_fault(rules, route, "has '%.*s' in .%s without '=Schema' behind it", (int)n, at,
                      member);
        else if (!known_schema(rules, schema, (size_t)(at + n - schema)))
            row_fault(rules, route, "names '%.*s' in .%s, which is not in openapi_schemas.json",
                      (int)(at + n - schema), schema, member);
        at += n;
    }
}

static void check_query(struct rules *rules, const struct route *route) {
    for (const char *at = route->query; at; at = *at == '\0' ? NULL : at + 1) {
        size_t n = strcspn(at, " ");
        const char *colon = memchr(at, ':', n), *schema = !colon ? at : colon + 1;
        size_t length = (size_t)(at + n - schema);
        while (length > 0 && (schema[length - 1] == '*' || schema[length - 1] == '!'))
            length--;
        if (!colon &&
            (n != strlen(ROUTE_QUERY_SETTINGS) || memcmp(at, ROUTE_QUERY_SETTINGS, n) != 0))
            row_fault(rules, route, "has the query key '%.*s', which is not 'name:Schema'", (int)n,
                      at);
        else if (colon && !known_schema(rules, schema, length))
            row_fault(rules, route,
                      "has the query key '%.*s' of '%.*s', which is no schema of "
                      "openapi_schemas.json: that is where its bounds and its meaning stand",
                      (int)(colon - at), at, (int)length, schema);
        at += n;
    }
}

static void check_also(struct rules *rules, const struct route *route) {
    const json_t *statuses = json_object_get(rules->parts, "statuses");
    for (const char *at = route->also; at; at = *at == '\0' ? NULL : at + 1) {
        size_t n = strcspn(at, " "), status = strcspn(at, "= ");
        if (!rules_know(statuses, at, status))
            row_fault(rules, route,
                      "has the status '%.*s' in .also, which openapi_parts.json does "
                      "not describe",
                      (int)status, at);
        if (status < n && !known_schema(rules, at + status + 1, n - status - 1))
            row_fault(rules, route, "names '%.*s' in .also, which is not in openapi_schemas.json",
                      (int)(n - status - 1), at + status + 1);
        at += n;
    }
}

static void check_holes(struct rules *rules, const struct route *route) {
    const json_t *holes = json_object_get(rules->parts, "holes");
    for (const char *open = strchr(route->pattern, '{'); open; open = strchr(open + 1, '{'))
        if (!rules_know(holes, open + 1, strcspn(open + 1, "}")))
            row_fault(rules, route,
                      "has the hole '{%.*s}', for which openapi_parts.json names no schema",
                      (int)strcspn(open + 1, "}"), open + 1);
}

static void check_tag(struct rules *rules, const struct route *route) {
    const json_t *tag, *tags = json_object_get(rules->parts, "tags");
    bool api = strncmp(route->pattern, "/v1/", 4) == 0;
    const char *wanted = api ? route->pattern + 4 : "service";
    size_t i, length = strcspn(wanted, "/");
    json_array_foreach(tags, i, tag) {
        const char *name = json_string_value(json_object_get(tag, "name"));
        if (name && strlen(name) == length && memcmp(name, wanted, length) == 0)
            return;
    }
    row_fault(rules, route, "wants the tag '%.*s', which openapi_parts.json does not describe",
              (int)length, wanted);
}

static void check_scope(struct rules *rules, const struct route *route) {
    if (route->scope == SCOPE_UNSET)
        row_fault(rules, route, "has no .scope: nobody would get in");
    if (route->scope == SCOPE_OPEN && strcmp(route->pattern, "/healthz") != 0 &&
        strcmp(route->pattern, "/readyz") != 0)
        row_fault(rules, route, "is open to everybody");
    if (strcmp(route->method, "GET") != 0 && !route->asks && route->scope < SCOPE_TRAIN)
        row_fault(rules, route, "changes something with a key that may only read");
}

/* What a row must hold, each fault named. A row without method or pattern has no further check. */
static void rules_check_row(struct rules *rules, const struct route *route) {
    if (!route->pattern || route->pattern[0] != '/') {
        row_fault(rules, route, "has no pattern that begins with '/'");
        return;
    }
    if (!route->handle == !route->stream)
        row_fault(rules, route, "must have either .handle or .stream");
    if (!route->stream == (route->body == BODY_STREAMED))
        row_fault(rules, route, "must have .stream for BODY_STREAMED only");
    if (!route->limit == (route->body == BODY_BUFFERED || route->in_parts))
        row_fault(rules, route, "must have .limit for BODY_BUFFERED, or with .in_parts, only");
    if (route->in_parts && !route->stream)
        row_fault(rules, route, "has .in_parts without .stream");
    if (route->limit &&
        (!settings_find(route->limit) || settings_find(route->limit)->type != SETTING_IS_BYTES))
        row_fault(rules, route, "has a .limit that is no setting in bytes");
    if (!route->summary || route->summary[0] == '\0')
        row_fault(rules, route, "has no .summary");
    if (route->status < 200 || route->status > 299)
        row_fault(rules, route, "has no .status of success");
    if (!route->answer != (route->status == 204))
        row_fault(rules, route, "must have an .answer unless its .status is 204");
    if (!route->request != (route->body == BODY_NONE))
        row_fault(rules, route, "must have a .request when it takes a body, and only then");
    if ((route->status == 201 || route->status == 202) &&
        (!route->headers || !strstr(route->headers, "Location")))
        row_fault(rules, route, "makes something (%d) and has no Location in .headers",
                  route->status);
    check_scope(rules, route);
    check_content(rules, route, "answer", route->answer);
    check_content(rules, route, "request", route->request);
    check_query(rules, route);
    check_also(rules, route);
    check_holes(rules, route);
    check_tag(rules, route);
    const json_t *headers = json_object_get(rules->parts, "headers");
    check_names(rules, route, "takes", route->takes, headers, "the headers of openapi_parts.json");
    check_names(rules, route, "headers", route->headers, headers,
                "the headers of openapi_parts.json");
}

/* ---- the document ---------------------------------------------------------------------------- */

/* Where one is in the document: "Job/properties/id". */
struct spot {
    char text[256];
};

static struct spot spot_below(const struct spot *spot, const char *name) {
    struct spot below;
    snprintf(below.text, sizeof below.text, "%.180s/%.60s", spot->text, name);
    return below;
}

static void PRINTF_LIKE(3, 4)
    fault(struct rules *rules, const struct spot *spot, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_print(&rules->faults, "%s %s\n", spot->text, text);
}

static bool type_has(const json_t *type, const char *wanted) {
    const json_t *one;
    size_t i;
    if (json_is_string(type))
        return strcmp(json_string_value(type), wanted) == 0;
    json_array_foreach(type, i, one) {
        if (type_has(one, wanted))
            return true;
    }
    return false;
}

static void check_schema(struct rules *rules, const json_t *schema, const struct spot *spot);

/* Each member of an object of schemas, or of a list of them. */
static void check_schemas(struct rules *rules, const json_t *schemas, const struct spot *spot) {
    const char *name;
    json_t *schema;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)schemas, name, schema) {
        struct spot below = spot_below(spot, name);
        check_schema(rules, schema, &below);
    }
    json_array_foreach(schemas, i, schema) {
        check_schema(rules, schema, spot);
    }
}

static void check_object(struct rules *rules, const json_t *schema, const struct spot *spot) {
    const json_t *properties = json_object_get(schema, "properties"), *name;
    size_t i;
    if (!properties && !json_object_get(schema, "additionalProperties"))
        fault(rules, spot,
              "is an object of which nothing is told: properties, or "
              "additionalProperties");
    json_array_foreach(json_object_get(schema, "required"), i, name) {
        if (!json_object_get(properties, json_string_value(name)))
            fault(rules, spot, "requires '%s', which it does not describe",
                  json_string_value(name));
    }
}

/* A schema of any kind: of which type, and within which bounds. `{}` inside items is how lists that
 * may be nested to any depth end; everything else has a type. */
static void check_schema(struct rules *rules, const json_t *schema, const struct spot *spot) {
    const json_t *type = json_object_get(schema, "type");
    json_t *member;
    const char *name;
    static const char *const lists[] = {"oneOf", "anyOf", "allOf"};
    static const char *const told[] = {"$ref", "enum", "const", "oneOf", "anyOf", "allOf"};
    bool known = type != NULL;
    size_t i;
    for (i = 0; i < sizeof told / sizeof told[0]; i++)
        known = known || json_object_get(schema, told[i]);
    if (!known)
        fault(rules, spot, "has no type");
    json_object_foreach((json_t *)(uintptr_t)schema, name, member) {
        const char *value = json_string_value(member);
        if (value && value[0] == '$' && strchr(value, ':'))
            fault(rules, spot, "has '%s' for %s, which stands for nothing", value, name);
    }
    if (type_has(type, "array") && !json_object_get(schema, "items"))
        fault(rules, spot, "is an array without items");
    if (type_has(type, "integer") && !json_object_get(schema, "minimum") &&
        !json_object_get(schema, "enum"))
        fault(rules, spot, "is an integer without minimum");
    if (json_is_string(type) && type_has(type, "object"))
        check_object(rules, schema, spot);
    check_schemas(rules, json_object_get(schema, "properties"), spot);
    for (i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const json_t *list = json_object_get(schema, lists[i]), *one;
        size_t k;
        json_array_foreach(list, k, one) {
            if (json_object_size(one) != 1 || !json_object_get(one, "required"))
                check_schema(rules, one, spot);
        }
    }
    const json_t *items = json_object_get(schema, "items");
    if (json_object_size(items) > 0) {
        struct spot below = spot_below(spot, "items");
        check_schema(rules, items, &below);
    }
}

/* Every $ref must lead somewhere. */
static void check_references(struct rules *rules, const json_t *document, const json_t *node,
                             const struct spot *spot) {
    json_t *member;
    const char *name;
    size_t i;
    const char *target = json_string_value(json_object_get(node, "$ref"));
    if (target) {
        char kind[32] = "", wanted[128] = "";
        const json_t *components = json_object_get(document, "components");
        if (sscanf(target, "#/components/%31[a-z]/%127s", kind, wanted) != 2 ||
            !json_object_get(json_object_get(components, kind), wanted))
            fault(rules, spot, "leads to '%s', which is not there", target);
    }
    json_object_foreach((json_t *)(uintptr_t)node, name, member) {
        struct spot below = spot_below(spot, name);
        check_references(rules, document, member, &below);
    }
    json_array_foreach(node, i, member) {
        check_references(rules, document, member, spot);
    }
}

static void check_parameters(struct rules *rules, const json_t *operation,
                             const struct spot *spot) {
    json_t *parameter;
    size_t i;
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter) {
        const char *name = json_string_value(json_object_get(parameter, "name"));
        struct spot below = spot_below(spot, !name ? "(no name)" : name);
        if (!json_string_value(json_object_get(parameter, "description")))
            fault(rules, &below, "has no description");
        if (!json_object_get(parameter, "schema"))
            fault(rules, &below, "has no schema");
        else
            check_schema(rules, json_object_get(parameter, "schema"), &below);
    }
}

static void check_operation(struct rules *rules, const json_t *operation, const struct spot *spot) {
    static const char *const members[] = {"operationId", "summary"};
    static const char *const always[] = {"400", "421", "429", "500", "503"};
    const json_t *responses = json_object_get(operation, "responses");
    json_t *response;
    const char *status;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (!json_string_value(json_object_get(operation, members[i])))
            fault(rules, spot, "has no %s", members[i]);
    if (!json_string_value(json_array_get(json_object_get(operation, "tags"), 0)))
        fault(rules, spot, "has no tag");
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (!json_object_get(responses, always[i]))
            fault(rules, spot, "does not document %s", always[i]);
    json_object_foreach((json_t *)(uintptr_t)responses, status, response) {
        struct spot below = spot_below(spot, status);
        if (!json_object_get(response, "$ref") &&
            !json_string_value(json_object_get(response, "description")))
            fault(rules, &below, "has no description");
    }
    check_parameters(rules, operation, spot);
}

static void rules_check_document(struct rules *rules, const struct route *routes,
                                 const json_t *document) {
    const json_t *paths = json_object_get(document, "paths"),
                 *schemas = json_object_get(json_object_get(document, "components"), "schemas");
    json_t *ids = json_object(), *schema;
    const char *name;
    struct spot whole = {"openapi.json"};
    for (const struct route *route = routes; route->method != NULL; route++) {
        char method[16] = "", place[200];
        for (size_t i = 0; route->method[i] != '\0' && i + 1 < sizeof method; i++)
            method[i] = (char)(route->method[i] | 0x20);
        snprintf(place, sizeof place, "%s %s", route->method, route->pattern);
        struct spot spot;
        snprintf(spot.text, sizeof spot.text, "%s", place);
        const json_t *operation = json_object_get(json_object_get(paths, route->pattern), method);
        const char *id = json_string_value(json_object_get(operation, "operationId"));
        if (!operation)
            fault(rules, &spot, "is not described");
        else
            check_operation(rules, operation, &spot);
        if (id && json_object_get(ids, id))
            fault(rules, &spot, "has the operationId of another operation, '%s'", id);
        if (id)
            json_object_set_new(ids, id, json_true());
    }
    json_object_foreach((json_t *)(uintptr_t)schemas, name, schema) {
        struct spot spot = {""};
        snprintf(spot.text, sizeof spot.text, "schema %s", name);
        if (!json_string_value(json_object_get(schema, "description")))
            fault(rules, &spot, "has no description");
        if (json_array_size(json_object_get(schema, "examples")) == 0)
            fault(rules, &spot, "has no examples");
        check_schema(rules, schema, &spot);
    }
    check_references(rules, document, document, &whole);
    json_decref(ids);
}

#endif
