/* What is counted of requests, by route, method and class of status. A row belongs to a pattern of
 * the table of routes, never to a path, so that the rows are as many as the routes whatever clients
 * send. Counting is a handful of atomic additions: no request waits for another, nor for whoever
 * reads. */
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "server/http/http_private.h"

/* Upper bounds in nanoseconds: HTTP_BUCKET_SECONDS */
static const double bounds[HTTP_BUCKETS] = {HTTP_BUCKET_SECONDS};

/* Requests that no route took are counted by method; what is none of these is the last. */
static const char *const methods[] = {"GET",   "HEAD",    "POST",  "PUT",     "DELETE",
                                      "PATCH", "OPTIONS", "TRACE", "CONNECT", "other"};
#define METHODS (sizeof methods / sizeof methods[0])

/* Of one class of status. Nothing is counted twice: how many there are is the sum of the
 * buckets. */
struct tally_cell {
    atomic_uint_fast64_t buckets[HTTP_BUCKETS + 1], nanoseconds;
};

struct tally_row {
    atomic_uint_fast64_t bytes_in, bytes_out;
    struct tally_cell cells[HTTP_CLASSES];
};

struct tally {
    size_t n_routes;
    atomic_uint_fast64_t uploads[UPLOAD_OUTCOMES], keys_refused[KEY_REFUSALS];
    /* two for each route, the second for HEAD; then one for each method without a route */
    struct tally_row rows[];
};

static void count(atomic_uint_fast64_t *counter, uint64_t n) {
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t read_count(const atomic_uint_fast64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct tally *tally_create(const struct route *routes) {
    size_t n = 0;
    while (routes[n].method)
        n++;
    struct tally *tally = calloc(1, sizeof *tally + (2 * n + METHODS) * sizeof tally->rows[0]);
    if (tally)
        tally->n_routes = n;
    return tally;
}

void tally_free(struct tally *tally) {
    free(tally);
}

static struct tally_row *row_of(const struct exchange *exchange) {
    struct tally *tally = exchange->http->tally;
    const struct route *route = exchange->request.route;
    size_t method = 0;
    if (route)
        return &tally->rows[2 * (size_t)(route - exchange->http->routes) +
                            (strcmp(exchange->method, "HEAD") == 0)];
    while (method + 1 < METHODS && strcmp(exchange->method, methods[method]) != 0)
        method++;
    return &tally->rows[2 * tally->n_routes + method];
}

static void count_request(struct exchange *exchange, size_t class, double seconds) {
    struct tally_cell *cell = &row_of(exchange)->cells[class];
    size_t bucket = 0;
    while (bucket < HTTP_BUCKETS && seconds > bounds[bucket])
        bucket++;
    count(&cell->nanoseconds, (uint64_t)(seconds * 1e9));
    count(&cell->buckets[bucket], 1);
}

static void count_upload(const struct exchange *exchange, enum upload_outcome outcome) {
    const struct route *route = exchange->request.route;
    if (route && route->body == BODY_STREAMED)
        count(&exchange->http->tally->uploads[outcome], 1);
}

static void count_key(const struct exchange *exchange, int status) {
    atomic_uint_fast64_t *refused = exchange->http->tally->keys_refused;
    if (status == 401)
        count(&refused[exchange->token_given ? KEY_REFUSAL_UNKNOWN : KEY_REFUSAL_MISSING], 1);
    else if (status == 403 && exchange->request.key)
        count(&refused[KEY_REFUSAL_FORBIDDEN], 1);
    else if (exchange->rate_refused)
        count(&refused[KEY_REFUSAL_RATE], 1);
}

void tally_received(struct exchange *exchange, size_t bytes) {
    count(&row_of(exchange)->bytes_in, bytes);
}

void tally_sent(struct exchange *exchange, uint64_t bytes) {
    count(&row_of(exchange)->bytes_out, bytes);
}

void tally_answer(struct exchange *exchange) {
    int status = exchange->response.status;
    exchange->answered = machine_monotonic_seconds() - exchange->began;
    count_request(exchange, (size_t)(status / 100 % HTTP_CLASSES), exchange->answered);
    count_upload(exchange, status < 400 ? UPLOAD_COMPLETED : UPLOAD_REFUSED);
    count_key(exchange, status);
}

void tally_cut_short(struct exchange *exchange) {
    count_request(exchange, 0, machine_monotonic_seconds() - exchange->began);
    count_upload(exchange, UPLOAD_ABORTED);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_cell(const struct tally_cell *cell, struct http_timing *timing) {
    uint64_t n = 0;
    for (size_t i = 0; i <= HTTP_BUCKETS; i++)
        timing->below[i] = n += read_count(&cell->buckets[i]);
    timing->seconds = (double)read_count(&cell->nanoseconds) / 1e9;
}

static void visit_row(const struct tally_row *row, struct http_series *series,
                      void (*visit)(void *context, const struct http_series *series),
                      void *context) {
    uint64_t n = 0;
    for (size_t class = 0; class < HTTP_CLASSES; class ++) {
        read_cell(&row->cells[class], &series->classes[class]);
        n += series->classes[class].below[HTTP_BUCKETS];
    }
    series->bytes_in = read_count(&row->bytes_in);
    series->bytes_out = read_count(&row->bytes_out);
    if (n > 0 || series->bytes_in > 0 || series->bytes_out > 0)
        visit(context, series);
}

void http_visit_series(const struct http *http,
                       void (*visit)(void *context, const struct http_series *series),
                       void *context) {
    const struct tally *tally = http->tally;
    struct http_series series;
    for (size_t i = 0; i < 2 * tally->n_routes; i++) {
        const struct route *route = &http->routes[i / 2];
        series.route = route->pattern;
        series.method = i % 2 == 1 ? "HEAD" : route->method;
        visit_row(&tally->rows[i], &series, visit, context);
    }
    for (size_t i = 0; i < METHODS; i++) {
        series.route = "";
        series.method = methods[i];
        visit_row(&tally->rows[2 * tally->n_routes + i], &series, visit, context);
    }
}

const double *http_bucket_seconds(void) {
    return bounds;
}

void tally_count(const struct tally *tally, struct http_counts *counts) {
    size_t rows = 2 * tally->n_routes + METHODS;
    for (size_t i = 0; i < rows; i++) {
        for (size_t class = 0; class < HTTP_CLASSES; class ++)
            for (size_t bucket = 0; bucket <= HTTP_BUCKETS; bucket++)
                counts->by_class[class] += read_count(&tally->rows[i].cells[class].buckets[bucket]);
        counts->bytes_in += read_count(&tally->rows[i].bytes_in);
        counts->bytes_out += read_count(&tally->rows[i].bytes_out);
    }
    for (size_t class = 0; class < HTTP_CLASSES; class ++)
        counts->requests += counts->by_class[class];
    for (size_t i = 0; i < UPLOAD_OUTCOMES; i++)
        counts->uploads[i] = read_count(&tally->uploads[i]);
    for (size_t i = 0; i < KEY_REFUSALS; i++)
        counts->keys_refused[i] = read_count(&tally->keys_refused[i]);
}
