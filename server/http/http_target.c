/* The request target: checked as it came, then cut into path and query and decoded once.
 * libmicrohttpd's own decoding cuts at %00 and turns %2f into a separator, so it is not used. */
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "server/http/http_private.h"

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum status target_refuse(const char *why, struct error *err) {
    return error_set(err, STATUS_MALFORMED, "the request target %s", why);
}

/* Decodes [from, end) to *to, which moves behind what was written. '+' is a space in a query
 * only. */
static enum status percent_decode(char **to, const char *from, const char *end, bool query,
                                  struct error *err) {
    while (from < end) {
        char c = *from++;
        if (c == '%') {
            int high = end - from >= 2 ? hex_value(from[0]) : -1;
            int low = high >= 0 ? hex_value(from[1]) : -1;
            if (low < 0)
                return target_refuse("has a '%' without two hexadecimal digits", err);
            c = (char)(high * 16 + low);
            from += 2;
            if (c == '\0')
                return target_refuse("holds %00", err);
            if (!query && (c == '/' || c == '\\'))
                return target_refuse("holds an encoded slash or backslash", err);
            if (!query && ((unsigned char)c < 0x20 || c == 0x7f))
                return target_refuse("holds an encoded control character", err);
        } else if (c == '+' && query) {
            c = ' ';
        }
        *(*to)++ = c;
    }
    return STATUS_OK;
}

static enum status target_check_raw(const char *target, struct error *err) {
    if (strlen(target) > HTTP_TARGET_MAX) {
        return error_set(err, STATUS_TOO_LARGE, "the request target is longer than %d bytes",
                         HTTP_TARGET_MAX);
    }
    for (const char *c = target; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f)
            return target_refuse("holds a space or control character", err);
        if (*c == '#' || *c == '\\')
            return target_refuse("holds a '#' or a backslash", err);
    }
    return STATUS_OK;
}

