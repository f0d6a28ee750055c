/* Digests of bodies and answers (RFC 9530). Of a body that comes as one message, Content-Digest and
 * Repr-Digest say the same: what was sent, as it was sent, compressed or not. */
#include <string.h>

#include "server/http/http_private.h"

enum status integrity_begin(struct exchange *exchange, struct error *err) {
    const struct http_request *request = &exchange->request;
    const struct route *route = request->route;
    if (route->body == BODY_NONE)
        return STATUS_OK;
    bool part = route->part || (exchange->stream && exchange->stream == route->in_parts);
    enum status status = content_check_field(&exchange->check, "Content-Digest",
                                             request_header(request, "Content-Digest"), err);
    if (status == STATUS_OK && !part)
        status = content_check_field(&exchange->check, "Repr-Digest",
                                     request_header(request, "Repr-Digest"), err);
    return status;
}

/* The preference for an algorithm, 0 to 10; 0 when it is not named. */
static int preference(const char *wants, const char *algorithm) {
    size_t length = strlen(algorithm);
    for (const char *at = wants; at && *at != '\0';) {
        at += strspn(at, " \t,");
        if (strncmp(at, algorithm, length) == 0 && at[length] == '=') {
            const char *digits = at + length + 1;
            int first = digits[0] >= '0' && digits[0] <= '9' ? digits[0] - '0' : 0;
            return first == 1 && digits[1] == '0' ? 10 : first;
        }
        at = strchr(at, ',');
    }
    return 0;
}

void integrity_answer(struct exchange *exchange) {
    const struct http_response *response = &exchange->response;
    const char *wants = request_header(&exchange->request, "Want-Repr-Digest");
    if (!wants || response->body.failed || response->body.length == 0 || response->produce ||
        response->file >= 0)
        return;
    int sha256 = preference(wants, "sha-256"), sha512 = preference(wants, "sha-512");
    enum digest_kind kind = sha512 > sha256 ? DIGEST_SHA512 : DIGEST_SHA256;
    if (sha256 == 0 && sha512 == 0)
        return;
    struct digest *digest = NULL;
    struct error ignored = {0}; /* the answer is as good without */
    unsigned char bytes[DIGEST_BYTES_MAX];
    char text[DIGEST_FIELD_SIZE];
    if (digest_create_of(&digest, kind, &ignored) != STATUS_OK)
        return;
    digest_add(digest, response->body.data, response->body.length);
    if (digest_bytes(digest, bytes) > 0) {
        digest_field_print(kind, bytes, text);
        response_header(&exchange->response, "Repr-Digest", "%s", text);
    }
    digest_free(digest);
}
