/* Whose trace a request belongs to: the header traceparent of W3C Trace Context. Nothing is sent to
 * a collector; the id stands in the lines of the log and the header in the answer, so that what
 * happened here is found from the caller's side. */
#include <string.h>
#include <strings.h>

#include "server/http/http_private.h"

/* version "-" trace-id "-" parent-id "-" flags */
#define TRACE_AT 3
#define PARENT_AT 36
#define FLAGS_AT 53

static bool is_hex(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

static bool is_zero(const char *text, size_t length) {
    return strspn(text, "0") >= length;
}

/* A version that is not known yet may have more behind the flags; what is known of it stands where
 * version 00 has it. */
static bool is_valid(const char *value, size_t length) {
    if (length < TRACEPARENT_LENGTH || !is_hex(value, 2) || strncmp(value, "ff", 2) == 0)
        return false;
    if (length > TRACEPARENT_LENGTH &&
        (strncmp(value, "00", 2) == 0 || value[TRACEPARENT_LENGTH] != '-'))
        return false;
    return value[TRACE_AT - 1] == '-' && value[PARENT_AT - 1] == '-' &&
           value[FLAGS_AT - 1] == '-' && is_hex(value + TRACE_AT, TRACE_ID_LENGTH) &&
           !is_zero(value + TRACE_AT, TRACE_ID_LENGTH) &&
           is_hex(value + PARENT_AT, PARENT_ID_LENGTH) &&
           !is_zero(value + PARENT_AT, PARENT_ID_LENGTH) && is_hex(value + FLAGS_AT, 2);
}

void trace_take(struct exchange *exchange) {
    struct http_request *request = &exchange->request;
    const char *value = NULL;
    size_t n = 0;
    for (size_t i = 0; i < exchange->n_headers; i++)
        if (strcasecmp(exchange->headers[i].name, "traceparent") == 0) {
            value = exchange->headers[i].value;
            n++;
        }
    if (n != 1 || !is_valid(value, strlen(value)))
        return;
    memcpy(request->traceparent, value, TRACEPARENT_LENGTH);
    request->traceparent[TRACEPARENT_LENGTH] = '\0';
    if (strncmp(value, "00", 2) != 0) { /* told in the version that we know, with its one flag */
        memcpy(request->traceparent, "00", 2);
        request->traceparent[FLAGS_AT] = '0';
        request->traceparent[FLAGS_AT + 1] = strchr("13579bdf", value[FLAGS_AT + 1]) ? '1' : '0';
    }
    memcpy(request->trace_id, value + TRACE_AT, TRACE_ID_LENGTH);
    request->trace_id[TRACE_ID_LENGTH] = '\0';
}
