/* Routes of corpora. */
#include <stdlib.h>
#include <string.h>

#include "base/content_check.h"
#include "base/file.h"
#include "server/corpora/corpora_private.h"
#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/http/parameters.h"

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

void corpora_content(struct server *server, const struct http_request *request,
                     struct http_response *response) {
    struct corpus_info info = {0}, again = {0};
    struct error err = {0};
    char *path = NULL, field[DIGEST_FIELD_SIZE];
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status = corpora_path(server->corpora, request->segments[0], &path, &info, &err);
    if (status == STATUS_OK && !file_exists(path)) { /* replaced at this moment */
        free(path);
        path = NULL;
        status = corpora_path(server->corpora, request->segments[0], &path, &again, &err);
        info = again;
    }
    if (status == STATUS_OK) {
        bool text = strcmp(info.format, "text") == 0;
        digest_field_of_text(info.digest, field);
        response_header(response, "Repr-Digest", "%s", field);
        response_header(response, "Content-Disposition", "attachment; filename=\"%s.%s\"",
                        info.name, text ? "txt" : "tokens");
        response_file(request, response, path,
                      text ? "text/plain; charset=utf-8" : "application/octet-stream", info.digest);
    } else {
        response_error(request, response, 0, &err);
    }
    free(path);
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
