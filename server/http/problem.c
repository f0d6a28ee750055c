/* Errors as answers: RFC 9457 everywhere, OpenAI's shape under /v1/models and /v1/embeddings. */
#include <string.h>

#include "server/http/http_private.h"
#include "server/json/json.h"

int status_to_http(enum status status) {
    switch (status) {
    case STATUS_MALFORMED:
        return 400;
    case STATUS_UNAUTHORIZED:
        return 401;
    case STATUS_FORBIDDEN:
        return 403;
    case STATUS_NOT_FOUND:
        return 404;
    case STATUS_CONFLICT:
    case STATUS_CANCELLED:
    case STATUS_PAUSED:
        return 409;
    case STATUS_TOO_LARGE:
        return 413;
    case STATUS_UNSUPPORTED:
        return 415;
    case STATUS_REFUSED:
        return 422;
    case STATUS_BUSY:
        return 429;
    case STATUS_NO_MEMORY:
    case STATUS_IO:
        return 503;
    case STATUS_DISK_FULL:
        return 507;
    case STATUS_OK:
    case STATUS_CORRUPT:
    case STATUS_DIVERGED:
    case STATUS_INTERNAL:
    case STATUS_COUNT:
        break;
    }
    return 500;
}

static void put_string(struct buffer *body, const char *name, const char *text) {
    buffer_print(body, "\"%s\":", name);
    json_append_string(body, text, strlen(text));
}

static void put_problem(const struct http_request *request, struct buffer *body, int code,
                        const struct error *err, const char *members) {
    buffer_print(body, "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d,",
                 status_name(err->status), reason_phrase(code), code);
    put_string(body, "detail", err->text);
    buffer_append_char(body, ',');
    put_string(body, "instance", request->path);
    buffer_append_char(body, ',');
    put_string(body, "request_id", request->id);
    if (err->key[0] != '\0') {
        buffer_append_text(body, ",\"errors\":[{\"pointer\":");
        const char *key = err->key + (err->key[0] == '/');
        char pointer[sizeof err->key + 3] = "#/";
        memcpy(pointer + 2, key, strlen(key) + 1);
        json_append_string(body, pointer, strlen(pointer));
        buffer_append_char(body, ',');
        put_string(body, "detail", err->text);
        buffer_append_text(body, "}]");
    }
    buffer_print(body, "%s%s}", members ? "," : "", members ? members : "");
}

static void put_openai(struct buffer *body, int status, const struct error *err,
                       const char *members) {
    const char *type = status == 429   ? "rate_limit_error"
                       : status >= 500 ? "server_error"
                                       : "invalid_request_error";
    buffer_append_text(body, "{\"error\":{");
    put_string(body, "message", err->text);
    buffer_print(body, ",\"type\":\"%s\",\"param\":", type);
    if (err->key[0] != '\0') {
        const char *key = err->key + (err->key[0] == '/');
        json_append_string(body, key, strlen(key));
    } else {
        buffer_append_text(body, "null");
    }
    bool model = err->status == STATUS_NOT_FOUND && strncmp(err->text, "no model ", 9) == 0;
    const char *code = model                                ? "model_not_found"
                       : err->status == STATUS_UNAUTHORIZED ? "invalid_api_key"
                                                            : status_name(err->status);
    buffer_print(body, ",\"code\":\"%s\"%s%s}}", code, members ? "," : "", members ? members : "");
}

bool path_has_openai_errors(const char *path) {
    static const char *const prefixes[] = {"/v1/models", "/v1/embeddings"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t length = strlen(prefixes[i]);
        char next = strncmp(path, prefixes[i], length) == 0 ? path[length] : 'x';
        if (next == '\0' || next == '/')
            return true;
    }
    return false;
}

/* Seconds. What a key owns does not shrink by itself. */
static int retry_after(const struct http_response *response, int status, const struct error *err) {
    bool owned = strcmp(err->key, "max_bytes") == 0 || strcmp(err->key, "max_models") == 0;
    return response->retry_after > 0 ? response->retry_after : status != 429 ? 5 : owned ? 60 : 1;
}

void response_error_with(const struct http_request *request, struct http_response *response,
                         int status, const struct error *err, const char *members) {
    struct error unnamed = {.status = STATUS_INTERNAL, .text = "something went wrong"};
    if (err->status == STATUS_OK)
        err = &unnamed;
    if (status == 0)
        status = status_to_http(err->status);
    struct buffer body = {0};
    bool openai = path_has_openai_errors(request->path);
    if (openai)
        put_openai(&body, status, err, members);
    else
        put_problem(request, &body, status, err, members);
    response_bytes(response, status, openai ? "application/json" : "application/problem+json",
                   &body);
    if (status == 429 || (status == 503 && err->status != STATUS_BUSY))
        response_header(response, "Retry-After", "%d", retry_after(response, status, err));
}

void response_error(const struct http_request *request, struct http_response *response, int status,
                    const struct error *err) {
    response_error_with(request, response, status, err, NULL);
}
