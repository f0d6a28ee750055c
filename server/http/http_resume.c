/* A request in the place of another: an upload that came in parts is answered by the route that it
 * was meant for, as if it had come at once. */
#include <stdlib.h>
#include <string.h>

#include "server/http/http_private.h"

/* What the exchange was, while it stands in for another request. */
struct kept {
    struct http_request request;
    char *target, *path, *query, *query_end;
    struct header headers[HTTP_HEADERS_MAX];
    size_t n_headers;
    int64_t content_length;
};

static void keep(struct kept *kept, const struct exchange *exchange) {
    kept->request = exchange->request;
    kept->target = exchange->target;
    kept->path = exchange->path;
    kept->query = exchange->query;
    kept->query_end = exchange->query_end;
    memcpy(kept->headers, exchange->headers, sizeof kept->headers);
    kept->n_headers = exchange->n_headers;
    kept->content_length = exchange->content_length;
}

static void restore(struct exchange *exchange, const struct kept *kept) {
    free(exchange->target);
    exchange->request = kept->request;
    exchange->target = kept->target;
    exchange->path = kept->path;
    exchange->query = kept->query;
    exchange->query_end = kept->query_end;
    memcpy(exchange->headers, kept->headers, sizeof kept->headers);
    exchange->n_headers = kept->n_headers;
    exchange->content_length = kept->content_length;
}

static void become(struct exchange *exchange, const struct earlier_request *earlier, char *target) {
    size_t length = strlen(earlier->target);
    memcpy(target, earlier->target, length + 1);
    exchange->target = target;
    exchange->path = target + length + 1;
    exchange->query = exchange->query_end = exchange->path;
    exchange->n_headers = 0;
    for (size_t i = 0; i < earlier->n_fields && i < HTTP_HEADERS_MAX; i++)
        exchange->headers[exchange->n_headers++] =
            (struct header){earlier->fields[i].name, earlier->fields[i].value};
    exchange->content_length = earlier->length;
    exchange->request.method = earlier->method;
    exchange->request.path = exchange->path;
    exchange->request.route = NULL;
    exchange->request.n_segments = 0;
}

enum status request_resume(const struct http_request *request,
                           const struct earlier_request *earlier,
                           void (*perform)(void *context, const struct http_request *request),
                           void *context, struct error *err) {
    struct exchange *exchange = request->connection;
    struct buffer allowed = {0};
    struct kept *kept = malloc(sizeof *kept);
    char *target = calloc(strlen(earlier->target) + 1, 6); /* as exchange_create has it */
    if (!kept || !target) {
        free(kept);
        free(target);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a request");
    }
    keep(kept, exchange);
    become(exchange, earlier, target);
    enum status status = target_decode(exchange, err);
    if (status == STATUS_OK)
        exchange->request.route =
            route_find(exchange->http->routes, exchange, earlier->method, &allowed);
    if (status == STATUS_OK &&
        (!exchange->request.route || exchange->request.route->body != BODY_STREAMED))
        status = error_set(err, STATUS_NOT_FOUND, "nothing takes an upload by %s at '%s'",
                           earlier->method, exchange->path);
    if (status == STATUS_OK)
        status = access_check_path(&exchange->request, err);
    if (status == STATUS_OK)
        perform(context, &exchange->request);
    restore(exchange, kept);
    buffer_clear(&allowed);
    free(kept);
    return status;
}

struct http_response *request_response(const struct http_request *request) {
    return &((struct exchange *)request->connection)->response;
}
