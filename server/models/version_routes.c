/* Routes of versions and labels, apart from those that hold a model: see models_routes.c. */
#include <stdlib.h>
#include <string.h>

#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/http/parameters.h"
#include "server/json/fields.h"
#include "server/models/models_private.h"

/* Answers 204, or the error with models of names near the one that was asked for. */
static void answer_none(struct server *server, const struct http_request *request,
                        struct http_response *response, enum status status,
                        const struct error *err) {
    struct buffer members = {0};
    if (status == STATUS_OK) {
        response->status = 204;
        return;
    }
    if (status == STATUS_NOT_FOUND && strcmp(err->key, "model") == 0)
        models_suggest(server->models, request->key, request->segments[0], &members);
    response_error_with(request, response, 0, err, members.failed ? NULL : members.data);
    buffer_clear(&members);
}

static void answer_json(struct server *server, const struct http_request *request,
                        struct http_response *response, json_t *document, enum status status,
                        const struct error *err) {
    if (status == STATUS_OK)
        response_json(response, 200, document);
    else
        answer_none(server, request, response, status, err);
}

void models_delete_version(struct server *server, const struct http_request *request,
                           struct http_response *response) {
    struct error err = {0};
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status =
            models_remove_version(server->models, request->segments[0], request->segments[1], &err);
    if (status == STATUS_OK)
        audit(&server->logger, "version_deleted", key_owner(request->key), request->id,
              "model=%s version=%s", request->segments[0], request->segments[1]);
    answer_none(server, request, response, status, &err);
}

static json_t *label_json(const struct model_label *label) {
    return json_pack("{s:s, s:s, s:s, s:s, s:I}", "object", "model.label", "model", label->model,
                     "label", label->label, "version", label->version, "set",
                     (json_int_t)label->set);
}

void models_labels(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    const char *name = request->segments[0];
    char served[MODEL_VERSION_SIZE];
    struct error err = {0};
    struct model_label *list = NULL;
    size_t n = 0;
    json_t *document = NULL;
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status = models_served_version(server->models, name, served, &err);
    if (status == STATUS_OK)
        status = labels_list(server->models, name, &list, &n, &err);
    if (status == STATUS_OK) {
        document = json_pack("{s:s, s:s, s:[]}", "object", "list", "model", name, "data");
        for (size_t i = 0; i < n; i++)
            json_array_append_new(json_object_get(document, "data"), label_json(&list[i]));
    }
    answer_json(server, request, response, document, status, &err);
    free(list);
}

void models_get_label(struct server *server, const struct http_request *request,
                      struct http_response *response) {
    const char *name = request->segments[0], *label = request->segments[1];
    char served[MODEL_VERSION_SIZE];
    struct model_label found = {.model = ""};
    struct error err = {0};
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status = models_served_version(server->models, name, served, &err);
    if (status == STATUS_OK && !label_find(server->models, name, label, &found))
        status = error_set_key(&err, STATUS_NOT_FOUND, "label", "model '%s' has no label '%.128s'",
                               name, label);
    answer_json(server, request, response, status == STATUS_OK ? label_json(&found) : NULL, status,
                &err);
}

void models_put_label(struct server *server, const struct http_request *request,
                      struct http_response *response) {
    static const char *const members[] = {"version", NULL};
    struct model_label made = {.model = ""};
    struct error err = {0};
    json_t *body = NULL;
    const char *version = NULL;
    size_t length = 0;
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status = json_body(server, request, members, &body, &err);
    if (status == STATUS_OK)
        status = field_text(body, "version", &version, &length, &err);
    if (status == STATUS_OK && !version)
        status = error_set_key(&err, STATUS_REFUSED, "/version", "version is missing");
    if (status == STATUS_OK)
        status = models_set_label(server->models, request->segments[0], request->segments[1],
                                  version, &made, &err);
    if (status == STATUS_OK)
        audit(&server->logger, "label_set", key_owner(request->key), request->id,
              "model=%s label=%s version=%s", made.model, made.label, made.version);
    answer_json(server, request, response, status == STATUS_OK ? label_json(&made) : NULL, status,
                &err);
    json_decref(body);
}

void models_delete_label(struct server *server, const struct http_request *request,
                         struct http_response *response) {
    struct error err = {0};
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status =
            models_remove_label(server->models, request->segments[0], request->segments[1], &err);
    if (status == STATUS_OK)
        audit(&server->logger, "label_deleted", key_owner(request->key), request->id,
              "model=%s label=%s", request->segments[0], request->segments[1]);
    answer_none(server, request, response, status, &err);
}
