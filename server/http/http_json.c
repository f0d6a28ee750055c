#include "server/http/http_json.h"

#include <stdio.h>
#include <string.h>

#include "server/http/context.h"

/* Counts what the body's tree takes. */
static enum status reserve_tree(const struct http_request *request, const char **text,
                                struct error *err) {
    *text = request->body ? request->body : "";
    return request_reserve(request, json_memory(*text, request->body_length), "the body", err);
}

/* Takes document: *object, or nothing after a failure. */
static enum status take_object(json_t *document, const char *const *allowed, json_t **object,
                               struct error *err) {
    if (!json_is_object(document)) {
        json_decref(document);
        return error_set(err, STATUS_MALFORMED, "the body must be a JSON object");
    }
    const char *name;
    json_t *member;
    json_object_foreach(document, name, member) {
        size_t i = 0;
        while (allowed[i] && strcmp(allowed[i], name) != 0)
            i++;
        if (!allowed[i] && !json_is_null(member)) {
            char pointer[sizeof err->key];
            snprintf(pointer, sizeof pointer, "/%.60s", name);
            enum status status =
                error_set_key(err, STATUS_REFUSED, pointer, "unknown member '%.200s'", name);
            json_decref(document);
            return status;
        }
    }
    *object = document;
    return STATUS_OK;
}

enum status json_body(const struct server *server, const struct http_request *request,
                      const char *const *allowed, json_t **object, struct error *err) {
    json_t *document;
    const char *text;
    enum status status = reserve_tree(request, &text, err);
    if (status == STATUS_OK)
        status = json_parse(text, request->body_length, (int)server->settings.max_json_depth,
                            &document, err);
    return status != STATUS_OK ? status : take_object(document, allowed, object, err);
}

enum status json_body_texts(const struct server *server, const struct http_request *request,
                            const char *const *allowed, size_t max_values, json_t **object,
                            struct error *err) {
    json_t *document;
    const char *text;
    enum status status = reserve_tree(request, &text, err);
    if (status == STATUS_OK)
        status = json_parse_texts(text, request->body_length, (int)server->settings.max_json_depth,
                                  max_values, &document, err);
    return status != STATUS_OK ? status : take_object(document, allowed, object, err);
}

void response_json(struct http_response *response, int status, json_t *document) {
    struct buffer body = {0};
    json_append(&body, document);
    json_decref(document);
    /* a failed buffer is answered with 503 */
    response_bytes(response, status, "application/json", &body);
}
