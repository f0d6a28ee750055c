/* Who may ask. A browser can be made to call a service that only its own machine or network
 * reaches, in two ways: a page of another site sends requests to it, or the name of that site is
 * made to point at it ("DNS rebinding"). The first shows in Origin and Sec-Fetch-Site, the second
 * in Host. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "server/http/context.h"
#include "server/http/http_private.h"

/* What scripts of an allowed page may read beside the body. */
#define EXPOSED                                                                                 \
    "Content-Range, ETag, Location, Repr-Digest, Retry-After, Upload-Complete, Upload-Length, " \
    "Upload-Limit, Upload-Offset, X-Request-Id, traceparent"
#define PREFLIGHT_SECONDS 600

static bool refuse(struct exchange *exchange, int status, struct error *err) {
    response_error(&exchange->request, &exchange->response, status, err);
    return false;
}

/* The next entry of a list joined by commas, without blanks around it; false: there is none. */
static bool entry_next(const char **list, const char **entry, size_t *length) {
    *list += strspn(*list, ", ");
    *entry = *list;
    *length = strcspn(*list, ",");
    *list += *length;
    while (*length > 0 && (*entry)[*length - 1] == ' ')
        (*length)--;
    return *length > 0;
}

/* Length of the name in "name:port" or "[address]:port"; 0: it is none. */
static size_t name_length(const char *host) {
    const char *bracket = host[0] == '[' ? strchr(host, ']') : NULL;
    size_t length = bracket ? (size_t)(bracket - host) + 1 : strcspn(host, ":");
    int64_t port;
    if (host[0] == '[' && !bracket)
        return 0;
    if (host[length] == '\0' || (host[length] == ':' && host[length + 1] == '\0'))
        return length;
    return host[length] == ':' && number_parse_int(host + length + 1, &port) && port >= 0 &&
                   port <= 65535
               ? length
               : 0;
}

static bool is_address(const char *name) {
    unsigned char bytes[16];
    char inner[64];
    size_t length = strlen(name);
    if (name[0] != '[')
        return inet_pton(AF_INET, name, bytes) == 1;
    if (length < 2 || length - 2 >= sizeof inner)
        return false;
    memcpy(inner, name + 1, length - 2);
    inner[length - 2] = '\0';
    return inet_pton(AF_INET6, inner, bytes) == 1;
}

static bool ends_with(const char *name, const char *tail, size_t length) {
    size_t n = strlen(name);
    return n > length && strncasecmp(name + n - length, tail, length) == 0;
}

/* "*" is any name, "*.example.org" any below example.org. */
static bool name_is_listed(const char *list, const char *name) {
    const char *entry;
    for (size_t length; entry_next(&list, &entry, &length);)
        if ((length == 1 && entry[0] == '*') ||
            (length > 2 && entry[0] == '*' && ends_with(name, entry + 1, length - 1)) ||
            (strlen(name) == length && strncasecmp(name, entry, length) == 0))
            return true;
    return false;
}

static bool host_is_ours(const struct settings *settings, const char *host) {
    char name[HTTP_HOST_SIZE];
    size_t length = name_length(host);
    memcpy(name, host, length);
    if (length > 0 && name[length - 1] == '.')
        length--; /* a name from the root, the same */
    name[length] = '\0';
    if (length == 0)
        return false;
    /* Browsers resolve no name below localhost: it is the machine itself. */
    return is_address(name) || strcasecmp(name, "localhost") == 0 ||
           ends_with(name, ".localhost", 10) || name_is_listed(settings->allowed_hosts, name);
}

