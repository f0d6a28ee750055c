/* Whatever may be asked of a model may be asked of one of its versions: those routes are made from
 * the table, so that none can be forgotten. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "server/system.h"

#define MODEL_PATTERN "/v1/models/{model}"
#define VERSION_PATTERN MODEL_PATTERN "/versions/{version}"

/* Behind the model's name; NULL for routes that are not below a model. */
static const char *behind_model(const struct route *route) {
    size_t length = strlen(MODEL_PATTERN);
    if (strncmp(route->pattern, MODEL_PATTERN, length) != 0)
        return NULL;
    const char *rest = route->pattern + length;
    return *rest == '\0' || *rest == '/' ? rest : NULL;
}

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static bool asks_model(const struct route *route) {
    const char *rest = behind_model(route);
    return rest && (route->asks || strcmp(route->method, "GET") == 0) &&
           !begins_with(rest, "/versions") && !begins_with(rest, "/labels");
}

static char *text_of(const char *first, const char *second) {
    struct buffer text = {0};
    buffer_print(&text, "%s%s", first, second);
    if (text.failed)
        buffer_clear(&text);
    return buffer_take(&text);
}

void routes_free(struct route *routes) {
    for (struct route *route = routes; route && route->method; route++)
        if (route->of_version) {
            free((void *)(uintptr_t)route->pattern);
            free((void *)(uintptr_t)route->summary);
        }
    free(routes);
}

struct route *routes_with_versions(const struct route *routes) {
    size_t n = 0, more = 0;
    for (; routes[n].method; n++)
        more += asks_model(&routes[n]);
    struct route *made = calloc(n + more + 1, sizeof *made);
    if (!made)
        return NULL;
    memcpy(made, routes, n * sizeof *made);
    struct route *next = made + n;
    for (size_t i = 0; i < n; i++) {
        if (!asks_model(&routes[i]))
            continue;
        *next = routes[i];
        next->of_version = true;
        next->pattern = text_of(VERSION_PATTERN, behind_model(&routes[i]));
        next->summary = text_of(routes[i].summary, "; of one version, or of one that has a label");
        if (!next->pattern || !next->summary) {
            routes_free(made);
            return NULL;
        }
        next++;
    }
    return made;
}
