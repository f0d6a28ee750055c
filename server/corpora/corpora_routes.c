/* Routes of corpora. */
#include "server/corpora/corpora_private.h"
#include "server/http/context.h"
#include "server/http/http_json.h"

void corpora_list(struct server *server, const struct http_request *request,
                  struct http_response *response) {
    struct error err = {0};
    json_t *data = corpora_documents(server->corpora, request->key);
    json_t *document = !data ? NULL : json_pack("{s:s, s:O}", "object", "list", "data", data);
    json_decref(data);
    if (document) {
        response_json(response, 200, document);
        return;
    }
    error_set(&err, STATUS_NO_MEMORY, "out of memory to list corpora");
    response_error(request, response, 0, &err);
}

void corpora_get(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    struct error err = {0};
    struct corpus_info info = {0};
    json_t *document = NULL;
    enum status status = corpora_find(server->corpora, request->segments[0], &info, &err);
    if (status == STATUS_OK && !(document = corpus_document(&info)))
        status =
            error_set(&err, STATUS_NO_MEMORY, "out of memory to describe corpus '%s'", info.name);
    if (status == STATUS_OK)
        response_json(response, 200, document);
    else
        response_error(request, response, 0, &err);
}

void corpora_delete(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    struct error err = {0};
    if (corpora_remove(server->corpora, request->segments[0], &err) == STATUS_OK) {
        audit(&server->logger, "corpus_deleted", key_owner(request->key), request->id, "corpus=%s",
              request->segments[0]);
        response->status = 204;
    } else {
        response_error(request, response, 0, &err);
    }
}