static bool check_host(struct exchange *exchange) {
    const struct server *server = exchange->http->server;
    struct error err = {0};
    if (exchange->host[0] == '\0') /* HTTP/1.0 */
        return true;
    if (server && access_required(server->access)) /* a page that got here by its name has no key */
        return true;
    if (host_is_ours(exchange->http->settings, exchange->host))
        return true;
    (void)error_set_key(&err, STATUS_REFUSED, "Host",
                        "this service is not called '%.128s'; if it shall be, name that in the "
                        "setting allowed_hosts",
                        exchange->host);
    return refuse(exchange, 421, &err);
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* Is the origin the page's that this service itself would serve? Ports 80 and 443 may be left
 * out. */
static bool origin_is_own(const struct exchange *exchange, const char *origin) {
    const char *ends[2] = {origin, exchange->host};
    bool tls = http_speaks_tls(exchange->http->settings);
    const char *scheme = tls ? "https://" : "http://", *port = tls ? ":443" : ":80";
    size_t lengths[2], left_out = strlen(port);
    if (strncasecmp(origin, scheme, strlen(scheme)) != 0 || exchange->host[0] == '\0')
        return false;
    ends[0] += strlen(scheme);
    for (size_t i = 0; i < 2; i++) {
        lengths[i] = strlen(ends[i]);
        if (lengths[i] > left_out && strcmp(ends[i] + lengths[i] - left_out, port) == 0)
            lengths[i] -= left_out;
    }
    return lengths[0] == lengths[1] && strncasecmp(ends[0], ends[1], lengths[0]) == 0;
}

/* "null", the origin of sandboxed frames and local files of whatever source, is nobody's: it is not
 * in "*", and naming it has no effect. */
static bool origin_is_listed(const struct settings *settings, const char *origin) {
    const char *list = settings->allowed_origins, *entry;
    for (size_t length; strstr(origin, "://") && entry_next(&list, &entry, &length);)
        if ((length == 1 && entry[0] == '*') ||
            (strlen(origin) == length && strncasecmp(origin, entry, length) == 0))
            return true;
    return false;
}

static const char *find_header(const struct exchange *exchange, const char *name, size_t *n) {
    const char *value = NULL;
    *n = 0;
    for (size_t i = 0; i < exchange->n_headers; i++)
        if (strcasecmp(exchange->headers[i].name, name) == 0 && (*n)++ == 0)
            value = exchange->headers[i].value;
    return value;
}

static bool answer_preflight(struct exchange *exchange) {
    struct http_response *response = &exchange->response;
    const char *headers = request_header(&exchange->request, "Access-Control-Request-Headers"),
               *network =
                   request_header(&exchange->request, "Access-Control-Request-Private-Network");
    response->status = 204;
    response_header(response, "Access-Control-Allow-Methods",
                    "GET, HEAD, POST, PUT, PATCH, DELETE");
    if (headers)
        response_header(response, "Access-Control-Allow-Headers", "%s", headers);
    if (network)
        response_header(response, "Access-Control-Allow-Private-Network", "true");
    response_header(response, "Access-Control-Max-Age", "%d", PREFLIGHT_SECONDS);
    return false; /* nothing is left to do */
}

static bool refuse_page(struct exchange *exchange, const char *key, const char *value) {
    struct error err = {0};
    (void)error_set_key(&err, STATUS_REFUSED, key,
                        "a page of another site may not do this (%s '%.128s'); if it shall, name "
                        "its origin in the setting allowed_origins",
                        key, value);
    return refuse(exchange, 403, &err);
}

static bool check_page(struct exchange *exchange) {
    const struct settings *settings = exchange->http->settings;
    const char *method = exchange->request.method;
    size_t origins, sites;
    const char *origin = find_header(exchange, "Origin", &origins),
               *site = find_header(exchange, "Sec-Fetch-Site", &sites);
    bool listed = origins == 1 && origin_is_listed(settings, origin),
         own = origins == 0 || (origins == 1 && origin_is_own(exchange, origin)),
         preflight = strcmp(method, "OPTIONS") == 0 && origin &&
                     request_header(&exchange->request, "Access-Control-Request-Method");
    if (strcmp(settings->allowed_origins, "none") != 0)
        response_header(&exchange->response, "Vary", "Origin");
    if (listed) {
        response_header(&exchange->response, "Access-Control-Allow-Origin", "%s", origin);
        response_header(&exchange->response, "Access-Control-Expose-Headers", EXPOSED);
        return !preflight || answer_preflight(exchange);
    }
    if (preflight)
        return refuse_page(exchange, "Origin", origin);
    if (strcmp(method, "GET") == 0 || strcmp(method, "OPTIONS") == 0)
        return true; /* its page cannot read the answer */
    if (!own)
        return refuse_page(exchange, "Origin", origin);
    if (site &&
        (sites > 1 || (strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0)))
        return refuse_page(exchange, "Sec-Fetch-Site", site);
    return true;
}

bool trust_admit(struct exchange *exchange) {
    return check_host(exchange) && check_page(exchange);
}
