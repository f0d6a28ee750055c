/* Keys at the door: which key a request comes with, and whether it opens the route. */
#include <arpa/inet.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "server/http/context.h"
#include "server/http/http_private.h"

#define REALM "Bearer realm=\"vecmill\""

static bool refuse(struct exchange *exchange, int status, struct error *err) {
    response_error(&exchange->request, &exchange->response, status, err);
    return false;
}

/* The token in "Bearer TOKEN", its length in *length; NULL when the value is none such. */
static const char *bearer(const char *value, size_t *length) {
    if (strncasecmp(value, "Bearer", 6) != 0 || value[6] != ' ')
        return NULL;
    value += 6;
    value += strspn(value, " ");
    *length = strcspn(value, " \t,");
    return *length > 0 && value[*length] == '\0' ? value : NULL;
}

void access_take(struct exchange *exchange) {
    struct error ignored = {0}; /* out of memory: the key is one that nobody has */
    size_t given = 0;
    for (size_t i = 0; i < exchange->n_headers; i++) {
        struct header *header = &exchange->headers[i];
        if (strcasecmp(header->name, "Authorization") != 0)
            continue;
        size_t length = 0;
        const char *token = bearer(header->value, &length);
        exchange->token_given = true;
        exchange->token_good = given++ == 0 && token &&
                               key_hash(token, length, exchange->token_hash, &ignored) == STATUS_OK;
        /* The field lies in the connection's own memory, where nobody else looks at it. */
        explicit_bzero((char *)(uintptr_t)header->value, strlen(header->value));
    }
}

/* Is what the row names a flag that is on? */
static bool opened(const struct exchange *exchange, const struct route *route) {
    const struct setting *row = route->opened_by ? settings_find(route->opened_by) : NULL;
    bool on = false;
    if (row && row->type == SETTING_IS_FLAG)
        memcpy(&on, (const char *)exchange->http->settings + row->offset, sizeof on);
    return on;
}

static bool refuse_key(struct exchange *exchange, enum verdict verdict, double wait) {
    const struct route *route = exchange->request.route;
    const struct access_key *key = &exchange->key;
    struct error err = {0};
    switch (verdict) {
    case VERDICT_NO_KEY:
        (void)error_set_key(&err, STATUS_UNAUTHORIZED, "Authorization",
                            "a key is needed: send it as Authorization: Bearer KEY");
        (void)refuse(exchange, 0, &err);
        response_header(&exchange->response, "WWW-Authenticate", REALM);
        break;
    case VERDICT_WRONG_KEY:
        (void)error_set_key(&err, STATUS_UNAUTHORIZED, "Authorization",
                            "the key in Authorization is none of this service's; it is sent as "
                            "Bearer KEY");
        (void)refuse(exchange, 0, &err);
        response_header(&exchange->response, "WWW-Authenticate", REALM ", error=\"invalid_token\"");
        break;
    case VERDICT_SCOPE:
        (void)error_set_key(&err, STATUS_FORBIDDEN, "Authorization",
                            "this needs a key of scope %s: key '%s' has %s",
                            scope_name(route->scope), key->id, scope_name(key->scope));
        (void)refuse(exchange, 0, &err);
        response_header(&exchange->response, "WWW-Authenticate",
                        REALM ", error=\"insufficient_scope\", scope=\"%s\"",
                        scope_name(route->scope));
        break;
    case VERDICT_RATE:
        exchange->rate_refused = true;
        exchange->response.retry_after = (int)fmin(ceil(wait), 60);
        (void)error_set_key(&err, STATUS_BUSY, "requests_per_minute",
                            "key '%s' may ask %lld times a minute (requests_per_minute)", key->id,
                            (long long)key->requests_per_minute);
        (void)refuse(exchange, 429, &err);
        break;
    case VERDICT_GRANTED:
        break;
    }
    return false;
}

enum status access_check_path(const struct http_request *request, struct error *err) {
    enum status status = STATUS_OK;
    size_t hole = 0;
    for (const char *open = strchr(request->route->pattern, '{');
         open && status == STATUS_OK && hole < request->n_segments; open = strchr(open + 1, '{')) {
        const char *name = request->segments[hole++];
        if (strncmp(open, "{corpus}", 8) == 0)
            status = key_check_reach(request->key, REACH_CORPUS, name, err);
        else if (strncmp(open, "{model}", 7) == 0)
            status = key_check_reach(request->key, REACH_MODEL, name, err);
    }
    return status;
}

/* Are the names that stand in the path within the key's reach? */
static bool guard_reach(struct exchange *exchange) {
    const struct http_request *request = &exchange->request;
    struct error err = {0};
    if (request->route->of_all && !key_reaches_all(request->key)) {
        (void)error_set_key(&err, STATUS_FORBIDDEN, "Authorization",
                            "this speaks of all corpora and models: key '%s' reaches only some",
                            request->key->id);
        return refuse(exchange, 0, &err);
    }
    if (access_check_path(request, &err) != STATUS_OK)
        return refuse(exchange, 0, &err);
    return true;
}

/* An open route answers everybody; to a good key it may tell more. */
static bool recognize(struct exchange *exchange) {
    struct access *access = exchange->request.access;
    double wait;
    if (exchange->token_good && access_required(access) &&
        access_admit(access, exchange->token_hash, SCOPE_READ, &exchange->key, &wait) ==
            VERDICT_GRANTED)
        exchange->request.key = &exchange->key;
    return true;
}

bool access_guard(struct exchange *exchange) {
    struct server *server = exchange->http->server;
    const struct route *route = exchange->request.route;
    double wait = 0;
    exchange->request.access = server ? server->access : NULL;
    if (route->scope == SCOPE_OPEN)
        return recognize(exchange);
    if (tls_lacks_client(exchange->link)) {
        struct error err = {0};
        (void)error_set_key(&err, STATUS_FORBIDDEN, "tls_client_ca",
                            "a client certificate is needed here: this service has the setting "
                            "tls_client_ca");
        return refuse(exchange, 0, &err);
    }
    if (!server || !access_required(server->access) || opened(exchange, route))
        return true;
    enum verdict verdict =
        access_admit(server->access, exchange->token_good ? exchange->token_hash : NULL,
                     route->scope, &exchange->key, &wait);
    if (exchange->token_given && !exchange->token_good)
        verdict = VERDICT_WRONG_KEY;
    else if (exchange->key.id[0] != '\0')
        exchange->request.key = &exchange->key;
    return verdict == VERDICT_GRANTED ? guard_reach(exchange) : refuse_key(exchange, verdict, wait);
}

void access_note(const struct exchange *exchange) {
    const struct route *route = exchange->request.route;
    int status = exchange->response.status;
    char address[INET6_ADDRSTRLEN] = "";
    if (!route || !exchange->token_given || (status != 401 && status != 403))
        return;
    (void)inet_ntop(AF_INET6, exchange->link->address, address, sizeof address);
    audit(exchange->http->logger, "key_refused", exchange->key.id, exchange->request.id,
          "status=%d address=%s route=\"%s %s\"", status, address, exchange->method,
          route->pattern);
}