static bool path_has_dots(const char *path) {
    for (const char *segment = path; segment != NULL; segment = strchr(segment + 1, '/')) {
        const char *name = segment + 1;
        size_t length = strcspn(name, "/");
        if ((length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.'))
            return true;
    }
    return false;
}

/* Writes key NUL value NUL for each pair behind exchange->query. */
static enum status query_decode(struct exchange *exchange, const char *from, struct error *err) {
    char *to = exchange->query;
    while (from && *from != '\0') {
        const char *end = from + strcspn(from, "&"),
                   *equals = memchr(from, '=', (size_t)(end - from));
        if (end > from) {
            const char *key_end = equals ? equals : end;
            char *key = to;
            enum status status = percent_decode(&to, from, key_end, true, err);
            if (status != STATUS_OK)
                return status;
            *to++ = '\0';
            status = percent_decode(&to, equals ? equals + 1 : end, end, true, err);
            if (status != STATUS_OK)
                return status;
            if (!utf8_valid(key, (size_t)(to - key)))
                return target_refuse("is not valid UTF-8", err);
            *to++ = '\0';
        }
        from = *end == '&' ? end + 1 : NULL;
    }
    exchange->query_end = to;
    return STATUS_OK;
}

enum status target_decode(struct exchange *exchange, struct error *err) {
    enum status status = target_check_raw(exchange->target, err);
    if (status != STATUS_OK)
        return status;
    const char *from = exchange->target;
    /* the absolute form that proxies send; Host is checked on its own */
    for (size_t i = 0; i < 2; i++) {
        static const char *const schemes[] = {"http://", "https://"};
        if (strncasecmp(from, schemes[i], strlen(schemes[i])) == 0) {
            from += strlen(schemes[i]);
            from += strcspn(from, "/?");
            break;
        }
    }
    const char *end = from + strcspn(from, "?");
    if (from == end && from != exchange->target) {
        exchange->path[0] = '/';
        exchange->path[1] = '\0';
    } else {
        if (from[0] != '/')
            return target_refuse("does not begin with '/'", err);
        char *to = exchange->path;
        status = percent_decode(&to, from, end, false, err);
        if (status != STATUS_OK)
            return status;
        *to = '\0';
    }
    if (!utf8_valid(exchange->path, strlen(exchange->path)))
        return target_refuse("is not valid UTF-8", err);
    if (path_has_dots(exchange->path))
        return target_refuse("has a '.' or '..' segment", err);
    exchange->query = exchange->path + strlen(exchange->path) + 1;
    return query_decode(exchange, *end == '?' ? end + 1 : NULL, err);
}

/* Segment by segment; a {hole} takes any segment that is not empty. starts and lengths get the
 * holes' values within path. */
static bool pattern_matches(const char *pattern, const char *path, const char **starts,
                            size_t *lengths, size_t *n) {
    *n = 0;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        size_t wanted = strcspn(pattern, "/"), have = strcspn(path, "/");
        if (pattern[0] == '{') {
            if (have == 0 || *n == REQUEST_SEGMENTS)
                return false;
            starts[*n] = path;
            lengths[(*n)++] = have;
        } else if (wanted != have || memcmp(pattern, path, have) != 0) {
            return false;
        }
        pattern += wanted;
        path += have;
    }
    return *pattern == '\0' && *path == '\0';
}

/* The segments' copies stand behind the query, where the exchange's buffer has room for one more
 * path. */
static void segments_fill(struct exchange *exchange, const struct route *route,
                          const char *const *starts, const size_t *lengths, size_t n) {
    struct http_request *request = &exchange->request;
    char *to = exchange->query_end;
    request->n_segments = 0;
    request->version = NULL;
    for (size_t i = 0; i < n; i++) {
        memcpy(to, starts[i], lengths[i]);
        to[lengths[i]] = '\0';
        if (route->of_version && i == 1)
            request->version = to;
        else
            request->segments[request->n_segments++] = to;
        to += lengths[i] + 1;
    }
}

const struct route *route_find(const struct route *routes, struct exchange *exchange,
                               const char *method, struct buffer *allowed) {
    for (const struct route *route = routes; route->method != NULL; route++) {
        const char *starts[REQUEST_SEGMENTS];
        size_t lengths[REQUEST_SEGMENTS], n;
        if (!pattern_matches(route->pattern, exchange->path, starts, lengths, &n))
            continue;
        if (strcmp(route->method, method) == 0) {
            segments_fill(exchange, route, starts, lengths, n);
            return route;
        }
        buffer_print(allowed, "%s%s%s", allowed->length > 0 ? ", " : "", route->method,
                     strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
    }
    return NULL;
}

static const char *query_next(const struct exchange *exchange, const char *at, const char **value) {
    if (!at || at >= exchange->query_end)
        return NULL;
    *value = at + strlen(at) + 1;
    return *value + strlen(*value) + 1;
}

const char *request_query(const struct http_request *request, const char *key, size_t index) {
    const struct exchange *exchange = request->connection;
    const char *value;
    for (const char *at = exchange->query, *next; (next = query_next(exchange, at, &value)) != NULL;
         at = next)
        if (strcmp(at, key) == 0 && index-- == 0)
            return value;
    return NULL;
}

void request_query_visit(const struct http_request *request,
                         void (*visit)(void *context, const char *key, const char *value),
                         void *context) {
    const struct exchange *exchange = request->connection;
    const char *value;
    for (const char *at = exchange->query, *next; (next = query_next(exchange, at, &value)) != NULL;
         at = next)
        visit(context, at, value);
}

const char *request_header(const struct http_request *request, const char *name) {
    const struct exchange *exchange = request->connection;
    for (size_t i = 0; exchange && i < exchange->n_headers; i++)
        if (strcasecmp(exchange->headers[i].name, name) == 0)
            return exchange->headers[i].value;
    return NULL;
}

int64_t request_content_length(const struct http_request *request) {
    return ((const struct exchange *)request->connection)->content_length;
}

const char *request_target(const struct http_request *request) {
    return ((const struct exchange *)request->connection)->target;
}
