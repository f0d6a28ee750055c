/* What is told of an upload: header fields, and a document. */
#include <inttypes.h>

#include "base/machine.h"
#include "server/uploads/uploads_private.h"

void partial_headers(const struct uploads *uploads, const struct partial *partial,
                     struct http_response *response) {
    double expiry;
    response_header(response, "Upload-Offset", "%" PRIu64, partial->offset);
    response_header(response, "Upload-Complete", "?%d", (int)partial->done);
    if (partial->length >= 0)
        response_header(response, "Upload-Length", "%" PRId64, partial->length);
    if (partial_expires(uploads, &expiry))
        response_header(response, "Upload-Limit", "max-size=%" PRIu64 ", max-age=%.0f",
                        partial->limit, expiry);
    else
        response_header(response, "Upload-Limit", "max-size=%" PRIu64, partial->limit);
}

json_t *partial_document(const struct uploads *uploads, const struct partial *partial) {
    char created[32], updated[32], expires[32];
    double expiry;
    machine_format_time(partial->created, created);
    machine_format_time(partial->updated, updated);
    bool ends = partial_expires(uploads, &expiry);
    machine_format_time(partial->updated + expiry, expires);
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:b, s:I, s:s, s:s, s:s?}", "id", partial->id,
                     "method", partial->method, "target", partial->target, "offset",
                     (json_int_t)partial->offset, "length",
                     partial->length >= 0 ? json_integer(partial->length) : json_null(), "complete",
                     (int)partial->done, "max_size", (json_int_t)partial->limit, "created", created,
                     "updated", updated, "expires", ends ? expires : NULL);
}
