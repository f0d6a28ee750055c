/* The line that the log gets for each request. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/machine.h"
#include "server/http/http_private.h"

#define PATH_SIZE 256
#define FIELDS_MAX 20

struct entry {
    struct log_field fields[FIELDS_MAX];
    size_t n;
};

static void add(struct entry *entry, struct log_field field) {
    if (entry->n < FIELDS_MAX)
        entry->fields[entry->n++] = field;
}

static void add_text(struct entry *entry, const char *name, const char *text) {
    add(entry, (struct log_field){.name = name, .kind = LOG_FIELD_TEXT, .text = text});
}

static void add_count(struct entry *entry, const char *name, uint64_t count) {
    add(entry, (struct log_field){.name = name, .kind = LOG_FIELD_COUNT, .count = count});
}

static void add_seconds(struct entry *entry, const char *name, double seconds) {
    add(entry, (struct log_field){.name = name, .kind = LOG_FIELD_REAL, .real = seconds});
}

/* The value of a pattern's hole; NULL where there is none. */
static const char *hole(const struct http_request *request, const char *name) {
    size_t index = 0, length = strlen(name);
    const char *at = request->route ? request->route->pattern : "";
    for (; (at = strchr(at, '{')) != NULL; index++, at++)
        if (strncmp(at + 1, name, length) == 0 && at[1 + length] == '}')
            return index < request->n_segments ? request->segments[index] : NULL;
    return NULL;
}

/* What a handler noted goes before what stands in the path: both are the same, or only one is. */
static void add_names(struct entry *entry, const struct exchange *exchange) {
    static const char *const names[REQUEST_NOTES] = {"model", "corpus", "job"};
    for (int i = 0; i < REQUEST_NOTES; i++)
        add_text(entry, names[i],
                 exchange->notes[i][0] != '\0' ? exchange->notes[i]
                                               : hole(&exchange->request, names[i]));
}

static void address_text(const unsigned char address[16], char text[INET6_ADDRSTRLEN]) {
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    const char *done = memcmp(address, mapped, sizeof mapped) == 0
                           ? inet_ntop(AF_INET, address + 12, text, INET6_ADDRSTRLEN)
                           : inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
    if (!done)
        text[0] = '\0';
}

/* Quoted in the line: what could end the quotes is escaped here, the rest by log_line. */
static void quote_path(const char *target, char path[PATH_SIZE]) {
    size_t n = 0;
    for (const char *c = target; *c != '\0' && n + 5 < PATH_SIZE; c++)
        if (*c == '"' || *c == '\\')
            n += (size_t)snprintf(path + n, PATH_SIZE - n, "\\x%02x", (unsigned char)*c);
        else
            path[n++] = *c;
    path[n] = '\0';
}

static enum log_level level_of(const struct exchange *exchange, int status, bool slow) {
    const struct route *route = exchange->request.route;
    if (slow)
        return LOG_WARNING;
    return route && route->polled && status > 0 && status < 400 ? LOG_DEBUG : LOG_INFO;
}

void log_request(const struct exchange *exchange, bool whole) {
    const struct http_request *request = &exchange->request;
    const struct route *route = request->route;
    double seconds = machine_monotonic_seconds() - exchange->began,
           patience = exchange->http->settings->slow_request;
    int status = exchange->stage == STAGE_ANSWERED ? exchange->response.status : 0;
    bool slow = patience > 0 && exchange->answered > patience;
    char path[PATH_SIZE], target[PATH_SIZE * 2], client[INET6_ADDRSTRLEN];
    struct entry entry = {.n = 0};
    quote_path(exchange->target, path);
    (void)log_escape(exchange->target, target, sizeof target); /* it may not be UTF-8 */
    address_text(exchange->link->address, client);
    add_text(&entry, "method", exchange->method);
    add_text(&entry, "route", route ? route->pattern : NULL);
    add_text(&entry, "path", target);
    add_count(&entry, "status", (uint64_t)status);
    add_seconds(&entry, "seconds", seconds);
    add_count(&entry, "bytes_in", exchange->received);
    add_count(&entry, "bytes_out", exchange->sent);
    add_text(&entry, "request_id", request->id);
    add_text(&entry, "key", exchange->key.id);
    add_text(&entry, "trace_id", request->trace_id);
    add_text(&entry, "client", client);
    add_names(&entry, exchange);
    log_line_with(exchange->http->logger, level_of(exchange, status, slow), entry.fields, entry.n,
                  slow    ? "slow request"
                  : whole ? "request"
                          : "request cut short",
                  "%srequest method=%s path=\"%s\" status=%d bytes=%llu ms=%.1f id=%s%s%s%s%s%s",
                  slow ? "slow " : "", exchange->method, path, status,
                  (unsigned long long)exchange->sent, seconds * 1e3, request->id,
                  exchange->key.id[0] != '\0' ? " key=" : "", exchange->key.id,
                  request->trace_id[0] != '\0' ? " trace=" : "", request->trace_id,
                  whole ? "" : " cut short");
}
