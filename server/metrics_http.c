/* Requests, connections, uploads. */
#include <stdio.h>

#include "server/http/http.h"
#include "server/metrics.h"

#define UNMATCHED "unmatched" /* the route of requests that no route took */

static const char *const kinds[] = {
#define KIND_TEXT(name, text) text,
    CONNECTION_ROWS(KIND_TEXT)
#undef KIND_TEXT
};
static const char *const outcomes[] = {
#define OUTCOME_TEXT(name, text) text,
    UPLOAD_ROWS(OUTCOME_TEXT)
#undef OUTCOME_TEXT
};

static const char *const refusals[] = {
#define REFUSAL_TEXT(name, text) text,
    KEY_REFUSAL_ROWS(REFUSAL_TEXT)
#undef REFUSAL_TEXT
};

/* `route="...",method="..."`, and the class where it is not negative. */
static void labels_of(struct buffer *labels, const struct http_series *series, int class) {
    labels->length = 0;
    exposition_label(labels, "route", series->route[0] != '\0' ? series->route : UNMATCHED);
    exposition_label(labels, "method", series->method);
    if (class >= 0)
        buffer_print(labels, ",class=\"%dxx\"", class);
}

struct writer {
    struct exposition *page;
    struct buffer labels;
};

static void put_durations(void *context, const struct http_series *series) {
    struct writer *writer = context;
    for (int class = 0; class < HTTP_CLASSES; class ++) {
        const struct http_timing *timing = &series->classes[class];
        if (timing->below[HTTP_BUCKETS] == 0)
            continue;
        labels_of(&writer->labels, series, class);
        exposition_histogram(writer->page, writer->labels.data ? writer->labels.data : "",
                             http_bucket_seconds(), timing->below, HTTP_BUCKETS, timing->seconds);
    }
}

static void put_bytes_in(void *context, const struct http_series *series) {
    struct writer *writer = context;
    labels_of(&writer->labels, series, -1);
    exposition_count(writer->page, writer->labels.data ? writer->labels.data : "",
                     series->bytes_in);
}

static void put_bytes_out(void *context, const struct http_series *series) {
    struct writer *writer = context;
    labels_of(&writer->labels, series, -1);
    exposition_count(writer->page, writer->labels.data ? writer->labels.data : "",
                     series->bytes_out);
}

/* What was asked, by route: only what has been, so that there are no thousands of zeros. What
 * alarms are made of stands in families that are always there. */
static void put_routes(struct exposition *page, const struct http *http) {
    struct writer writer = {.page = page};
    exposition_family(page, "vecmill_http_request_duration_seconds", FAMILY_HISTOGRAM,
                      "Time from a request's target to its answer's first byte.");
    http_visit_series(http, put_durations, &writer);
    exposition_family(page, "vecmill_http_request_bytes", FAMILY_COUNTER,
                      "Bytes of bodies that came in.");
    http_visit_series(http, put_bytes_in, &writer);
    exposition_family(page, "vecmill_http_response_bytes", FAMILY_COUNTER,
                      "Bytes of bodies that were sent.");
    http_visit_series(http, put_bytes_out, &writer);
    page->text.failed = page->text.failed || writer.labels.failed;
    buffer_clear(&writer.labels);
}

static void put_connections(struct exposition *page, const struct server *server,
                            const struct http_counts *counts) {
    char labels[64];
    exposition_family(page, "vecmill_http_connections", FAMILY_GAUGE,
                      "Open connections by what they are doing.");
    for (int kind = 0; kind < CONNECTION_KINDS; kind++) {
        snprintf(labels, sizeof labels, "kind=\"%s\"", kinds[kind]);
        exposition_count(page, labels, counts->by_kind[kind]);
    }
    exposition_one(page, "vecmill_http_connections_limit", FAMILY_GAUGE,
                   "Connections that max_connections allows.",
                   (double)server->settings.max_connections);
    exposition_one(page, "vecmill_http_event_streams", FAMILY_GAUGE, "Open streams of events.",
                   (double)counts->streams);
    exposition_one(page, "vecmill_http_event_streams_limit", FAMILY_GAUGE,
                   "Streams of events that max_event_streams allows.",
                   (double)server->settings.max_event_streams);
    exposition_family(page, "vecmill_http_uploads", FAMILY_COUNTER,
                      "Uploads and imports by what became of them.");
    for (int outcome = 0; outcome < UPLOAD_OUTCOMES; outcome++) {
        snprintf(labels, sizeof labels, "outcome=\"%s\"", outcomes[outcome]);
        exposition_count(page, labels, counts->uploads[outcome]);
    }
    exposition_family(page, "vecmill_keys_refused", FAMILY_COUNTER,
                      "Requests that no key let in, by reason.");
    for (int reason = 0; reason < KEY_REFUSALS; reason++) {
        snprintf(labels, sizeof labels, "reason=\"%s\"", refusals[reason]);
        exposition_count(page, labels, counts->keys_refused[reason]);
    }
}

void metrics_http(struct exposition *page, const struct server *server) {
    struct http_counts counts = {0};
    char labels[64];
    if (server->http)
        http_count(server->http, &counts);
    exposition_family(page, "vecmill_http_requests", FAMILY_COUNTER,
                      "Requests by class of status; 0xx: cut short before an answer.");
    for (int class = 0; class < HTTP_CLASSES; class ++) {
        snprintf(labels, sizeof labels, "class=\"%dxx\"", class);
        if (class != 1)
            exposition_count(page, labels, counts.by_class[class]);
    }
    exposition_one(page, "vecmill_http_requests_in_flight", FAMILY_GAUGE,
                   "Requests that have begun and not ended, open streams included.",
                   (double)counts.in_flight);
    exposition_one(page, "vecmill_requests_stopped", FAMILY_COUNTER,
                   "Requests given up: their client was gone, or the service stopped.",
                   (double)counts.stopped);
    put_connections(page, server, &counts);
    exposition_one(page, "vecmill_http_received_bytes", FAMILY_COUNTER, "Body bytes received.",
                   (double)counts.bytes_in);
    exposition_one(page, "vecmill_http_sent_bytes", FAMILY_COUNTER, "Body bytes sent.",
                   (double)counts.bytes_out);
    if (server->http)
        put_routes(page, server->http);
}
