/* Looking at uploads in parts, and giving one up. */
#include <stdlib.h>

#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/http/parameters.h"
#include "server/uploads/uploads_private.h"

void uploads_list(struct server *server, const struct http_request *request,
                  struct http_response *response) {
    struct uploads *uploads = server->uploads;
    struct error err = {0};
    if (query_check(request, &err) != STATUS_OK) {
        response_error(request, response, 0, &err);
        return;
    }
    json_t *document = json_pack("{s:s, s:[]}", "object", "list", "data"),
           *data = json_object_get(document, "data");
    /* Held one by one: an upload that writes must not keep the table. */
    pthread_mutex_lock(&uploads->mutex);
    size_t n = uploads->n;
    struct partial **list = calloc(n + 1, sizeof *list);
    for (size_t i = 0; list && i < n; i++) {
        list[i] = uploads->list[i];
        list[i]->holds++;
    }
    pthread_mutex_unlock(&uploads->mutex);
    for (size_t i = 0; list && i < n; i++) {
        pthread_mutex_lock(&list[i]->mutex);
        if (!list[i]->gone && partial_is_seen(list[i], request->key))
            json_array_append_new(data, partial_document(uploads, list[i]));
        pthread_mutex_unlock(&list[i]->mutex);
        partial_drop(uploads, list[i]);
    }
    free(list);
    response_json(response, 200, document);
}

void uploads_get(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    struct uploads *uploads = server->uploads;
    struct partial *partial = NULL;
    struct error err = {0};
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status = partial_hold(uploads, request->segments[0], request->key, &partial, &err);
    if (status == STATUS_OK) {
        pthread_mutex_lock(&partial->mutex);
        if (partial->gone) /* at this moment */
            status = error_set_key(&err, STATUS_NOT_FOUND, "upload", "no upload '%s'", partial->id);
        /* What is told must survive. */
        else if (!partial->done && !partial->committing)
            status = partial_settle(uploads, partial, -1, &err);
        if (status == STATUS_OK) {
            response_json(response, 200, partial_document(uploads, partial));
            partial_headers(uploads, partial, response);
        }
        pthread_mutex_unlock(&partial->mutex);
    }
    if (status != STATUS_OK)
        response_error(request, response, 0, &err);
    partial_drop(uploads, partial);
}

void uploads_delete(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    struct partial *partial = NULL;
    struct error err = {0};
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status = partial_hold(server->uploads, request->segments[0], request->key, &partial, &err);
    if (status == STATUS_OK)
        status = partial_discard(server->uploads, partial, &err);
    if (status == STATUS_OK)
        response->status = 204;
    else
        response_error(request, response, 0, &err);
    partial_drop(server->uploads, partial);
}
